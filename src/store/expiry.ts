/**
 * Expiry: keys past their deadline are removed in the order of their deadlines, a slice at a time.
 * Nobody sees them meanwhile: whoever looks up a key compares its deadline with the time.
 */
import { ExpiryQueue, isWaypointOf, waypointOf } from "./expiry_queue.ts";
import type { HashIndex } from "./hash_index.ts";
import type { IndexHeader } from "./index_header.ts";
import { DurationHistogram } from "./duration_histogram.ts";
import { expireAtOf } from "./record.ts";
import type { Stage } from "./stage.ts";

/** Entries of the queue worked off in one slice: about 0.3 ms. */
const sliceTimes = 256;
/** Index entries looked at in one slice of the pass after a restart, and of sifting the queue in an idle store ... */
const sliceEntries = 512;
/** ... so many of the pass at once: when their records are on the disk, a slice ends after so many ms. */
const passEntries = 16;
const passMsMax = 0.5;
/** So many keys tell how far away deadlines are in the mean; their records may be on the disk. */
const meanSamples = 32;
/** Outdated entries that the queue may hold beside two for each key: 1.5 MiB. */
const outdatedMax = 2 ** 17;
/**
 * Under load, so many entries are sifted for each one that was pushed, at least and at most so many in one slice: the queue
 * grows by half meanwhile.
 */
const siftedPerPushed = 2;
const siftedMin = 32;
const siftedMax = 512;

export class Expiry {
  /** Keys removed since the store was opened. */
  expiredKeys = 0;
  /** How long after their deadlines keys were removed. */
  readonly lateness = new DurationHistogram();
  /** When to look at keys with a deadline, with entries that are outdated: for each of these keys there is one at its waypoint. */
  readonly queue = new ExpiryQueue();
  /** All waypoints before this time have been worked off, or will be as if they were ahead. */
  #horizon = 0;
  readonly #index: HashIndex;
  readonly #stage: Stage;
  readonly #header: IndexHeader;
  /** The pass over the index that fills the queue after a restart has come to this hash. */
  #passHash = 0;
  #passing = false;
  /** Of the entries that were there, sifting has left so many the last time, or fewer. */
  #leftBySifting = 0;
  /** How many had been pushed when sifting began, and at its last slice. */
  #pushedAtStart = 0;
  #pushedBefore = 0;

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

  /** When to look at a key next; Infinity: never. No deadline is before that. */
  get nextTime(): number {
    return this.queue.nextTime;
  }

  /** How long keys with a deadline have left in the mean, in milliseconds: from some, picked at random. */
  meanTtlMs(now: number): number {
    const { queue } = this;
    let sum = 0;
    let found = 0;
    for (let i = 0; i < meanSamples && queue.size > 0; i++) {
      queue.sample();
      const address = this.addressOf(queue.sampledTime, queue.sampledHash);
      if (address === 0) continue;
      sum += Math.max(0, this.#deadlineOf(address) - now);
      found++;
    }
    return found === 0 ? 0 : sum / found;
  }

  /** There is background work that waits for no deadline. */
  get hasWork(): boolean {
    return this.#passing || this.queue.sifting || this.#hasSurplus;
  }

  /** The queue holds so many entries that most of them must be outdated, or equal to others. */
  get #hasSurplus(): boolean {
    const { queue } = this;
    if (queue.size <= outdatedMax) return false;
    // Sifting cannot do better than the last time, be the count of keys right or not.
    return queue.size > 2 * Math.max(this.volatileKeys, this.#leftBySifting) + outdatedMax;
  }

  /** A record with a deadline was written; `now` is the time, where it is known. */
  added(deadline: number, hash: number, now = 0): void {
    this.#header.volatileKeys++;
    if (now > this.#horizon) this.#horizon = now;
    this.#push(deadline, hash);
  }

  #push(deadline: number, hash: number): void {
    this.queue.push(waypointOf(deadline, hash, this.#horizon), hash);
  }

  /** The same in the place of a record of the same key with a deadline: mostly, the queue leads to it already. */
  renewed(deadline: number, hash: number, oldDeadline: number, now: number): void {
    this.#header.volatileKeys++;
    if (deadline === oldDeadline) return;
    if (now > this.#horizon) this.#horizon = now;
    const waypoint = waypointOf(deadline, hash, this.#horizon);
    if (waypoint !== waypointOf(oldDeadline, hash, this.#horizon)) this.queue.push(waypoint, hash);
  }

  /** A record with a deadline counts no more. */
  dropped(): void {
    this.#header.volatileKeys--;
  }

  clear(): void {
    this.#header.volatileKeys = 0;
    this.queue.clear();
    this.#leftBySifting = 0;
    this.#passing = false;
  }

  /** Removes keys whose deadline is before `now`, through `remove`. */
  step(now: number, remove: (address: number) => void): void {
    const { queue } = this;
    if (now > this.#horizon) this.#horizon = now;
    let lastTime = -1;
    let lastHash = 0;
    for (let i = 0; i < sliceTimes && queue.nextTime < now; i++) {
      const time = queue.nextTime;
      const hash = queue.take();
      if (time === lastTime && hash === lastHash) continue;
      lastTime = time;
      lastHash = hash;
      try {
        this.#workOff(time, hash, now, remove);
      } catch (error) {
        queue.push(time, hash); // It is tried again later.
        throw error;
      }
    }
  }

  #workOff(time: number, hash: number, now: number, remove: (address: number) => void): void {
    // All entries of the hash, and perhaps the next one's: what has expired goes.
    const found = this.#index.collect(hash >>> 0, 1, true);
    const { collected, collectedHashes } = this.#index;
    for (let k = 0; k < found; k++) {
      const deadline = this.#deadlineOf(collected[k]);
      if (deadline === 0) continue;
      if (deadline < now) {
        remove(collected[k]);
        this.expiredKeys++;
        this.lateness.note(now - deadline);
      } else if (collectedHashes[k] === hash && isWaypointOf(time, deadline, hash)) {
        this.#push(deadline, hash);
      }
    }
  }

  /**
   * The address of the key with the earliest deadline, if it is known; else it has come nearer to be known, and 0 is returned.
   * The queue is not empty.
   */
  earliest(): number {
    const { queue } = this;
    const time = queue.nextTime;
    const hash = queue.nextHash;
    const found = this.#index.collect(hash >>> 0, 1, true);
    const { collected, collectedHashes } = this.#index;
    for (let k = 0; k < found && collectedHashes[k] === hash; k++) {
      if (this.#deadlineOf(collected[k]) === time) return collected[k];
    }
    queue.take();
    if (time > this.#horizon) this.#horizon = time;
    for (let k = 0; k < found && collectedHashes[k] === hash; k++) {
      const deadline = this.#deadlineOf(collected[k]);
      if (isWaypointOf(time, deadline, hash)) this.#push(deadline, hash);
    }
    return 0;
  }

  /** A slice of the work that waits for no deadline. */
  stepInBackground(idle: boolean): void {
    if (this.#passing) this.#passSome();
    const { queue } = this;
    this.#leftBySifting = Math.min(this.#leftBySifting, queue.size);
    if (!queue.sifting) {
      if (!this.#hasSurplus) return;
      queue.beginSifting();
      this.#pushedAtStart = this.#pushedBefore = queue.pushed;
    }
    const pushed = queue.pushed - this.#pushedBefore;
    const entries = Math.min(siftedMax, Math.max(siftedMin, siftedPerPushed * pushed));
    queue.siftSome(idle ? sliceEntries : entries, this.#isCurrent);
    this.#pushedBefore = queue.pushed;
    if (queue.sifting) return;
    this.#leftBySifting = Math.max(0, queue.size - (queue.pushed - this.#pushedAtStart));
  }

  readonly #isCurrent = (time: number, hash: number): boolean => this.addressOf(time, hash) !== 0;

  #passSome(): void {
    const until = performance.now() + passMsMax;
    for (let looked = 0; looked < sliceEntries && this.#passing; looked += passEntries) {
      const found = this.#index.collect(this.#passHash, passEntries, true);
      for (let i = 0; i < found; i++) {
        const deadline = this.#deadlineOf(this.#index.collected[i]);
        if (deadline !== 0) this.#push(deadline, this.#index.collectedHashes[i]);
      }
      this.#passHash = this.#index.nextHash;
      this.#passing = this.#passHash !== 0;
      if (performance.now() > until) return;
    }
  }

  /** The address of a key that an entry of the queue stands for; 0 when it is outdated. */
  addressOf(time: number, hash: number): number {
    const found = this.#index.collect(hash >>> 0, 1, true);
    const { collected, collectedHashes } = this.#index;
    for (let i = 0; i < found && collectedHashes[i] === hash; i++) {
      if (isWaypointOf(time, this.#deadlineOf(collected[i]), hash)) return collected[i];
    }
    return 0;
  }

  #deadlineOf(address: number): number {
    return expireAtOf(this.#stage.windowOf(address), this.#stage.offsetOf(address));
  }
}
