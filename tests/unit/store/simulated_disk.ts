/**
 * Files in memory that behave like mapped files on a disk: what was written is in the page cache at
 * once, and on the disk after a sync, or earlier, as the kernel likes. What is written back is in the disk's
 * own cache, which the next sync empties. A power cut leaves each sector as it was after its last sync, as it was
 * written back, or as it was written last.
 */
import { SystemError } from "../../../src/sys/libc.ts";
import type { BodyRange, StoreFile, Window } from "../../../src/sys/mapped_file.ts";
import type { SeededRandom } from "../../support/seeded_random.ts";

const sectorBytes = 512;
const pageBytes = 4096;
const noSpace = 28;
const ioError = 5;

class Content {
  cached: Uint8Array;
  durable: Uint8Array;
  length = 0;
  /** Pages that could not be written, by their number, as they were then: they count as written until they are again. */
  readonly lost = new Map<number, Uint8Array>();
  /** What is in the disk's own cache only: from where, and what; oldest first. */
  unflushed: { readonly start: number; readonly bytes: Uint8Array }[] = [];

  constructor(bytesMax: number) {
    this.cached = new Uint8Array(bytesMax);
    this.durable = new Uint8Array(bytesMax);
  }

  /** Pages go to the disk's own cache. */
  writeBack(from: number, to: number): void {
    const end = Math.min(this.length, Math.ceil(to / pageBytes) * pageBytes);
    let start = from - from % pageBytes;
    for (let at = start; at <= end; at += pageBytes) {
      if (at < end && !this.isLost(at)) continue;
      if (start < at) {
        this.unflushed.push({ start, bytes: this.cached.slice(start, Math.min(at, end)) });
      }
      start = at + pageBytes;
    }
    if (start < end) this.unflushed.push({ start, bytes: this.cached.slice(start, end) });
  }

  /** Pages that are to be written cannot be. */
  lose(from: number, to: number): void {
    for (let at = from - from % pageBytes; at < Math.min(to, this.length); at += pageBytes) {
      const page = this.cached.slice(at, at + pageBytes);
      if (this.durable.subarray(at, at + pageBytes).some((byte, i) => byte !== page[i])) {
        this.lost.set(at / pageBytes, page);
      }
    }
  }

  /** Whether the page at `at` was lost, and not changed since. */
  isLost(at: number): boolean {
    const lost = this.lost.get(at / pageBytes);
    if (lost === undefined) return false;
    if (this.cached.subarray(at, at + pageBytes).every((byte, i) => byte === lost[i])) return true;
    this.lost.delete(at / pageBytes);
    return false;
  }

  /** A call has written there, be it what was there before. */
  noteWrite(from: number, to: number): void {
    for (let page = Math.floor(from / pageBytes); page * pageBytes < to; page++) {
      this.lost.delete(page);
    }
  }

  /** The disk's own cache is emptied. */
  flush(): void {
    for (const { start, bytes } of this.unflushed) this.durable.set(bytes, start);
    this.unflushed = [];
  }
}

/** Thrown where the power fails; see `SimulatedDisk.cutAfter`. */
export class PowerFailure extends Error {}

export class SimulatedDisk {
  /** What all files together may take. */
  bytesMax = Infinity;
  /** Syncs fail, as they do on a dying disk. */
  syncFails = false;
  /** What could not be synced counts as written from then on. */
  losesPages = false;
  /** Writes fail. */
  writeFails = false;
  /** Calls of `sync` and its kin, the failed ones included. */
  syncs = 0;
  /** The ranges of the body that the last sync in the background was for. */
  lastRanges: readonly BodyRange[] = [];
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

  /** What all files together take. */
  get bytes(): number {
    return [...this.#contents.values()].reduce((sum, { length }) => sum + length, 0);
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
    content.flush();
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
    for (const [path, { cached, durable, length, unflushed }] of this.#contents) {
      if (path === without) continue;
      const content = new Content(this.#fileBytesMax);
      content.cached.set(cached.subarray(0, length));
      content.durable.set(durable.subarray(0, length));
      content.unflushed = unflushed.slice();
      content.length = length;
      for (const [page, bytes] of this.#contents.get(path)!.lost) content.lost.set(page, bytes);
      copy.#contents.set(path, content);
    }
    return copy;
  }

  /** All that is cached reaches the disk. */
  settle(): void {
    for (const content of this.#contents.values()) {
      content.unflushed = [];
      content.lost.clear();
      content.durable.set(content.cached.subarray(0, content.length));
    }
  }

  /** The disk after a power cut: each sector that was not synced is there or not. */
  powerCut(random: SeededRandom, without?: string): SimulatedDisk {
    const after = this.copy(without);
    // Now and then nothing reaches the disk by itself, or nearly all.
    const share = random.pick([0, 0.1, 0.5, 0.9]);
    for (const content of after.#contents.values()) {
      const { cached, durable, length } = content;
      // Each that was written back may have come to the disk, whatever others did.
      content.unflushed = content.unflushed.filter(() => random.chance(0.5));
      content.flush();
      for (let at = 0; at < length; at += sectorBytes) {
        if (random.chance(share) && !content.isLost(at - at % pageBytes)) continue;
        cached.set(durable.subarray(at, at + sectorBytes), at);
      }
      durable.set(cached.subarray(0, length));
      content.lost.clear();
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
    content.flush();
    content.cached.fill(0, length);
    content.durable.fill(0, length);
    content.length = length;
  }

  sync(content: Content, from: number, to: number): boolean {
    if (--this.cutAfter < 0) throw new PowerFailure();
    this.syncs++;
    if (this.syncFails) {
      if (this.losesPages) content.lose(from, to);
      return false;
    }
    content.writeBack(from, to);
    content.flush();
    return true;
  }

  /** Ranges of the file, and then its header. */
  async syncInBackground(
    content: Content,
    ranges: readonly BodyRange[],
    headerBytes: number,
  ): Promise<boolean> {
    const held = this.#held;
    if (held !== null) await new Promise<void>((resolve) => held.push(resolve));
    // The kernel looks at the pages early or late.
    for (const { offset, length } of ranges) {
      if (--this.cutAfter < 0) throw new PowerFailure();
      if (this.syncFails && this.losesPages) content.lose(offset, offset + length);
      else content.writeBack(offset, offset + length);
      if (held === null) await Promise.resolve();
    }
    return this.sync(content, 0, headerBytes);
  }
}

class SimulatedFile implements StoreFile {
  readonly path: string;
  readonly inode = 0;
  readonly descriptor = -1;
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

  syncAll(ranges: readonly BodyRange[]): void {
    for (const { offset, length } of ranges) this.sync(offset, length);
  }

  syncInBackground(ranges: readonly BodyRange[]): Promise<boolean> {
    this.#disk.lastRanges = ranges;
    const inFile = ranges.map(({ offset, length }) => ({
      offset: this.#headerBytes + offset,
      length,
    }));
    return this.#disk.syncInBackground(this.#content, inFile, this.#headerBytes);
  }

  syncHeader(): void {
    if (!this.#disk.sync(this.#content, 0, this.#headerBytes)) this.#fail();
  }

  read(offset: number, bytes: Uint8Array): void {
    const from = this.#headerBytes + offset;
    bytes.set(this.#content.cached.subarray(from, from + bytes.length));
  }

  write(offset: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#disk.writeFails) throw new SystemError("write", ioError, this.path);
    const from = this.#headerBytes + offset;
    this.#content.noteWrite(from, from + end - start);
    this.#content.cached.set(bytes.subarray(start, end), from);
  }

  #fail(): never {
    throw new SystemError("sync", ioError, this.path);
  }

  readAhead(): void {}

  readAheadInBackground(): Promise<boolean> {
    return Promise.resolve(true);
  }

  populate(): Promise<boolean> {
    return Promise.resolve(true);
  }

  populateBlank(): Promise<boolean> {
    return Promise.resolve(true);
  }

  populateForReading(): Promise<boolean> {
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
