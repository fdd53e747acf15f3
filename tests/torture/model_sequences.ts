/**
 * The store against a model, a Map, with limits so small that every boundary is met: segments of 4 KiB,
 * index pages of 4 slots. A crash is a copy of the files in the middle of everything: that is what the
 * page cache holds after SIGKILL. In the end the checker has to find the store and its index whole.
 */
import { assert, assertEquals } from "@std/assert";
import { StoreError } from "../../src/store/errors.ts";
import { checkStore } from "../../src/store/checker.ts";
import { Store } from "../../src/store/store.ts";
import { SeededRandom, seedGlobals } from "../support/seeded_random.ts";
import { SteadyClock } from "../support/steady_clock.ts";
import { SimulatedDisk } from "../unit/store/simulated_disk.ts";
import { indexPath, storePath } from "../unit/store/tiny_store.ts";

const limits = {
  segmentBytes: 4096,
  slotsPerPage: 4,
  segmentsAhead: 2,
  growthLeadMs: 0,
  deadBytesMin: 4 * 4096,
};
const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

interface Entry {
  readonly value: string;
  readonly expireAt: number;
}

class Model {
  entries = new Map<string, Entry>();
  now = 1_000_000;
  /** What each open batch goes back to when it fails. */
  savepoints: Map<string, Entry>[] = [];
  /** Keys that are watched, with their versions, and whether they were written since. */
  readonly watched = new Map<string, { readonly version: number; isWritten: boolean }>();

  wrote(key: string): void {
    const watched = this.watched.get(key);
    if (watched !== undefined) watched.isWritten = true;
  }

  live(): Map<string, string> {
    const live = new Map<string, string>();
    for (const [key, { value, expireAt }] of this.entries) {
      if (expireAt === 0 || expireAt >= this.now) live.set(key, value);
    }
    return live;
  }
}

function contents(store: Store, now: number): Map<string, string> {
  const found = new Map<string, string>();
  store.now = now;
  let cursor = 0;
  const keys: Uint8Array[] = [];
  do {
    cursor = store.scan(cursor, 7, (bytes, start, end) => keys.push(bytes.slice(start, end)));
  } while (cursor !== 0);
  for (const key of keys) {
    assert(store.find(key, 0, key.length), "a scanned key is found");
    const value = store.foundBytes.subarray(store.foundStart, store.foundEnd);
    found.set(decoder.decode(key), decoder.decode(value));
  }
  return found;
}

/** A random key is one that there is, if there is one. */
function assertRandomKey(store: Store, model: Model): void {
  store.now = model.now;
  const live = model.live();
  assertEquals(store.randomKey(), live.size > 0);
  if (live.size === 0) return;
  const key = store.foundKeyBytes.subarray(store.foundKeyStart, store.foundKeyEnd);
  assert(live.has(decoder.decode(key)), "a random key exists");
}

function assertSame(store: Store, model: Model, what: string): void {
  const expected = [...model.live()].sort();
  const actual = [...contents(store, model.now)].sort();
  assertEquals(actual, expected, what);
  const deadlines = [...model.entries.values()].filter(({ expireAt }) => expireAt >= model.now);
  assert(store.statistics.volatileKeys >= deadlines.length, `${what}: all deadlines are known`);
}

function find(store: Store, key: string): boolean {
  const bytes = encoder.encode(key);
  return store.find(bytes, 0, bytes.length);
}

/** One random change to both. */
function change(store: Store, model: Model, random: SeededRandom, keys: number): void {
  const key = `key:${random.below(keys)}`;
  const what = random.below(100);
  store.now = model.now;
  if (what < 55) {
    const length = random.below(20) === 0 ? random.below(9000) : random.below(60);
    const value = String.fromCharCode(97 + random.below(26)).repeat(length);
    const expireAt = random.below(4) === 0 ? model.now + random.below(300) : 0;
    find(store, key);
    const bytes = encoder.encode(value);
    store.put(bytes, 0, bytes.length, expireAt);
    model.entries.set(key, { value, expireAt });
    model.wrote(key);
  } else if (what < 80) {
    const existed = find(store, key);
    assertEquals(existed, model.live().has(key), key);
    if (!existed) return;
    store.remove();
    model.entries.delete(key);
    model.wrote(key);
  } else if (what < 88) {
    if (!find(store, key)) return;
    const expireAt = random.below(2) === 0 ? 0 : model.now + random.below(500);
    store.setExpiry(expireAt);
    model.entries.set(key, { value: model.entries.get(key)!.value, expireAt });
    model.wrote(key);
  } else if (what < 97) {
    model.now += random.below(40);
  } else if (what < 98 && random.below(6) === 0) {
    store.clear();
    for (const cleared of model.live().keys()) model.wrote(cleared);
    model.entries.clear();
    // What `clear` did cannot be taken back.
    model.savepoints = model.savepoints.map(() => new Map());
  }
}

/** Some changes that happen together or not at all; `look` sees the store before one of them. */
function batch(
  store: Store,
  model: Model,
  random: SeededRandom,
  keys: number,
  look: () => void = () => {},
): void {
  store.beginBatch();
  model.savepoints.push(new Map(model.entries));
  const members = random.below(12);
  const seen = random.below(members);
  for (let i = 0; i < members; i++) {
    if (i === seen) look();
    if (model.savepoints.length < 4 && random.below(3) === 0) batch(store, model, random, keys);
    else change(store, model, random, keys);
  }
  const isFailed = random.below(6) === 0;
  if (isFailed) store.failBatch();
  store.endBatch();
  const savepoint = model.savepoints.pop()!;
  if (isFailed) model.entries = savepoint;
}

/** Watches a key, or looks whether it was told of writes to one that is watched. */
function watch(store: Store, model: Model, random: SeededRandom, keys: number): void {
  const key = `key:${random.below(keys)}`;
  const bytes = encoder.encode(key);
  const watched = model.watched.get(key);
  if (watched === undefined) {
    model.watched.set(key, { version: store.watch(bytes), isWritten: false });
    return;
  }
  assertEquals(store.versionOf(bytes) !== watched.version, watched.isWritten, `${key} was written`);
  store.unwatch(bytes);
  model.watched.delete(key);
}

/** Resolves with the number of segments that compaction emptied in the store's last life. */
export async function runSequence(seed: number, steps: number): Promise<number> {
  seedGlobals(seed);
  using _clock = new SteadyClock();
  let emptied = 0;
  const random = new SeededRandom(seed);
  const model = new Model();
  let disk = new SimulatedDisk();
  const open = () =>
    Store.open({
      path: storePath,
      openFile: disk.open,
      clock: () => model.now,
      limits,
      sync: "no",
    });
  let store = open();
  const keys = 1 + random.below(120);
  try {
    for (let step = 0; step < steps; step++) {
      const kind = random.below(1000);
      if (kind < 900) {
        change(store, model, random, keys);
        if (random.below(4) === 0) store.tick();
      } else if (kind < 940) {
        batch(store, model, random, keys);
      } else if (kind < 955) {
        watch(store, model, random, keys);
      } else if (kind < 968) {
        store.tick();
      } else if (kind < 970) {
        store.compact();
        const limit = random.pick([Infinity, 2 ** 21]);
        store.sizeLimit = { bytesMax: limit, policy: "noeviction" };
      } else if (kind < 985) {
        await store.sync();
      } else if (kind < 992) {
        assertSame(store, model, `step ${step}`);
        assertRandomKey(store, model);
      } else if (kind < 994) {
        await store.close();
        model.watched.clear();
        store = open();
        assertEquals(store.opening.kind, "clean");
        assertEquals(store.opening.damages, []);
        assertSame(store, model, `reopened at step ${step}`);
      } else {
        // A crash, with or without its index; now and then in the midst of a batch.
        const withIndex = random.below(2) === 0;
        const isInBatch = random.below(3) === 0;
        let next = disk.copy(withIndex ? undefined : indexPath);
        const entries = new Map(model.entries);
        const copy = () => {
          next = disk.copy(withIndex ? undefined : indexPath);
        };
        if (isInBatch) batch(store, model, random, keys, copy);
        model.entries = entries;
        model.watched.clear();
        await store.close();
        disk = next;
        store = open();
        assertEquals(store.opening.damages, []);
        // In a batch that has written something, the index is not to be believed.
        if (!isInBatch) assertEquals(store.opening.kind, withIndex ? "replayed" : "rebuilt");
        assertSame(store, model, `after a crash at step ${step}, index kept: ${withIndex}`);
      }
    }
    assertSame(store, model, "at the end");
    emptied += store.statistics.segmentsEmptied;
  } catch (error) {
    if (error instanceof StoreError) throw new Error(`seed ${seed}: ${error.message}`);
    throw error;
  } finally {
    await store.close();
  }
  const report = await checkStore(storePath, { limits, openFile: disk.open });
  const { damages, index, indexDifferences, discardedBytes } = report;
  assertEquals(
    { damages, index, indexDifferences, discardedBytes },
    { damages: [], index: "current", indexDifferences: [], discardedBytes: 0 },
  );
  return emptied;
}
