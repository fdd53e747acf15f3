/**
 * Expiry: keys past their deadline are removed in the order of their deadlines, a slice at a time.
 * Nobody sees them meanwhile: whoever looks up a key compares its deadline with the time.
 */
import { ExpiryQueue } from "./expiry_queue.ts";
import type { HashIndex } from "./hash_index.ts";
import type { IndexHeader } from "./index_header.ts";
import { DurationHistogram } from "./duration_histogram.ts";
import { expireAtOf } from "./record.ts";
import type { Stage } from "./stage.ts";

/** Deadlines worked off in one slice: about 0.3 ms. */
const sliceDeadlines = 256;
/** Index entries looked at in one slice of the pass after a restart, and of sifting the queue ... */
const sliceEntries = 512;
/** ... so many of the pass at once: when their records are on the disk, a slice ends after so many ms. */
const passEntries = 16;
const passMsMax = 0.5;
/** So many deadlines tell how far away they are in the mean. */
const meanSamples = 128;
/** Outdated entries that the queue may hold beside one for each key. */
const outdatedMax = 65536;

export class Expiry {
  /** Keys removed since the store was opened. */
  expiredKeys = 0;
  /** How long after their deadlines keys were removed. */
  readonly lateness = new DurationHistogram();
  /** The deadlines, with some that are outdated. */
  readonly queue = new ExpiryQueue();
  readonly #index: HashIndex;
  readonly #stage: Stage;
  readonly #header: IndexHeader;
  /** The pass over the index that fills the queue after a restart has come to this hash. */
  #passHash = 0;
  #passing = false;

  constructor(index: HashIndex, stage: Stage, header: IndexHeader) {
    this.#index = index;
    this.#stage = stage;
    this.#header = header;
    this.#passing = header.volatileKeys > 0;
  }

  /** How many keys have a deadline. */
  get volatileKeys(): number {
    return this.#header.volatileKeys;
  }

  /** The earliest deadline; Infinity when there is none. */
  get nextDeadline(): number {
    return this.queue.nextDeadline;
  }

  /** How long keys with a deadline have left in the mean, in milliseconds: from some, picked at random. */
  meanTtlMs(now: number): number {
    const { queue } = this;
    if (queue.size === 0) return 0;
    let sum = 0;
    for (let i = 0; i < meanSamples; i++) {
      queue.sample();
      sum += Math.max(0, queue.sampledDeadline - now);
    }
    return sum / meanSamples;
  }

  /** There is background work that waits for no deadline. */
  get hasWork(): boolean {
    return this.#passing || this.queue.sifting;
  }

  /** A record with a deadline was written. */
  added(deadline: number, hash: number): void {
    this.#header.volatileKeys++;
    this.queue.push(deadline, hash);
  }

  /** A record with a deadline counts no more. */
  dropped(): void {
    this.#header.volatileKeys--;
  }

  clear(): void {
    this.#header.volatileKeys = 0;
    this.queue.clear();
    this.#passing = false;
  }

  /** Removes keys whose deadline is before `now`, through `remove`. */
  step(now: number, remove: (address: number) => void): void {
    const { queue } = this;
    for (let i = 0; i < sliceDeadlines && queue.nextDeadline < now; i++) {
      const deadline = queue.nextDeadline;
      const hash = queue.take();
      try {
        this.#removeExpired(hash, now, remove);
      } catch (error) {
        queue.push(deadline, hash); // It is tried again later.
        throw error;
      }
    }
  }

  #removeExpired(hash: number, now: number, remove: (address: number) => void): void {
    // All entries of the hash, and perhaps the next one's: what has expired goes.
    const found = this.#index.collect(hash >>> 0, 1);
    for (let k = 0; k < found; k++) {
      const address = this.#index.collected[k];
      const deadline = this.#deadlineOf(address);
      if (deadline === 0 || deadline >= now) continue;
      remove(address);
      this.expiredKeys++;
      this.lateness.note(now - deadline);
    }
  }

  /** A slice of the work that waits for no deadline. */
  stepInBackground(): void {
    if (this.#passing) this.#passSome();
    if (!this.queue.sifting && this.queue.size > 2 * this.volatileKeys + outdatedMax) {
      this.queue.beginSifting();
    }
    this.queue.siftSome(
      sliceEntries,
      (deadline, hash) => this.addressOf(deadline, hash) !== 0,
    );
  }

  #passSome(): void {
    const until = performance.now() + passMsMax;
    for (let looked = 0; looked < sliceEntries && this.#passing; looked += passEntries) {
      const found = this.#index.collect(this.#passHash, passEntries, true);
      for (let i = 0; i < found; i++) {
        const deadline = this.#deadlineOf(this.#index.collected[i]);
        if (deadline !== 0) this.queue.push(deadline, this.#index.collectedHashes[i]);
      }
      this.#passHash = this.#index.nextHash;
      this.#passing = this.#passHash !== 0;
      if (performance.now() > until) return;
    }
  }

  /** The address of a key that an entry of the queue stands for; 0 when it is outdated. */
  addressOf(deadline: number, hash: number): number {
    const found = this.#index.collect(hash >>> 0, 1, true);
    const { collected, collectedHashes } = this.#index;
    for (let i = 0; i < found && collectedHashes[i] === hash; i++) {
      if (this.#deadlineOf(collected[i]) === deadline) return collected[i];
    }
    return 0;
  }

  #deadlineOf(address: number): number {
    return expireAtOf(this.#stage.windowOf(address), this.#stage.offsetOf(address));
  }
}
