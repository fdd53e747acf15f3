/**
 * A map whose keys are ranges of bytes: looking one up makes no string and no view. Chained hashing
 * under a random key (see `KeyedHash`), so that nobody can choose keys that collide.
 */
import { sameBytes } from "./compare_bytes.ts";
import { KeyedHash } from "./keyed_hash.ts";

const bucketsMin = 16;

interface Entry<V> {
  readonly key: Uint8Array;
  readonly hash: number;
  value: V;
  next: Entry<V> | null;
}

export class ByteMap<V> {
  #buckets: (Entry<V> | null)[] = new Array(bucketsMin).fill(null);
  #size = 0;
  readonly #hash: KeyedHash;

  constructor() {
    const [k0, k1] = crypto.getRandomValues(new Int32Array(2));
    this.#hash = new KeyedHash(k0, k1);
  }

  get size(): number {
    return this.#size;
  }

  /** The value of the key `bytes[start, end)`. */
  get(bytes: Uint8Array, start = 0, end = bytes.length): V | undefined {
    return this.#find(this.#hash.of(bytes, start, end), bytes, start, end)?.value;
  }

  /** Sets a key, which is copied. */
  set(value: V, bytes: Uint8Array, start = 0, end = bytes.length): void {
    const hash = this.#hash.of(bytes, start, end);
    const entry = this.#find(hash, bytes, start, end);
    if (entry !== null) {
      entry.value = value;
      return;
    }
    if (this.#size >= this.#buckets.length) this.#resize(this.#buckets.length * 2);
    this.#size++;
    this.#link({ key: bytes.slice(start, end), hash, value, next: null });
  }

  /** Removes a key; returns whether it was there. */
  delete(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    const hash = this.#hash.of(bytes, start, end);
    const bucket = hash & this.#buckets.length - 1;
    let before: Entry<V> | null = null;
    for (let entry = this.#buckets[bucket]; entry !== null; before = entry, entry = entry.next) {
      if (!isEntryOf(entry, hash, bytes, start, end)) continue;
      if (before === null) this.#buckets[bucket] = entry.next;
      else before.next = entry.next;
      this.#size--;
      const quarter = this.#buckets.length / 4;
      if (this.#size < quarter && quarter >= bucketsMin) this.#resize(this.#buckets.length / 2);
      return true;
    }
    return false;
  }

  clear(): void {
    this.#buckets = new Array(bucketsMin).fill(null);
    this.#size = 0;
  }

  /** All entries, in no order. The map must not be changed meanwhile. */
  *[Symbol.iterator](): Iterator<readonly [key: Uint8Array, value: V]> {
    for (const first of this.#buckets) {
      for (let entry = first; entry !== null; entry = entry.next) yield [entry.key, entry.value];
    }
  }

  /** Some key, for who has to get rid of one; undefined when there is none. */
  anyKey(): Uint8Array | undefined {
    const { length } = this.#buckets;
    const start = Math.floor(Math.random() * length);
    for (let i = 0; i < length; i++) {
      const entry = this.#buckets[start + i & length - 1];
      if (entry !== null) return entry.key;
    }
    return undefined;
  }

  #find(hash: number, bytes: Uint8Array, start: number, end: number): Entry<V> | null {
    let entry = this.#buckets[hash & this.#buckets.length - 1];
    while (entry !== null && !isEntryOf(entry, hash, bytes, start, end)) entry = entry.next;
    return entry;
  }

  #link(entry: Entry<V>): void {
    const bucket = entry.hash & this.#buckets.length - 1;
    entry.next = this.#buckets[bucket];
    this.#buckets[bucket] = entry;
  }

  #resize(length: number): void {
    const old = this.#buckets;
    this.#buckets = new Array(length).fill(null);
    for (const first of old) {
      for (let entry = first; entry !== null;) {
        const { next } = entry;
        this.#link(entry);
        entry = next;
      }
    }
  }
}

function isEntryOf(
  entry: Entry<unknown>,
  hash: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  return entry.hash === hash && sameBytes(entry.key, 0, entry.key.length, bytes, start, end);
}
