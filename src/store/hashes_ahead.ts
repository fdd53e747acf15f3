/**
 * Hashes of the keys of a pipeline, computed before its commands are run: they are needed once to load
 * what lookups will touch, and once more by the lookups.
 */
import type { KeyedHash } from "./keyed_hash.ts";

export class HashesAhead {
  readonly hashes: Int32Array;
  /** How many there are. */
  count = 0;
  readonly #hash: KeyedHash;
  /** Where the keys stand in `#bytes`; in a pipeline, one behind the other. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #bytes: Uint8Array | null = null;
  /** The first that may be asked for: the keys before it have been passed. */
  #next = 0;

  constructor(hash: KeyedHash, capacity: number) {
    this.#hash = hash;
    this.hashes = new Int32Array(capacity);
    this.#starts = new Int32Array(capacity);
    this.#ends = new Int32Array(capacity);
  }

  get isFull(): boolean {
    return this.count === this.hashes.length;
  }

  /** Forgets all: to be called whenever the bytes of the keys may have changed. */
  clear(): void {
    this.count = 0;
    this.#next = 0;
    this.#bytes = null;
  }

  /** Computes the hash of a key behind those that were added before, in the same bytes. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const i = this.count++;
    this.#bytes = bytes;
    this.#starts[i] = start;
    this.#ends[i] = end;
    this.hashes[i] = this.#hash.of(bytes, start, end);
  }

  /** The hash of a key, computed now if it was not before. */
  of(bytes: Uint8Array, start: number, end: number): number {
    if (bytes === this.#bytes) {
      const starts = this.#starts;
      let i = this.#next;
      while (i < this.count && starts[i] < start) i++;
      this.#next = i;
      if (i < this.count && starts[i] === start && this.#ends[i] === end) return this.hashes[i];
    }
    return this.#hash.of(bytes, start, end);
  }
}
