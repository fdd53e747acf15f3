/** A store with a largest size: which keys go, and that there is always room. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import type { EvictionPolicy } from "../../../src/store/eviction.ts";
import type { Store } from "../../../src/store/store.ts";
import { toBytes } from "../../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { withTimeLimit } from "../../support/time_limit.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import {
  contents,
  indexPath,
  openOn,
  put,
  remove,
  someTime,
  storePath,
  valueOf,
  withStore,
} from "./tiny_store.ts";

const bytesMax = 100 * 4096;

async function withLimited(
  policy: EvictionPolicy,
  use: (store: Store, disk: SimulatedDisk) => Promise<void>,
): Promise<void> {
  const disk = new SimulatedDisk(2 ** 24);
  await withStore(openOn(disk, { sizeLimit: { bytesMax, policy } }), (store) => use(store, disk));
}

/** As a server does it: writers wait when there is little room. */
async function putPatiently(store: Store, key: string, value: string, expireAt = 0): Promise<void> {
  await store.whenRoom();
  put(store, key, value, expireAt);
  store.tick();
}

for (const policy of ["allkeys-lru", "allkeys-random"] as const) {
  Deno.test(`with ${policy}, there is always room, and no key has a wrong value`, async () => {
    const seed = chooseSeed(policy);
    const random = new SeededRandom(seed);
    await withLimited(policy, async (store, disk) => {
      const model = new Map<string, string>();
      for (let i = 0; i < 8_000; i++) {
        const key = `key:${random.below(5000)}`;
        const value = `${i}:`.padEnd(random.below(300), "v");
        await putPatiently(store, key, value);
        model.set(key, value);
        assert(disk.bytesOf(storePath).length <= bytesMax, "the file keeps to its limit");
      }
      assert(store.statistics.evictedKeys > 1000, `${store.statistics.evictedKeys} keys went`);
      assert(store.count > 500, `${store.count} keys are left`);
      for (const [key, value] of contents(store)) assertEquals(value, model.get(key));
      // What went stays away.
      const before = contents(store);
      const copy = disk.copy();
      copy.remove(indexPath);
      assertEquals(await withStore(openOn(copy), contents), before, `KV_TEST_SEED=${seed}`);
    });
  });
}

Deno.test("with allkeys-lru, keys that are used stay", async () => {
  await withLimited("allkeys-lru", async (store) => {
    for (let i = 0; i < 100; i++) await putPatiently(store, `used:${i}`, "v".repeat(100));
    for (let i = 0; i < 10_000; i++) {
      await putPatiently(store, `once:${i}`, "v".repeat(100));
      valueOf(store, `used:${i % 100}`);
    }
    const left = [...contents(store).keys()].filter((key) => key.startsWith("used")).length;
    assert(left >= 90, `${left} of 100 keys that were used all the time are left`);
  });
});

Deno.test("with volatile-ttl, the keys with the earliest deadlines go", async () => {
  await withLimited("volatile-ttl", async (store) => {
    for (let i = 0; i < 300; i++) await putPatiently(store, `lasting:${i}`, "v".repeat(100));
    const order = Array.from({ length: 3000 }, (_, i) => (i * 7919) % 3000);
    for (const i of order) {
      await putPatiently(store, `key:${i}`, "v".repeat(100), someTime + 1000 + i);
    }
    const keys = [...contents(store).keys()];
    assertEquals(keys.filter((key) => key.startsWith("lasting")).length, 300);
    const left = keys.filter((key) => key.startsWith("key:")).map((key) => Number(key.slice(4)));
    // Those that came last may be any; but of the others, the latest deadlines are left.
    const early = left.filter((i) => i < 1500).length;
    assert(left.length > 200 && early < left.length / 10, `${early} of ${left.length} are early`);
  });
});

Deno.test("with volatile-lru, only keys with a deadline go, the unused ones first", async () => {
  await withLimited("volatile-lru", async (store) => {
    for (let i = 0; i < 300; i++) await putPatiently(store, `lasting:${i}`, "v".repeat(100));
    for (let i = 0; i < 100; i++) {
      await putPatiently(store, `used:${i}`, "v".repeat(100), someTime + 100_000);
    }
    for (let i = 0; i < 6000; i++) {
      await putPatiently(store, `once:${i}`, "v".repeat(100), someTime + 100_000);
      valueOf(store, `used:${i % 100}`);
    }
    const keys = [...contents(store).keys()];
    assertEquals(keys.filter((key) => key.startsWith("lasting")).length, 300);
    const used = keys.filter((key) => key.startsWith("used")).length;
    assert(used >= 90, `${used} of 100 keys that were used all the time are left`);
    assert(store.statistics.evictedKeys > 1000);
  });
});

for (const policy of ["noeviction", "volatile-lru", "volatile-ttl"] as const) {
  Deno.test(`with ${policy} and no key that may go, writes are refused`, async () => {
    await withLimited(policy, async (store, disk) => {
      let count = 0;
      const error = await (async () => {
        for (; count < 100_000; count++) {
          try {
            await putPatiently(store, `key:${count}`, "v".repeat(100));
          } catch (error) {
            return error;
          }
        }
      })();
      assert(error instanceof StoreError && error.code === "NO_SPACE", String(error));
      assert(error.message.includes("--max-size"), error.message);
      assert(disk.bytesOf(storePath).length <= bytesMax);
      assertEquals(store.count, count);
      // A larger limit lets them go on.
      store.sizeLimit = { bytesMax: 2 * bytesMax, policy };
      put(store, "more", "v".repeat(100));
    });
  });
}

Deno.test("a limit below what there is lets keys go and the file shrink", async () => {
  const disk = new SimulatedDisk(2 ** 24);
  await withStore(openOn(disk), async (store) => {
    for (let i = 0; i < 5000; i++) put(store, `key:${i}`, "v".repeat(100));
    assert(disk.bytesOf(storePath).length > 1.5 * bytesMax);
    store.sizeLimit = { bytesMax, policy: "allkeys-lru" };
    for (let i = 0; i < 20_000 && disk.bytesOf(storePath).length > bytesMax; i++) {
      store.tick();
      await store.sync();
      if (i % 10 === 0) await putPatiently(store, "tick", `${i}`);
    }
    assert(disk.bytesOf(storePath).length <= bytesMax);
    assert(store.count > 500, `${store.count} keys are left`);
  });
});

Deno.test("a full store without a free segment shrinks to a limit all the same", async () => {
  const disk = new SimulatedDisk(2 ** 24);
  await withStore(openOn(disk), async (store) => {
    for (let i = 0; i < 5000; i++) put(store, `key:${i}`, "v".repeat(100));
    // The disk is full for a while, and deletes take what is held in reserve for them.
    disk.bytesMax = disk.bytesOf(storePath).length + disk.bytesOf(indexPath).length;
    const useUp = (change: (i: number) => void) => {
      assertThrows(
        () => {
          for (let i = 0; i < 5000; i++) change(i);
        },
        StoreError,
        "Cannot grow",
      );
    };
    useUp((i) => put(store, `more:${i}`, "w".repeat(100)));
    // Here and there, so that no segment becomes free by that alone.
    useUp((i) => remove(store, `key:${(i * 37) % 5000}`));
    disk.bytesMax = Infinity;
    store.sizeLimit = { bytesMax, policy: "allkeys-random" };
    for (let i = 0; i < 20_000 && disk.bytesOf(storePath).length > bytesMax; i++) {
      await store.whenRoom();
      store.tick();
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert(disk.bytesOf(storePath).length <= bytesMax);
    assert(store.count > 500, `${store.count} keys are left`);
  });
});

for (const how of ["sync", "write"] as const) {
  Deno.test(`writers that wait for room are let go when a ${how} fails, and told why`, async () => {
    await withLimited("allkeys-lru", async (store, disk) => {
      disk.hold();
      for (let i = 0; !store.isShortOfRoom; i++) {
        put(store, `key:${i}`, "v".repeat(300));
        store.tick();
      }
      let letGo = 0;
      const writers = Array.from({ length: 8 }, () => store.whenRoom().then(() => letGo++));
      await new Promise((resolve) => setTimeout(resolve, 20));
      assertEquals(letGo, 0, "nothing is free before a sync");
      if (how === "sync") disk.syncFails = true;
      else disk.writeFails = true;
      disk.release();
      await withTimeLimit(Promise.all(writers), 2000, "the writers");
      const error = assertThrows(() => put(store, "a", "1"), StoreError);
      assertEquals(error.code, "SYNC_FAILED");
      // Who comes later does not wait either.
      await withTimeLimit(store.whenRoom(), 2000, "another writer");
    });
  });
}

Deno.test("who watches a key learns that it had to go", async () => {
  await withLimited("allkeys-random", async (store) => {
    const key = toBytes("watched");
    await putPatiently(store, "watched", "1");
    const version = store.watch(key);
    for (let i = 0; valueOf(store, "watched") !== null && i < 100_000; i++) {
      await putPatiently(store, `key:${i}`, "v".repeat(100));
    }
    assertEquals(valueOf(store, "watched"), null);
    assert(store.versionOf(key) !== version);
  });
});

Deno.test("a limit without room to work in is refused", async () => {
  await withStore(openOn(new SimulatedDisk()), (store) => {
    const error = assertThrows(
      () => store.sizeLimit = { bytesMax: 4096, policy: "allkeys-lru" },
      StoreError,
    );
    assertEquals(error.code, "TOO_SMALL");
  });
});

Deno.test("an LRU policy remembers for how long a key was not used", async () => {
  let now = someTime;
  const disk = new SimulatedDisk(2 ** 24);
  const sizeLimit = { bytesMax, policy: "allkeys-lru" } as const;
  await withStore(openOn(disk, { sizeLimit, clock: () => now }), (store) => {
    const idle = (key: string) => {
      store.now = now;
      store.isUntouched = true;
      const bytes = toBytes(key);
      assert(store.find(bytes, 0, bytes.length));
      store.isUntouched = false;
      return store.idleSecondsOfFound;
    };
    store.set("a", "1");
    store.set("b", "1");
    assertEquals(idle("a"), 0);
    now += 100_000;
    assertEquals([idle("a"), idle("b")], [100, 100]);
    // Asking is no use.
    assertEquals(idle("a"), 100);
    // A clock stands still for a few uses.
    for (let i = 0; i < 4; i++) store.get("b");
    now += 50_000;
    assertEquals([idle("a"), idle("b")], [150, 50]);
    for (let i = 0; i < 4; i++) store.get("a");
    assertEquals([idle("a"), idle("b")], [0, 50]);
    // The clock was set back.
    now -= 3_600_000;
    assertEquals(idle("a"), 0);
    now += 3_600_000;
    store.sizeLimit = { bytesMax: Infinity, policy: "noeviction" };
    assertEquals(idle("a"), -1);
    now += 10_000;
    store.sizeLimit = sizeLimit;
    now += 10_000;
    // What was before is forgotten.
    assertEquals([idle("a"), idle("b")], [10, 10]);
  });
});
