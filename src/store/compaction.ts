/**
 * Compaction: copies what is live in the emptiest segments to the head and lets the segments go, a
 * slice at a time, so that overwriting the same keys for ever needs no more room than a small multiple
 * of them. Rosenblum and Ousterhout, "The Design and Implementation of a Log-Structured File System"
 * (1992), with their greedy choice of segments.
 *
 * A put record is live when the index has its address. A delete record is needed as long as an older
 * record of its key may still be on the disk: until all older segments are gone, or until the key has
 * a newer record (then that one says all there is to say).
 */
import { record, recordFlag, recordKind, segmentHeaderBytes } from "./format.ts";
import type { HashIndex } from "./hash_index.ts";
import type { IndexHeader } from "./index_header.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import type { StoreLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Damage } from "./recovery.ts";
import { RecordReader } from "./record.ts";
import { segmentState } from "./segment_table.ts";
import { StoreError } from "./errors.ts";

/** Compaction begins when the segments in use are this many times the live bytes. */
const spaceFactor = 1.6;
/** Bytes of a victim looked at in one slice, and records; either bounds the slice's time to ~0.5 ms. */
const sliceBytesMax = 128 * 1024;
const sliceRecordsMax = 1024;
/** A segment that is fuller than this frees too little for the work. */
const fullness = 0.9;

export class Compaction {
  /** Segments emptied since the store was opened. */
  emptied = 0;
  /** Bytes copied since the store was opened. */
  copiedBytes = 0;
  /** Called when a sealed segment turns out damaged. */
  onDamage: (damage: Damage) => void = () => {};
  readonly #log: Log;
  readonly #index: HashIndex;
  readonly #indexHeader: IndexHeader;
  readonly #hash: KeyedHash;
  readonly #limits: StoreLimits;
  readonly #reader: RecordReader;
  #victim = -1;
  #dropsDeletes = false;
  #needsOldest = false;
  /** Bytes that may be looked at now; grows with what is appended. */
  #credit = 0;
  #appendedBefore = 0;
  /** No victim is worth it before more was appended than this. */
  #retryAt = 0;

  constructor(
    log: Log,
    index: HashIndex,
    indexHeader: IndexHeader,
    { hash, limits }: { readonly hash: KeyedHash; readonly limits: StoreLimits },
  ) {
    this.#log = log;
    this.#index = index;
    this.#indexHeader = indexHeader;
    this.#hash = hash;
    this.#limits = limits;
    this.#reader = new RecordReader(limits);
  }

  /** Bytes of the segments in use, without those that are on their way out. */
  get usedBytes(): number {
    const { table } = this.#log;
    return (table.usedCount - table.leavingCount) * this.#limits.segmentBytes;
  }

  /** How far the space in use is above what it should be: above 1, there is work. */
  get pressure(): number {
    return this.usedBytes / (spaceFactor * this.#log.table.liveTotal + this.#limits.deadBytesMin);
  }

  /** Whether a slice would find something to do. */
  get hasWork(): boolean {
    if (this.#victim >= 0) return true;
    return this.pressure > 1 && this.#log.appendedBytes >= this.#retryAt;
  }

  /**
   * Does the work that goes with what was appended since the last time: the more space is in use
   * beyond what should be, the more. An idle store passes `idle`, for a slice in any case.
   */
  step(idle: boolean): void {
    const appended = this.#log.appendedBytes - this.#appendedBefore;
    this.#appendedBefore = this.#log.appendedBytes;
    if (!this.hasWork) {
      this.#credit = 0;
      return;
    }
    const pressure = this.pressure;
    const rate = pressure < 1.05 ? 2 : pressure < 1.15 ? 4 : 8;
    this.#credit = Math.min(sliceBytesMax, this.#credit + appended * rate);
    if (idle) this.#credit = sliceBytesMax;
    else if (this.#credit < sliceBytesMax / 8) return;
    if (this.#victim < 0 && !this.#choose()) return;
    this.#slice();
    // What copying appended is no reason to copy more.
    this.#appendedBefore = this.#log.appendedBytes;
  }

  /** Forgets the segment at work; needed when segments are let go by others. */
  reset(): void {
    this.#victim = -1;
    this.#retryAt = 0;
  }

  #choose(): boolean {
    const victim = this.#chooseVictim();
    if (victim < 0) {
      this.#retryAt = this.#log.appendedBytes + this.#limits.segmentBytes;
      return false;
    }
    const { table } = this.#log;
    const start = this.#log.windowOffset(victim);
    const end = start + table.runLength[victim] * this.#limits.segmentBytes;
    const window = this.#log.windowOf(victim);
    this.#reader.open(window, start + segmentHeaderBytes, end, table.sequence[victim]);
    this.#victim = victim;
    this.#dropsDeletes = table.isOldestInForce(victim);
    this.#needsOldest = false;
    return true;
  }

  /** The emptiest segment; the oldest one when it is delete records that fill the space. */
  #chooseVictim(): number {
    const { table } = this.#log;
    const { segmentBytes } = this.#limits;
    const tombstonesFill = this.#indexHeader.tombstoneBytes > table.liveTotal / 4;
    let best = -1;
    let bestFill = fullness;
    for (let i = 0; i < table.count; i++) {
      if (table.state[i] !== segmentState.sealed || table.damaged[i] === 1) continue;
      if (table.holdsClear[i] === 1 && !table.isOldestInForce(i)) continue;
      const fill = tombstonesFill
        ? table.sequence[i]
        : table.liveBytes[i] / (table.runLength[i] * segmentBytes);
      if (best >= 0 ? fill < bestFill : tombstonesFill || fill < bestFill) {
        best = i;
        bestFill = fill;
      }
    }
    return best;
  }

  #slice(): void {
    const reader = this.#reader;
    const log = this.#log;
    let records = 0;
    log.mayUseReserve = true;
    try {
      while (this.#credit > 0 && records++ < sliceRecordsMax) {
        if (!reader.hasRoom) return this.#finish();
        if (!reader.next()) return this.#stopAtDamage();
        this.#credit -= reader.bytes;
        if (reader.kind === recordKind.seal) return this.#finish();
        if (reader.kind === recordKind.put) this.#keepPut();
        else if (reader.kind === recordKind.delete && !this.#keepDelete()) return;
      }
    } catch (error) {
      // No room for the copies: what was copied counts, the rest stays where it is.
      if (!(error instanceof StoreError && error.code === "NO_SPACE")) throw error;
      this.#victim = -1;
      this.#retryAt = log.appendedBytes + this.#limits.segmentBytes;
    } finally {
      log.mayUseReserve = false;
    }
  }

  #keepPut(): void {
    const reader = this.#reader;
    const { u8 } = reader.window;
    const hash = this.#hash.of(u8, reader.keyStart, reader.keyEnd);
    const found = this.#index.find(hash, u8, reader.keyStart, reader.keyEnd);
    const address = this.#addressOf(reader.offset);
    if (found !== address) return;
    const copy = this.#copy();
    this.#index.replace(copy);
    this.#log.table.addLive(address, -reader.bytes);
  }

  /** False when the segment has to stay. */
  #keepDelete(): boolean {
    const reader = this.#reader;
    const { table } = this.#log;
    const address = this.#addressOf(reader.offset);
    if ((reader.flags & recordFlag.all) !== 0) {
      if (this.#dropsDeletes) {
        this.#needsOldest = true;
        table.addLive(address, -reader.bytes);
        return true;
      }
      // Moving it to the head would delete what came after it.
      table.holdsClear[this.#victim] = 1;
      this.#victim = -1;
      return false;
    }
    const { u8 } = reader.window;
    const hash = this.#hash.of(u8, reader.keyStart, reader.keyEnd);
    const isOverwritten = this.#index.find(hash, u8, reader.keyStart, reader.keyEnd) !== 0;
    if (isOverwritten || this.#dropsDeletes) {
      if (!isOverwritten) this.#needsOldest = true;
      this.#indexHeader.tombstoneBytes = Math.max(
        0,
        this.#indexHeader.tombstoneBytes - reader.bytes,
      );
    } else {
      this.#copy();
    }
    table.addLive(address, -reader.bytes);
    return true;
  }

  /** Copies the reader's record to the head, as a record of its own; returns the address. */
  #copy(): number {
    const reader = this.#reader;
    const log = this.#log;
    const to = log.reserve(reader.bytes, 0);
    const { i32 } = log.headWindow;
    const from = reader.window.i32;
    const word = reader.offset >> 2;
    i32.set(from.subarray(word, word + (reader.bytes >> 2)), to >> 2);
    i32[(to >> 2) + record.kindWord] &= 0xffff; // No longer the member of a batch.
    const address = log.addressOf(to);
    log.append(reader.bytes);
    log.table.addLive(address, reader.bytes);
    this.copiedBytes += reader.bytes;
    return address;
  }

  #addressOf(offset: number): number {
    const windowNumber = Math.floor(this.#victim * this.#limits.segmentBytes / 2 ** 30);
    return windowNumber << 26 | offset >>> 4;
  }

  #finish(): void {
    const { table, position } = this.#log;
    table.evacuate(this.#victim, position, this.#needsOldest);
    this.#victim = -1;
    this.emptied++;
  }

  #stopAtDamage(): void {
    const { table, file } = this.#log;
    const start = this.#victim * this.#limits.segmentBytes;
    const inSegment = this.#reader.offset - this.#log.windowOffset(this.#victim);
    const bytes = table.runLength[this.#victim] * this.#limits.segmentBytes - inSegment;
    table.damaged[this.#victim] = 1;
    this.onDamage({
      fileOffset: file.header.u8.length + start + inSegment,
      bytes,
      reason: "records cannot be read",
    });
    this.#victim = -1;
  }
}
