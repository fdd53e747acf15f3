/**
 * HyperLogLogs as redis-server stores them: 16 bytes of header, then 16384 registers of 6 bits, either
 * all of them (dense) or as runs (sparse).
 *
 *     "HYLL"  encoding (0 dense, 1 sparse)  3 unused bytes  cardinality: 8 bytes, the lowest first;
 *                                                           its highest bit: not known
 *
 *     sparse: 00llllll            l + 1 registers of 0
 *             01llllll llllllll   l + 1 registers of 0
 *             1vvvvvll            l + 1 registers of v + 1
 *
 * https://github.com/redis/redis/blob/7.0/src/hyperloglog.c specifies it, down to which runs are merged:
 * the same elements give the same bytes here. The estimate is Otmar Ertl's, "New cardinality estimation
 * algorithms for HyperLogLog sketches" (2017), https://arxiv.org/abs/1702.01284, algorithm 6.
 */
import { computeMurmurHash, murmurHash } from "./murmur_hash.ts";

const registers = 2 ** 14;
const indexMask = registers - 1;
/** Bits of a hash behind those that choose the register. */
const hashBits = 50;
const hashSeed = 0xadc83b19;
const headerBytes = 16;
const encodingAt = 4;
const cardinalityAt = 8;
const unknownBit = 0x80;
const denseEncoding = 0;
const sparseEncoding = 1;
const denseBytes = headerBytes + registers * 6 / 8;
const magic = new TextEncoder().encode("HYLL");

const zeroRunMax = 64;
const valueMax = 32;
const valueRunMax = 4;
/** Runs that are looked at for merging after a change. */
const mergedRunsMax = 5;

/** 1 / (2 ln 2) */
const alpha = 0.721347520444481703680;

/** Its runs do not stand for as many registers as there are. */
export class HyperLogLogError extends Error {
  constructor() {
    super("A HyperLogLog is corrupted");
  }
}

/** Whether `bytes[start, end)` may be one. */
export function isHyperLogLog(bytes: Uint8Array, start: number, end: number): boolean {
  const size = end - start;
  if (size < headerBytes || magic.some((byte, i) => bytes[start + i] !== byte)) return false;
  const encoding = bytes[start + encodingAt];
  return encoding === sparseEncoding || encoding === denseEncoding && size === denseBytes;
}

/** Whether one that starts at `start` is dense. */
export function isDense(bytes: Uint8Array, start: number): boolean {
  return bytes[start + encodingAt] === denseEncoding;
}

/** The largest value of each register over several HyperLogLogs. */
export class RegisterSet {
  readonly #values = new Uint8Array(registers);

  /** Takes part of a HyperLogLog. Throws HyperLogLogError when it is corrupted. */
  merge(bytes: Uint8Array, start: number, end: number): void {
    const values = this.#values;
    visitRegisters(bytes, start, end, (index, count, value) => {
      for (let i = index; i < index + count; i++) if (values[i] < value) values[i] = value;
    });
  }

  count(): number {
    const histogram = new Uint32Array(64);
    for (const value of this.#values) histogram[value]++;
    return estimate(histogram);
  }

  /** Those that are not 0. */
  visit(visitor: (index: number, value: number) => void): void {
    this.#values.forEach((value, index) => {
      if (value !== 0) visitor(index, value);
    });
  }
}

/**
 * Tells of all registers of `bytes[start, end)`, those of a run at once. Throws HyperLogLogError when
 * there are fewer or more than there have to be.
 */
function visitRegisters(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (index: number, count: number, value: number) => void,
): void {
  let index = 0;
  if (bytes[start + encodingAt] === denseEncoding) {
    for (; index < registers; index++) visit(index, 1, denseRegister(bytes, start, index));
    return;
  }
  for (let at = start + headerBytes; at < end; at += runBytes(bytes[at])) {
    const count = runLength(bytes, at);
    if (index + count > registers) throw new HyperLogLogError();
    visit(index, count, bytes[at] >= 0x80 ? runValue(bytes[at]) : 0);
    index += count;
  }
  if (index !== registers) throw new HyperLogLogError();
}

function denseRegister(bytes: Uint8Array, start: number, index: number): number {
  const bit = index * 6;
  const at = start + headerBytes + (bit >> 3);
  // Behind the last register, there is nothing that is needed.
  const next = (bit & 7) > 2 ? bytes[at + 1] : 0;
  return (bytes[at] | next << 8) >> (bit & 7) & 63;
}

function runBytes(opcode: number): number {
  return opcode >= 0x40 && opcode < 0x80 ? 2 : 1;
}

function runLength(bytes: Uint8Array, at: number): number {
  const opcode = bytes[at];
  if (opcode >= 0x80) return (opcode & 3) + 1;
  if (opcode >= 0x40) return ((opcode & 0x3f) << 8 | bytes[at + 1]) + 1;
  return opcode + 1;
}

function runValue(opcode: number): number {
  return (opcode >> 2 & 31) + 1;
}

function valueRun(value: number, count: number): number {
  return 0x80 | value - 1 << 2 | count - 1;
}

/** One that is being changed: a copy of a value, or an empty one. */
export class HyperLogLog {
  #bytes: Uint8Array;
  #length: number;
  readonly #sparseBytesMax: number;

  /** Sparse ones become no longer than `sparseBytesMax`: then they become dense. */
  private constructor(bytes: Uint8Array, length: number, sparseBytesMax: number) {
    this.#bytes = bytes;
    this.#length = length;
    this.#sparseBytesMax = sparseBytesMax;
  }

  static empty(sparseBytesMax: number): HyperLogLog {
    const bytes = new Uint8Array(64);
    bytes.set(magic);
    bytes[encodingAt] = sparseEncoding;
    bytes[headerBytes] = 0x40 | registers - 1 >> 8;
    bytes[headerBytes + 1] = registers - 1 & 0xff;
    return new HyperLogLog(bytes, headerBytes + 2, sparseBytesMax);
  }

  /** A copy of `bytes[start, end)`, for which `isHyperLogLog` holds. */
  static copy(
    bytes: Uint8Array,
    start: number,
    end: number,
    sparseBytesMax: number,
  ): HyperLogLog {
    return new HyperLogLog(bytes.slice(start, end), end - start, sparseBytesMax);
  }

  /** Its bytes, valid until it is changed. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  get isDense(): boolean {
    return this.#bytes[encodingAt] === denseEncoding;
  }

  /**
   * The number of elements as it was computed last, or what somebody has written in its place; null when
   * the elements have changed since.
   */
  get cachedCount(): bigint | null {
    const bytes = this.#bytes;
    if ((bytes[cardinalityAt + 7] & unknownBit) !== 0) return null;
    let count = 0n;
    for (let i = 7; i >= 0; i--) count = count << 8n | BigInt(bytes[cardinalityAt + i]);
    return count;
  }

  /** Estimates the number of elements, and keeps it. Throws HyperLogLogError when it is corrupted. */
  count(): number {
    const histogram = new Uint32Array(64);
    visitRegisters(this.#bytes, 0, this.#length, (_, count, value) => histogram[value] += count);
    const result = estimate(histogram);
    let rest = result;
    for (let i = 0; i < 8; i++) {
      this.#bytes[cardinalityAt + i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    return result;
  }

  forgetCount(): void {
    this.#bytes[cardinalityAt + 7] |= unknownBit;
  }

  /** Adds an element; returns whether a register has changed. Throws HyperLogLogError. */
  add(bytes: Uint8Array, start: number, end: number): boolean {
    computeMurmurHash(bytes, start, end, hashSeed);
    const { high, low } = murmurHash;
    const index = low & indexMask;
    // The 50 bits above the index, and one that ends each row of zeros.
    const rest = (low >>> 14 | high << 18) >>> 0;
    const restHigh = high >>> 14;
    let zeros: number;
    if (rest !== 0) zeros = 31 - Math.clz32(rest & -rest);
    else if (restHigh !== 0) zeros = 63 - Math.clz32(restHigh & -restHigh);
    else zeros = hashBits;
    return this.raise(index, zeros + 1);
  }

  /** Makes a register at least `value`; returns whether it was less. Throws HyperLogLogError. */
  raise(index: number, value: number): boolean {
    return this.isDense ? this.#raiseDense(index, value) : this.#raiseSparse(index, value);
  }

  #raiseDense(index: number, value: number): boolean {
    if (denseRegister(this.#bytes, 0, index) >= value) return false;
    const bytes = this.#bytes;
    const bit = index * 6;
    const at = headerBytes + (bit >> 3);
    const shift = bit & 7;
    bytes[at] = bytes[at] & ~(63 << shift) | value << shift;
    if (shift > 2) bytes[at + 1] = bytes[at + 1] & ~(63 >> 8 - shift) | value >> 8 - shift;
    return true;
  }

  #raiseSparse(index: number, value: number): boolean {
    if (value > valueMax) return this.#raisePromoted(index, value);
    const bytes = this.#bytes;
    let at = headerBytes;
    let previous = -1;
    let first = 0;
    let count = 0;
    while (at < this.#length) {
      count = runLength(bytes, at);
      if (index < first + count) break;
      previous = at;
      at += runBytes(bytes[at]);
      first += count;
    }
    if (count === 0 || at >= this.#length) throw new HyperLogLogError();
    const opcode = bytes[at];
    const isValue = opcode >= 0x80;
    if (isValue && runValue(opcode) >= value) return false;
    if (count === 1 && opcode !== 0x40) {
      bytes[at] = valueRun(value, 1);
    } else {
      const runs = splitRun(opcode, index - first, count, value);
      const added = runs.length - runBytes(opcode);
      if (added > 0 && this.#length + added > this.#sparseBytesMax) {
        return this.#raisePromoted(index, value);
      }
      this.#replace(at, runBytes(opcode), runs);
    }
    this.#mergeRuns(previous < 0 ? headerBytes : previous);
    this.forgetCount();
    return true;
  }

  #raisePromoted(index: number, value: number): boolean {
    this.makeDense();
    return this.#raiseDense(index, value);
  }

  /** Puts other runs where a run of `oldBytes` bytes stands. */
  #replace(at: number, oldBytes: number, runs: readonly number[]): void {
    const length = this.#length + runs.length - oldBytes;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(length * 2);
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    this.#bytes.copyWithin(at + runs.length, at + oldBytes, this.#length);
    this.#bytes.set(runs, at);
    this.#length = length;
  }

  /** Joins runs of equal values that follow each other, from `at` on. */
  #mergeRuns(at: number): void {
    const bytes = this.#bytes;
    for (let left = mergedRunsMax; at < this.#length && left > 0; left--) {
      const opcode = bytes[at];
      const next = at + 1 < this.#length ? bytes[at + 1] : 0;
      if (opcode >= 0x80 && next >= 0x80 && runValue(opcode) === runValue(next)) {
        const count = (opcode & 3) + (next & 3) + 2;
        if (count <= valueRunMax) {
          bytes.copyWithin(at, at + 1, this.#length--);
          bytes[at] = valueRun(runValue(opcode), count);
          continue;
        }
      }
      at += runBytes(opcode);
    }
  }

  /** Throws HyperLogLogError when it is corrupted. */
  makeDense(): void {
    if (this.isDense) return;
    const dense = new Uint8Array(denseBytes);
    dense.set(this.#bytes.subarray(0, headerBytes));
    dense[encodingAt] = denseEncoding;
    const whole = new HyperLogLog(dense, denseBytes, 0);
    visitRegisters(this.#bytes, 0, this.#length, (index, count, value) => {
      if (value === 0) return;
      for (let i = index; i < index + count; i++) whole.#raiseDense(i, value);
    });
    this.#bytes = dense;
    this.#length = denseBytes;
  }
}

/** The bytes of the runs that a run becomes when its register number `place` gets a value. */
function splitRun(opcode: number, place: number, count: number, value: number): number[] {
  const runs: number[] = [];
  const rest = (length: number) => {
    if (length === 0) return;
    if (opcode >= 0x80) runs.push(valueRun(runValue(opcode), length));
    else if (length > zeroRunMax) runs.push(0x40 | length - 1 >> 8, length - 1 & 0xff);
    else runs.push(length - 1);
  };
  rest(place);
  runs.push(valueRun(value, 1));
  rest(count - place - 1);
  return runs;
}

/** From how many registers have each value. */
function estimate(histogram: Uint32Array): number {
  let z = registers * tau((registers - histogram[hashBits + 1]) / registers);
  for (let value = hashBits; value >= 1; value--) z = (z + histogram[value]) * 0.5;
  z += registers * sigma(histogram[0] / registers);
  return Math.round(alpha * registers * registers / z);
}

function sigma(x: number): number {
  if (x === 1) return Infinity;
  let y = 1;
  let z = x;
  let before: number;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (before !== z);
  return z;
}

function tau(x: number): number {
  if (x === 0 || x === 1) return 0;
  let y = 1;
  let z = 1 - x;
  let before: number;
  do {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) ** 2 * y;
  } while (before !== z);
  return z / 3;
}
