/**
 * Redis's serialisation of a string, as DUMP gives it and RESTORE takes it: a type, the string as RDB
 * files have it, the version of their format, a checksum.
 * https://rdb.fnordig.de/file_format.html describes the encodings.
 */
import { copyBytes } from "../store/copy_bytes.ts";
import { parseSafeInteger } from "../protocol/numbers.ts";
import { Crc64 } from "./crc64.ts";
import type { ByteRange } from "./byte_range.ts";
import { lzfCompress, lzfDecompress } from "./lzf.ts";

/** Of redis-server 7.0. Later ones are not understood. */
const formatVersion = 10;
const typeOfStrings = 0;
const versionBytes = 2;
const checksumBytes = 8;
const footerBytes = versionBytes + checksumBytes;

/** Longer text is no number that is stored as one. */
const numberTextMax = 11;
/** Shorter strings are not compressed. */
const compressedMin = 21;

const encoding = { int8: 0xc0, int16: 0xc1, int32: 0xc2, compressed: 0xc3 } as const;
const length6Max = 2 ** 6 - 1;
const length14Max = 2 ** 14 - 1;
const length14 = 0x40;
const length32 = 0x80;
const length64 = 0x81;
const lengthBytesMax = 9;

/** The value `bytes[start, end)`, serialised. */
export function serialize(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const size = end - start;
  const target = new Uint8Array(1 + 2 * lengthBytesMax + 1 + size + footerBytes);
  target[0] = typeOfStrings;
  let at = writeInteger(target, 1, bytes, start, end);
  if (at === 0) at = writeCompressed(target, 1, bytes, start, end);
  if (at === 0) {
    at = writeLength(target, 1, size);
    copyBytes(target, at, bytes, start, end);
    at += size;
  }
  target[at] = formatVersion;
  target[at + 1] = 0;
  at += versionBytes;
  const sum = new Crc64();
  sum.add(target, 0, at);
  sum.write(target, at);
  return target.subarray(0, at + checksumBytes);
}

/** Writes a number that is one in its usual form and fits in 32 bits; returns where it ends, or 0. */
function writeInteger(
  target: Uint8Array,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  if (end - start > numberTextMax) return 0;
  const value = parseSafeInteger(bytes, start, end);
  if (value !== value || value !== (value | 0)) return 0;
  let count = 4;
  if (value >= -(2 ** 7) && value < 2 ** 7) count = 1;
  else if (value >= -(2 ** 15) && value < 2 ** 15) count = 2;
  target[at++] = count === 1 ? encoding.int8 : count === 2 ? encoding.int16 : encoding.int32;
  for (let i = 0; i < count; i++) target[at++] = value >> 8 * i;
  return at;
}

/** Returns where it ends, 0 when it does not get shorter. */
function writeCompressed(
  target: Uint8Array,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const size = end - start;
  if (size < compressedMin) return 0;
  const compressed = new Uint8Array(size - 4);
  const length = lzfCompress(bytes, start, end, compressed);
  if (length === 0) return 0;
  target[at++] = encoding.compressed;
  at = writeLength(target, at, length);
  at = writeLength(target, at, size);
  copyBytes(target, at, compressed, 0, length);
  return at + length;
}

function writeLength(target: Uint8Array, at: number, length: number): number {
  if (length <= length6Max) {
    target[at++] = length;
  } else if (length <= length14Max) {
    target[at++] = length14 | length >> 8;
    target[at++] = length;
  } else {
    // No value is longer than 512 MiB.
    target[at++] = length32;
    for (let shift = 24; shift >= 0; shift -= 8) target[at++] = length >>> shift;
  }
  return at;
}

/** Whether `bytes[start, end)` ends in a version that is known and the right checksum. */
export function isSerialized(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < footerBytes) return false;
  const at = end - footerBytes;
  if ((bytes[at] | bytes[at + 1] << 8) > formatVersion) return false;
  const sum = new Crc64();
  sum.add(bytes, start, end - checksumBytes);
  return sum.matches(bytes, end - checksumBytes);
}

/** A value that can be read: `bytes[start, end)`. */
export interface SerializedString {
  readonly length: number;
  /** Null when it is not what it claims to be. */
  read(): ByteRange | null;
}

const encoder = new TextEncoder();

/** Reads what `isSerialized` accepts; null when it is no string, or a damaged one. */
export function deserialize(
  bytes: Uint8Array,
  start: number,
  end: number,
): SerializedString | null {
  const reader = new Reader(bytes, start, end - footerBytes);
  if (reader.byte() !== typeOfStrings) return null;
  return reader.string();
}

/** Reads RDB's encodings; after the end everything is NaN. */
class Reader {
  readonly #bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  byte(): number {
    return this.#at < this.#end ? this.#bytes[this.#at++] : NaN;
  }

  string(): SerializedString | null {
    const first = this.byte();
    if (first === encoding.int8) return this.#integer(1);
    if (first === encoding.int16) return this.#integer(2);
    if (first === encoding.int32) return this.#integer(4);
    if (first === encoding.compressed) return this.#compressed();
    const length = this.#length(first);
    const start = this.#at;
    if (!(length <= this.#end - start)) return null;
    const bytes = this.#bytes;
    return { length, read: () => ({ bytes, start, end: start + length }) };
  }

  #integer(count: number): SerializedString | null {
    let value = 0;
    for (let i = 0; i < count; i++) {
      const byte = this.byte();
      if (byte !== byte) return null;
      value |= byte << 8 * i;
    }
    const unused = 32 - 8 * count;
    const text = encoder.encode(String(value << unused >> unused));
    return {
      length: text.length,
      read: () => ({ bytes: text, start: 0, end: text.length }),
    };
  }

  #compressed(): SerializedString | null {
    const compressed = this.#length(this.byte());
    const length = this.#length(this.byte());
    const start = this.#at;
    // Nothing is made longer than 264 bytes from 3.
    if (!(compressed <= this.#end - start) || !(length <= compressed * 100)) return null;
    const bytes = this.#bytes;
    return {
      length,
      read() {
        const value = new Uint8Array(length);
        const isWhole = lzfDecompress(bytes, start, start + compressed, value);
        return isWhole ? { bytes: value, start: 0, end: length } : null;
      },
    };
  }

  /** A length that begins with `first`; NaN for what is none. */
  #length(first: number): number {
    if (first <= length6Max) return first;
    if (first < length32) return (first & length6Max) << 8 | this.byte();
    if (first !== length32 && first !== length64) return NaN;
    let length = 0;
    for (let i = first === length32 ? 4 : 8; i > 0; i--) length = length * 256 + this.byte();
    return length;
  }
}
