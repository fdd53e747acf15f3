import { assertEquals, assertThrows } from "@std/assert";
import { segmentCountMax } from "../../../src/store/limits.ts";
import { segmentState, SegmentTable } from "../../../src/store/segment_table.ts";

function newTable(count: number, segmentBytes = 4096): SegmentTable {
  const table = new SegmentTable(segmentBytes, new Int32Array(segmentCountMax));
  table.extend(count);
  return table;
}

Deno.test("new places are free", () => {
  const table = newTable(3);
  assertEquals([table.count, table.freeCount, table.usedCount], [3, 3, 0]);
  table.extend(5);
  assertEquals([table.count, table.freeCount], [5, 5]);
});

Deno.test("a place is blank until it is taken, and again when it was given up", () => {
  const table = newTable(4);
  table.take(0, 2, 1, segmentState.head);
  assertEquals([...table.isBlank.subarray(0, 4)], [0, 0, 1, 1]);
  table.take(2, 2, 2, segmentState.sealed);
  table.release(2);
  assertEquals([...table.isBlank.subarray(0, 4)], [0, 0, 0, 0]);
  table.cutFreeTail(2);
  table.extend(3);
  assertEquals([...table.isBlank.subarray(0, 3)], [0, 0, 1]);
});

Deno.test("findFree gives the first place that is long enough", () => {
  const table = newTable(8);
  table.take(0, 1, 1, segmentState.sealed);
  table.take(2, 1, 2, segmentState.sealed);
  assertEquals(table.findFree(1), 1);
  assertEquals(table.findFree(2), 3);
  assertEquals(table.findFree(5), 3);
  assertEquals(table.findFree(6), -1);
  table.release(0);
  assertEquals(table.findFree(1), 0);
});

Deno.test("findFree passes over places that are prepared", () => {
  const table = newTable(3);
  table.prepare(0);
  assertEquals(table.freeCount, 3);
  assertEquals(table.findFree(1), 1);
  table.unprepare(0);
  assertEquals(table.findFree(1), 0);
});

Deno.test("findFree finds no run across the end of a window", () => {
  // Two windows of 1 GiB with 16 segments each.
  const table = newTable(32, 2 ** 26);
  table.take(0, 14, 1, segmentState.sealed);
  assertEquals(table.findFree(2), 14);
  assertEquals(table.findFree(3), 16);
  assertEquals(table.findFree(16), 16);
  assertEquals(table.findFree(17), -1);
});

Deno.test("placeBehindEnd leaves the rest of a window when a run would cross its end", () => {
  const table = newTable(14, 2 ** 26);
  assertEquals(table.placeBehindEnd(2), 14);
  assertEquals(table.placeBehindEnd(3), 16);
});

Deno.test("a run counts as one segment under its first place", () => {
  const table = newTable(6);
  table.take(1, 3, 10, segmentState.head);
  assertEquals([...table.state.subarray(0, 6)], [
    segmentState.free,
    segmentState.head,
    segmentState.continuation,
    segmentState.continuation,
    segmentState.free,
    segmentState.free,
  ]);
  assertEquals([...table.firstOf.subarray(0, 6)], [0, 1, 1, 1, 4, 5]);
  assertEquals([table.freeCount, table.usedCount], [3, 3]);
  // An address in the middle of the run counts for its first place.
  table.addLive(2 << table.addressShift, 100);
  assertEquals([table.liveBytes[1], table.liveBytes[2], table.liveTotal], [100, 0, 100]);
  table.release(1);
  assertEquals([table.freeCount, table.usedCount], [6, 0]);
  assertEquals(table.findFree(6), 0);
});

Deno.test("a place in use cannot be taken again, nor prepared", () => {
  const table = newTable(4);
  table.take(1, 2, 1, segmentState.sealed);
  assertThrows(() => table.take(0, 2, 2, segmentState.head), Error, "Bug in kv");
  assertThrows(() => table.prepare(2), Error, "Bug in kv");
  assertThrows(() => table.unprepare(3), Error, "Bug in kv");
});

Deno.test("a segment goes from sealed over evacuated and erased to free", () => {
  const table = newTable(5);
  table.take(0, 1, 1, segmentState.head);
  table.take(1, 2, 2, segmentState.sealed);
  table.addLive(1 << table.addressShift, 500);
  assertThrows(() => table.evacuate(0, 0, false), Error, "Bug in kv");
  table.evacuate(1, 9999, true);
  assertEquals(table.state[1], segmentState.evacuated);
  assertEquals([table.survivorsEnd[1], table.dropsDeletes[1], table.liveTotal], [9999, 1, 0]);
  assertEquals([table.evacuatedCount, table.leavingCount, table.usedCount], [1, 2, 3]);
  table.erase(1);
  assertEquals(table.state[1], segmentState.erased);
  assertEquals([table.evacuatedCount, table.leavingCount, table.usedCount], [0, 2, 3]);
  table.release(1);
  assertEquals([table.evacuatedCount, table.leavingCount, table.usedCount], [0, 0, 1]);
  assertEquals(table.freeCount, 4);
});

Deno.test("a segment that is erased without being evacuated leaves too", () => {
  const table = newTable(3);
  table.take(0, 2, 1, segmentState.sealed);
  table.erase(0);
  assertEquals([table.evacuatedCount, table.leavingCount], [0, 2]);
  table.release(0);
  assertEquals([table.leavingCount, table.freeCount], [0, 3]);
});

Deno.test("the oldest segment in force is not the oldest that a recovery may read", () => {
  const table = newTable(4);
  table.take(0, 1, 7, segmentState.sealed);
  table.take(1, 1, 5, segmentState.sealed);
  table.take(2, 1, 9, segmentState.head);
  assertEquals(table.oldest(), 1);
  assertEquals([0, 1, 2].map((i) => table.isOldestInForce(i)), [false, true, false]);
  table.evacuate(1, 0, false);
  assertEquals(table.oldest(), 1);
  assertEquals(table.isOldestInForce(0), true);
});

Deno.test("only free places at the end are cut off", () => {
  const table = newTable(8);
  table.take(3, 1, 1, segmentState.sealed);
  table.prepare(5);
  assertEquals(table.cutFreeTail(2), 6);
  table.unprepare(5);
  assertEquals(table.cutFreeTail(5), 5);
  assertEquals(table.cutFreeTail(0), 4);
  assertEquals(table.freeCount, 3);
  assertEquals(table.findFree(4), -1);
});
