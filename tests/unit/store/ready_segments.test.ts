import { assertEquals } from "@std/assert";
import { segmentCountMax } from "../../../src/store/limits.ts";
import { ReadySegments } from "../../../src/store/ready_segments.ts";
import { segmentState, SegmentTable } from "../../../src/store/segment_table.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

const segmentBytes = 4096;
const headerBytes = 8192;

/** A body of free segments, and which of them were populated: `0-3`, as blank ones `blank 0-3`. */
function newSegments(count: number) {
  const file = new SimulatedDisk().open("store.db", headerBytes);
  const table = new SegmentTable(segmentBytes, new Int32Array(segmentCountMax));
  file.grow(count * segmentBytes);
  table.extend(count);
  const populated: string[] = [];
  const note = (kind: string) => (offset: number, length: number) => {
    populated.push(`${kind}${offset / segmentBytes}-${(offset + length) / segmentBytes - 1}`);
    return Promise.resolve(true);
  };
  file.populateForReading = note("");
  file.populateBlank = note("blank ");
  return { ready: new ReadySegments(file, table, segmentBytes), table, populated };
}

Deno.test("neighbours are made ready together, and taken in their order", () => {
  const { ready, table, populated } = newSegments(8);
  assertEquals([ready.add(3), ready.count], [3, 3]);
  assertEquals(table.findFree(1), 3, "others can be taken as well");
  assertEquals(ready.add(3), 3);
  assertEquals(populated, ["0-2", "3-5"]);
  assertEquals([ready.take(), ready.take(), ready.count], [0, 1, 4]);
});

Deno.test("where each sync is waited for, what nobody has written is filled", () => {
  const { ready, table, populated } = newSegments(6);
  for (let place = 0; place < 3; place++) {
    table.take(place, 1, place + 1, segmentState.head);
    table.release(place);
  }
  ready.fillsBlanks = true;
  ready.add(2);
  ready.add(2);
  ready.fillsBlanks = false;
  ready.add(2);
  assertEquals(populated, ["0-1", "blank 2-3", "4-5"]);
});

Deno.test("what is in use lies between", () => {
  const { ready, table, populated } = newSegments(4);
  table.take(1, 1, 1, segmentState.sealed);
  assertEquals([ready.add(4), ready.add(4), ready.add(4)], [1, 2, 0]);
  assertEquals(populated, ["0-0", "2-3"]);
  assertEquals([ready.take(), ready.take(), ready.take(), ready.take()], [0, 2, 3, -1]);
});

Deno.test("given back are those from a place on", () => {
  const { ready, table } = newSegments(8);
  ready.add(6);
  ready.giveBack(2);
  assertEquals(ready.count, 2);
  for (const place of [0, 1]) assertEquals(table.state[place], segmentState.prepared);
  for (const place of [2, 3, 4, 5, 6]) assertEquals(table.isFree(place), true);
  assertEquals(table.findFree(1), 2);
  ready.giveBack(0);
  assertEquals([ready.count, table.findFree(8)], [0, 0]);
});
