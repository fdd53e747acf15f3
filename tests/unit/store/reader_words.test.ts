/** What a store tells readers of other processes while it goes on. */
import { assert, assertEquals } from "@std/assert";
import {
  indexHeader,
  indexHeaderTotalBytes,
  indexPage,
  readerWords,
  storeHeaderBytes,
} from "../../../src/store/format.ts";
import { MappedFile } from "../../../src/sys/mapped_file.ts";
import { isTable, pageBase } from "../../../src/store/page_tables.ts";
import { Store } from "../../../src/store/store.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { openOn, put, remove, storePath, tinyLimits, valueOf, withStore } from "./tiny_store.ts";

interface Words {
  readonly changes: number;
  readonly reuses: number;
  readonly layouts: number;
  readonly endPages: number;
}

function wordsOf(disk: SimulatedDisk): Words {
  const { i32 } = disk.open(storePath, storeHeaderBytes).header;
  return {
    changes: i32[readerWords.changesWord],
    reuses: i32[readerWords.reusesWord],
    layouts: i32[readerWords.layoutsWord],
    endPages: i32[readerWords.endPagesWord],
  };
}

function bodyPages(disk: SimulatedDisk): number {
  return (disk.bytesOf(storePath).length - storeHeaderBytes) / 4096;
}

Deno.test("an opening changes what readers go by, and ends with an even number", async () => {
  const disk = new SimulatedDisk(2 ** 22);
  const seen = new Set<number>();
  for (let i = 0; i < 3; i++) {
    await withStore(openOn(disk), (store) => {
      const { changes, layouts } = wordsOf(disk);
      assertEquals(changes & 1, 0);
      assert(!seen.has(layouts));
      seen.add(layouts);
      put(store, `key:${i}`, "value");
    });
  }
});

Deno.test("an opening that finds changes odd makes them another odd number meanwhile", async () => {
  const disk = new SimulatedDisk(2 ** 22);
  await withStore(openOn(disk), (store) => put(store, "a", "1"));
  const { i32 } = disk.open(storePath, storeHeaderBytes).header;
  i32[readerWords.changesWord] = 7;
  await withStore(openOn(disk), () => {
    assertEquals(wordsOf(disk).changes, 10);
  });
});

Deno.test("changes are odd within a batch and even again behind it, failed or not", async () => {
  const disk = new SimulatedDisk(2 ** 22);
  await withStore(openOn(disk), (store) => {
    for (const fails of [false, true]) {
      const before = wordsOf(disk).changes;
      store.beginBatch();
      assertEquals(wordsOf(disk).changes, before, "nothing is written yet");
      put(store, "a", "1");
      assertEquals(wordsOf(disk).changes, before + 1);
      store.beginBatch();
      put(store, "b", "2");
      store.endBatch();
      assertEquals(wordsOf(disk).changes, before + 1);
      if (fails) store.failBatch();
      store.endBatch();
      assertEquals(wordsOf(disk).changes, before + 2);
    }
    const { changes } = wordsOf(disk);
    put(store, "c", "3");
    put(store, "c", "4");
    remove(store, "c");
    assertEquals(wordsOf(disk).changes, changes, "single writes cost readers nothing");
  });
});

Deno.test("clear tells that the pages mean nothing any more", async () => {
  const disk = new SimulatedDisk(2 ** 22);
  await withStore(openOn(disk), (store) => {
    put(store, "a", "1");
    const before = wordsOf(disk);
    store.clear();
    const after = wordsOf(disk);
    assertEquals([after.changes, after.layouts], [before.changes + 2, before.layouts + 1]);
  });
});

Deno.test("each segment that begins is told of, and so is the end of the body", async () => {
  const disk = new SimulatedDisk(2 ** 22);
  await withStore(openOn(disk), (store) => {
    for (let i = 0; i < 200; i++) {
      const { reuses } = wordsOf(disk);
      const { position } = store;
      put(store, `key:${i}`, "v".repeat(100));
      const isNew = Math.ceil(store.position / 4096) !== Math.ceil(position / 4096);
      assertEquals(wordsOf(disk).reuses > reuses, isNew, `key:${i}`);
      assert(wordsOf(disk).endPages <= bodyPages(disk));
    }
    // A value that takes a run of segments.
    put(store, "large", "v".repeat(20_000));
    assert(wordsOf(disk).endPages <= bodyPages(disk));
  });
});

Deno.test("an end of the file is given up first and cut off after a while", async () => {
  const cutDelayMs = 60;
  const disk = new SimulatedDisk(2 ** 23);
  const store = openOn(disk, { limits: { ...tinyLimits, cutDelayMs } });
  await withStore(store, async () => {
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "v".repeat(200));
    for (let i = 0; i < 1900; i++) remove(store, `key:${i}`);
    await Promise.resolve(); // It may just have begun to grow.
    const full = bodyPages(disk);
    let givenUpMs = 0;
    for (let i = 0; i < 2000 && (givenUpMs === 0 || bodyPages(disk) === full); i++) {
      const startedMs = performance.now();
      store.tick();
      await store.sync();
      await new Promise((resolve) => setTimeout(resolve));
      if (givenUpMs === 0 && wordsOf(disk).endPages < full) {
        givenUpMs = startedMs;
        assertEquals(bodyPages(disk), full);
      }
      assert(wordsOf(disk).endPages <= bodyPages(disk), "no reader is led behind the end");
    }
    assert(givenUpMs > 0, "it was told of");
    assert(bodyPages(disk) < full, "it was cut off");
    assert(performance.now() - givenUpMs >= cutDelayMs - 1);
  });
});

Deno.test("what was given up of the file is taken again without growing", async () => {
  const disk = new SimulatedDisk(2 ** 23);
  const store = openOn(disk, { limits: { ...tinyLimits, cutDelayMs: 3_600_000 } });
  await withStore(store, async () => {
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "v".repeat(200));
    store.clear();
    const half = bodyPages(disk) / 2;
    for (let i = 0; i < 2000 && wordsOf(disk).endPages > half; i++) {
      store.tick();
      await store.sync();
      await new Promise((resolve) => setTimeout(resolve));
    }
    const { endPages, reuses } = wordsOf(disk);
    const full = bodyPages(disk);
    assert(endPages <= half && full > half, `${endPages} of ${full} pages`);
    for (let i = 0; i < 500; i++) put(store, `key:${i}`, "v".repeat(200));
    const after = wordsOf(disk);
    assert(after.endPages > endPages && after.reuses > reuses);
    assertEquals(bodyPages(disk), full);
  });
});

Deno.test("what was given up and is in use again is not cut off when its time has come", async () => {
  const cutDelayMs = 100;
  const disk = new SimulatedDisk(2 ** 23);
  const store = openOn(disk, { limits: { ...tinyLimits, cutDelayMs } });
  await withStore(store, async () => {
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "v".repeat(200));
    const before = wordsOf(disk).endPages;
    store.clear();
    for (let i = 0; i < 2000 && wordsOf(disk).endPages >= before; i++) {
      store.tick();
      await store.sync();
    }
    const { endPages } = wordsOf(disk);
    assert(endPages < before, "it was given up");
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "w".repeat(200));
    assert(wordsOf(disk).endPages > endPages, "and taken again");
    for (let i = 0; i < 30; i++) {
      await new Promise((resolve) => setTimeout(resolve, cutDelayMs / 10));
      store.tick();
      await store.sync();
      assert(wordsOf(disk).endPages <= bodyPages(disk));
    }
    for (let i = 0; i < 2000; i++) assertEquals(valueOf(store, `key:${i}`), "w".repeat(200));
  });
});

Deno.test("a page's version is another even number after each insertion, removal and split", async () => {
  const disk = new SimulatedDisk(2 ** 22);
  await withStore(openOn(disk), (store) => {
    const index = disk.open(`${storePath}-index`, indexHeaderTotalBytes);
    const versions = () => {
      const count = index.header.i32[indexHeader.pageCountWord];
      const words = index.windows[0].i32;
      return Array.from({ length: count }, (_, page) => page)
        .filter((page) => !isTable(page))
        .map((page) => words[pageBase(page) + indexPage.versionWord]);
    };
    for (let i = 0; i < 100; i++) {
      const before = versions();
      put(store, `key:${i}`, "1");
      const inserted = versions();
      assert(inserted.every((version) => version % 2 === 0));
      assert(before.some((version, page) => version !== inserted[page]));
      put(store, `key:${i}`, "2");
      assertEquals(versions(), inserted, "to overwrite moves nothing");
      if (i % 3 > 0) continue;
      remove(store, `key:${i}`);
      const removed = versions();
      assert(inserted.some((version, page) => version !== removed[page]));
    }
    const before = versions();
    store.clear();
    assert(versions().every((version, page) => version % 2 === 0 && version !== before[page]));
  });
});

Deno.test("whether a process has the store open can be seen without taking its lock", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const store = Store.open({ path });
  const reader = MappedFile.open(path, { headerBytes: storeHeaderBytes, readOnly: true });
  try {
    assertEquals(reader.isLocked, true);
    await store.close();
    assertEquals(reader.isLocked, false);
    // Looking is not in the way of the next one.
    const again = Store.open({ path });
    assertEquals(reader.isLocked, true);
    await again.close();
  } finally {
    await reader.close();
  }
});
