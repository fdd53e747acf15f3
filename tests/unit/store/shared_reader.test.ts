/** A reader of a store's files beside a store that writes them: in one process, step by step. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { KeyValueReader } from "../../../src/client/key_value_reader.ts";
import { StoreError } from "../../../src/store/errors.ts";
import {
  indexHeader,
  indexHeaderTotalBytes,
  indexPage,
  readerWords,
  record,
  recordBytes,
  recordHeaderBytes,
  storeHeaderBytes,
} from "../../../src/store/format.ts";
import { pageBase, tableEntry } from "../../../src/store/page_tables.ts";
import { recordState, RecordTrust } from "../../../src/store/record_trust.ts";
import type { SharedReader } from "../../../src/store/shared_reader.ts";
import { Store } from "../../../src/store/store.ts";
import { Superblock } from "../../../src/store/superblock.ts";
import { MappedFile } from "../../../src/sys/mapped_file.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { contentsOf, Pair, pairLimits as limits } from "./reader_pair.ts";

const encoder = new TextEncoder();

/** Has `change` happen once, between what the next lookup looks at and what it believes. */
function interleave(reader: SharedReader, change: () => void): void {
  reader.onBelieve = () => {
    reader.onBelieve = null;
    change();
  };
}

/** Overwrites other keys until the log is in other segments, those before it are free and in use again. */
async function churn(store: Store, rounds = 30): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 40; i++) store.set(`churn:${i}`, "c".repeat(150));
    await store.sync();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

Deno.test("a reader sees each write, overwrite and removal at once", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  assertEquals(reader.get("a"), null);
  assertEquals(reader.has("a"), false);
  store.set("a", "1");
  assertEquals(reader.getText("a"), "1");
  assertEquals(reader.has(encoder.encode("a")), true);
  store.set("a", "another, which is longer");
  assertEquals(reader.getText("a"), "another, which is longer");
  store.delete("a");
  assertEquals(reader.get("a"), null);
  store.set("", "the empty key");
  assertEquals(reader.getText(""), "the empty key");
  store.set("empty", "");
  assertEquals(reader.get("empty"), new Uint8Array(0));
});

Deno.test("keys of any characters and lengths are found by text and by bytes", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  const keys = ["ä", "\0", "日本語", "a".repeat(255), "é".repeat(300), "x".repeat(65_536)];
  for (const key of keys) {
    store.set(key, key.slice(0, 5));
    assertEquals(reader.getText(key), key.slice(0, 5));
    assertEquals(reader.getText(encoder.encode(key)), key.slice(0, 5));
  }
  assertEquals(reader.get("x".repeat(300_000)), null);
});

Deno.test("getInto copies what the buffer has room for, and tells when it has not", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  store.set("key", "0123456789");
  const buffer = new Uint8Array(10);
  assertEquals(reader.getInto("key", buffer), 10);
  assertEquals(new TextDecoder().decode(buffer), "0123456789");
  const small = new Uint8Array(9).fill(7);
  assertEquals(reader.getInto("key", small), 10);
  assertEquals(small, new Uint8Array(9).fill(7));
  assertEquals(reader.getInto("none", buffer), -1);
  store.set("large", "l".repeat(300_000));
  const large = new Uint8Array(300_001);
  assertEquals(reader.getInto("large", large), 300_000);
  assertEquals([large[0], large[299_999], large[300_000]], [108, 108, 0]);
});

Deno.test("getInto copies to any part of a buffer, and get never gives two values the same bytes", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  const values: string[] = [];
  for (let length = 0; length < 200; length++) {
    values.push(String.fromCharCode(65 + length % 26).repeat(length));
    store.set("k".repeat(1 + length % 9) + length, values[length]);
  }
  const kept = values.map((_, i) => reader.get("k".repeat(1 + i % 9) + i)!);
  for (const offset of [0, 1, 4]) {
    const whole = new Uint8Array(300).fill(1);
    const part = whole.subarray(offset, offset + 200);
    values.forEach((value, i) => {
      whole.fill(1);
      assertEquals(reader.getInto("k".repeat(1 + i % 9) + i, part), i);
      assertEquals(new TextDecoder().decode(part.subarray(0, i)), value);
      assert(whole.every((byte, at) => at >= offset && at < offset + i || byte === 1));
    });
  }
  assertEquals(kept.map((value) => new TextDecoder().decode(value)), values);
});

Deno.test("getInto notices that a buffer has become longer or shorter", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  const value = "0123456789".repeat(10);
  store.set("a", value);
  store.set("b", "ABCDEFGHIJ".repeat(10));
  const memory = new ArrayBuffer(16, { maxByteLength: 1024 });
  const buffer = new Uint8Array(memory);
  for (const length of [16, 512, 128]) {
    memory.resize(length);
    buffer.fill(0);
    assertEquals(reader.getInto("b", buffer), 100);
    assertEquals(reader.getInto("a", buffer), 100);
    const text = new TextDecoder().decode(buffer.slice(0, Math.min(length, 100)));
    assertEquals(text, length < 100 ? "\0".repeat(length) : value);
  }
});

Deno.test("values whose memory was transferred do not spoil the next ones, empty ones included", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  store.set("empty", "");
  store.set("a", "1");
  for (const key of ["empty", "empty", "a", "empty", "a"]) {
    const value = reader.get(key)!;
    assertEquals(value.length, key === "a" ? 1 : 0);
    (value.buffer as ArrayBuffer).transfer();
  }
});

Deno.test("a byte order mark is a character, and the empty key one of all keys", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  store.set("", "\ufefftext");
  assertEquals(reader.getText(""), "\ufefftext");
  for (const match of [undefined, "*", encoder.encode("*")]) {
    assertEquals([...reader.scan({ match })].length, 1);
  }
  assertEquals([...reader.scan({ match: "**" })].length, 0);
});

Deno.test("a reader reads what a Map would hold, whatever is done to the store", async () => {
  await using pair = await Pair.make();
  const random = new SeededRandom(chooseSeed("shared reader"));
  const model = new Map<string, string>();
  for (let step = 0; step < 6000; step++) {
    const { store, reader } = pair;
    const key = `key:${random.below(800)}`;
    const kind = random.below(1000);
    if (kind < 600) {
      const value = `${step}:`.repeat(1 + random.below(40));
      store.set(key, value);
      model.set(key, value);
    } else if (kind < 900) {
      store.delete(key);
      model.delete(key);
    } else if (kind < 902) {
      store.clear();
      model.clear();
    } else if (kind < 910) {
      await store.close();
      if (kind < 905) await Deno.remove(`${pair.path}-index`);
      if (kind < 908) assertEquals(reader.getText(key), model.get(key) ?? null, "between two");
      pair.store = pair.openStore();
    } else if (kind < 920) await store.sync();
    assertEquals(reader.getText(key), model.get(key) ?? null, `step ${step}`);
    const other = `key:${random.below(800)}`;
    assertEquals(reader.getText(other), model.get(other) ?? null, `step ${step}`);
    if (step % 1000 === 0) assertEquals(pair.contents(), new Map([...model].sort()));
  }
  assertEquals(pair.reader.stats().keys, model.size);
  const keys = [...Array(900).keys()].map((i) => `key:${i}`);
  const values = pair.reader.getMany(keys).map((value) => value && new TextDecoder().decode(value));
  assertEquals(values, keys.map((key) => model.get(key) ?? null));
});

Deno.test("a key that has expired is not seen, removed or not", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  store.removesExpired = false;
  store.set("volatile", "1", { expireAt: pair.now + 1000 });
  store.set("other", "2");
  assertEquals(reader.getText("volatile"), "1");
  pair.now += 1000;
  assertEquals(reader.has("volatile"), true, "at its deadline it is there");
  pair.now += 1;
  assertEquals(reader.get("volatile"), null);
  assertEquals(reader.has("volatile"), false);
  assertEquals(reader.getInto("volatile", new Uint8Array(9)), -1);
  assertEquals(reader.getMany(["volatile", "other"])[0], null);
  assertEquals([...pair.contents().keys()], ["other"]);
});

Deno.test("a value that is overwritten while it is copied is read again once its place is used again", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  store.set("key", "old".repeat(10));
  let overwrites = 0;
  // Overwritten only: the old record is whole still, and was the value when the call began.
  interleave(inner, () => store.set("key", "new".repeat(10)));
  assertEquals(reader.getText("key"), "old".repeat(10));
  // A segment begins: nobody knows whether it is the one that was read.
  inner.onBelieve = () => {
    if (overwrites++ > 0) return;
    for (let i = 0; i < 40; i++) store.set(`other:${i}`, "o".repeat(200));
    store.set("key", "newest");
  };
  assertEquals(reader.getText("key"), "newest");
  assert(inner.retries > 0);
});

Deno.test("what stands in segments that were used again is not believed", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  store.set("key", "v".repeat(100));
  const bytes = encoder.encode("key");
  assert(inner.find(inner.hashOf(bytes, 0, 3), bytes, 0, 3));
  // The reader is stopped here, for as long as it takes.
  for (let round = 0; round < 10; round++) {
    store.set("key", `${round}`.repeat(100));
    await churn(store, 10);
  }
  const buffer = new Uint8Array(100);
  assertEquals(inner.copyTo(buffer, null, 0), false);
  assertEquals(reader.getText("key"), "9".repeat(100));
});

Deno.test("an entry that moves while a page is searched is found nevertheless", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  const keys = Array.from({ length: 300 }, (_, i) => `key:${i}`);
  store.set("there", "1");
  let next = 0;
  for (let i = 0; i < 300; i++) {
    // Insertions, splits and removals between the search and its result.
    inner.onBelieve = () => {
      if (next === keys.length) return;
      store.set(keys[next++], "x");
      if (next % 3 === 0) store.delete(keys[next - 2]);
    };
    assertEquals(reader.getText("there"), "1");
    assertEquals(reader.get(`not there ${i}`), null);
  }
  assert(inner.retries > 0);
});

Deno.test("a miss is not believed while the entries of the page move, or if they have", async () => {
  await using pair = await Pair.make();
  const { reader, inner } = pair;
  const index = MappedFile.open(`${pair.path}-index`, { headerBytes: indexHeaderTotalBytes });
  const words = index.windows[0].i32;
  const pages = index.header.i32[indexHeader.pageCountWord];
  const move = () => {
    for (let page = 1; page < pages; page++) words[pageBase(page) + indexPage.versionWord]++;
  };
  assertEquals(reader.get("none"), null);
  const { retries } = inner;
  interleave(inner, () => {
    move();
    move();
  });
  assertEquals(reader.get("none"), null);
  assertEquals(inner.retries, retries + 1);
  move();
  assertThrows(() => reader.get("none"), StoreError, "again and again");
  assertThrows(() => [...reader.scan()], StoreError, "again and again");
  move();
  assertEquals(reader.get("none"), null);
  assertEquals([...reader.scan()], []);
  await index.close();
});

Deno.test("a key that comes while it is missed may be found", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  store.set("other", "1");
  interleave(inner, () => store.set("key", "2"));
  const value = reader.getText("key");
  assert(value === null || value === "2");
  assertEquals(reader.getText("key"), "2");
});

Deno.test("a scan comes by all keys that stay, while others come and go and pages split", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  const staying = Array.from({ length: 500 }, (_, i) => `stay:${i}`);
  for (const key of staying) store.set(key, "1");
  const seen = new Set<string>();
  let i = 0;
  for (const key of reader.scan()) {
    seen.add(new TextDecoder().decode(key));
    store.set(`come:${i++}`, "2");
    store.set(staying[i % 500], `${i}`);
    if (i % 2 === 0) store.delete(`come:${i - 2}`);
  }
  assertEquals(staying.filter((key) => !seen.has(key)), []);
  const matching = [...reader.scan({ match: "stay:1?" })].map((key) =>
    new TextDecoder().decode(key)
  );
  assertEquals(matching.sort(), Array.from({ length: 10 }, (_, i) => `stay:1${i}`));
});

Deno.test("a batch is seen as a whole, and one that is taken back not at all", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  store.set("a", "1");
  store.set("b", "1");
  store.beginBatch();
  store.set("a", "2");
  // In one process nobody ends the batch meanwhile.
  assertThrows(() => reader.get("a"), StoreError, "within a change");
  store.set("b", "2");
  store.endBatch();
  assertEquals([reader.getText("a"), reader.getText("b")], ["2", "2"]);
  store.beginBatch();
  store.set("a", "3");
  store.failBatch();
  store.endBatch();
  assertEquals(reader.getText("a"), "2");
});

Deno.test("a value of a batch that begins while it is looked up is not believed before its end", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  store.set("a", "1");
  const seen: string[] = [];
  inner.onBelieve = () => {
    if (seen.push("batch") > 1) return;
    store.beginBatch();
    store.set("a", "2");
    store.set("a", "3");
    store.endBatch();
  };
  assertEquals(reader.getText("a"), "3");
});

Deno.test("getMany has all of a batch or nothing", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`);
  const write = (value: string) => {
    store.beginBatch();
    for (const key of keys) store.set(key, value);
    store.endBatch();
  };
  write("old");
  let looks = 0;
  inner.onBelieve = () => {
    if (++looks === 50) write("new");
  };
  const values = reader.getMany(keys).map((value) => new TextDecoder().decode(value!));
  assertEquals(new Set(values), new Set(["new"]));
  // Without an end to the batches there is none to the tries.
  inner.onBelieve = () => {
    if (++looks % 50 === 0) write(`${looks}`);
  };
  assertThrows(() => reader.getMany(keys), StoreError, "between two transactions");
  assertEquals(reader.getMany(keys, { whole: false }).length, 100);
  assertEquals(reader.getMany([]), []);
});

Deno.test("after clear there is nothing, and what comes then is found", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  for (let i = 0; i < 2000; i++) store.set(`key:${i}`, "1");
  assertEquals(reader.getText("key:7"), "1");
  store.clear();
  for (let i = 0; i < 2000; i++) assertEquals(reader.get(`key:${i}`), null);
  assertEquals([...reader.scan()], []);
  interleave(inner, () => store.set("key:7", "2"));
  reader.get("key:7");
  assertEquals(reader.getText("key:7"), "2");
  for (let i = 0; i < 2000; i++) store.set(`key:${i}`, "3");
  for (let i = 0; i < 2000; i++) assertEquals(reader.getText(`key:${i}`), "3");
});

Deno.test("a large value comes whole while the log goes on, and again when it was replaced", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  const old = "o".repeat(3_000_000);
  store.set("large", old);
  let pieces = 0;
  inner.onBelieve = () => {
    pieces++;
    store.set(`small:${pieces % 10}`, "s".repeat(700));
  };
  assertEquals(reader.getText("large"), old);
  assert(pieces < 20, "segments that begin elsewhere are no reason to begin again");
  // All keys are removed: the segment is on its way out.
  let isReplaced = false;
  inner.onBelieve = () => {
    if (isReplaced) return;
    isReplaced = true;
    store.clear();
    store.set("large", "n".repeat(2_000_000));
  };
  assertEquals(reader.getText("large"), "n".repeat(2_000_000));
});

Deno.test("the file grows and shrinks under a reader", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  const sizes: number[] = [];
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 3000; i++) store.set(`key:${i}`, `${round}`.repeat(300));
    sizes.push(reader.stats().fileBytes);
    for (let i = 0; i < 3000; i += 7) assertEquals(reader.getText(`key:${i}`)!.length, 300);
    store.clear();
    store.set("kept", `${round}`); // From here on it is idle, and tidies up.
    const deadline = performance.now() + 20_000;
    while (reader.stats().fileBytes > sizes[round] / 2 && performance.now() < deadline) {
      assertEquals(reader.getText("kept"), `${round}`);
      assertEquals(reader.get("key:5"), null);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert(reader.stats().fileBytes < sizes[round] / 2, "it was cut");
  }
});

Deno.test("a store that was stopped in order is read, and so is the next opening", async () => {
  await using pair = await Pair.make();
  const { reader } = pair;
  pair.store.set("a", "1");
  await pair.store.close();
  assertEquals(reader.stats().isServed, false);
  assertEquals(reader.getText("a"), "1");
  pair.openReader();
  assertEquals(pair.reader.getText("a"), "1");
  assertEquals(pair.reader.stats().source, "index");
  pair.store = pair.openStore();
  pair.store.set("a", "2");
  assertEquals([reader.getText("a"), pair.reader.getText("a")], ["2", "2"]);
  assertEquals(reader.stats().isServed, true);
  reader.close();
});

Deno.test("a store without its index, or with one of another boot, is read from its log", async () => {
  await using pair = await Pair.make();
  for (let i = 0; i < 500; i++) pair.store.set(`key:${i}`, `${i}`);
  const expected = pair.contents();
  for (const what of ["none", "cut off", "of another boot", "of another file"]) {
    const path = await pair.killed();
    const index = `${path}-index`;
    const bytes = await Deno.readFile(index);
    if (what === "none") await Deno.remove(index);
    else if (what === "cut off") await Deno.truncate(index, indexHeaderTotalBytes - 1);
    else {
      bytes[what === "of another boot" ? indexHeader.bootIdByte : 8 * indexHeader.storeInodeF64] ^=
        1;
      await Deno.writeFile(index, bytes);
    }
    const options = { clock: () => pair.now, limits, waitMsMax: 300 };
    const [reader] = KeyValueReader.openWith(path, options);
    assertEquals(reader.stats().source, "log", what);
    assertEquals(contentsOf(reader), expected, what);
    // Somebody opens it: then there is an index, and more in it.
    const store = Store.open({ path, limits, sync: "no", clock: () => pair.now });
    store.set("new", "1");
    assertEquals(reader.getText("new"), "1", what);
    assertEquals(reader.stats().source, "index", what);
    reader.close();
    await store.close();
  }
});

Deno.test("what a process leaves that is killed within a batch, or an insertion, is read from the log", async () => {
  await using pair = await Pair.make();
  const { store } = pair;
  for (let i = 0; i < 300; i++) store.set(`key:${i}`, `${i}`);
  const expected = pair.contents();
  store.beginBatch();
  store.set("key:1", "half");
  const withinBatch = await pair.killed();
  store.endBatch();
  const between = await pair.killed();
  const marked = await pair.killed();
  const index = MappedFile.open(`${marked}-index`, { headerBytes: indexHeaderTotalBytes });
  index.header.i32[indexHeader.busyWord] = 1;
  await index.close();
  const after = new Map(expected).set("key:1", "half");
  const options = { clock: () => pair.now, limits, waitMsMax: 300 };
  for (
    const [path, source, contents] of [
      [withinBatch, "log", expected],
      [between, "index", after],
      [marked, "log", after],
    ] as const
  ) {
    const [reader] = KeyValueReader.openWith(path, options);
    assertEquals(reader.stats().source, source);
    assertEquals(contentsOf(reader), contents);
    reader.close();
  }
});

Deno.test("a reader that met a batch whose process was killed goes on with the log", async () => {
  await using pair = await Pair.make();
  pair.store.set("a", "1");
  const path = await pair.killed();
  const [reader, inner] = KeyValueReader.openWith(path, {
    clock: () => pair.now,
    limits,
    waitMsMax: 300,
  });
  assertEquals(reader.getText("a"), "1");
  assertEquals(reader.stats().source, "index");
  const file = MappedFile.open(path, { headerBytes: storeHeaderBytes });
  file.header.i32[readerWords.changesWord]++;
  assertEquals(reader.getText("a"), "1");
  assertEquals(inner.source.kind, "log");
  await file.close();
  reader.close();
});

Deno.test("other files, other versions and no file are refused, each with its reason", async () => {
  await using pair = await Pair.make();
  const { folder } = pair;
  assertThrows(() => KeyValueReader.open(folder.join("none.db")), Deno.errors.NotFound);
  const foreign = folder.join("foreign");
  await Deno.writeTextFile(foreign, "something else ".repeat(1000));
  assertThrows(() => KeyValueReader.open(foreign), StoreError, "something else");
  const empty = folder.join("empty");
  await Deno.writeTextFile(empty, "");
  assertThrows(() => KeyValueReader.open(empty), StoreError, "empty");
  const short = folder.join("short");
  await Deno.writeFile(short, (await Deno.readFile(pair.path)).subarray(0, 5000));
  assertThrows(() => KeyValueReader.open(short), StoreError, "cut off");
  assertThrows(() => KeyValueReader.open(folder.path), StoreError, "no file");

  const killed = await pair.killed();
  const change = async (edit: (file: MappedFile) => void) => {
    const file = MappedFile.open(killed, { headerBytes: storeHeaderBytes });
    edit(file);
    await file.close();
  };
  await change(({ header }) => header.i32[readerWords.versionWord] = 9);
  assertThrows(() => KeyValueReader.open(killed), StoreError, "a newer kv");
  await change(({ header }) => header.f64[readerWords.openIdF64] = 0);
  assertThrows(() => KeyValueReader.open(killed), StoreError, "an older kv");
});

Deno.test("a backup that nobody has opened yet is read from its log", async () => {
  await using pair = await Pair.make();
  for (let i = 0; i < 50; i++) pair.store.set(`key:${i}`, `${i}`);
  const path = pair.folder.join("backup.db");
  await pair.store.backUp(path);
  const [reader] = KeyValueReader.openWith(path, { clock: () => pair.now, limits, waitMsMax: 300 });
  assertEquals(contentsOf(reader), pair.contents());
  assertEquals(reader.stats().source, "log");
  reader.close();
});

Deno.test("stats tell when another file is at the path", async () => {
  await using pair = await Pair.make();
  pair.store.set("a", "1");
  assertEquals(pair.reader.stats().isReplaced, false);
  await Deno.rename(pair.path, `${pair.path}.old`);
  assertEquals(pair.reader.stats().isReplaced, true);
  assertEquals(pair.reader.getText("a"), "1");
  await Deno.rename(`${pair.path}.old`, pair.path);
});

Deno.test("a closed reader refuses, and closing twice is fine", async () => {
  await using pair = await Pair.make();
  pair.reader.close();
  pair.reader.close();
  for (
    const call of [
      () => pair.reader.get("a"),
      () => pair.reader.has("a"),
      () => pair.reader.getMany(["a"]),
      () => [...pair.reader.scan()],
      () => pair.reader.stats(),
    ]
  ) assertThrows(call, StoreError, "it is closed");
});

Deno.test("a reader writes nothing and is in nobody's way", async () => {
  await using pair = await Pair.make();
  pair.store.set("a", "1");
  await pair.store.close();
  const before = [await Deno.readFile(pair.path), await Deno.readFile(`${pair.path}-index`)];
  pair.openReader();
  assertEquals(pair.reader.getText("a"), "1");
  assertEquals(pair.reader.getMany(["a", "b"]).length, 2);
  const after = [await Deno.readFile(pair.path), await Deno.readFile(`${pair.path}-index`)];
  assertEquals(after, before);
  pair.store = pair.openStore(); // Throws if somebody has a lock.
});

Deno.test("values of the largest header lengths are not read past the end of the file", async () => {
  await using pair = await Pair.make();
  pair.store.set("a", "1");
  const address = pair.store.find(encoder.encode("a"), 0, 1) && pair.store.fileOffsetOfFound;
  pair.store.set("large", "2".repeat(5000)); // Nothing is staged any more.
  const path = await pair.killed();
  const file = MappedFile.open(path, { headerBytes: storeHeaderBytes });
  const offset = Number(address) - storeHeaderBytes;
  file.windows[0].i32[(offset >> 2) + record.valueLengthWord] = 2 ** 31 - 1;
  assert(offset + recordHeaderBytes < file.bodyBytes);
  await file.close();
  const [reader] = KeyValueReader.openWith(path, { clock: () => pair.now, limits, waitMsMax: 300 });
  assertEquals(reader.get("a"), null);
  reader.close();
});

Deno.test("a damaged record counts as missing, in what an earlier process has left", async () => {
  await using pair = await Pair.make();
  const { store } = pair;
  store.set("whole", "1".repeat(50));
  store.set("damaged", "2".repeat(50));
  const bytes = encoder.encode("damaged");
  store.find(bytes, 0, bytes.length);
  const offset = store.fileOffsetOfFound - storeHeaderBytes;
  store.set("large", "3".repeat(9000));
  await store.close();
  const file = MappedFile.open(pair.path, { headerBytes: storeHeaderBytes });
  file.windows[0].u8[offset + recordHeaderBytes + 20] ^= 1;
  await file.close();
  for (const isServed of [false, true]) {
    if (isServed) pair.store = pair.openStore();
    const { reader } = pair;
    assertEquals(reader.get("damaged"), null);
    assertEquals(reader.has("damaged"), false);
    assertEquals(reader.getText("whole"), "1".repeat(50));
    for (let i = 0; i < 2; i++) assertEquals(reader.getText("large"), "3".repeat(9000));
    const keys = [...reader.scan()].map((key) => new TextDecoder().decode(key));
    assertEquals(keys.sort(), ["large", "whole"]);
    assertEquals(reader.stats().source, "index");
    assert(reader.stats().damagedReads > 0);
  }
});

Deno.test("a length that changes while its record is verified does not lead behind the end of the file", async () => {
  await using pair = await Pair.make();
  const { store } = pair;
  store.set("a", "1".repeat(20));
  store.find(encoder.encode("a"), 0, 1);
  const offset = store.fileOffsetOfFound - storeHeaderBytes;
  const path = await pair.killed();
  const file = MappedFile.open(path, { headerBytes: storeHeaderBytes });
  // As it would be in a segment that is in use again: touching its end would be SIGBUS.
  file.windows[0].i32[(offset >> 2) + record.valueLengthWord] = 2 ** 29;
  const { state } = Superblock.read(file)!;
  const trust = new RecordTrust(state, file.windows, Infinity);
  const judged = trust.judge(offset >> 4, recordBytes(1, 20), file.windows[0], offset);
  assertEquals(judged, recordState.damaged);
  await file.close();
});

Deno.test("of two keys with one hash, which differ in their last byte or first word, each has its own value", async () => {
  await using pair = await Pair.make();
  const varied = (i: number) =>
    String.fromCharCode(...[1, 94, 94 ** 2].map((unit) => 33 + Math.floor(i / unit) % 94));
  for (const name of [(i: number) => `key:${varied(i)}`, (i: number) => `${varied(i)}:key!`]) {
    const [one, other] = sameHash(name, pair.inner);
    pair.store.set(one, "one");
    assertEquals([pair.reader.getText(one), pair.reader.get(other)], ["one", null]);
    pair.store.set(other, "other");
    assertEquals([pair.reader.getText(one), pair.reader.getText(other)], ["one", "other"]);
    const many = pair.reader.getMany([one, other, one]);
    assertEquals(many.map((value) => new TextDecoder().decode(value!)), ["one", "other", "one"]);
  }
});

/** Two keys of one length and one hash: among 2^19, there are about 30 pairs. */
function sameHash(name: (i: number) => string, reader: SharedReader): [string, string] {
  const known = new Map<number, string>();
  for (let i = 0; i < 2 ** 19; i++) {
    const key = name(i);
    const bytes = new TextEncoder().encode(key);
    const hash = reader.hashOf(bytes, 0, bytes.length);
    const other = known.get(hash);
    if (other !== undefined) return [other, key];
    known.set(hash, key);
  }
  throw new Error("there are no two keys with one hash");
}

Deno.test("pages that are read while all keys are being removed are read again behind it", async () => {
  await using pair = await Pair.make();
  for (let i = 0; i < 300; i++) pair.store.set(`key:${i}`, "1");
  const path = await pair.killed();
  const options = { clock: () => pair.now, limits, waitMsMax: 300 };
  const [reader] = KeyValueReader.openWith(path, options);
  assertEquals(reader.getText("key:7"), "1");
  const file = MappedFile.open(path, { headerBytes: storeHeaderBytes });
  const index = MappedFile.open(`${path}-index`, { headerBytes: indexHeaderTotalBytes });
  const words = file.header.i32;
  // What `clear` does, in two halves: the first one comes after the reader has looked at _changes_.
  const halves = [
    () => {
      words[readerWords.changesWord]++;
      words[readerWords.layoutsWord]++;
    },
    () => {
      const pages = index.windows[0].i32;
      index.header.i32[indexHeader.pageCountWord] = 3;
      pages.fill(0, 0, pageBase(3));
      pages.set([0, tableEntry(0, 1), tableEntry(1 << 31, 1)], 0);
      pages.set([0, 2, 0, 100], pageBase(1));
      pages.set([1 << 31, 2, 0, 100], pageBase(2));
      words[readerWords.changesWord]++;
    },
  ];
  const load = Atomics.load;
  Atomics.load = ((array: Int32Array, at: number) => {
    const isHeader = array.length === words.length;
    const value = load(array, at);
    if (isHeader && at === readerWords.changesWord && halves.length === 2) halves.shift()?.();
    else if (isHeader && at === readerWords.changesWord && (value & 1) !== 0 && isBelieved) {
      halves.shift()?.();
      return load(array, at);
    }
    if (at === readerWords.reusesWord && halves.length === 1) isBelieved = true;
    return value;
  }) as typeof Atomics.load;
  let isBelieved = false;
  try {
    for (let i = 0; i < 300; i++) assertEquals(reader.get(`key:${i}`), null);
  } finally {
    Atomics.load = load;
  }
  assertEquals(halves, []);
  await file.close();
  await index.close();
  reader.close();
});

Deno.test("the modes of the files decide who may read", async () => {
  await using pair = await Pair.make();
  pair.store.set("a", "1");
  const { path, folder } = pair;
  await Deno.chmod(folder.path, 0o755);
  using nobody = new Nobody();
  for (const file of [path, `${path}-index`]) {
    await Deno.chmod(file, nobody.isRoot ? 0o600 : 0o000);
    await Deno.chmod(file === path ? `${path}-index` : path, 0o644);
    const error = nobody.run(() => assertThrows(() => KeyValueReader.open(path)));
    assertMatch((error as Error).message, /ermission denied/, file);
  }
  for (const file of [path, `${path}-index`]) await Deno.chmod(file, 0o644);
  nobody.run(() => {
    using reader = KeyValueReader.open(path);
    assertEquals(reader.getText("a"), "1");
  });
});

/** Somebody who owns nothing, where the tests are run by root, whom no mode stops. */
class Nobody implements Disposable {
  readonly isRoot = Deno.uid() === 0;
  readonly #libc = Deno.dlopen("libc.so.6", {
    seteuid: { parameters: ["u32"], result: "i32" },
  });

  run(body: () => unknown): unknown {
    if (this.isRoot) assertEquals(this.#libc.symbols.seteuid(65534), 0);
    try {
      return body();
    } finally {
      if (this.isRoot) assertEquals(this.#libc.symbols.seteuid(0), 0);
    }
  }

  [Symbol.dispose](): void {
    this.#libc.close();
  }
}

Deno.test("what a turn has staged is read from there, and from the file afterwards", async () => {
  await using pair = await Pair.make();
  const { store, reader } = pair;
  store.set("a", "1");
  store.beginTurn();
  for (let i = 0; i < 200; i++) {
    const value = `${i}`.padEnd(i % 7 * 60, "v"); // Some are too long to be staged.
    for (const key of ["a", `key:${i % 9}`]) {
      store.find(encoder.encode(key), 0, key.length);
      store.put(encoder.encode(value), 0, value.length, 0);
      assertEquals(reader.getText(key), value);
      assertEquals(reader.has(key), true);
    }
    if (i % 50 === 0) assertEquals(pair.contents().get("a"), value);
  }
  store.endTurn();
  assertEquals(pair.contents().size, 10);
  // Killed within the turn that follows, with nobody who writes to the log what was staged.
  store.beginTurn();
  store.find(encoder.encode("a"), 0, 1);
  store.put(encoder.encode("staged"), 0, 6, 0);
  const path = await pair.killed();
  const options = { clock: () => pair.now, limits, waitMsMax: 300 };
  const [left] = KeyValueReader.openWith(path, options);
  assertEquals([left.stats().source, left.getText("a")], ["index", "staged"]);
  assertEquals(contentsOf(left).get("a"), "staged");
  left.close();
  store.endTurn();
});

Deno.test("a record that is staged no more when it is read is looked up again", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  for (const what of ["getText", "has", "scan", "missing"] as const) {
    for (let i = 0; i < 60; i++) {
      store.set("a", `${what} ${i}`);
      store.delete("b");
      // The half is begun again, twice, and has other records then.
      interleave(inner, () => {
        store.set("a", `${what} ${i}!`);
        for (let k = 0; k < i % 12; k++) store.set(`other:${k}`, "o".repeat(90));
        store.set("b", "1");
        if (what === "missing") store.delete("b");
      });
      const { retries } = inner;
      // The value of the moment when the address was read, or that of another look.
      if (what === "getText") {
        assert([`${what} ${i}`, `${what} ${i}!`].includes(reader.getText("a")!));
      } else if (what === "has") assertEquals(reader.has("a"), true);
      else if (what === "missing") assertEquals(reader.get("b"), null);
      else assert([...reader.scan()].some((key) => key.length === 1 && key[0] === 97));
      assert(inner.retries - retries < 10);
    }
  }
});

Deno.test("what stands in the file where a record belongs that is staged is not taken for it", async () => {
  await using pair = await Pair.make();
  const { store, reader, inner } = pair;
  const key = encoder.encode("a");
  store.set("a", "wrong");
  store.find(key, 0, 1);
  const { foundBytes, foundStart, foundEnd } = store;
  const older = foundBytes.slice(foundStart - recordHeaderBytes - 1, foundEnd);
  const file = MappedFile.open(pair.path, { headerBytes: storeHeaderBytes });
  for (let i = 0; i < 30; i++) {
    store.set("fill", "f".repeat(i * 10)); // The half ends here and there.
    inner.onLook = () => {
      inner.onLook = null;
      // The other half is begun, which the reader does not know. An older life of the segment had such a record there.
      store.beginTurn();
      for (let k = 0; k < 8; k++) {
        store.find(encoder.encode(`k${k}`), 0, 2);
        store.put(encoder.encode("v".repeat(60)), 0, 60, 0);
      }
      store.find(key, 0, 1);
      store.put(encoder.encode("right"), 0, 5, 0);
      store.find(key, 0, 1);
      file.windows[0].u8.set(older, store.fileOffsetOfFound - storeHeaderBytes);
    };
    assertEquals(reader.getText("a"), "right");
    store.endTurn();
    assertEquals(reader.getText("a"), "right");
  }
  await file.close();
});
