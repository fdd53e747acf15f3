/** Space: what is overwritten and deleted is given back, and nothing comes back with it. */
import { assert, assertEquals } from "@std/assert";
import {
  indexHeaderTotalBytes,
  indexPage,
  indexPageBytes,
  recordAlignment,
  storeHeaderBytes,
} from "../../../src/store/format.ts";
import { Store } from "../../../src/store/store.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { until } from "../../support/time_limit.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import {
  contents,
  indexPath,
  openOn,
  put,
  remove,
  someTime,
  storePath,
  tinyLimits,
  valueOf,
  withStore,
} from "./tiny_store.ts";

const { segmentBytes } = tinyLimits;

/** Lets the store do its work, and the rounds that free segments come to their end. */
async function settle(store: Store): Promise<void> {
  store.tick();
  await store.sync();
}

/** The file's length in segments. */
function segments(store: Store): number {
  return Math.floor(store.statistics.fileBytes / segmentBytes) - 2;
}

async function afterRebuild(disk: SimulatedDisk): Promise<Map<string, string>> {
  const copy = disk.copy();
  copy.remove(indexPath);
  return await withStore(openOn(copy), (store) => {
    assertEquals(store.opening.damages, []);
    return contents(store);
  });
}

Deno.test("overwriting the same keys for ever keeps the file bounded", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    const live = 30 * (100 + 48);
    let most = 0;
    for (let i = 0; i < 20_000; i++) {
      put(store, `key:${i % 30}`, `${i}`.padEnd(100, "v"));
      if (i % 20 === 0) await settle(store);
      most = Math.max(most, segments(store));
    }
    // 1.7 x live + 4 dead segments, and the free ones that are kept ready: 6.
    assert(most * segmentBytes < 1.7 * live + 14 * segmentBytes, `${most} segments`);
    assert(store.statistics.segmentsEmptied > 100);
    assertEquals(store.count, 30);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("the places of a large value are free once it is deleted, also if nothing is written behind it", async () => {
  const disk = new SimulatedDisk(2 ** 24);
  await withStore(openOn(disk), async (store) => {
    put(store, "kept", "1");
    for (const isFull of [false, true]) {
      put(store, "large", "v".repeat(100 * segmentBytes));
      if (isFull) disk.bytesMax = 0; // Nothing grows any more.
      remove(store, "large");
      for (let i = 0; i < 10; i++) await settle(store);
      const { usedBytes } = store.statistics;
      assert(usedBytes <= 6 * segmentBytes, `${usedBytes / segmentBytes} segments`);
      assertEquals(contents(store), new Map([["kept", "1"]]));
      assertEquals(await afterRebuild(disk), contents(store));
    }
  });
});

Deno.test("while rounds take long, less is copied, and afterwards what it left is made up for", async () => {
  const random = new SeededRandom(chooseSeed("long rounds"));
  // No round frees segments while keys are overwritten.
  const disk = new SimulatedDisk(2 ** 24);
  await withStore(openOn(disk), async (store) => {
    const overwrite = (): { copied: number; ratio: number } => {
      const before = store.statistics.copiedBytes;
      let sum = 0;
      for (let i = 0; i < 8000; i++) {
        put(store, `key:${random.below(400)}`, `${i}`.padEnd(100, "v"));
        store.tick();
        const { usedBytes, liveBytes } = store.statistics;
        if (i >= 4000) sum += usedBytes / liveBytes;
      }
      return { copied: store.statistics.copiedBytes - before, ratio: sum / 4000 };
    };
    // Another round may follow at once, which frees segments; and a busy machine has long ones by itself.
    const untilLastRound = (isLong: boolean): Promise<void> =>
      until(async () => {
        const begun = performance.now();
        disk.hold();
        const synced = store.sync();
        await until(() => Promise.resolve(!isLong || performance.now() - begun > 350), "some time");
        disk.release();
        await synced;
        return store.statistics.lastSyncDurationMs > 300 === isLong;
      }, isLong ? "a round that takes long" : "a round that does not take long");
    overwrite();
    await untilLastRound(false);
    const quick = overwrite();
    await untilLastRound(true);
    const slow = overwrite();
    assert(slow.ratio > quick.ratio + 0.12, `${slow.ratio} after ${quick.ratio}`);
    assert(slow.copied < quick.copied * 0.9, `${slow.copied}, ${quick.copied}`);
    await untilLastRound(false);
    const after = overwrite();
    assert(after.ratio < quick.ratio + 0.05, `${after.ratio} after ${quick.ratio}`);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("setting and deleting other keys for ever keeps the file bounded", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    let most = 0;
    for (let i = 0; i < 20_000; i++) {
      put(store, `key:${i}`, "v".repeat(100));
      if (i >= 30) assert(remove(store, `key:${i - 30}`));
      if (i % 20 === 0) await settle(store);
      most = Math.max(most, segments(store));
    }
    assert(most < 60, `${most} segments`);
    assertEquals(store.count, 30);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("keys that stay between others that go keep their values", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    const expected = new Map<string, string>();
    for (let i = 0; i < 3000; i++) {
      if (i % 40 === 0) {
        expected.set(`stay:${i}`, `${i}`);
        put(store, `stay:${i}`, `${i}`);
      }
      put(store, `go:${i % 10}`, "v".repeat(200));
      if (i % 10 === 0) await settle(store);
    }
    for (let i = 0; i < 10; i++) remove(store, `go:${i}`);
    assertEquals(contents(store), new Map([...expected].sort()));
    assertEquals(await afterRebuild(disk), contents(store));
    assert(store.statistics.copiedBytes > 0);
  });
});

Deno.test("deleted keys do not return after a rebuild, however their deletes were compacted", async () => {
  const seed = chooseSeed("tombstones");
  const random = new SeededRandom(seed);
  let disk = new SimulatedDisk();
  const model = new Map<string, string>();
  for (let life = 0; life < 12; life++) {
    const next = await withStore(openOn(disk), async (store) => {
      for (let i = 0; i < 1500; i++) {
        const key = `key:${random.below(60)}`;
        if (random.chance(0.5)) {
          const value = `${i}`.padEnd(random.below(300));
          put(store, key, value);
          model.set(key, value);
        } else {
          assertEquals(remove(store, key), model.delete(key));
        }
        if (random.chance(0.1)) await settle(store);
      }
      assertEquals(await afterRebuild(disk), new Map([...model].sort()), `KV_TEST_SEED=${seed}`);
      return disk.copy();
    });
    if (random.chance(0.5)) next.remove(indexPath);
    disk = next;
  }
});

Deno.test("an idle store gives its space back by itself", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk, { clock: Date.now }), async (store) => {
    for (let i = 0; i < 300; i++) put(store, `key:${i}`, "v".repeat(1000));
    await settle(store);
    const { usedBytes } = store.statistics;
    for (let i = 10; i < 300; i++) remove(store, `key:${i}`);
    store.tick();
    // 10 live keys of 1 KiB: 3 segments; 1.4 x that, the head and 4 dead ones are left alone.
    const end = performance.now() + 10_000;
    while (store.statistics.usedBytes > 10 * segmentBytes && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const left = store.statistics.usedBytes;
    assert(left <= 10 * segmentBytes, `${left} bytes in use of ${usedBytes}`);
    assertEquals(store.count, 10);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("clear gives all space back, and nothing returns after a rebuild", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    for (let i = 0; i < 500; i++) put(store, `key:${i}`, "v".repeat(500));
    await settle(store);
    store.clear();
    assertEquals(store.count, 0);
    assertEquals(store.statistics.usedBytes, segmentBytes);
    assertEquals(await afterRebuild(disk), new Map());
    for (let i = 0; i < 200; i++) {
      put(store, "new", "v".repeat(100));
      if (i % 10 !== 0) continue;
      await settle(store);
      assertEquals(await afterRebuild(disk), contents(store));
    }
    assertEquals(store.count, 1);
    assert(store.statistics.usedBytes <= 10 * segmentBytes, `${store.statistics.usedBytes}`);
  });
});

Deno.test("what was cleared stays cleared while the segment of the clear record is compacted", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 60; i++) put(store, `key:${round}:${i}`, "v".repeat(120));
      if (round % 3 === 0) store.clear();
      put(store, "kept", `${round}`);
      for (let i = 0; i < 60; i++) {
        put(store, `other:${i % 5}`, "v".repeat(150));
        if (i % 10 === 0) await settle(store);
      }
      assertEquals(await afterRebuild(disk), contents(store), `round ${round}`);
    }
  });
});

Deno.test("large values are given back whole", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    const value = (i: number) => `${i}`.padEnd(3 * segmentBytes + i, "x");
    for (let i = 0; i < 300; i++) {
      put(store, `key:${i % 3}`, value(i));
      put(store, `small:${i % 7}`, "v");
      await settle(store);
    }
    for (let i = 297; i < 300; i++) assertEquals(valueOf(store, `key:${i % 3}`), value(i));
    assert(segments(store) < 60, `${segments(store)} segments`);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("counts of live bytes are those of a rebuild", async () => {
  const random = new SeededRandom(8);
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    for (let i = 0; i < 3000; i++) {
      put(store, `key:${random.below(80)}`, "v".repeat(random.below(400)));
      if (random.chance(0.2)) await settle(store);
    }
    const copy = disk.copy();
    copy.remove(indexPath);
    const { liveBytes } = store.statistics;
    await withStore(openOn(copy), (again) => {
      assertEquals(again.statistics.liveBytes, liveBytes);
    });
  });
});

Deno.test("a full pass leaves nothing that does not count, and the file as short as can be", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    for (let i = 0; i < 1000; i++) put(store, `key:${i}`, "v".repeat(100));
    for (let i = 0; i < 1000; i++) if (i % 10 > 0) remove(store, `key:${i}`);
    const before = contents(store);
    assertEquals(store.compactionShare, null);
    assert(store.compact());
    assert(!store.compact(), "one at a time");
    assertEquals(store.compactionShare, 0);
    await until(() => Promise.resolve(store.compactionShare === null), "the full pass to end");
    const { usedBytes, liveBytes, fileBytes } = store.statistics;
    assert(usedBytes <= 1.2 * liveBytes + 2 * 4096, `${usedBytes} bytes in use, ${liveBytes} live`);
    // The reserved segments, what is kept ready, and some slack.
    assert(fileBytes <= usedBytes + 14 * 4096, `${fileBytes} bytes, ${usedBytes} of them in use`);
    assertEquals(contents(store), before);
    const copy = disk.copy();
    copy.remove(indexPath);
    assertEquals(await withStore(openOn(copy), contents), before);
  });
});

/** Has each entry of the index lead to an address. */
function leadTo(disk: SimulatedDisk, address: number): void {
  const bytes = disk.bytesOf(indexPath);
  const pages = new Int32Array(bytes.buffer, indexHeaderTotalBytes);
  const count = (bytes.length - indexHeaderTotalBytes) / indexPageBytes;
  for (let page = 1; page < count; page++) {
    const base = page * indexPageBytes / 4;
    for (let slot = indexPage.slotWord; slot < indexPageBytes / 4; slot += 2) {
      if (pages[base + slot + 1] !== 0) pages[base + slot + 1] = address;
    }
  }
}

Deno.test("an entry that leads to what was cut off the file is damage, and nothing there is touched", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk, { limits: { ...tinyLimits, cutDelayMs: 100 } }), async (store) => {
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "v".repeat(200));
    for (let i = 1; i < 2000; i++) remove(store, `key:${i}`);
    const before = disk.bytesOf(storePath).length;
    store.tick();
    const isCut = () => disk.bytesOf(storePath).length < before / 2;
    await until(() => {
      // Also after the end was given up, and before it is cut off.
      assertEquals(valueOf(store, "key:0")?.length, 200);
      return Promise.resolve(isCut());
    }, "the file to shrink");
    const end = disk.bytesOf(storePath).length - storeHeaderBytes;
    leadTo(disk, (end + segmentBytes) / recordAlignment);
    assertEquals(valueOf(store, "key:0"), null);
    assertEquals(store.damages.length, 1);
  });
});

Deno.test("a large record is moved from the end of the file, slice by slice", async () => {
  const disk = new SimulatedDisk(2 ** 23);
  await withStore(openOn(disk), async (store) => {
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "v".repeat(200));
    // More than one slice of copying.
    const large = "0123456789".repeat(29_000);
    put(store, "large", large, someTime + 1000);
    put(store, "behind", "1");
    for (let i = 0; i < 2000; i++) if (i % 20 > 0) remove(store, `key:${i}`);
    const before = disk.bytesOf(storePath).length;
    store.tick(); // From here on the store is idle, and tidies up.
    await until(
      () => Promise.resolve(disk.bytesOf(storePath).length < before - 80 * segmentBytes),
      "the file to shrink",
    );
    assertEquals(valueOf(store, "large"), large);
    assertEquals(store.foundExpireAt, someTime + 1000);
    put(store, "after", "2");
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("a large record that is overwritten or cleared while it is moved stays so", async () => {
  for (const what of ["overwrite", "delete", "clear"]) {
    const disk = new SimulatedDisk(2 ** 23);
    await withStore(openOn(disk), async (store) => {
      for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "v".repeat(200));
      put(store, "large", "0123456789".repeat(29_000));
      put(store, "behind", "1");
      for (let i = 0; i < 2000; i++) if (i % 20 > 0) remove(store, `key:${i}`);
      // Places that are neither free nor part of the log: the copy is under way.
      store.tick();
      await until(
        () => Promise.resolve(store.statistics.movingBytes > 0),
        "the large record to be moved",
      );
      if (what === "overwrite") put(store, "large", "short");
      else if (what === "delete") remove(store, "large");
      else store.clear();
      await until(
        () => Promise.resolve(store.statistics.movingBytes === 0),
        "the copy to be given up",
      );
      assertEquals(valueOf(store, "large"), what === "overwrite" ? "short" : null);
      assertEquals(await afterRebuild(disk), contents(store));
    });
  }
});

Deno.test("values that leave much of their segments empty are not copied for ever", async () => {
  for (const length of [0.6 * segmentBytes, 1.2 * segmentBytes]) {
    const disk = new SimulatedDisk(2 ** 23);
    await withStore(openOn(disk), async (store) => {
      for (let i = 0; i < 100; i++) put(store, `key:${i}`, "v".repeat(length));
      for (let i = 0; i < 50; i++) await settle(store);
      const { copiedBytes } = store.statistics;
      for (let i = 0; i < 50; i++) await settle(store);
      assertEquals(store.statistics.copiedBytes, copiedBytes);
    });
    // A new process does not know how much of them was ever written, and finds out.
    await withStore(openOn(disk), async (store) => {
      for (let i = 0; i < 50; i++) await settle(store);
      assert(store.statistics.copiedBytes < 20 * segmentBytes, `${store.statistics.copiedBytes}`);
    });
  }
});

Deno.test("compaction stops at damage, and keeps what is behind it", async () => {
  const disk = new SimulatedDisk();
  const key = (i: number) => `key:${String(i).padStart(2, "0")}`;
  await withStore(openOn(disk), async (store) => {
    // 16 records a segment: the second one has the keys 16 to 31, of which few will count.
    for (let i = 0; i < 60; i++) put(store, key(i), "v".repeat(200));
    await store.sync();
    for (let i = 0; i < 60; i++) if (i < 16 || i > 18 && i < 29) put(store, key(i), "w");
    const bytes = disk.bytesOf(storePath);
    bytes[new TextDecoder("latin1").decode(bytes).indexOf(`${key(17)}v`) + 100] ^= 1;
    assert(store.compact());
    await until(() => Promise.resolve(store.compactionShare === null), "the pass to end");
    // What is free now is used again.
    for (let i = 0; i < 2000; i++) {
      put(store, `other:${i % 10}`, "x".repeat(200));
      if (i % 20 === 0) await settle(store);
    }
    assert(store.statistics.segmentsEmptied > 2);
    assertEquals(store.statistics.damages, 1);
    for (const i of [16, 18, 29, 30, 31]) {
      assertEquals(valueOf(store, key(i)), "v".repeat(200), key(i));
    }
  });
});

Deno.test("damage in what no longer counts holds nothing up", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    for (let i = 0; i < 60; i++) put(store, `key:${i + 10}`, "v".repeat(200));
    await store.sync();
    const bytes = disk.bytesOf(storePath);
    bytes[new TextDecoder("latin1").decode(bytes).indexOf("key:30v") + 100] ^= 1;
    for (let i = 0; i < 60; i++) if (i % 8 > 0) put(store, `key:${i + 10}`, "w");
    const { segmentsEmptied } = store.statistics;
    assert(store.compact());
    await until(() => Promise.resolve(store.compactionShare === null), "the pass to end");
    assert(store.statistics.segmentsEmptied >= segmentsEmptied + 3);
    assertEquals(store.statistics.damages, 0);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("a batch that is taken back leaves no marks for compaction to stumble over", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    for (let round = 0; round < 200; round++) {
      for (let i = 0; i < 4; i++) put(store, `key:${i}`, `${round}`.padEnd(90, "v"));
      store.beginBatch();
      for (let i = 0; i < 7; i++) {
        if (i % 3 === 0) remove(store, `key:${i % 4}`);
        else put(store, `key:${i % 4}`, "w".repeat(10 + 11 * i));
      }
      store.failBatch();
      store.endBatch();
      // Of another length than what was taken back: its records begin elsewhere.
      put(store, "other", "x".repeat(round % 50));
      if (round % 5 === 0) await settle(store);
    }
    assert(store.statistics.segmentsEmptied > 10);
    assertEquals(store.statistics.damages, 0);
    assertEquals(await afterRebuild(disk), contents(store));
  });
});

Deno.test("a large record that is damaged is not made whole by moving it", async () => {
  const disk = new SimulatedDisk(2 ** 23);
  await withStore(openOn(disk), async (store) => {
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "v".repeat(200));
    put(store, "large", "0123456789".repeat(2_900));
    put(store, "behind", "1");
    await store.sync();
    const bytes = disk.bytesOf(storePath);
    bytes[new TextDecoder("latin1").decode(bytes).indexOf("large0123") + 1000] ^= 1;
    for (let i = 0; i < 2000; i++) if (i % 20 > 0) remove(store, `key:${i}`);
    store.tick();
    await until(() => Promise.resolve(store.statistics.damages > 0), "the damage to be met");
    await store.sync();
  });
  disk.remove(indexPath);
  await withStore(openOn(disk), (store) => {
    assertEquals(store.opening.damages.length, 1);
    assertEquals([valueOf(store, "large"), valueOf(store, "behind")], [null, "1"]);
  });
});

Deno.test("the record that deletes every key outlives all older ones, over a stop too", async () => {
  const seed = chooseSeed("deleted for good");
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), (store) => {
    for (let i = 0; i < 100; i++) put(store, `old:${i}`, "v".repeat(200));
    store.clear();
    put(store, "new:0", "v");
  });
  await withStore(openOn(disk), async (store) => {
    for (let cycle = 0; cycle < 40; cycle++) {
      for (let i = 0; i < 40; i++) put(store, `new:${i % 10}`, `${cycle}`.padEnd(100, "w"));
      store.tick();
      if (cycle % 2 === 1) await store.sync();
      for (let i = 0; i < 10; i++) {
        const cut = disk.powerCut(random, indexPath);
        const keys = await withStore(openOn(cut), (store) => [...contents(store).keys()]);
        assertEquals(keys.filter((key) => key.startsWith("old")), [], `KV_TEST_SEED=${seed}`);
      }
    }
    assert(store.statistics.segmentsEmptied > 10);
  });
});

Deno.test("a delete record outlives what it deletes, also while both segments are being freed", async () => {
  const random = new SeededRandom(chooseSeed("deletes and power cuts"));
  const disk = new SimulatedDisk();
  const keys = Array.from({ length: 200 }, (_, i) => `old:${i}`);
  await withStore(openOn(disk), async (store) => {
    for (const key of keys) put(store, key, "v".repeat(100));
    for (const key of keys) remove(store, key);
    // What stands beside the delete records is dead as well.
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 50; i++) put(store, `new:${i}`, "w".repeat(100));
    }
    await store.sync();
    disk.settle();
    // One pass over the whole log: what is deleted, and the deletes, in one go.
    store.compact();
    for (let i = 0; i < 5; i++) {
      for (let j = 0; j < 20; j++) store.tick();
      // Without something to sync there would be no round, at whose end segments are erased.
      put(store, "turn", String(i));
      disk.hold();
      const synced = store.sync();
      // Cuts while each of the rounds that follow waits for the disk.
      for (let round = 0; round < 8; round++) {
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
        for (let cut = 0; cut < 10; cut++) {
          const after = disk.powerCut(random, indexPath);
          await withStore(openOn(after), (recovered) => {
            for (const key of keys) {
              assertEquals(valueOf(recovered, key), null, `${key}, turn ${i}`);
            }
          });
        }
        disk.release();
        disk.hold();
      }
      disk.release();
      await synced;
    }
    const { segmentsEmptied } = store.statistics;
    assert(segmentsEmptied > 10, `${segmentsEmptied} segments were freed`);
  });
});

Deno.test("nothing behind the end of a file is touched, which would end the process", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const random = new SeededRandom(chooseSeed("ends of files"));
  // Where segments are pages, a record at the end of the last one has nothing behind it.
  await withStore(Store.open({ path, limits: tinyLimits, sync: "no" }), async (store) => {
    for (let round = 0; round < 80; round++) {
      const model = new Map<string, string>();
      for (let i = 0; i < 400; i++) {
        const key = `key:${i}`;
        const value = "v".repeat(random.below(60));
        put(store, key, value);
        model.set(key, value);
      }
      for (const key of [...model.keys()]) {
        if (random.chance(0.1)) continue;
        remove(store, key);
        model.delete(key);
      }
      store.compact();
      await until(async () => {
        await settle(store);
        return store.compactionShare === null;
      }, "the file to be short");
      assertEquals(contents(store), new Map([...model].sort()));
    }
    assert(store.statistics.segmentsEmptied > 100, `${store.statistics.segmentsEmptied} emptied`);
  });
});
