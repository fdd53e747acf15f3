import { assertEquals } from "@std/assert";
import { segmentCountMax } from "../../../src/store/limits.ts";
import { ReadySegments } from "../../../src/store/ready_segments.ts";
import { segmentState, SegmentTable } from "../../../src/store/segment_table.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

const segmentBytes = 4096;
const headerBytes = 8192;

/** A body of free segments, and the calls that make them ready: `overwrite 0-3`, to be ended by hand. */
function newSegments(count: number) {
  const file = new SimulatedDisk().open("store.db", headerBytes);
  const table = new SegmentTable(segmentBytes, new Int32Array(segmentCountMax));
  file.grow(count * segmentBytes);
  table.extend(count);
  const calls: string[] = [];
  const ends: (() => void)[] = [];
  const note = (call: string, offset: number, length: number) => {
    calls.push(`${call} ${offset / segmentBytes}-${(offset + length) / segmentBytes - 1}`);
  };
  file.overwrite = async (offset, length) => {
    note("overwrite", offset, length);
    await new Promise<void>((resolve) => ends.push(resolve));
    return true;
  };
  file.populate = (offset, length) => {
    note("populate", offset, length);
    return Promise.resolve(true);
  };
  const ready = new ReadySegments(file, table, segmentBytes);
  const endOverwriting = async () => {
    for (const end of ends.splice(0)) end();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { ready, table, calls, endOverwriting };
}

Deno.test("fresh segments are overwritten and populated together, and not taken before", async () => {
  const { ready, table, calls, endOverwriting } = newSegments(8);
  let reuses = 0;
  ready.onOverwrite = () => reuses++;
  assertEquals(ready.add(3), 3);
  assertEquals([ready.count, ready.take(), ready.isOverwriting, reuses], [3, -1, true, 1]);
  assertEquals(table.findFree(1), 3, "others can be");
  assertEquals(ready.add(3), 3);
  assertEquals(calls, ["overwrite 0-2", "overwrite 3-5"]);
  await endOverwriting();
  assertEquals(calls.slice(2), ["populate 0-2", "populate 3-5"]);
  assertEquals([ready.isOverwriting, reuses], [false, 2]);
  assertEquals([ready.take(), ready.take(), ready.count], [0, 1, 4]);
});

Deno.test("a segment that was written already is populated, and can be taken at once", () => {
  const { ready, table, calls } = newSegments(4);
  for (const place of [1, 2]) {
    table.take(place, 1, place, segmentState.sealed);
    table.evacuate(place, 0, false);
    table.erase(place);
    table.release(place);
  }
  assertEquals(ready.add(4), 1, "the fresh one alone");
  assertEquals(ready.add(4), 2);
  assertEquals(calls, ["overwrite 0-0", "populate 1-2"]);
  assertEquals([ready.take(), ready.take(), ready.take()], [1, 2, -1]);
  assertEquals(ready.add(4), 1);
  assertEquals(ready.add(4), 0, "none is left");
});

Deno.test("where syncs are small, fresh segments are populated only", () => {
  const { ready, calls } = newSegments(4);
  ready.mayOverwrite = false;
  assertEquals(ready.add(2), 2);
  assertEquals([calls, ready.take()], [["populate 0-1"], 0]);
});

Deno.test("given back are those from a place on, unless they are being overwritten", async () => {
  const { ready, table, endOverwriting } = newSegments(8);
  ready.add(4);
  await endOverwriting();
  ready.add(2);
  ready.giveBack(2);
  assertEquals(ready.count, 4);
  for (const place of [0, 1, 4, 5]) assertEquals(table.state[place], segmentState.prepared);
  assertEquals([table.isFree(2), table.isFree(3), table.isFree(4)], [true, true, false]);
  assertEquals(table.findFree(1), 2);
  await endOverwriting();
  ready.giveBack(0);
  assertEquals([ready.count, table.findFree(8)], [0, 0]);
});
