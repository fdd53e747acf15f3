/**
 * The keys of requests that have been read and not run yet: their hashes are computed once, what looking
 * them up will touch is loaded for all of them at once, and the lookups use the hashes again.
 */
import { aheadMax, type HashIndex } from "./hash_index.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import { viewOf } from "./words.ts";

/** Hashing longer arguments, which are rarely keys, takes longer than it saves. */
const keyBytesMax = 64;
/** With so many, adding more would make their cache misses overlap no better. */
const keysEnough = 64;

const noBytes = new Uint8Array(0);

export class KeysAhead {
  /** How many there are. */
  count = 0;
  readonly #hash: KeyedHash;
  readonly #index: HashIndex;
  readonly #hashes = new Int32Array(aheadMax);
  /** Where the keys stand in the bytes of their client: of one client, one behind the other. */
  readonly #starts = new Int32Array(aheadMax);
  readonly #ends = new Int32Array(aheadMax);
  /** The bytes of the client whose requests are run, and their words. */
  bytes: Uint8Array = noBytes;
  view: DataView = viewOf(noBytes);
  /** The first that may be asked for, as the keys before it have been passed, and the end of them. */
  #next = 0;
  #end = 0;
  /** Others that were asked for last. */
  #otherBytes: Uint8Array = noBytes;
  #otherView = this.view;
  /** Keeps `load` from being optimised away. */
  #loaded = 0;

  constructor(hash: KeyedHash, index: HashIndex) {
    this.#hash = hash;
    this.#index = index;
  }

  get isEnough(): boolean {
    return this.count >= keysEnough;
  }

  /** Forgets all: to be called before the bytes of any of the keys change. */
  clear(): void {
    this.count = 0;
    this.#next = 0;
    this.#end = 0;
  }

  /** Adds a key, unless there are too many. Of one client, in the order of the bytes. */
  add(bytes: DataView, start: number, end: number): void {
    if (this.count === aheadMax || end - start > keyBytesMax) return;
    const i = this.count++;
    this.#starts[i] = start;
    this.#ends[i] = end;
    this.#hashes[i] = this.#hash.ofView(bytes, start, end);
  }

  /** Loads what looking the keys up will touch into the processor's caches. */
  load(): void {
    if (this.count > 1) this.#loaded = this.#index.prefetch(this.#hashes, this.count);
  }

  /** Requests are run whose bytes these are, and whose keys were added from the `from`-th to `to`. */
  select(bytes: Uint8Array, view: DataView, from: number, to: number): void {
    this.bytes = bytes;
    this.view = view;
    this.#next = from;
    this.#end = to;
  }

  /** The hash of any key, computed now if it was not before. */
  of(bytes: Uint8Array, start: number, end: number): number {
    if (bytes === this.bytes) {
      const starts = this.#starts;
      let i = this.#next;
      while (i < this.#end && starts[i] < start) i++;
      this.#next = i;
      if (i < this.#end && starts[i] === start && this.#ends[i] === end) return this.#hashes[i];
    }
    return this.#hash.ofView(this.viewOf(bytes), start, end);
  }

  /** How to see the words of any bytes: nothing new where they are those that requests are run of. */
  viewOf(bytes: Uint8Array): DataView {
    if (bytes === this.bytes) return this.view;
    if (bytes !== this.#otherBytes) {
      this.#otherBytes = bytes;
      this.#otherView = viewOf(bytes);
    }
    return this.#otherView;
  }
}
