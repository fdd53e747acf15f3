/**
 * What a power cut leaves: any sector that was not synced may be there or not. Whatever opens then is
 * what the store was at some moment since the last sync, and never anything else.
 */
import { assert, assertEquals } from "@std/assert";
import type { Store } from "../../../src/store/store.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { bootAgain, contents, openOn, put, remove } from "./tiny_store.ts";

type State = ReadonlyMap<string, string>;

/** A store and all states that it went through since it was opened. */
class Life {
  /** What the store was after each change; the first is what it was opened with. */
  readonly states: State[];
  /** The states before this one are gone for good. */
  durable = 0;
  #current: Map<string, string>;

  constructor(state: State) {
    this.#current = new Map(state);
    this.states = [new Map(state)];
  }

  change(store: Store, random: SeededRandom): void {
    const key = `key:${random.below(40)}`;
    if (random.chance(0.7)) {
      const length = random.chance(0.03) ? random.below(10_000) : random.below(150);
      const value = `${this.states.length}:`.padEnd(length, "v");
      put(store, key, value);
      this.#current.set(key, value);
    } else if (random.chance(0.01)) {
      store.clear();
      this.#current.clear();
    } else {
      assertEquals(remove(store, key), this.#current.delete(key));
    }
  }

  note(): void {
    this.states.push(new Map(this.#current));
  }

  /** Which state this is, the newest if there are several. */
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

/** Several lives of a store, each ended by a power cut; resolves with what happened. */
async function runLives(random: SeededRandom, lives: number) {
  const outcome = { lost: 0, emptied: 0 };
  let disk = new SimulatedDisk(2 ** 21);
  let life = new Life(new Map());
  for (let n = 0; n < lives; n++) {
    const store = openOn(disk);
    try {
      assertEquals(store.opening.damages, []);
      const opened = contents(store);
      const found = life.find(opened);
      assert(found >= 0, `life ${n} begins with a state that was there since the last sync`);
      outcome.lost += life.states.length - 1 - found;
      const before = life;
      life = new Life(opened);
      // Until something was synced in this life, what was possible before this state is possible again.
      life.states.unshift(...before.states.slice(before.durable, found));
      const steps = random.below(random.chance(0.2) ? 10 : 300);
      for (let step = 0; step < steps; step++) {
        if (random.chance(0.1)) {
          store.beginBatch();
          for (let i = random.below(20); i >= 0; i--) life.change(store, random);
          store.endBatch();
        } else life.change(store, random);
        life.note();
        if (random.chance(0.3)) store.tick();
        if (random.chance(0.02)) {
          const synced = life.states.length - 1;
          disk.release();
          await store.sync();
          life.durable = synced;
        } else if (random.chance(0.03)) {
          // A sync that is under way while the store goes on, and perhaps when the power fails.
          disk.hold();
          const synced = life.states.length - 1;
          const at = life;
          store.sync().then(() => at.durable = Math.max(at.durable, synced), () => {});
        } else if (random.chance(0.05)) {
          disk.release();
          for (let i = 0; i < 10; i++) await Promise.resolve();
        }
      }
      outcome.emptied += store.statistics.segmentsEmptied;
      const next = disk.powerCut(random);
      bootAgain(next);
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
  return outcome;
}

Deno.test("after a power cut, what opens is a state since the last sync", async () => {
  const seed = chooseSeed("power cuts");
  const total = { lost: 0, emptied: 0 };
  for (let i = 0; i < 25; i++) {
    try {
      const { lost, emptied } = await runLives(new SeededRandom(seed + i), 12);
      total.lost += lost;
      total.emptied += emptied;
    } catch (cause) {
      throw new Error(`with KV_TEST_SEED=${seed + i}`, { cause });
    }
  }
  assert(total.lost > 0, "some changes were lost");
  assert(total.emptied > 0, "compaction was part of it");
});
