/**
 * Eviction: a store with a largest size removes keys by itself, so that there is always room for new
 * ones. It looks at how many places what is live needs, and leaves compaction the rest of them to work in. That is more than
 * there are live bytes for: a value of 1 MiB has two places to itself, and one of 600 KB one.
 *
 * Which key goes is an approximation, as in Redis. The LRU policies keep no list: each key's hash
 * leads to a clock, 16 bits that tell about when a key with such a hash was used last, and of a random
 * sample of keys the one with the oldest clock goes. Keys that share a clock, about one in eight in a
 * full store, count as used when either is. Clocks do not outlive the process.
 */
import type { Expiry } from "./expiry.ts";
import { segmentHeaderBytes, storeHeaderBytes } from "./format.ts";
import type { HashIndex } from "./hash_index.ts";
import type { IndexHeader } from "./index_header.ts";
import type { StoreLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import { segmentState } from "./segment_table.ts";

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

/**
 * What is live may need this share of the places: the rest is for garbage and delete records. A segment of small records, which go
 * one by one, needs more than its own place, lest compaction copies from full ones only: 0.6 of all is left to such records. One of
 * large records, which leave room at its end that none fits in, becomes empty with few of them, and needs its own.
 */
const neededShare = 0.75;
const placesOfSmall = 1.25;
/** Compaction sees to it that this share of the places is free or on its way out, beside those that writers begin to wait at. */
const aheadShare = 1 / 16;
/** In a small store, a share of what is there beside those. */
const aheadOfUsableMax = 1 / 4;
/** What is needed is counted anew when the log has taken one place for so many that there are. */
const placesPerCount = 1024;
/** Beside a large record, so many places are left for what else is needed, at least. */
const leftPlacesMin = 4;
/** ... and so many for what compaction has to copy to make neighbouring room. */
const copyPlaces = 3;
/** Where no key may go, compaction leaves segments alone that are nine tenths full. */
const placesOfCompacted = 1 / 0.9;
/** When nothing else makes room, so many places more are made free at a time, and this part of all. */
const pressedPlaces = 2;
const pressedPart = 64;
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
  /** There is a largest size, and a policy that lets keys go: all of them, or those with a deadline. */
  isOn = false;
  #isForAll = false;
  /** Places that are there to be used; see `neededShare`. */
  #usable = Infinity;
  /** Of them, the largest record had so many when they were counted last. */
  #largest = 0;
  /** Places that it needed when they were counted last: the log had come to a sequence number then, and so many bytes were live. */
  #needed = 0;
  #countedAt = -Infinity;
  #liveBytesThen = 0;
  /** What is live may need so many at most, since neither eviction by the usual measure nor compaction makes room. */
  #pressedMax = Infinity;
  /** Neighbouring places that a writer waits for; 0: none. */
  #wantedPlaces = 0;
  #isWantWaited = false;
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
  /** How long ago the key was used that is the oldest of those looked at so far. */
  #oldestAge = -1;
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
    this.isOn = evicts;
    this.#isForAll = policy.startsWith("allkeys");
    this.#usable = places - this.workingPlaces;
    this.#pressedMax = Infinity;
    this.#countedAt = -Infinity;
    this.want(this.#wantedPlaces, this.#isWantWaited);
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

  /** Places that are free while there is room: writers begin to wait for more when there are fewer. */
  get workingPlaces(): number {
    return this.#limits.segmentsReserved + shortSegments;
  }

  /** Keys may be removed to make room. */
  get mayEvict(): boolean {
    if (!this.isOn) return false;
    return this.#isForAll
      ? this.#index.count > 0
      : this.#expiry.volatileKeys > 0 && this.#expiry.queue.size > 0;
  }

  /** What is live needs more places than it should, and there are keys that may go. */
  get isDue(): boolean {
    if (!this.mayEvict) return false;
    // A single key, however large, takes room from nobody, as long as nobody presses.
    if (this.#index.count === 1 && this.#pressedMax === Infinity) return false;
    const { nextSequence, segmentBytes, table } = this.#log;
    if (nextSequence - this.#countedAt > table.count / placesPerCount) this.#count();
    // Keys go one by one, as bytes come, and not many at once when there is another segment.
    const bytes = this.#liveBytes - this.#liveBytesThen;
    return this.#needed + placesOfSmall * bytes / segmentBytes > this.#allowed;
  }

  /** Without delete records: they are needed for a while, but are no reason for keys to go. */
  get #liveBytes(): number {
    return this.#log.table.liveTotal - this.#indexHeader.tombstoneBytes;
  }

  get #allowed(): number {
    // The largest record needs no others to be copied: it goes as a whole, or stays.
    const largest = Math.min(this.#largest, this.#usable);
    const usual = largest + neededShare * (this.#usable - largest);
    const max = Math.min(usual, this.#pressedMax);
    const isChosen = this.#wantedPlaces === 0 || this.#log.stretch.length > 0;
    return isChosen
      ? max
      : Math.min(max, neededShare * Math.max(1, this.#placesBeside(this.#wantedPlaces)));
  }

  /** Places that may be in use while a writer waits for neighbouring ones: others have to be free for copies. */
  #placesBeside(wanted: number): number {
    return this.#log.placesAtMost - this.workingPlaces - wanted - copyPlaces;
  }

  /**
   * So many neighbouring places are wanted, 0: none. Room for them is made beside all else; keys go for their sake only if a
   * writer waits for them.
   */
  want(places: number, isWaited: boolean): void {
    this.#wantedPlaces = places;
    this.#isWantWaited = places > 0 && isWaited;
    const { placesMax } = this.#log;
    // Segments take some syncs to be free, and the more places there are, the more may be written meanwhile.
    const most = Math.max(shortSegments, placesMax * aheadShare);
    const ahead = this.isOn ? Math.floor(Math.min(most, this.#usable * aheadOfUsableMax)) : 0;
    const usual = this.isOn ? this.#usable - ahead : Infinity;
    const beside = places === 0 ? Infinity : this.#placesBeside(places) - ahead;
    this.#log.placesInUseMax = Math.max(1, Math.min(usual, beside));
  }

  /** Whether so many neighbouring places can be had, by removing keys if a writer waits and the policy lets them go. */
  canMakeRoomFor(places: number, isWaited: boolean): boolean {
    const left = this.#placesBeside(places);
    if (left < leftPlacesMin) return false;
    return isWaited && this.mayEvict || this.countNeeded(placesOfCompacted) <= left;
  }

  #count(): void {
    this.#countedAt = this.#log.nextSequence;
    this.#largest = 0;
    this.#needed = this.countNeeded();
    this.#liveBytesThen = this.#liveBytes;
  }

  /** How many places what is live needs; see `neededShare`. */
  countNeeded(placesOfFull = placesOfSmall): number {
    const { table, segmentBytes } = this.#log;
    let places = 0;
    for (let i = 0; i < table.count; i++) {
      if (this.#isInForce(i)) places += this.#neededBy(i, placesOfFull);
    }
    // A hint: it may be too high.
    const deletes = placesOfFull * this.#indexHeader.tombstoneBytes / segmentBytes;
    return places - Math.min(deletes, places / 2);
  }

  #isInForce(segment: number): boolean {
    const state = this.#log.table.state[segment];
    return state === segmentState.head || state === segmentState.sealed;
  }

  #neededBy(segment: number, placesOfFull: number): number {
    const { table, segmentBytes } = this.#log;
    const live = table.liveBytes[segment];
    if (live <= 0) return 0;
    const length = table.runLength[segment];
    // A large record; what stands behind it takes nothing more.
    if (length > 1 && live >= segmentBytes - segmentHeaderBytes) {
      this.#largest = Math.max(this.#largest, length);
      return length;
    }
    // As compaction sees it: the room at its end that its records would not fit in.
    const wasted = Math.max(0, Math.min(live, table.wasteBytes[segment])) / segmentBytes;
    const most = Math.max(1, placesOfFull - wasted);
    // Where a large record was, it is what stands behind it.
    const used = length === 1 ? 1 - wasted : 1;
    return Math.min(most, placesOfFull * live / segmentBytes / used);
  }

  /** A store that evicts is about to be without room, though keys may still be removed. */
  get isShort(): boolean {
    if (!this.isOn) return false;
    const { table, placesMax, stretch } = this.#log;
    // Who waits for neighbouring places comes first.
    const others = stretch.length > 0 ? stretch.heldCount + stretch.copyPlaces : this.#wantedPlaces;
    return placesMax - table.usedCount < this.workingPlaces + others;
  }

  /** Neither eviction nor compaction has anything to do, and there is no room: more keys have to go. */
  press(): void {
    this.#count();
    const places = Math.max(pressedPlaces, this.#log.placesAtMost / pressedPart);
    this.#pressedMax = Math.max(0, Math.min(this.#allowed, this.#needed) - places);
  }

  /** There is room again. */
  release(): void {
    this.#pressedMax = Infinity;
  }

  /** Removes keys, through `remove`, until there are few enough or the slice's time is up. */
  step(remove: (address: number) => void): void {
    const until = performance.now() + sliceMsMax;
    for (let i = 1; i <= sliceKeysMax && this.isDue; i++) {
      const address = this.#choose();
      if (address !== 0) this.#evict(address, remove);
      if (this.#policy === "volatile-ttl" && address !== 0) this.#useUpEntry(address);
      if (i % keysPerLook === 0 && performance.now() > until) return;
    }
  }

  #evict(address: number, remove: (address: number) => void): void {
    const { table } = this.#log;
    const segment = table.firstOf[address >>> table.addressShift];
    const bytes = this.#liveBytes;
    const needed = this.#isInForce(segment) ? this.#neededBy(segment, placesOfSmall) : 0;
    remove(address);
    this.evictedKeys++;
    if (needed === 0) return;
    this.#needed -= needed - this.#neededBy(segment, placesOfSmall);
    this.#liveBytesThen -= bytes - this.#liveBytes;
  }

  /** Removes the key whose record is at an address, for the sake of its place, if the policy lets it go. */
  evictAt(address: number, expireAt: number, remove: (address: number) => void): boolean {
    if (!this.mayEvict || !this.#isForAll && expireAt === 0) return false;
    this.#evict(address, remove);
    return true;
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
    this.#oldestAge = -1;
    const found = this.#index.collect(randomHash(), sampleSize, true);
    let oldest = this.#oldestOfCollected(found, 0);
    // There are few keys, or few behind that hash.
    if (found < sampleSize && this.#index.nextHash === 0 && this.#index.count > found) {
      oldest = this.#oldestOfCollected(this.#index.collect(0, sampleSize - found, true), oldest);
    }
    return oldest;
  }

  #oldestOfCollected(found: number, before: number): number {
    const { collected, collectedHashes } = this.#index;
    let oldest = before;
    for (let i = 0; i < found; i++) {
      const age = this.#ageOf(collectedHashes[i]);
      if (age <= this.#oldestAge) continue;
      oldest = collected[i];
      this.#oldestAge = age;
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
