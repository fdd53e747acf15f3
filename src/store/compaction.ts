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
import {
  recordAlignment,
  recordFlag,
  recordHeaderBytes,
  recordKind,
  segmentHeaderBytes,
} from "./format.ts";
import type { HashIndex } from "./hash_index.ts";
import type { IndexHeader } from "./index_header.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import type { StoreLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Damage } from "./recovery.ts";
import { expireAtOf, flagsAt, keyEndAt, kindAt, recordBytesAt, RecordReader } from "./record.ts";
import { RunCopy, type RunCopySource } from "./run_copy.ts";
import { segmentState } from "./segment_table.ts";
import { StoreError } from "./errors.ts";
import { lineBytes, loadAt } from "./words.ts";

/**
 * Compaction begins when the segments in use are this many times the live bytes: under load, where each
 * byte more that is copied costs throughput; where the disk cannot follow, which has to take each copy, too; and in an
 * idle store.
 */
const spaceFactor = 1.6;
const slowDiskSpaceFactor = 1.85;
const idleSpaceFactor = 1.4;
/**
 * In a store that has no room left, a segment is worth copying for less: each byte that was deleted
 * allows so many to be copied. So it comes to an end when nothing is deleted.
 */
const crampedFullness = 0.998;
const copiedPerDeleted = 512;
/** Of a largest size, this share may be in use. */
const usedShareMax = 0.9;
/** A full pass leaves segments alone that are as full as this, unless there are delete records. */
const fullPassFullness = 0.98;
/** A full pass waits for a sync when so many of the places in use are on their way out. */
const fullPassLeavingMax = 64;
/**
 * Syncs in a row that a full pass waits for in the end without the file's end coming nearer: a segment takes three
 * to be free.
 */
const passRoundsMax = 16;
/** The end of the file is emptied when the file has this many times the places that it needs ... */
const fileFactor = 1.2;
/** ... and this many more. */
const spareSegments = 4;
/**
 * Under load, emptying the end copies one byte for so many that are appended: its segments may be full, and
 * those that are emptied elsewhere leave room before it in time.
 */
const appendedPerEndByte = 8;
/** Looking for work at the end of the file rests after so many tries, until a sync or more. */
const vainTriesMax = 16;
/** Bytes of a victim looked at in one slice, and records; either bounds the slice's time to ~0.5 ms. */
const sliceBytesMax = 128 * 1024;
const sliceRecordsMax = 1024;
/** Bytes of a large record copied in one slice: about 0.3 ms, with both checksums. */
const copySliceBytes = 256 * 1024;
/** Segments whose ends are looked for, in one choice of a victim. */
const measuredMax = 32;
/** Records looked up together, so that their cache misses overlap. */
const groupRecords = 32;
/** Addresses count units of this many bits. */
const recordShift = Math.log2(recordAlignment);
/** A segment that is fuller than this frees too little for the work. */
const fullness = 0.9;

/** Why a group of records ends: it is full, the segment is over, or what stands there is no record. */
type GroupEnd = "group" | "segment" | "damage";

export class Compaction {
  /** Segments emptied since the store was opened. */
  emptied = 0;
  /** Bytes copied since the store was opened. */
  copiedBytes = 0;
  /** Called when a sealed segment turns out damaged. */
  onDamage: (damage: Damage) => void = () => {};
  /** It is the disk that what is written waits for: the less is copied, the sooner segments are free. */
  isDiskSlow = false;
  /** Somebody waits for room: as much is done as if nobody wrote. */
  isUrgent = false;
  /** Asked to remove the large record at an address whose copy finds no room; returns whether it has. */
  onNoRoomForRun: (address: number, expireAt: number) => boolean = () => false;
  readonly #log: Log;
  readonly #index: HashIndex;
  readonly #indexHeader: IndexHeader;
  readonly #hash: KeyedHash;
  readonly #limits: StoreLimits;
  readonly #reader: RecordReader;
  #victim = -1;
  #dropsDeletes = false;
  #needsOldest = false;
  // The records being looked at: where they stand in the victim's window, and of what kind they are.
  readonly #offsets = new Int32Array(groupRecords);
  readonly #kinds = new Uint8Array(groupRecords);
  readonly #hashes = new Int32Array(groupRecords);
  /** The words where they begin. */
  readonly #places = new Int32Array(groupRecords);
  #groupSize = 0;
  /** The large record that is being copied, or null. */
  #copy: RunCopy | null = null;
  /** Keeps the prefetch from being optimised away. */
  #prefetched = 0;
  /** Bytes that may be looked at now; grows with what is appended. */
  #credit = 0;
  #appendedBefore = 0;
  /** No victim is worth it before more was appended than this. */
  #retryAt = 0;
  /** Writers wait for room: whatever can be emptied is. */
  isPressed = false;
  /** How often the end of the file was looked at and could not be emptied yet. */
  #vainTries = 0;
  /** Bytes that may be copied from the end of the file under load. */
  #endCredit = 0;
  /** Bytes that may still be copied out of nearly full segments to make room; see `copiedPerDeleted`. */
  #crampedCredit = 0;
  #liveBefore = 0;
  /** A full pass goes through the segments with lower sequence numbers than this; 0: there is none. */
  #passEnd = 0;
  /** It has come to this sequence number. */
  #passSequence = 0;
  #passTotal = 0;
  #passDone = 0;
  /** All segments are copied; syncs are left to come before the file can shrink, so many at most. */
  #passRoundsLeft = 0;
  /** The fewest places that anything in force stood in since then. */
  #passPlaces = Infinity;
  /** There was a step since the last sync round. */
  #hasStepped = false;

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

  /** Bytes of the large record that is being copied, 0 when there is none. */
  get movingBytes(): number {
    return this.#copy?.source.bytes ?? 0;
  }

  /** Bytes of the segments in use that anything could be done about. */
  get #reclaimableBytes(): number {
    return this.usedBytes - this.#log.table.wasteTotal;
  }

  /** Bytes of the segments in use, without those that are on their way out. */
  get usedBytes(): number {
    const { table } = this.#log;
    return (table.usedCount - table.leavingCount) * this.#limits.segmentBytes;
  }

  /** The head is in use whatever it holds. */
  get #headBytes(): number {
    const { table, head } = this.#log;
    return table.runLength[head] * this.#limits.segmentBytes;
  }

  /** How far the space in use is above what it should be: above 1, there is work. */
  #pressure(idle: boolean): number {
    const factor = idle ? idleSpaceFactor : this.isDiskSlow ? slowDiskSpaceFactor : spaceFactor;
    // Delete records are needed for a while, but are no reason for others to stay.
    const { table, placesMax } = this.#log;
    const { segmentBytes, deadBytesMin } = this.#limits;
    const live = Math.max(0, table.liveTotal - this.#indexHeader.tombstoneBytes);
    const allowed = factor * live + deadBytesMin + this.#headBytes;
    return this.#reclaimableBytes / Math.min(allowed, usedShareMax * placesMax * segmentBytes);
  }

  #wantsSpace(idle: boolean): boolean {
    return this.#log.isCramped || this.#isTooMuchInUse || this.#pressure(idle) > 1;
  }

  get #isTooMuchInUse(): boolean {
    const { table, placesInUseMax } = this.#log;
    return table.usedCount - table.leavingCount > placesInUseMax;
  }

  // --- a full pass -------------------------------------------------------------------------------

  /** Begins to go through all segments that there are, oldest first; false when this is going on. */
  beginFullPass(): boolean {
    if (this.isFullPass) return false;
    const { table } = this.#log;
    this.#passEnd = this.#log.nextSequence;
    this.#passSequence = 0;
    this.#passDone = 0;
    this.#passTotal = 0;
    for (let i = 0; i < table.count; i++) if (this.#isInPass(i)) this.#passTotal++;
    return true;
  }

  get isFullPass(): boolean {
    return this.#passEnd > 0 || this.#passRoundsLeft > 0;
  }

  /** The full pass is over but for syncs, and the next one brings it nearer to its end. */
  get isPassWaiting(): boolean {
    return this.#passRoundsLeft > 0 && this.#hasStepped;
  }

  /** The share of the full pass that is done, 0 to 1; 1 when there is none. */
  get fullPassShare(): number {
    return this.isFullPass ? Math.min(1, this.#passDone / Math.max(1, this.#passTotal)) : 1;
  }

  #isInPass(segment: number): boolean {
    const { table } = this.#log;
    if (!this.isMovable(segment)) return false;
    const sequence = table.sequence[segment];
    if (sequence >= this.#passEnd || sequence < this.#passSequence) return false;
    if (this.#indexHeader.tombstoneBytes > 0) return true;
    return !this.#holdsLargeRecord(segment) && this.#fillOf(segment) < fullPassFullness;
  }

  /** The oldest segment that the full pass has not seen; -1 at its end, or while it has to wait. */
  #nextOfPass(): number {
    const { table } = this.#log;
    if (table.leavingCount > fullPassLeavingMax) return -1;
    let oldest = -1;
    for (let i = 0; i < table.count; i++) {
      if (!this.#isInPass(i)) continue;
      if (oldest < 0 || table.sequence[i] < table.sequence[oldest]) oldest = i;
    }
    if (oldest < 0) {
      this.#passEnd = 0;
      this.#passRoundsLeft = passRoundsMax;
      this.#passPlaces = Infinity;
      return -1;
    }
    this.#passSequence = table.sequence[oldest] + 1;
    this.#passDone++;
    return oldest;
  }

  /** Whether a segment's records may be copied and the segment let go. */
  readonly isMovable = (segment: number): boolean => {
    const { table } = this.#log;
    if (table.state[segment] !== segmentState.sealed || table.damaged[segment] === 1) return false;
    return table.holdsClear[segment] === 0 || table.isOldestInForce(segment);
  };

  /**
   * The share of a segment that copying its records would not free. Room at its end that the next record did not fit in may be
   * left by the copies as well; but not where records are so small that they fit in there themselves.
   */
  #fillOf(segment: number): number {
    const { table } = this.#log;
    const bytes = table.runLength[segment] * this.#limits.segmentBytes;
    const live = table.liveBytes[segment];
    return (live + Math.max(0, Math.min(live, table.wasteBytes[segment]))) / bytes;
  }

  /** A run whose large record is live: its copy would take as many places. */
  #holdsLargeRecord(segment: number): boolean {
    const { table } = this.#log;
    const { segmentBytes } = this.#limits;
    return table.runLength[segment] > 1 &&
      table.liveBytes[segment] >= segmentBytes - segmentHeaderBytes;
  }

  // --- slices ------------------------------------------------------------------------------------

  /** Whether the file is so much longer than it has to be that its end should be emptied. */
  #hasLongEnd(idle: boolean): boolean {
    const { table, placesMax } = this.#log;
    // Under load, those on their way out are what the next ones are written to.
    const needed = this.#log.placesNeeded(idle) + (idle ? 0 : table.leavingCount);
    const longest = Math.min(placesMax, fileFactor * needed + spareSegments);
    return table.count > longest && table.placesInForce() > longest;
  }

  #mayEmptyEnd(idle: boolean): boolean {
    return (idle || this.#endCredit > 0) && this.#hasLongEnd(idle);
  }

  /** The head is a run of which the large record does not count any more. */
  get #isHeadTooLong(): boolean {
    const { table, head } = this.#log;
    return table.runLength[head] > 1 && !this.#holdsLargeRecord(head);
  }

  /** The head's places stay until there is another one. */
  #leaveLongHead(): void {
    try {
      this.#log.leaveHead();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#retryAt = this.#log.appendedBytes + 1; // There is no place at all for now.
    }
  }

  /** Whether a slice would find something to do. */
  hasWork(idle: boolean): boolean {
    if (this.#victim >= 0 || this.isFullPass) return true;
    if (this.#log.stretch.nextVictim(this.isMovable) >= 0) return true;
    if (this.#isHeadTooLong && this.#log.appendedBytes >= this.#retryAt) return true;
    if (this.#wantsSpace(idle) && this.#log.appendedBytes >= this.#retryAt) return true;
    return this.#vainTries < vainTriesMax && this.#mayEmptyEnd(idle);
  }

  /**
   * Does the work that goes with what was appended since the last time: the more space is in use
   * beyond what should be, the more. An idle store passes `idle`, for a slice in any case.
   */
  step(idle: boolean): void {
    this.#hasStepped = true;
    const appended = this.#log.appendedBytes - this.#appendedBefore;
    this.#appendedBefore = this.#log.appendedBytes;
    const { segmentBytes } = this.#limits;
    const endCredit = this.#endCredit + appended / appendedPerEndByte;
    // While nothing is written, nobody is held up.
    this.#endCredit = appended === 0 ? segmentBytes : Math.min(segmentBytes, endCredit);
    if (!this.hasWork(idle)) {
      this.#credit = 0;
      return;
    }
    if (this.#isHeadTooLong) this.#leaveLongHead();
    const pressure = this.#pressure(false);
    const rate = pressure < 1.05 ? 2 : 4;
    this.#credit = Math.min(sliceBytesMax, this.#credit + appended * rate);
    if (idle || this.isUrgent || this.#log.isCramped) this.#credit = sliceBytesMax;
    else if (this.#credit < sliceBytesMax / 8) return;
    if (this.#victim < 0 && !this.#choose(idle)) return;
    this.#slice();
    // What copying appended is no reason to copy more.
    this.#appendedBefore = this.#log.appendedBytes;
  }

  /** A segment is being emptied. */
  get isAtWork(): boolean {
    return this.#victim >= 0;
  }

  /** Keys were removed, or somebody needs room: a victim may be worth it that was not. */
  tryAgain(): void {
    this.#retryAt = 0;
  }

  /** A sync round is over: what was not possible before may be now. */
  retry(): void {
    this.#retryAt = 0;
    this.#vainTries = 0;
    // Rounds come quickly, one after the other: only one that had work done before it counts.
    if (this.#passRoundsLeft === 0 || !this.#hasStepped) return;
    this.#hasStepped = false;
    const { table } = this.#log;
    const places = table.placesInForce();
    this.#passRoundsLeft = places < this.#passPlaces ? passRoundsMax : this.#passRoundsLeft - 1;
    this.#passPlaces = Math.min(this.#passPlaces, places);
    if (table.leavingCount === 0 && !this.#hasLongEnd(false)) this.#passRoundsLeft = 0;
  }

  /** Forgets the segment at work; needed when segments are let go by others. */
  reset(): void {
    this.#copy?.abandon();
    this.#copy = null;
    this.#victim = -1;
    this.#retryAt = 0;
  }

  #choose(idle: boolean): boolean {
    let victim = this.#log.stretch.nextVictim(this.isMovable);
    if (victim < 0 && this.#passEnd > 0) victim = this.#nextOfPass();
    if (victim < 0 && this.#wantsSpace(idle) && this.#log.appendedBytes >= this.#retryAt) {
      victim = this.#emptiest();
      if (victim < 0) this.#retryAt = this.#log.appendedBytes + this.#limits.segmentBytes;
    }
    if (victim < 0 && this.#mayEmptyEnd(idle)) {
      victim = this.#last(idle);
      this.#vainTries = victim < 0 ? this.#vainTries + 1 : 0;
      if (victim >= 0 && !idle) this.#endCredit -= this.#log.table.liveBytes[victim];
    }
    if (victim < 0) return false;
    this.#victim = victim;
    this.#openVictim();
    this.#dropsDeletes = this.#log.table.isOldestInForce(victim);
    this.#needsOldest = false;
    return true;
  }

  /**
   * Goes to the victim's first record; behind that when it is a large one, which is not looked at as
   * others are: reading it takes too long.
   */
  #openVictim(): void {
    const log = this.#log;
    const victim = this.#victim;
    log.openRecords(this.#reader, victim);
    const window = log.windowOf(victim);
    const offset = log.windowOffset(victim) + segmentHeaderBytes;
    this.#readAhead(offset, this.#limits.segmentBytes - segmentHeaderBytes);
    const bytes = recordBytesAt(window, offset);
    const isLarge = log.table.runLength[victim] > 1 && offset + bytes <= log.endOf(victim) &&
      bytes > this.#limits.segmentBytes - segmentHeaderBytes;
    if (!isLarge || kindAt(window, offset) !== recordKind.put) return;
    const address = log.addressAt(victim, offset);
    const hash = this.#hash.ofView(
      window.view,
      offset + recordHeaderBytes,
      keyEndAt(window, offset),
    );
    if (this.#index.leadsTo(hash, address)) {
      const seed = log.seedOf(victim);
      this.#copyLarge({ address, hash, window, offset, bytes, seed });
      if (this.#copy !== null || !log.stretch.touches(victim)) return;
      if (!this.onNoRoomForRun(address, expireAtOf(window, offset))) return;
      this.#victim = victim;
    }
    log.openRecords(this.#reader, victim, offset + bytes);
  }

  #copyLarge(source: RunCopySource): void {
    this.#log.purpose = "compaction";
    try {
      this.#copy = new RunCopy(this.#log, source);
    } catch (error) {
      this.#giveUp(error);
    } finally {
      this.#log.purpose = "write";
    }
  }

  /** What is live of the victim will be read in the next slices. On another thread: a busy disk takes no more for a while. */
  #readAhead(offset: number, bytes: number): void {
    const log = this.#log;
    void log.file.readAheadInBackground(log.bodyOffset(this.#victim, offset), bytes);
  }

  /** A slice of copying a large record. */
  #stepCopy(copy: RunCopy): void {
    const { source } = copy;
    const { hash, address, offset, bytes } = source;
    this.#credit = 0;
    if (!this.#index.leadsTo(hash, address)) copy.abandon(); // It was overwritten meanwhile.
    else {
      if (!copy.step(copySliceBytes)) {
        this.#readAhead(offset + copy.doneBytes, copySliceBytes);
        return;
      }
      const to = copy.finish();
      if (to === 0) {
        this.#copy = null;
        return this.#stopAtDamage(offset);
      }
      this.#index.replace(to);
      this.#log.table.addLive(address, -bytes);
      this.#log.table.addLive(to, bytes);
      this.copiedBytes += bytes;
    }
    this.#copy = null;
    this.#log.openRecords(this.#reader, this.#victim, offset + bytes);
  }

  /** The emptiest segment; the oldest one when it is delete records that fill the space. */
  #emptiest(): number {
    for (let tries = 0; tries < measuredMax; tries++) {
      const segment = this.#seemsEmptiest();
      if (segment < 0 || this.#log.table.wasteBytes[segment] >= 0) return segment;
      // Since a restart nobody knows how much of it was ever written.
      this.#measureWaste(segment);
    }
    return -1;
  }

  /** Finds the end of a segment's records by their lengths. */
  #measureWaste(segment: number): void {
    const log = this.#log;
    const window = log.windowOf(segment);
    const end = log.endOf(segment);
    let offset = log.windowOffset(segment) + segmentHeaderBytes;
    while (offset + recordHeaderBytes <= end) {
      const kind = kindAt(window, offset);
      const bytes = recordBytesAt(window, offset);
      if (kind < recordKind.put || kind > recordKind.seal || bytes <= 0) break;
      if (offset + bytes > end) break;
      offset += bytes;
      if (kind === recordKind.seal) break;
    }
    log.table.setWaste(segment, end - offset);
  }

  #seemsEmptiest(): number {
    const { table } = this.#log;
    // The count of them is a hint, which cannot be true when it is far above that of live bytes.
    const { tombstoneBytes } = this.#indexHeader;
    const tombstonesFill = tombstoneBytes > table.liveTotal / 4 &&
      tombstoneBytes <= table.liveTotal * 2;
    let best = -1;
    let bestFill = this.#mayCopyMore() ? crampedFullness : fullness;
    for (let i = 0; i < table.count; i++) {
      if (!this.isMovable(i)) continue;
      if (!tombstonesFill && this.#holdsLargeRecord(i)) continue;
      const fill = tombstonesFill ? table.sequence[i] : this.#fillOf(i);
      if (best >= 0 ? fill < bestFill : tombstonesFill || fill < bestFill) {
        best = i;
        bestFill = fill;
      }
    }
    return best;
  }

  /** Whether so much was deleted in a store without room that full segments should be emptied too. */
  #mayCopyMore(): boolean {
    const { isCramped, table } = this.#log;
    const deleted = this.#liveBefore - table.liveTotal;
    this.#liveBefore = table.liveTotal;
    if (!isCramped) this.#crampedCredit = 0;
    else if (deleted > 0) this.#crampedCredit += deleted * copiedPerDeleted;
    const isInReserve = table.freeCount + table.leavingCount < this.#limits.segmentsReserved;
    return isCramped && isInReserve && this.#crampedCredit > 0;
  }

  /** The last segment of the file, if there is room for it before. */
  #last(idle: boolean): number {
    const { table } = this.#log;
    const limit = this.#log.placesNeeded(idle);
    this.#log.leaveEnd(limit);
    for (let i = table.count - 1; i >= limit; i--) {
      if (!this.isMovable(i)) continue;
      if (!this.#holdsLargeRecord(i)) return i;
      const free = table.findFree(table.runLength[i]);
      return free >= 0 && free < i ? i : -1;
    }
    return -1;
  }

  #slice(): void {
    if (this.#copy !== null) return this.#stepCopy(this.#copy);
    if (this.#victim < 0) return;
    const log = this.#log;
    let groups = sliceRecordsMax / groupRecords;
    log.purpose = "compaction";
    try {
      while (this.#victim >= 0 && this.#credit > 0 && groups-- > 0) {
        const end = this.#readGroup();
        for (let i = 0; i < this.#groupSize && this.#victim >= 0; i++) {
          if (this.#kinds[i] === recordKind.put) this.#keepPut(i);
          else this.#keepDelete(i);
        }
        if (this.#victim < 0) return;
        if (end === "segment") this.#finishUnlessMissed();
        else if (end === "damage") this.#stopAtDamage(this.#reader.offset);
      }
    } catch (error) {
      this.#giveUp(error);
    } finally {
      log.purpose = "write";
    }
  }

  /** Reads the next few puts and deletes, and has the index load what is needed to look them up. */
  #readGroup(): GroupEnd {
    this.#groupSize = 0;
    const isMapped = this.#log.table.isMapped[this.#victim] === 1;
    const end = isMapped ? this.#readLive() : this.#readAll();
    this.#prefetched = this.#index.prefetchPages(this.#hashes, this.#groupSize);
    return end;
  }

  /** Reads the next records of a segment of which nothing is known. */
  #readAll(): GroupEnd {
    const reader = this.#reader;
    while (this.#groupSize < groupRecords) {
      if (!reader.hasRoom) return "segment";
      if (!reader.next()) return "damage";
      this.#credit -= reader.bytes;
      if (reader.kind === recordKind.seal) return "segment";
      if (reader.kind !== recordKind.batch) this.#addToGroup();
    }
    return "group";
  }

  /** Reads the next records that count, without their checksums: those of puts are looked at when they are copied. */
  #readLive(): GroupEnd {
    const reader = this.#reader;
    const begun = reader.offset + reader.bytes;
    const places = this.#places;
    const count = this.#findLive(begun);
    const { i32 } = reader.window;
    // Most small records stand in two lines. Behind the segment, the file may end: what is touched there ends the process.
    const isLast = count > 0 &&
      (places[count - 1] << 2) + lineBytes >= this.#log.endOf(this.#victim);
    this.#prefetched = loadAt(i32, places, count, isLast ? 0 : lineBytes / 4);
    for (let i = 0; i < count; i++) {
      if (!reader.lookAt(places[i] << 2)) return "damage";
      if (reader.kind !== recordKind.put && !reader.isIntact) return "damage";
      this.#addToGroup();
    }
    // What is passed over counts as if it were read: a segment is worth as much as is appended.
    const isOver = count < groupRecords;
    const end = isOver ? this.#log.endOf(this.#victim) : reader.offset + reader.bytes;
    this.#credit -= end - begun;
    return isOver ? "segment" : "group";
  }

  /** Finds the next records that count, from a byte offset on; returns how many. */
  #findLive(from: number): number {
    const { table } = this.#log;
    const places = this.#places;
    let left = this.#log.endOf(this.#victim) - from >> recordShift;
    let address = this.#log.addressAt(this.#victim, from);
    let place = from >> 2;
    let count = 0;
    while (count < groupRecords && left > 0) {
      const skipped = table.live.next(address, left);
      if (skipped < 0) break;
      place += skipped << recordShift - 2;
      places[count++] = place;
      address += skipped + 1;
      place += recordAlignment / 4;
      left -= skipped + 1;
    }
    return count;
  }

  #addToGroup(): void {
    const reader = this.#reader;
    const i = this.#groupSize++;
    this.#offsets[i] = reader.offset;
    this.#kinds[i] = reader.kind;
    this.#hashes[i] = this.#hash.ofView(reader.window.view, reader.keyStart, reader.keyEnd);
  }

  #keepPut(i: number): void {
    const offset = this.#offsets[i];
    const address = this.#log.addressAt(this.#victim, offset);
    if (!this.#index.leadsTo(this.#hashes[i], address)) return;
    const bytes = recordBytesAt(this.#reader.window, offset);
    const to = this.#copyRecord(offset, bytes);
    if (to === 0) return;
    this.#index.replace(to);
    this.#log.table.moveLive(address, to, bytes);
  }

  #keepDelete(i: number): void {
    const { window } = this.#reader;
    const { table } = this.#log;
    const offset = this.#offsets[i];
    const address = this.#log.addressAt(this.#victim, offset);
    const bytes = recordBytesAt(window, offset);
    if ((flagsAt(window, offset) & recordFlag.all) !== 0) {
      if (!this.#dropsDeletes) {
        // Moving it to the head would delete what came after it: the segment has to stay.
        table.holdsClear[this.#victim] = 1;
        this.#victim = -1;
        return;
      }
      this.#needsOldest = true;
      table.addLive(address, -bytes);
      return;
    }
    const keyStart = offset + recordHeaderBytes;
    const keyEnd = keyEndAt(window, offset);
    const isOverwritten = this.#index.find(this.#hashes[i], window.view, keyStart, keyEnd) !== 0;
    if (isOverwritten || this.#dropsDeletes) {
      if (!isOverwritten) this.#needsOldest = true;
      const left = this.#indexHeader.tombstoneBytes - bytes;
      this.#indexHeader.tombstoneBytes = Math.max(0, left);
    } else {
      const to = this.#copyRecord(offset, bytes);
      if (to === 0) return;
      table.addLive(to, bytes);
    }
    table.addLive(address, -bytes);
  }

  /** Copies a record to the head, as a record of its own; returns the copy's address, 0 when it is damaged. */
  #copyRecord(offset: number, bytes: number): number {
    const log = this.#log;
    const reader = this.#reader;
    const address = log.addressOf(log.reserve(bytes, 0));
    if (!log.appendCopy(reader.window, offset, reader.seedAt(offset), bytes)) {
      this.#stopAtDamage(offset);
      return 0;
    }
    this.copiedBytes += bytes;
    this.#crampedCredit -= bytes;
    return address;
  }

  /** The map and the count of live bytes have to agree; where not, all records are looked at again. */
  #finishUnlessMissed(): void {
    const { table } = this.#log;
    const victim = this.#victim;
    if (table.isMapped[victim] === 0 || table.liveBytes[victim] === 0) return this.#finish();
    table.isMapped[victim] = 0;
    this.#log.openRecords(this.#reader, victim);
  }

  #finish(): void {
    const { table, position } = this.#log;
    table.evacuate(this.#victim, position, this.#needsOldest);
    this.#victim = -1;
    this.emptied++;
  }

  /** No room for the copies: what was copied counts, the rest stays where it is. */
  #giveUp(error: unknown): void {
    if (!(error instanceof StoreError && error.code === "NO_SPACE")) throw error;
    this.#log.stretch.noteStuck(this.#victim);
    this.#victim = -1;
    this.#retryAt = this.#log.appendedBytes + this.#limits.segmentBytes;
  }

  #stopAtDamage(offset: number): void {
    const log = this.#log;
    log.table.damaged[this.#victim] = 1;
    this.onDamage({
      fileOffset: log.file.header.u8.length + log.bodyOffset(this.#victim, offset),
      bytes: log.endOf(this.#victim) - offset,
      reason: "records cannot be read",
    });
    this.#victim = -1;
  }
}
