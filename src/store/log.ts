/**
 * The log: records are appended to the head segment, and nothing that is live is ever overwritten.
 * This file places records and hands out segments; what a record means is the store's business.
 *
 * A record is put together in the stage (`stage.ts`), or a longer one in memory of this process, and written to the
 * file from there; only what is too long for that is written where the file is mapped.
 *
 * An address is a 32-bit count of 16-byte units from the start of the body. 26 bits of it lie within
 * a window of 1 GiB, so that a byte offset inside a window stays a small integer.
 */
import type { BodyRange, StoreFile, Window } from "../sys/mapped_file.ts";
import { SystemError, windowOf } from "../sys/mapped_file.ts";
import { assert } from "./assert.ts";
import { checksum, copyResealed } from "./checksum.ts";
import { cannotGrow, StoreError } from "./errors.ts";
import { type RecordReader, recordSeed } from "./record.ts";
import {
  formatVersion,
  record,
  recordAlignment,
  recordBytes,
  recordFlag,
  recordHeaderBytes,
  recordKind,
  segmentHeader,
  segmentHeaderBytes,
  segmentMagic,
} from "./format.ts";
import { ReaderWords } from "./reader_words.ts";
import { CutPace } from "./cut_pace.ts";
import { DecayingCount } from "./decaying_count.ts";
import { bodyBytesMax, segmentCountMax, shrinkBytesMax, type StoreLimits } from "./limits.ts";
import { ReadySegments } from "./ready_segments.ts";
import { segmentState, SegmentTable } from "./segment_table.ts";
import { Stage } from "./stage.ts";
import { Stretch } from "./stretch.ts";

/** Where the head stands; what a failed batch goes back to. */
export interface HeadMark {
  readonly segment: number;
  readonly offset: number;
  readonly nextSequence: number;
}

/**
 * What a record is appended for. In a full store, writes stop first, so that deletes can go on; these
 * stop before compaction does, so that it can make room out of what was deleted.
 */
export type AppendPurpose = "write" | "delete" | "compaction";

/** The shares of the reserved segments that are left to others. */
const reserveShares: Readonly<Record<AppendPurpose, number>> = {
  write: 1,
  delete: 0.5,
  compaction: 0,
};
const sealBytes = 32;
/** What a record takes in its segment beside its key and value, at most: its header, padding, the end of a batch. */
const overheadBytesMax = recordHeaderBytes + recordAlignment + sealBytes;
/** While the body can grow by so many places more than somebody needs, there are enough. */
const growthOfOthers = 16;
/** The body grows by this part of it at a time, and by so many segments at least and at most. */
const growthPart = 16;
const growthSegmentsMin = 1;
const growthSegmentsMax = 64;
/** Growing by more takes the file system tens of milliseconds at times: it begins so many segments earlier. */
const quickGrowthMax = 16;
/** A log is written fast when it takes more places than these in `growthLeadMs`, by so many earlier it grows at most. */
const slowPaceMax = 80;
const paceGrowthMax = 128;
/** A log that is written fast is not made shorter; so much later it may not be any more. */
const shrinkLaterMs = 100;
/**
 * A log that has taken so many places in `growthLeadMs` may be written on: for so long it keeps what it needs for that, since who
 * writes waits for a cut.
 */
const lastingPaceMin = 2;
const lastingMs = 10_000;
/** A file should be no more than so many times as long as what is live: from there on it grows by little. */
const longFactor = 1.9;
const longGrowthMax = 2;
/** One that is longer by more than this is cut even while it is written. */
const muchTooLongBytes = 2 ** 26;
/** This part of the body is kept ready, but never more than so many times what a small one has. */
const aheadPart = 64;
const aheadTimesMax = 3;
/** Records of up to so many bytes are put together outside of the file's mapping; memory for them is kept, up to so much. */
const scratchBytesMax = 2 ** 26;
const scratchBytesKept = 2 ** 23;
const scratchBytesMin = 2 ** 20;

/** Where records are put together. */
const placement = { staged: 0, scratch: 1, mapped: 2 } as const;

export class Log {
  readonly file: StoreFile;
  readonly windows: Window[];
  readonly table: SegmentTable;
  readonly segmentBytes: number;
  /** Records that are not in the file yet. */
  readonly stage: Stage;
  /** Records are staged until `writeOut`; otherwise each is in the file when it has been appended. */
  holdsRecords = false;
  /** The head segment, and its window's number. */
  head = -1;
  headWindowNumber = 0;
  /** Byte offset in the window of the head segment where the next record goes. */
  headOffset = 0;
  /** Where the next record is put together. */
  headWindow!: Window;
  /** Where the head segment ends in the window. */
  headEnd = 0;
  /** The checksum seed of records in the head segment. */
  headSeed = 0;
  nextSequence = 1;
  /** The sequence of the segment that is or was the head last; the next one names it. */
  lastSequence = 0;
  /** Segments whose headers are erased, and which wait for that to be durable. */
  erased: number[] = [];
  /**
   * Called with the sequence of the segment that becomes the head, before its header can be read:
   * everything in segments before it was appended.
   */
  onHead: (sequence: number) => void = () => {};
  /** Called when records could not be written to the file: returns what is to be thrown. */
  onWriteFailure: (error: Error) => Error = (error) => error;
  /** What the opening found behind the durable position, until it is known to be on the disk; see `RecoveredBytes`. */
  unproven: readonly BodyRange[] = [];
  /** Called when the file has become shorter. */
  onCut: () => void = () => {};
  /** Who else reads the log is told here. */
  readers = new ReaderWords();
  /** What is appended now: deletes and compaction may take segments that are held in reserve. */
  purpose: AppendPurpose = "write";
  /** The body could not grow when it was tried last. */
  growthFailed = false;
  /** How many places the body may have; a body that has more already shrinks as it can. */
  placesMax = Infinity;
  /** So many may be used to make such a body shorter, by deletes and compaction. */
  placesToShrink = 0;
  /** When more places are in use than these, somebody needs room: then compaction goes on where it can. */
  placesInUseMax = Infinity;
  /** Neighbouring places that are being emptied for a large record. */
  readonly stretch: Stretch;
  /** A write of a record that needs so many neighbouring places found none since somebody has looked; 0: none did. */
  refusedPlaces = 0;
  /** Bytes appended since the log was opened. */
  appendedBytes = 0;
  /** Records appended since the log was opened. */
  appendedRecords = 0;
  readonly #limits: StoreLimits;
  readonly #storeId: Int32Array;
  /** Log position of the head window's byte 0. */
  #headBase = 0;
  readonly #ready: ReadySegments;
  readonly #takenPlaces: DecayingCount;
  /** When it last took places at a pace that may come again. */
  #lastTakenMs = -Infinity;
  /** The body grows in the background. */
  #growth: Promise<boolean> | null = null;
  /** It could not the last time: it is not tried again before there has to be more room. */
  #wasRefusedGrowth = false;
  /** The head was taken out of the reserve. */
  #isHeadOfReserve = false;
  #closed = false;
  /** The end of the file is being cut off. */
  #cutting = false;
  readonly #cutPace = new CutPace();
  /** What is to be cut off: from place `end` on, given up at a time by `performance.now()`; oldest first. */
  readonly #givenUp: { end: number; readonly ms: number }[] = [];
  /** Segments with bytes that no sync has covered, other than the head. */
  #dirty: BodyRange[] = [];
  /** Where the batch begins that is open, a log position, and how many records were appended before; -1: none is. */
  #batchPosition = -1;
  #recordsBeforeBatch = 0;
  /** From here on the head segment is dirty; a window offset. */
  #headDirtyFrom = 0;
  /** What is at an offset in the head segment's window is put together so many bytes before that. */
  #shift = 0;
  /** Up to this offset, records go where the last one went. */
  #placedEnd = 0;
  #placement: number = placement.mapped;
  /** Up to here the head segment is in the file; a window offset. */
  #writtenEnd = 0;
  /** For `placement.scratch`. */
  #scratch = windowOf(new ArrayBuffer(0));

  constructor(
    file: StoreFile,
    table: SegmentTable,
    limits: StoreLimits,
    storeId: Int32Array,
    stage = Stage.inMemory(file, limits.stageHalfBytes),
  ) {
    this.file = file;
    this.stage = stage;
    this.windows = file.windows;
    this.table = table;
    this.segmentBytes = limits.segmentBytes;
    this.#ready = new ReadySegments(file, table, limits.segmentBytes);
    this.stretch = new Stretch(table, limits);
    this.#takenPlaces = new DecayingCount(limits.growthLeadMs);
    this.#limits = limits;
    this.#storeId = storeId;
  }

  /** The log position at which the next record will stand. Positions only grow. */
  get position(): number {
    return this.#headBase + this.headOffset;
  }

  /**
   * The same before the batch that is open: a recovery takes what is before the durable position for complete, so that
   * is never within a batch.
   */
  get settledPosition(): number {
    return this.#batchPosition < 0 ? this.position : this.#batchPosition;
  }

  /** `appendedRecords` as of `settledPosition`. */
  get settledRecords(): number {
    return this.#batchPosition < 0 ? this.appendedRecords : this.#recordsBeforeBatch;
  }

  /** The address of what is put together at a byte offset of `headWindow`. */
  addressOf(offset: number): number {
    return this.headWindowNumber << 26 | offset + this.#shift >>> 4;
  }

  /** The address of a byte offset in the window of any segment. */
  addressAt(segment: number, offset: number): number {
    return this.#windowNumber(segment) << 26 | offset >>> 4;
  }

  #windowNumber(segment: number): number {
    return Math.floor(segment * this.segmentBytes / 2 ** 30);
  }

  /** Byte offset of a segment's start in its window. */
  windowOffset(segment: number): number {
    return segment * this.segmentBytes % 2 ** 30;
  }

  windowOf(segment: number): Window {
    return this.windows[this.#windowNumber(segment)];
  }

  /** Byte offset in its window where a segment ends. */
  endOf(segment: number): number {
    return this.windowOffset(segment) + this.table.runLength[segment] * this.segmentBytes;
  }

  /** Where in the body, in bytes, an offset in the window of a segment is. */
  bodyOffset(segment: number, offset: number): number {
    return segment * this.segmentBytes + offset - this.windowOffset(segment);
  }

  /** Has a reader begin at a segment's first record, or at another offset in its window. */
  openRecords(reader: RecordReader, segment: number, from?: number): void {
    const start = from ?? this.windowOffset(segment) + segmentHeaderBytes;
    reader.open(this.windowOf(segment), start, this.endOf(segment), this.seedOf(segment));
  }

  /** The seed of the checksums of a segment's records, with offsets in the window. */
  seedOf(segment: number): number {
    const start = this.windowOffset(segment);
    return this.seedFor(segment, this.windowOf(segment).i32[(start >> 2) + segmentHeader.seedWord]);
  }

  /** The same when its header's seed word is known. */
  seedFor(segment: number, seedWord: number): number {
    // Only a record's place in its segment counts: a backup puts whole segments elsewhere.
    return recordSeed(this.table.sequence[segment] ^ seedWord, -this.windowOffset(segment));
  }

  /**
   * Finds room for a record of `bytes` with `spare` bytes behind it in the same segment; returns the
   * record's offset in `headWindow`. Nothing is appended until `append`. Begins one half of the stage at most, so that
   * a record that was found before stays where it was found. Throws StoreError NO_SPACE, SYNC_FAILED.
   */
  reserve(bytes: number, spare: number): number {
    if (this.headOffset + bytes + spare > this.#placedEnd || this.#isHeadBarred) {
      this.#findRoom(bytes, spare);
    }
    return this.headOffset - this.#shift;
  }

  /** The same for what makes room: that may take segments which are held in reserve. */
  reserveFor(purpose: AppendPurpose, bytes: number, spare: number): number {
    this.purpose = purpose;
    try {
      return this.reserve(bytes, spare);
    } finally {
      this.purpose = "write";
    }
  }

  #findRoom(bytes: number, spare: number): void {
    const isFull = this.headOffset + bytes + spare > this.headEnd;
    if (isFull || this.#isHeadBarred) this.#roll(bytes + spare);
    this.#place(bytes, spare);
  }

  /** Decides where the next records are put together, of which `bytes` and `spare` are known. */
  #place(bytes: number, spare: number, mayStage = true): void {
    if (this.headOffset + bytes + spare <= this.#placedEnd) return;
    this.writeOut();
    if (mayStage && this.isStaged(bytes + spare)) return this.#placeInStage();
    // What goes to the spare room is staged: there, nothing fails.
    this.stage.end();
    if (bytes > scratchBytesMax) this.#placeInFile(bytes);
    else this.#placeIn(placement.scratch, this.#scratchFor(bytes), 0, bytes);
  }

  /** Whether records of so many bytes, with what has to stand in their segment as well, are staged. */
  isStaged(bytes: number): boolean {
    return bytes <= this.stage.halfBytes / 2;
  }

  #placeInFile(bytes: number): void {
    this.#placeIn(placement.mapped, this.windowOf(this.head), this.headOffset, bytes);
  }

  #scratchFor(bytes: number): Window {
    if (this.#scratch.u8.length >= bytes) return this.#scratch;
    const length = Math.max(scratchBytesMin, 2 ** Math.ceil(Math.log2(bytes)));
    const scratch = windowOf(new ArrayBuffer(length));
    if (length <= scratchBytesKept) this.#scratch = scratch;
    return scratch;
  }

  #placeInStage(): void {
    const { stage } = this;
    const bytes = Math.min(stage.halfBytes, this.headEnd - this.headOffset);
    const address = this.headWindowNumber << 26 | this.headOffset >>> 4;
    const segment = { place: this.head, sequence: this.lastSequence };
    const start = stage.begin(segment, address, bytes);
    this.#placeIn(placement.staged, stage.window, start, bytes);
  }

  #placeIn(place: number, window: Window, start: number, bytes: number): void {
    this.#placement = place;
    this.headWindow = window;
    this.#shift = this.headOffset - start;
    this.#placedEnd = this.headOffset + bytes;
  }

  /**
   * Writes what is staged to the file, where it outlives this process whatever becomes of the index: to be called before
   * anybody is told of it. Throws what `onWriteFailure` returns; then it is staged still.
   */
  writeOut(): void {
    if (this.isWrittenOut) return;
    this.#writeUpTo(this.headOffset);
    this.#writtenEnd = this.headOffset;
  }

  /** Has all records be read from the file from now on. Throws as `writeOut` does. */
  unstage(): void {
    this.writeOut();
    this.stage.end();
    this.#placeInFile(0);
  }

  /** All that was appended is in the file. */
  get isWrittenOut(): boolean {
    return this.headOffset === this.#writtenEnd;
  }

  /** Writes what is put together, up to a window offset, and is not in the file. */
  #writeUpTo(end: number): void {
    const from = this.#writtenEnd;
    const { u8 } = this.headWindow;
    const offset = this.bodyOffset(this.head, from);
    try {
      this.file.write(offset, u8, from - this.#shift, end - this.#shift);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      throw this.onWriteFailure(error);
    }
  }

  /** The head is of the reserve, which was not made good since: writes may not fill it. */
  get #isHeadBarred(): boolean {
    return this.#isHeadOfReserve && this.purpose === "write" &&
      this.#availableCount < this.#limits.segmentsReserved;
  }

  /**
   * Writes a record's header, without a deadline, and zeroes its padding; the caller then writes key
   * and value behind the header and calls `append`.
   */
  writeHeader(offset: number, kindWord: number, keyLength: number, valueLength: number): void {
    const { i32 } = this.headWindow;
    const end = offset + recordBytes(keyLength, valueLength) >> 2;
    i32[end - 4] = 0;
    i32[end - 3] = 0;
    i32[end - 2] = 0;
    i32[end - 1] = 0;
    const word = offset >> 2;
    i32[word + record.kindWord] = kindWord;
    i32[word + record.keyLengthWord] = keyLength;
    i32[word + record.valueLengthWord] = valueLength;
    this.headWindow.f64[(offset >> 3) + record.expireAtF64] = 0;
  }

  /**
   * Completes the record at the head: its checksum makes it part of the log. Throws SYNC_FAILED when it could not be
   * written to the file; then it is not appended.
   */
  append(bytes: number): void {
    const offset = this.headOffset;
    const { i32 } = this.headWindow;
    const seed = recordSeed(this.headSeed, offset);
    const word = offset - this.#shift >> 2;
    i32[word] = checksum(i32, word, bytes >> 2, seed);
    this.#advance(bytes);
  }

  /**
   * Appends a copy of the record at a byte offset of another segment, as a record of its own, at the place that
   * `reserve` found. False, and nothing is appended, when it is damaged: `seed` is that of its checksum.
   */
  appendCopy(from: Window, fromOffset: number, seed: number, bytes: number): boolean {
    const offset = this.headOffset;
    const word = fromOffset >> 2;
    const newSeed = recordSeed(this.headSeed, offset);
    const kindWord = from.i32[word + record.kindWord] & 0xffff; // No longer the member of a batch.
    const { i32 } = this.headWindow;
    const to = offset - this.#shift >> 2;
    if (!copyResealed(from.i32, word, seed, i32, to, newSeed, kindWord, bytes >> 2)) {
      return false;
    }
    this.#advance(bytes);
    return true;
  }

  #advance(bytes: number): void {
    if (!this.holdsRecords || this.#placement !== placement.staged) this.#writeAtHead(bytes);
    this.headOffset += bytes;
    if (this.#placement === placement.scratch) this.#placeInFile(0); // The scratch may be large.
    this.appendedBytes += bytes;
    this.appendedRecords++;
  }

  /** Has the file the record at the head, and what is before it, before anything leads to it. */
  #writeAtHead(bytes: number): void {
    const end = this.headOffset + bytes;
    if (this.#placement !== placement.mapped) {
      try {
        this.#writeUpTo(end);
      } catch (error) {
        // It looks as if it were staged.
        this.headWindow.u8.fill(0, this.headOffset - this.#shift, end - this.#shift);
        throw error;
      }
    }
    this.#writtenEnd = end;
  }

  /** Appends a record without key and value. */
  appendMark(kind: number, flags: number): void {
    const bytes = recordBytes(0, 0);
    if (this.headOffset + bytes > this.headEnd) this.#roll(bytes);
    const { position, appendedRecords } = this;
    this.#appendEmpty(kind | flags << 16);
    if (kind !== recordKind.batch) return;
    this.#batchPosition = (flags & recordFlag.batchBegin) !== 0 ? position : -1;
    this.#recordsBeforeBatch = appendedRecords;
  }

  /** Where it is known that there is room for it in the segment. */
  #appendEmpty(kindWord: number, mayStage = true): void {
    const bytes = recordBytes(0, 0);
    this.#place(bytes, 0, mayStage);
    this.writeHeader(this.headOffset - this.#shift, kindWord, 0, 0);
    this.append(bytes);
  }

  /** Begins a segment behind `lastSequence`, when there is no head yet: at a free place, or any. Throws StoreError NO_SPACE. */
  begin(place = -1): void {
    this.purpose = "compaction";
    try {
      this.startSegment(place < 0 ? this.#takeSegment(1) : place, 1);
    } finally {
      this.purpose = "write";
    }
  }

  /** A free place that is not held in reserve, when there is no head yet; -1: there is none, and the body cannot grow. */
  findSpare(): number {
    const { table, file } = this;
    const missing = this.#limits.segmentsReserved + 1 - table.freeCount;
    if (missing <= 0) return table.findFree(1);
    const count = table.count + missing;
    if (count > this.#countMax) return -1;
    try {
      file.grow(count * this.segmentBytes);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.lastGrowthError = error;
      this.growthFailed = true;
      return -1;
    }
    this.#extend(count);
    return table.findFree(1);
  }

  /** Goes on behind the last record of the log's last segment, when there is no head yet. What is free stays in reserve. */
  goOnAt(segment: number, offset: number): void {
    this.resumeHead(segment, offset);
    this.#isHeadOfReserve = this.table.freeCount < this.#limits.segmentsReserved;
  }

  /** Ends the head segment and begins the next, with room for `bytes`. */
  #roll(bytes: number): void {
    const length = Math.ceil((segmentHeaderBytes + bytes) / this.segmentBytes);
    const segment = this.#takeSegment(length); // Throws before anything has changed.
    this.sealHead();
    this.startSegment(segment, length);
    this.prepareAhead();
  }

  /** Ends the head segment, wherever it is, and begins one of a single place. Throws StoreError NO_SPACE; then nothing has changed. */
  leaveHead(): void {
    this.purpose = "compaction";
    try {
      this.#roll(0);
    } finally {
      this.purpose = "write";
    }
  }

  /** Marks the end of the head segment's records, where there is room for the mark. */
  sealHead(): void {
    if (this.head < 0) return;
    // No half of the stage is begun for it: the write that needs the next segment begins one itself.
    if (this.headOffset + sealBytes <= this.headEnd) this.#appendEmpty(recordKind.seal, false);
    this.writeOut();
    this.#dirty.push(this.#headDirtyRange(this.headOffset));
    this.table.state[this.head] = segmentState.sealed;
    this.table.setWaste(this.head, this.headEnd - this.headOffset);
  }

  /** Makes free places the new head. */
  startSegment(segment: number, length: number): void {
    const sequence = this.nextSequence;
    this.readers.noteReuse();
    this.table.take(segment, length, sequence, segmentState.head);
    this.#isHeadOfReserve = this.growthFailed &&
      this.#availableCount < this.#limits.segmentsReserved;
    const start = this.#writeSegmentHeader(segment, 0);
    this.resumeHead(segment, start + segmentHeaderBytes);
    this.#headDirtyFrom = start;
  }

  /** Takes free places for a record that is not part of the log yet. Throws StoreError NO_SPACE. */
  takeForFilling(bytes: number): number {
    const length = Math.ceil(bytes / this.segmentBytes);
    const segment = this.#takeSegment(length);
    this.readers.noteReuse();
    this.table.take(segment, length, 0, segmentState.filling);
    // Whatever its header was: until the copy is whole, there is none.
    this.#clearHeader(segment);
    return segment;
  }

  /** Makes them the head: a record of `bytes`, with a checksum of this seed, stands at their start. */
  completeFilling(segment: number, seed: number, bytes: number): void {
    this.sealHead();
    const sequence = this.nextSequence;
    this.table.sequence[segment] = sequence;
    const start = this.#writeSegmentHeader(segment, seed ^ sequence);
    this.resumeHead(segment, start + segmentHeaderBytes + bytes);
    this.#headDirtyFrom = start;
    this.appendedBytes += bytes;
    this.appendedRecords++;
    this.prepareAhead();
  }

  /** Writes the header of a segment that is the next of the log; returns where it starts. */
  #writeSegmentHeader(segment: number, seedWord: number): number {
    const sequence = this.table.sequence[segment];
    const length = this.table.runLength[segment];
    this.nextSequence = sequence + length;
    const { i32, f64 } = this.windowOf(segment);
    const start = this.windowOffset(segment);
    const word = start >> 2;
    this.#clearHeader(segment);
    i32[word + segmentHeader.seedWord] = seedWord;
    i32[word + segmentHeader.magicWord] = segmentMagic;
    i32[word + segmentHeader.versionWord] = formatVersion;
    i32[word + segmentHeader.runLengthWord] = length;
    i32.set(this.#storeId, word + segmentHeader.storeIdWord);
    f64[(start >> 3) + segmentHeader.sequenceF64] = sequence;
    f64[(start >> 3) + segmentHeader.previousF64] = this.lastSequence;
    this.onHead(sequence);
    i32[word + segmentHeader.checksumWord] = checksum(i32, word, segmentHeaderBytes / 4, 0);
    return start;
  }

  /**
   * Clears a header; its checksum first, as the checksum comes last when it is written: without one, a
   * header does not count, and a process may be killed between any two words.
   */
  #clearHeader(segment: number): void {
    const { i32 } = this.windowOf(segment);
    const word = this.windowOffset(segment) >> 2;
    i32[word + segmentHeader.checksumWord] = 0;
    i32.fill(0, word, word + segmentHeaderBytes / 4);
  }

  /** Appends from `offset` (in the window) of a segment that is the last of the log. */
  resumeHead(segment: number, offset: number): void {
    const { table } = this;
    const start = this.windowOffset(segment);
    table.state[segment] = segmentState.head;
    this.head = segment;
    this.headWindowNumber = this.#windowNumber(segment);
    this.headOffset = offset;
    this.headEnd = this.endOf(segment);
    this.headSeed = this.seedOf(segment);
    this.lastSequence = table.sequence[segment];
    this.#headBase = table.sequence[segment] * this.segmentBytes - start;
    this.#headDirtyFrom = offset;
    this.#writtenEnd = offset;
    this.unstage();
    this.onHead(this.lastSequence);
  }

  // --- space -----------------------------------------------------------------------------------

  #takeSegment(length: number): number {
    this.#takenPlaces.note(length);
    if (this.#takenPlaces.value >= lastingPaceMin) this.#lastTakenMs = performance.now();
    const reserved = Math.ceil(this.#limits.segmentsReserved * reserveShares[this.purpose]);
    const segment = this.#findPlaces(length, reserved);
    if (segment >= 0) return segment;
    if (length > 1 && this.purpose === "write") this.refusedPlaces = length;
    throw this.#noSpace();
  }

  #findPlaces(length: number, reserved: number): number {
    const { table, stretch } = this;
    if (length > 1 && this.purpose === "write" && this.#isStretchFor(length)) return stretch.give();
    if (this.#availableCount - length < reserved && !this.#growFor(length, reserved)) return -1;
    let segment = length === 1 ? this.#ready.take() : -1;
    if (segment < 0) segment = table.findFree(length);
    if (segment < 0 && this.#ready.count > 0) {
      // Those that are ready may lie between free ones.
      this.#ready.giveBack(0);
      segment = table.findFree(length);
    }
    if (segment >= 0) return segment;
    return this.#growFor(length, reserved, true) ? table.findFree(length) : -1;
  }

  /** Whether the stretch is ready, and was made for a record of about that length: others find room elsewhere. */
  #isStretchFor(length: number): boolean {
    const { stretch } = this;
    if (!stretch.isReady || this.mayGrowFor(length)) return false;
    return length === stretch.length || length === stretch.length - 1;
  }

  /** Free places that are not held for a large record. */
  get #availableCount(): number {
    return this.table.freeCount - this.stretch.heldCount;
  }

  /** How many neighbouring places a record of so many bytes needs, key and value, at most. */
  placesFor(bytes: number): number {
    return Math.ceil((segmentHeaderBytes + bytes + overheadBytesMax) / this.segmentBytes);
  }

  /** Whether a write would find so many neighbouring places now, those of the stretch left aside. */
  hasRoomFor(length: number): boolean {
    const isEnough = this.#availableCount - length >= this.#limits.segmentsReserved;
    return this.mayGrowFor(length) || isEnough && this.#hasNeighbours(length);
  }

  /** Whether the body may grow by as many places, as far as is known, and as many as others may want at the same time. */
  mayGrowFor(length: number): boolean {
    const places = length + growthOfOthers;
    return this.#mayGrow && this.table.placeBehindEnd(places) + places <= this.#countMax;
  }

  #hasNeighbours(length: number): boolean {
    const { state, count } = this.table;
    let found = 0;
    for (let place = 0; place < count; place++) {
      if (place % this.table.segmentsPerWindow === 0) found = 0;
      const isAtHand = state[place] <= segmentState.prepared && !this.stretch.holds(place);
      found = isAtHand ? found + 1 : 0;
      if (found === length) return true;
    }
    return false;
  }

  /** The file system has not refused to make the body longer. */
  get #mayGrow(): boolean {
    return !this.growthFailed || this.lastGrowthError === null;
  }

  /** How many places there can be. */
  get placesAtMost(): number {
    return this.#mayGrow ? this.#countMax : Math.min(this.table.count, this.#countMax);
  }

  /**
   * Chooses neighbouring places and begins to hold them; see `Stretch.choose`. The head leaves them, and the body grows
   * as far as that helps.
   */
  chooseStretch(
    length: number,
    freeElsewhere: number,
    isMovable: (segment: number) => boolean,
  ): boolean {
    const missing = length + freeElsewhere - this.#availableCount;
    const growth = Math.min(missing, this.#countMax - this.table.count);
    if (growth > 0 && this.#mayGrow) this.#growFor(0, this.#availableCount + growth);
    this.#ready.giveBack(0);
    if (!this.stretch.choose(length, freeElsewhere, isMovable)) return false;
    try {
      if (this.stretch.touches(this.head)) this.leaveHead();
      return true;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.stretch.drop();
      return false;
    }
  }

  /**
   * Grows the body so that `length` places can be taken and `reserved` stay. First by a good piece,
   * else by just what is needed; on a full disk what is free already may do. False: there is no room.
   */
  #growFor(length: number, reserved: number, contiguous = false): boolean {
    const { file } = this;
    const first = contiguous ? this.table.placeAtFreeEnd(length) : this.table.count;
    const missing = contiguous ? length : length + reserved - this.#availableCount;
    const growth = Math.max(missing, this.#growthNow);
    for (const segments of growth > missing ? [growth, missing] : [missing]) {
      const count = first + segments;
      if (count > this.#countMax) {
        this.lastGrowthError = null;
        continue;
      }
      try {
        file.grow(count * this.segmentBytes);
        this.#extend(count);
        this.growthFailed = false;
        return true;
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        this.lastGrowthError = error;
      }
    }
    this.growthFailed = true;
    return !contiguous && this.#availableCount - length >= reserved;
  }

  /** Why the body could not grow the last time it was tried; null: it must not. */
  lastGrowthError: SystemError | null = null;

  /** The body cannot grow, and nearly nothing is free or about to be. */
  get isCramped(): boolean {
    const waiting = this.#availableCount + this.table.leavingCount;
    return this.growthFailed && waiting <= 2 * this.#limits.segmentsReserved;
  }

  get #countMax(): number {
    const allowed = this.purpose === "write"
      ? this.placesMax
      : Math.max(this.placesMax, this.placesToShrink);
    return Math.min(segmentCountMax, bodyBytesMax / this.segmentBytes, allowed);
  }

  #noSpace(): StoreError {
    const what = `the store ${this.file.path}`;
    if (this.lastGrowthError !== null) return cannotGrow(what, this.lastGrowthError);
    let reason = "it has reached the largest size that there is; delete keys";
    if (this.placesMax !== Infinity) {
      const bytes = this.file.header.u8.length + this.placesMax * this.segmentBytes;
      reason =
        `it may not exceed ${bytes} bytes (--max-size, maxmemory); delete keys or allow it more`;
    }
    return new StoreError("NO_SPACE", `Cannot grow ${what}: ${reason}`);
  }

  #growthSegments(): number {
    const { count } = this.table;
    const part = Math.min(growthSegmentsMax, Math.floor(count / growthPart));
    const untilLong = Math.floor(this.#longBytes / this.segmentBytes) - count;
    return Math.max(growthSegmentsMin, Math.min(part, Math.max(longGrowthMax, untilLong)));
  }

  /** A file of more bytes is longer than it should be. */
  get #longBytes(): number {
    return longFactor * this.table.liveTotal;
  }

  /** How many places the log takes until it could grow again, without those that are at hand in any case. */
  get #takenMeanwhile(): number {
    return Math.min(paceGrowthMax, Math.ceil(this.#takenPlaces.value) - slowPaceMax);
  }

  get #growthNow(): number {
    return Math.max(this.#growthSegments(), this.#takenMeanwhile);
  }

  /** Somebody waits for each sync: what makes them longer is done ahead. */
  set isSyncedOften(isSo: boolean) {
    this.#ready.fillsBlanks = isSo;
  }

  /**
   * Sees to it, in the background, that the next segments are ready. They are made so in groups, so that there is
   * one when the next is needed: large values fill several in one turn of the event loop.
   */
  prepareAhead(): void {
    const wanted = this.#segmentsAhead;
    const group = this.#groupLength;
    this.#growInTime();
    while (this.#ready.count <= wanted - group && !this.#closed) {
      const freeCount = this.#spareCount;
      if (freeCount <= 0) return this.#growToPrepare();
      if (this.#ready.add(Math.min(group, freeCount)) === 0) return;
    }
  }

  /** Free places beside those that are ready or reserved. */
  get #spareCount(): number {
    return this.#availableCount - this.#ready.count - this.#limits.segmentsReserved;
  }

  /** Begins to grow the body when a writer would need room before it has grown, and so have to wait. */
  #growInTime(): void {
    if (this.#wasRefusedGrowth || this.#closed) return;
    const lead = Math.max(this.#growthSegments() - quickGrowthMax, this.#takenMeanwhile);
    if (lead > 0 && this.#spareCount <= lead) void this.#growAhead();
  }

  /** How many segments are kept ready. Syncs spare them, but each is one range more to sync. */
  get #segmentsAhead(): number {
    const { segmentsAhead } = this.#limits;
    const part = Math.floor(this.table.count / aheadPart);
    return Math.min(aheadTimesMax * segmentsAhead, Math.max(segmentsAhead, part));
  }

  /** So many segments are made ready in one go. */
  get #groupLength(): number {
    return Math.max(1, Math.ceil(this.#segmentsAhead / 2));
  }

  #growToPrepare(): void {
    if (this.#growth !== null) return; // The next segment asks again.
    this.#growAhead().then((isGrown) => {
      if (isGrown) this.prepareAhead();
    });
  }

  /** Grows the body in the background; resolves to whether there is more room. */
  #growAhead(): Promise<boolean> {
    return this.#growth ??= this.#growInBackground().finally(() => this.#growth = null);
  }

  async #growInBackground(): Promise<boolean> {
    // What is written in this turn is written first: the file system lets a writer wait while a file grows.
    await null;
    if (this.#closed) return false;
    const count = Math.min(this.#countMax, this.table.count + this.#growthNow);
    if (count <= this.table.count) return false;
    const isGrown = await this.file.growInBackground(count * this.segmentBytes);
    if (this.#closed) return false;
    this.#wasRefusedGrowth = !isGrown;
    if (isGrown) this.#extend(count);
    return isGrown;
  }

  /** How many places the body needs at the moment; `idle` leaves out those for writes to come. */
  placesNeeded(idle: boolean): number {
    const { segmentsReserved } = this.#limits;
    const { table } = this;
    const inForce = table.usedCount - table.leavingCount;
    const spare = idle ? 0 : this.#segmentsAhead + this.#growthNow;
    return Math.max(inForce, Math.min(this.placesMax, inForce + segmentsReserved + spare));
  }

  /**
   * Gives free places at the end of the file back to the file system. First they are given up, which
   * readers of other processes are told of; when those have left them they are cut off, some at a time,
   * since others who write to the file wait meanwhile. What the log needs again before that, it has. What was needed for
   * writing a moment ago stays, unless somebody asked for it. Returns in how many milliseconds to go on; 0:
   * there are none.
   */
  shrink(idle: boolean, isAsked = false): number {
    if (this.#cutting) return 1;
    if (this.#closed) return 0;
    this.#cutPace.look(this.appendedBytes);
    // What is cut off would soon be needed again, and who writes would wait for the cut as for a growth.
    const isWrittenFast = !idle && this.#takenMeanwhile > 0 && this.table.count <= this.placesMax;
    if (isWrittenFast) return shrinkLaterMs;
    const tails = this.#givenUp;
    if (this.#growth !== null) {
      return tails.length > 0 || this.table.count > this.placesNeeded(idle) ? 1 : 0;
    }
    const { file, segmentBytes } = this;
    const lastsMs = isAsked ? 0 : this.#lastTakenMs + lastingMs - performance.now();
    const kept = this.placesNeeded(idle && lastsMs <= 0);
    if (lastsMs > 0 && file.bodyBytes <= kept * segmentBytes) {
      return file.bodyBytes > this.placesNeeded(idle) * segmentBytes ? lastsMs : 0;
    }
    this.#giveUpTail(idle, kept);
    while (tails.length > 0 && file.bodyBytes <= tails[0].end * segmentBytes) tails.shift();
    if (tails.length === 0) return 0;
    const waitMs = tails[0].ms + this.#limits.cutDelayMs - performance.now();
    if (waitMs > 0) return waitMs;
    const isUrgent = isAsked || file.bodyBytes > this.placesMax * segmentBytes;
    // An idle store is written by compaction only, which ends.
    const isMuchTooLong = !idle && file.bodyBytes > this.#longBytes + muchTooLongBytes;
    if (!isUrgent) {
      if (idle && lastsMs > 0) return lastsMs;
      const pauseMs = this.#cutPace.waitMs(isMuchTooLong);
      if (pauseMs > 0) return pauseMs;
    }
    const least = Math.max(segmentBytes, isUrgent ? shrinkBytesMax : this.#cutPace.pieceBytes);
    const bytes = Math.max(tails[0].end * segmentBytes, file.bodyBytes - least);
    this.#cutting = true;
    const done = this.#cutPace.begin();
    const cut = file.shrinkInBackground(bytes);
    this.onCut();
    cut.then((isCut) => {
      this.#cutting = false;
      done();
      if (!isCut) this.#givenUp.shift();
    });
    return 1;
  }

  #giveUpTail(idle: boolean, needed: number): void {
    const { table } = this;
    if (table.count <= needed) return;
    if (idle) this.#ready.giveBack(0);
    const before = table.count;
    const end = table.cutFreeTail(needed);
    if (end === before) return;
    this.readers.announceEnd(end * this.segmentBytes);
    this.readers.noteReuse();
    this.#givenUp.push({ end, ms: performance.now() });
  }

  /** There are so many places now, be it some that were given up and are not cut off yet. */
  #extend(count: number): void {
    this.table.extend(count);
    for (const tail of this.#givenUp) tail.end = Math.max(tail.end, count);
    this.readers.announceEnd(this.table.count * this.segmentBytes);
  }

  /**
   * Sees to it that nothing but sealed segments stands at `limit` or behind it, if there is room
   * before it: then compaction can empty the end of the file.
   */
  leaveEnd(limit: number): void {
    if (this.#growth !== null || this.#closed) return;
    this.#ready.giveBack(limit);
    if (this.head < limit) return;
    const segment = this.table.findFree(1);
    if (segment < 0 || segment >= limit) return;
    this.sealHead();
    this.startSegment(segment, 1);
  }

  /** Erases a segment's header, so that no recovery reads it again. `release` frees it later. */
  eraseSegment(segment: number): void {
    this.#clearHeader(segment);
    const start = this.windowOffset(segment);
    this.windowOf(segment).f64[(start >> 3) + segmentHeader.previousF64] = this.#erasedAt;
    this.table.erase(segment);
    this.erased.push(segment);
    this.#dirty.push({ offset: segment * this.segmentBytes, length: segmentHeaderBytes });
  }

  /**
   * Where the log stands, for the header of a segment that is erased now: once the durable position is behind that, so
   * is the erasure. Before there is a head, a position that is behind all that was ever used.
   */
  get #erasedAt(): number {
    return this.head < 0 ? this.nextSequence * this.segmentBytes : this.position;
  }

  /** Has a header that cannot be believed stay so, whatever it was: its checksum is wrong from now on. */
  spoilHeader(segment: number): void {
    const { i32 } = this.windowOf(segment);
    const word = this.windowOffset(segment) >> 2;
    const right = checksum(i32, word, segmentHeaderBytes / 4, 0);
    // Never 0: that is a header which was being written or cleared, of a free place.
    i32[word + segmentHeader.checksumWord] = right === 1 ? 2 : right ^ 1;
    this.markDirty({ offset: segment * this.segmentBytes, length: segmentHeaderBytes });
  }

  /**
   * Writes the header of a free place as that of an erased segment, be it one already: what was written there before may
   * have been lost.
   */
  eraseAgain(place: number): void {
    const header = windowOf(new ArrayBuffer(segmentHeaderBytes));
    header.f64[segmentHeader.previousF64] = this.#erasedAt;
    const offset = place * this.segmentBytes;
    this.file.write(offset, header.u8, 0, segmentHeaderBytes);
    this.#dirty.push({ offset, length: segmentHeaderBytes });
  }

  // --- going back ------------------------------------------------------------------------------

  mark(): HeadMark {
    return { segment: this.head, offset: this.headOffset, nextSequence: this.nextSequence };
  }

  /**
   * Takes back everything since `mark`; nothing else may have been synced or shown since. What is
   * taken back is zeroed: it carries the right seed and would look valid after a crash.
   */
  rewind(mark: HeadMark): void {
    this.#takeBack(mark);
    if (this.position <= this.#batchPosition) this.#batchPosition = -1;
  }

  #takeBack(mark: HeadMark): void {
    const { table } = this;
    const dirtyFrom = this.#headDirtyFrom;
    const spansSegments = this.head !== mark.segment;
    const end = spansSegments ? this.endOf(mark.segment) : this.headOffset;
    table.live.clear(this.addressAt(mark.segment, mark.offset), end - mark.offset >> 4);
    if (this.#takeBackStaged(mark)) return;
    const segments: number[] = [];
    for (let i = 0; i < table.count; i++) {
      const inUse = table.state[i] === segmentState.head || table.state[i] === segmentState.sealed;
      if (inUse && i !== mark.segment && table.sequence[i] >= mark.nextSequence) segments.push(i);
    }
    for (const segment of segments) this.eraseSegment(segment);
    this.windowOf(mark.segment).u8.fill(0, mark.offset, end);
    // Sequences are not taken back: the erased segments' records were checksummed with them.
    this.resumeHead(mark.segment, mark.offset);
    if (!spansSegments) this.#headDirtyFrom = dirtyFrom;
    else this.#headDirtyFrom = this.windowOffset(mark.segment);
  }

  /** The same where all that is taken back is staged, be some of it in the file, too; false: it is not. */
  #takeBackStaged({ segment, offset }: HeadMark): boolean {
    const start = offset - this.#shift;
    const isStaged = this.#placement === placement.staged && segment === this.head &&
      start >= this.stage.start;
    if (!isStaged) return false;
    this.headWindow.u8.fill(0, start, this.headOffset - this.#shift);
    this.windowOf(segment).u8.fill(0, offset, Math.max(offset, this.#writtenEnd));
    this.#writtenEnd = Math.min(offset, this.#writtenEnd);
    this.headOffset = offset;
    return true;
  }

  // --- syncing ---------------------------------------------------------------------------------

  /** Something outside of the head was written that has to reach the disk. */
  markDirty(range: BodyRange): void {
    this.#dirty.push(range);
  }

  #headDirtyRange(end: number): BodyRange {
    return {
      offset: this.bodyOffset(this.head, this.#headDirtyFrom),
      length: end - this.#headDirtyFrom,
    };
  }

  /** Where the part of the head segment ends that is to be synced; a window offset. */
  get #headDirtyEnd(): number {
    // A batch that is open may be taken back.
    const end = this.settledPosition - this.#headBase;
    return Math.max(this.#headDirtyFrom, end);
  }

  /**
   * Hands out what no sync has covered yet and is before `settledPosition`, neighbours joined; from now on it counts as
   * covered. Throws as `writeOut` does, and then hands out nothing.
   */
  takeDirty(): BodyRange[] {
    this.writeOut();
    const ranges = this.#dirty;
    this.#dirty = [];
    const end = this.#headDirtyEnd;
    if (end > this.#headDirtyFrom) {
      ranges.push(this.#headDirtyRange(end));
      this.#headDirtyFrom = end;
    }
    return mergeRanges(ranges);
  }

  /** Bytes of what `takeDirty` would return, about. */
  get dirtyBytes(): number {
    let bytes = this.headOffset - this.#headDirtyFrom;
    for (const { length } of this.#dirty) bytes += length;
    return bytes;
  }

  /** Whether there is anything that no sync has covered yet. */
  get hasDirty(): boolean {
    return this.#dirty.length > 0 || this.headOffset > this.#headDirtyFrom ||
      this.unproven.length > 0;
  }

  close(): void {
    this.#closed = true;
  }
}

const pageBytes = 4096;

/** Sorted, page-aligned, neighbours joined. */
function mergeRanges(ranges: BodyRange[]): BodyRange[] {
  ranges.sort((a, b) => a.offset - b.offset);
  const merged: BodyRange[] = [];
  for (const { offset, length } of ranges) {
    if (length === 0) continue;
    const start = offset - offset % pageBytes;
    const end = offset + length;
    const last = merged.at(-1);
    if (last && start <= last.offset + last.length) {
      last.length = Math.max(last.length, end - last.offset);
    } else {
      merged.push({ offset: start, length: end - start });
    }
  }
  return merged;
}

assert(
  recordBytes(0, 0) === sealBytes && recordHeaderBytes < sealBytes,
  "a seal is an empty record",
);
