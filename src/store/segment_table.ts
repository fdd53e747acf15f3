/**
 * What is known of each segment of the body: whether it is free, its place in the order of the log,
 * how many of its bytes are live.
 *
 * A record larger than a segment lives in a *run*: a long segment that takes several places. The run
 * is known by its first place; the others are continuations.
 */
import { assert } from "./assert.ts";
import { recordAlignment } from "./format.ts";
import { segmentCountMax } from "./limits.ts";
import { LiveMap } from "./live_map.ts";

export const segmentState = {
  /** May be taken. */
  free: 0,
  /** Taken out of the free ones and made ready, to become the next head. */
  prepared: 1,
  /** A large record is being copied into it; not part of the log yet. */
  filling: 2,
  /** Records are being appended to it. */
  head: 3,
  /** Full; never written again. */
  sealed: 4,
  /** All live records are copied to the head; waits until the copies are durable. */
  evacuated: 5,
  /** Its header is erased; waits until that is durable. */
  erased: 6,
  /** A further place of the run that starts before it. */
  continuation: 7,
} as const;

/** Arrays with a number for each place, in one buffer: to allocate each by itself takes an opening 3 ms. */
class Columns {
  readonly #buffer: ArrayBuffer;
  #used = 0;

  constructor(bytesPerPlace: number) {
    this.#buffer = new ArrayBuffer(bytesPerPlace * segmentCountMax);
  }

  u8(): Uint8Array {
    return new Uint8Array(this.#buffer, this.#take(1), segmentCountMax);
  }

  i32(): Int32Array {
    return new Int32Array(this.#buffer, this.#take(4), segmentCountMax);
  }

  f64(): Float64Array {
    return new Float64Array(this.#buffer, this.#take(8), segmentCountMax);
  }

  #take(bytes: number): number {
    const start = this.#used;
    this.#used += bytes * segmentCountMax;
    return start;
  }
}

export class SegmentTable {
  readonly #columns = new Columns(39);
  /** How many segments the body has. */
  count = 0;
  readonly state = this.#columns.u8();
  /** The place in the log of a segment in use; positions are `sequence * segmentBytes + offset`. */
  readonly sequence = this.#columns.f64();
  /** How many places the segment takes: 1, or more for a run. */
  readonly runLength = this.#columns.i32();
  /** The first place of the run that each place belongs to; itself for ordinary segments. */
  readonly firstOf = this.#columns.i32();
  /** For `evacuated` segments: the log position before which all surviving copies stand. */
  readonly survivorsEnd = this.#columns.f64();
  /** For `evacuated` segments: 1 when delete records were dropped because all that is older goes too;
   * then it must go last. */
  readonly dropsDeletes = this.#columns.u8();
  /** How many segments are `evacuated`. */
  evacuatedCount = 0;
  /** How many places are evacuated or erased: soon free. */
  leavingCount = 0;
  /** The sum of `liveBytes`. */
  liveTotal = 0;
  /**
   * Segments whose records this process has not written or read through: each record is verified when
   * it is used; 1 each.
   */
  readonly unverified = this.#columns.u8();
  /** The seeds of those segments' checksums. */
  readonly seeds = this.#columns.i32();
  /** There are some. */
  hasUnverified = false;
  /** Segments that compaction must leave alone because they hold damage; 1 each. */
  readonly damaged = this.#columns.u8();
  /** Bytes at a sealed segment's end that no record fitted in; -1 where it is not known. */
  readonly wasteBytes = this.#columns.i32().fill(-1);
  /** The sum of those that are known, of segments in force. */
  wasteTotal = 0;
  /** Segments that hold a record that deletes every key; 1 each. */
  readonly holdsClear = this.#columns.u8();
  /** Bytes of records that count, by first place. Lives in the index file, so that a restart finds
   * it; after a crash it may be off by a record, so it only ever serves as a hint. */
  readonly liveBytes: Int32Array;
  /** Where the records stand that count, as far as that is known. */
  readonly live = new LiveMap();
  /** It is known of these segments, which this process has begun; 1 each. */
  readonly isMapped = this.#columns.u8();
  /** Places that this process has not taken yet, and perhaps nobody has written; 1 each. */
  readonly isBlank = this.#columns.u8();
  /** How many places are free or prepared. */
  freeCount = 0;
  /** How many places hold data or wait to be freed. */
  usedCount = 0;
  /** `address >>> addressShift` is the place of an address. */
  readonly addressShift: number;
  /** A run of segments does not cross the end of a window. */
  readonly segmentsPerWindow: number;
  readonly #addressesPerPlace: number;
  /** No place below this one is free. */
  #freeFrom = 0;

  constructor(segmentBytes: number, liveBytes: Int32Array) {
    this.liveBytes = liveBytes;
    this.addressShift = Math.log2(segmentBytes / recordAlignment);
    this.segmentsPerWindow = 2 ** 30 / segmentBytes;
    this.#addressesPerPlace = segmentBytes / recordAlignment;
  }

  /** The body has grown: the new places are free. */
  extend(count: number): void {
    for (let i = this.count; i < count; i++) {
      this.state[i] = segmentState.free;
      this.firstOf[i] = i;
      this.runLength[i] = 1;
      this.sequence[i] = 0;
      this.liveBytes[i] = 0;
      this.isBlank[i] = 1;
      this.freeCount++;
    }
    this.live.extend(Math.ceil(count / this.segmentsPerWindow));
    if (count > this.count) this.#freeFrom = Math.min(this.#freeFrom, this.count);
    this.count = Math.max(this.count, count);
  }

  /** Free places at the end of the body are given up; returns the new count. */
  cutFreeTail(keep: number): number {
    while (this.count > keep && this.state[this.count - 1] === segmentState.free) {
      this.count--;
      this.freeCount--;
    }
    return this.count;
  }

  /** Finds `length` neighbouring free places within one window; -1 when there are none. */
  findFree(length: number): number {
    const { state, count } = this;
    let found = 0;
    for (let i = this.#freeFrom; i < count; i++) {
      if (state[i] !== segmentState.free) {
        if (found === 0 && i === this.#freeFrom) this.#freeFrom = i + 1;
        found = 0;
        continue;
      }
      if (i % this.segmentsPerWindow === 0) found = 0;
      if (++found === length) return i - length + 1;
    }
    return -1;
  }

  /** Where a run of `length` places would begin if the body grew: it must not cross a window. */
  placeBehindEnd(length: number): number {
    const inWindow = this.count % this.segmentsPerWindow;
    return inWindow + length <= this.segmentsPerWindow
      ? this.count
      : this.count + this.segmentsPerWindow - inWindow;
  }

  /** The same if the body grows as little as it can: the run may begin at the free places of its end. */
  placeAtFreeEnd(length: number): number {
    let first = this.count;
    while (
      this.count - first < length && first % this.segmentsPerWindow > 0 && this.isFree(first - 1)
    ) {
      first--;
    }
    const inWindow = first % this.segmentsPerWindow;
    return inWindow + length <= this.segmentsPerWindow ? first : this.placeBehindEnd(length);
  }

  isFree(place: number): boolean {
    return place < this.count && this.state[place] === segmentState.free;
  }

  /** A free place becomes a prepared one; it still counts as free. */
  prepare(segment: number): void {
    assert(this.state[segment] === segmentState.free, "a prepared segment was free");
    this.state[segment] = segmentState.prepared;
  }

  /** The opposite of `prepare`. */
  unprepare(segment: number): void {
    assert(this.state[segment] === segmentState.prepared, "it was prepared");
    this.state[segment] = segmentState.free;
    this.#freeFrom = Math.min(this.#freeFrom, segment);
  }

  /** Free or prepared places become one segment in use. */
  take(segment: number, runLength: number, sequence: number, state: number): void {
    for (let i = segment; i < segment + runLength; i++) {
      assert(this.state[i] <= segmentState.prepared, "a taken segment was free");
      this.state[i] = segmentState.continuation;
      this.firstOf[i] = segment;
      this.liveBytes[i] = 0;
      this.isBlank[i] = 0;
    }
    this.freeCount -= runLength;
    this.usedCount += runLength;
    this.state[segment] = state;
    this.sequence[segment] = sequence;
    this.runLength[segment] = runLength;
    this.damaged[segment] = 0;
    this.holdsClear[segment] = 0;
    this.unverified[segment] = 0;
    // What recovery finds was written by another process, whose counts may be off by a record: it has no map.
    this.isMapped[segment] = state === segmentState.sealed ? 0 : 1;
    if (this.isMapped[segment] === 0) return;
    const addresses = this.#addressesPerPlace;
    this.live.clear(segment * addresses, runLength * addresses);
  }

  /** A segment that another process has written: nobody has looked at its records yet. */
  setUnverified(segment: number, seed: number): void {
    this.unverified[segment] = 1;
    this.seeds[segment] = seed;
    this.hasUnverified = true;
  }

  /** What a sealed segment's end wastes became known, or with -1, matters no more. */
  setWaste(segment: number, bytes: number): void {
    this.wasteTotal += Math.max(0, bytes) - Math.max(0, this.wasteBytes[segment]);
    this.wasteBytes[segment] = bytes;
  }

  /** Nothing in a sealed segment counts any more once all before `survivorsEnd` is durable. */
  evacuate(segment: number, survivorsEnd: number, dropsDeletes: boolean): void {
    assert(this.state[segment] === segmentState.sealed, "an evacuated segment was sealed");
    this.state[segment] = segmentState.evacuated;
    this.survivorsEnd[segment] = survivorsEnd;
    this.dropsDeletes[segment] = dropsDeletes ? 1 : 0;
    this.setWaste(segment, -1);
    this.liveTotal -= this.liveBytes[segment];
    this.liveBytes[segment] = 0;
    this.evacuatedCount++;
    this.leavingCount += this.runLength[segment];
  }

  /** A segment's header is erased; it is free once that is durable. */
  erase(segment: number): void {
    if (this.state[segment] === segmentState.evacuated) this.evacuatedCount--;
    else this.leavingCount += this.runLength[segment];
    this.setWaste(segment, -1);
    this.liveTotal -= this.liveBytes[segment];
    this.liveBytes[segment] = 0;
    this.state[segment] = segmentState.erased;
  }

  /** The record at `address` counts no more. A damaged one may claim any length. */
  dropLive(address: number, bytes: number): void {
    const segment = this.firstOf[address >>> this.addressShift];
    const live = this.liveBytes[segment];
    const dropped = bytes <= live ? Math.max(0, bytes) : live;
    this.liveBytes[segment] = live - dropped;
    this.liveTotal -= dropped;
    this.live.unmark(address);
  }

  /** The record at `address` counts from now on (or no more, with negative `bytes`). */
  addLive(address: number, bytes: number): void {
    this.liveBytes[this.firstOf[address >>> this.addressShift]] += bytes;
    this.liveTotal += bytes;
    if (bytes > 0) this.live.mark(address);
    else this.live.unmark(address);
  }

  /** So many bytes of a segment count, of which there is no map. */
  setLive(segment: number, bytes: number): void {
    this.liveTotal += bytes - this.liveBytes[segment];
    this.liveBytes[segment] = bytes;
  }

  /**
   * The record at `from`, of a segment that is being emptied, counts at `to` from now on. The map of live
   * records still has it at both: whether the old one is live, the index tells.
   */
  moveLive(from: number, to: number, bytes: number): void {
    this.liveBytes[this.firstOf[from >>> this.addressShift]] -= bytes;
    this.liveBytes[this.firstOf[to >>> this.addressShift]] += bytes;
    this.live.mark(to);
  }

  /** How many sealed segments there are whose live share is in each of `classes` equal classes. */
  countByFill(classes: number, segmentBytes: number): number[] {
    const counts = new Array<number>(classes).fill(0);
    for (let i = 0; i < this.count; i++) {
      if (this.state[i] !== segmentState.sealed) continue;
      const fill = this.liveBytes[i] / (this.runLength[i] * segmentBytes);
      counts[Math.min(classes - 1, Math.max(0, Math.floor(fill * classes)))]++;
    }
    return counts;
  }

  /** How many places the body would have if all at its end that may go went. */
  placesInForce(): number {
    let count = this.count;
    while (count > 0) {
      const state = this.state[this.firstOf[count - 1]];
      if (state >= segmentState.filling && state <= segmentState.sealed) break;
      count--;
    }
    return count;
  }

  /** Whether all that is older than this segment is on its way out. */
  isOldestInForce(segment: number): boolean {
    for (let i = 0; i < this.count; i++) {
      const state = this.state[i];
      const inForce = state === segmentState.head || state === segmentState.sealed;
      if (!inForce || this.isUnreadable(i)) continue;
      if (this.sequence[i] < this.sequence[segment]) return false;
    }
    return true;
  }

  /** A segment whose header no recovery believes, now or later: nothing of it comes back. */
  isUnreadable(segment: number): boolean {
    return this.sequence[segment] === 0;
  }

  /** A segment in use, with all its places, becomes free. */
  release(segment: number): void {
    const length = this.runLength[segment];
    this.setWaste(segment, -1);
    if (this.state[segment] === segmentState.evacuated) this.evacuatedCount--;
    if (this.state[segment] >= segmentState.evacuated) this.leavingCount -= length;
    for (let i = segment; i < segment + length; i++) {
      this.state[i] = segmentState.free;
      this.firstOf[i] = i;
      this.runLength[i] = 1;
      this.sequence[i] = 0;
      this.liveBytes[i] = 0;
    }
    this.freeCount += length;
    this.usedCount -= length;
    this.#freeFrom = Math.min(this.#freeFrom, segment);
  }

  /** The segment with the lowest sequence among those that may still be read by a recovery. */
  oldest(): number {
    let oldest = -1;
    for (let i = 0; i < this.count; i++) {
      const state = this.state[i];
      if (state < segmentState.head || state === segmentState.continuation) continue;
      if (this.isUnreadable(i)) continue;
      if (oldest < 0 || this.sequence[i] < this.sequence[oldest]) oldest = i;
    }
    return oldest;
  }
}
