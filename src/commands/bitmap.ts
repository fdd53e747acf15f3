/**
 * Bytes as a row of bits, the highest bit of the first byte first. Long rows are worked on in 32-bit
 * words, of which neither the bytes' start nor their length need be a multiple.
 */

import type { ByteRange } from "./byte_range.ts";

/** Bits by the places of the first and the last of them, counted from a value's first bit. */
export interface BitRange {
  readonly first: number;
  readonly last: number;
}

/** Shorter ranges go byte by byte: making a view of words costs more than it saves. */
const wordwiseBytesMin = 64;

/** The ones in each byte. */
const onesOf = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest > 0; rest &= rest - 1) ones++;
  return ones;
});

/** How many bits of `bytes[start, end)` are ones. */
export function countOnes(bytes: Uint8Array, start: number, end: number): number {
  let ones = 0;
  let at = start;
  if (end - start >= wordwiseBytesMin) {
    const head = bytesToAlign(bytes, start);
    for (const headEnd = start + head; at < headEnd; at++) ones += onesOf[bytes[at]];
    const words = wordsOf(bytes, at, end);
    ones += countOnesOfWords(words);
    at += words.byteLength;
  }
  for (; at < end; at++) ones += onesOf[bytes[at]];
  return ones;
}

/** The same for a range of bits, counted from the first bit of `bytes[start]`. It is not empty. */
export function countOnesInBits(
  bytes: Uint8Array,
  start: number,
  { first, last }: BitRange,
): number {
  const firstByte = start + Math.floor(first / 8);
  const lastByte = start + Math.floor(last / 8);
  const before = bytes[firstByte] & ~(0xff >> (first & 7));
  const behind = bytes[lastByte] & 0x7f >> (last & 7);
  return countOnes(bytes, firstByte, lastByte + 1) - onesOf[before] - onesOf[behind];
}

/**
 * Adds up neighbouring bits in all of a word at once, as in Henry S. Warren, "Hacker's Delight",
 * 5-1. Three words are added before fields of four bits could overflow: 3 * 4 < 16.
 */
function countOnesOfWords(words: Int32Array): number {
  let ones = 0;
  let i = 0;
  for (const last = words.length - 2; i < last; i += 3) {
    const sum = onesByFourBits(words[i]) + onesByFourBits(words[i + 1]) +
        onesByFourBits(words[i + 2]) | 0;
    const byEight = (sum & 0x0f0f0f0f) + (sum >>> 4 & 0x0f0f0f0f);
    ones += Math.imul(byEight, 0x01010101) >>> 24;
  }
  for (; i < words.length; i++) {
    const sum = onesByFourBits(words[i]);
    ones += Math.imul((sum & 0x0f0f0f0f) + (sum >>> 4 & 0x0f0f0f0f), 0x01010101) >>> 24;
  }
  return ones;
}

function onesByFourBits(word: number): number {
  const byTwo = word - (word >>> 1 & 0x55555555);
  return (byTwo & 0x33333333) + (byTwo >>> 2 & 0x33333333) | 0;
}

/**
 * The place of the first bit that is `bit` in a range of bits that is not empty, counted from the first
 * bit of `bytes[start]`; -1 when there is none.
 */
export function findBit(
  bytes: Uint8Array,
  start: number,
  bit: number,
  { first, last }: BitRange,
): number {
  // Ones are looked for: what is sought becomes one.
  const flip = bit === 1 ? 0 : 0xff;
  const firstByte = Math.floor(first / 8);
  const lastByte = Math.floor(last / 8);
  const behindFirst = 0xff >>> (first & 7);
  const uptoLast = 0xff << (7 - (last & 7)) & 0xff;
  let mask = firstByte === lastByte ? behindFirst & uptoLast : behindFirst;
  let found = (bytes[start + firstByte] ^ flip) & mask;
  let at = firstByte;
  if (found === 0 && firstByte < lastByte) {
    at = skipBytes(bytes, start + firstByte + 1, start + lastByte, flip) - start;
    mask = at === lastByte ? uptoLast : 0xff;
    found = (bytes[start + at] ^ flip) & mask;
  }
  return found === 0 ? -1 : at * 8 + Math.clz32(found) - 24;
}

/** The first place in `bytes[start, end)` where there is another byte, or `end`. */
function skipBytes(bytes: Uint8Array, start: number, end: number, skipped: number): number {
  let at = start;
  if (end - start >= wordwiseBytesMin) {
    const head = bytesToAlign(bytes, start);
    for (const headEnd = start + head; at < headEnd; at++) {
      if (bytes[at] !== skipped) return at;
    }
    const words = wordsOf(bytes, at, end);
    const skippedWord = skipped === 0 ? 0 : -1;
    let i = 0;
    while (i < words.length && words[i] === skippedWord) i++;
    at += i * 4;
  }
  while (at < end && bytes[at] === skipped) at++;
  return at;
}

export type BitOperation = "AND" | "OR" | "XOR";

/** Combines `target[at, at + (end - start))` bit by bit with `source[start, end)`. */
export function combineBits(
  operation: BitOperation,
  target: Uint8Array,
  at: number,
  source: ByteRange,
): void {
  const { bytes, end } = source;
  let { start } = source;
  if (end - start >= wordwiseBytesMin) {
    const head = bytesToAlign(target, at);
    combineBytes(operation, target, at, bytes, start, start + head);
    at += head;
    start += head;
    // A word of the source is made of two neighbours, of which the second one ends before `end`.
    const words = wordsOf(target, at, at + end - start - 8);
    combineWords(operation, words, bytes, start);
    at += words.byteLength;
    start += words.byteLength;
  }
  combineBytes(operation, target, at, bytes, start, end);
}

function combineBytes(
  operation: BitOperation,
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (operation === "AND") {
    for (let i = start; i < end; i++) target[at++] &= source[i];
  } else if (operation === "OR") {
    for (let i = start; i < end; i++) target[at++] |= source[i];
  } else {
    for (let i = start; i < end; i++) target[at++] ^= source[i];
  }
}

/** `target` begins at a word, `source[start]` perhaps between two. */
function combineWords(
  operation: BitOperation,
  target: Int32Array,
  source: Uint8Array,
  start: number,
): void {
  const shift = (source.byteOffset + start & 3) * 8;
  const from = start - shift / 8;
  const words = wordsOf(source, from, from + (target.length + 1) * 4);
  // A shift by 32 is one by 0 in JavaScript: two steps make it clear all bits.
  const shiftBack = 31 - shift;
  const { length } = target;
  if (operation === "AND") {
    for (let i = 0; i < length; i++) {
      target[i] &= words[i] >>> shift | words[i + 1] << 1 << shiftBack;
    }
  } else if (operation === "OR") {
    for (let i = 0; i < length; i++) {
      target[i] |= words[i] >>> shift | words[i + 1] << 1 << shiftBack;
    }
  } else {
    for (let i = 0; i < length; i++) {
      target[i] ^= words[i] >>> shift | words[i + 1] << 1 << shiftBack;
    }
  }
}

/** Turns every bit of `bytes[start, end)` over. */
export function invertBits(bytes: Uint8Array, start: number, end: number): void {
  let at = start;
  if (end - start >= wordwiseBytesMin) {
    const headEnd = start + bytesToAlign(bytes, start);
    for (; at < headEnd; at++) bytes[at] ^= 0xff;
    const words = wordsOf(bytes, at, end);
    for (let i = 0; i < words.length; i++) words[i] = ~words[i];
    at += words.byteLength;
  }
  for (; at < end; at++) bytes[at] ^= 0xff;
}

/** Bytes from `start` to where a word begins. */
function bytesToAlign(bytes: Uint8Array, start: number): number {
  return -(bytes.byteOffset + start) & 3;
}

/** The whole words in `bytes[start, end)`, where `start` is where a word begins. */
function wordsOf(bytes: Uint8Array, start: number, end: number): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset + start, end - start >> 2);
}
