/**
 * MurmurHash64A: Austin Appleby, https://github.com/aappleby/smhasher (MurmurHash2.cpp), on 64-bit
 * numbers in halves of 32 bits.
 */

const multiplierHigh = 0xc6a4a793;
const multiplierLow = 0x5bd1e995;
const shift = 47;

/** The hash of the last call, in halves. */
export const murmurHash = { high: 0, low: 0 };

// The operand and result of `multiply`.
let high = 0;
let low = 0;

/** Hashes `bytes[start, end)` under a seed of 32 bits, to `murmurHash`. */
export function computeMurmurHash(
  bytes: Uint8Array,
  start: number,
  end: number,
  seed: number,
): void {
  const length = end - start;
  // seed ^ (length * multiplier)
  high = 0;
  low = length | 0;
  multiply();
  let hashHigh = high;
  let hashLow = low ^ seed;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    low = read32(bytes, at);
    high = read32(bytes, at + 4);
    multiply();
    low ^= high >>> shift - 32;
    multiply();
    high ^= hashHigh;
    low ^= hashLow;
    multiply();
    hashHigh = high;
    hashLow = low;
  }
  if (at < end) {
    for (let i = 0; at + i < end; i++) {
      const bits = bytes[at + i] << 8 * (i & 3);
      if (i < 4) hashLow ^= bits;
      else hashHigh ^= bits;
    }
    high = hashHigh;
    low = hashLow;
    multiply();
    hashHigh = high;
    hashLow = low;
  }
  hashLow ^= hashHigh >>> shift - 32;
  high = hashHigh;
  low = hashLow;
  multiply();
  low ^= high >>> shift - 32;
  murmurHash.high = high >>> 0;
  murmurHash.low = low >>> 0;
}

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
}

/** Multiplies high:low with the multiplier, modulo 2^64. */
function multiply(): void {
  const a = low >>> 16;
  const b = low & 0xffff;
  const c = multiplierLow >>> 16;
  const d = multiplierLow & 0xffff;
  // low * multiplierLow in 64 bits, by halves of 16; each sum stays below 2^53.
  const bottom = b * d;
  const middle = a * d + b * c;
  const sum = bottom + (middle % 0x10000) * 0x10000;
  const carry = Math.floor(sum / 0x100000000) + Math.floor(middle / 0x10000) + a * c;
  const crossed = Math.imul(high, multiplierLow) + Math.imul(low, multiplierHigh);
  high = carry + crossed | 0;
  low = sum | 0;
}
