/**
 * The stage: records that were appended to the log and are not in its file yet. They are put together in a
 * small piece of memory that always stays where it is, and go to the file by `write`, many at a time, before anybody
 * is told of them; all else is read where the file is mapped. Written through the mapping, every page of the
 * file would have to be mapped for writing first, and not any more before it is synced: that costs a processor more
 * than all else that is done for a record of some hundred bytes, and where the machine is a virtual one, several times
 * as much.
 *
 * The stage is a part of the index's file, in two halves that are filled in turn: whatever leads to a staged record
 * is in that file too, and survives a process that is killed together with it. Words beside it say which records are
 * staged. Their version is odd while they change; at such times nothing is staged that is not in the log.
 */
import type { StoreFile, Window } from "../sys/mapped_file.ts";
import { windowOf } from "../sys/mapped_file.ts";
import {
  indexHeader,
  indexHeaderTotalBytes,
  recordAlignment,
  segmentHeader,
  segmentHeaderBytes,
  segmentMagic,
  stageHalfBytesMax,
  stageWords,
} from "./format.ts";
import type { StoreLimits } from "./limits.ts";
import { offsetOf, RecordReader, recordSeed } from "./record.ts";
import { RecordPlaces } from "./record_places.ts";

/** The segment that is being written: its first place, and its number in the order of the log. */
export interface StagedSegment {
  readonly place: number;
  readonly sequence: number;
}

export class Stage extends RecordPlaces {
  /** The file of the log. */
  readonly log: StoreFile;
  /** How much a half holds. */
  readonly halfBytes: number;
  /** The half that was begun last. */
  #half = 0;

  /** `header` is that of the index's file. */
  constructor(log: StoreFile, header: Window, halfBytes: number) {
    super(log.windows, header);
    this.log = log;
    this.halfBytes = halfBytes;
  }

  /** One that nobody else sees. */
  static inMemory(log: StoreFile, halfBytes: number): Stage {
    return new Stage(log, windowOf(new ArrayBuffer(indexHeaderTotalBytes)), halfBytes);
  }

  /**
   * Records from `address` on, `bytes` of them at most, will stand in the other half; those that were staged until now
   * are in the log's file. Returns where the first one goes, a byte offset in `window`. What was in the half before the
   * other one is lost.
   */
  begin(segment: StagedSegment, address: number, bytes: number): number {
    this.#half ^= 1;
    this.from = address;
    this.units = bytes / recordAlignment;
    this.start = indexHeader.stageByte + this.#half * this.halfBytes;
    this.#publish(segment);
    return this.start;
  }

  /** Nothing is staged from now on. */
  end(): void {
    if (this.units !== 0) this.clear();
  }

  /** For readers of other processes, and for whoever opens the store should this process be killed. */
  #publish({ place, sequence }: StagedSegment): void {
    const { i32, f64 } = this.window;
    // A process that was killed here has left an odd number.
    const version = i32[stageWords.versionWord] + 1 | 1;
    Atomics.store(i32, stageWords.versionWord, version);
    i32[stageWords.fromWord] = this.from;
    i32[stageWords.unitsWord] = this.units;
    i32[stageWords.startWord] = this.start;
    i32[stageWords.placeWord] = place;
    f64[stageWords.sequenceF64] = sequence;
    Atomics.store(i32, stageWords.versionWord, version + 1);
  }

  /**
   * Writes to the log what the process before this one had staged when it was killed; the index is known to be that
   * process's. What had come to the file already is written there again. Throws a SystemError, and nothing has changed.
   */
  writeWhatWasLeft(storeId: Int32Array, limits: StoreLimits): void {
    const { i32 } = this.window;
    const from = i32[stageWords.fromWord];
    const start = i32[stageWords.startWord];
    const bytes = this.#wholeBytes(storeId, limits);
    if (bytes > 0) {
      const offset = (from >>> 0) * recordAlignment;
      this.log.write(offset, this.window.u8, start, start + bytes);
    }
    this.clear();
  }

  /** Nothing is staged, whatever the words say. */
  clear(): void {
    this.units = 0;
    this.#publish({ place: 0, sequence: 0 });
  }

  /** How many bytes of whole records that process has left, which continue its last segment. */
  #wholeBytes(storeId: Int32Array, limits: StoreLimits): number {
    const { i32, f64 } = this.window;
    if ((i32[stageWords.versionWord] & 1) !== 0) return 0;
    const from = i32[stageWords.fromWord];
    const units = i32[stageWords.unitsWord];
    const start = i32[stageWords.startWord];
    const place = i32[stageWords.placeWord];
    const sequence = f64[stageWords.sequenceF64];
    const { segmentBytes } = limits;
    const stageEnd = indexHeader.stageByte + 2 * stageHalfBytesMax;
    const end = start + units * recordAlignment;
    const isInStage = units > 0 && start % recordAlignment === 0 &&
      start >= indexHeader.stageByte && end <= stageEnd;
    const first = place * segmentBytes;
    const offset = (from >>> 0) * recordAlignment;
    const isInLog = place >= 0 && offset >= first + segmentHeaderBytes &&
      offset + units * recordAlignment <= this.log.bodyBytes;
    if (!isInStage || !isInLog) return 0;
    const segment = this.log.windows[Math.floor(first / 2 ** 30)];
    const segmentStart = first % 2 ** 30;
    const word = segmentStart >> 2;
    const isThere = segment.i32[word + segmentHeader.magicWord] === segmentMagic &&
      segment.f64[(segmentStart >> 3) + segmentHeader.sequenceF64] === sequence &&
      storeId.every((part, i) => segment.i32[word + segmentHeader.storeIdWord + i] === part);
    if (!isThere) return 0;
    const seed = recordSeed(sequence ^ segment.i32[word + segmentHeader.seedWord], -segmentStart);
    const reader = new RecordReader(limits);
    // Their checksums go by where they belong.
    reader.open(this.window, start, end, recordSeed(seed, offsetOf(from) - start));
    while (reader.hasRoom && reader.next());
    return reader.offset + reader.bytes - start;
  }
}
