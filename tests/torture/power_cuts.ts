/**
 * What a power cut leaves: any sector that was not synced may be there or not. Whatever opens then is
 * what the store was at some moment since the last sync, and never anything else; also when the power
 * fails again while that is being recovered, and again.
 */
import { assert, assertEquals } from "@std/assert";
import type { Store } from "../../src/store/store.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { PowerFailure, SimulatedDisk } from "../unit/store/simulated_disk.ts";
import { contents, indexPath, openOn, put, remove, someTime } from "../unit/store/tiny_store.ts";

type State = ReadonlyMap<string, string>;

const fileBytesMax = 2 ** 21;
const lives = 12;
const stepsMax = 300;
/** Images of the disk that are looked at, for each life. */
const imagesPerLife = 40;
/** The power fails so often again during recovery. */
const depth = 3;
/** Recovery syncs and grows files about so often. */
const recoveryCalls = 8;

/** A store and all states that it went through since it was opened. */
class Life {
  /** What the store was after each change; the first is what it was opened with. */
  readonly states: State[];
  /** The states before this one are gone for good. */
  durable = 0;
  #current: Map<string, string>;
  #wasCleared = false;

  constructor(state: State) {
    this.#current = new Map(state);
    this.states = [new Map(state)];
  }

  change(store: Store, random: SeededRandom): void {
    const key = `key:${random.below(40)}`;
    const what = random.below(1000);
    if (what < 700) {
      const length = random.chance(0.03) ? random.below(20_000) : random.below(150);
      const value = `${this.states.length}:`.padEnd(length, "v");
      const expireAt = random.chance(0.15) ? someTime + random.pick([-1, 1000]) : 0;
      put(store, key, value, expireAt);
      if (expireAt !== 0 && expireAt < someTime) this.#current.delete(key);
      else this.#current.set(key, value);
    } else if (what < 704) {
      store.clear();
      this.#current.clear();
      this.#wasCleared = true;
    } else {
      assertEquals(remove(store, key), this.#current.delete(key));
    }
  }

  batch(store: Store, random: SeededRandom): void {
    const before = new Map(this.#current);
    this.#wasCleared = false;
    store.beginBatch();
    for (let i = random.below(20); i >= 0; i--) this.change(store, random);
    // What `clear` did cannot be taken back.
    if (random.chance(0.2) && !this.#wasCleared) {
      store.failBatch();
      this.#current = before;
    }
    store.endBatch();
  }

  note(): void {
    this.states.push(new Map(this.#current));
  }

  /** Which state this is, the newest if there are several; -1: none since the last sync. */
  find(state: State): number {
    for (let i = this.states.length - 1; i >= this.durable; i--) {
      if (isSame(this.states[i], state)) return i;
    }
    return -1;
  }
}

function isSame(a: State, b: State): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value) return false;
  return true;
}

export interface PowerCutsResult {
  /** Images of the disk that were opened and compared. */
  images: number;
  /** How often the power failed during recovery. */
  nested: number;
  /** Changes that were lost, as they may be. */
  lost: number;
  /** Segments that compaction emptied. */
  emptied: number;
}

/** Looks at `images` images. Throws at the first that is wrong, with the seed that repeats it. */
export async function powerCuts(seed: number, images: number): Promise<PowerCutsResult> {
  const result = { images: 0, nested: 0, lost: 0, emptied: 0 };
  for (let i = 0; result.images < images; i++) {
    try {
      await runLives(new SeededRandom(seed + i), result);
    } catch (cause) {
      throw new Error(`with KV_TEST_SEED=${seed + i}`, { cause });
    }
  }
  return result;
}

/** Several lives of a store, each ended by a power cut. */
async function runLives(random: SeededRandom, result: PowerCutsResult): Promise<void> {
  let disk = new SimulatedDisk(fileBytesMax);
  let life = new Life(new Map());
  for (let n = 0; n < lives; n++) {
    const store = openOn(disk);
    try {
      assertEquals(store.opening.damages, []);
      const opened = contents(store);
      const found = life.find(opened);
      assert(found >= 0, `life ${n} begins with a state that was there since the last sync`);
      result.lost += life.states.length - 1 - found;
      const before = life;
      life = new Life(opened);
      // Until something was synced in this life, what was possible before this state is possible again.
      life.states.unshift(...before.states.slice(before.durable, found));
      await live(store, disk, life, random, result);
      result.emptied += store.statistics.segmentsEmptied;
      const next = cut(disk, random);
      disk.release();
      // The promises of this life may still come true, but no more for the next one.
      life = Object.assign(new Life(new Map()), {
        states: [...life.states],
        durable: life.durable,
      });
      await store.close();
      disk = next;
    } catch (cause) {
      disk.release();
      await store.close();
      throw new Error(`in life ${n}`, { cause });
    }
  }
}

async function live(
  store: Store,
  disk: SimulatedDisk,
  life: Life,
  random: SeededRandom,
  result: PowerCutsResult,
): Promise<void> {
  const steps = random.below(random.chance(0.2) ? 10 : stepsMax);
  for (let step = 0; step < steps; step++) {
    if (random.chance(0.1)) life.batch(store, random);
    else life.change(store, random);
    life.note();
    if (random.chance(0.3)) store.tick();
    if (random.chance(0.005)) store.compact();
    if (random.chance(0.02)) {
      const synced = life.states.length - 1;
      disk.release();
      await store.sync();
      life.durable = synced;
    } else if (random.chance(0.03)) {
      // A sync that is under way while the store goes on, and perhaps when the power fails.
      disk.hold();
      const synced = life.states.length - 1;
      store.sync().then(() => life.durable = Math.max(life.durable, synced), () => {});
    } else if (random.chance(0.05)) {
      disk.release();
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
    if (random.chance(imagesPerLife / stepsMax)) {
      await look(cut(disk, random), life, random, result);
    }
  }
}

/** The disk after a cut, without the index: the machine went down. */
function cut(disk: SimulatedDisk, random: SeededRandom): SimulatedDisk {
  const after = disk.powerCut(random);
  after.remove(indexPath);
  return after;
}

/** Opens an image, with more cuts in between, and compares it with what it may be. */
async function look(
  image: SimulatedDisk,
  life: Life,
  random: SeededRandom,
  result: PowerCutsResult,
): Promise<void> {
  const { durable } = life;
  let disk = image;
  for (let i = 0; i < depth && random.chance(0.5); i++) {
    disk.cutAfter = random.below(recoveryCalls);
    try {
      const store = openOn(disk);
      disk.cutAfter = Infinity;
      await store.close();
    } catch (error) {
      if (!(error instanceof PowerFailure)) throw error;
      disk.cutAfter = Infinity;
      result.nested++;
      disk = cut(disk, random);
    }
  }
  const store = openOn(disk);
  try {
    assertEquals(store.opening.damages, []);
    const found = life.find(contents(store));
    assert(found >= durable, "an image is a state that was there since the last sync");
    result.images++;
  } finally {
    await store.close();
  }
}
