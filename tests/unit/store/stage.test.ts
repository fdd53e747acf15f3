/** Records that are not in the log's file yet: read, written out, taken back, and left by a killed process. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { indexHeader, stageHalfBytesMax, stageWords } from "../../../src/store/format.ts";
import type { Store } from "../../../src/store/store.ts";
import { toBytes } from "../../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import type { SimulatedDisk } from "./simulated_disk.ts";
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

/** What is found when the process is killed now, with its index or without. */
async function afterKill(disk: SimulatedDisk, without?: string): Promise<Map<string, string>> {
  return await withStore(openOn(disk.copy(without)), contents);
}

/** Whether the log's file has these bytes. */
function isInFile(disk: SimulatedDisk, text: string): boolean {
  const bytes = disk.bytesOf(storePath);
  const wanted = toBytes(text);
  return bytes.some((_, at) => wanted.every((byte, i) => bytes[at + i] === byte));
}

function wordsOf(disk: SimulatedDisk): Int32Array {
  const { buffer, byteOffset } = disk.bytesOf(indexPath);
  return new Int32Array(buffer, byteOffset, 1024);
}

Deno.test("outside of a turn, a write is in the file when it returns", async () => {
  await withNew((store, disk) => {
    put(store, "a", "first value");
    assert(isInFile(disk, "first value"));
    store.beginBatch();
    put(store, "a", "second value");
    assert(!isInFile(disk, "second value"));
    store.endBatch();
    assert(isInFile(disk, "second value"));
    assert(store.isConfirmable);
  });
});

Deno.test("within a turn, it is found at once, and in the file at the end", async () => {
  await withNew((store, disk) => {
    store.beginTurn();
    put(store, "a", "some value");
    assertEquals(valueOf(store, "a"), "some value");
    assertEquals([isInFile(disk, "some value"), store.isConfirmable], [false, false]);
    store.endTurn();
    assertEquals([isInFile(disk, "some value"), store.isConfirmable], [true, true]);
  });
});

Deno.test("what a killed process had staged is found with its index; without, all before the turn", async () => {
  await withNew(async (store, disk) => {
    put(store, "a", "1");
    put(store, "b", "1");
    put(store, "c", "1");
    store.beginTurn();
    put(store, "a", "2");
    remove(store, "b");
    put(store, "d", "2");
    const before = new Map([["a", "1"], ["b", "1"], ["c", "1"]]);
    const after = new Map([["a", "2"], ["c", "1"], ["d", "2"]]);
    assertEquals(await afterKill(disk), after);
    assertEquals(await afterKill(disk, indexPath), before);
    // Of a batch, nothing.
    store.beginBatch();
    put(store, "a", "3");
    assertEquals(await afterKill(disk), after);
    assertEquals(await afterKill(disk, indexPath), before);
    store.endBatch();
    assertEquals(await afterKill(disk), new Map([...after, ["a", "3"]]));
    store.endTurn();
    assertEquals(await afterKill(disk, indexPath), contents(store));
  });
});

Deno.test("what was staged is written again and again, if the process that does it is killed", async () => {
  await withNew(async (store, disk) => {
    store.beginTurn();
    for (let i = 0; i < 5; i++) put(store, `key:${i}`, `${i}`);
    const expected = contents(store);
    let left = disk.copy();
    for (let round = 0; round < 3; round++) {
      const next = openOn(left);
      assertEquals(contents(next), expected);
      const killed = left.copy();
      await next.close();
      left = killed;
    }
  });
});

Deno.test("words that cannot be right are not believed, nor are records that are not whole", async () => {
  const { stageByte } = indexHeader;
  const wrong: Record<string, (words: Int32Array, bytes: Uint8Array) => void> = {
    "an odd version": (words) => words[stageWords.versionWord]++,
    "no units": (words) => words[stageWords.unitsWord] = 0,
    "less than no units": (words) => words[stageWords.unitsWord] = -5,
    "too many units": (words) => words[stageWords.unitsWord] = 2 ** 28,
    "a start before the stage": (words) => words[stageWords.startWord] = stageByte - 16,
    "a start behind it": (words) => words[stageWords.startWord] = stageByte + 2 * stageHalfBytesMax,
    "a start between units": (words) => words[stageWords.startWord] += 4,
    "an address before the segment": (words) => words[stageWords.fromWord] = 0,
    "an address behind the file": (words) => words[stageWords.fromWord] = -1,
    "another address": (words) => words[stageWords.fromWord] += 2,
    "another segment": (words) => words[stageWords.placeWord]++,
    "no segment": (words) => words[stageWords.placeWord] = -1,
    "a segment behind the file": (words) => words[stageWords.placeWord] = 2 ** 30,
    "another sequence number": (words) => words[stageWords.sequenceF64 * 2]++,
    "a torn record": (words, bytes) => bytes[words[stageWords.startWord] + 40] ^= 1,
  };
  for (const [what, spoil] of Object.entries(wrong)) {
    await withNew(async (store, disk) => {
      put(store, "before", "b".repeat(200)); // In scratch: the next half begins with what follows.
      put(store, "large", "l".repeat(1000));
      store.beginTurn();
      put(store, "a", "staged ".repeat(3));
      const killed = disk.copy();
      spoil(wordsOf(killed), killed.bytesOf(indexPath));
      const again = openOn(killed);
      assertEquals(isInFile(killed, "staged "), false, what);
      assertEquals(valueOf(again, "large"), "l".repeat(1000), what);
      await again.close();
    });
  }
});

Deno.test("a turn of records of all lengths reads what it wrote", async () => {
  const random = new SeededRandom(chooseSeed("staged lengths"));
  const { segmentBytes, stageHalfBytes } = tinyLimits;
  for (let round = 0; round < 20; round++) {
    await withNew(async (store, disk) => {
      const expected = new Map<string, string>();
      store.beginTurn();
      for (let i = 0; i < 300; i++) {
        const key = `key:${random.below(10)}`;
        const most = random.pick([20, 100, stageHalfBytes, 2 * stageHalfBytes, 2 * segmentBytes]);
        const value = `${i}`.padEnd(random.below(most), "v");
        if (random.chance(0.2)) assertEquals(remove(store, key), expected.delete(key));
        else {
          if (random.chance(0.1)) {
            store.beginBatch();
            for (let k = random.below(4); k >= 0; k--) put(store, key, `${k}`.repeat(150));
            store.failBatch();
            store.endBatch();
            assertEquals(valueOf(store, key), expected.get(key) ?? null);
          }
          put(store, key, value);
          expected.set(key, value);
        }
        if (random.chance(0.1)) store.tick();
        for (let k = 0; k < 10; k++) {
          assertEquals(valueOf(store, `key:${k}`), expected.get(`key:${k}`) ?? null);
        }
      }
      assertEquals(await afterKill(disk), new Map([...expected].sort()));
      store.endTurn();
      assertEquals(await afterKill(disk, indexPath), contents(store));
    });
  }
});

Deno.test("what was found stays where it is while its key is written", async () => {
  await withNew((store) => {
    const { stageHalfBytes } = tinyLimits;
    store.beginTurn();
    put(store, "a", "0");
    let expected = "0";
    for (let i = 1; i < 200; i++) {
      assert(store.find(toBytes("a"), 0, 1));
      const { foundBytes, foundStart, foundEnd } = store;
      const isLong = expected.length >= stageHalfBytes;
      const at = store.reserve(isLong ? 1 : expected.length + 3, 0);
      if (!isLong) store.reservedBytes.set(foundBytes.subarray(foundStart, foundEnd), at);
      const next = isLong ? "x" : `${expected}${i % 10}ab`;
      store.reservedBytes.set(
        toBytes(next.slice(isLong ? 0 : -3)),
        isLong ? at : at + expected.length,
      );
      store.commit();
      expected = next;
      assertEquals(valueOf(store, "a"), expected);
    }
  });
});

Deno.test("values are copied and moved as they are, wherever a half of the stage or a segment ends", async () => {
  const random = new SeededRandom(chooseSeed("copies in the stage"));
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`.padEnd(3 + i % 5 * 20, "x"));
  for (let round = 0; round < 300; round++) {
    await withNew((store) => {
      const expected = new Map<string, string>();
      store.beginTurn();
      for (let i = 0; i < 400; i++) {
        const from = random.pick(keys);
        const to = random.pick(keys);
        const value = expected.get(from);
        const step = random.below(3);
        if (step === 0) {
          const letter = random.pick([..."abcdefgh"]);
          expected.set(to, letter.repeat(random.below(200)));
          put(store, to, expected.get(to)!);
        } else if (value !== undefined && from !== to) {
          copyValue(store, from, to, step === 1);
          expected.set(to, value);
          if (step === 1) expected.delete(from);
          assertEquals(valueOf(store, to), value, `round ${round}, step ${i}`);
        }
      }
      store.endTurn();
      assertEquals(contents(store), new Map([...expected].sort()));
    });
  }
});

/** As COPY and RENAME do it: the value is read where it was found. */
function copyValue(store: Store, from: string, to: string, isMove: boolean): void {
  assert(store.find(toBytes(from), 0, from.length));
  const { foundBytes, foundStart, foundEnd } = store;
  store.find(toBytes(to), 0, to.length);
  if (isMove) store.beginBatch();
  store.put(foundBytes, foundStart, foundEnd, 0);
  if (!isMove) return;
  remove(store, from);
  store.endBatch();
}

Deno.test("a turn that cannot be written to the file is not confirmed, and not lost with the process", async () => {
  await withNew(async (store, disk) => {
    put(store, "a", "1");
    store.beginTurn();
    put(store, "a", "2");
    disk.writeFails = true;
    store.endTurn();
    assertEquals([store.failure?.code, store.isConfirmable], ["SYNC_FAILED", false]);
    assertEquals(valueOf(store, "a"), "2");
    assertThrows(() => put(store, "b", "1"), StoreError, "nothing is written any more");
    store.tick();
    disk.writeFails = false;
    store.endTurn();
    assertEquals(store.isConfirmable, false, "it is over until a restart");
    assertEquals(await afterKill(disk), new Map([["a", "2"]]));
  });
});

Deno.test("a write that fails in the midst of a turn changes nothing", async () => {
  for (const length of [150, 600, 3000]) {
    await withNew(async (store, disk) => {
      put(store, "a", "1");
      store.beginTurn();
      put(store, "b", "1");
      const before = contents(store);
      disk.writeFails = true;
      const value = "v".repeat(length);
      assertThrows(
        () => {
          for (let i = 0; i < 100; i++) {
            const key = `key:${i}`;
            put(store, key, value);
            before.set(key, value);
          }
        },
        StoreError,
        "nothing is written any more",
      );
      assertEquals(contents(store), new Map([...before].sort()), "what came before it is there");
      disk.writeFails = false;
      assertEquals(await afterKill(disk), contents(store));
    });
  }
});

Deno.test("a batch that fails since it cannot be written is taken back", async () => {
  await withNew(async (store, disk) => {
    put(store, "a", "1");
    store.beginTurn();
    store.beginBatch();
    put(store, "a", "2");
    disk.writeFails = true;
    assertThrows(() => {
      for (let i = 0; i < 100; i++) put(store, `key:${i}`, "v".repeat(150));
    }, StoreError);
    store.endBatch();
    store.endTurn();
    assertEquals(contents(store), new Map([["a", "1"]]));
    disk.writeFails = false;
    assertEquals(await afterKill(disk), contents(store));
  });
});

Deno.test("compaction and syncs that meet a failing write end in a failure, not in an exception", async () => {
  await withNew(async (store, disk) => {
    // Some of each segment stays live: compaction has to copy it.
    for (let i = 0; i < 400; i++) put(store, i % 5 === 0 ? `kept:${i}` : "churn", "v".repeat(100));
    await store.sync();
    const expected = contents(store);
    disk.writeFails = true;
    store.compact();
    for (let i = 0; i < 200 && store.failure === null; i++) {
      store.tick();
      await store.sync().catch(() => {});
    }
    assertEquals(store.failure?.code, "SYNC_FAILED");
    assertEquals(contents(store), expected);
    disk.writeFails = false;
    assertEquals(await afterKill(disk), expected);
  });
});
