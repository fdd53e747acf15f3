/** Where records are placed: at the boundaries of segments, in runs, and after going back. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import {
  recordBytes,
  recordKind,
  segmentHeaderBytes,
  storeHeaderBytes,
} from "../../../src/store/format.ts";
import { defaultLimits, segmentCountMax, type StoreLimits } from "../../../src/store/limits.ts";
import { Log } from "../../../src/store/log.ts";
import { RecordReader } from "../../../src/store/record.ts";
import { segmentState, SegmentTable } from "../../../src/store/segment_table.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { tinyLimits } from "./tiny_store.ts";

const { segmentBytes } = tinyLimits;
const limits = { ...defaultLimits, ...tinyLimits, segmentsAhead: 0 };
const bodyBytes = segmentBytes - segmentHeaderBytes;

function newLog(disk = new SimulatedDisk(), more: Partial<StoreLimits> = {}): Log {
  const file = disk.open("store.db", storeHeaderBytes);
  const table = new SegmentTable(segmentBytes, new Int32Array(segmentCountMax));
  const log = new Log(file, table, { ...limits, ...more }, Int32Array.of(1, 2, 3, 4));
  log.begin();
  return log;
}

/** Appends a put with an empty key of `bytes` in all; returns its address. */
function append(log: Log, bytes: number, spare = 0): number {
  const valueLength = bytes - 24;
  assertEquals(recordBytes(0, valueLength), bytes);
  const offset = log.reserve(bytes, spare);
  log.writeHeader(offset, recordKind.put, 0, valueLength);
  log.headWindow.f64[(offset >> 3) + 2] = 0;
  log.headWindow.u8.fill(bytes & 0xff, offset + 24, offset + bytes);
  const address = log.addressOf(offset);
  log.append(bytes);
  return address;
}

/** The lengths of the records that can be read in a segment; seals as "seal". */
function recordsIn(log: Log, segment: number): (number | string)[] {
  const reader = new RecordReader(limits);
  log.writeOut();
  log.openRecords(reader, segment);
  const found: (number | string)[] = [];
  while (reader.hasRoom && reader.next()) {
    found.push(reader.kind === recordKind.seal ? "seal" : reader.bytes);
  }
  return found;
}

Deno.test("a segment is filled to its last byte, and sealed where there is room for a seal", () => {
  for (let left = 0; left <= 96; left += 16) {
    const log = newLog();
    const first = log.head;
    append(log, bodyBytes - left);
    assertEquals(log.head, first);
    assertEquals(log.headEnd - log.headOffset, left);
    append(log, left + 48); // Does not fit.
    assert(log.head !== first);
    const expected = left >= 32 ? [bodyBytes - left, "seal"] : [bodyBytes - left];
    assertEquals(recordsIn(log, first), expected, `${left} bytes left`);
    assertEquals(recordsIn(log, log.head), [left + 48]);
    assertEquals(log.table.state[first], segmentState.sealed);
  }
});

Deno.test("the spare bytes behind a record are in its segment", () => {
  const log = newLog();
  const first = log.head;
  append(log, bodyBytes - 96);
  append(log, 64, 32);
  assertEquals(log.head, first);
  assertEquals(log.headEnd - log.headOffset, 32);
  log.appendMark(recordKind.batch, 0);
  assertEquals(log.head, first);

  const other = newLog();
  append(other, bodyBytes - 80);
  append(other, 64, 32);
  assertEquals(recordsIn(other, other.head), [64], "a segment of its own");
});

Deno.test("reserving without appending leaves the log as it is", () => {
  const log = newLog();
  append(log, 64);
  const { position } = log;
  log.reserve(128, 0);
  log.reserve(256, 32);
  assertEquals(log.position, position);
  assertEquals(recordsIn(log, log.head), [64]);
});

Deno.test("a record of one segment and more takes a run, which others fill", () => {
  for (
    const [bytes, length] of [
      [bodyBytes, 1],
      [bodyBytes + 16, 2],
      [bodyBytes + segmentBytes, 2],
      [bodyBytes + segmentBytes + 16, 3],
      [10 * segmentBytes, 11],
    ]
  ) {
    const log = newLog();
    append(log, 64);
    const sequence = log.nextSequence;
    append(log, bytes);
    assertEquals(log.table.runLength[log.head], length, `${bytes} bytes`);
    assertEquals(log.nextSequence, sequence + length, "it uses up as many sequence numbers");
    const left = log.headEnd - log.headOffset;
    assertEquals(left, length * segmentBytes - segmentHeaderBytes - bytes);
    const run = log.head;
    if (left >= 64) append(log, 64);
    assertEquals(log.head, run);
    assertEquals(recordsIn(log, run), left >= 64 ? [bytes, 64] : [bytes]);
  }
});

Deno.test("positions and sequences only grow, each segment names the one before", () => {
  const log = newLog();
  let last = 0;
  for (let i = 0; i < 500; i++) {
    const before = log.lastSequence;
    const head = log.head;
    append(log, 16 * (3 + i * 37 % 400));
    assert(log.position > last);
    last = log.position;
    if (log.head === head) continue;
    const { f64 } = log.windowOf(log.head);
    assertEquals(f64[(log.windowOffset(log.head) >> 3) + 5], before);
  }
});

Deno.test("going back takes away what was appended since, over segments too", () => {
  for (const count of [1, 5, 60]) {
    const log = newLog();
    append(log, 512);
    const mark = log.mark();
    const { position, head } = log;
    const { usedCount, leavingCount } = log.table;
    for (let i = 0; i < count; i++) append(log, 16 * (10 + i * 31 % 500));
    log.rewind(mark);
    assertEquals([log.position, log.head], [position, head]);
    assertEquals(recordsIn(log, head), [512]);
    const { table } = log;
    assertEquals(table.usedCount - table.leavingCount, usedCount - leavingCount);
    const rest = log.windowOf(head).u8.subarray(log.headOffset, log.headEnd);
    assert(rest.every((byte) => byte === 0), "what was there is zero");
    append(log, 256);
    assertEquals(recordsIn(log, head), [512, 256]);
  }
});

Deno.test("going back does not give sequence numbers out again", () => {
  const log = newLog();
  const mark = log.mark();
  for (let i = 0; i < 20; i++) append(log, 2048);
  const { nextSequence } = log;
  log.rewind(mark);
  append(log, 2048);
  append(log, 2048);
  assertEquals(log.table.sequence[log.head], nextSequence);
});

Deno.test("what is dirty is handed out once, in whole pages, neighbours joined", () => {
  const log = newLog();
  log.takeDirty();
  assertEquals(log.hasDirty, false);
  append(log, 64);
  assert(log.hasDirty);
  const [{ offset, length }, ...others] = log.takeDirty();
  assertEquals(others, []);
  assertEquals(offset % 4096, 0);
  assert(offset <= log.head * segmentBytes && offset + length >= log.head * segmentBytes + 128);
  assertEquals([log.hasDirty, log.takeDirty()], [false, []]);
  for (let i = 0; i < 10; i++) append(log, bodyBytes);
  // The end of the first segment was not written: what is behind it stands apart.
  assertEquals(log.takeDirty().length, 2);
});

Deno.test("a full disk refuses a segment before anything has changed, but not the reserve", () => {
  const disk = new SimulatedDisk();
  const log = newLog(disk);
  disk.bytesMax = disk.bytesOf("store.db").length + 4 * segmentBytes;
  const error = assertThrows(() => {
    while (true) append(log, 1024);
  }, StoreError);
  assertEquals(error.code, "NO_SPACE");
  const { position, head } = log;
  const before = recordsIn(log, head);
  assertThrows(() => append(log, 2048), StoreError);
  assertEquals([log.position, log.head, recordsIn(log, head)], [position, head, before]);
  assertEquals(log.table.freeCount, limits.segmentsReserved);
  const half = Math.ceil(limits.segmentsReserved / 2);
  log.purpose = "delete";
  for (let i = limits.segmentsReserved; i > half; i--) append(log, bodyBytes);
  assertThrows(() => append(log, bodyBytes), StoreError);
  log.purpose = "compaction";
  for (let i = 0; i < half; i++) append(log, bodyBytes);
  assertEquals(log.table.freeCount, 0);
  assertThrows(() => append(log, bodyBytes), StoreError);
});

/** A log with it takes all that was ever written for what is written in the time of the lead. */
const longLead = { growthLeadMs: 3_600_000 };

Deno.test("a log that is written fast grows before it has to, by what it needs until then", async () => {
  const log = newLog(new SimulatedDisk(), longLead);
  const { file, table } = log;
  let atOnce = 0;
  const { grow } = file;
  file.grow = (bytes) => {
    atOnce++;
    grow.call(file, bytes);
  };
  file.growInBackground = (bytes) => {
    grow.call(file, bytes);
    return Promise.resolve(true);
  };
  for (let i = 0; i < 40; i++) {
    append(log, 2 * segmentBytes);
    await Promise.resolve();
    await Promise.resolve();
  }
  const before = atOnce;
  for (let i = 0; i < 200; i++) {
    append(log, 2 * segmentBytes);
    // What grows in the background does so between turns of the event loop.
    await new Promise((resolve) => setTimeout(resolve));
  }
  assertEquals(atOnce, before, "no writer had to wait");
  assert(table.freeCount <= 2 * 128 + 2, "no more than is taken until it could grow again");
});

Deno.test("a log that was written a moment ago keeps what it needs to be written on, unless it is asked for", async () => {
  const log = newLog(new SimulatedDisk(), { growthLeadMs: 3_600_000, cutDelayMs: 0 });
  const { file, table } = log;
  for (let i = 0; i < 20; i++) append(log, bodyBytes);
  await new Promise((resolve) => setTimeout(resolve));
  const needed = log.placesNeeded(false);
  const extend = (count: number) => {
    file.grow(count * segmentBytes);
    table.extend(count);
  };
  extend(needed);
  const { count } = table;
  const waitMs = log.shrink(true);
  assert(waitMs > 9000 && waitMs <= 10_000, `${waitMs}`);
  assertEquals(table.count, count);
  extend(count + 20);
  const kept = log.placesNeeded(false);
  assert(log.shrink(true) > 0);
  assertEquals(table.count, kept, "what is more goes");
  const uncut = file.bodyBytes;
  assert(log.shrink(true) > 9000);
  assertEquals(file.bodyBytes, uncut, "though it is not cut off yet");
  await new Promise((resolve) => setTimeout(resolve));
  assert(log.shrink(true, true) > 0);
  assertEquals(table.count, log.placesNeeded(true), "and all of it when it is asked for");
  assert(file.bodyBytes < uncut, "at once");
});

Deno.test("a log that is written fast is not made shorter, unless it is longer than it may be", async () => {
  const log = newLog(new SimulatedDisk(), longLead);
  const { file, table } = log;
  for (let i = 0; i < 120; i++) append(log, bodyBytes);
  await new Promise((resolve) => setTimeout(resolve));
  const { count } = table;
  file.grow((count + 300) * segmentBytes);
  table.extend(count + 300);
  assert(log.shrink(false) > 0, "later");
  assertEquals(table.count, count + 300);
  log.placesMax = count;
  assert(log.shrink(false) > 0);
  assert(table.count < count + 300);
});
