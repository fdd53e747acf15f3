/**
 * A copy of a store while it is written: as it was at one moment, in a file of its own.
 *
 * What is in the log does not change, so it is enough that no segment is given free while the copy is
 * made; the head is copied as far as it was written at that moment. The segments come to stand one behind
 * the other; free ones are left out. The copy has no index: the first start makes one.
 */
import { dirname } from "../sys/file_path.ts";
import { FileCopier } from "../sys/file_copier.ts";
import { closeFile, openFile, syncPath, tryLock } from "../sys/libc.ts";
import type { Durability } from "./durability.ts";
import { StoreError } from "./errors.ts";
import { storeHeaderBytes } from "./format.ts";
import type { Log } from "./log.ts";
import { MemoryFile } from "./memory_file.ts";
import { segmentState } from "./segment_table.ts";
import { newOpenId, Superblock, type SuperblockState } from "./superblock.ts";

/** A stretch of the log to copy: from a window's bytes at an offset of the file, to another one. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly memory: Uint8Array;
}

export class Backup {
  /** Bytes to copy. */
  readonly bytes: number;
  readonly #pieces: readonly Piece[];
  readonly #length: number;
  readonly #header: Uint8Array;
  readonly #copier: FileCopier;
  readonly #path: string;
  #cancelled = false;
  #done: Promise<void> | null = null;

  /**
   * Takes note of the store as it is now. Nothing may be given free from now on, until `run` has come
   * to its end. Throws a SystemError when the file cannot be created.
   */
  constructor(log: Log, state: SuperblockState, path: string) {
    refuseExisting(path);
    this.#path = path;
    removeLeftover(this.#unfinishedPath);
    log.writeOut();
    const { table, segmentBytes } = log;
    const order: number[] = [];
    for (let i = 0; i < table.count; i++) {
      if (table.state[i] === segmentState.sealed || i === log.head) order.push(i);
    }
    order.sort((a, b) => table.sequence[a] - table.sequence[b]);
    const { segmentsPerWindow } = table;
    const pieces: Piece[] = [];
    let place = 0;
    for (const segment of order) {
      const run = table.runLength[segment];
      const inWindow = place % segmentsPerWindow;
      if (inWindow + run > segmentsPerWindow) place += segmentsPerWindow - inWindow;
      const start = log.windowOffset(segment);
      const end = segment === log.head ? log.headOffset : log.endOf(segment);
      pieces.push({
        from: storeHeaderBytes + segment * segmentBytes,
        to: storeHeaderBytes + place * segmentBytes,
        memory: log.windowOf(segment).u8.subarray(start, end),
      });
      place += run;
    }
    this.#pieces = pieces;
    this.#length = storeHeaderBytes + place * segmentBytes;
    this.bytes = pieces.reduce((sum, { memory }) => sum + memory.length, 0);
    this.#header = headerOf(log, state);
    this.#copier = new FileCopier(log.file.descriptor, this.#unfinishedPath);
  }

  /** The name until the copy is whole. */
  get #unfinishedPath(): string {
    return `${this.#path}.unfinished`;
  }

  /** How far the copy is, 0 to 1. */
  get share(): number {
    return this.#copier.copied / this.bytes;
  }

  /** Resolves when the copy is on the disk. Rejects with a SystemError or StoreError. */
  run(): Promise<void> {
    this.#done ??= this.#run();
    return this.#done;
  }

  async #run(): Promise<void> {
    const copier = this.#copier;
    try {
      for (const { from, to, memory } of this.#pieces) {
        await copier.copy(from, to, memory, () => !this.#cancelled);
        if (this.#cancelled) throw new StoreError("CLOSED", "The backup was given up: kv stops");
      }
      copier.write(this.#header, 0);
      await copier.finish(this.#length);
      copier.close();
      refuseExisting(this.#path);
      Deno.renameSync(this.#unfinishedPath, this.#path);
      syncPath(dirname(this.#path));
    } catch (error) {
      copier.close();
      Deno.removeSync(this.#unfinishedPath);
      throw error;
    }
  }

  /** Gives it up; resolves when nothing of the store is read any more. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    await this.#done?.catch(() => {});
  }
}

/** One backup at a time, and nothing given free meanwhile. */
export class Backups {
  #current: Backup | null = null;
  readonly #log: Log;
  readonly #durability: Durability;
  readonly #state: SuperblockState;

  constructor(log: Log, durability: Durability, state: SuperblockState) {
    this.#log = log;
    this.#durability = durability;
    this.#state = state;
  }

  /** How far the backup is that is being made, 0 to 1; null when there is none. */
  get share(): number | null {
    return this.#current?.share ?? null;
  }

  /** Copies the store as it is now to a new file; resolves to the copy's bytes. */
  async make(path: string): Promise<number> {
    if (this.#current !== null) throw new StoreError("BUSY", "Another backup is being made");
    const backup = new Backup(this.#log, this.#state, path);
    this.#current = backup;
    this.#durability.keepsSegments = true;
    try {
      await backup.run();
      return backup.bytes;
    } finally {
      this.#current = null;
      this.#durability.keepsSegments = false;
    }
  }

  /** Gives up the backup that is being made. */
  async close(): Promise<void> {
    await this.#current?.cancel();
  }
}

/** The copy's superblock: a store that was stopped in order where the log is now. */
function headerOf(log: Log, state: SuperblockState): Uint8Array {
  const file = new MemoryFile(storeHeaderBytes);
  const superblock = Superblock.create(file, log.segmentBytes, state.createdMs);
  Object.assign(superblock.state, state, {
    clean: true,
    durablePosition: log.position,
    nextSequence: log.nextSequence,
    // No index of the store's, should one stand beside the copy, is taken for the copy's own.
    openId: newOpenId(),
  });
  superblock.write();
  return file.header.u8;
}

/** Removes what a backup has left that was killed. One that is being made, by whomever, has its file locked. */
function removeLeftover(path: string): void {
  try {
    if (!Deno.lstatSync(path).isFile) return; // It is not ours, and creating the file will say so.
  } catch {
    return;
  }
  const descriptor = openFile(path);
  try {
    if (!tryLock(descriptor, path)) {
      throw new StoreError("BUSY", `Cannot back up: another process is writing ${path}`);
    }
    Deno.removeSync(path);
  } finally {
    closeFile(descriptor);
  }
}

function refuseExisting(path: string): void {
  try {
    Deno.lstatSync(path);
  } catch {
    return;
  }
  throw new StoreError("EXISTS", `Cannot back up to ${path}: it exists; name a new file`);
}
