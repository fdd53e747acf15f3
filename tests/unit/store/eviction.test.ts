/** A store with a largest size: which keys go, and that there is always room. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import type { EvictionPolicy } from "../../../src/store/eviction.ts";
import { indexHeader } from "../../../src/store/format.ts";
import type { Store } from "../../../src/store/store.ts";
import { toBytes } from "../../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { until, withTimeLimit } from "../../support/time_limit.ts";
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
  const bytes = key.length + value.length;
  if (store.isShortOfRoomFor(bytes)) {
    await withTimeLimit(store.whenRoom(bytes), 10_000, `room for ${bytes} bytes`);
  }
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

/** Some keys, their values and those that are there. */
async function fill(
  store: Store,
  count: number,
  lengthOf: () => number,
  keyOf: (i: number) => string = (i) => `key:${i}`,
): Promise<Map<string, string>> {
  const model = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const value = `${i}:`.padEnd(lengthOf(), "v");
    await putPatiently(store, keyOf(i), value);
    model.set(keyOf(i), value);
  }
  return model;
}

function assertSome(store: Store, model: Map<string, string>): void {
  for (const [key, value] of contents(store)) assertEquals(value, model.get(key));
}

/** What of the file is used for values, with values of one length only. */
for (
  const { length, what, share } of [
    { length: 1400, what: "of which two fill a segment badly", share: 0.4 },
    { length: 2200, what: "of a little more than half a segment", share: 0.35 },
    { length: 4000, what: "that do not quite fill a segment", share: 0.5 },
    { length: 4096, what: "of a segment's length, which take two", share: 0.3 },
    { length: 9000, what: "that take three segments", share: 0.4 },
    { length: 40_000, what: "that take ten segments", share: 0.4 },
  ]
) {
  Deno.test(`there is always room for values ${what}`, async () => {
    await withLimited("allkeys-lru", async (store) => {
      const model = await fill(store, Math.ceil(4_000_000 / length), () => length);
      assert(store.statistics.evictedKeys > 20, `${store.statistics.evictedKeys} keys went`);
      assert(store.count * length >= share * bytesMax, `${store.count} keys are left`);
      assertSome(store, model);
      assert(valueOf(store, [...model.keys()].at(-1)!) !== null, "the last one is there");
    });
  });
}

for (const policy of ["allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl"] as const) {
  Deno.test(`with ${policy}, small and large values find room, whoever writes beside`, async () => {
    const seed = chooseSeed(`${policy}, all lengths`);
    const random = new SeededRandom(seed);
    await withLimited(policy, async (store, disk) => {
      const model = new Map<string, string>();
      let serial = 0;
      const writer = async () => {
        for (let i = 0; i < 60; i++) {
          const length = random.chance(0.3) ? random.below(60_000) : random.below(2000);
          const key = `key:${random.below(2000)}`;
          const value = `${serial++}:`.padEnd(length, "v");
          await putPatiently(store, key, value, someTime + 1_000_000 + random.below(1_000_000));
          model.set(key, value);
        }
      };
      const writers = Array.from({ length: 20 }, writer);
      await withTimeLimit(Promise.all(writers), 30_000, "the writers");
      assert(store.statistics.evictedKeys > 200, `KV_TEST_SEED=${seed}`);
      assert(disk.bytesOf(storePath).length <= bytesMax, "the file keeps to its limit");
      assertSome(store, model);
      const before = contents(store);
      store.endTurn();
      const copy = disk.copy();
      copy.remove(indexPath);
      assertEquals(await withStore(openOn(copy), contents), before, `KV_TEST_SEED=${seed}`);
    });
  });
}

Deno.test("a large value finds room though keys that may not go lie everywhere", async () => {
  await withLimited("volatile-lru", async (store) => {
    // They take two thirds of each segment for good.
    const lasting = await fill(store, 140, () => 900, (i) => `lasting:${i}`);
    for (let i = 0; i < 300; i++) {
      await putPatiently(store, `key:${i}`, "v".repeat(600), someTime + 1000 + i);
    }
    for (let i = 0; i < 20; i++) {
      await putPatiently(store, `large:${i}`, "v".repeat(40_000), someTime + 100_000);
    }
    for (const [key, value] of lasting) assertEquals(valueOf(store, key), value);
    assert(valueOf(store, "large:19") !== null);
  });
});

Deno.test("a value larger than three quarters of a store is stored, and stays while there is room", async () => {
  await withLimited("allkeys-lru", async (store) => {
    await fill(store, 1000, () => 300);
    const value = "v".repeat(82 * 4096);
    await putPatiently(store, "large", value);
    for (let i = 0; i < 20; i++) {
      await putPatiently(store, `small:${i}`, "v");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals(valueOf(store, "large"), value);
    assert(valueOf(store, "small:19") !== null);
  });
});

Deno.test("a value that cannot find room is refused at once, and no key goes", async () => {
  await withLimited("allkeys-lru", async (store) => {
    await fill(store, 500, () => 300);
    const value = "v".repeat(95 * 4096);
    await withTimeLimit(store.whenRoom(value.length), 100, "an answer");
    const error = assertThrows(() => put(store, "large", value), StoreError);
    assertEquals(error.code, "NO_SPACE");
    for (let i = 0; i < 20; i++) {
      store.tick();
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals([store.count, store.statistics.evictedKeys], [500, 0]);
  });
});

Deno.test("a large value that did not wait is refused, and finds room a moment later", async () => {
  await withLimited("allkeys-lru", async (store) => {
    await fill(store, 3000, () => 300);
    const value = "v".repeat(60_000);
    assertThrows(() => put(store, "large", value), StoreError, "Cannot grow");
    await until(() => {
      store.tick();
      try {
        put(store, "large", value);
        return Promise.resolve(true);
      } catch {
        return Promise.resolve(false);
      }
    }, "room");
  });
});

Deno.test("what an earlier process left at the ends of segments is known before there is no room", async () => {
  const disk = new SimulatedDisk(2 ** 24);
  const sizeLimit = { bytesMax, policy: "allkeys-lru" } as const;
  for (let life = 0; life < 4; life++) {
    await withStore(openOn(disk, { sizeLimit }), async (store) => {
      await fill(store, 150, () => life % 2 === 0 ? 2200 : 5000, (i) => `${life}:${i}`);
      assert(store.statistics.evictedKeys > 50);
    });
  }
});

Deno.test("a wrong count of delete records does not keep keys from going", async () => {
  await withLimited("allkeys-lru", async (store, disk) => {
    // It is a hint, which may be too high after a crash.
    const index = disk.bytesOf(indexPath);
    const header = new DataView(index.buffer, index.byteOffset);
    header.setFloat64(indexHeader.tombstoneBytesF64 * 8, 10 * bytesMax, true);
    const model = await fill(store, 3000, () => 300);
    assert(store.statistics.evictedKeys > 1000, `${store.statistics.evictedKeys} keys went`);
    assert(store.count > 500, `${store.count} keys are left`);
    assertSome(store, model);
  });
});

Deno.test("a store that does not evict makes neighbouring room out of what was deleted", async () => {
  await withLimited("noeviction", async (store, disk) => {
    const model = await fill(store, 1050, () => 300);
    // Here and there, so that no segment becomes free by that alone.
    for (const key of [...model.keys()].filter((_, i) => i % 5 < 2)) {
      remove(store, key);
      model.delete(key);
    }
    const value = "w".repeat(40_000);
    assert(store.isShortOfRoomFor(value.length));
    assertThrows(() => put(store, "large", value), StoreError);
    for (let i = 0; i < 3; i++) {
      await putPatiently(store, "large", value);
      model.set("large", value);
    }
    assertEquals(contents(store), new Map([...model].sort()));
    assert(disk.bytesOf(storePath).length <= bytesMax);
    // There would not be enough left for the rest: nobody waits in vain.
    const started = performance.now();
    await store.whenRoom(60 * 4096);
    assert(performance.now() - started < 100);
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
