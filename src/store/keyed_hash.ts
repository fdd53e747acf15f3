import { viewOf } from "./words.ts";

/** Keys up to this length, in bytes, are copied rather than seen through a view of their own. */
export const shortBytes = 64;

/**
 * HalfSipHash-1-3: a 32-bit hash under a secret 64-bit key, so that nobody can choose keys that
 * collide. Jean-Philippe Aumasson and Daniel J. Bernstein, "SipHash: a fast short-input PRF" (2012);
 * the half-width variant is in https://github.com/veorq/SipHash (halfsiphash.c), here with one round
 * per word and three at the end, as Linux and Rust use the full-width one for hash tables.
 */
export class KeyedHash {
  readonly #k0: number;
  readonly #k1: number;
  /** Where short keys are copied to, as a view of each would be an object more. */
  readonly #short = new Uint8Array(shortBytes);
  readonly #shortView = viewOf(this.#short);
  /** The last key of `of` that was short, word by word; the last word may be of another one in part. */
  readonly words = new Int32Array(this.#short.buffer);

  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  /** The hash of `bytes[start, end)` as a signed 32-bit number. */
  of(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > shortBytes) return this.ofView(viewOf(bytes), start, end);
    // Words that are stored as such can be loaded at once; of bytes, the processor has to wait for all.
    const { words } = this;
    let at = start;
    let word = 0;
    for (const last = end - 3; at < last; at += 4) {
      words[word++] = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
    }
    for (let to = word << 2; at < end; at++) this.#short[to++] = bytes[at];
    return this.ofView(this.#shortView, 0, length);
  }

  /** The same of bytes that are seen through a view: words are read as such, wherever they begin. */
  ofView(bytes: DataView, start: number, end: number): number {
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = this.#k0 ^ 0x6c796765;
    let v3 = this.#k1 ^ 0x74656462;

    let at = start;
    for (const last = end - 3; at < last; at += 4) {
      const m = bytes.getInt32(at, true);
      v3 ^= m;
      v0 = v0 + v1 | 0;
      v1 = (v1 << 5 | v1 >>> 27) ^ v0;
      v0 = v0 << 16 | v0 >>> 16;
      v2 = v2 + v3 | 0;
      v3 = (v3 << 8 | v3 >>> 24) ^ v2;
      v0 = v0 + v3 | 0;
      v3 = (v3 << 7 | v3 >>> 25) ^ v0;
      v2 = v2 + v1 | 0;
      v1 = (v1 << 13 | v1 >>> 19) ^ v2;
      v2 = v2 << 16 | v2 >>> 16;
      v0 ^= m;
    }

    let m = (end - start) << 24;
    const rest = end - at;
    if (rest > 2) m |= bytes.getUint8(at + 2) << 16;
    if (rest > 1) m |= bytes.getUint8(at + 1) << 8;
    if (rest > 0) m |= bytes.getUint8(at);
    v3 ^= m;
    for (let round = 0; round < 4; round++) {
      v0 = v0 + v1 | 0;
      v1 = (v1 << 5 | v1 >>> 27) ^ v0;
      v0 = v0 << 16 | v0 >>> 16;
      v2 = v2 + v3 | 0;
      v3 = (v3 << 8 | v3 >>> 24) ^ v2;
      v0 = v0 + v3 | 0;
      v3 = (v3 << 7 | v3 >>> 25) ^ v0;
      v2 = v2 + v1 | 0;
      v1 = (v1 << 13 | v1 >>> 19) ^ v2;
      v2 = v2 << 16 | v2 >>> 16;
      if (round === 0) {
        v0 ^= m;
        v2 ^= 0xff;
      }
    }
    return v1 ^ v3;
  }
}
