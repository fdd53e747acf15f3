/**
 * What a power cut leaves: any sector that was not synced may be there or not. Whatever opens then is
 * what the store was at some moment since the last sync, and never anything else; also when the power
 * fails again while that is being recovered, and again. A killed process leaves the newest state, or without
 * its index one since the last turn's end; it stays on the list of what the next power cut may take away until that is synced.
 */
import { assert, assertEquals } from "@std/assert";
import { StoreError } from "../../src/store/errors.ts";
import { evictionPolicies } from "../../src/store/eviction.ts";
import { indexHeader, indexHeaderTotalBytes } from "../../src/store/format.ts";
import type { Store, StoreOptions } from "../../src/store/store.ts";
import { SeededRandom, seedGlobals } from "../support/seeded_random.ts";
import { SteadyClock } from "../support/steady_clock.ts";
import { PowerFailure, SimulatedDisk } from "../unit/store/simulated_disk.ts";
import { indexPath, openOn, someTime, storePath } from "../unit/store/tiny_store.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

interface Entry {
  readonly value: string;
  readonly expireAt: number;
}

type Entries = ReadonlyMap<string, Entry>;

/** What the store was after a change. */
interface State {
  readonly entries: Entries;
  /** Keys were evicted, in an order that nobody knows: the state before, without some of them, was one too. */
  readonly isThinned: boolean;
}

/** Room for the index as it begins, and some more. */
const fileBytesMax = 768 * 1024;
const pageBytes = 4096;
/** An index that was opened before is as long as this. */
const indexBytesMin = indexHeaderTotalBytes + 64 * pageBytes;
const lives = 12;
const stepsMax = 300;
const keysMax = 40;
/** Images of the disk that are looked at, for each life. */
const imagesPerLife = 40;
/** The power fails so often again during recovery. */
const depth = 3;
/** Recovery syncs and grows files three times at least, and seldom more often than this. */
const recoveryCalls = 6;
/** The largest size of stores that have one: a few segments beyond the least. */
const limitedBytes = 2 ** 16;

export interface PowerCutsResult {
  /** Images of the disk that were opened and compared. */
  images: number;
  /** How often the power failed, or the process was killed, during recovery. */
  nested: number;
  /** Images behind as many failures as there can be, each during the recovery from the one before. */
  deepest: number;
  /** Images that were opened with what was left of the index. */
  withIndex: number;
  /** Images in the midst of a batch. */
  inBatch: number;
  /** Images in the midst of a turn. */
  inTurn: number;
  /** Images behind a process that was killed, and no power cut. */
  killed: number;
  /** Changes that were lost, as they may be. */
  lost: number;
  /** Segments that compaction emptied. */
  emptied: number;
  /** How often the store's file became shorter. */
  shrunk: number;
  /** Keys that expiry and eviction have removed. */
  expired: number;
  evicted: number;
  /** Writes that found no room. */
  refused: number;
}

export interface PowerCutsOptions {
  readonly seed: number;
  /** How often an image is cut again during recovery, as a share. */
  readonly nestedShare: number;
  /** Asked after each store's lives. */
  readonly isEnough: (result: PowerCutsResult) => boolean;
}

/** Looks at images until there are enough. Throws at the first wrong one, with the seed that repeats it. */
export async function powerCuts(
  { seed, nestedShare, isEnough }: PowerCutsOptions,
): Promise<PowerCutsResult> {
  const result: PowerCutsResult = {
    images: 0,
    nested: 0,
    deepest: 0,
    withIndex: 0,
    inBatch: 0,
    inTurn: 0,
    killed: 0,
    lost: 0,
    emptied: 0,
    shrunk: 0,
    expired: 0,
    evicted: 0,
    refused: 0,
  };
  for (let i = 0; !isEnough(result); i++) {
    seedGlobals(seed + i);
    using clock = new SteadyClock();
    try {
      await new Scenario(new SeededRandom(seed + i), clock, nestedShare, result).run();
    } catch (cause) {
      throw new Error(`with KV_TEST_SEED=${seed + i}`, { cause });
    }
  }
  return result;
}

/** All states that a store may be found in. */
class History {
  readonly states: State[];
  /** The states before this one are gone for good. */
  durable = 0;
  /** The states before this one are gone unless the power is cut. */
  written = 0;

  constructor(states: readonly State[]) {
    this.states = [...states];
  }

  get newest(): number {
    return this.states.length - 1;
  }

  /** Everything up to state `number` was confirmed. */
  confirm(number: number): void {
    this.durable = Math.max(this.durable, number);
    this.written = Math.max(this.written, number);
  }

  /** Which state this is, the newest if there are several; -1: none since the last sync. */
  find(found: Entries, now: number): number {
    for (let i = this.newest; i >= this.durable; i--) {
      const { entries, isThinned } = this.states[i];
      if (isSame(found, entries, now)) return i;
      if (!isThinned || i === this.durable) continue;
      const before = this.states[i - 1].entries;
      if (holds(before, found, now) && holds(found, entries, now)) return i - 1;
    }
    return -1;
  }
}

/** Says, of a state that never was, which one comes closest to it, and how it differs. */
function describe(history: History, found: Entries, now: number): string {
  let closest = "";
  let least = Infinity;
  history.states.forEach(({ entries }, i) => {
    const keys = [...new Set([...entries.keys(), ...found.keys()])];
    const differences = keys.flatMap((key) => {
      const expected = entries.get(key);
      const wanted = expected !== undefined && isAlive(expected, now) ? expected : undefined;
      const actual = found.get(key);
      const isRight = wanted?.value === actual?.value && wanted?.expireAt === actual?.expireAt;
      return isRight ? [] : [`${key} is ${brief(actual)} instead of ${brief(wanted)}`];
    });
    if (differences.length > least) return;
    least = differences.length;
    closest = `state ${i} comes closest, but ${differences.slice(0, 5).join("; ")}`;
  });
  return `of 0 to ${history.newest}, durable from ${history.durable} on, ${closest}`;
}

function brief(entry: Entry | undefined): string {
  if (entry === undefined) return "missing";
  return `${entry.value.slice(0, 8)} (${entry.value.length}, ${entry.expireAt})`;
}

function isAlive({ expireAt }: Entry, now: number): boolean {
  return expireAt === 0 || expireAt >= now;
}

/** Whether all that is alive in `less` is the same in `more`; -1: it is not, else how much it is. */
function countHeld(more: Entries, less: Entries, now: number): number {
  let alive = 0;
  for (const [key, entry] of less) {
    if (!isAlive(entry, now)) continue;
    const other = more.get(key);
    if (other?.value !== entry.value || other.expireAt !== entry.expireAt) return -1;
    alive++;
  }
  return alive;
}

function holds(more: Entries, less: Entries, now: number): boolean {
  return countHeld(more, less, now) >= 0;
}

/** `found` holds nothing that has expired. */
function isSame(found: Entries, expected: Entries, now: number): boolean {
  return countHeld(found, expected, now) === found.size;
}

function read(store: Store): Map<string, Entry> {
  const found = new Map<string, Entry>();
  const keys: Uint8Array[] = [];
  let cursor = 0;
  do {
    cursor = store.scan(cursor, 50, (bytes, start, end) => keys.push(bytes.slice(start, end)));
  } while (cursor !== 0);
  for (const key of keys) {
    assert(store.find(key, 0, key.length), "a scanned key is found");
    const value = decoder.decode(store.foundBytes.subarray(store.foundStart, store.foundEnd));
    found.set(decoder.decode(key), { value, expireAt: store.foundExpireAt });
  }
  return found;
}

function find(store: Store, key: string): boolean {
  const bytes = encoder.encode(key);
  return store.find(bytes, 0, bytes.length);
}

/** Now and then the disk is full, or nearly; but there is an index, or a store could not be opened. */
function fillUp(disk: SimulatedDisk, random: SeededRandom): void {
  const hasIndex = disk.has(indexPath) && disk.bytesOf(indexPath).length >= indexBytesMin;
  if (random.chance(0.2) && hasIndex) {
    disk.bytesMax = disk.bytes + pageBytes * random.pick([0, 0, 1, 4]);
  }
}

/** The disk as the killed process left it, with the index or without. */
function kill(disk: SimulatedDisk, random: SeededRandom): SimulatedDisk {
  return disk.copy(random.chance(0.5) ? indexPath : undefined);
}

/** The disk after a cut and another start of the machine, with what is left of the index or without. */
function cut(disk: SimulatedDisk, random: SeededRandom): SimulatedDisk {
  const withIndex = random.chance(0.5) && disk.has(indexPath);
  const after = disk.powerCut(random, withIndex ? undefined : indexPath);
  if (withIndex) {
    // This machine's boot is another one now, whichever boot has written the sector.
    const id = after.bytesOf(indexPath).subarray(indexHeader.bootIdByte);
    id.fill(0, 0, indexHeader.bootIdBytes);
  }
  return after;
}

/** What is to be found after a life: any state that may be left, one since the last turn, or the newest. */
type Least = "durable" | "written" | "newest";

/** How a life has ended. */
interface End {
  readonly disk: SimulatedDisk;
  readonly least: Least;
}

function checkLeast(least: Least, found: number, history: History): void {
  if (least === "newest") assertEquals(found, history.newest, "nothing is lost");
  if (least === "written") assert(found >= history.written, "what was told of is not lost");
}

/** Several lives of a store, each of which ends in some way. */
class Scenario {
  readonly #random: SeededRandom;
  readonly #clock: SteadyClock;
  readonly #nestedShare: number;
  readonly #result: PowerCutsResult;
  readonly #options: Partial<StoreOptions>;
  readonly #valueBytesMax: number;
  #now = someTime;
  #history = new History([{ entries: new Map(), isThinned: false }]);
  #store!: Store;
  #disk = new SimulatedDisk(fileBytesMax);
  /** What the store holds now. */
  #current = new Map<string, Entry>();
  /** Nobody is told of what is written now. */
  #isTurn = false;
  /** What each open batch goes back to when it fails. */
  #savepoints: Map<string, Entry>[] = [];
  #serial = 0;
  #evictedBefore = 0;
  #lengthBefore = 0;

  constructor(
    random: SeededRandom,
    clock: SteadyClock,
    nestedShare: number,
    result: PowerCutsResult,
  ) {
    this.#random = random;
    this.#clock = clock;
    this.#nestedShare = nestedShare;
    this.#result = result;
    const isLimited = random.chance(0.25);
    const policy = random.pick(evictionPolicies);
    this.#valueBytesMax = isLimited ? random.pick([1800, 9000]) : 150;
    this.#options = {
      clock: () => this.#now,
      sync: random.chance(0.3) ? "always" : "no",
      ...(isLimited ? { sizeLimit: { bytesMax: limitedBytes, policy } } : {}),
    };
  }

  async run(): Promise<void> {
    let least: Least = "newest";
    for (let n = 0; n < lives; n++) {
      this.#store = openOn(this.#disk, this.#options);
      this.#evictedBefore = 0;
      try {
        this.#begin(least);
        await this.#live();
        this.#count();
        const end = await this.#end();
        await this.#abandon();
        ({ least } = end);
        this.#disk = end.disk;
        fillUp(this.#disk, this.#random);
      } catch (cause) {
        await this.#abandon();
        throw new Error(`in life ${n}`, { cause });
      }
    }
  }

  /** The store is one that there was: from now on it goes on from there. */
  #begin(least: Least): void {
    const before = this.#history;
    const opened = read(this.#store);
    assertEquals(this.#store.damages, []);
    const found = before.find(opened, this.#now);
    if (found < 0) {
      throw new Error(`A state that never was: ${describe(before, opened, this.#now)}`);
    }
    checkLeast(least, found, before);
    this.#result.lost += before.newest - found;
    // Until something is synced in this life, what was possible before this state is possible again.
    const isThinned = found < before.newest && before.states[found + 1].isThinned;
    this.#history = new History([
      ...before.states.slice(before.durable, found),
      { entries: before.states[found].entries, isThinned: before.states[found].isThinned },
      ...(isThinned ? [{ entries: opened, isThinned: true }] : []),
    ]);
    this.#history.written = this.#history.newest;
    this.#current = opened;
    this.#savepoints = [];
    this.#isTurn = false;
  }

  async #live(): Promise<void> {
    const random = this.#random;
    const steps = random.below(random.chance(0.2) ? 10 : stepsMax);
    for (let step = 0; step < steps; step++) {
      if (random.chance(0.1)) this.#setTurn(!this.#isTurn);
      if (random.chance(0.1)) this.#batch();
      else this.#change();
      this.#note();
      if (random.chance(0.05)) this.#now += random.below(400);
      // An idle store tidies up more thoroughly.
      if (random.chance(0.02)) this.#clock.advance(1000);
      if (random.chance(0.3)) this.#tick();
      if (random.chance(0.005)) this.#store.compact();
      await this.#sync();
      const { length } = this.#disk.bytesOf(storePath);
      if (length < this.#lengthBefore) this.#result.shrunk++;
      this.#lengthBefore = length;
      if (random.chance(imagesPerLife / stepsMax)) this.#look();
    }
  }

  #setTurn(isTurn: boolean): void {
    if (isTurn) this.#store.beginTurn();
    else {
      this.#store.endTurn();
      this.#history.written = this.#history.newest;
    }
    this.#isTurn = isTurn;
  }

  #tick(): void {
    const store = this.#store;
    store.now = this.#now;
    store.tick();
    const { evictedKeys } = store.statistics;
    if (evictedKeys === this.#evictedBefore) return;
    this.#evictedBefore = evictedKeys;
    const left = read(store);
    for (const [key, entry] of this.#current) {
      if (isAlive(entry, this.#now) && !left.has(key)) this.#current.delete(key);
    }
    assert(isSame(left, this.#current, this.#now), "eviction changes no other key");
    this.#note(true);
  }

  /** Syncs, or begins to, or goes on with what has begun. */
  async #sync(): Promise<void> {
    const random = this.#random;
    const history = this.#history;
    const { newest } = history;
    if (random.chance(0.02)) {
      if (random.chance(0.3)) this.#store.syncNow(); // Also while another sync does not come to its end.
      else {
        this.#disk.release();
        await this.#store.sync();
      }
      history.confirm(newest);
      return;
    }
    // A sync that is under way while the store goes on, and perhaps when the power fails.
    if (random.chance(0.03)) this.#disk.hold();
    if (this.#options.sync === "always" || random.chance(0.03)) {
      this.#store.sync().then(() => history.confirm(newest), () => {});
    }
    if (random.chance(0.05)) this.#disk.release();
    if (random.chance(0.2)) { for (let i = 0; i < 10; i++) await Promise.resolve(); }
  }

  #note(isThinned = false): void {
    this.#history.states.push({ entries: new Map(this.#current), isThinned });
    if (!this.#isTurn) this.#history.written = this.#history.newest;
  }

  /** One random change; one that finds no room changes nothing, and fails the batch it is part of. */
  #change(): void {
    try {
      this.#write();
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "NO_SPACE")) throw error;
      this.#result.refused++;
      if (this.#savepoints.length > 0) this.#store.failBatch();
    }
  }

  #write(): void {
    const random = this.#random;
    const store = this.#store;
    store.now = this.#now;
    const key = `key:${random.below(keysMax)}`;
    const what = random.below(1000);
    if (what < 650) {
      const length = random.below(random.chance(0.03) ? 20_000 : this.#valueBytesMax);
      const value = `${this.#serial++}:`.padEnd(length, "v");
      const expireAt = random.chance(0.15) ? this.#now + random.pick([-1, 100, 1000]) : 0;
      find(store, key);
      store.put(encoder.encode(value), 0, value.length, expireAt);
      this.#current.set(key, { value, expireAt });
    } else if (what < 654) {
      store.clear();
      this.#current.clear();
      // What `clear` did cannot be taken back.
      this.#savepoints = this.#savepoints.map(() => new Map());
    } else {
      const entry = this.#current.get(key);
      const isThere = entry !== undefined && isAlive(entry, this.#now);
      assertEquals(find(store, key), isThere, key);
      if (!isThere) return;
      if (what < 700) {
        const expireAt = random.chance(0.3) ? 0 : this.#now + random.below(1000);
        store.setExpiry(expireAt);
        this.#current.set(key, { value: entry.value, expireAt });
      } else {
        store.remove();
        this.#current.delete(key);
      }
    }
  }

  #batch(): void {
    const random = this.#random;
    const store = this.#store;
    const refusedBefore = this.#result.refused;
    store.beginBatch();
    this.#savepoints.push(new Map(this.#current));
    for (let i = random.below(20); i >= 0 && refusedBefore === this.#result.refused; i--) {
      const isInner = this.#savepoints.length < 3 && random.chance(0.1);
      if (isInner) this.#batch();
      else this.#change();
      if (random.chance(0.01)) {
        this.#result.inBatch++;
        this.#look();
      }
    }
    const isRefused = refusedBefore < this.#result.refused;
    const isFailed = isRefused || random.chance(0.2);
    if (isFailed) store.failBatch();
    store.endBatch();
    const savepoint = this.#savepoints.pop()!;
    if (isFailed) this.#current = savepoint;
  }

  /** Ends the life in some way; what the store is found in then is the history's business. */
  async #end(): Promise<End> {
    const random = this.#random;
    if (random.chance(0.2)) {
      this.#disk.release();
      await this.#store.close();
      this.#history.confirm(this.#history.newest);
      // All of it is on the disk: a cut makes no difference.
      return { disk: random.chance(0.5) ? this.#disk : cut(this.#disk, random), least: "newest" };
    }
    if (random.chance(0.2)) this.#dieInChange();
    const isKilled = random.chance(0.3);
    const disk = (isKilled ? kill : cut)(this.#disk, random);
    return { disk, least: isKilled ? this.#leastOf(disk) : "durable" };
  }

  /** What a killed process leaves: what it had staged is in the index's file. */
  #leastOf(disk: SimulatedDisk): Least {
    return this.#isTurn && !disk.has(indexPath) ? "written" : "newest";
  }

  /** Writes until a file has to grow; nothing of that change and its batch has happened then. */
  #dieInChange(): void {
    const random = this.#random;
    this.#disk.cutAfter = 0;
    try {
      for (let batches = 20; batches > 0; batches--) {
        this.#store.beginBatch();
        this.#savepoints = [new Map(this.#current)];
        for (let i = random.below(10); i >= 0; i--) this.#write();
        this.#store.endBatch();
        this.#note();
      }
    } catch (error) {
      const isExpected = error instanceof PowerFailure || error instanceof StoreError;
      if (!isExpected) throw error;
    }
    this.#disk.cutAfter = Infinity;
  }

  #count(): void {
    const { segmentsEmptied, expiredKeys, evictedKeys } = this.#store.statistics;
    this.#result.emptied += segmentsEmptied;
    this.#result.expired += expiredKeys;
    this.#result.evicted += evictedKeys;
  }

  /** What this life has begun may come to its end, but makes no difference any more. */
  async #abandon(): Promise<void> {
    const { durable, written, states } = this.#history;
    this.#history = Object.assign(new History(states), { durable, written });
    this.#disk.release();
    await this.#store.close();
  }

  /**
   * Opens an image, with more failures in between, and compares it with what it may be. Awaits nothing:
   * no sync goes on while a batch is open.
   */
  #look(): void {
    const random = this.#random;
    const result = this.#result;
    const history = this.#history;
    let isWhole = random.chance(0.15);
    let disk = (isWhole ? kill : cut)(this.#disk, random);
    fillUp(disk, random);
    const least = this.#leastOf(disk);
    if (this.#isTurn) result.inTurn++;
    let cuts = 0;
    const cutsMax = random.chance(this.#nestedShare) ? depth : 0;
    for (let i = 0; i < cutsMax; i++) {
      disk.cutAfter = random.below(random.chance(0.7) ? recoveryCalls / 2 : recoveryCalls);
      try {
        const store = openOn(disk, { clock: () => this.#now });
        disk.cutAfter = Infinity;
        void store.close();
      } catch (error) {
        if (!(error instanceof PowerFailure)) throw error;
        disk.cutAfter = Infinity;
        result.nested++;
        cuts++;
        const isKilled = random.chance(0.15);
        disk = (isKilled ? kill : cut)(disk, random);
        fillUp(disk, random);
        isWhole &&= isKilled;
      }
    }
    if (cuts === depth) result.deepest++;
    if (isWhole) result.killed++;
    if (disk.has(indexPath)) result.withIndex++;
    const store = openOn(disk, { clock: () => this.#now });
    try {
      const entries = read(store);
      assertEquals(store.damages, []);
      const found = history.find(entries, this.#now);
      if (found < 0) {
        throw new Error(`A state that never was: ${describe(history, entries, this.#now)}`);
      }
      if (isWhole) checkLeast(least, found, history);
      const deadlines = [...entries.values()].filter(({ expireAt }) => expireAt !== 0).length;
      assert(store.statistics.volatileKeys >= deadlines, "all deadlines are known");
      result.images++;
    } finally {
      void store.close();
    }
  }
}
