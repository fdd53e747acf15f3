/**
 * A process is killed between any two stores to the index's file: the next one goes on with that index, and
 * finds what was there before the change or after it.
 */
import { assert, assertEquals } from "@std/assert";
import { indexHeaderTotalBytes, undoPairsMax } from "../../../src/store/format.ts";
import type { Store } from "../../../src/store/store.ts";
import type { StoreFile, Window } from "../../../src/sys/mapped_file.ts";
import { chooseSeed, SeededRandom, seedGlobals } from "../../support/seeded_random.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { contents, indexPath, openOn, put, remove, tinyLimits, withStore } from "./tiny_store.ts";

type Words = Int32Array | Float64Array;

/** Calls `onStore` before each store to the words of a window; one of many words counts as some. */
function observed(window: Window, onStore: () => void): Window {
  return {
    ...window,
    i32: observedWords(window.i32, onStore),
    f64: observedWords(window.f64, onStore),
  };
}

function observedWords<T extends Words>(words: T, onStore: () => void): T {
  /** As the processor does it: from either end, and not all at once. */
  const inParts = (count: number, isBackwards: boolean, store: (i: number) => void) => {
    for (let i = 0; i < count; i++) {
      if (i < 3 || i % 301 === 0 || i > count - 3) onStore();
      store(isBackwards ? count - 1 - i : i);
    }
  };
  const methods: Readonly<Record<string, unknown>> = {
    fill: (value: number, from = 0, to = words.length) =>
      inParts(to - from, false, (i) => words[from + i] = value),
    set: (values: ArrayLike<number>, from = 0) =>
      inParts(values.length, false, (i) => words[from + i] = values[i]),
    copyWithin: (to: number, from: number, end: number) =>
      inParts(end - from, to > from, (i) => words[to + i] = words[from + i]),
  };
  const proxy = new Proxy(words, {
    get(_, property) {
      if (typeof property === "string" && property in methods) return methods[property];
      const value = Reflect.get(words, property);
      return typeof value === "function" ? value.bind(words) : value;
    },
    set(_, property, value) {
      onStore();
      return Reflect.set(words, property, value);
    },
  });
  originals.set(proxy, words);
  return proxy;
}

/** The words that are observed by these. */
const originals = new WeakMap<Words, Words>();

/** Has `Atomics` take observed words, too. */
function withAtomics(): Disposable {
  const { load, store } = Atomics;
  const original = (words: Int32Array) => (originals.get(words) ?? words) as Int32Array;
  Atomics.load = ((words: Int32Array, at: number) => load(original(words), at)) as typeof load;
  Atomics.store = ((words: Int32Array, at: number, value: number) => {
    if (originals.has(words)) words[at] = value; // And is observed.
    return store(original(words), at, value);
  }) as typeof store;
  return {
    [Symbol.dispose]: () => {
      Atomics.load = load;
      Atomics.store = store;
    },
  };
}

function observedFile(file: StoreFile, onStore: () => void): StoreFile {
  const header = observed(file.header, onStore);
  const windows = file.windows.map((window) => observed(window, onStore));
  return new Proxy(file, {
    get(_, property) {
      if (property === "header") return header;
      if (property === "windows") return windows;
      const value = Reflect.get(file, property);
      return typeof value === "function" ? value.bind(file) : value;
    },
  });
}

/** A store on a small disk, and what its disk was before each store to its index. */
class Observed {
  readonly disk: SimulatedDisk;
  readonly store: Store;
  onStore: () => void = () => {};

  constructor(bodyBytesMax = 2 ** 18, limits = tinyLimits) {
    this.disk = new SimulatedDisk(bodyBytesMax + indexHeaderTotalBytes);
    this.store = openOn(this.disk, {
      limits,
      openFile: (path, headerBytes) => {
        const file = this.disk.open(path, headerBytes);
        return path === indexPath ? observedFile(file, () => this.onStore()) : file;
      },
    });
  }
}

type State = ReadonlyMap<string, string>;

/** Kills a process before each store to the index that `change` makes, at most `killsMax` of them. */
async function killWithin(
  observed: Observed,
  change: () => void,
  random: SeededRandom,
  killsMax: number,
  judge = judgeMended,
): Promise<number> {
  const { store, disk } = observed;
  const before = contents(store);
  const killed: SimulatedDisk[] = [];
  let stores = 0;
  // Each of them with the same probability (reservoir sampling, Vitter 1985).
  observed.onStore = () => {
    const place = stores++ < killsMax ? killed.length : random.below(stores);
    if (place < killsMax) killed[place] = disk.copy();
  };
  change();
  observed.onStore = () => {};
  const after = contents(store);
  for (const copy of killed) await judge(copy, [before, after]);
  return killed.length;
}

/** The store is one of these states, by its index and by its log, and can be written. */
async function judgeMended(disk: SimulatedDisk, states: readonly State[]): Promise<void> {
  let found: State = new Map();
  let later = disk;
  await withStore(openOn(disk), (store) => {
    assertEquals(store.opening.kind, "replayed");
    assertEquals(store.opening.damages, []);
    found = contents(store);
    const expected = states.find((state) => state.size === found.size && isSame(state, found));
    if (expected === undefined) assertEquals(found, states.at(-1));
    assertEquals(store.count, found.size);
    put(store, "after", "1");
    later = disk.copy();
  });
  later.remove(indexPath);
  await withStore(openOn(later), (store) => {
    assertEquals(
      contents(store),
      new Map([...found, ["after", "1"]].toSorted() as [string, string][]),
    );
  });
}

function isSame(one: State, other: State): boolean {
  return [...one].every(([key, value]) => other.get(key) === value);
}

Deno.test("killed within an insertion, a removal, a split or an overwriting, a store goes on with its index", async () => {
  const seed = chooseSeed("torn index");
  seedGlobals(seed);
  const random = new SeededRandom(seed);
  using _atomics = withAtomics();
  const observed = new Observed();
  let kills = 0;
  await withStore(observed.store, async (store) => {
    for (let i = 0; i < 70; i++) {
      const key = `key:${random.below(60)}`;
      const change = random.below(4) === 0
        ? () => void remove(store, key)
        : () => put(store, key, `${i}`, random.chance(0.2) ? 2e12 : 0);
      kills += await killWithin(observed, change, random, 20);
      if (random.chance(0.3)) store.tick();
    }
  });
  assert(kills > 500, `${kills} kills`);
});

Deno.test("killed within a batch, a store goes on with its index as it was before it", async () => {
  const seed = chooseSeed("torn batch");
  seedGlobals(seed);
  const random = new SeededRandom(seed);
  using _atomics = withAtomics();
  const observed = new Observed(2 ** 20);
  let kills = 0;
  await withStore(observed.store, async (store) => {
    for (let i = 0; i < 14; i++) {
      // A batch that goes on in another segment is another matter: see below.
      // A segment that is full to its last byte has no room, either.
      while (roomOf(store) < 3000 || roomOf(store) === tinyLimits.segmentBytes) {
        put(store, "filler", "f".repeat(100));
      }
      const isTakenBack = random.chance(0.2);
      const batch = () => {
        store.beginBatch();
        for (let j = random.between(1, 8); j > 0; j--) {
          const key = `key:${random.below(30)}`;
          if (random.chance(0.3)) remove(store, key);
          else put(store, key, `${i}.${j}`, random.chance(0.2) ? 2e12 : 0);
          // Something fails, within a batch of its own.
          store.beginBatch();
          put(store, `key:${random.below(30)}`, "taken back");
          store.failBatch();
          store.endBatch();
        }
        if (isTakenBack) store.failBatch();
        store.endBatch();
      };
      kills += await killWithin(observed, batch, random, 50);
      if (random.chance(0.3)) store.tick();
    }
  });
  assert(kills > 500, `${kills} kills`);
});

for (
  const [what, change] of [
    ["goes on in another segment", (store: Store) => {
      store.beginBatch();
      for (let i = 0; i < 6; i++) put(store, `key:${i}`, "2".repeat(100));
      store.endBatch();
    }],
    ["removes every key", (store: Store) => {
      store.beginBatch();
      store.clear();
      put(store, "key:2", "2");
      store.endBatch();
    }],
  ] as const
) {
  Deno.test(`killed within a batch that ${what}, a store is as it was before or behind it`, async () => {
    const seed = chooseSeed("torn batch");
    seedGlobals(seed);
    const random = new SeededRandom(seed);
    using _atomics = withAtomics();
    const observed = new Observed(2 ** 20);
    await withStore(observed.store, async (store) => {
      for (let i = 0; i < 8; i++) put(store, `key:${i}`, "1");
      while (roomOf(store) > 300) put(store, "filler", "f");
      store.tick(); // What was written until now is not read again.
      const kinds = new Set<string>();
      await killWithin(observed, () => change(store), random, 40, async (copy, states) => {
        await withStore(openOn(copy), (killed) => {
          kinds.add(killed.opening.kind);
          const found = contents(killed);
          assert(states.some((state) => state.size === found.size && isSame(state, found)));
        });
      });
      assert(kinds.has("rebuilt"));
    });
  });
}

Deno.test("killed within a batch of more changes than are noted, a store is as it was before or behind it", async () => {
  const seed = chooseSeed("long torn batch");
  seedGlobals(seed);
  using _atomics = withAtomics();
  const observed = new Observed(2 ** 20, { ...tinyLimits, segmentBytes: 2 ** 18 });
  await withStore(observed.store, async (store) => {
    for (let i = 0; i < 8; i++) put(store, `key:${i}`, "1");
    const before = contents(store);
    store.beginBatch();
    for (let i = 0; i < undoPairsMax - 3; i++) put(store, `key:${i % 4}`, `${i}`);
    const kinds = new Set<string>();
    const change = () => {
      for (let i = 0; i < 6; i++) put(store, `key:${i}`, "last");
      store.endBatch();
    };
    await killWithin(observed, change, new SeededRandom(seed), 60, async (copy, [, after]) => {
      await withStore(openOn(copy), (killed) => {
        kinds.add(killed.opening.kind);
        const found = contents(killed);
        assert([before, after].some((state) => isSame(state, found)));
      });
    });
    assertEquals([...kinds].sort(), ["rebuilt", "replayed"]);
  });
});

function roomOf({ position }: Store): number {
  return tinyLimits.segmentBytes - position % tinyLimits.segmentBytes;
}
