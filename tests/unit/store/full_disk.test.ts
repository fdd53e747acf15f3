/** A full disk: writes are refused and change nothing, reads and deletes go on. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import type { Store } from "../../../src/store/store.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { until } from "../../support/time_limit.ts";
import {
  bootAgain,
  contents,
  indexPath,
  openOn,
  put,
  remove,
  storePath,
  withStore,
} from "./tiny_store.ts";

/** Sets further keys until there is no more room; returns how many were. */
function fill(store: Store, name = "key", valueBytes = 500): number {
  for (let i = 0;; i++) {
    const before = store.count;
    try {
      put(store, `${name}:${i}`, "v".repeat(valueBytes));
    } catch (error) {
      assert(error instanceof StoreError && error.code === "NO_SPACE", String(error));
      assertEquals(store.count, before);
      return i;
    }
  }
}

/** A store on a disk that has room for a few more segments only. */
async function withSmallDisk(
  use: (store: Store, disk: SimulatedDisk) => Promise<void> | void,
  segments = 30,
): Promise<void> {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    await Promise.resolve();
    const used = disk.bytesOf(storePath).length + disk.bytesOf(indexPath).length;
    disk.bytesMax = used + segments * 4096;
    await use(store, disk);
  });
}

/** Waits until the store has tidied up, which it does by itself. */
async function isEmptied(store: Store): Promise<void> {
  store.tick();
  await until(async () => {
    await store.sync();
    return store.statistics.usedBytes <= 8 * 4096;
  }, "the store to tidy up");
  // Three rounds free a segment.
  for (let i = 0; i < 3; i++) {
    put(store, "last", `${i}`);
    await store.sync();
  }
}

async function afterRebuild(disk: SimulatedDisk): Promise<Map<string, string>> {
  const copy = disk.copy();
  copy.remove(indexPath);
  return await withStore(openOn(copy), contents);
}

Deno.test("a write without room is refused with NO_SPACE and changes nothing", async () => {
  await withSmallDisk(async (store, disk) => {
    const count = fill(store);
    assert(count > 100, `${count} keys fit`);
    const before = contents(store);
    const { position } = store;
    for (let i = 0; i < 3; i++) {
      const error = assertThrows(() => put(store, "another", "v".repeat(500)), StoreError);
      assertEquals(error.code, "NO_SPACE");
      assert(error.message.includes("free disk space or delete keys"), error.message);
      assertThrows(() => put(store, "key:0", "w".repeat(500)), StoreError);
    }
    assertEquals(contents(store), before);
    assertEquals(store.position, position);
    assertEquals(await afterRebuild(disk), before);
  });
});

Deno.test("a value that is too long for the room left is refused, a shorter one is not", async () => {
  await withSmallDisk(async (store, disk) => {
    put(store, "a", "1");
    const error = assertThrows(() => put(store, "long", "v".repeat(200_000)), StoreError);
    assertEquals(error.code, "NO_SPACE");
    put(store, "a", "2");
    assertEquals(contents(store), new Map([["a", "2"]]));
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("a batch without room is taken back as a whole", async () => {
  await withSmallDisk(async (store, disk) => {
    for (let i = 0; i < 20; i++) put(store, `key:${i}`, `${i}`);
    const before = contents(store);
    store.beginBatch();
    for (let i = 0; i < 10; i++) remove(store, `key:${i}`);
    const error = assertThrows(() => {
      for (let i = 0; i < 10_000; i++) put(store, `key:${i}`, "v".repeat(700));
    }, StoreError);
    assertEquals(error.code, "NO_SPACE");
    store.endBatch();
    assertEquals(contents(store), before);
    assertEquals(await afterRebuild(disk), before);
    // What the batch took is free again.
    await store.sync();
    await store.sync();
    await store.sync();
    put(store, "key:0", "v".repeat(700));
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("the outer batch goes on after an inner one found no room", async () => {
  await withSmallDisk(async (store, disk) => {
    store.beginBatch();
    put(store, "outer", "1");
    store.beginBatch();
    assertThrows(() => {
      for (let i = 0; i < 10_000; i++) put(store, `inner:${i}`, "v".repeat(700));
    }, StoreError);
    store.endBatch();
    put(store, "outer", "2");
    store.endBatch();
    assertEquals(contents(store), new Map([["outer", "2"]]));
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("deletes go on in a full store, all the way, and make room for writes", async () => {
  await withSmallDisk(async (store, disk) => {
    const count = fill(store);
    for (let i = 0; i < count; i++) {
      assert(remove(store, `key:${i}`), `key:${i}`);
      store.tick();
      if (i % 10 === 0) await store.sync();
    }
    assertEquals(store.count, 0);
    await isEmptied(store);
    const again = fill(store, "again");
    assert(again > count / 2, `${again} keys fit after ${count}`);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("a batch in a full store leaves the reserve to deletes", async () => {
  await withSmallDisk(async (store, disk) => {
    const count = fill(store);
    // Down to the last bytes, and then what begins with a mark of its own.
    fill(store, "small", 1);
    for (let i = 0; i < 20; i++) {
      store.beginBatch();
      assertThrows(() => put(store, `batch:${i}`, "v".repeat(3000)), StoreError);
      store.endBatch();
    }
    fill(store, "smaller", 1);
    for (let i = 0; i < count; i++) {
      assert(remove(store, `key:${i}`), `key:${i}`);
      store.tick();
      if (i % 10 === 0) await store.sync();
    }
    await store.sync();
    put(store, "again", "1");
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

/** What a process leaves that is killed, and the next one finds: a disk without room for more. */
function killedOn(disk: SimulatedDisk): SimulatedDisk {
  const copy = disk.copy();
  copy.bytesMax = copy.bytes;
  return copy;
}

Deno.test("a full store is opened after any number of kills, and deletes go on", async () => {
  await withSmallDisk(async (store, full) => {
    const count = fill(store);
    const before = contents(store);
    let disk = full;
    for (let life = 0; life < 20; life++) {
      disk = killedOn(disk);
      const isRebuilt = life % 5 === 4;
      if (isRebuilt) bootAgain(disk);
      await withStore(openOn(disk), async (again) => {
        assertEquals(again.opening.kind, isRebuilt ? "rebuilt" : "replayed");
        assertEquals(contents(again), before);
        assertThrows(() => put(again, "another", "v".repeat(500)), StoreError);
        assert(remove(again, `key:${life}`), "deletes go on");
        before.delete(`key:${life}`);
        // The last life had no reserve left when each of them took a segment of it.
        disk = killedOn(disk);
        if (life < 19) return;
        for (let i = 20; i < count; i++) {
          assert(remove(again, `key:${i}`), `key:${i}`);
          again.tick();
          if (i % 10 === 0) await again.sync();
        }
        await isEmptied(again);
        assert(fill(again, "again") > count / 2, "there is room");
      });
    }
  });
});

Deno.test("where the log of a full store goes on, what was cut off does not follow", async () => {
  await withSmallDisk(async (store, full) => {
    const count = fill(store);
    const text = (disk: SimulatedDisk) => new TextDecoder("latin1").decode(disk.bytesOf(storePath));
    const placeOf = (key: number) => Math.floor(text(full).indexOf(`key:${key}vvv`) / 4096);
    const last = placeOf(count - 1);
    let torn = count - 1;
    while (placeOf(torn - 2) === last) torn--; // There is one before it in the last segment.
    assert(torn < count - 2, "and there are two behind it");
    let disk = killedOn(full);
    disk.bytesOf(storePath)[text(disk).indexOf(`key:${torn}vvv`)] ^= 1;
    bootAgain(disk);
    await withStore(openOn(disk), (again) => {
      assertEquals(again.count, torn);
      put(again, `new:${torn}`, "w".repeat(500)); // As long as the one that was torn.
      disk = disk.copy(indexPath);
    });
    await withStore(openOn(disk), (again) => assertEquals(again.count, torn + 1));
  });
});

Deno.test("the places of a value that was being written when a full store was killed are not lost", async () => {
  await withSmallDisk(async (store, full) => {
    put(store, "first", "value");
    await store.sync();
    put(store, "large", "v".repeat(10 * 4096));
    fill(store);
    const expected = contents(store);
    const disk = killedOn(full);
    const at = new TextDecoder("latin1").decode(disk.bytesOf(storePath)).indexOf("largevvvv");
    disk.bytesOf(storePath).fill(0, at + 5 * 4096, at + 5 * 4096 + 512);
    bootAgain(disk);
    await withStore(openOn(disk), (again) => {
      assert(!contents(again).has("large") && expected.has("large"));
      put(again, "large", "v".repeat(9 * 4096));
    });
  });
});

Deno.test("clear works in a full store and makes room for writes", async () => {
  await withSmallDisk(async (store, disk) => {
    const count = fill(store);
    store.clear();
    await isEmptied(store);
    const again = fill(store, "again");
    assert(again > count / 2, `${again} keys fit after ${count}`);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("writes go on by themselves when there is space again", async () => {
  await withSmallDisk(async (store, disk) => {
    fill(store);
    disk.bytesMax += 50 * 4096;
    put(store, "another", "v".repeat(500));
    const more = fill(store, "more");
    assert(more > 50, `${more} more keys fit`);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("keys expire in a full store", async () => {
  const disk = new SimulatedDisk();
  let now = 1000;
  await withStore(openOn(disk, { clock: () => now }), async (store) => {
    await Promise.resolve();
    disk.bytesMax = disk.bytesOf(storePath).length + disk.bytesOf(indexPath).length + 20 * 4096;
    for (let i = 0;; i++) {
      try {
        put(store, `key:${i}`, "v".repeat(300), i % 4 === 0 ? 2000 : 0);
      } catch (error) {
        assert(error instanceof StoreError && error.code === "NO_SPACE", String(error));
        break;
      }
    }
    const { volatileKeys } = store.statistics;
    assert(volatileKeys > 20);
    const { count } = store;
    now = store.now = 3000;
    store.tick();
    assertEquals(store.count, count - volatileKeys);
    assertEquals(store.statistics.expiredKeys, volatileKeys);
  });
});

Deno.test("a full disk that comes and goes never changes what was not refused", async () => {
  const seed = chooseSeed("full disk");
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk();
  const model = new Map<string, string>();
  await withStore(openOn(disk), async (store) => {
    await Promise.resolve();
    const base = disk.bytesOf(storePath).length + disk.bytesOf(indexPath).length;
    let refused = 0;
    for (let i = 0; i < 5000; i++) {
      if (random.chance(0.01)) disk.bytesMax = base + random.below(60) * 4096;
      const key = `key:${random.below(120)}`;
      const isBatch = random.chance(0.2);
      const saved = new Map(model);
      if (isBatch) store.beginBatch();
      try {
        for (let n = isBatch ? random.below(12) : 1; n > 0; n--) {
          const name = isBatch ? `key:${random.below(120)}` : key;
          if (random.chance(0.35)) {
            assertEquals(remove(store, name), model.delete(name));
            continue;
          }
          const value = "v".repeat(random.chance(0.05) ? random.below(9000) : random.below(500));
          put(store, name, value);
          model.set(name, value);
        }
      } catch (error) {
        assert(error instanceof StoreError && error.code === "NO_SPACE", String(error));
        refused++;
        if (isBatch) {
          model.clear();
          for (const [name, value] of saved) model.set(name, value);
        }
      }
      if (isBatch) store.endBatch();
      if (random.chance(0.2)) store.tick();
      if (random.chance(0.05)) await store.sync();
      if (i % 500 === 0) {
        assertEquals(contents(store), new Map([...model].sort()), `KV_TEST_SEED=${seed}`);
        assertEquals(await afterRebuild(disk), contents(store), `KV_TEST_SEED=${seed}`);
      }
    }
    assert(refused > 0, "some writes were refused");
  });
});

Deno.test("a store cannot be created on a full disk, and nothing is opened", () => {
  const disk = new SimulatedDisk();
  disk.bytesMax = 4096;
  const error = assertThrows(() => openOn(disk));
  assert(error instanceof Error && error.message.includes("ENOSPC"), String(error));
});
