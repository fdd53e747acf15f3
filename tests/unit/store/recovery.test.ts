/** What is recovered from damaged, torn and foreign files. Real files, edited byte by byte. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  indexHeader,
  indexHeaderTotalBytes,
  recordBytes,
  segmentHeaderBytes,
  storeHeaderBytes,
} from "../../../src/store/format.ts";
import { StoreError } from "../../../src/store/errors.ts";
import { Store, type StoreOptions } from "../../../src/store/store.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
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

const { segmentBytes } = tinyLimits;
const decoder = new TextDecoder();

type State = ReadonlyMap<string, string>;

/** A disk as a process left it that was killed: what it wrote is all there. */
async function killed(write: (store: Store) => void | Promise<void>): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const store = openOn(disk);
  await write(store);
  const copy = disk.copy();
  await store.close();
  return copy;
}

/** What can be read after the disk was changed; the index is gone. */
async function recovered(
  disk: SimulatedDisk,
  use: (store: Store) => void = () => {},
): Promise<State> {
  disk.remove(indexPath);
  return await withStore(openOn(disk), (store) => {
    use(store);
    return contents(store);
  });
}

/** Where in the file `text` stands for the first time. */
function offsetOf(disk: SimulatedDisk, text: string): number {
  const found = decoderOf(disk).indexOf(text);
  assert(found >= 0, `${text} is in the file`);
  return found;
}

function decoderOf(disk: SimulatedDisk): string {
  return new TextDecoder("latin1").decode(disk.bytesOf(storePath));
}

// --- the end of the log --------------------------------------------------------------------------

const tailCount = 12;

/** `a` is durable; the records behind it, all of 48 bytes, are not. Returns where each ends. */
async function withTail(): Promise<{ disk: SimulatedDisk; from: number; states: State[] }> {
  const states: State[] = [];
  const disk = await killed(async (store) => {
    put(store, "a", "durable");
    await store.sync();
    states.push(contents(store));
    for (let i = 0; i < tailCount; i++) {
      put(store, `tail:${i}`, `value ${i}`.padEnd(16));
      states.push(contents(store));
    }
  });
  const from = offsetOf(disk, "tail:0") - 24;
  return { disk, from, states };
}

const tailBytes = recordBytes("tail:0".length, 16);

for (
  const [what, change] of [
    ["zeroed from", (bytes: Uint8Array, at: number) => bytes.fill(0, at)],
    ["filled with noise from", (bytes: Uint8Array, at: number) => {
      const random = new SeededRandom(at);
      for (let i = at; i < bytes.length; i++) bytes[i] = random.below(256);
    }],
    ["changed in one bit at", (bytes: Uint8Array, at: number) => {
      bytes[at] ^= 0x10;
    }],
  ] as const
) {
  Deno.test(`a tail ${what} any byte leaves the records before it`, async () => {
    const { disk, from, states } = await withTail();
    // Prime to the length of a record, so that every part of one is hit.
    for (let at = from; at < from + tailCount * tailBytes; at += 7) {
      const copy = disk.copy();
      change(copy.bytesOf(storePath), at);
      const found = await recovered(copy, ({ opening }) => {
        assertEquals(opening.damages, [], `at ${at}`);
      });
      const whole = Math.floor((at - from) / tailBytes);
      // Bytes of padding may have been zero already.
      const expected = [states[whole], states[whole + 1], states[tailCount]];
      assert(expected.some((state) => isSame(state, found)), `at ${at}: ${[...found.keys()]}`);
      if (what.startsWith("changed")) assert(isSame(states[whole], found), `at ${at}`);
    }
  });
}

function isSame(a: State, b: State): boolean {
  return JSON.stringify([...a]) === JSON.stringify([...b]);
}

Deno.test("what was written after a torn tail is found again after the next crash", async () => {
  const { disk, from, states } = await withTail();
  disk.bytesOf(storePath)[from + 5 * tailBytes + 30] ^= 1;
  disk.remove(indexPath);
  const store = openOn(disk);
  put(store, "new", "value");
  const copy = disk.copy();
  await store.close();
  const expected = new Map([...states[5], ["new", "value"] as const].sort());
  assertEquals(await recovered(copy), expected);
});

Deno.test("a batch whose end is missing did not happen", async () => {
  const disk = await killed(async (store) => {
    put(store, "a", "1");
    put(store, "b", "1");
    await store.sync();
    store.beginBatch();
    put(store, "a", "2");
    remove(store, "b");
    put(store, "c", "2");
    store.endBatch();
  });
  assertEquals(await recovered(disk.copy()), new Map([["a", "2"], ["c", "2"]]));
  // The end mark is the last record: without it, and without each one before it.
  const last = new TextDecoder("latin1").decode(disk.bytesOf(storePath)).lastIndexOf("c2");
  const batchEnd = last - 24 + recordBytes(1, 1);
  for (let at = batchEnd - 5 * 32; at < batchEnd + 16; at += 16) {
    if (at < offsetOf(disk, "b1") + 8) continue;
    const copy = disk.copy();
    copy.bytesOf(storePath)[at + 4] ^= 0x40;
    const found = await recovered(copy, ({ opening }) => assertEquals(opening.damages, []));
    assertEquals(found, new Map([["a", "1"], ["b", "1"]]), `record at ${at}`);
  }
});

Deno.test("a batch over several segments whose end is missing did not happen", async () => {
  const disk = await killed(async (store) => {
    put(store, "a", "before");
    await store.sync();
    store.beginBatch();
    for (let i = 0; i < 50; i++) put(store, `member:${i}`, "x".repeat(500));
    put(store, "a", "within");
    store.endBatch();
  });
  assertEquals((await recovered(disk.copy())).size, 51);
  const at = new TextDecoder("latin1").decode(disk.bytesOf(storePath)).indexOf("awithin") - 24;
  const copy = disk.copy();
  copy.bytesOf(storePath).fill(0, at, at + 64);
  const found = await recovered(copy, ({ opening }) => {
    assert(opening.discardedBytes > 50 * 500, `${opening.discardedBytes} bytes were discarded`);
  });
  assertEquals(found, new Map([["a", "before"]]));
});

/** Where the segments stand in the file, in the order of the log: offset of the header, sequence. */
function segmentsOf(disk: SimulatedDisk): { offset: number; sequence: number }[] {
  const bytes = disk.bytesOf(storePath);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: { offset: number; sequence: number }[] = [];
  for (let at = storeHeaderBytes; at < bytes.length; at += segmentBytes) {
    if (decoder.decode(bytes.subarray(at + 4, at + 8)) !== "KVSG") continue;
    found.push({ offset: at, sequence: view.getFloat64(at + 8, true) });
  }
  return found.sort((a, b) => a.sequence - b.sequence);
}

Deno.test("a segment that is missing behind the durable position ends the log", async () => {
  const count = 60;
  const disk = await killed((store) => {
    for (let i = 0; i < count; i++) put(store, `key:${i}`, `${i}`.padEnd(300));
  });
  const segments = segmentsOf(disk);
  assert(segments.length >= 5, `${segments.length} segments`);
  for (const { offset } of segments.slice(1)) {
    const copy = disk.copy();
    copy.bytesOf(storePath).fill(0, offset, offset + segmentHeaderBytes);
    const found = await recovered(copy);
    // A prefix: the first so many keys.
    const expected = Array.from({ length: found.size }, (_, i) => `key:${i}`).sort();
    assertEquals([...found.keys()], expected);
    assert(found.size < count);
  }
});

Deno.test("what was cut off does not come back when the end that was put there is damaged", async () => {
  const { disk, from, states } = await withTail();
  const torn = 5;
  disk.bytesOf(storePath)[from + torn * tailBytes + 30] ^= 1;
  await withStore(openOn(disk), async (store) => {
    put(store, "after", "1");
    await store.sync();
  });
  disk.bytesOf(storePath)[from + torn * tailBytes + 4] ^= 0x10; // The seal's kind.
  const found = await recovered(disk, ({ opening }) => assertEquals(opening.damages.length, 1));
  assertEquals(found, new Map([...states[torn], ["after", "1"]].sort() as [string, string][]));
});

Deno.test("a torn record is not mended by what is put in its place", async () => {
  const seed = chooseSeed("torn record");
  const random = new SeededRandom(seed);
  // It ends with its segment, and with zeros, which reach into another sector than its start.
  const torn = "x".repeat(40).padEnd(612, "\0");
  const disk = await killed(async (store) => {
    put(store, "fill", "f".repeat(3364));
    await store.sync();
    put(store, "torn", torn);
  });
  const end = offsetOf(disk, "tornx") - 24 + recordBytes("torn".length, torn.length);
  assertEquals((end - storeHeaderBytes) % segmentBytes, 0);
  disk.bytesOf(storePath)[end - 10] = 1;
  disk.settle();
  await withStore(openOn(disk), async (store) => {
    assertEquals(contents(store).size, 1);
    put(store, "after", "1");
    for (let i = 0; i < 200; i++) {
      const found = await withStore(openOn(disk.powerCut(random, indexPath)), contents);
      assert(!found.has("torn") || !found.has("after"), `KV_TEST_SEED=${seed}`);
    }
  });
});

Deno.test("a segment whose header is gone is missed after a clean stop", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), (store) => {
    for (let i = 0; i < 60; i++) put(store, `key:${i}`, "v".repeat(200));
  });
  const start = offsetOf(disk, "key:0v") - 24 - segmentHeaderBytes;
  disk.bytesOf(storePath).fill(0, start, start + segmentHeaderBytes);
  await withStore(openOn(disk), (store) => {
    assertEquals(
      store.opening.damages.map(({ fileOffset, reason }) => [fileOffset, reason]),
      [[start, "a segment is missing"]],
    );
    assertEquals([valueOf(store, "key:0"), valueOf(store, "key:59")], [null, "v".repeat(200)]);
  });
});

Deno.test("a process that is killed while it reads the log leaves no index to believe", async () => {
  const disk = new SimulatedDisk();
  await withStore(openOn(disk), (store) => {
    for (let i = 0; i < 100; i++) put(store, `key:${i}`, "v".repeat(200));
  });
  disk.remove(indexPath);
  const images: SimulatedDisk[] = [];
  const all = await withStore(
    openOn(disk, { onProgress: () => images.push(disk.copy()) }),
    contents,
  );
  assert(images.length > 4, `${images.length} images`);
  for (const image of images) assertEquals(await withStore(openOn(image), contents), all);
});

// --- damage --------------------------------------------------------------------------------------

Deno.test("damage before the durable position is reported where it is, all else is served", async () => {
  const keys = Array.from({ length: 40 }, (_, i) => `key:${String(i).padStart(2, "0")}`);
  const disk = await killed(async (store) => {
    for (const key of keys) put(store, key, `value of ${key}`.padEnd(200));
    await store.sync();
  });
  const all = await recovered(disk.copy());
  assertEquals(all.size, 40);
  const bytes = recordBytes(6, 200);
  for (const key of keys) {
    const start = offsetOf(disk, key) - 24;
    for (const at of [0, 4, 8, 12, 16, 24, 30, 100, 229]) {
      const copy = disk.copy();
      copy.bytesOf(storePath)[start + at] ^= 0x55;
      const found = await recovered(copy, ({ opening }) => {
        assertEquals(opening.kind, "rebuilt");
        assertEquals(opening.damages, [
          { fileOffset: start, bytes, reason: "records cannot be read" },
        ], `byte ${at} of ${key}`);
      });
      const expected = new Map(all);
      expected.delete(key);
      assertEquals(found, expected);
    }
  }
});

/** Where the segment begins that has the record of a key. */
function segmentWith(disk: SimulatedDisk, text: string): number {
  const at = offsetOf(disk, text) - storeHeaderBytes;
  return storeHeaderBytes + at - at % segmentBytes;
}

Deno.test("delete records are dropped beside a segment whose header is damaged", async () => {
  const disk = await killed(async (store) => {
    for (let i = 0; i < 40; i++) put(store, `keep:${i}`, "v".repeat(200));
    await store.sync();
  });
  disk.bytesOf(storePath)[segmentWith(disk, "keep:20") + 9] ^= 0xff;
  disk.remove(indexPath);
  await withStore(openOn(disk), async (store) => {
    assertEquals(store.damages.length, 1);
    let most = 0;
    for (let i = 0; i < 6000; i++) {
      put(store, `session:${i}`, "x");
      remove(store, `session:${i}`);
      store.tick();
      if (i % 100 === 0) await store.sync();
      most = Math.max(most, store.statistics.usedBytes);
    }
    // 48 bytes for each delete that is kept.
    assert(most < 30 * segmentBytes, `${most} bytes in use`);
  });
});

Deno.test("what stands behind a damaged header does not come back with it", async () => {
  const disk = await killed(async (store) => {
    for (let i = 0; i < 40; i++) put(store, `key:${i}`, "v".repeat(200));
    await store.sync();
  });
  const at = segmentWith(disk, "key:20") + 9;
  disk.bytesOf(storePath)[at] ^= 0xff;
  const lost = [...(await recovered(disk.copy())).keys()];
  disk.remove(indexPath);
  await withStore(openOn(disk), (store) => assertEquals(store.damages.length, 1));
  // It was no damage of the disk's, but of what has read it.
  disk.bytesOf(storePath)[at] ^= 0xff;
  const after = await recovered(disk, (store) => assertEquals(store.damages.length, 1));
  assertEquals([...after.keys()], lost);
});

Deno.test("all places of a run whose header is damaged are kept for a repair", async () => {
  const large = "large value ".repeat(1500);
  const disk = await killed(async (store) => {
    put(store, "before", "1");
    put(store, "large", large);
    put(store, "behind", "v".repeat(3000));
    await store.sync();
  });
  const start = segmentWith(disk, "largelarge");
  disk.bytesOf(storePath)[start] ^= 1;
  disk.remove(indexPath);
  await withStore(openOn(disk), (store) => {
    const [{ fileOffset, bytes }] = store.damages;
    assertEquals([fileOffset, bytes], [start, 5 * segmentBytes]);
    assertEquals([...contents(store).keys()], ["before", "behind"]);
    for (let i = 0; i < 200; i++) put(store, `key:${i}`, "v".repeat(500));
    assert(decoderOf(disk).includes(large));
  });
});

/** A value each 16 bytes of which look like the header of a record that takes all the rest. */
function treacherous(bytes: number): Uint8Array {
  const words = new Int32Array(bytes / 4);
  for (let i = 0; i < words.length; i += 4) {
    words.set([7, 1, 1, Math.max(0, bytes - i * 4 - 64)], i);
  }
  return new Uint8Array(words.buffer);
}

Deno.test("a damaged value is passed over in little time, whatever it looks like", async () => {
  const limits = { ...tinyLimits, valueBytesMax: 2 ** 24 };
  const disk = new SimulatedDisk(2 ** 24);
  const large = treacherous(6 * 2 ** 20);
  await withStore(openOn(disk, { limits }), (store) => {
    put(store, "before", "1");
    store.find(new TextEncoder().encode("8 bytes."), 0, 8); // So that the value begins behind 32.
    store.put(large, 0, large.length, 0);
    for (let i = 0; i < 20; i++) put(store, `behind:${i}`, "v".repeat(20 * i));
  });
  const start = offsetOf(disk, "8 bytes.") - 24;
  // Within the value, and the length of it.
  for (const at of [40, 13]) {
    const copy = disk.copy();
    copy.bytesOf(storePath)[start + at] ^= 1;
    copy.remove(indexPath);
    const shares: number[] = [];
    const onProgress = (share: number) => shares.push(share);
    const begun = performance.now();
    await withStore(openOn(copy, { limits, onProgress }), (store) => {
      // Each time that all of it was summed up, the rest of the file had been: 200 s.
      assert(performance.now() - begun < 5000, `${performance.now() - begun} ms`);
      assertEquals(store.opening.damages, [{
        fileOffset: start,
        bytes: recordBytes(8, large.length),
        reason: "records cannot be read",
      }]);
      assertEquals(store.count, 21);
    });
    const pauses = shares.filter((share, i) => share === shares[i - 1]).length;
    assert(pauses >= 2, `others have their turn: ${pauses} times`);
  }
});

Deno.test("a store with damage can be written, and reports it again at the next rebuild", async () => {
  const disk = await killed(async (store) => {
    put(store, "good", "1");
    put(store, "bad", "value");
    put(store, "last", "1");
    await store.sync();
  });
  disk.bytesOf(storePath)[offsetOf(disk, "badvalue")] ^= 1;
  const damage = await withStore(openOn(without(disk)), (store) => {
    put(store, "new", "1");
    assertEquals(store.statistics.damages, 1);
    return store.opening.damages;
  });
  const found = await recovered(disk, ({ opening }) => assertEquals(opening.damages, damage));
  assertEquals([...found.keys()], ["good", "last", "new"]);
});

function without(disk: SimulatedDisk): SimulatedDisk {
  disk.remove(indexPath);
  return disk;
}

Deno.test("a header that was being written or cleared is no damage", async () => {
  const disk = await killed(async (store) => {
    for (let i = 0; i < 40; i++) put(store, `key:${i}`, "v".repeat(200));
    await store.sync();
  });
  const expected = await recovered(disk.copy());
  const bytes = disk.bytesOf(storePath);
  const placeAt = (place: number) => storeHeaderBytes + place * segmentBytes;
  const places = Array.from(
    { length: (bytes.length - storeHeaderBytes) / segmentBytes },
    (_, i) => i,
  );
  const free = places.find((place) => bytes[placeAt(place) + 4] === 0)!;
  for (const from of [0, 8, 16, 24, 32, 40, 48]) {
    for (let to = from + 4; to <= segmentHeaderBytes; to += 4) {
      // Some words of a header that is whole elsewhere, but for the checksum in its first four bytes.
      const copy = disk.copy();
      const header = bytes.slice(placeAt(0) + from, placeAt(0) + to);
      copy.bytesOf(storePath).set(header, placeAt(free) + from);
      copy.bytesOf(storePath).fill(0, placeAt(free), placeAt(free) + 4);
      const found = await recovered(copy, ({ opening }) => assertEquals(opening.damages, []));
      assertEquals(found, expected);
    }
  }
});

Deno.test("a record that stands where another one was written is damaged", async () => {
  const disk = await killed(async (store) => {
    put(store, "a", "first");
    put(store, "a", "other");
    put(store, "b", "whole");
    await store.sync();
  });
  const bytes = disk.bytesOf(storePath);
  const first = offsetOf(disk, "afirst") - 24;
  const second = offsetOf(disk, "aother") - 24;
  const length = second - first;
  const record = bytes.slice(first, second);
  bytes.copyWithin(first, second, second + length);
  bytes.set(record, second);
  const found = await recovered(disk, ({ opening }) => {
    assertEquals(opening.damages, [
      { fileOffset: first, bytes: 2 * length, reason: "records cannot be read" },
    ]);
  });
  assertEquals([...found], [["b", "whole"]]);
});

Deno.test("overwriting a damaged record leaves the counts of live bytes as they have to be", async () => {
  const disk = await killed(async (store) => {
    for (let i = 0; i < 20; i++) put(store, `key:${i}`, "value");
    await store.sync();
  });
  const live = await withStore(openOn(disk.copy()), (store) => {
    put(store, "key:7", "again");
    return store.statistics.liveBytes;
  });
  const valueLengthByte = 12;
  disk.bytesOf(storePath)[offsetOf(disk, "key:7value") - 24 + valueLengthByte + 2] = 1;
  await withStore(openOn(disk), (store) => {
    assertEquals(store.get("key:7"), null);
    put(store, "key:7", "again");
    const { liveBytes } = store.statistics;
    assert(liveBytes > 0 && liveBytes <= live + recordBytes(5, 5), `${liveBytes}, not ${live}`);
  });
});

Deno.test("a segment with damage is kept for a repair, whatever happens to its keys", async () => {
  const disk = await killed(async (store) => {
    for (let i = 0; i < 40; i++) put(store, `key:${i}`, "v".repeat(200));
    await store.sync();
  });
  const at = offsetOf(disk, "key:7vvv");
  disk.bytesOf(storePath)[at + 50] ^= 1;
  const damages = await withStore(openOn(without(disk)), async (store) => {
    store.clear();
    for (let i = 0; i < 1000; i++) {
      put(store, `other:${i % 20}`, "w".repeat(200));
      if (i % 50 > 0) continue;
      store.tick();
      await store.sync();
    }
    return store.opening.damages;
  });
  assertEquals(damages.length, 1);
  await recovered(disk, ({ opening }) => assertEquals(opening.damages, damages));
});

Deno.test("a damaged segment header costs its segment and no other", async () => {
  const keys = Array.from({ length: 40 }, (_, i) => `key:${String(i).padStart(2, "0")}`);
  const disk = await killed(async (store) => {
    for (const key of keys) put(store, key, `value of ${key}`.padEnd(200));
    await store.sync();
  });
  const all = await recovered(disk.copy());
  for (const { offset } of segmentsOf(disk)) {
    for (const byte of [0, 4, 8, 16, 20, 30, 45]) {
      const copy = disk.copy();
      copy.bytesOf(storePath)[offset + byte] ^= 0x55;
      let damage = 0;
      const found = await recovered(copy, ({ opening }) => {
        damage = opening.damages.length;
        if (damage > 0) assertEquals(opening.damages[0].fileOffset, offset);
      });
      const lost = keys.filter((key) => !found.has(key));
      for (const key of lost) {
        const at = offsetOf(disk, key);
        assert(at >= offset && at < offset + segmentBytes, `byte ${byte} at ${offset}: ${key}`);
      }
      for (const [key, value] of found) assertEquals(value, all.get(key));
      if (lost.length > 0) assertEquals(damage, 1, `byte ${byte} at ${offset}`);
    }
  }
});

// --- the index -----------------------------------------------------------------------------------

const indexChanges: readonly [string, (disk: SimulatedDisk) => void, string][] = [
  ["that is whole", () => {}, "replayed"],
  ["that is missing", (disk) => disk.remove(indexPath), "rebuilt"],
  ["with the busy mark", (disk) => setWord(disk, indexHeader.busyWord, 1), "rebuilt"],
  ["of another store", (disk) => setWord(disk, indexHeader.storeIdWord + 2, 17), "rebuilt"],
  ["of another version", (disk) => setWord(disk, indexHeader.versionWord, 17), "rebuilt"],
  ["with other pages", (disk) => setWord(disk, indexHeader.slotsPerPageWord, 9), "rebuilt"],
  ["of another opening", (disk) => setWord(disk, indexHeader.openIdF64 * 2, 17), "rebuilt"],
  ["of another boot of the machine", bootAgain, "rebuilt"],
  ["with a damaged page", (disk) => {
    disk.bytesOf(indexPath)[indexHeaderTotalBytes + 4] ^= 0x7f;
  }, "rebuilt"],
  ["of zeros", (disk) => disk.bytesOf(indexPath).fill(0), "rebuilt"],
  ["of noise", (disk) => {
    const random = new SeededRandom(6);
    const bytes = disk.bytesOf(indexPath);
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256);
  }, "rebuilt"],
];

function setWord(disk: SimulatedDisk, word: number, value: number): void {
  const bytes = disk.bytesOf(indexPath);
  new DataView(bytes.buffer, bytes.byteOffset).setInt32(word * 4, value, true);
}

for (const [what, change, kind] of indexChanges) {
  Deno.test(`a killed store with an index ${what} is ${kind}`, async () => {
    let expected: State = new Map();
    const disk = await killed((store) => {
      for (let i = 0; i < 100; i++) put(store, `key:${i % 70}`, `${i}`.padEnd(i));
      for (let i = 0; i < 20; i++) remove(store, `key:${i}`);
      expected = contents(store);
    });
    change(disk);
    await withStore(openOn(disk), (store) => {
      assertEquals(store.opening.kind, kind);
      assertEquals(store.opening.damages, []);
      assertEquals(contents(store), expected);
      assertEquals(store.count, 50);
    });
  });
}

Deno.test("a stale index, from an earlier opening of the same store, is not used", async () => {
  const disk = new SimulatedDisk(2 ** 20);
  await withStore(openOn(disk), (store) => put(store, "a", "1"));
  const stale = disk.bytesOf(indexPath).slice();
  await withStore(openOn(disk), (store) => {
    put(store, "a", "2");
    put(store, "b", "2");
  });
  disk.bytesOf(indexPath).set(stale);
  await withStore(openOn(disk), (store) => {
    assertEquals(store.opening.kind, "rebuilt");
    assertEquals(contents(store), new Map([["a", "2"], ["b", "2"]]));
  });
});

Deno.test("a store that was closed opens without reading its log, on another boot too", async () => {
  const disk = new SimulatedDisk(2 ** 20);
  await withStore(openOn(disk), (store) => {
    assertEquals(store.opening.kind, "created");
    for (let i = 0; i < 100; i++) put(store, `key:${i}`, "value");
  });
  bootAgain(disk);
  await withStore(openOn(disk), (store) => {
    assertEquals([store.opening.kind, store.opening.records], ["clean", 0]);
    assertEquals(store.count, 100);
  });
});

Deno.test("a stop leaves nothing that a power cut could take", async () => {
  const seed = chooseSeed("power cut after a stop");
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk();
  const all = await withStore(openOn(disk), (store) => {
    for (let i = 0; i < 300; i++) put(store, `key:${i}`, `value of ${i}`);
    for (let i = 0; i < 300; i += 3) remove(store, `key:${i}`);
    return contents(store);
  });
  for (let i = 0; i < 100; i++) {
    const cut = disk.powerCut(random);
    await withStore(openOn(cut), (store) => {
      assertEquals(store.opening.kind, "clean");
      assertEquals(contents(store), all, `KV_TEST_SEED=${seed}`);
    });
  }
});

Deno.test("a killed store is read from where its index had come, not from the start", async () => {
  const disk = await killed((store) => {
    for (let i = 0; i < 1000; i++) put(store, `key:${i}`, "v".repeat(100));
  });
  await withStore(openOn(disk), (store) => {
    assertEquals(store.opening.kind, "replayed");
    assert(store.opening.records < 60, `${store.opening.records} records were read`);
    assertEquals(store.count, 1000);
  });
});

const { appliedPositionF64 } = indexHeader;
const positionChanges: readonly [string, (counts: Float64Array) => void, number][] = [
  ["is known", () => {}, 3],
  ["is not known", (counts) => counts.fill(0, appliedPositionF64, appliedPositionF64 + 2), 23],
  ["was being written", (counts) => counts[appliedPositionF64] += 16, 23],
  ["is of another segment", (counts) => {
    counts[appliedPositionF64] -= segmentBytes;
    counts[appliedPositionF64 + 1] += segmentBytes;
  }, 23],
  ["is behind the segment", (counts) => {
    counts[appliedPositionF64] += segmentBytes;
    counts[appliedPositionF64 + 1] -= segmentBytes;
  }, 23],
];

for (const [what, change, records] of positionChanges) {
  Deno.test(`of a killed store, ${records} records are read when the end of its last turn ${what}`, async () => {
    let expected: State = new Map();
    const disk = await killed((store) => {
      for (let i = 0; i < 20; i++) put(store, `key:${i}`, `${i}`);
      store.tick();
      for (let i = 0; i < 2; i++) put(store, `key:${i}`, "new");
      remove(store, "key:5");
      expected = contents(store);
    });
    change(new Float64Array(disk.bytesOf(indexPath).buffer));
    await withStore(openOn(disk), (store) => {
      assertEquals([store.opening.kind, store.opening.records], ["replayed", records]);
      assertEquals(contents(store), expected);
      assertEquals(store.count, 19);
    });
    assertEquals(await recovered(disk), expected, "the log goes on where it ended");
  });
}

Deno.test("what is not read again after a kill is verified when it is used", async () => {
  const disk = await killed((store) => {
    put(store, "a", "value of a");
    put(store, "b", "value of b");
    for (let i = 0; i < 20; i++) {
      put(store, `key:${i}`, "staged, when those before are not any more");
    }
    store.tick();
    put(store, "c", "value of c");
  });
  disk.bytesOf(storePath)[offsetOf(disk, "value of a")] ^= 1;
  await withStore(openOn(disk), (store) => {
    assertEquals(store.opening.records, 1);
    assertEquals(["a", "b", "c"].map((key) => valueOf(store, key)), [
      null,
      "value of b",
      "value of c",
    ]);
  });
});

/** What is counted of delete records, and of all records that count, in bytes. */
function countsOf(disk: SimulatedDisk, store: Store): [number, number] {
  const { buffer } = disk.bytesOf(indexPath);
  return [new Float64Array(buffer)[indexHeader.tombstoneBytesF64], store.statistics.liveBytes];
}

Deno.test("delete records are counted once, however often the process is killed within a turn or a batch", async () => {
  let disk = new SimulatedDisk();
  await withStore(openOn(disk), (store) => {
    for (let i = 0; i < 100; i++) put(store, `key:${i}`, "value");
  });
  for (let life = 0; life < 20; life++) {
    const store = openOn(disk);
    if (life > 0) assertEquals(store.opening.kind, "replayed");
    const before = countsOf(disk, store);
    store.beginTurn();
    const isBatch = life % 2 === 0;
    if (isBatch) store.beginBatch();
    for (let i = 0; i < 4; i++) remove(store, `key:${4 * life + i}`);
    const killed = disk.copy();
    await store.close();
    disk = killed;
    const copy = disk.copy();
    await withStore(openOn(copy), (again) => {
      assertEquals(again.count, 100 - 4 * ((life + 1) >> 1));
      const [tombstones, live] = countsOf(copy, again);
      // 32 bytes for each delete record, 48 for what it removes.
      const deletes = isBatch ? 0 : 4;
      assertEquals(tombstones, before[0] + 32 * deletes, `life ${life}`);
      assertEquals(live, before[1] + (32 - 48) * deletes, `life ${life}`);
    });
  }
});

Deno.test("a batch that was taken back after a slice of housekeeping leaves no hole in the log", async () => {
  let expected: State = new Map();
  const disk = await killed((store) => {
    for (let i = 0; i < 3; i++) put(store, `key:${i}`, "1");
    store.beginBatch();
    for (let i = 0; i < 5; i++) put(store, `key:${i}`, "2");
    store.tick();
    store.failBatch();
    store.endBatch();
    put(store, "key:2", "3");
    expected = contents(store);
  });
  let later = disk;
  await withStore(openOn(disk), (store) => {
    assertEquals(contents(store), expected);
    put(store, "after", "4");
    later = disk.copy();
  });
  assertEquals(await recovered(later), new Map([...expected, ["after", "4"]]));
});

Deno.test("a batch that ends where the log is read from, and began before, is in the index and in the log", async () => {
  let expected: State = new Map();
  const disk = await killed((store) => {
    store.beginBatch();
    for (let i = 0; i < 30; i++) put(store, `key:${i}`, "v".repeat(200));
    store.endBatch();
    put(store, "key:0", "new");
    expected = contents(store);
  });
  let later = disk;
  await withStore(openOn(disk), (store) => {
    assert(store.opening.records > 1);
    assertEquals(contents(store), expected);
    put(store, "after", "4");
    later = disk.copy();
  });
  assertEquals(await recovered(later), new Map([...expected, ["after", "4"]]));
});

Deno.test("progress is told while the log is read, and only grows", async () => {
  const disk = await killed((store) => {
    for (let i = 0; i < 2000; i++) put(store, `key:${i}`, "v".repeat(200));
  });
  const shares: number[] = [];
  await withStore(openOn(without(disk), { onProgress: (share) => shares.push(share) }), () => {});
  assert(shares.length > 0);
  assertEquals(shares, shares.toSorted((a, b) => a - b));
  assert(shares.every((share) => share >= 0 && share <= 1));
});

// --- files ---------------------------------------------------------------------------------------

function openAt(path: string, more: Partial<StoreOptions> = {}): Store {
  return Store.open({ path, limits: tinyLimits, clock: () => someTime, sync: "no", ...more });
}

/** The refusal, after which the file is what it was and has no index. */
async function assertRefused(path: string, reason: string): Promise<void> {
  const before = await Deno.readFile(path);
  const error = assertThrows(() => openAt(path), StoreError, reason);
  assertEquals(error.code, "NOT_A_STORE");
  assertEquals(await Deno.readFile(path), before);
  assertThrows(() => Deno.statSync(`${path}-index`), Deno.errors.NotFound);
}

const foreignFiles: readonly [string, () => Uint8Array][] = [
  ["a line of text", () => new TextEncoder().encode("not a store\n")],
  ["a long text", () => new TextEncoder().encode("not a store\n".repeat(5000))],
  ["a database of another kind", () => {
    const bytes = new Uint8Array(100_000);
    bytes.set(new TextEncoder().encode("SQLite format 3\0"));
    return bytes;
  }],
  ["a single byte", () => Uint8Array.of(1)],
  ["a file whose second page alone is something", () => {
    const bytes = new Uint8Array(8192);
    bytes[5000] = 1;
    return bytes;
  }],
];

for (const [what, bytes] of foreignFiles) {
  Deno.test(`${what} is refused and left as it is`, async () => {
    await using folder = await TemporaryFolder.make();
    const path = folder.join("foreign");
    await Deno.writeFile(path, bytes());
    await assertRefused(path, "it is something else; name another file");
  });
}

Deno.test("a folder is refused", async () => {
  await using folder = await TemporaryFolder.make();
  const error = assertThrows(() => openAt(folder.path), StoreError, folder.path);
  assertEquals(error.code, "NOT_A_STORE");
});

Deno.test("an empty file becomes a store", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  await Deno.writeFile(path, new Uint8Array(0));
  await withStore(openAt(path), (store) => assertEquals(store.opening.kind, "created"));
});

Deno.test("a store that is cut off within its header is refused, behind it served as far as it goes", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  let all: State = new Map();
  await withStore(openAt(path), (store) => {
    for (let i = 0; i < 60; i++) put(store, `key:${i}`, `${i}`.padEnd(300));
    all = contents(store);
  });
  const whole = await Deno.readFile(path);
  const lengths = [100, 128, 4095, 4096, 5000, 8191];
  for (let at = storeHeaderBytes; at < whole.length; at += 1500) lengths.push(at);
  for (const length of lengths) {
    const cut = folder.join(`cut-${length}`);
    await Deno.writeFile(cut, whole.subarray(0, length));
    if (length < storeHeaderBytes) {
      // The first bytes of a store that hold no magic number are something else.
      await assertRefused(cut, length < 16 ? "something else" : "it is cut off");
      continue;
    }
    await withStore(openAt(cut), (store) => {
      const found = contents(store);
      for (const [key, value] of found) assertEquals(value, all.get(key), `${key}, ${length}`);
      put(store, "new", "value");
      assertEquals(store.count, found.size + 1);
    });
    await withStore(openAt(cut), (store) => assertEquals(contents(store).get("new"), "value"));
  }
});

Deno.test("a copy of a store and its index opens elsewhere", async () => {
  await using folder = await TemporaryFolder.make();
  await withStore(openAt(folder.join("a")), (store) => put(store, "key", "value"));
  await Deno.copyFile(folder.join("a"), folder.join("b"));
  await Deno.copyFile(folder.join("a-index"), folder.join("b-index"));
  await withStore(openAt(folder.join("b")), (store) => {
    assertEquals(store.opening.kind, "clean");
    assertEquals(contents(store), new Map([["key", "value"]]));
  });
});

Deno.test("a store keeps the segment size that it was created with", async () => {
  const disk = new SimulatedDisk(2 ** 20);
  await withStore(openOn(disk), (store) => put(store, "key", "value"));
  const limits = { ...tinyLimits, segmentBytes: 16384 };
  await withStore(openOn(disk, { limits }), (store) => {
    assertEquals(contents(store), new Map([["key", "value"]]));
  });
});
