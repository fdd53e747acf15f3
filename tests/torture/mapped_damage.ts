/**
 * Damaged files that are really mapped. Touching memory behind the end of a mapped file ends the process
 * with SIGBUS, which no simulated disk shows: so a process of its own opens file after damaged file, and
 * says before each what comes. The index gets most of the damage, for it says where to look.
 */
import { assert } from "@std/assert";
import {
  indexHeader,
  indexHeaderTotalBytes,
  indexPage,
  indexPageBytes,
  record,
  recordAlignment,
  recordKind,
  storeHeaderBytes,
} from "../../src/store/format.ts";
import { StoreError } from "../../src/store/errors.ts";
import { isTable } from "../../src/store/page_tables.ts";
import { checkStore } from "../../src/store/checker.ts";
import { MappedFile, type StoreFile, SystemError } from "../../src/sys/mapped_file.ts";
import { toBytes, toText } from "../support/binary_text.ts";
import { SeededRandom, seedGlobals } from "../support/seeded_random.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { withTimeLimit } from "../support/time_limit.ts";
import { SimulatedDisk } from "../unit/store/simulated_disk.ts";
import { indexPath, openOn, someTime, storePath, tinyLimits } from "../unit/store/tiny_store.ts";
import {
  type Damage,
  type DamageOutcome,
  examine,
  flippedBytes,
  makeSpecimen,
  mangledPages,
} from "./damaged_files.ts";

/** Cases of one specimen; then there is another one. */
const casesPerSpecimen = 100;
/** A case takes some ten milliseconds. */
const limitMsPerCase = 500;
const startMs = 30_000;
/** More steps than a scan of one key at a time can take. */
const scanStepsMax = 1000;

/** Files of a simulated disk, written to a folder and mapped from there. */
class MappedDisk extends SimulatedDisk {
  readonly folder: string;
  #copies = 0;

  constructor(folder: string) {
    super();
    this.folder = folder;
    Deno.mkdirSync(folder);
  }

  override readonly open = (path: string, headerBytes: number): StoreFile => {
    const file = MappedFile.open(`${this.folder}/${path}`, { headerBytes });
    // As on the disk where the files were made: else no index would be believed after a kill.
    return Object.assign(file, { path, inode: 0 });
  };

  override write(path: string, bytes: Uint8Array): void {
    Deno.writeFileSync(`${this.folder}/${path}`, bytes);
  }

  override remove(path: string): void {
    Deno.removeSync(`${this.folder}/${path}`);
  }

  override copy(): MappedDisk {
    const copy = new MappedDisk(`${this.folder}/copy${this.#copies++}`);
    for (const path of [storePath, indexPath]) {
      copy.write(path, Deno.readFileSync(`${this.folder}/${path}`));
    }
    return copy;
  }
}

// --- damage ----------------------------------------------------------------------------------------

/** The word offsets, in the index file, of all entries' hashes. */
function entriesOf(words: Int32Array): number[] {
  const first = indexHeaderTotalBytes / 4;
  const entries: number[] = [];
  for (let page = 0; page < words[indexHeader.pageCountWord]; page++) {
    if (isTable(page)) continue;
    const start = first + page * indexPageBytes / 4 + indexPage.slotWord;
    for (let slot = 0; slot < tinyLimits.slotsPerPage; slot++) {
      if (words[start + 2 * slot + 1] !== 0) entries.push(start + 2 * slot);
    }
  }
  return entries;
}

function wordsOf(disk: SimulatedDisk, path: string): Int32Array {
  const { buffer, byteOffset, length } = disk.bytesOf(path);
  return new Int32Array(buffer, byteOffset, length >> 2);
}

/** Addresses that an entry should never have, and some that another entry has. */
function wildAddress(
  disk: SimulatedDisk,
  entries: readonly number[],
  random: SeededRandom,
): number {
  const units = (disk.bytesOf(storePath).length - storeHeaderBytes) / recordAlignment;
  const other = wordsOf(disk, indexPath)[random.pick(entries) + 1];
  return random.pick([
    units - 1 - random.below(3), // The file ends within the record, or within its header.
    units + random.below(300),
    random.next(),
    1 + random.below(units - 1),
    other,
    other + random.below(5) - 2,
  ]) | 0;
}

/** The kinds of damage to an index, by what is damaged. */
const indexDamages: Readonly<Record<string, (disk: SimulatedDisk, random: SeededRandom) => void>> =
  {
    "entries with wild addresses": (disk, random) => {
      const words = wordsOf(disk, indexPath);
      const entries = entriesOf(words);
      for (let i = random.between(1, 8); i > 0; i--) {
        words[random.pick(entries) + 1] = wildAddress(disk, entries, random);
      }
    },
    "an entry of half a record at the file's end": (disk, random) => {
      const store = wordsOf(disk, storePath);
      const end = store.length - random.pick([4, 8]);
      store[end + record.kindWord] = recordKind.put;
      store[end + record.keyLengthWord] = random.pick([5, 6, 2 ** 16, 2 ** 30]);
      store[end + record.valueLengthWord] = random.pick([0, 100, 2 ** 29, -1]);
      const index = wordsOf(disk, indexPath);
      const address = (end * 4 - storeHeaderBytes) / recordAlignment;
      for (const entry of entriesOf(index)) if (random.chance(0.5)) index[entry + 1] = address;
    },
    "entries with wild hashes": (disk, random) => {
      const words = wordsOf(disk, indexPath);
      const entries = entriesOf(words);
      for (let i = random.between(1, 8); i > 0; i--) {
        words[random.pick(entries)] = random.pick([
          random.next(),
          0,
          -1,
          words[random.pick(entries)],
        ]);
      }
    },
    "a page's header": (disk, random) => {
      const words = wordsOf(disk, indexPath);
      const page = random.below(words[indexHeader.pageCountWord]);
      const word = indexHeaderTotalBytes / 4 + page * indexPageBytes / 4 + random.below(4);
      words[word] = random.pick([random.next(), words[word] + 1, words[word] - 1, 0, -1, 29]);
    },
    "what a table says": (disk, random) => {
      const words = wordsOf(disk, indexPath);
      const place = () =>
        indexHeaderTotalBytes / 4 + random.below(words[indexHeader.pageCountWord]);
      const word = place();
      words[word] = random.pick([random.next(), words[place()], words[word] ^ 1 << 31, 0, -1, 8]);
    },
    "pages changed for others": (disk, random) => {
      const bytes = disk.bytesOf(indexPath);
      const pages = wordsOf(disk, indexPath)[indexHeader.pageCountWord];
      const unit = random.pick([indexPageBytes, 512]);
      const place = () => indexHeaderTotalBytes + random.below(pages) * indexPageBytes;
      const [from, to] = [place(), place()];
      if (random.chance(0.3)) bytes.fill(0, to, to + unit);
      else bytes.copyWithin(to, from, from + unit);
    },
    "the counts of live bytes": (disk, random) => {
      const words = wordsOf(disk, indexPath);
      for (let i = random.between(1, 8); i > 0; i--) {
        const place = random.pick([random.below(40), random.below(2 ** 16)]);
        words[indexHeader.liveBytesWord + place] = random.pick([random.next(), 0, -1, 2 ** 31 - 1]);
      }
    },
    "the counts of its header": (disk, random) => {
      const { buffer } = disk.bytesOf(indexPath);
      const counts = new Float64Array(buffer, 0, 32);
      const { volatileKeysF64, tombstoneBytesF64, keysF64 } = indexHeader;
      for (const at of [volatileKeysF64, tombstoneBytesF64, keysF64]) {
        if (random.chance(0.7)) counts[at] = random.pick([NaN, Infinity, -1, 1e300, 0.5, 2 ** 36]);
      }
      const word = random.pick([random.next(), 0, 1, 2, 3, -1]);
      if (random.chance(0.3)) wordsOf(disk, indexPath)[indexHeader.pageCountWord] = word;
    },
    "its length": (disk, random) => {
      const { length } = disk.bytesOf(indexPath);
      const isBorder = random.chance(0.5);
      const bytes = isBorder ? random.below(length / indexPageBytes) * indexPageBytes : length;
      disk.truncate(indexPath, isBorder ? bytes : random.below(bytes));
    },
  };

/** Damage of the index and, now and then, of the store as well. */
function* damagesOf(specimen: SimulatedDisk, random: SeededRandom): Generator<Damage> {
  const { length } = specimen.bytesOf(storePath);
  const pages = mangledPages(storePath, length, random, Infinity)[Symbol.iterator]();
  const flips = [...flippedBytes(storePath, length, 211)];
  for (;;) {
    if (random.chance(0.2)) yield pages.next().value!;
    if (random.chance(0.1)) yield random.pick(flips);
    if (random.chance(0.1)) {
      const bytes = random.below(length);
      yield {
        name: `${storePath} cut to ${bytes} bytes`,
        apply: (disk) => disk.truncate(storePath, bytes),
      };
    }
    const name = random.pick(Object.keys(indexDamages));
    // What an index page holds is not read at the start; `kv check` tells, after a clean stop.
    yield { name, mayHideKeys: true, apply: (disk) => indexDamages[name](disk, random) };
  }
}

// --- the process -----------------------------------------------------------------------------------

/** As `kv check` does it: the files are mapped for reading, and stay as short as they are. */
async function checkReadOnly({ folder }: MappedDisk): Promise<void> {
  try {
    await checkStore(`${folder}/${storePath}`, { limits: tinyLimits });
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof SystemError)) throw error;
  }
}

/** What the server does beside reading and writing: lookahead, scans, expiry, eviction, housekeeping. */
async function useAll(disk: SimulatedDisk): Promise<void> {
  let now = someTime;
  try {
    const store = openOn(disk, { clock: () => now });
    try {
      for (let i = 0; i < 40; i++) {
        const key = toBytes(`key:${i}`);
        store.ahead.add(new DataView(key.buffer), 0, key.length);
      }
      store.ahead.load();
      let steps = 0;
      let cursor = 0;
      do {
        assert(steps++ < scanStepsMax, "a scan comes to an end");
        cursor = store.scan(cursor, 1, (bytes, start, end) => toText(bytes.subarray(start, end)));
      } while (cursor !== 0);
      now += 10_000; // Behind all deadlines.
      store.now = now;
      const { fileBytes } = store.statistics;
      const bytesMax = Math.max(store.sizeLimitMin, fileBytes / 2);
      store.sizeLimit = { bytesMax, policy: "allkeys-lru" };
      for (let i = 0; i < 30; i++) {
        store.tick();
        await store.sync();
      }
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

/** Examines cases `from` to `to` of a seed; prints the name of each before. */
async function examineCases(folder: string, seed: number, from: number, to: number): Promise<void> {
  const outcome: DamageOutcome = { refused: 0, lossy: 0, unharmed: 0 };
  for (let first = 0; first < to; first += casesPerSpecimen) {
    const specimenSeed = seed + first / casesPerSpecimen;
    const isStopped = specimenSeed % 2 === 0;
    seedGlobals(specimenSeed);
    const specimen = await makeSpecimen(specimenSeed, isStopped);
    const damages = damagesOf(specimen.disk, new SeededRandom(specimenSeed));
    for (let i = first; i < Math.min(to, first + casesPerSpecimen); i++) {
      const damage: Damage = damages.next().value!;
      const damaged = specimen.disk.copy();
      damage.apply(damaged);
      if (i < from) continue;
      seedGlobals(seed + i);
      console.log(`case ${i}, ${isStopped ? "stopped in order" : "killed"}: ${damage.name}`);
      const disk = new MappedDisk(`${folder}/case${i}`);
      for (const path of [storePath, indexPath]) disk.write(path, damaged.bytesOf(path));
      await checkReadOnly(disk.copy());
      await useAll(disk.copy());
      await examine(specimen, disk, outcome, damage.mayHideKeys);
      Deno.removeSync(`${folder}/case${i}`, { recursive: true });
    }
  }
  console.log(JSON.stringify(outcome));
}

/** Has a process examine `count` cases. Throws with the case at which it failed, died or hung. */
export async function examineMapped(seed: number, count: number, from = 0): Promise<DamageOutcome> {
  await using folder = await TemporaryFolder.make();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", import.meta.filename!, folder.path, seed, from, from + count]
      .map(String),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const limitMs = startMs + count * limitMsPerCase;
  const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
  try {
    const { success, signal, stdout, stderr } = await withTimeLimit(
      child.output(),
      limitMs + startMs,
      "the process with the mappings to end",
    );
    const last = toText(stdout).trimEnd().split("\n").at(-1)!;
    if (success) return JSON.parse(last);
    const how = signal === null ? toText(stderr) : `it died of ${signal}`;
    throw new Error(`with KV_TEST_SEED=${seed}, ${last}: ${how}`);
  } finally {
    clearTimeout(timer);
  }
}

if (import.meta.main) {
  const [folder, ...numbers] = Deno.args;
  const [seed, from, to] = numbers.map(Number);
  await examineCases(folder, seed, from, to);
}
