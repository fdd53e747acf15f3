/**
 * Checks a store that nobody has open, without writing to it: every record's checksum, and the index
 * against what the log says. What is whole can be copied into a new store.
 */
import { dirname } from "../sys/file_path.ts";
import { syncPath } from "../sys/libc.ts";
import { bootId } from "../sys/process_facts.ts";
import { MappedFile, type StoreFile } from "../sys/mapped_file.ts";
import { StoreError } from "./errors.ts";
import {
  indexHeaderTotalBytes,
  record,
  recordHeaderBytes,
  recordKind,
  storeHeaderBytes,
} from "./format.ts";
import { HashIndex } from "./hash_index.ts";
import { IndexHeader } from "./index_header.ts";
import { defaultLimits, type StoreLimits } from "./limits.ts";
import { type LogReading, readingOf } from "./log_reading.ts";
import { fileAt, locked, refuseForeign, runSteps } from "./opening.ts";
import { expireAtOf, keyEndAt, kindAt, offsetOf } from "./record.ts";
import type { Damage } from "./recovery.ts";
import { segmentState } from "./segment_table.ts";
import { Store } from "./store.ts";
import { Superblock } from "./superblock.ts";

/** Entries looked at in one go. */
const entriesAtOnce = 4096;
/** Differences between index and log that are told one by one. */
const differencesMax = 20;

/** Damage, with the key that stood there if it can be read. */
export interface FoundDamage extends Damage {
  readonly key: Uint8Array | null;
}

/**
 * The index file: `current` is what a server would use as it is, and is compared; a `stale` or `missing`
 * one is rebuilt at the next start anyway.
 */
export type IndexCondition = "current" | "stale" | "missing";

export interface CheckReport {
  readonly path: string;
  readonly fileBytes: number;
  readonly keys: number;
  readonly volatileKeys: number;
  readonly records: number;
  readonly liveBytes: number;
  readonly segmentsInUse: number;
  readonly segmentsFree: number;
  readonly stoppedInOrder: boolean;
  /** Bytes of unfinished writes behind the end of the log; no damage. */
  readonly discardedBytes: number;
  readonly damages: readonly FoundDamage[];
  readonly index: IndexCondition;
  /** Where a current index says something else than the log, at most 20 of them. */
  readonly indexDifferences: readonly string[];
  readonly indexDifferencesTotal: number;
}

export interface CheckOptions {
  readonly limits?: Partial<StoreLimits>;
  /** Called now and then with the share of the log that is read. */
  readonly onProgress?: (share: number) => void;
  /** Opens a file for reading; for tests. */
  readonly openFile?: (path: string, headerBytes: number) => StoreFile;
  /** Where to put a copy of all that is whole; must not exist. */
  readonly repairTo?: string;
}

/** Checks the store at `path`. Throws StoreError NOT_A_STORE, LOCKED; SystemError. */
export async function checkStore(path: string, options: CheckOptions = {}): Promise<CheckReport> {
  const { openFile = openReadOnly } = options;
  if (options.openFile === undefined) {
    Deno.statSync(path); // One that does not exist is not blank, but an error.
    refuseForeign(path);
  }
  const file = openFile(options.openFile === undefined ? fileAt(path) : path, storeHeaderBytes);
  try {
    if (!file.tryLock()) throw locked(file);
    const superblock = Superblock.read(file);
    if (superblock === null) {
      throw new StoreError("NOT_A_STORE", `Cannot check ${path}: it is empty`);
    }
    const checker = new Checker(file, superblock, options);
    const report = await checker.run();
    if (options.repairTo !== undefined) await checker.copyTo(options.repairTo);
    return report;
  } finally {
    await file.close();
  }
}

function openReadOnly(path: string, headerBytes: number): StoreFile {
  // Touching a mapping behind the end of the file would end the process.
  if (Deno.statSync(path).size < headerBytes) {
    throw new StoreError("NOT_A_STORE", `Cannot check ${path}: it is cut off`);
  }
  return MappedFile.open(path, { headerBytes, readOnly: true });
}

class Checker {
  readonly #file: StoreFile;
  readonly #superblock: Superblock;
  readonly #limits: StoreLimits;
  readonly #reading: LogReading;
  readonly #index: HashIndex;
  readonly #options: CheckOptions;

  constructor(file: StoreFile, superblock: Superblock, options: CheckOptions) {
    const { state } = superblock;
    this.#file = file;
    this.#superblock = superblock;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits, segmentBytes: state.segmentBytes };
    this.#reading = readingOf(file, state, this.#limits);
    this.#index = this.#reading.index;
  }

  async run(): Promise<CheckReport> {
    const { state } = this.#superblock;
    const { recovery, table, indexHeader } = this.#reading;
    recovery.scanHeaders();
    const liveBytes = await this.#storedLiveBytes();
    if (liveBytes !== null) recovery.findMissing(liveBytes);
    const { records, damages, discardedBytes } = runSteps(
      recovery.replay(0),
      this.#options.onProgress,
    );
    this.#options.onProgress?.(1);
    const differences = await this.#compareIndex();
    let segmentsInUse = 0;
    for (let i = 0; i < table.count; i++) {
      if (table.state[i] === segmentState.sealed || table.state[i] === segmentState.continuation) {
        segmentsInUse++;
      }
    }
    return {
      path: this.#file.path,
      fileBytes: storeHeaderBytes + this.#file.bodyBytes,
      keys: this.#index.count,
      volatileKeys: indexHeader.volatileKeys,
      records,
      liveBytes: table.liveTotal,
      segmentsInUse,
      segmentsFree: table.count - segmentsInUse,
      stoppedInOrder: state.clean,
      discardedBytes,
      damages: damages.map((damage) => ({ ...damage, key: this.#keyAt(damage) })),
      ...differences,
    };
  }

  /** The key of a damaged record, if its header makes sense. */
  #keyAt({ fileOffset, bytes }: Damage): Uint8Array | null {
    const body = fileOffset - storeHeaderBytes;
    const window = this.#file.windows[Math.floor(body / 2 ** 30)];
    const offset = body % 2 ** 30;
    // What is missing may have stood behind the end of the file.
    const left = Math.min(bytes, this.#file.bodyBytes - body);
    if (window === undefined || offset % 16 !== 0 || left < recordHeaderBytes) return null;
    const word = offset >> 2;
    const kind = kindAt(window, offset);
    const keyLength = window.i32[word + record.keyLengthWord];
    if (kind !== recordKind.put && kind !== recordKind.delete) return null;
    if (keyLength <= 0 || keyLength > Math.min(1024, left - recordHeaderBytes)) return null;
    const start = offset + recordHeaderBytes;
    return window.u8.slice(start, start + keyLength);
  }

  /** What a current index file knows of the segments; null when there is none. */
  async #storedLiveBytes(): Promise<Int32Array | null> {
    const file = this.#openIndex();
    if (file === null) return null;
    try {
      const header = new IndexHeader(file);
      return this.#isCurrent(header) ? header.liveBytes.slice() : null;
    } finally {
      await file.close();
    }
  }

  #openIndex(): StoreFile | null {
    const { openFile = openReadOnly } = this.#options;
    try {
      return openFile(`${this.#file.path}-index`, indexHeaderTotalBytes);
    } catch {
      return null;
    }
  }

  #isCurrent(header: IndexHeader): boolean {
    const surroundings = { bootId: bootId(), inode: this.#file.inode };
    return header.isCurrent(this.#superblock.state, this.#limits.slotsPerPage, surroundings);
  }

  /** Compares the index file with the index that the log gives. */
  async #compareIndex(): Promise<
    Pick<CheckReport, "index" | "indexDifferences" | "indexDifferencesTotal">
  > {
    const none = { indexDifferences: [], indexDifferencesTotal: 0 };
    const file = this.#openIndex();
    if (file === null) return { index: "missing", ...none };
    try {
      const { state } = this.#superblock;
      const stored = new HashIndex(file, this.#reading.log.stage, this.#limits);
      const isCurrent = this.#isCurrent(new IndexHeader(file));
      // After a crash the last records are not in the index yet: only a clean stop can be compared.
      if (!isCurrent || !state.clean || !stored.load()) return { index: "stale", ...none };
      return { index: "current", ...this.#differences(stored) };
    } finally {
      await file.close();
    }
  }

  #differences(stored: HashIndex): { indexDifferences: string[]; indexDifferencesTotal: number } {
    const indexDifferences: string[] = [];
    let total = 0;
    const report = (text: string) => {
      total++;
      if (indexDifferences.length < differencesMax) indexDifferences.push(text);
    };
    this.#forEach((address, keyHash, key) => {
      if (!stored.leadsTo(keyHash, address)) report(`the index lacks the key ${show(key)}`);
    });
    const damaged = stored.countDamagedHeaders();
    if (damaged > 0) report(`the index has ${damaged} pages with a damaged header`);
    if (stored.count !== this.#index.count) {
      report(`the index counts ${stored.count} keys, the log has ${this.#index.count}`);
    }
    return { indexDifferences, indexDifferencesTotal: total };
  }

  #forEach(visit: (address: number, keyHash: number, key: () => Uint8Array) => void): void {
    let from = 0;
    do {
      const found = this.#index.collect(from, entriesAtOnce, true);
      from = this.#index.nextHash;
      const addresses = this.#index.collected.slice(0, found);
      const hashes = this.#index.collectedHashes.slice(0, found);
      for (let i = 0; i < found; i++) {
        const window = this.#file.windows[addresses[i] >>> 26];
        const offset = offsetOf(addresses[i]);
        const key = () => window.u8.slice(offset + recordHeaderBytes, keyEndAt(window, offset));
        visit(addresses[i], hashes[i], key);
      }
    } while (from !== 0);
  }

  /**
   * Copies every key that is whole, with its deadline, into a new store. It has another name until all of it is on the
   * disk: what an interrupted copy leaves is taken for nothing, and replaced by the next one.
   */
  async copyTo(path: string): Promise<void> {
    const unfinished = `${path}.unfinished`;
    removeStore(unfinished);
    try {
      await this.#copyWholeTo(unfinished);
      syncPath(unfinished);
      Deno.renameSync(`${unfinished}-index`, `${path}-index`);
      Deno.renameSync(unfinished, path);
      syncPath(dirname(path));
    } catch (error) {
      removeStore(unfinished);
      throw error;
    }
  }

  async #copyWholeTo(path: string): Promise<void> {
    const store = Store.open({ path, sync: "no", limits: this.#options.limits });
    try {
      this.#forEach((address, _hash, key) => {
        const window = this.#file.windows[address >>> 26];
        const offset = offsetOf(address);
        const bytes = key();
        const start = offset + recordHeaderBytes + bytes.length;
        const end = start + window.i32[(offset >> 2) + record.valueLengthWord];
        store.find(bytes, 0, bytes.length);
        store.put(window.u8, start, end, expireAtOf(window, offset));
      });
    } finally {
      await store.close();
    }
  }
}

function removeStore(path: string): void {
  for (const name of [path, `${path}-index`]) {
    try {
      Deno.removeSync(name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

function show(key: () => Uint8Array): string {
  return JSON.stringify(new TextDecoder().decode(key()));
}
