/**
 * Damaged files: bytes flipped, pages zeroed, swapped or copied over another, files cut short, the index
 * of an earlier state or of another store. Whatever the damage: the store says that it cannot be opened,
 * or what opens never shows a value that its key did not have, and names what is lost.
 */
import { assert, assertEquals } from "@std/assert";
import { checkStore } from "../../src/store/checker.ts";
import { StoreError } from "../../src/store/errors.ts";
import {
  indexHeader,
  indexHeaderTotalBytes,
  indexPage,
  indexPageBytes,
  storeHeaderBytes,
} from "../../src/store/format.ts";
import type { Store } from "../../src/store/store.ts";
import { SystemError } from "../../src/sys/libc.ts";
import { toBytes, toText } from "../support/binary_text.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { SimulatedDisk } from "../unit/store/simulated_disk.ts";
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
} from "../unit/store/tiny_store.ts";

const pageBytes = 4096;
const sectorBytes = 512;
const fileBytesMax = 2 ** 20;
/** More than a scan can take of the few keys that there are. */
const scanStepsMax = 1000;

/** A store's files, and what its keys were at all times. */
export interface Specimen {
  readonly disk: SimulatedDisk;
  /** What each key was, "" for nothing at all. */
  readonly history: ReadonlyMap<string, ReadonlySet<string | null>>;
  /** What it holds. */
  readonly state: ReadonlyMap<string, string>;
  /** The index as it was some time before. */
  readonly staleIndex: Uint8Array;
}

/** A small store with everything in it: stopped in order, or killed. */
export async function makeSpecimen(seed: number, isStopped: boolean): Promise<Specimen> {
  const random = new SeededRandom(seed);
  const disk = new SimulatedDisk(fileBytesMax);
  const store = openOn(disk);
  const history = new Map<string, Set<string | null>>();
  const note = (key: string, value: string | null) => {
    const values = history.get(key) ?? new Set([null]);
    values.add(value);
    history.set(key, values);
  };
  const write = (i: number) => {
    const key = `key:${random.below(40)}`;
    if (random.chance(0.25)) {
      remove(store, key);
      note(key, null);
      return;
    }
    const value = `${i}:`.padEnd(random.below(150), "v");
    put(store, key, value, random.chance(0.2) ? someTime + 1000 : 0);
    note(key, value);
  };
  for (let i = 0; i < 60; i++) write(i);
  for (const key of contents(store).keys()) note(key, null);
  store.clear();
  for (let i = 100; i < 260; i++) {
    if (random.chance(0.1)) {
      store.beginBatch();
      for (let k = 0; k < 5; k++) write(i * 10 + k);
      store.endBatch();
    } else write(i);
    store.tick();
    if (i % 20 === 0) await store.sync();
  }
  const large = "0123456789".repeat(900);
  put(store, "large", large);
  note("large", large);
  await store.sync();
  const staleIndex = disk.bytesOf(indexPath).slice();
  for (let i = 300; i < 330; i++) write(i);
  await store.sync();
  const state = contents(store);
  const killed = disk.copy();
  await store.close();
  return { disk: isStopped ? disk : killed, history, state, staleIndex };
}

export interface DamageOutcome {
  refused: number;
  /** Opened, with less than there was. */
  lossy: number;
  /** Opened, with all of it. */
  unharmed: number;
}

/** Opens a damaged copy and looks at everything; throws when anything is not as promised. */
export async function examine(
  { history, state }: Specimen,
  damaged: SimulatedDisk,
  outcome: DamageOutcome,
  mayHideKeys = false,
  checkerTells = false,
): Promise<void> {
  const copy = damaged.copy();
  const isWhole = await checkSays(damaged.copy());
  let store: Store;
  try {
    store = openOn(damaged);
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof SystemError)) throw error;
    outcome.refused++;
    // An index that cannot take the end of the log is marked: the next opening makes it anew.
    if (mayHideKeys) await openOn(damaged).close();
    else assert(isWhole !== true, "the checker calls whole what cannot be opened");
    return;
  }
  try {
    const found = contentsOf(store, history.keys());
    for (const [key, value] of found) {
      assert(history.get(key)?.has(value), `${key} is ${value.slice(0, 20)}, which it never was`);
    }
    const lost = [...state].filter(([key, value]) => found.get(key) !== value).length +
      [...found.keys()].filter((key) => !state.has(key)).length;
    if (lost === 0) outcome.unharmed++;
    else outcome.lossy++;
    if (lost > 0 && !mayHideKeys) {
      assert(store.damages.length > 0, `${lost} keys are not what they were, and nothing says so`);
      // Two segments that have changed places are a whole log, to which only the index does not fit.
      copy.remove(indexPath);
      assert(
        isWhole !== true || await isRebuilt(copy, state),
        `${lost} keys are not what they were, and the checker says whole`,
      );
    }
    assert(
      lost === 0 || !checkerTells || isWhole !== true,
      `${lost} keys are hidden by the index, and the checker says whole`,
    );
    await useOn(store, mayHideKeys);
  } finally {
    await store.close();
  }
}

/** Whether all is there when the index is made anew. */
async function isRebuilt(
  disk: SimulatedDisk,
  state: ReadonlyMap<string, string>,
): Promise<boolean> {
  const store = openOn(disk);
  try {
    const found = contentsOf(store, state.keys());
    return found.size === state.size &&
      [...state].every(([key, value]) => found.get(key) === value);
  } finally {
    await store.close();
  }
}

/** As `contents`, of these keys and all that a scan shows, which may not be found all the same. */
function contentsOf(store: Store, known: Iterable<string>): Map<string, string> {
  const keys: string[] = [...known];
  let cursor = 0;
  let steps = 0;
  do {
    assert(steps++ < scanStepsMax, "a scan comes to an end");
    cursor = store.scan(cursor, 3, (bytes, start, end) => {
      keys.push(toText(bytes.subarray(start, end)));
    });
  } while (cursor !== 0);
  const found = new Map<string, string>();
  for (const key of keys) {
    const value = valueOf(store, key);
    if (value !== null) found.set(key, value);
  }
  return found;
}

/** The store goes on: writes, deletes, compaction, clear. */
async function useOn(store: Store, mayHideKeys: boolean): Promise<void> {
  try {
    for (let i = 0; i < 40; i++) put(store, `key:${i}`, "new".repeat(50));
    for (let i = 0; i < 40; i += 3) remove(store, `key:${i}`);
    store.randomKey();
    for (let i = 0; i < 6; i++) {
      store.compact();
      store.tick();
      await store.sync();
    }
    for (let i = 0; i < 40; i++) {
      const key = toBytes(`key:${i}`);
      const isFound = store.find(key, 0, key.length);
      if (!mayHideKeys) assertEquals(isFound, i % 3 !== 0);
    }
    store.clear();
    assertEquals(store.count, 0);
    assertEquals(contentsOf(store, []).size, 0);
    put(store, "a", "1");
    assertEquals(valueOf(store, "a"), "1");
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

/** Whether the checker finds it whole; null when it cannot tell. */
async function checkSays(disk: SimulatedDisk): Promise<boolean | null> {
  try {
    const report = await checkStore(storePath, { limits: tinyLimits, openFile: disk.open });
    return report.damages.length === 0 && report.indexDifferencesTotal === 0;
  } catch (error) {
    if (error instanceof StoreError || error instanceof SystemError) return null;
    throw error;
  }
}

/** One way to damage a copy of the files. */
export interface Damage {
  readonly name: string;
  /**
   * What an index page holds is not read at the start, so that a key may be missing without a word;
   * `kv check` tells, after a clean stop. The same goes for records that look whole where they are.
   */
  readonly mayHideKeys?: boolean;
  /** The log has all keys, so that the checker finds what the index hides. */
  readonly isOfIndex?: boolean;
  apply(disk: SimulatedDisk): void;
}

/** Every byte of a file or of a part of it in turn, with a bit or all of it changed. */
export function* flippedBytes(
  path: string,
  length: number,
  every: number,
  from = 0,
): Iterable<Damage> {
  for (let at = from; at < from + length; at += every) {
    for (const mask of [1 << ((at - from) / every) % 8, 0xff]) {
      yield {
        name: `byte ${at} of ${path} xor ${mask}`,
        apply: (disk) => {
          disk.bytesOf(path)[at] ^= mask;
        },
      };
    }
  }
}

/** The store's file, cut short. */
export function* truncations(length: number, every: number): Iterable<Damage> {
  for (let bytes = storeHeaderBytes; bytes < length; bytes += every) {
    yield {
      name: `${storePath} cut to ${bytes} bytes`,
      apply: (disk) => disk.truncate(storePath, bytes),
    };
  }
}

/**
 * Whether what was moved from one offset of the store's file to the other may look as if it belonged
 * there: a record's checksum does not say where in its segment it stands, and without the newer
 * superblock slot nothing says that the log went on.
 */
function looksWhole(from: number, to: number): boolean {
  const [first, second] = [from, to].map((at) =>
    Math.floor((at - storeHeaderBytes) / tinyLimits.segmentBytes)
  );
  return first === second || first < 0 || second < 0;
}

type Mangling = "zero" | "swap" | "copy";
const manglings: readonly Mangling[] = ["zero", "swap", "copy"];

function mangle(kind: Mangling, bytes: Uint8Array, from: number, to: number, unit: number): void {
  const first = bytes.slice(from, from + unit);
  const second = bytes.slice(to, to + unit);
  if (kind === "zero") bytes.fill(0, from, from + unit);
  else bytes.set(first, to);
  if (kind === "swap") bytes.set(second, from);
}

/** Pages and sectors zeroed, swapped, or copied over another. */
export function* mangledPages(path: string, length: number, random: SeededRandom, count: number) {
  for (let i = 0; i < count; i++) {
    const unit = random.pick([pageBytes, sectorBytes]);
    const units = Math.floor(length / unit);
    const [from, to] = [random.below(units) * unit, random.below(units) * unit];
    const kind = random.pick(manglings);
    const damage: Damage = {
      mayHideKeys: kind !== "zero" && looksWhole(from, to),
      name: `${kind} ${unit} bytes at ${from} and ${to} of ${path}`,
      apply: (disk) => mangle(kind, disk.bytesOf(path), from, to, unit),
    };
    yield damage;
  }
}

function wordsOf(disk: SimulatedDisk, path: string): Int32Array {
  const { buffer, byteOffset, length } = disk.bytesOf(path);
  return new Int32Array(buffer, byteOffset, length >> 2);
}

/** The same for the index: its header, the first counts of live bytes, and the pages in use. */
export function* mangledIndexPages(
  { disk }: Specimen,
  random: SeededRandom,
  count: number,
): Iterable<Damage> {
  const pageCount = wordsOf(disk, indexPath)[indexHeader.pageCountWord];
  const starts = [0, pageBytes];
  for (let i = 0; i < pageCount; i++) starts.push(indexHeaderTotalBytes + i * indexPageBytes);
  for (let i = 0; i < count; i++) {
    // A page of the tiny limits is used in its first sector only.
    const unit = random.pick([pageBytes, sectorBytes]);
    const [from, to] = [random.pick(starts), random.pick(starts)];
    const kind = random.pick(manglings);
    yield {
      name: `${kind} ${unit} bytes at ${from} and ${to} of ${indexPath}`,
      mayHideKeys: true,
      isOfIndex: true,
      apply: (other) => mangle(kind, other.bytesOf(indexPath), from, to, unit),
    };
  }
}

/** The index of an earlier state, of another store, torn in half, or with wild words. */
export function* wrongIndexes(
  { disk, staleIndex }: Specimen,
  foreign: Specimen,
  random: SeededRandom,
  count: number,
): Iterable<Damage> {
  const replace = (name: string, bytes: Uint8Array): Damage => ({
    name,
    apply: (other) => {
      other.truncate(indexPath, 0);
      other.write(indexPath, bytes);
    },
  });
  yield replace("an index of an earlier state", staleIndex);
  yield replace("the index of another store", foreign.disk.bytesOf(indexPath).slice());
  yield replace("half of an index", staleIndex.slice(0, staleIndex.length >> 1));
  yield replace("an index of zeros", new Uint8Array(staleIndex.length));
  const pageCount = wordsOf(disk, indexPath)[indexHeader.pageCountWord];
  for (let pages = 0; pages <= pageCount; pages++) {
    const length = indexHeaderTotalBytes + pages * indexPageBytes;
    for (const bytes of [length - 1, length, length + 1]) {
      yield {
        name: `${indexPath} cut to ${bytes} bytes`,
        apply: (other) => other.truncate(indexPath, bytes),
      };
    }
  }
  for (let i = 0; i < count; i++) yield wildWord(disk, pageCount, random);
}

/** A word of a page's header or of its slots is another one. */
function wildWord(disk: SimulatedDisk, pageCount: number, random: SeededRandom): Damage {
  const words = wordsOf(disk, indexPath);
  const firstPage = indexHeaderTotalBytes / 4;
  const place = (page: number) => firstPage + page * indexPageBytes / 4;
  const usedWords = indexPage.slotWord + 2 * tinyLimits.slotsPerPage;
  const at = place(random.below(pageCount)) + random.below(usedWords);
  const other = words[place(random.below(pageCount)) + random.below(usedWords)];
  const units = (disk.bytesOf(storePath).length - storeHeaderBytes) / 16;
  const word = random.pick([
    random.next() | 0,
    ...[-1, 0, 1, 29, 0x7fffffff, 1 << random.below(32)],
    // Within the file, its last units, and just behind its end.
    ...[1 + random.below(units - 1), units - 1 - random.below(3), units + random.below(300)],
    ...[other, words[at] + 1, words[at] - 1],
  ]);
  return {
    name: `word ${word} at ${at * 4} of ${indexPath}, which was ${words[at]}`,
    mayHideKeys: true,
    isOfIndex: true,
    apply: (damaged) => {
      wordsOf(damaged, indexPath)[at] = word;
    },
  };
}

/**
 * From now on, each look at the clock takes as long: how busy a store seems, which decides what is done
 * in the background, is then the same in every run. Undone when disposed of.
 */
export function steadyClock(): Disposable {
  const { now } = performance;
  let ticks = 0;
  performance.now = () => ticks += 0.01;
  return {
    [Symbol.dispose]: () => {
      performance.now = now;
    },
  };
}
