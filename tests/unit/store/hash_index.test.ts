import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import {
  indexHeader,
  indexHeaderTotalBytes,
  indexPage,
  pagesPerTable,
  record,
  recordHeaderBytes,
  recordKind,
} from "../../../src/store/format.ts";
import { HashIndex } from "../../../src/store/hash_index.ts";
import {
  depthOf,
  pageBase,
  prefixOf,
  tableEntry,
  tableWord,
} from "../../../src/store/page_tables.ts";
import { viewOf } from "../../../src/store/words.ts";
import { type StoreFile, type Window, windowOf } from "../../../src/sys/mapped_file.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { Stage } from "../../../src/store/stage.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

const encoder = new TextEncoder();
const recordSpace = 64;

/** An index over records of its own that hold a key each, with hashes that the test chooses. */
class Harness {
  readonly disk: SimulatedDisk;
  readonly file: StoreFile;
  readonly index: HashIndex;
  readonly records: Window;
  #end = recordSpace;

  constructor(slotsPerPage: number, diskBytes?: number) {
    this.disk = new SimulatedDisk(diskBytes);
    const buffer = new ArrayBuffer(2 ** 22);
    this.records = windowOf(buffer);
    this.file = this.disk.open("index", indexHeaderTotalBytes);
    this.index = new HashIndex(this.file, this.#stage, { slotsPerPage, cutDelayMs: 0 });
    this.index.clear();
  }

  get #stage(): Stage {
    const log = { windows: [this.records], bodyBytes: this.records.u8.length };
    return Stage.inMemory(log as unknown as StoreFile, 512);
  }

  /** Another index over the same file, as after a restart. */
  reopened(slotsPerPage: number): HashIndex {
    return new HashIndex(
      this.disk.open("index", indexHeaderTotalBytes),
      this.#stage,
      { slotsPerPage, cutDelayMs: 0 },
    );
  }

  /** Writes a record of this key; returns its address. */
  record(key: string): number {
    const bytes = encoder.encode(key);
    const offset = this.#end;
    this.#end += recordSpace;
    this.records.i32[(offset >> 2) + record.kindWord] = recordKind.put;
    this.records.i32[(offset >> 2) + record.keyLengthWord] = bytes.length;
    this.records.u8.set(bytes, offset + recordHeaderBytes);
    return offset >>> 4;
  }

  find(key: string, hash: number, index = this.index): number {
    const bytes = encoder.encode(key);
    return index.find(hash, viewOf(bytes), 0, bytes.length);
  }

  insert(key: string, hash: number): number {
    const bytes = encoder.encode(key);
    assertEquals(this.find(key, hash), 0);
    this.index.prepareInsert(hash, viewOf(bytes), 0, bytes.length);
    const address = this.record(key);
    this.index.insert(hash, address);
    return address;
  }

  /** All addresses, collected so many at a time. */
  collectAll(count: number, index = this.index): number[] {
    const all: number[] = [];
    let from = 0;
    do {
      const found = index.collect(from, count);
      all.push(...index.collected.subarray(0, found));
      from = index.nextHash;
    } while (from !== 0);
    return all;
  }
}

interface Entry {
  readonly hash: number;
  address: number;
}

function sortedHashes(model: Map<string, Entry>): number[] {
  return [...model.values()].map(({ hash }) => hash >>> 0).sort((a, b) => a - b);
}

function assertSame(harness: Harness, model: Map<string, Entry>, index = harness.index): void {
  assertEquals(index.count, model.size);
  for (const [key, { hash, address }] of model) {
    assertEquals(harness.find(key, hash, index), address, key);
    assert(index.leadsTo(hash, address), key);
  }
  const hashOf = new Map([...model.values()].map(({ hash, address }) => [address, hash >>> 0]));
  for (const count of [1, 5, 1000]) {
    const collected = harness.collectAll(count, index);
    assertEquals(new Set(collected).size, model.size);
    assertEquals(collected.map((address) => hashOf.get(address)!), sortedHashes(model));
  }
}

for (const slotsPerPage of [4, 5, 8, 64, 510]) {
  Deno.test(`an index with ${slotsPerPage} slots a page is a Map`, () => {
    const random = new SeededRandom(chooseSeed(`hash index, ${slotsPerPage} slots`));
    const harness = new Harness(slotsPerPage);
    const model = new Map<string, Entry>();
    // A few keys share their hashes, and many share the upper bits.
    const shared = Array.from({ length: 400 }, () => random.next() | 0);
    const hashOf = (n: number) => {
      if (n % 17 === 0) return shared[n % shared.length];
      const spread = Math.imul(n, 0x9e3779b1);
      return n % 5 === 0 ? 0x12340000 | spread >>> 16 : spread;
    };
    for (let step = 0; step < 6000; step++) {
      const n = random.below(1200);
      const key = `key:${n}`;
      const hash = hashOf(n);
      const entry = model.get(key);
      assertEquals(harness.find(key, hash), entry?.address ?? 0, key);
      if (entry === undefined) {
        model.set(key, { hash, address: harness.insert(key, hash) });
      } else if (random.chance(0.4)) {
        entry.address = harness.record(key);
        harness.index.replace(entry.address);
      } else {
        harness.index.remove();
        model.delete(key);
      }
      if (step % 1500 === 1499) assertSame(harness, model);
    }
    const again = harness.reopened(slotsPerPage);
    assert(again.load(), "what was there is whole");
    assertSame(harness, model, again);
  });
}

Deno.test("keys of one hash are told apart by their bytes", () => {
  const harness = new Harness(8);
  const names = ["a", "b", "ab", "", "abc"];
  const addresses = names.map((name) => harness.insert(name, 77));
  names.forEach((name, i) => assertEquals(harness.find(name, 77), addresses[i]));
  assertEquals(harness.find("c", 77), 0);
  assertEquals(harness.index.leadsTo(77, 12345), false);
  assertEquals(harness.index.leadsTo(78, addresses[0]), false);
});

Deno.test("a page that two keys of one hash fill to its end is split for a third key of another hash", () => {
  const harness = new Harness(8);
  const crowded = 0x7f800000; // Its home is the last one, at each depth.
  const model = new Map<string, Entry>();
  for (const [key, hash] of [["a", crowded], ["b", crowded], ["c", 0x7fc00000]] as const) {
    model.set(key, { hash, address: harness.insert(key, hash) });
  }
  assertSame(harness, model);
});

Deno.test("a full disk refuses an insert and leaves the index as it was", () => {
  const harness = new Harness(8);
  const random = new SeededRandom(5);
  harness.disk.bytesMax = harness.disk.bytesOf("index").length;
  const model = new Map<string, Entry>();
  const error = assertThrows(() => {
    for (let i = 0; i < 10_000; i++) {
      const hash = random.next() | 0;
      model.set(`key:${i}`, { hash, address: harness.insert(`key:${i}`, hash) });
    }
  }, StoreError);
  assertEquals(error.code, "NO_SPACE");
  assertSame(harness, model);
  assertEquals(harness.file.header.i32[indexHeader.busyWord], 0);
  harness.disk.bytesMax = Infinity;
  model.set("more", { hash: 9, address: harness.insert("more", 9) });
  assertSame(harness, model);
});

Deno.test("a walk goes on where it stopped, though pages were split in between", () => {
  const random = new SeededRandom(chooseSeed("walk under growth"));
  for (let round = 0; round < 20; round++) {
    const harness = new Harness(8, 2 ** 23);
    const stay = new Set<number>();
    for (let i = 0; i < 100; i++) stay.add(harness.insert(`stay:${i}`, random.next() | 0));
    const pagesBefore = harness.index.pageCount;
    const seen: number[] = [];
    let from = 0;
    let more = 0;
    do {
      const found = harness.index.collect(from, 3);
      seen.push(...harness.index.collected.subarray(0, found));
      from = harness.index.nextHash;
      for (let i = 0; i < 10; i++) harness.insert(`more:${more++}`, random.next() | 0);
      assert(seen.length < 20_000, "the walk comes to its end");
    } while (from !== 0);
    assert(harness.index.pageCount > pagesBefore, "it has grown");
    assertEquals(new Set(seen).size, seen.length, "nothing is met twice");
    for (const address of stay) assert(seen.includes(address), "what stayed is met");
  }
});

Deno.test("a walk never stops between keys of one hash", () => {
  const harness = new Harness(16);
  for (let i = 0; i < 6; i++) harness.insert(`same:${i}`, 1000);
  harness.insert("before", 5);
  harness.insert("behind", 2000);
  assertEquals(harness.index.collect(0, 2), 7);
  assertEquals(harness.index.nextHash, 2000);
  assertEquals(harness.index.collect(1000, 1), 6);
  assertEquals(harness.index.collect(1001, 1), 1);
});

Deno.test("collect gives the hashes with the addresses when asked to", () => {
  const harness = new Harness(8);
  const hashes = [-1, 5, -0x80000000, 0x7fffffff, 0];
  const addresses = hashes.map((hash, i) => harness.insert(`${i}`, hash));
  assertEquals(harness.index.collect(0, 100, true), 5);
  const collected = [...harness.index.collectedHashes.subarray(0, 5)];
  assertEquals(collected, [0, 5, 0x7fffffff, -0x80000000, -1]);
  assertEquals(
    [...harness.index.collected.subarray(0, 5)],
    [4, 1, 3, 2, 0].map((i) => addresses[i]),
  );
});

Deno.test("prefetch changes nothing", () => {
  const harness = new Harness(8);
  const hashes = Int32Array.from({ length: 64 }, (_, i) => Math.imul(i, 0x9e3779b1));
  for (let i = 0; i < 32; i++) harness.insert(`${i}`, hashes[i]);
  const before = harness.disk.bytesOf("index").slice();
  harness.index.prefetch(hashes, 64);
  assertEquals(harness.disk.bytesOf("index"), before);
});

Deno.test("clear empties the index and gives back its pages", async () => {
  const harness = new Harness(8);
  for (let i = 0; i < 2000; i++) harness.insert(`${i}`, Math.imul(i, 0x9e3779b1));
  // The file may be growing ahead, on another thread: pages are given back when it is done.
  await new Promise((resolve) => setTimeout(resolve));
  const bytesBefore = harness.file.bodyBytes;
  harness.index.clear();
  assertEquals(harness.index.count, 0);
  assertEquals(harness.collectAll(10), []);
  assertEquals(harness.find("1", 0x9e3779b1 | 0), 0);
  for (let i = 0; harness.index.shrink(); i++) {
    assert(i < 1000, "it comes to an end");
    await Promise.resolve();
  }
  assert(harness.file.bodyBytes < bytesBefore);
  harness.insert("1", 0x9e3779b1 | 0);
  assertEquals(harness.index.count, 1);
});

Deno.test("the busy mark stands while a change of several words is under way", () => {
  const { index, file } = new Harness(8);
  const busy = () => file.header.i32[indexHeader.busyWord];
  assertEquals(busy(), 0);
  index.beginChange();
  index.beginChange();
  assertEquals(busy(), 1);
  index.endChange();
  assertEquals(busy(), 1);
  index.endChange();
  assertEquals(busy(), 0);
});

for (
  const [what, word, value] of [
    ["a key that ends behind the file", record.keyLengthWord, 2 ** 31 - 1],
    ["a key of negative length", record.keyLengthWord, -1],
    ["a value that ends behind the file", record.valueLengthWord, 2 ** 31 - 1],
    ["no put", record.kindWord, recordKind.delete],
  ] as const
) {
  Deno.test(`an entry that leads to ${what} is damage, and nobody looks at that key`, () => {
    const { index, ...harness } = new Harness(8);
    const seen: number[] = [];
    index.onOtherKey = (address) => seen.push(address);
    const bytes = encoder.encode("key");
    index.find(7, viewOf(bytes), 0, bytes.length);
    index.prepareInsert(7, viewOf(bytes), 0, bytes.length);
    index.insert(7, 64);
    harness.records.i32[256 + record.kindWord] = recordKind.put;
    harness.records.i32[256 + record.keyLengthWord] = 5;
    assertEquals(index.find(7, viewOf(bytes), 0, bytes.length), 0);
    assertEquals([seen, index.isDamaged], [[64], false]);
    harness.records.i32[256 + word] = value;
    assertEquals(index.find(7, viewOf(bytes), 0, bytes.length), 0);
    assertEquals([seen, index.isDamaged], [[64], true]);
    assertEquals(index.collect(0, 10), 0);
  });
}

const damages: readonly [string, (file: StoreFile) => void][] = [
  ["no pages", ({ header }) => header.i32[indexHeader.pageCountWord] = 0],
  ["a negative number of pages", ({ header }) => header.i32[indexHeader.pageCountWord] = -5],
  ["more pages than the file has", ({ header }) => header.i32[indexHeader.pageCountWord] = 1e6],
  ["one page too few", ({ header }) => header.i32[indexHeader.pageCountWord]--],
  ["a page that is not in use", ({ windows }) => windows[0].i32[tableWord(2)] = 0],
  ["a depth that no page has", ({ windows }) => windows[0].i32[tableWord(1)] = 1 << 31],
  ["a depth whose directory would take 1 GiB", ({ windows }) => {
    windows[0].i32[tableWord(1)] = tableEntry(0, 29);
  }],
  ["a page of more hashes than it has", ({ windows }) => {
    const words = windows[0].i32;
    const depth = depthOf(words[tableWord(1)]) - 1;
    const prefix = prefixOf(words[tableWord(1)]) & -1 << (32 - depth);
    words[tableWord(1)] = tableEntry(prefix, depth);
  }],
  ["two pages of the same hashes", ({ windows }) => {
    windows[0].i32[tableWord(2)] = windows[0].i32[tableWord(1)];
  }],
  ["a page of the hashes of another", ({ windows }) => windows[0].i32[tableWord(1)] ^= 1 << 31],
  ["a negative number of entries", ({ header }) => header.f64[indexHeader.keysF64] = -1],
  ["half an entry", ({ header }) => header.f64[indexHeader.keysF64] = 0.5],
  ["more entries than the pages hold", ({ header }) => header.f64[indexHeader.keysF64] = 1e6],
];

for (const [what, damage] of damages) {
  Deno.test(`load refuses ${what}`, () => {
    const harness = new Harness(8);
    for (let i = 0; i < 40; i++) harness.insert(`${i}`, Math.imul(i, 0x9e3779b1));
    assert(harness.reopened(8).load());
    damage(harness.file);
    assertEquals(harness.reopened(8).load(), false);
  });
}

for (
  const word of [
    indexPage.prefixWord,
    indexPage.depthWord,
    indexPage.countWord,
    indexPage.versionWord,
  ]
) {
  Deno.test(`a page whose header has another word ${word} is told of, and is used`, () => {
    const harness = new Harness(8);
    for (let i = 0; i < 40; i++) harness.insert(`${i}`, Math.imul(i, 0x9e3779b1));
    const index = harness.reopened(8);
    assert(index.load());
    assertEquals(index.countDamagedHeaders(), 0);
    const words = harness.file.windows[0].i32;
    words[pageBase(2) + word] ^= 1;
    assertEquals(index.countDamagedHeaders(), 1);
    assertEquals(index.collect(0, 100), 40);
    assertEquals(index.isDamaged, word !== indexPage.countWord);
  });
}

Deno.test("tables stand among the pages, and are no pages", () => {
  const harness = new Harness(8, 2 ** 25);
  const keys = 20_000;
  for (let i = 0; i < keys; i++) harness.insert(`${i}`, Math.imul(i, 0x9e3779b1));
  const { index } = harness;
  assert(index.pageCount > 2 * pagesPerTable);
  assertEquals(index.countDamagedHeaders(), 0);
  const reopened = harness.reopened(8);
  assert(reopened.load());
  assertEquals([reopened.count, reopened.pageCount], [keys, index.pageCount]);
  assertEquals(reopened.collect(0, keys + 1), keys);
  reopened.clear();
  assertEquals([reopened.count, reopened.pageCount, reopened.collect(0, 1)], [0, 3, 0]);
  assert(harness.reopened(8).load());
});
