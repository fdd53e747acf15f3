/**
 * Eviction: a store with a largest size removes keys by itself, so that there is always room for new
 * ones. It looks at the live bytes, and leaves compaction the rest of the space to work in.
 *
 * Which key goes is an approximation, as in Redis. The LRU policies keep no list: each key's hash
 * leads to a clock, 16 bits that tell about when a key with such a hash was used last, and of a random
 * sample of keys the one with the oldest clock goes. Keys that share a clock, about one in eight in a
 * full store, count as used when either is. Clocks do not outlive the process.
 */
import type { Expiry } from "./expiry.ts";
import { storeHeaderBytes } from "./format.ts";
import type { HashIndex } from "./hash_index.ts";
import type { IndexHeader } from "./index_header.ts";
import type { StoreLimits } from "./limits.ts";
import type { Log } from "./log.ts";

/** Redis's names for its `maxmemory-policy`. */
export type EvictionPolicy =
  /** Writes are refused when there is no room. */
  | "noeviction"
  /** The key that was not used for the longest time goes. */
  | "allkeys-lru"
  /** Any key goes. */
  | "allkeys-random"
  /** The key with the earliest deadline goes, as long as there is one. */
  | "volatile-ttl"
  /** As `allkeys-lru`, but only keys with a deadline. */
  | "volatile-lru";

export const evictionPolicies: readonly EvictionPolicy[] = [
  "noeviction",
  "allkeys-lru",
  "allkeys-random",
  "volatile-ttl",
  "volatile-lru",
];

/** Live bytes may take this share of the largest size: the rest is for garbage and delete records. */
const liveShare = 0.6;
/** So much less may be live each time when nothing else makes room. */
const pressedSegments = 2;
/** Segments left when writers begin to wait for more. */
const shortSegments = 4;
/** A slice ends after so many keys, or so long. */
const sliceKeysMax = 4096;
const sliceMsMax = 0.8;
/** The time is looked at after so many keys. */
const keysPerLook = 32;
/** Keys of which one is chosen; Redis takes 5 unless told otherwise. */
const sampleSize = 16;
/** A clock goes on by one after this share of the store's keys was used. */
const ticksPerTurn = 64;
/** A clock has 16 bits. */
const clockValues = 2 ** 16;
const clockBitsMin = 16;
const clockBitsMax = 24;
/** The store's largest size for each clock: keys of 16 bytes with values of 100 take about 150. */
const bytesPerClock = 64;

/** The smallest largest size that a store of these limits can have, in bytes. */
export function sizeLimitMin(limits: StoreLimits): number {
  const { segmentBytes, segmentsReserved, segmentsAhead } = limits;
  return (segmentsReserved + segmentsAhead + 2 * shortSegments + 2) * segmentBytes;
}

export class Eviction {
  /** Keys removed since the store was opened. */
  evictedKeys = 0;
  /** Live bytes beyond which keys go. */
  #liveBytesMax = Infinity;
  /** Fewer, while there is no room though there are no more than those. */
  #pressedBytesMax = Infinity;
  #policy: EvictionPolicy = "noeviction";
  #bytesMax = Infinity;
  /** When a key with such a hash was used last; empty unless the policy wants to know. */
  #clocks = new Uint16Array(0);
  #clockShift = 31;
  #clock = 0;
  #usesLeft = 0;
  /** When a key was used last while the clock stood there, in seconds since `#beganMs`. */
  #clockEnds = new Uint32Array(0);
  #beganMs = 0;
  /** When any key was used last. */
  #usedMs = 0;
  readonly #log: Log;
  readonly #index: HashIndex;
  readonly #indexHeader: IndexHeader;
  readonly #expiry: Expiry;
  readonly #limits: StoreLimits;

  constructor(
    log: Log,
    index: HashIndex,
    indexHeader: IndexHeader,
    expiry: Expiry,
    limits: StoreLimits,
  ) {
    this.#log = log;
    this.#index = index;
    this.#indexHeader = indexHeader;
    this.#expiry = expiry;
    this.#limits = limits;
  }

  get policy(): EvictionPolicy {
    return this.#policy;
  }

  /** The store's largest size in bytes; Infinity for none. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** The smallest largest size that leaves room to work in, in bytes. */
  get bytesMaxMin(): number {
    return sizeLimitMin(this.#limits);
  }

  /** Sets both; effective at once, though it takes a while until a larger store has shrunk. */
  configure(bytesMax: number, policy: EvictionPolicy, nowMs: number): void {
    this.#bytesMax = bytesMax;
    this.#policy = policy;
    const places = Math.floor((bytesMax - storeHeaderBytes) / this.#limits.segmentBytes);
    this.#log.placesMax = places;
    // A store that is full and larger already needs room to become smaller.
    const { segmentsReserved } = this.#limits;
    const { count } = this.#log.table;
    this.#log.placesToShrink = count > places ? count + 2 * segmentsReserved : 0;
    const evicts = policy !== "noeviction" && bytesMax !== Infinity;
    const working = segmentsReserved + shortSegments;
    this.#liveBytesMax = evicts
      ? liveShare * (places - working) * this.#limits.segmentBytes
      : Infinity;
    if (evicts && policy.endsWith("lru")) this.#startClocks(bytesMax, nowMs);
    else this.#clocks = new Uint16Array(0);
  }

  #startClocks(bytesMax: number, nowMs: number): void {
    const wanted = Math.ceil(Math.log2(bytesMax / bytesPerClock));
    const bits = Math.min(clockBitsMax, Math.max(clockBitsMin, wanted));
    if (this.#clocks.length === 2 ** bits) return;
    this.#clocks = new Uint16Array(2 ** bits);
    this.#clockShift = 32 - bits;
    this.#clockEnds = new Uint32Array(clockValues);
    this.#beganMs = this.#usedMs = nowMs;
    // Keys that nobody has used since then stand at 0.
    this.#clock = 1;
  }

  /** Whether `touch` has to be called for each key that is used. */
  get wantsTouches(): boolean {
    return this.#clocks.length > 0;
  }

  /** A key with this hash was read or written. */
  touch(hash: number, nowMs: number): void {
    if (--this.#usesLeft < 0) this.#advanceClock();
    this.#clocks[hash >>> this.#clockShift] = this.#clock;
    this.#usedMs = nowMs;
  }

  /**
   * For how many seconds no key with such a hash was used, at least; since the policy was set, at most. -1
   * when the policy does not want to know.
   */
  idleSeconds(hash: number, nowMs: number): number {
    if (!this.wantsTouches) return -1;
    const clock = this.#clocks[hash >>> this.#clockShift];
    const usedMs = clock === this.#clock
      ? this.#usedMs
      : this.#beganMs + this.#clockEnds[clock] * 1000;
    return Math.max(0, Math.floor((nowMs - usedMs) / 1000));
  }

  #advanceClock(): void {
    this.#clockEnds[this.#clock] = Math.max(0, Math.ceil((this.#usedMs - this.#beganMs) / 1000));
    this.#clock = (this.#clock + 1) % clockValues;
    this.#usesLeft = Math.ceil(this.#index.count / ticksPerTurn);
  }

  /** There are more live bytes than there should be, and keys that may go. */
  get isDue(): boolean {
    if (this.#liveBytes <= Math.min(this.#liveBytesMax, this.#pressedBytesMax)) {
      return false;
    }
    return this.#policy.startsWith("allkeys")
      ? this.#index.count > 0
      : this.#expiry.volatileKeys > 0 && this.#expiry.queue.size > 0;
  }

  get #liveBytes(): number {
    return this.#log.table.liveTotal - this.#indexHeader.tombstoneBytes;
  }

  /**
   * There is no room, and neither eviction by the usual measure nor compaction has anything to do: values of about the size of a
   * segment, or a little more, leave up to half of their places blank. So some more keys go.
   */
  press(): void {
    const most = Math.min(this.#liveBytes, this.#liveBytesMax, this.#pressedBytesMax);
    this.#pressedBytesMax = Math.max(0, most - pressedSegments * this.#limits.segmentBytes);
  }

  /** There is room again. */
  release(): void {
    this.#pressedBytesMax = Infinity;
  }

  /** A store that evicts is about to be without room, though keys may still be removed. */
  get isShort(): boolean {
    if (this.#liveBytesMax === Infinity) return false;
    const { table, placesMax } = this.#log;
    return placesMax - table.usedCount < this.#limits.segmentsReserved + shortSegments;
  }

  /** Removes keys, through `remove`, until there are few enough or the slice's time is up. */
  step(remove: (address: number) => void): void {
    const until = performance.now() + sliceMsMax;
    for (let i = 1; i <= sliceKeysMax && this.isDue; i++) {
      const address = this.#choose();
      if (address !== 0) {
        remove(address);
        this.evictedKeys++;
      }
      if (this.#policy === "volatile-ttl" && address !== 0) this.#useUpEntry(address);
      if (i % keysPerLook === 0 && performance.now() > until) return;
    }
  }

  /** The earliest entry is used up, unless there is another key with this hash and this deadline, whose entry it is as well. */
  #useUpEntry(address: number): void {
    const other = this.#expiry.earliest();
    if (other === address) this.#expiry.queue.take(); // It is damaged, and stays.
  }

  /** The address of a key to remove; 0: none was found, another try may find one. */
  #choose(): number {
    const { queue } = this.#expiry;
    switch (this.#policy) {
      case "allkeys-lru":
        return this.#oldest();
      case "allkeys-random":
        return this.#index.collect(randomHash(), 1) > 0 ? this.#index.collected[0] : 0;
      case "volatile-ttl":
        return queue.size > 0 ? this.#expiry.earliest() : 0;
      case "volatile-lru":
        return this.#oldestVolatile();
      case "noeviction":
        return 0;
    }
  }

  #ageOf(hash: number): number {
    return (this.#clock - this.#clocks[hash >>> this.#clockShift]) & 0xffff;
  }

  #oldest(): number {
    const found = this.#index.collect(randomHash(), sampleSize, true);
    const { collected, collectedHashes } = this.#index;
    let oldest = 0;
    let oldestAge = -1;
    for (let i = 0; i < found; i++) {
      const age = this.#ageOf(collectedHashes[i]);
      if (age <= oldestAge) continue;
      oldest = collected[i];
      oldestAge = age;
    }
    return oldest;
  }

  /** Samples the deadlines, not the keys, of which perhaps few have one. */
  #oldestVolatile(): number {
    const { queue } = this.#expiry;
    let oldest = 0;
    let oldestAge = -1;
    for (let i = 0; i < sampleSize && queue.size > 0; i++) {
      queue.sample();
      const age = this.#ageOf(queue.sampledHash);
      if (age <= oldestAge) continue;
      const address = this.#expiry.addressOf(queue.sampledTime, queue.sampledHash);
      if (address === 0) {
        // Entries of keys that are gone would always seem to be the oldest.
        queue.removeSampled();
        continue;
      }
      oldest = address;
      oldestAge = age;
    }
    return oldest;
  }
}

function randomHash(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
