/**
 * CRC-64 with Jones's polynomial, as Redis protects serialised values: reflected, starting from 0.
 * David T. Jones, "An Improved 64-bit Cyclic Redundancy Check for Protein Sequences" (2002).
 */

/** The polynomial, bits reversed, in halves. */
const polynomialHigh = 0x95ac9329 | 0;
const polynomialLow = 0xac4bc9b5 | 0;

const tableHigh = new Int32Array(256);
const tableLow = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let high = 0;
  let low = byte;
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = (low & 1) !== 0;
    low = low >>> 1 | high << 31;
    high >>>= 1;
    if (isOdd) {
      low ^= polynomialLow;
      high ^= polynomialHigh;
    }
  }
  tableHigh[byte] = high;
  tableLow[byte] = low;
}

/** A sum over pieces that come one after the other. */
export class Crc64 {
  #high = 0;
  #low = 0;

  /** Goes on with `bytes[start, end)`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    let high = this.#high;
    let low = this.#low;
    for (let i = start; i < end; i++) {
      const entry = (low ^ bytes[i]) & 0xff;
      low = (low >>> 8 | high << 24) ^ tableLow[entry];
      high = high >>> 8 ^ tableHigh[entry];
    }
    this.#high = high;
    this.#low = low;
  }

  /** Writes the sum to 8 bytes, the lowest first. */
  write(target: Uint8Array, at: number): void {
    for (let i = 0; i < 4; i++) {
      target[at + i] = this.#low >>> 8 * i;
      target[at + 4 + i] = this.#high >>> 8 * i;
    }
  }

  /** Whether 8 bytes hold the sum, the lowest first. */
  matches(bytes: Uint8Array, at: number): boolean {
    const written = new Uint8Array(8);
    this.write(written, 0);
    return written.every((byte, i) => bytes[at + i] === byte);
  }
}
