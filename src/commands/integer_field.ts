/**
 * An integer of 1 to 64 bits anywhere in a row of bits, its highest bit first, as BITFIELD reads,
 * changes and writes it. Integers of up to 52 bits are numbers. The `long` methods work on BigInt, for
 * longer ones and for operands of which a double may not hold the sum.
 */

/** What happens to a result that does not fit: it wraps around, becomes the nearest one, or fails. */
export type Overflow = "WRAP" | "SAT" | "FAIL";

/** The longest integers that are numbers. With an operand of up to 2^52 their sum stays below 2^53. */
const numberBitsMax = 52;
const numberOperandMax = 2 ** 52;

/** A long integer is read and written in two parts, of which the lower one has so many bits. */
const lowBits = 32;

const noBytes = new Uint8Array(0);

/** One field at a time: a form (`i8`, `u63`), a place, and the row of bits that it is in. */
export class IntegerField {
  isSigned = false;
  bits = 1;
  /** The place of the highest bit, counted from the first bit of the row. */
  offset = 0;
  #bytes: Uint8Array = noBytes;
  #start = 0;
  #end = 0;

  /** The row of bits is `bytes[start, end)`; behind it, there are zeros to read. */
  setRow(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** Whether the field, together with an operand (NaN: one that is no safe integer), needs BigInt. */
  isLongWith(operand: number): boolean {
    return !(this.bits <= numberBitsMax && Math.abs(operand) <= numberOperandMax);
  }

  read(): number {
    const value = this.#readBits(this.offset, this.bits);
    return this.isSigned && value >= 2 ** (this.bits - 1) ? value - 2 ** this.bits : value;
  }

  readLong(): bigint {
    if (this.bits <= numberBitsMax) return BigInt(this.read());
    const highBits = this.bits - lowBits;
    const high = this.#readBits(this.offset, highBits);
    const low = this.#readBits(this.offset + highBits, lowBits);
    const value = BigInt(high) << BigInt(lowBits) | BigInt(low);
    return this.isSigned ? BigInt.asIntN(this.bits, value) : value;
  }

  /** Writes a value that fits. The row reaches behind the field. */
  write(value: number): void {
    this.#writeBits(this.offset, this.bits, value < 0 ? value + 2 ** this.bits : value);
  }

  /** The same. */
  writeLong(value: bigint): void {
    if (this.bits <= numberBitsMax) return this.write(Number(value));
    const highBits = this.bits - lowBits;
    const unsigned = BigInt.asUintN(this.bits, value);
    this.#writeBits(this.offset, highBits, Number(unsigned >> BigInt(lowBits)));
    this.#writeBits(this.offset + highBits, lowBits, Number(BigInt.asUintN(lowBits, unsigned)));
  }

  /**
   * What the field holds after `value + increment` is put into it; NaN when that fails. An increment
   * of 0 is an assignment, of which Redis takes a negative value for a large one if the field is
   * unsigned.
   */
  fit(value: number, increment: number, overflow: Overflow): number {
    const { isSigned, bits } = this;
    const span = 2 ** bits;
    const min = isSigned ? -span / 2 : 0;
    const max = min + span - 1;
    const sum = value + increment;
    if (sum >= min && sum <= max) return sum;
    if (overflow === "FAIL") return NaN;
    if (overflow === "SAT") return sum > max || (!isSigned && increment === 0) ? max : min;
    const wrapped = (sum % span + span) % span;
    return wrapped > max ? wrapped - span : wrapped;
  }

  /** The same; null when it fails. */
  fitLong(value: bigint, increment: bigint, overflow: Overflow): bigint | null {
    const { isSigned, bits } = this;
    const span = 1n << BigInt(bits);
    const min = isSigned ? -span / 2n : 0n;
    const max = min + span - 1n;
    const sum = value + increment;
    if (sum >= min && sum <= max) return sum;
    if (overflow === "FAIL") return null;
    if (overflow === "SAT") return this.#isAbove(value, increment, max) ? max : min;
    return isSigned ? BigInt.asIntN(bits, sum) : BigInt.asUintN(bits, sum);
  }

  /**
   * Whether what does not fit counts as too large. Redis looks at `max - value` in 64 bits, so that a
   * value far below the least of a shorter signed field counts as too large as well.
   */
  #isAbove(value: bigint, increment: bigint, max: bigint): boolean {
    if (value + increment > max) return true;
    if (!this.isSigned) return increment === 0n;
    return this.bits < 64 && BigInt.asIntN(64, max - value) < increment;
  }

  #readBits(offset: number, bits: number): number {
    let at = this.#start + Math.floor(offset / 8);
    let free = 8 - (offset & 7);
    let value = 0;
    for (let left = bits; left > 0;) {
      const taken = Math.min(free, left);
      const byte = at < this.#end ? this.#bytes[at] : 0;
      value = value * (1 << taken) + (byte >> (free - taken) & (1 << taken) - 1);
      left -= taken;
      free = 8;
      at++;
    }
    return value;
  }

  #writeBits(offset: number, bits: number, value: number): void {
    const last = offset + bits - 1;
    let at = this.#start + Math.floor(last / 8);
    let free = (last & 7) + 1;
    let rest = value;
    for (let left = bits; left > 0;) {
      const taken = Math.min(free, left);
      const place = 8 - free;
      const mask = (1 << taken) - 1 << place;
      this.#bytes[at] = this.#bytes[at] & ~mask | rest % (1 << taken) << place;
      rest = Math.floor(rest / (1 << taken));
      left -= taken;
      free = 8;
      at--;
    }
  }
}
