import { assert, assertEquals } from "@std/assert";
import type { Store } from "../../../src/store/store.ts";
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
