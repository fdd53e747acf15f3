/**
 * The longest common subsequence of two values. The lengths for all pairs of their beginnings make a
 * table of (n + 1)(m + 1) numbers. Neighbours in a row differ by 0 or 1, so a row is kept in bits, and
 * computed 32 columns at a time: Heikki Hyyrö, "Bit-parallel LCS-length computation revisited" (2004),
 * after Crochemore, Iliopoulos, Pinzon and Reid (2001). The bits are also all that it takes to walk back
 * through the table as Redis does: a 32nd of the memory that the numbers need.
 */
import { countOnes } from "./bitmap.ts";
import type { ByteRange } from "./byte_range.ts";

const bitsPerWord = 32;

/** The length of a longest common subsequence. */
export function commonLength(first: ByteRange, second: ByteRange): number {
  if (sizeOf(first) === 0 || sizeOf(second) === 0) return 0;
  const row = new LengthRow(first, second);
  for (let at = first.start; at < first.end; at++) row.advance(first.bytes[at]);
  return row.length;
}

/**
 * The parts that a longest common subsequence consists of, from the last one to the first: for each,
 * its places in both values and its length. If there are several subsequences, they are those of the
 * one that Redis finds.
 */
export function commonParts(first: ByteRange, second: ByteRange): number[] {
  const parts: number[] = [];
  let i = sizeOf(first);
  let j = sizeOf(second);
  if (i === 0 || j === 0) return parts;
  const row = new LengthRow(first, second);
  const table = new BitTable(i, j);
  for (let at = first.start; at < first.end; at++) {
    row.advance(first.bytes[at]);
    table.add(row.words);
  }
  // Redis goes to where the longer one of the lengths for (i - 1, j) and (i, j - 1) is, if they are
  // equal to the second. Where the last bytes differ, the length for (i, j) is the larger one of both, so
  // it is above that for (i, j - 1), which a zero says, just if the first one is the larger.
  while (i > 0 && j > 0) {
    const length = commonEnd(first, i, second, j);
    if (length > 0) {
      i -= length;
      j -= length;
      parts.push(i, j, length);
    } else if (table.isZero(i - 1, j - 1)) i--;
    else j--;
  }
  return parts;
}

/** How long an end the first `i` bytes and the first `j` bytes have in common. */
function commonEnd(first: ByteRange, i: number, second: ByteRange, j: number): number {
  const most = Math.min(i, j);
  const firstEnd = first.start + i - 1;
  const secondEnd = second.start + j - 1;
  let length = 0;
  while (length < most && first.bytes[firstEnd - length] === second.bytes[secondEnd - length]) {
    length++;
  }
  return length;
}

/** A row of the table: the lengths for one beginning of the first value and all of the second one. */
class LengthRow {
  /** A zero, from the lowest bit of the first word on, where the length is above the one before. */
  readonly words: Int32Array;
  /** For each byte that both values have, ones where the second value has it. */
  readonly #masks: Int32Array;
  /** Where they are for a byte, below 0 for others. */
  readonly #maskOf = new Int32Array(256).fill(-1);

  /** The row of the empty beginning. */
  constructor(first: ByteRange, second: ByteRange) {
    const wordCount = Math.ceil(sizeOf(second) / bitsPerWord);
    const isInFirst = new Uint8Array(256);
    for (let at = first.start; at < first.end; at++) isInFirst[first.bytes[at]] = 1;
    let end = 0;
    for (let at = second.start; at < second.end; at++) {
      const byte = second.bytes[at];
      if (isInFirst[byte] === 0 || this.#maskOf[byte] >= 0) continue;
      this.#maskOf[byte] = end;
      end += wordCount;
    }
    this.#masks = new Int32Array(end);
    for (let at = second.start; at < second.end; at++) {
      const mask = this.#maskOf[second.bytes[at]];
      const column = at - second.start;
      if (mask >= 0) this.#masks[mask + (column >>> 5)] |= 1 << (column & 31);
    }
    this.words = new Int32Array(wordCount).fill(-1);
  }

  /** Goes to the row of a beginning that is longer by this byte. */
  advance(byte: number): void {
    const mask = this.#maskOf[byte];
    if (mask < 0) return;
    const { words } = this;
    const masks = this.#masks;
    let carry = 0;
    for (let i = 0; i < words.length; i++) {
      const word = words[i];
      const matches = word & masks[mask + i];
      const sum = (word >>> 0) + (matches >>> 0) + carry;
      carry = sum > 0xffffffff ? 1 : 0;
      words[i] = sum | (word & ~matches);
    }
  }

  /** The length in the last column. Bits behind it stay ones. */
  get length(): number {
    const { buffer, byteLength } = this.words;
    return byteLength * 8 - countOnes(new Uint8Array(buffer), 0, byteLength);
  }
}

/** Rows of bits, one after the other: no more bytes for one than its columns take. */
class BitTable {
  readonly #rows: Uint8Array | Uint16Array | Int32Array;
  readonly #wordsPerRow: number;
  #end = 0;

  constructor(rows: number, columns: number) {
    this.#wordsPerRow = Math.ceil(columns / bitsPerWord);
    const words = rows * this.#wordsPerRow;
    if (columns <= 8) this.#rows = new Uint8Array(words);
    else if (columns <= 16) this.#rows = new Uint16Array(words);
    else this.#rows = new Int32Array(words);
  }

  add(words: Int32Array): void {
    const rows = this.#rows;
    let at = this.#end;
    for (let i = 0; i < words.length; i++) rows[at++] = words[i];
    this.#end = at;
  }

  isZero(row: number, column: number): boolean {
    const word = this.#rows[row * this.#wordsPerRow + (column >>> 5)];
    return (word >>> (column & 31) & 1) === 0;
  }
}

function sizeOf({ start, end }: ByteRange): number {
  return end - start;
}
