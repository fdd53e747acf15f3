/**
 * What a reader of another process goes by: the index's file, as it is, or, where that cannot be believed
 * and nobody has the store open, an index in memory that is made from the log.
 */
import { closeFile, isMarked, openFile } from "../sys/libc.ts";
import { MappedFile, type StoreFile } from "../sys/mapped_file.ts";
import { bootId } from "../sys/process_facts.ts";
import { StoreError } from "./errors.ts";
import {
  indexHeader,
  indexHeaderTotalBytes,
  readerWords,
  readerWordsVersion,
  storeHeaderBytes,
} from "./format.ts";
import { IndexHeader } from "./index_header.ts";
import { defaultLimits, type StoreLimits } from "./limits.ts";
import { readingOf } from "./log_reading.ts";
import { fileAt, refuseForeign } from "./opening.ts";
import { PageDirectory } from "./page_directory.ts";
import type { Patience } from "./patience.ts";
import { endPageBytes } from "./reader_words.ts";
import { Superblock, type SuperblockState } from "./superblock.ts";

const { changesWord, layoutsWord, openIdF64, versionWord, endPagesWord } = readerWords;

export interface ReaderSource {
  /** `index`: the index's file; `log`: an index in this process's memory. */
  readonly kind: "index" | "log";
  readonly state: SuperblockState;
  readonly directory: PageDirectory;
  /** Another process had the store open. */
  readonly isServed: boolean;
  /** What _changes_ was, and is as long as an index in memory holds good. */
  readonly changes: number;
  /** What _layouts_ and the opening id were before anything was read. */
  readonly layouts: number;
  readonly openId: number;
  /** Bytes of records that could not be read, of a log that was read. */
  readonly damagedBytes: number;
}

/**
 * Opens a store's file for reading; waits while another process creates it. Throws StoreError NOT_A_STORE, BUSY;
 * NotFound; SystemError.
 */
export function openForReading(link: string, patience: Patience): MappedFile {
  const path = fileAt(link);
  while (true) {
    try {
      return tryToOpen(path);
    } catch (error) {
      if (!(error instanceof StoreError) || !isInUse(path)) throw error;
      patience.pause(`${path}: it has been about to be created`);
    }
  }
}

function tryToOpen(path: string): MappedFile {
  refuseForeign(path);
  // Touching a mapping behind the end of the file would end the process.
  if (lengthOf(path) < storeHeaderBytes) {
    Deno.statSync(path); // One that does not exist is not empty, but an error.
    throw new StoreError("NOT_A_STORE", `Cannot read ${path}: it is empty`);
  }
  return MappedFile.open(path, { headerBytes: storeHeaderBytes, readOnly: true });
}

/** Whether another process has the file open for writing. */
function isInUse(path: string): boolean {
  try {
    if (!Deno.statSync(path).isFile) return false;
    const descriptor = openFile(path, { readOnly: true });
    try {
      return isMarked(descriptor, path);
    } finally {
      closeFile(descriptor);
    }
  } catch {
    return false; // What is wrong with it was told before.
  }
}

/**
 * Finds out what to go by; waits while a change is under way. Throws StoreError NOT_A_STORE, UNSUPPORTED,
 * BUSY; SystemError.
 */
export function findSource(
  file: MappedFile,
  limits: Partial<StoreLimits>,
  patience: Patience,
): ReaderSource {
  while (true) {
    const source = tryToFindSource(file, limits);
    if (source !== null) {
      patience.reset();
      return source;
    }
    patience.pause(
      `${file.path}: it has been about to be opened, within a change or without its index`,
    );
  }
}

/** Null: a change is under way, or came in between. */
function tryToFindSource(file: MappedFile, limits: Partial<StoreLimits>): ReaderSource | null {
  const { i32, f64 } = file.header;
  const changes = Atomics.load(i32, changesWord);
  const layouts = Atomics.load(i32, layoutsWord);
  const openId = f64[openIdF64];
  const isServed = file.isLocked;
  const isWithin = (changes & 1) !== 0;
  if (isWithin && isServed) return null;
  file.remap();
  const state = readState(file, isServed);
  if (state === null) return null;
  const isKept = openId === state.openId;
  const version = isKept ? i32[versionWord] : 0;
  if (version > readerWordsVersion) throw unsupported(file, "a newer");
  // What never was told to readers was opened by a program that tells nothing; stopped, it is a log.
  const isOlder = isKept ? version < readerWordsVersion && isServed : !isServed && !isWithin;
  if (isOlder && !state.clean) throw unsupported(file, "an older");
  const index = isServed && !isKept || isWithin ? null : openIndex(file, state, isServed);
  if (index === null && isServed) return null;
  const found = index === null
    ? readLog(file, state, limits, changes)
    : { kind: "index" as const, directory: index, damagedBytes: isServed ? 0 : missingBytes(file) };
  if (found === null) return null;
  if (Atomics.load(i32, changesWord) !== changes || file.isLocked !== isServed) {
    void found.directory.file.close();
    return null;
  }
  return { ...found, state, isServed, changes, layouts, openId };
}

/** Null: it is being created, or written. */
function readState(file: MappedFile, isServed: boolean): SuperblockState | null {
  try {
    const superblock = Superblock.read(file);
    if (superblock === null) {
      throw new StoreError("NOT_A_STORE", `Cannot read ${file.path}: it is empty`);
    }
    // Before its first opening is complete, it has none.
    return superblock.state.openId === 0 && isServed ? null : superblock.state;
  } catch (error) {
    if (error instanceof StoreError && isServed && !wasEverOpen(file)) return null;
    throw error;
  }
}

/** Whether an opening of it was ever complete. */
function wasEverOpen(file: MappedFile): boolean {
  return file.header.f64[openIdF64] !== 0;
}

function unsupported(file: StoreFile, which: string): StoreError {
  return new StoreError(
    "UNSUPPORTED",
    `Cannot read ${file.path}: ${which} kv opened it last, whose way to tell readers this one does not ` +
      "know; stop that one, and start this one's `kv serve` on it once",
  );
}

/** What a file that nobody serves is shorter than it was: somebody has cut it. */
function missingBytes(file: MappedFile): number {
  return Math.max(0, file.header.i32[endPagesWord] * endPageBytes - file.bodyBytes);
}

/** The index's file, if it can be believed; null: not, or not yet. */
function openIndex(
  file: MappedFile,
  state: SuperblockState,
  isServed: boolean,
): PageDirectory | null {
  const path = `${file.path}-index`;
  const bytes = lengthOf(path);
  // Touching a mapping behind the end of the file would end the process.
  if (bytes < indexHeaderTotalBytes) return null;
  const indexFile = MappedFile.open(path, { headerBytes: indexHeaderTotalBytes, readOnly: true });
  const slotsPerPage = indexFile.header.i32[indexHeader.slotsPerPageWord];
  const surroundings = { bootId: bootId(), inode: file.inode };
  const header = new IndexHeader(indexFile);
  // While it is in use its change mark comes and goes: the pages' versions tell where.
  const isCurrent = isServed
    ? header.isInUse(state, surroundings)
    : header.isCurrent(state, slotsPerPage, surroundings);
  if (isCurrent) {
    const directory = new PageDirectory(indexFile, slotsPerPage, () => indexFile.remap());
    directory.load();
    if (directory.isComplete) return directory;
  }
  void indexFile.close();
  return null;
}

function lengthOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** Reads the log, as an opening would that writes nothing. Null: somebody has opened the store meanwhile. */
function readLog(
  file: MappedFile,
  state: SuperblockState,
  limits: Partial<StoreLimits>,
  changes: number,
): Pick<ReaderSource, "kind" | "directory" | "damagedBytes"> | null {
  const all = { ...defaultLimits, ...limits, segmentBytes: state.segmentBytes };
  const { recovery, index } = readingOf(file, state, all);
  recovery.scanHeaders();
  const steps = recovery.replay(0);
  let step = steps.next();
  for (; !step.done; step = steps.next()) {
    if (Atomics.load(file.header.i32, changesWord) !== changes) return null;
  }
  const directory = new PageDirectory(index.file, all.slotsPerPage, () => {});
  directory.load();
  const damagedBytes = step.value.damages.reduce((sum, { bytes }) => sum + bytes, 0);
  return { kind: "log", directory, damagedBytes };
}
