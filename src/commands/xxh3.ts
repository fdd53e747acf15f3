/**
 * XXH3, the 64-bit variant without a seed, which Redis calls the digest of a value.
 * https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 *
 * Up to 240 bytes there are a few 64-bit products, for which BigInt is good enough. Longer values go
 * through eight sums of 64 bits, each kept as two halves.
 */

const prime32 = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn] as const;
const prime64 = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;
const primeMix1 = 0x165667919e3779f9n;
const primeMix2 = 0x9fb21c651e98df25n;

/** The specification's default secret. */
const secret = bytesOf(
  "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f" +
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c" +
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8" +
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364" +
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e" +
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e",
);

const stripeBytes = 64;
const lanes = 8;
/** Each stripe of a block takes 8 bytes of the secret more: (192 - 64) / 8 of them. */
const stripesPerBlock = (secret.length - stripeBytes) / 8;
const shortBytesMax = 240;

const stripeKeys = wordsOf(0, secret.length);
const scrambleKeys = wordsOf(secret.length - stripeBytes, secret.length);
const lastStripeKeys = wordsOf(secret.length - stripeBytes - 7, secret.length - 7);

/** The hash of `bytes[start, end)`, 0 to 2^64 - 1. */
export function xxh3(bytes: Uint8Array, start: number, end: number): bigint {
  const size = end - start;
  if (size > shortBytesMax) return hashLong(bytes, start, end);
  if (size > 128) return hash240(bytes, start, end);
  if (size > 16) return hash128(bytes, start, end);
  if (size > 8) return hash16(bytes, start, end);
  if (size > 3) return hash8(bytes, start, end);
  return size > 0 ? hash3(bytes, start, end) : finish64(key(56) ^ key(64));
}

// --- up to 240 bytes

function hash3(bytes: Uint8Array, start: number, end: number): bigint {
  const size = end - start;
  const combined = (bytes[start] << 16 | bytes[start + (size >> 1)] << 24 | bytes[end - 1] |
    size << 8) >>> 0;
  return finish64(BigInt(combined) ^ (key(0) ^ key(0) >> 32n) & 0xffffffffn);
}

function hash8(bytes: Uint8Array, start: number, end: number): bigint {
  const value = BigInt(read32(bytes, end - 4)) | BigInt(read32(bytes, start)) << 32n;
  let hash = value ^ key(8) ^ key(16);
  hash ^= rotateLeft(hash, 49n) ^ rotateLeft(hash, 24n);
  hash = product(hash, primeMix2);
  hash ^= (hash >> 35n) + BigInt(end - start);
  hash = product(hash, primeMix2);
  return hash ^ hash >> 28n;
}

function hash16(bytes: Uint8Array, start: number, end: number): bigint {
  const low = read64(bytes, start) ^ key(24) ^ key(32);
  const high = read64(bytes, end - 8) ^ key(40) ^ key(48);
  return finish(BigInt(end - start) + swapBytes(low) + high + foldedProduct(low, high));
}

/** From both ends inwards. */
function hash128(bytes: Uint8Array, start: number, end: number): bigint {
  let sum = BigInt(end - start) * prime64[0];
  for (let i = Math.ceil((end - start) / 32) - 1; i >= 0; i--) {
    sum += mix16(bytes, start + 16 * i, 32 * i) + mix16(bytes, end - 16 * (i + 1), 32 * i + 16);
  }
  return finish(sum);
}

function hash240(bytes: Uint8Array, start: number, end: number): bigint {
  let sum = BigInt(end - start) * prime64[0];
  const rounds = Math.floor((end - start) / 16);
  for (let i = 0; i < 8; i++) sum += mix16(bytes, start + 16 * i, 16 * i);
  sum = finish(sum);
  for (let i = 8; i < rounds; i++) sum += mix16(bytes, start + 16 * i, 16 * (i - 8) + 3);
  return finish(sum + mix16(bytes, end - 16, 136 - 17));
}

function mix16(bytes: Uint8Array, at: number, keyAt: number): bigint {
  return foldedProduct(read64(bytes, at) ^ key(keyAt), read64(bytes, at + 8) ^ key(keyAt + 8));
}

// --- longer values

function hashLong(bytes: Uint8Array, start: number, end: number): bigint {
  const sums = new LaneSums();
  // The last stripe is always the value's last 64 bytes, whether it overlaps or not.
  const lastFull = end - 1 - stripeBytes;
  let stripe = 0;
  for (let at = start; at <= lastFull; at += stripeBytes) {
    sums.add(bytes, at, stripeKeys, stripe * 2);
    if (++stripe === stripesPerBlock) {
      sums.scramble();
      stripe = 0;
    }
  }
  sums.add(bytes, end - stripeBytes, lastStripeKeys, 0);
  return sums.merge(end - start);
}

/** The eight sums, in halves of 32 bits. */
class LaneSums {
  readonly #low = new Int32Array(lanes);
  readonly #high = new Int32Array(lanes);

  constructor() {
    const initial = [
      prime32[2],
      prime64[0],
      prime64[1],
      prime64[2],
      prime64[3],
      prime32[1],
      prime64[4],
      prime32[0],
    ];
    for (const [lane, value] of initial.entries()) {
      this.#low[lane] = Number(BigInt.asIntN(32, value));
      this.#high[lane] = Number(BigInt.asIntN(32, value >> 32n));
    }
  }

  /** Adds a stripe: each word to the neighbour's sum, the product of its keyed halves to its own. */
  add(bytes: Uint8Array, start: number, keys: Int32Array, keysAt: number): void {
    const low = this.#low;
    const high = this.#high;
    for (let lane = 0; lane < lanes; lane++) {
      const at = start + 8 * lane;
      const valueLow = bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
      const valueHigh = bytes[at + 4] | bytes[at + 5] << 8 | bytes[at + 6] << 16 |
        bytes[at + 7] << 24;
      const other = lane ^ 1;
      const sum = low[other] + valueLow | 0;
      high[other] += valueHigh + (sum >>> 0 < valueLow >>> 0 ? 1 : 0);
      low[other] = sum;

      const a = valueLow ^ keys[keysAt + 2 * lane];
      const b = valueHigh ^ keys[keysAt + 2 * lane + 1];
      const productLow = Math.imul(a, b);
      const ownSum = low[lane] + productLow | 0;
      high[lane] += highProduct(a, b) + (ownSum >>> 0 < productLow >>> 0 ? 1 : 0);
      low[lane] = ownSum;
    }
  }

  /** At the end of a block: high bits come down, then the keys and a factor of 32 bits. */
  scramble(): void {
    const factor = Number(BigInt.asIntN(32, prime32[0]));
    for (let lane = 0; lane < lanes; lane++) {
      const high = this.#high[lane];
      const low = this.#low[lane] ^ high >>> 15 ^ scrambleKeys[2 * lane];
      const keyedHigh = high ^ scrambleKeys[2 * lane + 1];
      this.#low[lane] = Math.imul(low, factor);
      this.#high[lane] = highProduct(low, factor) + Math.imul(keyedHigh, factor);
    }
  }

  merge(size: number): bigint {
    let sum = BigInt(size) * prime64[0];
    for (let lane = 0; lane < lanes; lane += 2) {
      const keyAt = 11 + 8 * lane;
      sum += foldedProduct(this.#lane(lane) ^ key(keyAt), this.#lane(lane + 1) ^ key(keyAt + 8));
    }
    return finish(sum);
  }

  #lane(lane: number): bigint {
    return BigInt(this.#low[lane] >>> 0) | BigInt(this.#high[lane] >>> 0) << 32n;
  }
}

/** The upper 32 bits of the product of two unsigned numbers of 32 bits. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const lowHigh = aLow * bHigh;
  const highLow = aHigh * bLow;
  const middle = (aLow * bLow >>> 16) + (lowHigh & 0xffff) + (highLow & 0xffff);
  return aHigh * bHigh + (lowHigh >>> 16) + (highLow >>> 16) + (middle >>> 16) | 0;
}

// --- parts of both

function product(a: bigint, b: bigint): bigint {
  return BigInt.asUintN(64, a * b);
}

/** Both halves of a product of 128 bits, one upon the other. */
function foldedProduct(a: bigint, b: bigint): bigint {
  const whole = a * b;
  return BigInt.asUintN(64, whole) ^ whole >> 64n;
}

/** XXH3's last steps; `sum` may be longer than 64 bits. */
function finish(sum: bigint): bigint {
  let hash = BigInt.asUintN(64, sum);
  hash ^= hash >> 37n;
  hash = product(hash, primeMix1);
  return hash ^ hash >> 32n;
}

/** Those of XXH64. */
function finish64(hash: bigint): bigint {
  hash ^= hash >> 33n;
  hash = product(hash, prime64[1]);
  hash ^= hash >> 29n;
  hash = product(hash, prime64[2]);
  return hash ^ hash >> 32n;
}

function rotateLeft(value: bigint, bits: bigint): bigint {
  return BigInt.asUintN(64, value << bits) | value >> 64n - bits;
}

function swapBytes(value: bigint): bigint {
  let swapped = 0n;
  for (let i = 0n; i < 64n; i += 8n) swapped = swapped << 8n | value >> i & 0xffn;
  return swapped;
}

function read32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}

function read64(bytes: Uint8Array, at: number): bigint {
  return BigInt(read32(bytes, at)) | BigInt(read32(bytes, at + 4)) << 32n;
}

/** 64 bits of the secret. */
function key(at: number): bigint {
  return read64(secret, at);
}

/** The secret's bytes from `start` to `end` as words. */
function wordsOf(start: number, end: number): Int32Array {
  return Int32Array.from({ length: (end - start) / 4 }, (_, i) => read32(secret, start + 4 * i));
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(
    { length: hex.length / 2 },
    (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
