/**
 * Opening a store: its two files, whose they are, what was going on when they were last used, and
 * what has to be read to go on.
 */
import { dirname } from "../sys/file_path.ts";
import { syncPath } from "../sys/libc.ts";
import { bootId } from "../sys/process_facts.ts";
import { MappedFile, type StoreFile, SystemError } from "../sys/mapped_file.ts";
import { StoreError } from "./errors.ts";
import {
  indexGivenUp,
  indexHeader as indexFormat,
  indexHeaderTotalBytes,
  indexPageBytes,
  storeHeaderBytes,
  storeMagic,
  superblock as superblockFormat,
  superblockSlotOffsets,
} from "./format.ts";
import { HashIndex } from "./hash_index.ts";
import { IndexHeader } from "./index_header.ts";
import { KeyedHash } from "./keyed_hash.ts";
import type { SyncPolicy } from "./durability.ts";
import { checkLimits, defaultLimits, type StoreLimits } from "./limits.ts";
import { Log } from "./log.ts";
import { Patience } from "./patience.ts";
import { type Damage, Recovery } from "./recovery.ts";
import { ReaderWords } from "./reader_words.ts";
import { SegmentTable } from "./segment_table.ts";
import { Stage } from "./stage.ts";
import { newOpenId, ownerPid, Superblock, type SuperblockState } from "./superblock.ts";

/** How long the end of a process may take that has let go of the store's file. */
const leavingMsMax = 5000;

/** How a store came up. */
export interface OpeningReport {
  /**
   * `created`; `clean`: stopped in order, nothing had to be read; `replayed`: the end of the log was
   * read into the index that survived; `rebuilt`: all of the log was read.
   */
  readonly kind: "created" | "clean" | "replayed" | "rebuilt";
  readonly milliseconds: number;
  /** Records that were read. */
  readonly records: number;
  /** What could not be read, and was left where it is. */
  readonly damages: readonly Damage[];
  /** Bytes of unfinished writes that were cut off. */
  readonly discardedBytes: number;
}

export interface OpeningOptions {
  readonly path: string;
  readonly clock: () => number;
  readonly limits?: Partial<StoreLimits>;
  readonly sync?: SyncPolicy;
  readonly openFile?: (path: string, headerBytes: number) => StoreFile;
}

/** The parts of an open store. */
export interface StoreParts {
  readonly file: StoreFile;
  readonly indexFile: StoreFile;
  readonly limits: StoreLimits;
  readonly superblock: Superblock;
  readonly log: Log;
  readonly index: HashIndex;
  readonly indexHeader: IndexHeader;
  readonly hash: KeyedHash;
  readonly report: OpeningReport;
}

/**
 * Opens or creates the files. Throws StoreError and SystemError; then nothing stays open.
 *
 * It is done in steps of a few milliseconds: yields the share that is done, first when the store is
 * this process's and nothing of it was read.
 */
export function* openingSteps(options: OpeningOptions): Generator<number, StoreParts> {
  const started = performance.now();
  const openFile = options.openFile ?? openMapped;
  const path = options.openFile === undefined ? fileAt(options.path) : options.path;
  if (options.openFile === undefined) refuseForeign(path);
  const isThere = options.openFile !== undefined || exists(path);
  const file = openFile(path, storeHeaderBytes);
  let indexFile: StoreFile | undefined;
  let isOpen = false;
  try {
    if (!file.tryLock()) throw locked(file);
    const superblock = Superblock.read(file);
    const isReal = options.openFile === undefined;
    indexFile = openIndexFile(`${path}-index`, file, openFile);
    if (isReal) indexFile = replaceGivenUp(indexFile, file, superblock, options);
    if (isReal && indexFile.bodyBytes === 0) {
      shareAlike(path, indexFile.path);
    }
    if (!isThere && options.sync !== "no") keepNames(path);
    indexFile.readAhead(0, indexFile.bodyBytes);
    yield 0;
    const parts = yield* join(options, started, file, indexFile, superblock);
    isOpen = true;
    return parts;
  } finally {
    // It failed, or was given up.
    if (!isOpen) {
      void file.close();
      void indexFile?.close();
    }
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Has new files outlive a power loss with their names, where their folder can be synced. */
function keepNames(path: string): void {
  try {
    syncPath(dirname(path));
  } catch (error) {
    // Other errors say that it cannot: it may not be read, or its file system has nothing to sync.
    if (error instanceof SystemError && error.code === "EIO") throw error;
  }
}

function openMapped(path: string, headerBytes: number): StoreFile {
  return MappedFile.open(path, { headerBytes });
}

/**
 * Opens the index's file, and locks it. Who has it locked although the store is this process's has another one open, which
 * was at this path before: that process keeps what it has, which is at no path any more. Or it is being killed
 * right now, and has let go of one file only.
 */
function openIndexFile(
  path: string,
  store: StoreFile,
  openFile: typeof openMapped,
): StoreFile {
  const patience = new Patience(leavingMsMax);
  while (true) {
    const file = openFile(path, indexHeaderTotalBytes);
    let isOfStore = false;
    let isLocked = false;
    try {
      isLocked = file.tryLock();
      isOfStore = file.header.f64[indexFormat.storeInodeF64] === store.inode;
    } finally {
      if (!isLocked) void file.close();
    }
    if (isLocked) return file;
    if (isOfStore) patience.pause(`${path}: another process has had it locked`);
    else Deno.removeSync(path);
  }
}

/** Whoever may read the store may read an index that is made anew for it. */
function shareAlike(path: string, indexPath: string): void {
  const { mode, gid } = Deno.statSync(path);
  const index = Deno.statSync(indexPath);
  try {
    if (gid !== null && gid !== index.gid) Deno.chownSync(indexPath, null, gid);
    if (mode !== null && mode !== index.mode) Deno.chmodSync(indexPath, mode & 0o666);
  } catch {
    // It is somebody else's: then its owner says who may read it.
  }
}

/**
 * An index that was given up is made anew, since the file system may take what is written to its blocks for blank. What
 * was staged in it goes to the log before. Returns the one to use.
 */
function replaceGivenUp(
  indexFile: StoreFile,
  file: StoreFile,
  superblock: Superblock | null,
  options: OpeningOptions,
): StoreFile {
  if (indexFile.header.i32[indexFormat.busyWord] !== indexGivenUp) return indexFile;
  if (superblock !== null) {
    const limits = limitsOf(options, superblock);
    const stage = new Stage(file, indexFile.header, limits.stageHalfBytes);
    writeWhatWasLeft(stage, indexFile, file, superblock.state, limits);
  }
  try {
    Deno.removeSync(indexFile.path);
  } catch {
    return indexFile; // It is rebuilt in any case.
  }
  void indexFile.close();
  return openIndexFile(indexFile.path, file, openMapped);
}

/** Writes what was staged by a process that has used this index, be it of use or not: somebody may have read it. */
function writeWhatWasLeft(
  stage: Stage,
  indexFile: StoreFile,
  file: StoreFile,
  state: SuperblockState,
  limits: StoreLimits,
): void {
  const surroundings = { bootId: bootId(), inode: file.inode };
  const isLeft = !state.clean && surroundings.bootId !== "" &&
    new IndexHeader(indexFile).isInUse(state, surroundings);
  if (isLeft) stage.writeWhatWasLeft(state.storeId, limits);
  else stage.clear();
}

function limitsOf(options: OpeningOptions, { state }: Superblock): StoreLimits {
  return { ...defaultLimits, ...options.limits, segmentBytes: state.segmentBytes };
}

/** The store's file itself, where a symbolic link leads to it: its index stands beside that. */
export function fileAt(path: string): string {
  try {
    return Deno.lstatSync(path).isSymlink ? Deno.realPathSync(path) : path;
  } catch {
    return path; // It is not there yet, or opening it will tell what is wrong.
  }
}

export function locked(file: StoreFile): StoreError {
  const pid = ownerPid(file);
  const who = pid > 0 ? `process ${pid} has it open` : "another process has it open";
  return new StoreError(
    "LOCKED",
    `Cannot open ${file.path}: ${who}; end it, or name another store`,
  );
}

/** Looks at a file before anything is written to it: it may be something else entirely. */
export function refuseForeign(path: string): void {
  let file: Deno.FsFile;
  try {
    // To open a pipe would wait for whoever writes to it.
    if (!Deno.statSync(path).isFile) throw refusal(path, "it is no file; name another one");
    file = Deno.openSync(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (error instanceof StoreError) throw error;
    throw refusal(path, error instanceof Error ? error.message : String(error));
  }
  try {
    const header = new Uint8Array(storeHeaderBytes);
    const length = file.readSync(header) ?? 0;
    const words = new Int32Array(header.buffer);
    const isStore = superblockSlotOffsets.some((offset) =>
      storeMagic.every((word, i) => words[offset / 4 + superblockFormat.magicWord + i] === word)
    );
    // Nothing but a header of zeros: a creation that came no further. Other files begin with zeros too.
    const isBlank = file.statSync().size <= storeHeaderBytes && words.every((word) => word === 0);
    if (isStore && length === storeHeaderBytes || isBlank) return;
    throw refusal(path, isStore ? "it is cut off" : "it is something else; name another file");
  } finally {
    file.close();
  }
}

function refusal(path: string, reason: string): StoreError {
  return new StoreError("NOT_A_STORE", `Cannot open ${path} as a store: ${reason}`);
}

function* join(
  options: OpeningOptions,
  started: number,
  file: StoreFile,
  indexFile: StoreFile,
  existing: Superblock | null,
): Generator<number, StoreParts> {
  const wanted = { ...defaultLimits, ...options.limits };
  const superblock = existing ?? Superblock.create(file, wanted.segmentBytes, options.clock());
  const { state } = superblock;
  const limits = { ...wanted, segmentBytes: state.segmentBytes };
  checkLimits(limits);
  // From here on the file is a store, whatever happens to this process.
  if (existing === null) superblock.write();
  superblock.ownerPid = Deno.pid;

  const hash = new KeyedHash(state.hashKey[0], state.hashKey[1]);
  const readers = new ReaderWords(file);
  // Readers of other processes wait from here on.
  readers.beginOpening();
  const stage = new Stage(file, indexFile.header, limits.stageHalfBytes);
  const index = new HashIndex(indexFile, stage, limits);
  index.readers = readers;
  const indexHeader = new IndexHeader(indexFile);
  const surroundings = { bootId: bootId(), inode: file.inode };
  const wasClean = state.clean;
  if (existing === null) stage.clear();
  else writeWhatWasLeft(stage, indexFile, file, state, limits);
  let isCurrent = existing !== null &&
    indexHeader.isMendable(state, limits.slotsPerPage, surroundings) && index.load() &&
    index.repair(hash);
  const liveBytes = indexHeader.liveBytes.slice();
  const table = new SegmentTable(limits.segmentBytes, indexHeader.liveBytes);
  const log = new Log(file, table, limits, state.storeId, stage);
  log.readers = readers;
  log.onHead = (sequence) => {
    // The next opening would not read where an open batch begins.
    if (sequence !== indexHeader.appliedSequence) index.giveUpUndo();
    indexHeader.appliedSequence = sequence;
  };

  const writeSuperblock = () => {
    superblock.write();
    file.syncHeader();
  };
  const recovery = new Recovery({
    log,
    index,
    indexHeader,
    hash,
    file,
    state,
    limits,
    writeSuperblock,
  });
  const appliedSequence = isCurrent ? indexHeader.appliedSequence : 0;
  recovery.scanHeaders();
  const appliedPosition = indexHeader.appliedPositionIn(limits.segmentBytes, recovery.newestBytes);
  if (isCurrent) recovery.findMissing(liveBytes);
  if (isCurrent) isCurrent = recovery.undoBatch(liveBytes);
  // The entries of what is damaged would lead to whatever is written there next.
  const isBehind = recovery.newestSequence > appliedSequence;
  const cannotResume = wasClean && !recovery.canResume;
  if (recovery.isDamaged || isBehind || cannotResume) isCurrent = false;
  if (!isCurrent) indexHeader.invalidate();
  // From here on both files belong to this opening; the superblock is synced below, before anything of
  // the log is changed.
  state.clean = false;
  state.openId = newOpenId();
  indexHeader.claim(state, limits.slotsPerPage, surroundings);
  let report: Omit<OpeningReport, "milliseconds">;
  if (isCurrent) recovery.restoreLiveBytes(liveBytes);
  if (isCurrent && wasClean) {
    recovery.resume();
    writeSuperblock();
    report = { kind: "clean", records: 0, damages: [], discardedBytes: 0 };
  } else {
    // Whoever dies in here leaves the mark: the next one reads everything.
    index.beginChange();
    // After a power cut, the index as it was would still seem to be the one of this clean stop.
    if (!isCurrent && wasClean) writeSuperblock();
    if (!isCurrent) index.clear();
    const result = yield* isCurrent
      ? recovery.replay(appliedSequence, appliedPosition)
      : recovery.replay(0);
    index.endChange();
    const { records, damages, discardedBytes } = result;
    const kind = existing === null ? "created" : result.isRebuilt ? "rebuilt" : "replayed";
    report = { kind, records, damages, discardedBytes };
  }

  readers.completeOpening(state.openId, log.nextSequence, table.count * limits.segmentBytes);
  return {
    file,
    indexFile,
    limits,
    superblock,
    log,
    index,
    indexHeader,
    hash,
    report: { ...report, milliseconds: performance.now() - started },
  };
}

/** Bytes of the index file that are worth syncing. */
export function indexBytes(index: HashIndex): number {
  return index.pageCount * indexPageBytes;
}

/** Goes through all steps of something, with `onProgress` for their shares; returns what it comes to. */
export function runSteps<T>(
  steps: Generator<number, T>,
  onProgress: (share: number) => void = () => {},
): T {
  try {
    while (true) {
      const { done, value } = steps.next();
      if (done) return value;
      onProgress(value);
    }
  } finally {
    // It may be the caller who has failed: nothing stays open.
    steps.return(undefined as never);
  }
}
