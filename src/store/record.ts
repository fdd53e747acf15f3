/** Reading records where they stand, in a window of the log. */
import type { Window } from "../sys/mapped_file.ts";
import { checksum } from "./checksum.ts";
import { record, recordBytes, recordHeaderBytes, recordKind } from "./format.ts";
import type { StoreLimits } from "./limits.ts";

const kindMask = 0xff;

/** Length in the log of the record at a byte offset. */
export function recordBytesAt({ i32 }: Window, offset: number): number {
  const word = offset >> 2;
  return recordBytes(i32[word + record.keyLengthWord], i32[word + record.valueLengthWord]);
}

/** Where the key ends of the record at a byte offset. */
export function keyEndAt({ i32 }: Window, offset: number): number {
  return offset + recordHeaderBytes + i32[(offset >> 2) + record.keyLengthWord];
}

/** The kind of the record at a byte offset, or of whatever stands there. */
export function kindAt({ i32 }: Window, offset: number): number {
  return i32[(offset >> 2) + record.kindWord] & kindMask;
}

/** The flags of the record at a byte offset. */
export function flagsAt({ i32 }: Window, offset: number): number {
  return i32[(offset >> 2) + record.kindWord] >>> 16;
}

/** The deadline of the record at a byte offset, Unix ms; 0: none. */
export function expireAtOf({ f64 }: Window, offset: number): number {
  return f64[(offset >> 3) + record.expireAtF64];
}

/** The byte offset in its window of an address. */
export function offsetOf(address: number): number {
  return (address & 0x3ffffff) << 4;
}

/**
 * The seed of a record's checksum, from its segment's (`Log.seedOf`) and its byte offset: a record that
 * turns up at another place of the segment is not whole.
 */
export function recordSeed(segmentSeed: number, offset: number): number {
  return segmentSeed + Math.imul(offset, 0x9e3779b1) | 0;
}

/**
 * Walks over the records of one segment, without an object for each: after `next` returned true, the
 * fields tell of the record.
 */
export class RecordReader {
  readonly #limits: StoreLimits;
  #seed = 0;
  #end = 0;
  window!: Window;
  /** Where the record starts, a byte offset in the window. */
  offset = 0;
  /** Its length in the log. */
  bytes = 0;
  kind = 0;
  flags = 0;
  keyLength = 0;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  /** Goes to `start` of a segment that ends at `end` in the window and has this seed. */
  open(window: Window, start: number, end: number, seed: number): void {
    this.window = window;
    this.offset = start;
    this.bytes = 0;
    this.#end = end;
    this.#seed = seed | 0;
  }

  /** The seed of the checksum of the record at `offset`. */
  seedAt(offset: number): number {
    return recordSeed(this.#seed, offset);
  }

  get keyStart(): number {
    return this.offset + recordHeaderBytes;
  }

  get keyEnd(): number {
    return this.offset + recordHeaderBytes + this.keyLength;
  }

  /** Whether a record can follow the current one in the segment. */
  get hasRoom(): boolean {
    return this.offset + this.bytes + recordBytes(0, 0) <= this.#end;
  }

  /** Goes to the next record; false when what stands there is none. */
  next(): boolean {
    return this.readAt(this.offset + this.bytes);
  }

  /** Reads the record at `offset`; false, with `offset` there and no length, when there is none. */
  readAt(offset: number): boolean {
    if (!this.lookAt(offset)) return false;
    if (this.isIntact) return true;
    this.bytes = 0;
    return false;
  }

  /** Whether the checksum of the record that was looked at is right. */
  get isIntact(): boolean {
    const { i32 } = this.window;
    const word = this.offset >> 2;
    return checksum(i32, word, this.bytes >> 2, this.seedAt(this.offset)) === i32[word];
  }

  /** The same without its checksum: it may be damaged. */
  lookAt(offset: number): boolean {
    const { i32 } = this.window;
    const word = offset >> 2;
    this.offset = offset;
    this.bytes = 0;
    if (offset + recordBytes(0, 0) > this.#end) return false;
    const keyLength = i32[word + record.keyLengthWord];
    const valueLength = i32[word + record.valueLengthWord];
    const kindWord = i32[word + record.kindWord];
    const kind = kindWord & kindMask;
    if (kind < recordKind.put || kind > recordKind.seal) return false;
    if (keyLength < 0 || keyLength > this.#limits.keyBytesMax) return false;
    if (valueLength < 0 || valueLength > this.#limits.valueBytesMax) return false;
    const bytes = recordBytes(keyLength, valueLength);
    if (offset + bytes > this.#end) return false;
    this.bytes = bytes;
    this.kind = kind;
    this.flags = kindWord >>> 16;
    this.keyLength = keyLength;
    return true;
  }
}
