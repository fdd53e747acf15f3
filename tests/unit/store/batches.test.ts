/** Batches, versions of watched keys, and values of every size. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { toBytes } from "../../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import {
  contents,
  indexPath,
  openOn,
  put,
  remove,
  storePath,
  tinyLimits,
  valueOf,
  withNew,
  withStore,
} from "./tiny_store.ts";

async function afterRebuild(disk: SimulatedDisk): Promise<Map<string, string>> {
  const copy = disk.copy();
  copy.remove(indexPath);
  return await withStore(openOn(copy), contents);
}

Deno.test("a batch without writes leaves nothing in the log", async () => {
  await withNew((store) => {
    const { position } = store;
    store.beginBatch();
    store.beginBatch();
    store.endBatch();
    store.failBatch();
    store.endBatch();
    assertEquals(store.position, position);
  });
});

Deno.test("a failed batch takes back sets, overwrites and deletes, in any order", async () => {
  await withNew(async (store, disk) => {
    put(store, "kept", "1");
    put(store, "gone", "1");
    const before = contents(store);
    store.beginBatch();
    put(store, "kept", "2");
    put(store, "new", "2");
    remove(store, "gone");
    put(store, "gone", "3");
    remove(store, "new");
    remove(store, "kept");
    put(store, "new", "4");
    assertEquals(contents(store), new Map([["gone", "3"], ["new", "4"]]));
    store.failBatch();
    store.endBatch();
    assertEquals(contents(store), before);
    assertEquals(store.count, 2);
    assertEquals(await afterRebuild(disk), before);
  });
});

Deno.test("a failed inner batch leaves what the outer one did", async () => {
  await withNew(async (store, disk) => {
    put(store, "a", "0");
    store.beginBatch();
    put(store, "a", "1");
    store.beginBatch();
    put(store, "a", "2");
    put(store, "b", "2");
    store.beginBatch();
    put(store, "c", "3");
    store.endBatch();
    store.failBatch();
    store.endBatch();
    put(store, "d", "4");
    store.endBatch();
    const expected = new Map([["a", "1"], ["d", "4"]]);
    assertEquals(contents(store), expected);
    assertEquals(await afterRebuild(disk), expected);
  });
});

Deno.test("a failed outer batch takes back the inner ones", async () => {
  await withNew(async (store, disk) => {
    put(store, "a", "0");
    store.beginBatch();
    store.beginBatch();
    put(store, "a", "1");
    store.endBatch();
    put(store, "b", "1");
    store.failBatch();
    store.endBatch();
    assertEquals(contents(store), new Map([["a", "0"]]));
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("a failed batch over many segments gives them back", async () => {
  await withNew(async (store, disk) => {
    put(store, "a", "0");
    const { usedBytes } = store.statistics;
    for (let round = 0; round < 30; round++) {
      store.beginBatch();
      for (let i = 0; i < 40; i++) put(store, `key:${i}`, "v".repeat(500 * (1 + i % 20)));
      store.failBatch();
      store.endBatch();
      put(store, "a", "0"); // Otherwise there would be nothing to sync.
      await store.sync();
    }
    assertEquals(contents(store), new Map([["a", "0"]]));
    assertEquals(store.statistics.usedBytes, usedBytes);
    assert(store.statistics.fileBytes < 200 * 4096, `${store.statistics.fileBytes}`);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("of a failed batch that deleted keys nothing counts, be it in one segment or in many", async () => {
  for (const keys of [3, 400]) {
    await withNew(async (store, disk) => {
      for (let i = 0; i < keys; i++) put(store, `key:${i}`, "v".repeat(50));
      const { liveBytes } = store.statistics;
      for (let round = 0; round < 10; round++) {
        store.beginBatch();
        store.beginBatch();
        for (let i = 0; i < keys; i++) assert(remove(store, `key:${i}`));
        if (round % 2 === 0) store.failBatch();
        store.endBatch();
        store.failBatch();
        store.endBatch();
      }
      assertEquals(store.statistics.liveBytes, liveBytes);
      assertEquals(store.count, keys);
      const copy = disk.copy();
      copy.remove(indexPath);
      await withStore(openOn(copy), (again) => {
        assertEquals(again.statistics.liveBytes, liveBytes);
      });
    });
  }
});

Deno.test("within a batch nothing is done in the background that a failed one would take back", async () => {
  const seed = chooseSeed("failed batches between compaction's copies");
  for (let round = 0; round < 40; round++) {
    const random = new SeededRandom(seed + round);
    await withNew(async (store, disk) => {
      for (let i = 0; i < 800; i++) {
        store.set(`k${random.below(100)}`, `${i}:`.padEnd(100, "v"));
        if (i % 50 === 0) await store.sync();
      }
      const before = contents(store);
      store.beginBatch();
      for (let i = random.between(20, 220); i > 0; i--) {
        store.set(`n${random.below(40)}`, `${i}:`.padEnd(100, "w"));
        store.tick();
      }
      assertEquals(await afterRebuild(disk), before);
      store.failBatch();
      store.endBatch();
      assertEquals(contents(store), before);
      assertEquals(await afterRebuild(disk), before);
    });
  }
});

Deno.test("a batch of many members is one unit", async () => {
  await withNew(async (store, disk) => {
    store.beginBatch();
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, `${i}`);
    const cut = disk.copy();
    store.endBatch();
    assertEquals(await afterRebuild(disk), contents(store));
    assertEquals(store.count, 2000);
    assertEquals(await afterRebuild(cut), new Map());
    // The index that the process left is ahead of the log: it is not believed.
    await withStore(openOn(cut), (again) => assertEquals(again.count, 0));
  });
});

Deno.test("clear within a batch happens with the batch or not at all", async () => {
  await withNew(async (store, disk) => {
    put(store, "a", "1");
    store.beginBatch();
    put(store, "b", "1");
    store.clear();
    put(store, "c", "1");
    const cut = disk.copy();
    store.endBatch();
    assertEquals(contents(store), new Map([["c", "1"]]));
    assertEquals(await afterRebuild(disk), contents(store));
    assertEquals(await afterRebuild(cut), new Map([["a", "1"]]));
  });
});

Deno.test("a value that was found stays readable while a longer one is written for it", async () => {
  await withNew((store) => {
    put(store, "a", "abc");
    for (let i = 0; i < 300; i++) {
      const key = toBytes("a");
      assert(store.find(key, 0, 1));
      const length = store.foundEnd - store.foundStart;
      const from = store.foundBytes;
      const fromStart = store.foundStart;
      const at = store.reserve(length + 3, 0);
      store.reservedBytes.set(from.subarray(fromStart, fromStart + length), at);
      store.reservedBytes.set(toBytes("xyz"), at + length);
      store.commit();
    }
    assertEquals(valueOf(store, "a"), "abc" + "xyz".repeat(300));
  });
});

// --- sizes ---------------------------------------------------------------------------------------

Deno.test("values of every length around a segment and a run are kept", async () => {
  await withNew(async (store, disk) => {
    const expected = new Map<string, string>();
    const { segmentBytes } = tinyLimits;
    for (const base of [0, segmentBytes, 2 * segmentBytes, 3 * segmentBytes, 20 * segmentBytes]) {
      for (let more = -130; more <= 16; more += base === 0 ? 1 : 3) {
        const length = base + more;
        if (length < 0) continue;
        const key = `k${length}`;
        const value = `${length}`.padEnd(length, "v").slice(0, length);
        put(store, key, value);
        expected.set(key, value);
      }
    }
    const sorted = new Map([...expected].sort());
    assertEquals(contents(store), sorted);
    assertEquals(await afterRebuild(disk), sorted);
  });
});

Deno.test("the empty key, the empty value and every byte are kept", async () => {
  await withNew(async (store, disk) => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    put(store, "", "of the empty key");
    put(store, "empty", "");
    put(store, all, all);
    assertEquals(valueOf(store, ""), "of the empty key");
    assertEquals(valueOf(store, "empty"), "");
    assertEquals(valueOf(store, all), all);
    assertEquals(await afterRebuild(disk), contents(store));
    assert(remove(store, ""));
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("keys and values beyond the limits are refused, and nothing changes", async () => {
  const limits = { ...tinyLimits, keyBytesMax: 20, valueBytesMax: 100 };
  await withNew((store) => {
    put(store, "k".repeat(20), "v".repeat(100));
    const before = contents(store);
    for (const [key, value] of [["k".repeat(21), ""], ["k", "v".repeat(101)]]) {
      const error = assertThrows(() => put(store, key, value), StoreError, "at most");
      assertEquals(error.code, "TOO_LARGE");
    }
    assertEquals(contents(store), before);
  }, limits as typeof tinyLimits);
});

// --- watching ------------------------------------------------------------------------------------

Deno.test("every write to a watched key raises its version, and no other's", async () => {
  await withNew((store) => {
    const [watched, other] = [toBytes("watched"), toBytes("other")];
    put(store, "watched", "0");
    store.watch(other);
    const unchanged = store.versionOf(other);
    let version = store.watch(watched);
    assertEquals(store.versionOf(watched), version);
    const writes = [
      () => put(store, "watched", "1"),
      () => {
        assertEquals(valueOf(store, "watched"), "1");
        store.setExpiry(0);
      },
      () => remove(store, "watched"),
      () => put(store, "watched", "2"),
      () => store.clear(),
    ];
    for (const write of writes) {
      write();
      assert(store.versionOf(watched) > version);
      version = store.versionOf(watched);
    }
    store.clear(); // It did not exist any more.
    assertEquals(store.versionOf(watched), version);
    put(store, "third", "1");
    assertEquals(store.versionOf(other), unchanged);
  });
});

Deno.test("a key is watched until each of its watchers has gone", async () => {
  await withNew((store) => {
    const key = toBytes("key");
    const version = store.watch(key);
    assertEquals(store.watch(key), version);
    store.unwatch(key);
    assertEquals(store.versionOf(key), version);
    put(store, "key", "1");
    assert(store.versionOf(key) > version);
    store.unwatch(key);
    assertEquals(store.versionOf(key), 0);
    store.unwatch(key);
  });
});

Deno.test("watched keys are told apart by every byte", async () => {
  await withNew((store) => {
    const [one, other] = [toBytes("a\x80"), toBytes("a\x81")];
    const version = store.watch(other);
    store.watch(one);
    put(store, "a\x80", "1");
    assertEquals(store.versionOf(other), version);
  });
});

Deno.test("a batch on a full disk has room for its end, however it fills the last segment", async () => {
  for (let length = 0; length < 64; length += 8) {
    for (let shift = 0; shift < 64; shift += 16) {
      const disk = new SimulatedDisk();
      await withStore(openOn(disk), (store) => {
        put(store, "shift", "s".repeat(shift));
        for (let i = 0; i < 3; i++) put(store, `fill:${i}`, "f".repeat(1000));
        disk.bytesMax = disk.bytesOf(storePath).length + disk.bytesOf(indexPath).length;
        let count = 0;
        for (let isRefused = false; !isRefused; count++) {
          assert(count < 2000);
          store.beginBatch();
          try {
            for (let i = 0; i <= count % 50; i++) put(store, `k:${count}:${i}`, "v".repeat(length));
          } catch {
            isRefused = true;
          }
          store.endBatch();
        }
        assertEquals(valueOf(store, `k:${count - 1}:0`), null);
      });
      disk.remove(indexPath);
      disk.bytesMax = Infinity;
      await withStore(openOn(disk), (store) => assertEquals(store.opening.damages, []));
    }
  }
});
