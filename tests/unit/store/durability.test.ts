/** Syncs: what they promise, and what happens when they fail. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { storeHeaderBytes } from "../../../src/store/format.ts";
import type { Store } from "../../../src/store/store.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { SteadyClock } from "../../support/steady_clock.ts";
import { until } from "../../support/time_limit.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import {
  bootAgain,
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

Deno.test("nothing is durable before a sync, everything after it", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    put(store, "a", "1");
    assert(store.durablePosition < store.position);
    assert(store.statistics.unsyncedBytes > 0);
    assertEquals(store.statistics.unsyncedRecords, 1);
    await store.sync();
    assertEquals(store.durablePosition, store.position);
    assertEquals([store.statistics.unsyncedBytes, store.statistics.unsyncedRecords], [0, 0]);
  });
});

Deno.test("a round syncs all that was written, in many segments, and nothing that was only made ready", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    for (let i = 0; i < 100; i++) put(store, `key ${i}`, "x".repeat(2000));
    await store.sync();
    for (let i = 0; i < 100; i++) {
      put(store, `key ${i}`, "y".repeat(2000));
      await Promise.resolve(); // Segments become ready.
      await Promise.resolve();
    }
    const { unsyncedBytes } = store.statistics;
    assert(unsyncedBytes > 40 * tinyLimits.segmentBytes);
    await store.sync();
    const synced = disk.lastRanges.reduce((sum, { length }) => sum + length, 0);
    assert(
      synced <= unsyncedBytes + 4096 * disk.lastRanges.length,
      `${synced} of ${unsyncedBytes}`,
    );
    assertEquals(store.durablePosition, store.position);
    // What was not synced is gone, whatever the kernel would have written by itself.
    const random = new SeededRandom(chooseSeed("power cut"));
    const after = disk.powerCut(random, indexPath);
    await withStore(openOn(after), (recovered) => {
      assertEquals([...contents(recovered).values()], new Array(100).fill("y".repeat(2000)));
    });
  });
});

Deno.test("where much is written, it is synced before its time, and writers are slowed down before they wait", async () => {
  using clock = new SteadyClock();
  const disk = new SimulatedDisk();
  const limits = { ...tinyLimits, unsyncedBytesMuch: 5 * tinyLimits.segmentBytes };
  await withStore(openOn(disk, { limits, sync: "everysec" }), async (store) => {
    await store.sync();
    const { syncRounds } = store.statistics;
    const write = (count: number): void => {
      for (let i = 0; i < count; i++) {
        put(store, `key ${i}`, "x".repeat(2000));
        store.tick();
      }
    };
    write(4);
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    assertEquals(store.statistics.syncRounds, syncRounds, "a little has its time");
    // A round that does not come to its end, and what is written meanwhile.
    disk.hold();
    write(12);
    clock.advance(900);
    assertEquals(store.isDiskBehind, false);
    clock.advance(400);
    assertEquals(store.isDiskBehind, true);
    await store.whenDiskCaughtUp();
    assertEquals(store.statistics.syncing, true, "it waits for a moment, not for the round");
    assertEquals(store.statistics.syncRounds, syncRounds);
    clock.advance(1000);
    assertEquals(store.isDiskBehind, true);
    let hasCaughtUp = false;
    const caughtUp = store.whenDiskCaughtUp().then(() => hasCaughtUp = true);
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    assertEquals(hasCaughtUp, false, "now it waits for the round");
    disk.release();
    await caughtUp;
    assert(store.statistics.syncRounds > syncRounds);
    await store.sync();
    assertEquals(store.isDiskBehind, false);
  });
});

Deno.test("how far the disk is behind has nothing to do with the time of day", async () => {
  using clock = new SteadyClock();
  let now = someTime;
  const disk = new SimulatedDisk();
  await withStore(openOn(disk, { sync: "everysec", clock: () => now }), async (store) => {
    await store.sync();
    disk.hold();
    put(store, "key", "value");
    store.tick();
    for (const setBy of [3_600_000, -7_200_000]) {
      now = store.now = now + setBy;
      assertEquals(store.isDiskBehind, false);
      assert(store.statistics.unsyncedMs < 1000);
    }
    clock.advance(5000);
    assertEquals(store.isDiskBehind, true);
    assert(store.statistics.unsyncedMs >= 5000);
    disk.release();
    await store.sync();
    assertEquals(store.isDiskBehind, false);
    assertEquals(store.statistics.lastSyncMs, now, "that is told by the time of day");
  });
});

Deno.test("whenDurable of a position that is durable resolves without a sync", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    put(store, "a", "1");
    await store.sync();
    const { syncs } = disk;
    await store.whenDurable(store.position);
    assertEquals(disk.syncs, syncs);
  });
});

Deno.test("what is to be on the disk at once is synced in place, but for a while not where that takes long", async () => {
  using clock = new SteadyClock();
  const disk = new SimulatedDisk();
  await withStore(openOn(disk, { sync: "always" }), async (store) => {
    const writeAndSync = (): boolean => {
      put(store, "key", "value");
      store.syncBriefly();
      return store.durablePosition === store.position;
    };
    const isInPlace = () => until(() => Promise.resolve(writeAndSync()), "a sync in place");
    await isInPlace();
    for (let i = 0; i < 20; i++) assert(writeAndSync());
    for (const longMs of [4, 500]) {
      disk.syncMs = longMs;
      assert(writeAndSync());
      disk.syncMs = 0;
      for (let i = 0; i < 10; i++) assert(writeAndSync(), "one long sync is no rule");
    }
    disk.syncMs = 4;
    let inPlace = 0;
    while (inPlace < 100 && writeAndSync()) inPlace++;
    assert(inPlace >= 2 && inPlace < 30, `${inPlace} long syncs in place`);
    await store.sync();
    assertEquals(store.durablePosition, store.position, "a round in the background does it");
    disk.syncMs = 0;
    clock.advance(100);
    await isInPlace();
  });
});

Deno.test("one sync serves all that wait, and a write during it waits for the next", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    const done: string[] = [];
    disk.hold();
    put(store, "a", "1");
    const first = store.sync().then(() => done.push("first"));
    put(store, "b", "1");
    const second = store.sync().then(() => done.push("second"));
    const third = store.whenDurable(store.position).then(() => done.push("third"));
    const rounds = store.statistics.syncRounds;
    assert(store.statistics.syncing);
    disk.release();
    await Promise.all([first, second, third]);
    assertEquals(done, ["first", "second", "third"]);
    assertEquals(store.statistics.syncRounds - rounds, 2);
  });
});

Deno.test("syncNow covers what a sync in the background has not brought to its end", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    put(store, "a", "1");
    disk.hold();
    const slow = store.sync();
    put(store, "b", "2");
    store.syncNow();
    assertEquals(store.durablePosition, store.position);
    const cut = disk.copy();
    disk.release();
    await slow;
    assertEquals(store.durablePosition, store.position);
    cut.remove("store.db-index");
    await withStore(openOn(cut), (again) => assertEquals(again.count, 2));
  });
});

Deno.test("a sync within a batch covers what is before it, and nothing of it counts as durable", async () => {
  const random = new SeededRandom(chooseSeed("syncs within batches"));
  for (let i = 0; i < 100; i++) {
    const disk = new SimulatedDisk();
    await withStore(openOn(disk), async (store) => {
      put(store, "a", "old");
      put(store, "b", "old");
      await store.sync();
      const isTurn = random.chance(0.5);
      if (isTurn) store.beginTurn();
      store.beginBatch();
      const before = store.position;
      put(store, "a", "new".padEnd(random.pick([3, 300, 5000])));
      const isInPlace = random.chance(0.3);
      const synced = store.sync();
      if (isInPlace) {
        store.syncNow();
        assertEquals(store.durablePosition, before);
        assert(store.statistics.unsyncedRecords >= 2);
      }
      put(store, "b", "new");
      const isFailed = random.chance(0.3);
      if (isFailed) store.failBatch();
      store.endBatch();
      if (random.chance(0.5)) put(store, "c", "1");
      if (isTurn) store.endTurn();
      const checkCut = async (values: readonly string[]) => {
        const after = disk.powerCut(random);
        bootAgain(after);
        await withStore(openOn(after), (recovered) => {
          const [a, b] = ["a", "b"].map((key) => valueOf(recovered, key)?.trimEnd());
          assert(a === b && values.includes(a!), `${a} and ${b}`);
        });
      };
      for (let turn = random.below(5); turn > 0; turn--) await Promise.resolve();
      await checkCut(["old", "new"]);
      await synced;
      assert(store.durablePosition >= before);
      await checkCut(["old", "new"]);
      await store.sync();
      assertEquals(store.durablePosition, store.position);
      await checkCut([isFailed ? "old" : "new"]);
    });
  }
});

Deno.test("a store that is closed within a batch has nothing of it", async () => {
  const disk = new SimulatedDisk();
  const store = openOn(disk);
  put(store, "key", "old");
  store.beginBatch();
  put(store, "key", "new");
  put(store, "other", "new");
  await store.close();
  for (const left of [disk.copy(), disk.copy(indexPath)]) {
    await withStore(openOn(left), (again) => {
      assertEquals(contents(again), new Map([["key", "old"]]));
      assertEquals(again.damages, []);
    });
  }
});

Deno.test("everysec syncs by itself, about a second after a write", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk, { sync: "everysec" }), async (store) => {
    await store.sync();
    store.set("a", "1");
    assert(store.durablePosition < store.position);
    const end = () => Promise.resolve(store.durablePosition === store.position);
    await until(end, "the sync", 5000);
  });
});

Deno.test("the policy can be changed while the store is open", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk, { sync: "no" }), async (store) => {
    store.set("a", "1");
    store.syncPolicy = "everysec";
    assertEquals(store.syncPolicy, "everysec");
    const end = () => Promise.resolve(store.durablePosition === store.position);
    await until(end, "the sync", 5000);
  });
});

/** A store with one key whose disk has stopped to take anything. */
async function withFailedSync(use: (store: Store, disk: SimulatedDisk) => Promise<void> | void) {
  const disk = new SimulatedDisk();
  const store = openOn(disk);
  put(store, "a", "1");
  await store.sync();
  put(store, "b", "1");
  disk.syncFails = true;
  const error = await assertRejects(() => store.sync(), StoreError);
  assertEquals(error.code, "SYNC_FAILED");
  try {
    await use(store, disk);
  } finally {
    await store.close();
  }
}

Deno.test("after a failed sync in the background, writes fail and reads go on", async () => {
  await withFailedSync(async (store) => {
    assertEquals(store.failure?.code, "SYNC_FAILED");
    const before = contents(store);
    const writes = [
      () => put(store, "c", "1"),
      () => put(store, "a", "2"),
      () => remove(store, "a"),
      () => store.clear(),
      () => store.set("c", "1"),
      () => store.delete("a"),
    ];
    for (const write of writes) {
      assertEquals(assertThrows(write, StoreError).code, "SYNC_FAILED");
    }
    assertEquals(contents(store), before);
    assertEquals(valueOf(store, "b"), "1");
    await assertRejects(() => store.sync(), StoreError, "mend the disk and restart");
    assertThrows(() => store.syncNow(), StoreError);
    store.tick();
  });
});

Deno.test("a failed sync is not forgotten when the next one would succeed", async () => {
  await withFailedSync(async (store, disk) => {
    disk.syncFails = false;
    assertEquals(assertThrows(() => put(store, "c", "1"), StoreError).code, "SYNC_FAILED");
    await assertRejects(() => store.sync(), StoreError);
  });
});

Deno.test("a store that could not sync is not marked as stopped in order", async () => {
  await withFailedSync(async (store, disk) => {
    await store.close();
    disk.syncFails = false;
    await withStore(openOn(disk), (again) => {
      assertEquals(again.opening.kind, "rebuilt");
      assertEquals(contents(again), new Map([["a", "1"], ["b", "1"]]));
    });
  });
});

/**
 * A store with random contents on a disk that failed while it was written, and took what it lost for written: closed, and
 * opened again on the mended disk.
 */
async function afterFailure(
  random: SeededRandom,
  use: (store: Store, disk: SimulatedDisk) => Promise<void>,
): Promise<void> {
  const disk = new SimulatedDisk();
  const store = openOn(disk);
  await writeRounds(store, random, random.below(8));
  writeSome(store, random, random.below(300));
  put(store, "last", "value");
  disk.syncFails = disk.losesPages = true;
  const isInPlace = random.chance(0.3);
  if (isInPlace) assertThrows(() => store.syncNow(), StoreError);
  else await assertRejects(() => store.sync(), StoreError);
  const expected = contents(store);
  await store.close();
  disk.syncFails = false;
  await withStore(openOn(disk), async (again) => {
    assertEquals(contents(again), expected, "the page cache has it");
    await use(again, disk);
  });
}

/** Where segments of the file begin that are erased, or were never used. */
function freePlaces(disk: SimulatedDisk): number[] {
  const bytes = disk.bytesOf(storePath);
  const free: number[] = [];
  for (let at = storeHeaderBytes; at < bytes.length; at += tinyLimits.segmentBytes) {
    if (bytes.subarray(at, at + 4).every((byte) => byte === 0)) free.push(at);
  }
  return free;
}

function writeSome(store: Store, random: SeededRandom, count: number): void {
  // So that few segments are in force, and delete records are soon dropped.
  const keys = random.pick([10, 60]);
  for (let i = 0; i < count; i++) {
    const key = `key:${random.below(keys)}`;
    if (random.chance(0.4)) remove(store, key);
    else put(store, key, `${i}`.padEnd(random.below(400), "v"));
    if (random.chance(0.5)) store.tick();
  }
}

async function writeRounds(store: Store, random: SeededRandom, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    writeSome(store, random, 150);
    await store.sync();
  }
}

Deno.test("what a failed sync has lost is written again before it counts as durable", async () => {
  const random = new SeededRandom(chooseSeed("failed syncs"));
  for (let i = 0; i < 150; i++) {
    await afterFailure(random, async (store, disk) => {
      const unused = freePlaces(disk);
      const cut = freePlaces(disk.powerCut(random));
      assertEquals(unused.filter((place) => !cut.includes(place)), [], "what was erased stays so");
      await writeRounds(store, random, random.pick([0, 0, 8]));
      const expected = contents(store);
      const isInPlace = random.chance(0.5);
      if (isInPlace) store.syncNow();
      else await store.sync();
      assertEquals(store.durablePosition, store.position);
      // The superblock that says so comes with the next.
      if (random.chance(0.5)) await store.sync();
      const after = disk.powerCut(random);
      bootAgain(after);
      await withStore(openOn(after), (recovered) => {
        assertEquals(contents(recovered), expected);
        assertEquals(recovered.damages, []);
      });
    });
  }
});

Deno.test("the index of a store that could not sync is not used again", async () => {
  const disk = new SimulatedDisk();
  const store = openOn(disk);
  put(store, "key", "value");
  disk.syncFails = true;
  await assertRejects(() => store.sync(), StoreError);
  disk.syncFails = false;
  for (const left of [disk.copy(), disk]) {
    await withStore(openOn(left), (again) => assertEquals(again.opening.kind, "rebuilt"));
    if (left === disk) await store.close();
  }
});

Deno.test("after a failed sync, what is read is verified: the page cache may lose what the disk has not", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    put(store, "key", "value".repeat(100)); // Too long for the stage.
    disk.syncFails = true;
    await assertRejects(() => store.sync(), StoreError);
    assertEquals(valueOf(store, "key"), "value".repeat(100));
    const at = new TextDecoder("latin1").decode(disk.bytesOf(storePath)).indexOf("keyvalue");
    disk.bytesOf(storePath)[at + 3] ^= 1;
    assertEquals(valueOf(store, "key"), null);
    assertEquals(store.damages[0].reason, "a record cannot be read");
  });
});

Deno.test("a failed syncNow stops writes too, and says what the system says", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), (store) => {
    put(store, "a", "1");
    disk.syncFails = true;
    const error = assertThrows(() => store.syncNow(), StoreError);
    assertEquals(error.code, "SYNC_FAILED");
    assert(error.message.includes("EIO"), error.message);
    assertThrows(() => put(store, "b", "1"), StoreError);
    assertEquals(contents(store), new Map([["a", "1"]]));
  });
});

Deno.test("all that wait for a sync are told that it failed", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), async (store) => {
    disk.hold();
    put(store, "a", "1");
    const waiting = [store.sync(), store.sync()];
    put(store, "b", "1");
    waiting.push(store.sync());
    disk.syncFails = true;
    disk.release();
    const results = await Promise.allSettled(waiting);
    assertEquals(results.map(({ status }) => status), ["rejected", "rejected", "rejected"]);
  });
});

Deno.test("a batch that is open when the sync has failed changes nothing", async () => {
  await withFailedSync((store) => {
    const before = contents(store);
    store.beginBatch();
    assertThrows(() => put(store, "a", "2"), StoreError);
    store.endBatch();
    assertEquals(contents(store), before);
  });
});

Deno.test("close waits for the sync that is under way, and syncs the rest", async () => {
  const disk = new SimulatedDisk();
  const store = openOn(disk);
  put(store, "a", "1");
  disk.hold();
  const sync = store.sync();
  put(store, "b", "1");
  const closed = store.close();
  disk.release();
  await Promise.all([sync, closed]);
  await withStore(openOn(disk), (again) => {
    assertEquals(again.opening.kind, "clean");
    assertEquals(again.count, 2);
  });
});

Deno.test("a closed store refuses reads and writes as such, and can be closed again", async () => {
  const store = openOn(new SimulatedDisk());
  store.set("a", "1");
  await store.close();
  await store.close();
  for (const call of [() => store.get("a"), () => store.has("a"), () => store.set("a", "2")]) {
    assertEquals(assertThrows(call, StoreError).code, "CLOSED");
  }
});
