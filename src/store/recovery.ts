/**
 * Recovery: from the bytes of the file back to a log, an index and counts.
 *
 * The segments are replayed in the order of their sequence numbers. What cannot be read before the
 * durable position is damage: it is reported and left where it is, and all else is used. Behind the
 * durable position it is the end of the log, wherever the last writes were torn: so what is recovered
 * is always a prefix of what happened, and a batch is recovered whole or not at all.
 */
import { type BodyRange, type StoreFile, windowOf } from "../sys/mapped_file.ts";
import { checksum } from "./checksum.ts";
import { StoreError } from "./errors.ts";
import {
  formatVersion,
  recordAlignment,
  recordBytes,
  recordFlag,
  recordHeaderBytes,
  recordKind,
  segmentHeader,
  segmentHeaderBytes,
  segmentMagic,
} from "./format.ts";
import type { HashIndex } from "./hash_index.ts";
import type { IndexHeader } from "./index_header.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import { segmentCountMax, type StoreLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import { expireAtOf, flagsAt, keyEndAt, offsetOf, recordBytesAt, RecordReader } from "./record.ts";
import { segmentState } from "./segment_table.ts";
import type { SuperblockState } from "./superblock.ts";

/** Bytes that could not be read, and are kept apart. */
export interface Damage {
  /** Where in the file they begin, in bytes. */
  readonly fileOffset: number;
  readonly bytes: number;
  readonly reason: string;
}

export interface RecoveryResult {
  readonly damages: Damage[];
  /** Records that were read. */
  readonly records: number;
  /** Bytes of whole records and segments behind the end of the log that were discarded. */
  readonly discardedBytes: number;
  /** The index was made anew, be it that damage was found while the end of the log was read into it. */
  readonly isRebuilt: boolean;
}

export interface RecoveryParts {
  readonly log: Log;
  readonly index: HashIndex;
  readonly indexHeader: IndexHeader;
  readonly hash: KeyedHash;
  readonly file: StoreFile;
  readonly state: SuperblockState;
  readonly limits: StoreLimits;
  /** Makes the superblock durable; null: the log is only looked at, nothing of it is written. */
  readonly writeSuperblock: (() => void) | null;
}

interface SegmentFound {
  readonly place: number;
  readonly sequence: number;
  readonly previous: number;
}

/** Bytes in which no record is found. Offsets in a window. */
interface Gap {
  readonly from: number;
  at: number;
  /** Where the record ends that is damaged, if its lengths are right. */
  readonly likelyEnd: number;
  /** How many bytes may be summed up. */
  credit: number;
}

/** Where the log ends: an offset in the window of the segment with this number. */
interface LogEnd {
  readonly segment: number;
  readonly offset: number;
}

/** A record of an open batch that waits for the batch's end. */
interface Member {
  readonly address: number;
  readonly kind: number;
}

/** The words of a segment header that tell that it belongs to a store. */
const identityWords: readonly number[] = [
  segmentHeader.magicWord,
  segmentHeader.versionWord,
  ...[0, 1, 2, 3].map((i) => segmentHeader.storeIdWord + i),
];
/** A header with so many of them is one, if perhaps a damaged one. */
const identityWordsMin = 3;
/**
 * What stands behind a damaged record may be anything, such as a value each 16 bytes of which look like the header of a
 * record that takes all the rest: so many bytes are summed up in search of the next record in any case, then so many for
 * each byte that is passed over. Records that are so short are always looked at.
 */
const searchedBytesMin = 2 ** 22;
const searchedPerByte = 8;
const shortRecordBytes = 256;
/** After about so many, others have their turn. */
const searchedAtOnce = 2 ** 24;
/** Not an offset: the search for the next record goes on. */
const notYet = -2;
const groupRecords = 32;
/** Segments that are asked for before the one that is read. */
const segmentsAhead = 8;
/** Segments whose headers are, once reading some of them took as long as a disk takes. */
const headersAhead = 256;
const headersTimed = 8;
const headersMsMax = 0.4;
/**
 * The index of the last word that is not 0; -1: all are. Most are, and an opening runs in V8's interpreter: so 16 of
 * them are read as 8 numbers, whose sum is 0 when all are. (What is not 0 cannot cancel out: counts are not negative.)
 */
function lastNotZero(words: Int32Array): number {
  const doubles = new Float64Array(words.buffer, words.byteOffset, words.length >> 1);
  let end = doubles.length;
  while (end >= doublesInStep) {
    const sum = doubles[end - 1] + doubles[end - 2] + doubles[end - 3] + doubles[end - 4] +
      doubles[end - 5] + doubles[end - 6] + doubles[end - 7] + doubles[end - 8];
    if (sum !== 0) break; // NaN, too.
    end -= doublesInStep;
  }
  let last = 2 * end - 1;
  while (last >= 0 && words[last] === 0) last--;
  return last;
}

/** How many numbers `lastNotZero` looks at in one step. */
const doublesInStep = 8;

export class Recovery {
  readonly #parts: RecoveryParts;
  readonly #log: Log;
  readonly #limits: StoreLimits;
  readonly #reader: RecordReader;
  /** The header of a segment. */
  readonly #header = windowOf(new ArrayBuffer(segmentHeaderBytes));
  readonly #damages: Damage[] = [];
  readonly #durable: number;
  /** What the identity words of this store's segments are. */
  readonly #identity: readonly number[];
  #found: SegmentFound[] = [];
  /** Free places whose header may be another one on the disk: that of a segment that was erased. */
  readonly #doubtful: number[] = [];
  /** Segments in use whose headers are not believed. */
  readonly #unreadable: number[] = [];
  #records = 0;
  #discarded = 0;
  /** 1 for each segment whose live bytes are counted anew. */
  readonly #replayed = new Uint8Array(segmentCountMax);
  /** Behind a damaged record: how far the search for the next one is, null when there is none. */
  #gap: Gap | null = null;
  /** The open batch's members, null outside of a batch. */
  #batch: Member[] | null = null;
  /** Where the open batch begins: cut there when its end is missing. */
  #batchSegment = -1;
  #batchOffset = 0;
  /** A batch never straddles the durable position. */
  #batchIsDurable = false;
  /** Before the first record that is no member: the batch they belong to ended long ago. */
  #implicitBatch = false;
  // Records whose turn it is: looked up together, so that their cache misses overlap.
  readonly #group = new Int32Array(groupRecords);
  readonly #groupKinds = new Uint8Array(groupRecords);
  readonly #groupHashes = new Int32Array(groupRecords);
  #groupSize = 0;
  /** Keeps the prefetch from being optimised away. */
  #prefetched = 0;
  /** All segments are replayed into an empty index: what is live is counted on the way. */
  #countsAll = false;
  /** The place of the segment of which only the end is replayed: its live bytes are counted on the way, too. */
  #resumed = -1;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
    this.#log = parts.log;
    this.#limits = parts.limits;
    this.#reader = new RecordReader(parts.limits);
    this.#durable = parts.state.durablePosition;
    this.#identity = [segmentMagic, formatVersion, ...parts.state.storeId];
  }

  /** Reads the headers of all segments into the table. */
  scanHeaders(): void {
    const { table } = this.#log;
    const { file, limits } = this.#parts;
    table.extend(Math.min(segmentCountMax, Math.floor(file.bodyBytes / limits.segmentBytes)));
    let asked = 0;
    let isOnDisk = false;
    let timedUntil = headersTimed;
    let timedSince = performance.now();
    for (let place = 0; place < table.count; place += this.#readHeader(place)) {
      if (place >= timedUntil && !isOnDisk) {
        const now = performance.now();
        isOnDisk = now - timedSince > headersMsMax;
        timedSince = now;
        timedUntil = place + headersTimed;
        asked = place;
      }
      // The disk reads many at once sooner than one after the other.
      while (isOnDisk && asked < Math.min(place + headersAhead, table.count)) {
        file.readAhead(asked++ * limits.segmentBytes, segmentHeaderBytes);
      }
    }
    this.#found.sort((a, b) => a.sequence - b.sequence);
    this.#dropDoubles();
    for (const { sequence, place } of this.#found) {
      this.#log.nextSequence = sequence + table.runLength[place];
    }
    const end = this.#log.nextSequence * limits.segmentBytes;
    const isCut = this.#durable > end || this.#durable > 0 && this.#found.length === 0;
    // A header that is damaged may have been that of the last segment, and is reported already.
    if (isCut && !this.isDamaged) {
      this.#reportMissing(table.count, "the end of the log is missing");
    }
  }

  /** How many bytes the newest segment takes. */
  get newestBytes(): number {
    const newest = this.#found.at(-1);
    return newest === undefined
      ? 0
      : this.#log.table.runLength[newest.place] * this.#limits.segmentBytes;
  }

  /** The sequence number of the newest segment, 0 when there is none. */
  get newestSequence(): number {
    return this.#found.at(-1)?.sequence ?? 0;
  }

  /** Something was found damaged so far. */
  get isDamaged(): boolean {
    return this.#damages.length > 0;
  }

  /** A current index knows of segments in use: reports those of which there is no header any more. */
  findMissing(liveBytes: Int32Array): void {
    const { table } = this.#log;
    const end = lastNotZero(liveBytes) + 1;
    for (let place = 0; place < end; place++) {
      if (liveBytes[place] === 0) continue;
      const isFound = place < table.count && table.state[place] === segmentState.sealed;
      if (!isFound) this.#reportMissing(place, "a segment is missing");
    }
  }

  /**
   * Takes back what a batch has changed in the index that was open when the process was killed, and in the counts of
   * live bytes. False: the index has to be rebuilt.
   */
  undoBatch(liveBytes: Int32Array): boolean {
    const { index, hash, indexHeader } = this.#parts;
    const { table, windows } = this.#log;
    const newest = this.#found.at(-1)?.place ?? 0;
    return index.undoBatch(hash, (address, sign, wasRemoved) => {
      const window = windows[address >>> 26];
      const offset = offsetOf(address);
      const place = table.firstOf[address >>> table.addressShift];
      liveBytes[place] += sign * recordBytesAt(window, offset);
      if (expireAtOf(window, offset) !== 0) indexHeader.volatileKeys += sign;
      if (!wasRemoved) return;
      // The delete record stands in the newest segment: a batch that goes on in another is not taken back here.
      const bytes = recordBytes(keyEndAt(window, offset) - offset - recordHeaderBytes, 0);
      liveBytes[newest] -= bytes;
      indexHeader.tombstoneBytes = Math.max(0, indexHeader.tombstoneBytes - bytes);
    });
  }

  #reportMissing(place: number, reason: string): void {
    this.#report(place, this.#log.windowOffset(place), this.#limits.segmentBytes, reason);
  }

  /** Returns how many places the segment at `place` takes. */
  #readHeader(place: number): number {
    const log = this.#log;
    const { table } = log;
    const start = log.windowOffset(place);
    const { u8, i32, f64 } = this.#header;
    this.#parts.file.read(place * this.#limits.segmentBytes, u8);
    let matching = 0;
    for (let i = 0; i < identityWords.length; i++) {
      if (i32[identityWords[i]] === this.#identity[i]) matching++;
    }
    const stored = i32[segmentHeader.checksumWord];
    const sum = checksum(i32, 0, segmentHeaderBytes / 4, 0);
    // Without a checksum, it was being written or cleared when the process was killed.
    const isUnfinished = stored === 0 && sum !== 0;
    if (matching < identityWordsMin || isUnfinished) {
      // Free, or the inside of a run that was freed: no entry of the index may lead here.
      table.setUnverified(place, 0);
      if (stored === 0 && !this.#isErasedForGood()) this.#doubtful.push(place);
      return 1;
    }
    const length = i32[segmentHeader.runLengthWord];
    const sequence = f64[segmentHeader.sequenceF64];
    if (
      matching === identityWords.length && sum === stored && length >= 1 &&
      place + length <= table.count
    ) {
      table.take(place, length, sequence, segmentState.sealed);
      table.setUnverified(place, log.seedFor(place, i32[segmentHeader.seedWord]));
      const previous = f64[segmentHeader.previousF64];
      this.#found.push({ place, sequence, previous });
      return length;
    }
    // Kept out of use: its records may still be of help to a repair.
    const reason = matching === identityWords.length && place + length > table.count
      ? "the file ends within a segment"
      : "a segment's header is damaged";
    const kept = this.#countKept(place, length);
    table.take(place, kept, 0, segmentState.sealed);
    table.damaged[place] = 1;
    this.#unreadable.push(place);
    this.#report(place, start, kept * this.#limits.segmentBytes, reason);
    return kept;
  }

  /**
   * How many places are kept of a segment whose damaged header says `length`: no more than there are before the next one
   * that has a header of its own.
   */
  #countKept(place: number, length: number): number {
    const { table } = this.#log;
    const header = windowOf(new ArrayBuffer(segmentHeaderBytes));
    const { i32, u8 } = header;
    const most = Math.min(length, table.count - place);
    for (let kept = 1; kept < most; kept++) {
      this.#parts.file.read((place + kept) * this.#limits.segmentBytes, u8);
      const isHeader = identityWords.every((word, i) => i32[word] === this.#identity[i]);
      if (isHeader) return kept;
    }
    return Math.max(1, most);
  }

  /**
   * Whether a header without a checksum is one of a place that nobody has used since the body had it, or of a segment whose
   * erasure a sync has covered. Otherwise it may stand in the page cache only, be it that the kernel takes it for written.
   */
  #isErasedForGood(): boolean {
    const { i32, f64 } = this.#header;
    const erasedAt = f64[segmentHeader.previousF64];
    const word = 2 * segmentHeader.previousF64;
    if (i32.some((value, i) => value !== 0 && i >> 1 !== word >> 1)) return false;
    return i32[word] === 0 && i32[word + 1] === 0 || erasedAt > 0 && erasedAt < this.#durable;
  }

  /** Of two segments with one sequence number, which only damage can cause, none is believed. */
  #dropDoubles(): void {
    this.#found = this.#found.filter(({ place, sequence }, i, all) => {
      const isDouble = all[i - 1]?.sequence === sequence || all[i + 1]?.sequence === sequence;
      if (!isDouble) return true;
      this.#log.table.damaged[place] = 1;
      this.#log.table.sequence[place] = 0;
      this.#unreadable.push(place);
      const start = this.#log.windowOffset(place);
      this.#report(
        place,
        start,
        this.#limits.segmentBytes,
        "two segments have one sequence number",
      );
      return false;
    });
  }

  /** Takes over the counts of live bytes that a current index file had. */
  restoreLiveBytes(liveBytes: Int32Array): void {
    const { table } = this.#log;
    for (const { place } of this.#found) {
      const bytes = table.runLength[place] * this.#limits.segmentBytes;
      const live = Math.max(0, Math.min(bytes, liveBytes[place]));
      table.setLive(place, live);
    }
  }

  /** A store that was stopped in order can go on where it ended: all segments up to there are found. */
  get canResume(): boolean {
    const last = this.#found.at(-1);
    if (last === undefined) return false;
    const inSegment = this.#durable - last.sequence * this.#limits.segmentBytes;
    const length = this.#log.table.runLength[last.place] * this.#limits.segmentBytes;
    return inSegment >= segmentHeaderBytes && inSegment <= length;
  }

  /** The store was stopped in order and its index is at hand: the log goes on where it ended. */
  resume(): void {
    const last = this.#found.at(-1)!;
    const inSegment = this.#durable - last.sequence * this.#limits.segmentBytes;
    this.#log.resumeHead(last.place, this.#log.windowOffset(last.place) + inSegment);
    this.#log.nextSequence = this.#parts.state.nextSequence;
  }

  /**
   * Replays the segments whose sequence number is `fromSequence` or above, and ends the log; 0: all of
   * them, into an empty index. Of the first of them, what is before the log position `fromPosition` is left out. Yields
   * how much of the log is read, 0 to 1, after each segment.
   *
   * When there is damage among them or in the index that survived, all segments are replayed into an
   * empty one: the other's entries of what is damaged would lead to whatever is written there next.
   */
  *replay(fromSequence: number, fromPosition = 0): Generator<number, RecoveryResult> {
    const known = this.#damages.length;
    const first = this.#found.findIndex(({ sequence }) => sequence >= fromSequence);
    const from = first < 0 ? this.#found.length : first;
    this.#countsAll = fromSequence === 0;
    this.#resumed = fromPosition > 0 && from < this.#found.length ? this.#found[from].place : -1;
    this.#implicitBatch = from > 0 && this.#resumed < 0;
    const { table } = this.#log;
    for (let i = from; i < this.#found.length; i++) {
      const { place } = this.#found[i];
      if (place === this.#resumed) continue;
      this.#replayed[place] = 1;
      table.setLive(place, 0);
    }
    if (this.#countsAll) table.hasUnverified = false;
    let end = this.#found.length;
    let cut: LogEnd | null = null;
    let previous: SegmentFound | null = this.#found[from - 1] ?? null;
    for (let i = from; i < Math.min(from + segmentsAhead, this.#found.length); i++) {
      this.#readAhead(this.#found[i]);
    }
    for (let i = from; i < this.#found.length; i++) {
      const segment = this.#found[i];
      if (i + segmentsAhead < this.#found.length) this.#readAhead(this.#found[i + segmentsAhead]);
      const isBehind = segment.sequence * this.#limits.segmentBytes >= this.#durable;
      if (isBehind && segment.previous !== (previous?.sequence ?? 0)) {
        end = i; // The segment before this one is missing, or was not written to its end.
        break;
      }
      let offset = this.#tryToReplay(segment, i, fromPosition);
      while (offset === notYet) {
        yield i / this.#found.length;
        offset = this.#tryToReplay(segment, i, fromPosition);
      }
      const isWhole = this.#damages.length === known && !this.#parts.index.isDamaged;
      if (offset === null || !this.#countsAll && !isWhole) {
        this.#startOver(known);
        return yield* this.replay(0);
      }
      // All that is left of it is whole. An index that survived may lead to what is not.
      const isRead = table.damaged[segment.place] === 0 && segment.place !== this.#resumed;
      if (isRead) table.unverified[segment.place] = 0;
      previous = segment;
      if (offset >= 0) {
        cut = { segment: i, offset };
        end = i + 1;
        break;
      }
      yield (i + 1) / this.#found.length;
    }
    if (this.#batch !== null && this.#batchIsDurable) this.#endBatch(); // Only its end is damaged.
    this.#applyGroup();
    if (this.#batch !== null) {
      // Its end is missing: nothing of it happened.
      if (end === this.#batchSegment + 1) {
        this.#discarded += this.#reader.offset - this.#batchOffset;
      }
      cut = { segment: this.#batchSegment, offset: this.#batchOffset };
      end = this.#batchSegment + 1;
    }
    const { writeSuperblock } = this.#parts;
    if (writeSuperblock !== null) this.#endLog(end, cut, writeSuperblock);
    if (!this.#countsAll) this.#recount(from, end);
    return {
      damages: this.#damages,
      records: this.#records,
      discardedBytes: this.#discarded,
      isRebuilt: this.#countsAll,
    };
  }

  #readAhead({ place }: SegmentFound): void {
    const { segmentBytes } = this.#limits;
    const bytes = this.#log.table.runLength[place] * segmentBytes;
    this.#parts.file.readAhead(place * segmentBytes, bytes);
  }

  /** Forgets what was replayed, and damages from the one with number `known` on. */
  #startOver(known: number): void {
    this.#damages.length = known;
    this.#records = 0;
    this.#discarded = 0;
    this.#batch = null;
    this.#gap = null;
    this.#groupSize = 0;
    this.#parts.index.clear();
    this.#clearLive();
  }

  /** As `#replaySegment`; null when the index that survived turns out not to be whole. */
  #tryToReplay(segment: SegmentFound, index: number, fromPosition: number): number | null {
    try {
      const end = this.#replaySegment(segment, index, fromPosition);
      this.#applyGroup();
      return end;
    } catch (error) {
      if (this.#countsAll || !(error instanceof StoreError)) throw error;
      return null;
    }
  }

  /** Returns -1, or the window offset at which the log ends; `notYet`: it is to be called again. */
  #replaySegment({ place, sequence }: SegmentFound, index: number, fromPosition: number): number {
    const log = this.#log;
    const reader = this.#reader;
    const end = log.endOf(place);
    const base = sequence * this.#limits.segmentBytes - log.windowOffset(place);
    if (this.#gap === null) {
      log.openRecords(reader, place, place === this.#resumed ? fromPosition - base : undefined);
    }
    while (reader.hasRoom) {
      if (this.#gap !== null || !reader.next()) {
        if (this.#gap === null) {
          if (base + reader.offset >= this.#durable) return reader.offset;
          this.#beginGap(place);
        }
        const found = this.#searchOn(this.#gap!, place, end, base);
        if (found === "not yet") return notYet;
        if (found === "end of log") return reader.offset;
        if (!reader.hasRoom) break;
      }
      this.#records++;
      if (reader.kind === recordKind.seal) return -1;
      const isBehind = base + reader.offset >= this.#durable;
      if (!this.#takeRecord(place, index, isBehind)) return reader.offset;
    }
    return -1;
  }

  /** Handles the reader's record; false when the log cannot go on with it. */
  #takeRecord(place: number, index: number, isBehind: boolean): boolean {
    const reader = this.#reader;
    const isMember = (reader.flags & recordFlag.member) !== 0;
    const address = this.#log.addressAt(place, reader.offset);
    if (reader.kind === recordKind.batch) {
      const begins = (reader.flags & recordFlag.batchBegin) !== 0;
      if (begins) {
        if (this.#batch !== null) {
          if (isBehind) return false;
          this.#endBatch(); // Only its end is damaged.
        }
        this.#batch = [];
        this.#batchSegment = index;
        this.#batchOffset = reader.offset;
        this.#batchIsDurable = !isBehind;
      } else if (this.#batch !== null) this.#endBatch();
      else if (isBehind && !this.#implicitBatch) return false;
      this.#implicitBatch = false;
      return true;
    }
    if (this.#batch !== null) {
      if (isMember) {
        this.#batch.push({ address, kind: reader.kind });
        return true;
      }
      if (isBehind) return false;
      this.#endBatch();
    } else if (isMember && isBehind && !this.#implicitBatch) return false;
    if (!isMember) this.#implicitBatch = false;
    this.#apply(address, reader.kind);
    return true;
  }

  #endBatch(): void {
    const members = this.#batch!;
    this.#batch = null;
    for (const { address, kind } of members) this.#apply(address, kind);
  }

  /** Has a record come into effect, with those that `#group` holds, in their order. */
  #apply(address: number, kind: number): void {
    const window = this.#log.windows[address >>> 26];
    const offset = offsetOf(address);
    const keyStart = offset + recordHeaderBytes;
    const keyEnd = keyEndAt(window, offset);
    const i = this.#groupSize++;
    this.#group[i] = address;
    this.#groupKinds[i] = kind;
    this.#groupHashes[i] = this.#parts.hash.ofView(window.view, keyStart, keyEnd);
    if (this.#groupSize === groupRecords) this.#applyGroup();
  }

  #applyGroup(): void {
    const size = this.#groupSize;
    this.#groupSize = 0;
    this.#prefetched = this.#parts.index.prefetch(this.#groupHashes, size);
    for (let i = 0; i < size; i++) {
      const address = this.#group[i];
      const keyHash = this.#groupHashes[i];
      if (this.#groupKinds[i] === recordKind.put) this.#applyPut(address, keyHash);
      else this.#applyDelete(address, keyHash);
    }
  }

  #applyPut(address: number, keyHash: number): void {
    const { index } = this.#parts;
    const window = this.#log.windows[address >>> 26];
    const offset = offsetOf(address);
    const keyStart = offset + recordHeaderBytes;
    const keyEnd = keyEndAt(window, offset);
    const old = index.find(keyHash, window.view, keyStart, keyEnd);
    if (old === address) return;
    if (this.#countsLive(address)) {
      this.#log.table.addLive(address, recordBytesAt(window, offset));
    }
    if (expireAtOf(window, offset) !== 0) this.#parts.indexHeader.volatileKeys++;
    if (old !== 0) {
      this.#subtract(old);
      index.replace(address);
    } else {
      index.prepareInsert(keyHash, window.view, keyStart, keyEnd);
      index.insert(keyHash, address);
    }
  }

  #applyDelete(address: number, keyHash: number): void {
    const { index } = this.#parts;
    const { table, windows } = this.#log;
    const window = windows[address >>> 26];
    const offset = offsetOf(address);
    const keyStart = offset + recordHeaderBytes;
    const keyEnd = keyEndAt(window, offset);
    const bytes = recordBytesAt(window, offset);
    if (keyEnd === keyStart && (flagsAt(window, offset) & recordFlag.all) !== 0) {
      index.clear();
      this.#clearLive();
      if (this.#countsLive(address)) table.addLive(address, bytes);
      table.holdsClear[table.firstOf[address >>> table.addressShift]] = 1;
      return;
    }
    const old = index.find(keyHash, window.view, keyStart, keyEnd);
    // Without such a key, the process that was killed had come so far, and has counted it.
    if (this.#countsAll || old !== 0) {
      if (this.#countsLive(address)) table.addLive(address, bytes);
      this.#parts.indexHeader.tombstoneBytes += bytes;
    }
    if (old === 0) return;
    this.#subtract(old);
    index.remove();
  }

  /** The record at `address`, which is applied, is not counted later with its segment. */
  #countsLive(address: number): boolean {
    const { table } = this.#log;
    return this.#countsAll || table.firstOf[address >>> table.addressShift] === this.#resumed;
  }

  /** The record at `address` counts no more, unless its segment is counted anew anyway. */
  #subtract(address: number): void {
    const { table, windows } = this.#log;
    const window = windows[address >>> 26];
    const offset = offsetOf(address);
    if (expireAtOf(window, offset) !== 0) this.#parts.indexHeader.volatileKeys--;
    const isRecounted = this.#replayed[table.firstOf[address >>> table.addressShift]] === 1;
    if (!this.#countsAll && isRecounted) return;
    table.addLive(address, -recordBytesAt(window, offset));
  }

  #clearLive(): void {
    const { table } = this.#log;
    for (const { place } of this.#found) {
      table.setLive(place, 0);
    }
    this.#parts.indexHeader.tombstoneBytes = 0;
    this.#parts.indexHeader.volatileKeys = 0;
  }

  /** What stands at the reader's offset is no record. */
  #beginGap(place: number): void {
    const reader = this.#reader;
    const from = reader.offset;
    this.#log.table.damaged[place] = 1;
    const likelyEnd = reader.lookAt(from) ? from + reader.bytes : -1;
    reader.bytes = 0;
    this.#gap = { from, at: from, likelyEnd, credit: searchedBytesMin };
  }

  /** Goes to the next record that can be read, and reports what lies between. */
  #searchOn(
    gap: Gap,
    place: number,
    end: number,
    base: number,
  ): "found" | "not yet" | "end of log" {
    const reader = this.#reader;
    let left = searchedAtOnce;
    while (gap.at + recordAlignment < end) {
      if (left <= 0) {
        reader.bytes = 0;
        return "not yet";
      }
      gap.at += recordAlignment;
      gap.credit += searchedPerByte * recordAlignment;
      left -= recordAlignment;
      if (base + gap.at >= this.#durable) {
        this.#endGap(gap, place, gap.at);
        reader.bytes = 0;
        return "end of log";
      }
      if (!reader.lookAt(gap.at)) continue;
      const { bytes } = reader;
      if (bytes > shortRecordBytes && gap.at !== gap.likelyEnd) {
        if (bytes > gap.credit) continue;
        gap.credit -= bytes;
      }
      left -= bytes;
      if (!reader.isIntact) continue;
      this.#endGap(gap, place, gap.at);
      return "found";
    }
    this.#endGap(gap, place, end);
    reader.offset = end;
    reader.bytes = 0;
    return "found";
  }

  #endGap({ from }: Gap, place: number, to: number): void {
    this.#report(place, from, to - from, "records cannot be read");
    this.#gap = null;
  }

  /**
   * Cuts off what is behind the end of the log, for good, and begins a fresh segment.
   *
   * What was recovered may not be on the disk yet: the first sync round brings it there, and until then
   * a power cut leads here again, to the same end of the log or an earlier one behind the durable
   * position. That is why segments are erased, durably, before the seal in front of them is written:
   * with the seal alone, the log would seem to go on behind it.
   */
  #endLog(
    end: number,
    cut: LogEnd | null,
    writeSuperblock: () => void,
  ): void {
    const { state, limits } = this.#parts;
    const log = this.#log;
    const { table } = log;
    // Sequence numbers that were in use and are lost must not come again: their records may be on the
    // disk. Each took a place of its own.
    log.nextSequence = Math.max(log.nextSequence, state.nextSequence) + table.count + 1;
    state.nextSequence = log.nextSequence;
    writeSuperblock();
    // What looks free may have been erased by a process that was killed: in the page cache only. If it
    // were written, or the seal there first, the old header could come back with a power cut.
    for (const place of this.#doubtful) {
      if (table.state[place] === segmentState.free) log.eraseAgain(place);
    }
    for (let place = 0; place < table.count; place++) {
      if (table.state[place] !== segmentState.free) continue;
      log.markDirty({ offset: place * limits.segmentBytes, length: limits.segmentBytes });
    }
    // Deletes of what they hold are dropped: it must not come back, as it might with another look at a failing disk.
    for (const place of this.#unreadable) log.spoilHeader(place);
    this.#discard(end);
    this.#goOn(cut);
    log.unproven = this.#found.map((segment) => this.#unprovenOf(segment))
      .filter(({ length }) => length > 0);
  }

  /** Erases the segments from that with number `end` on, durably. */
  #discard(end: number): void {
    const log = this.#log;
    const { table } = log;
    for (const { place } of this.#found.splice(end)) {
      log.eraseSegment(place);
      this.#discarded += table.runLength[place] * this.#limits.segmentBytes;
    }
    this.#parts.file.syncAll(log.takeDirty());
    for (const place of log.erased) table.release(place);
    log.erased = [];
  }

  /**
   * Sees to it that there is a segment to append to: a fresh one. When the body cannot grow and what is free is held in
   * reserve, where the log ended: a store without room would lose a segment with each kill, and not be opened any more
   * in the end.
   */
  #goOn(cut: LogEnd | null): void {
    const log = this.#log;
    let end = cut;
    let next = log.findSpare();
    if (next < 0 && end !== null && this.#isNotNeeded(end)) {
      this.#discard(end.segment);
      end = null;
      next = log.findSpare();
    }
    const last = this.#found.at(-1);
    if (next >= 0 || last === undefined) {
      if (end !== null) this.#seal(last!.place, end.offset);
      log.lastSequence = last?.sequence ?? 0;
      log.begin(next);
      return;
    }
    this.#goOnIn(last.place, end);
  }

  /** Whether a segment behind the durable position has no record, such as the run of a large one that was torn. */
  #isNotNeeded({ segment, offset }: LogEnd): boolean {
    const { place, sequence } = this.#found[segment];
    return offset === this.#log.windowOffset(place) + segmentHeaderBytes &&
      sequence * this.#limits.segmentBytes >= this.#durable;
  }

  /** Appends to the log's last segment; null: it is full. */
  #goOnIn(place: number, end: LogEnd | null): void {
    const log = this.#log;
    const segmentEnd = log.endOf(place);
    if (end === null) return log.goOnAt(place, segmentEnd);
    if (log.table.damaged[place] === 1) {
      this.#seal(place, end.offset);
      return log.goOnAt(place, segmentEnd);
    }
    // Behind what will be appended there must be no record that was cut off. Should the power fail before all of it is
    // zero, the log may go on further than it did for this opening: nobody has seen that yet.
    log.windowOf(place).u8.fill(0, end.offset, segmentEnd);
    this.#parts.file.sync(log.bodyOffset(place, end.offset), segmentEnd - end.offset);
    log.goOnAt(place, end.offset);
  }

  /** What a segment holds behind the durable position: it may be in the page cache only. */
  #unprovenOf({ place, sequence }: SegmentFound): BodyRange {
    const { segmentBytes } = this.#limits;
    const log = this.#log;
    const end = place === log.head ? log.headOffset : log.endOf(place);
    const bytes = end - log.windowOffset(place);
    const from = Math.max(0, this.#durable - sequence * segmentBytes);
    return { offset: place * segmentBytes + from, length: Math.max(0, bytes - from) };
  }

  /** Ends the records of a segment at `offset`; what was behind is zero from now on. */
  #seal(place: number, offset: number): void {
    const log = this.#log;
    log.resumeHead(place, offset);
    log.sealHead();
    const sealed = log.headOffset;
    if (sealed === offset) return; // Not even a seal fits: no record does.
    // The zeros must not be there before the seal is: they might mend a record that was torn.
    this.#parts.file.sync(log.bodyOffset(place, offset), sealed - offset);
    log.windowOf(place).u8.fill(0, sealed, log.endOf(place));
  }

  /** Counts the live bytes of the replayed segments. */
  #recount(from: number, end: number): void {
    const { index, hash } = this.#parts;
    const log = this.#log;
    const { table } = log;
    const reader = this.#reader;
    // The last one may have been discarded.
    for (let i = from; i < Math.min(end, this.#found.length); i++) {
      const { place } = this.#found[i];
      if (place === this.#resumed) continue;
      let live = 0;
      log.openRecords(reader, place);
      // Damaged stretches end the count: such a segment is never emptied anyway.
      while (reader.hasRoom && reader.next() && reader.kind !== recordKind.seal) {
        if (reader.kind === recordKind.delete) {
          live += reader.bytes;
          if ((reader.flags & recordFlag.all) !== 0) table.holdsClear[place] = 1;
        } else if (reader.kind === recordKind.put) {
          const { u8 } = reader.window;
          const keyHash = hash.of(u8, reader.keyStart, reader.keyEnd);
          const address = log.addressAt(place, reader.offset);
          if (index.leadsTo(keyHash, address)) live += reader.bytes;
        }
      }
      table.setLive(place, live);
    }
  }

  #report(place: number, offset: number, bytes: number, reason: string): void {
    const fileOffset = this.#parts.file.header.u8.length + this.#log.bodyOffset(place, offset);
    this.#damages.push({ fileOffset, bytes, reason });
  }
}
