/**
 * Files in memory that behave like mapped files on a disk: what was written is in the page cache at
 * once, and on the disk after a sync, or earlier, as the kernel likes. A power cut leaves each sector
 * as it was after its last sync or as it was written last.
 */
import { SystemError } from "../../../src/sys/libc.ts";
import type { StoreFile, Window } from "../../../src/sys/mapped_file.ts";
import type { SeededRandom } from "../../support/seeded_random.ts";

const sectorBytes = 512;
const noSpace = 28;
const ioError = 5;

class Content {
  cached: Uint8Array;
  durable: Uint8Array;
  length = 0;

  constructor(bytesMax: number) {
    this.cached = new Uint8Array(bytesMax);
    this.durable = new Uint8Array(bytesMax);
  }
}

/** Thrown where the power fails; see `SimulatedDisk.cutAfter`. */
export class PowerFailure extends Error {}

export class SimulatedDisk {
  /** What all files together may take. */
  bytesMax = Infinity;
  /** Syncs fail, as they do on a dying disk. */
  syncFails = false;
  /** Calls of `sync` and its kin, the failed ones included. */
  syncs = 0;
  /** A sync in the foreground takes so long, at least. */
  syncMs = 0;
  /** So many syncs and growths from now on, the power fails: the call throws a PowerFailure. */
  cutAfter = Infinity;
  readonly #contents = new Map<string, Content>();
  readonly #fileBytesMax: number;
  #held: (() => void)[] | null = null;

  constructor(fileBytesMax = 2 ** 22) {
    this.#fileBytesMax = fileBytesMax;
  }

  /** For `StoreOptions.openFile`. */
  readonly open = (path: string, headerBytes: number): StoreFile => {
    let content = this.#contents.get(path);
    if (content === undefined) {
      content = new Content(this.#fileBytesMax);
      this.#contents.set(path, content);
    }
    if (content.length < headerBytes) this.grow(content, headerBytes, path);
    return new SimulatedFile(this, content, path, headerBytes);
  };

  /** The file as every process sees it. */
  bytesOf(path: string): Uint8Array {
    const { cached, length } = this.#contents.get(path)!;
    return cached.subarray(0, length);
  }

  /** Cuts a file short. */
  truncate(path: string, length: number): void {
    this.shrink(this.#contents.get(path)!, length);
  }

  /** Writes a file from its start; it is as long as these bytes at least. */
  write(path: string, bytes: Uint8Array): void {
    const content = this.#contents.get(path)!;
    content.length = Math.max(content.length, bytes.length);
    content.cached.set(bytes);
    content.durable.set(bytes);
  }

  /** Whether there is such a file with anything in it. */
  has(path: string): boolean {
    return (this.#contents.get(path)?.length ?? 0) > 0;
  }

  remove(path: string): void {
    this.#contents.delete(path);
  }

  /** From now on, syncs in the background do not come to an end. */
  hold(): void {
    this.#held ??= [];
  }

  /** They do. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const resume of held) resume();
  }

  /** The disk after the process was killed: as it is, or without one of its files. */
  copy(without?: string): SimulatedDisk {
    const copy = new SimulatedDisk(this.#fileBytesMax);
    for (const [path, { cached, durable, length }] of this.#contents) {
      if (path === without) continue;
      const content = new Content(this.#fileBytesMax);
      content.cached.set(cached.subarray(0, length));
      content.durable.set(durable.subarray(0, length));
      content.length = length;
      copy.#contents.set(path, content);
    }
    return copy;
  }

  /** All that is cached reaches the disk. */
  settle(): void {
    for (const { cached, durable, length } of this.#contents.values()) {
      durable.set(cached.subarray(0, length));
    }
  }

  /** The disk after a power cut: each sector that was not synced is there or not. */
  powerCut(random: SeededRandom, without?: string): SimulatedDisk {
    const after = this.copy(without);
    // Now and then nothing reaches the disk by itself, or nearly all.
    const share = random.pick([0, 0.1, 0.5, 0.9]);
    for (const content of after.#contents.values()) {
      const { cached, durable, length } = content;
      for (let at = 0; at < length; at += sectorBytes) {
        if (random.chance(share)) continue;
        cached.set(durable.subarray(at, at + sectorBytes), at);
      }
      durable.set(cached.subarray(0, length));
    }
    return after;
  }

  grow(content: Content, length: number, path: string): void {
    if (--this.cutAfter < 0) throw new PowerFailure();
    let total = length - content.length;
    for (const other of this.#contents.values()) total += other.length;
    if (total > this.bytesMax || length > this.#fileBytesMax) {
      throw new SystemError("extend", noSpace, path);
    }
    content.length = length;
  }

  shrink(content: Content, length: number): void {
    content.cached.fill(0, length);
    content.durable.fill(0, length);
    content.length = length;
  }

  sync(content: Content, from: number, to: number): boolean {
    if (--this.cutAfter < 0) throw new PowerFailure();
    this.syncs++;
    if (this.syncFails) return false;
    const start = from - from % 4096;
    const end = Math.min(content.length, Math.ceil(to / 4096) * 4096);
    content.durable.set(content.cached.subarray(start, end), start);
    return true;
  }

  async syncInBackground(content: Content, from: number, to: number): Promise<boolean> {
    // The kernel may look at the pages early or late.
    if (this.#held === null) {
      const done = this.sync(content, from, to);
      await Promise.resolve();
      return done;
    }
    const held = this.#held;
    await new Promise<void>((resolve) => held.push(resolve));
    return this.sync(content, from, to);
  }
}

class SimulatedFile implements StoreFile {
  readonly path: string;
  readonly inode = 0;
  readonly header: Window;
  readonly windows: Window[];
  readonly #disk: SimulatedDisk;
  readonly #content: Content;
  readonly #headerBytes: number;

  constructor(disk: SimulatedDisk, content: Content, path: string, headerBytes: number) {
    this.path = path;
    this.#disk = disk;
    this.#content = content;
    this.#headerBytes = headerBytes;
    const { buffer } = content.cached;
    this.header = windowOf(buffer, 0, headerBytes);
    this.windows = [windowOf(buffer, headerBytes, buffer.byteLength - headerBytes)];
  }

  get bodyBytes(): number {
    return this.#content.length - this.#headerBytes;
  }

  grow(bodyBytes: number): void {
    if (bodyBytes <= this.bodyBytes) return;
    this.#disk.grow(this.#content, this.#headerBytes + bodyBytes, this.path);
  }

  growInBackground(bodyBytes: number): Promise<boolean> {
    try {
      this.grow(bodyBytes);
      return Promise.resolve(true);
    } catch {
      return Promise.resolve(false);
    }
  }

  shrinkInBackground(bodyBytes: number): Promise<boolean> {
    this.#disk.shrink(this.#content, this.#headerBytes + bodyBytes);
    return Promise.resolve(true);
  }

  sync(offset: number, length: number): void {
    const from = this.#headerBytes + offset;
    const end = performance.now() + this.#disk.syncMs;
    while (performance.now() < end);
    if (!this.#disk.sync(this.#content, from, from + length)) this.#fail();
  }

  syncInBackground(offset: number, length: number): Promise<boolean> {
    const from = this.#headerBytes + offset;
    return this.#disk.syncInBackground(this.#content, from, from + length);
  }

  syncHeader(): void {
    if (!this.#disk.sync(this.#content, 0, this.#headerBytes)) this.#fail();
  }

  syncHeaderInBackground(): Promise<boolean> {
    return this.#disk.syncInBackground(this.#content, 0, this.#headerBytes);
  }

  forbidWriting(): Promise<boolean> {
    return Promise.resolve(true);
  }

  #fail(): never {
    throw new SystemError("sync", ioError, this.path);
  }

  readAhead(): void {}

  readAheadInBackground(): Promise<boolean> {
    return Promise.resolve(true);
  }

  /** At the end of the time it takes: who has written there before that loses it. */
  async overwrite(offset: number, length: number): Promise<boolean> {
    await Promise.resolve();
    this.#content.cached.fill(0, this.#headerBytes + offset, this.#headerBytes + offset + length);
    return true;
  }

  populate(): Promise<boolean> {
    return Promise.resolve(true);
  }

  tryLock(): boolean {
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function windowOf(buffer: ArrayBufferLike, offset: number, length: number): Window {
  return {
    u8: new Uint8Array(buffer, offset, length),
    i32: new Int32Array(buffer, offset, length >> 2),
    f64: new Float64Array(buffer, offset, length >> 3),
    view: new DataView(buffer, offset, length),
  } as Window;
}
