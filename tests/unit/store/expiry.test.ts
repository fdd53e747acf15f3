import { assert, assertEquals } from "@std/assert";
import type { Store } from "../../../src/store/store.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { until } from "../../support/time_limit.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import {
  bootAgain,
  contents,
  indexPath,
  openOn,
  put,
  remove,
  valueOf,
  withStore,
} from "./tiny_store.ts";

/** A time that stands still until a test moves it. */
class Clock {
  now = 1_000_000;
  readonly read = (): number => this.now;

  /** Moves the time on, and the store with it. */
  set(now: number, store: Store): void {
    this.now = now;
    store.now = now;
  }
}

async function withClock(use: (store: Store, clock: Clock) => Promise<void> | void): Promise<void> {
  const clock = new Clock();
  await withStore(openOn(new SimulatedDisk(), { clock: clock.read }), (store) => use(store, clock));
}

Deno.test("a key is there up to its deadline and gone behind it", async () => {
  await withClock((store, clock) => {
    const deadline = clock.now + 100;
    put(store, "a", "1", deadline);
    clock.set(deadline, store);
    assertEquals(valueOf(store, "a"), "1");
    assertEquals(store.foundExpireAt, deadline);
    clock.set(deadline + 1, store);
    assertEquals(valueOf(store, "a"), null);
    assertEquals(contents(store), new Map());
    assertEquals(store.randomKey(), false);
    assertEquals(store.count, 1, "it is not removed yet");
  });
});

Deno.test("a tick removes what is past its deadline, and nothing else", async () => {
  await withClock((store, clock) => {
    for (let i = 0; i < 100; i++) put(store, `key:${i}`, "v", clock.now + i);
    put(store, "stays", "v");
    clock.set(clock.now + 60, store);
    store.tick();
    assertEquals(store.count, 41);
    assertEquals(store.statistics.expiredKeys, 60);
    assertEquals(store.statistics.volatileKeys, 40);
  });
});

Deno.test("many keys of one deadline are removed a slice at a time", async () => {
  await withClock((store, clock) => {
    for (let i = 0; i < 1000; i++) put(store, `key:${i}`, "v", clock.now + 5);
    clock.set(clock.now + 6, store);
    store.tick();
    assert(store.count > 500, `${store.count} are left after one tick`);
    for (let i = 0; i < 5; i++) store.tick();
    assertEquals(store.count, 0);
  });
});

Deno.test("an idle store removes its keys when their time comes", async () => {
  const store = openOn(new SimulatedDisk(), { clock: Date.now });
  await withStore(store, async () => {
    const started = Date.now();
    store.set("soon", "v", { expireAt: started + 30 });
    store.set("later", "v", { expireAt: started + 100_000 });
    await until(() => Promise.resolve(store.count === 1), "the key to be removed", 5000);
    assert(Date.now() > started + 30);
  });
});

Deno.test("a later deadline, or none, keeps the key", async () => {
  await withClock((store, clock) => {
    put(store, "later", "v", clock.now + 10);
    put(store, "never", "v", clock.now + 10);
    put(store, "written", "v", clock.now + 10);
    assertEquals(valueOf(store, "later"), "v");
    store.setExpiry(clock.now + 1000);
    assertEquals(valueOf(store, "never"), "v");
    store.setExpiry(0);
    put(store, "written", "w");
    assertEquals(store.statistics.volatileKeys, 1);
    clock.set(clock.now + 20, store);
    store.tick();
    assertEquals([...contents(store)], [["later", "v"], ["never", "v"], ["written", "w"]]);
  });
});

Deno.test("an earlier deadline counts", async () => {
  await withClock((store, clock) => {
    put(store, "a", "v", clock.now + 1000);
    assertEquals(valueOf(store, "a"), "v");
    store.setExpiry(clock.now + 10);
    clock.set(clock.now + 11, store);
    store.tick();
    assertEquals(store.count, 0);
  });
});

Deno.test("an expired key can be set again, with and without a deadline", async () => {
  await withClock((store, clock) => {
    put(store, "a", "1", clock.now + 10);
    put(store, "b", "1", clock.now + 10);
    clock.set(clock.now + 20, store);
    put(store, "a", "2");
    put(store, "b", "2", clock.now + 10);
    store.tick();
    assertEquals([...contents(store)], [["a", "2"], ["b", "2"]]);
    assertEquals(store.statistics.volatileKeys, 1);
    clock.set(clock.now + 20, store);
    store.tick();
    assertEquals([...contents(store)], [["a", "2"]]);
  });
});

Deno.test("an expired key does not return after a rebuild, removed or not", async () => {
  for (const isRemoved of [false, true]) {
    const clock = new Clock();
    const disk = new SimulatedDisk();
    const store = openOn(disk, { clock: clock.read });
    put(store, "a", "old");
    put(store, "a", "1", clock.now + 10);
    clock.set(clock.now + 20, store);
    if (isRemoved) store.tick();
    const copy = disk.copy();
    await store.close();
    copy.remove(indexPath);
    await withStore(openOn(copy, { clock: clock.read }), (again) => {
      assertEquals(contents(again), new Map());
    });
  }
});

/** Ways to write keys with a deadline again and again, `i` counting all writes. */
const rewriting: readonly {
  readonly name: string;
  readonly write: (store: Store, key: string, i: number, now: number) => void;
  readonly outdatedMax: number;
}[] = [
  {
    name: "values are overwritten and keep their deadline",
    write: (store, key, i, now) => put(store, key, `${i}`, now + 1000),
    outdatedMax: 0,
  },
  {
    name: "deadlines are put off a little",
    write: (store, key, i, now) => put(store, key, "v", now + 60_000 + (i >> 4)),
    outdatedMax: 100,
  },
  {
    name: "deadlines are put off far",
    write: (store, key, i, now) => put(store, key, "v", now + 60_000 + 100_000 * i),
    outdatedMax: 200_000,
  },
  {
    name: "deadlines are brought forward",
    write: (store, key, i, now) => put(store, key, "v", now + 60_000_000 - 113 * i),
    outdatedMax: 200_000,
  },
  {
    name: "keys are deleted and come back with the same deadline",
    write: (store, key, _, now) => {
      remove(store, key);
      put(store, key, "v", now + 1000);
    },
    outdatedMax: 200_000,
  },
  {
    name: "two deadlines alternate",
    write: (store, key, i, now) => put(store, key, "v", now + (i % 3 === 0 ? 40_000 : 80_000)),
    outdatedMax: 200_000,
  },
];
for (const { name, write, outdatedMax } of rewriting) {
  Deno.test(`the queue of deadlines stays short under load while ${name}`, async () => {
    const clock = new Clock();
    const disk = new SimulatedDisk(2 ** 24);
    await withStore(openOn(disk, { clock: clock.read }), async (store) => {
      const keys = Array.from({ length: 10 }, (_, k) => `key:${k}`);
      let longest = 0;
      for (let i = 0; i < 500_000; i++) {
        write(store, keys[i % keys.length], i, clock.now);
        // So often that the store is never idle.
        if (i % 64 === 0) store.tick();
        if (i % 5000 === 0) await store.sync();
        if (i % 100 === 0) longest = Math.max(longest, store.statistics.queuedDeadlines);
      }
      assert(longest <= keys.length + outdatedMax, `${longest} entries for ${keys.length} keys`);
      const deadlines = keys.map((key) => {
        assert(valueOf(store, key) !== null);
        return store.foundExpireAt;
      });
      const last = Math.max(...deadlines);
      for (const now of [...new Set([...deadlines, last + 1])].sort((a, b) => a - b)) {
        clock.set(now, store);
        for (let i = 0; i < 900; i++) store.tick();
        assertEquals(store.count, deadlines.filter((deadline) => deadline >= now).length);
      }
      assertEquals(store.statistics.volatileKeys, 0);
    });
  });
}

Deno.test("a key whose write with its old deadline was taken back expires in time", async () => {
  await withClock((store, clock) => {
    const deadline = clock.now + 10;
    put(store, "a", "1", deadline);
    put(store, "b", "1", deadline);
    store.beginBatch();
    put(store, "a", "2", deadline);
    put(store, "b", "2", deadline + 5);
    put(store, "b", "3", deadline);
    put(store, "new", "1", deadline);
    store.failBatch();
    store.endBatch();
    assertEquals(store.statistics.volatileKeys, 2);
    assertEquals([...contents(store)], [["a", "1"], ["b", "1"]]);
    put(store, "a", "3", deadline);
    clock.set(deadline + 1, store);
    store.tick();
    assertEquals([store.count, store.statistics.volatileKeys], [0, 0]);
  });
});

Deno.test("a key that was written with its old deadline after FLUSHALL, or while a restart looks for deadlines, expires in time", async () => {
  const clock = new Clock();
  const disk = new SimulatedDisk();
  const deadline = clock.now + 50;
  await withStore(openOn(disk, { clock: clock.read }), (store) => {
    for (let i = 0; i < 3000; i++) put(store, `key:${i}`, "v", deadline);
    store.clear();
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "v", deadline);
  });
  await withStore(openOn(disk, { clock: clock.read }), (store) => {
    // Some of them have been passed when they are written, and some have not.
    for (let i = 0; i < 2000; i++) {
      put(store, `key:${i}`, "w", deadline);
      if (i % 600 === 0) store.tick();
    }
    for (let i = 0; i < 10; i++) store.tick();
    assertEquals(store.statistics.queuedDeadlines, 2000);
    clock.set(deadline + 1, store);
    for (let i = 0; i < 20; i++) store.tick();
    assertEquals([store.count, store.statistics.volatileKeys], [0, 0]);
  });
});

Deno.test("whatever happens to deadlines, all keys expire in time", async () => {
  const seed = chooseSeed("deadlines");
  const random = new SeededRandom(seed);
  const clock = new Clock();
  clock.now += 1_700_000_000_000;
  // From milliseconds to a month.
  const later = () => clock.now + random.below(2 ** random.below(32));
  const disk = new SimulatedDisk(2 ** 24);
  const open = () => openOn(disk, { clock: clock.read });
  let model = new Map<string, number>();
  let store = open();
  const change = () => {
    const key = `key:${random.below(300)}`;
    const deadline = model.get(key);
    const what = random.below(100);
    if (what < 30) {
      const next = random.chance(0.8) ? later() : 0;
      put(store, key, "v", next);
      model.set(key, next);
    } else if (what < 40) {
      remove(store, key);
      model.delete(key);
    } else if (deadline !== undefined && valueOf(store, key) !== null) {
      const next = what < 60
        ? deadline
        : what < 80
        ? Math.max(clock.now, deadline + random.below(40_000) - 10_000)
        : later();
      store.setExpiry(next);
      model.set(key, next);
    }
  };
  for (let step = 0; step < 4000; step++) {
    const what = random.below(1000);
    if (what < 800) {
      for (let i = random.below(20); i >= 0; i--) change();
    } else if (what < 850) {
      const before = new Map(model);
      store.beginBatch();
      for (let i = random.below(20); i >= 0; i--) change();
      if (random.chance(0.5)) {
        store.failBatch();
        model = before;
      }
      store.endBatch();
    } else if (what < 980) {
      clock.set(later(), store);
    } else if (what < 985) {
      clock.set(clock.now - random.below(100_000), store);
    } else if (what < 990) {
      store.clear();
      model.clear();
    } else {
      await store.close();
      store = open();
    }
    if (random.chance(0.7)) continue;
    for (let i = 0; i < 6; i++) store.tick();
    for (const [key, at] of model) if (at !== 0 && at < clock.now) model.delete(key);
    const left = store.count;
    assertEquals(left, model.size, `step ${step}, KV_TEST_SEED=${seed}`);
    assertEquals([...contents(store).keys()].sort(), [...model.keys()].sort());
    const volatileKeys = [...model.values()].filter((at) => at !== 0).length;
    assertEquals(store.statistics.volatileKeys, volatileKeys);
    assert(store.statistics.queuedDeadlines >= volatileKeys);
    if (step % 50 === 0) await store.sync();
  }
  await store.close();
});

for (const kind of ["clean", "replayed", "rebuilt"]) {
  Deno.test(`deadlines are kept when a store is ${kind}`, async () => {
    const clock = new Clock();
    let disk = new SimulatedDisk();
    const first = openOn(disk, { clock: clock.read });
    for (let i = 0; i < 1000; i++) put(first, `key:${i}`, "v", clock.now + i);
    for (let i = 0; i < 100; i++) put(first, `stays:${i}`, "v");
    if (kind !== "clean") disk = disk.copy();
    await first.close();
    if (kind === "rebuilt") bootAgain(disk);
    await withStore(openOn(disk, { clock: clock.read }), async (store) => {
      assertEquals(store.opening.kind, kind);
      assertEquals(store.statistics.volatileKeys, 1000);
      clock.set(clock.now + 500, store);
      // The keys with deadlines are looked for in the background first.
      store.tick();
      await until(() => {
        store.tick();
        return Promise.resolve(store.count <= 600);
      }, "the keys to be removed");
      assertEquals(store.count, 600);
      assertEquals(store.statistics.volatileKeys, 500);
      assertEquals(valueOf(store, "key:500"), "v");
    });
  });
}

Deno.test("a key whose deadline is taken back with its batch does not expire", async () => {
  await withClock((store, clock) => {
    put(store, "a", "1");
    put(store, "b", "1", clock.now + 1000);
    store.beginBatch();
    put(store, "a", "2", clock.now + 10);
    assert(remove(store, "b"));
    store.failBatch();
    store.endBatch();
    assertEquals(store.statistics.volatileKeys, 1);
    clock.set(clock.now + 20, store);
    store.tick();
    assertEquals([...contents(store)], [["a", "1"], ["b", "1"]]);
    clock.set(clock.now + 1000, store);
    store.tick();
    assertEquals([...contents(store)], [["a", "1"]]);
  });
});

Deno.test("many deadlines that were replaced do not fill the memory", async () => {
  await withClock(async (store, clock) => {
    // The queue may hold 65536 outdated entries; then it sifts them out.
    for (let i = 0; i < 80_000; i++) {
      put(store, "a", "v", clock.now + 1_000_000 + i);
      if (i % 50 !== 0) continue;
      store.tick();
      await store.sync();
    }
    assertEquals(store.count, 1);
    clock.set(clock.now + 2_000_000, store);
    for (let i = 0; i < 2000 && store.count > 0; i++) store.tick();
    assertEquals(store.count, 0);
  });
});

Deno.test("a clock that is set forward by hours lets keys expire at once, without a request", async () => {
  await withClock(async (store, clock) => {
    put(store, "soon", "1", clock.now + 3_600_000);
    put(store, "later", "1", clock.now + 9_000_000);
    store.tick();
    clock.now += 2 * 3_600_000;
    await until(() => Promise.resolve(store.count === 1), "the key to expire");
    assertEquals(contents(store), new Map([["later", "1"]]));
  });
});

Deno.test("a clock that is set back by hours delays what is left, and all goes on", async () => {
  await withClock((store, clock) => {
    put(store, "gone", "1", clock.now + 100);
    put(store, "kept", "1", clock.now + 3_600_000);
    clock.set(clock.now + 200, store);
    store.tick();
    assertEquals(contents(store), new Map([["kept", "1"]]));
    clock.set(clock.now - 5 * 3_600_000, store);
    store.tick();
    assertEquals(contents(store), new Map([["kept", "1"]]), "what has expired does not return");
    put(store, "short", "1", clock.now + 100);
    clock.set(clock.now + 101, store);
    store.tick();
    assertEquals(contents(store), new Map([["kept", "1"]]));
    clock.set(clock.now + 7 * 3_600_000, store);
    store.tick();
    assertEquals(store.count, 0);
    assert(store.statistics.unsyncedMs >= 0);
  });
});
