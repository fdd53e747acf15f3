/**
 * A file that is mapped into memory: a header of fixed size, then a body in windows of 1 GiB. The
 * windows reach past the end of the file, so growing it needs no new mapping, and every offset
 * inside a window is a small integer.
 */
import {
  adviseRandom,
  allocate,
  allocateInBackground,
  beginWriteBackInBackground,
  callsAtATime,
  canWriteBack,
  closeFile,
  fileBytes,
  isMarked,
  map,
  type Mapping,
  markInUse,
  openFile,
  populate,
  populateForReading,
  readAhead,
  readAheadInBackground,
  readRange,
  sync,
  syncDataInBackground,
  syncInBackground,
  SystemError,
  truncateFile,
  truncateInBackground,
  tryLock,
  unlock,
  unmap,
  writeBack,
  writeBackInBackground,
  writeRange,
} from "./libc.ts";

export const windowBytes = 2 ** 30;
const pageBytes = 4096;

/** One window of a body, seen as bytes and as words. All views share one buffer. */
export interface Window {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  /** Words that begin anywhere. */
  readonly view: DataView;
}

/** A range of a body, in bytes. */
export interface BodyRange {
  offset: number;
  length: number;
}

/** What the engine needs of a file; tests put a simulated disk in its place. */
export interface StoreFile {
  readonly path: string;
  /** The header's bytes. */
  readonly header: Window;
  /** The body's windows; another one appears when the body grows into it. */
  readonly windows: Window[];
  /** Length of the body that is backed by disk blocks. */
  readonly bodyBytes: number;
  /** Which file it is; a copy is another one. */
  readonly inode: number;
  /** For calls to the system while the file is open; -1: it is none. */
  readonly descriptor: number;
  /** Grows the body; throws SystemError (ENOSPC ...) and changes nothing when it cannot. */
  grow(bodyBytes: number): void;
  /** Grows the body on another thread; resolves to whether it is as long now. */
  growInBackground(bodyBytes: number): Promise<boolean>;
  /**
   * Cuts the body at once, and the file on another thread, since giving blocks back takes milliseconds;
   * what lies behind must not be touched any more. Resolves to whether it succeeded: if not, the body
   * is as long as it was. Not to be called while another cut or a growth is under way.
   */
  shrinkInBackground(bodyBytes: number): Promise<boolean>;
  /**
   * Copies what the body has at `offset` to `bytes`, an array of its own buffer, without touching where it is mapped: for
   * a few bytes here and there, that is several times as fast as mapping a page for each. Throws SystemError.
   */
  read(offset: number, bytes: Uint8Array): void;
  /** Writes `bytes[start, end)` to the body, as if they were written where it is mapped; throws SystemError. */
  write(offset: number, bytes: Uint8Array, start: number, end: number): void;
  /** Writes a range of the body to the device and returns when it is there; throws SystemError. */
  sync(offset: number, length: number): void;
  /** The same with several ranges, for which the disk empties its cache once where that is enough. */
  syncAll(ranges: readonly BodyRange[]): void;
  syncHeader(): void;
  /**
   * Writes ranges of the body to the device on another thread, and the header when they are there; resolves to
   * whether all of that succeeded.
   */
  syncInBackground(ranges: readonly BodyRange[]): Promise<boolean>;
  /** Faults a range of the body in for writing, on another thread. */
  populate(offset: number, length: number): Promise<boolean>;
  /** The same for reading: what is there can be read, and be written by `write`, without a fault or the disk. */
  populateForReading(offset: number, length: number): Promise<boolean>;
  /**
   * The same for what the body has grown by. Its blocks are written as they are, where that helps, so that a sync of what
   * will be written there has no more to do than that: the first time, the file system has to note of each block that
   * it is not blank any more. Whatever is written there meanwhile stays.
   */
  populateBlank(offset: number, length: number): Promise<boolean>;
  /**
   * A range of the body will be read as a whole: what is on the disk begins to come into memory, where
   * otherwise each page is waited for when it is touched. Nothing is waited for.
   */
  readAhead(offset: number, length: number): void;
  /** The same on another thread; resolves when all of it was asked for. */
  readAheadInBackground(offset: number, length: number): Promise<boolean>;
  /**
   * Takes the exclusive lock for the life of the file; false when another process has it. Whether a file
   * that can be written is locked, others can see.
   */
  tryLock(): boolean;
  /** Unmaps and closes. Waits for background calls. No view may be used afterwards. */
  close(): Promise<void>;
}

export interface MappedFileOptions {
  /** A multiple of 4096. */
  readonly headerBytes: number;
  readonly mode?: number;
  /** Nothing is written, to the file or through the mappings; the file has to exist. */
  readonly readOnly?: boolean;
}

/**
 * A sync in the background is made in steps of so much, about 0.3 ms of processor time. The kernel lets a thread that
 * does not wait for anything have a processor for 4 ms and more.
 */
const writeBackBytesMax = 2 ** 20;
/**
 * So much is made ready by one call, in half a millisecond: whoever maps anything meanwhile, such as more memory for V8,
 * waits until the call has returned.
 */
const populateBytesMax = 2 ** 19;

interface Cut {
  readonly bodyBytes: number;
  readonly done: Promise<boolean>;
  /** The file is known to have been as short. */
  hasBegun: boolean;
}

/** A cut that has not begun after so long, or has failed, holds up nobody any longer. The disk may be busy. */
const cutLimitMs = 1000;
const cutLookMs = 0.1;
const tryAgain = 11; // EAGAIN
/** So much is asked for at once: about 0.2 ms when the disk has to read it. */
const readAheadBytesMax = 2 ** 20;

const neverWoken = new Int32Array(new SharedArrayBuffer(4));
const closedWindow = windowOf(new ArrayBuffer(0));

/** The views of one buffer. */
export function windowOf(buffer: ArrayBuffer): Window {
  return {
    u8: new Uint8Array(buffer),
    i32: new Int32Array(buffer),
    f64: new Float64Array(buffer),
    view: new DataView(buffer),
  };
}

export class MappedFile implements StoreFile {
  readonly path: string;
  readonly inode: number;
  header: Window;
  readonly windows: Window[] = [];
  bodyBytes: number;
  readonly descriptor: number;
  readonly #headerBytes: number;
  readonly #headerMapping: Mapping;
  readonly #mappings: Mapping[] = [];
  /** Calls that run on other threads and still use the mappings. */
  readonly #pending = new Set<Promise<unknown>>();
  /** Growths among them. */
  #growths = 0;
  /** What the body is being cut to. */
  #cut: Cut | null = null;
  /** A growth failed, and may have left blocks behind the body. */
  #hasLeftovers = false;
  readonly #readOnly: boolean;
  /** Ranges can be written one by one, and then be synced all in one. */
  readonly #writesBack: boolean;
  #closed = false;

  private constructor(path: string, fd: number, { headerBytes, readOnly }: MappedFileOptions) {
    this.path = path;
    this.descriptor = fd;
    this.#headerBytes = headerBytes;
    this.#readOnly = readOnly ?? false;
    this.inode = Deno.statSync(path).ino ?? 0;
    this.#writesBack = !this.#readOnly && canWriteBack(fd);
    const bytes = fileBytes(fd, path);
    if (!this.#readOnly) backWithBlocks(fd, path, Math.max(bytes, headerBytes));
    this.bodyBytes = Math.max(0, bytes - headerBytes);
    const length = headerBytes;
    this.#headerMapping = map({ fd, offset: 0, length, readOnly: this.#readOnly, path });
    this.header = windowOf(this.#headerMapping.buffer);
    try {
      this.#mapWindows(this.bodyBytes);
    } catch (error) {
      this.#unmap();
      throw error;
    }
  }

  /** Opens the file; unless `readOnly`, creates it with an all-zero header if it does not exist. */
  static open(path: string, options: MappedFileOptions): MappedFile {
    const fd = openFile(path, { mode: options.mode, readOnly: options.readOnly });
    try {
      return new MappedFile(path, fd, options);
    } catch (error) {
      closeFile(fd);
      throw error;
    }
  }

  #mapWindows(bodyBytes: number): void {
    while (this.#mappings.length * windowBytes < bodyBytes) {
      const mapping = map({
        fd: this.descriptor,
        offset: this.#headerBytes + this.#mappings.length * windowBytes,
        length: windowBytes,
        readOnly: this.#readOnly,
        path: this.path,
      });
      adviseRandom(mapping);
      this.#mappings.push(mapping);
      this.windows.push(windowOf(mapping.buffer));
    }
  }

  grow(bodyBytes: number): void {
    if (bodyBytes <= this.bodyBytes) return;
    this.#awaitCut();
    this.#mapWindows(bodyBytes);
    const from = this.#headerBytes + this.bodyBytes;
    try {
      allocate(this.descriptor, from, bodyBytes - this.bodyBytes, this.path);
    } catch (error) {
      this.#hasLeftovers = true;
      this.#cutLeftovers();
      throw error;
    }
    this.bodyBytes = bodyBytes;
  }

  async growInBackground(bodyBytes: number): Promise<boolean> {
    if (this.#cut !== null) await this.#cut.done;
    if (bodyBytes <= this.bodyBytes) return true;
    const from = this.#headerBytes + this.bodyBytes;
    const length = bodyBytes - this.bodyBytes;
    this.#growths++;
    const errno = await this.#track(allocateInBackground(this.descriptor, from, length));
    this.#growths--;
    if (this.#closed) return false;
    const isGrown = errno === 0 && this.#tryToMap(bodyBytes);
    if (!isGrown) this.#hasLeftovers = true;
    else if (bodyBytes > this.bodyBytes) this.bodyBytes = bodyBytes;
    this.#cutLeftovers();
    return isGrown;
  }

  /** Without address space the body stays as it is; writers will say so. */
  #tryToMap(bodyBytes: number): boolean {
    try {
      this.#mapWindows(bodyBytes);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Cuts off what failed growths have left behind the body. Not while another growth is under way: what
   * that allocates will be part of the body, and touching a mapping behind the end of the file is SIGBUS.
   */
  #cutLeftovers(): void {
    if (!this.#hasLeftovers || this.#growths > 0) return;
    this.#hasLeftovers = false;
    this.#tryToTruncate(this.bodyBytes);
  }

  #tryToTruncate(bodyBytes: number): boolean {
    try {
      truncateFile(this.descriptor, this.#headerBytes + bodyBytes, this.path);
      return true;
    } catch {
      return false; // The file is longer than it needs to be, and good all the same.
    }
  }

  async shrinkInBackground(bodyBytes: number): Promise<boolean> {
    const before = this.bodyBytes;
    this.bodyBytes = bodyBytes;
    const cut = this.#track(truncateInBackground(this.descriptor, this.#headerBytes + bodyBytes));
    this.#cut = { bodyBytes, done: cut, hasBegun: false };
    const isCut = await cut;
    this.#cut = null;
    if (!isCut) this.bodyBytes = Math.max(this.bodyBytes, before);
    return isCut;
  }

  /**
   * Returns when the file has lost what is being cut: blocks that were added before would be lost with
   * it. The file's size changes first, and the file system lets others wait while it frees the blocks.
   */
  #awaitCut(): void {
    if (this.#cut === null || this.#cut.hasBegun) return;
    const bytes = this.#headerBytes + this.#cut.bodyBytes;
    const deadline = performance.now() + cutLimitMs;
    while (fileBytes(this.descriptor, this.path) > bytes) {
      if (performance.now() > deadline) throw new SystemError("extend", tryAgain, this.path);
      Atomics.wait(neverWoken, 0, 0, cutLookMs);
    }
    this.#cut.hasBegun = true;
  }

  read(offset: number, bytes: Uint8Array): void {
    readRange(this.descriptor, bytes, this.#headerBytes + offset, this.path);
  }

  write(offset: number, bytes: Uint8Array, start: number, end: number): void {
    // The file system lets others who write wait while it looks for blocks: tens of milliseconds when the disk is busy.
    if (this.#growths > 0) this.#writeWhereMapped(offset, bytes, start, end);
    else writeRange(this.descriptor, bytes, start, end, this.#headerBytes + offset, this.path);
  }

  #writeWhereMapped(offset: number, bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end;) {
      const to = offset + at - start;
      const window = Math.floor(to / windowBytes);
      const from = to - window * windowBytes;
      const next = Math.min(end, at + windowBytes - from);
      this.windows[window].u8.set(bytes.subarray(at, next), from);
      at = next;
    }
  }

  sync(offset: number, length: number): void {
    for (const [mapping, from, bytes] of this.#split(offset, length)) {
      sync(mapping, from, bytes, this.path);
    }
  }

  syncAll(ranges: readonly BodyRange[]): void {
    const last = ranges.at(-1);
    if (last === undefined) return;
    for (const { offset, length } of ranges.slice(0, -1)) {
      if (!this.#writesBack) this.sync(offset, length);
      else writeBack(this.descriptor, this.#headerBytes + offset, length, this.path);
    }
    this.sync(last.offset, last.length);
  }

  syncHeader(): void {
    sync(this.#headerMapping, 0, this.#headerBytes, this.path);
  }

  async syncInBackground(ranges: readonly BodyRange[]): Promise<boolean> {
    if (ranges.length > 0) {
      if (!this.#writesBack) return await this.#track(syncDataInBackground(this.descriptor));
      if (!await this.#writeBack(ranges) || this.#closed) return false;
    }
    return await this.#track(syncInBackground(this.#headerMapping, 0, this.#headerBytes));
  }

  /** What lies between the ranges, such as what was made ready to be written, is left alone. */
  #writeBack(ranges: readonly BodyRange[]): Promise<boolean> {
    const writeBack = (offset: number, length: number) =>
      this.#track(writeBackInBackground(this.descriptor, this.#headerBytes + offset, length));
    return this.#inSteps(stepsOf(ranges, writeBackBytesMax), writeBack);
  }

  populate(offset: number, length: number): Promise<boolean> {
    return this.#populate(offset, length, populate);
  }

  populateForReading(offset: number, length: number): Promise<boolean> {
    return this.#populate(offset, length, populateForReading);
  }

  async populateBlank(offset: number, length: number): Promise<boolean> {
    if (!this.#writesBack) return await this.populateForReading(offset, length);
    if (!await this.populate(offset, length) || this.#closed) return false;
    return await this.#track(
      beginWriteBackInBackground(this.descriptor, this.#headerBytes + offset, length),
    );
  }

  #populate(offset: number, length: number, call: typeof populate): Promise<boolean> {
    const steps = stepsOf([{ offset, length }], populateBytesMax);
    return this.#inSteps(steps, async (from, bytes) => {
      let done = true;
      for (const [mapping, start, part] of this.#split(from, bytes)) {
        done = await this.#track(call(mapping, start, part)) && done;
      }
      return done;
    });
  }

  /** Makes a call for each step, a few at a time; resolves to whether all succeeded. */
  async #inSteps(
    steps: Iterable<BodyRange>,
    call: (offset: number, length: number) => Promise<boolean>,
  ): Promise<boolean> {
    const callEach = async () => {
      let done = true;
      for (const { offset, length } of steps) {
        // What is there later may be anything.
        if (this.#closed) return false;
        done = await call(offset, length) && done;
      }
      return done;
    };
    const lanes = Array.from({ length: callsAtATime() }, callEach);
    return !(await Promise.all(lanes)).includes(false);
  }

  readAhead(offset: number, length: number): void {
    const soon = Math.min(length, readAheadBytesMax);
    for (const [mapping, from, bytes] of this.#splitExisting(offset, soon)) {
      readAhead(mapping, from, bytes);
    }
    if (length > soon) void this.readAheadInBackground(offset + soon, length - soon);
  }

  async readAheadInBackground(offset: number, length: number): Promise<boolean> {
    const parts = this.#splitExisting(offset, length);
    const calls = parts.map(([mapping, from, bytes]) =>
      this.#track(readAheadInBackground(mapping, from, bytes))
    );
    return !(await Promise.all(calls)).includes(false);
  }

  /** Lengths in a damaged file lead anywhere. */
  #splitExisting(offset: number, length: number): [Mapping, number, number][] {
    return this.#split(offset, Math.min(length, this.bodyBytes - offset));
  }

  tryLock(): boolean {
    return tryLock(this.descriptor, this.path) &&
      (this.#readOnly || markInUse(this.descriptor, this.path));
  }

  /** Whether another process has the lock of the file, and can write to it. */
  get isLocked(): boolean {
    return isMarked(this.descriptor, this.path);
  }

  /** Maps what the file has become long enough for, and tells how long it is now. */
  remap(): void {
    this.bodyBytes = Math.max(0, fileBytes(this.descriptor, this.path) - this.#headerBytes);
    this.#mapWindows(this.bodyBytes);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // A view that somebody kept by mistake now has length zero instead of dangling.
    this.header = closedWindow;
    this.windows.fill(closedWindow);
    while (this.#pending.size > 0) await Promise.allSettled([...this.#pending]);
    this.#unmap();
    unlock(this.descriptor);
    closeFile(this.descriptor);
  }

  #unmap(): void {
    unmap(this.#headerMapping);
    for (const mapping of this.#mappings) unmap(mapping);
  }

  /** A range of the body as page-aligned ranges of single windows. */
  #split(offset: number, length: number): [Mapping, number, number][] {
    const parts: [Mapping, number, number][] = [];
    let from = offset - offset % pageBytes;
    const end = offset + length;
    while (from < end) {
      const index = Math.floor(from / windowBytes);
      const start = from - index * windowBytes;
      const bytes = Math.min(end - from, windowBytes - start);
      parts.push([this.#mappings[index], start, bytes]);
      from += bytes;
    }
    return parts;
  }

  async #track<T>(call: Promise<T>): Promise<T> {
    this.#pending.add(call);
    try {
      return await call;
    } finally {
      this.#pending.delete(call);
    }
  }
}

/** Ranges in steps of `bytesMax` that take a moment each. */
function* stepsOf(ranges: readonly BodyRange[], bytesMax: number): Generator<BodyRange> {
  for (const range of ranges) {
    const end = range.offset + range.length;
    for (let offset = range.offset; offset < end; offset += bytesMax) {
      yield { offset, length: Math.min(end - offset, bytesMax) };
    }
  }
}

/** A copy may have come out sparse, and touching a hole of a full disk is SIGBUS. */
function backWithBlocks(fd: number, path: string, bytes: number): void {
  const backed = (Deno.statSync(path).blocks ?? 0) * 512;
  if (backed < bytes) allocate(fd, 0, bytes, path);
}

export { SystemError };
