/**
 * Reads a store that another process may be writing, out of the mapped files, without a lock and without
 * writing anything. docs/store_format.md ("Reading beside the server") has the rules; here is the order
 * that they need: what tells of changes is looked at before anything is believed, and again when all that
 * is to be believed was copied.
 *
 * What is called here makes no object, so that a lookup costs what its cache misses do.
 *
 * Of what was read before and is read again, the compiler must not take the first for the second. `Atomics.load` is a call
 * for it, behind which everything is read anew, but of 10 ns: so there is one where it matters, and what stands beside it is
 * read as usual. The order of the loads is the processor's, which keeps it (see the constructor).
 */
import type { MappedFile, Window } from "../sys/mapped_file.ts";
import { copyBytes } from "./copy_bytes.ts";
import { StoreError } from "./errors.ts";
import {
  indexHeader,
  indexPage,
  readerWords,
  record,
  recordAlignment,
  recordBytes,
  recordHeaderBytes,
  recordKind,
  stageWords,
} from "./format.ts";
import { KeyedHash, shortBytes } from "./keyed_hash.ts";
import type { StoreLimits } from "./limits.ts";
import type { PageDirectory } from "./page_directory.ts";
import {
  depthBits,
  depthMask,
  pageInWindowMask,
  pagesPerWindowShift,
  pageWords,
} from "./page_tables.ts";
import { Patience } from "./patience.ts";
import { findSource, openForReading, type ReaderSource } from "./reader_source.ts";
import { endPageBytes } from "./reader_words.ts";
import { expireAtOf, keyEndAt, kindAt, offsetOf } from "./record.ts";
import { RecordPlaces } from "./record_places.ts";
import { recordState, RecordTrust, sequenceAt } from "./record_trust.ts";

const { changesWord, reusesWord, layoutsWord, endPagesWord, openIdF64, firstSequenceF64 } =
  readerWords;
/** Longer values are copied in pieces, between which it is looked whether they are still there. */
const copyPieceBytes = 2 ** 20;
const largeBytesMin = 2 ** 16;
/** Shorter ones go word by word where they can. */
const shortCopyBytes = 128;
const unitsPerEndPage = endPageBytes / recordAlignment;

/** What a lookup comes to. */
const found = 1;
const missing = 0;
const again = -1;

export interface SharedReaderOptions {
  /** The time in Unix ms. */
  readonly clock: () => number;
  /** How long to wait at most for the end of a change, in milliseconds. */
  readonly waitMsMax: number;
  /** Sizes; for tests. */
  readonly limits?: Partial<StoreLimits>;
}

export class SharedReader {
  readonly path: string;
  /** How long a call may wait. */
  readonly waitMsMax: number;
  source: ReaderSource;
  /** Length of the value of the last `find` that found one. */
  valueLength = 0;
  /** _changes_ at the last lookup: what is read with one number of it was not half of a batch. */
  changes = 0;
  /** How often something was read again because it was changed meanwhile. */
  retries = 0;
  /** How often a record was met that is damaged, and counted as missing. */
  damagedReads = 0;
  /** For tests: called between what a lookup looks at and what it believes. */
  onBelieve: (() => void) | null = null;
  /** For tests: called when a lookup has looked at what tells of changes. */
  onLook: (() => void) | null = null;
  readonly #file: MappedFile;
  readonly #i32: Int32Array;
  readonly #f64: Float64Array;
  readonly #records: readonly Window[];
  readonly #clock: () => number;
  readonly #limits: Partial<StoreLimits>;
  readonly #patience: Patience;
  #hash!: KeyedHash;
  #directory!: PageDirectory;
  #trust!: RecordTrust;
  // What the words of the header were when they were looked at last.
  #reuses = 0;
  #layouts = 0;
  #openId = 0;
  /** The same as it stands in the index's file. */
  #indexOpenId = 0;
  /** What of _changes_ has to be what: see `#enter`. */
  #changesMask = 1;
  #changesGood = 0;
  /** Where the log ends, in units of 16 bytes. */
  #endUnits = 0;
  /** Where records stood when the words of the stage, which are in the same window, had this version. */
  #places!: RecordPlaces;
  #stageVersion = 0;
  // The record of the last `find`.
  #address = 0;
  #window!: Window;
  #offset = 0;
  #valueStart = 0;
  #closed = false;
  /** Entries of a page, copied for `readPage`. */
  readonly #entries = new Int32Array(pageWords);
  /** The key that `hashOf` has put into words, if it has. */
  #hashed: Uint8Array | null = null;
  /** Keeps `prefetch` from being optimised away. */
  #prefetched = 0;

  /** Throws StoreError NOT_A_STORE, UNSUPPORTED, BUSY; SystemError. */
  constructor(path: string, options: SharedReaderOptions) {
    if (Deno.build.arch !== "x86_64") {
      const reason = `it needs a processor that keeps stores in order, as x86_64 does`;
      throw new StoreError("UNSUPPORTED", `Cannot read ${path} beside its server: ${reason}`);
    }
    this.path = path;
    this.waitMsMax = options.waitMsMax;
    this.#clock = options.clock;
    this.#limits = options.limits ?? {};
    this.#patience = new Patience(options.waitMsMax);
    this.#file = openForReading(path, this.#patience);
    this.#i32 = this.#file.header.i32;
    this.#f64 = this.#file.header.f64;
    this.#records = this.#file.windows;
    try {
      this.source = this.#findSource();
    } catch (error) {
      void this.#file.close();
      throw error;
    }
  }

  /** The hash of a key. */
  hashOf(key: Uint8Array, start: number, end: number): number {
    this.#hashed = start === 0 && end <= shortBytes ? key : null;
    return this.#hash.of(key, start, end);
  }

  /**
   * Looks up a key. False: there is none. Otherwise `valueLength` tells of its value, which may be copied;
   * what was copied counts if `isStill` is true afterwards. Throws StoreError BUSY, CLOSED.
   */
  find(hash: number, key: Uint8Array, start: number, end: number): boolean {
    let lookedSince = -Infinity;
    while (true) {
      this.#enter();
      const result = this.#search(hash, key, start, end);
      if (result === found) {
        const bytes = recordBytes(end - start, this.valueLength);
        const state = this.#trust.judge(this.#address, bytes, this.#window, this.#offset);
        if (this.#isStageOther()) continue; // The record stands elsewhere.
        if (state === recordState.whole && !this.#isExpired()) {
          this.#patience.reset();
          return true;
        }
        // It may have been replaced before it expired: it is what the key has if it had expired before the look began.
        if (state === recordState.whole && this.#expireAt >= lookedSince) {
          lookedSince = this.#clock();
          continue;
        }
        // A damaged record counts as missing.
        const isSure = state !== recordState.gone || this.#patience.isLong;
        if (isSure && this.isStill()) {
          if (state !== recordState.whole) this.damagedReads++;
          this.#patience.reset();
          return false;
        }
      } else if (result === missing) return false;
      this.#lookAgain();
    }
  }

  /** The index's file belongs to another opening: of this store, or of one that has taken its place. */
  #isIndexOther(): boolean {
    return this.#places.window.f64[indexHeader.openIdF64] !== this.#indexOpenId;
  }

  /** What was gone by belongs to an earlier opening, or to another store. */
  #leaveIndex(): void {
    this.#findSource();
    this.changes = this.source.changes;
  }

  /** Whether all that was read since the last `find` is what it was. */
  isStill(): boolean {
    if (this.onBelieve !== null) this.onBelieve();
    const isStaged = this.#window === this.#places.window;
    const i32 = this.#i32;
    return Atomics.load(i32, changesWord) === this.changes && i32[reusesWord] === this.#reuses &&
      !this.#isIndexOther() && !(isStaged && this.#isStageOther());
  }

  /** Other records are staged than when that was looked at. */
  #isStageOther(): boolean {
    return Atomics.load(this.#places.window.i32, stageWords.versionWord) !== this.#stageVersion;
  }

  /**
   * Copies the value that was found to `target` at 0; false: it is to be looked up again. The target's bytes may be
   * words as well, of which the first is `words[first]`.
   */
  copyTo(target: Uint8Array, words: Int32Array | null, first: number): boolean {
    const start = this.#valueStart;
    const length = this.valueLength;
    if (length < largeBytesMin) {
      let done = 0;
      if (words !== null && (start & 3) === 0 && length <= shortCopyBytes) {
        const from = start >> 2;
        const count = length >> 2;
        const { i32 } = this.#window;
        for (let i = 0; i < count; i++) words[first + i] = i32[from + i];
        done = count << 2;
      }
      copyBytes(target, done, this.#window.u8, start + done, start + length);
      if (this.isStill()) return true;
    } else if (this.#copyLarge(target)) return true;
    this.#lookAgain();
    return false;
  }

  /**
   * A large value, in pieces. Segments may come and go meanwhile, as long as the one that it stands in does
   * not; and the place in the index was looked up outside of a batch, whatever batches there are now.
   */
  #copyLarge(target: Uint8Array): boolean {
    const segment = this.#trust.segmentOf(this.#window, this.#offset);
    const sequence = sequenceAt(this.#window, segment);
    if (!this.isStill()) return false;
    const length = this.valueLength;
    for (let done = 0; done < length; done += copyPieceBytes) {
      const from = this.#valueStart + done;
      const to = this.#valueStart + Math.min(length, done + copyPieceBytes);
      target.set(this.#window.u8.subarray(from, to), done);
      if (this.onBelieve !== null) this.onBelieve();
      // Its header is the first that goes. A file that was cut would end the process.
      if (Atomics.load(this.#i32, layoutsWord) !== this.#layouts) return false;
      if (sequenceAt(this.#window, segment) !== sequence) return false;
    }
    return true;
  }

  /**
   * Loads what looking up these hashes will need into the processor's caches, all cache misses at once;
   * see `HashIndex.prefetch`.
   */
  prefetch(hashes: Int32Array, count: number): void {
    this.#enter();
    const { entries, shift, windows, homes, slotsEnd } = this.#directory;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i];
      const entry = entries[hash >>> shift];
      const page = entry >>> depthBits;
      const home = ((hash << (entry & depthMask)) >>> 16) * homes >>> 16;
      const slot = (page & pageInWindowMask) * pageWords + indexPage.slotWord + home * 2;
      sum ^= windows[page >>> pagesPerWindowShift].i32[slot];
    }
    for (let i = 0; i < count; i++) {
      const hash = hashes[i];
      const entry = entries[hash >>> shift];
      const page = entry >>> depthBits;
      const words = windows[page >>> pagesPerWindowShift].i32;
      const base = (page & pageInWindowMask) * pageWords;
      const home = ((hash << (entry & depthMask)) >>> 16) * homes >>> 16;
      let slot = base + indexPage.slotWord + home * 2;
      const end = base + slotsEnd;
      while (slot < end && words[slot + 1] !== 0 && words[slot] < hash) slot += 2;
      if (slot >= end || words[slot] !== hash) continue;
      const address = words[slot + 1];
      if ((address >>> 0) + 3 > this.#endUnits) continue;
      const { i32 } = this.#records[address >>> 26];
      const word = offsetOf(address) >> 2;
      sum ^= i32[word] ^ i32[word + recordHeaderBytes / 4];
    }
    this.#prefetched = sum;
  }

  /** Reads the words of the header; sees to it that what they say is heeded. */
  #enter(): void {
    const i32 = this.#i32;
    if (this.#closed) throw new StoreError("CLOSED", `Cannot read ${this.path}: it is closed`);
    this.changes = Atomics.load(i32, changesWord);
    // Of an index in memory, one number; of the index's file, all that are even.
    if ((this.changes & this.#changesMask) !== this.#changesGood) this.#settle();
    if (
      i32[reusesWord] !== this.#reuses || i32[layoutsWord] !== this.#layouts ||
      this.#f64[openIdF64] !== this.#openId
    ) this.#refresh();
    if (this.#isIndexOther()) this.#leaveIndex();
    if (this.#places.window.i32[stageWords.versionWord] !== this.#stageVersion) this.#noteStage();
    if (this.onLook !== null) this.onLook();
  }

  /** While the words change, nothing is staged that is not in the log. */
  #noteStage(): void {
    const places = this.#places;
    const { i32 } = places.window;
    do {
      this.#stageVersion = Atomics.load(i32, stageWords.versionWord);
      places.from = i32[stageWords.fromWord];
      places.start = i32[stageWords.startWord];
      places.units = (this.#stageVersion & 1) === 0 ? i32[stageWords.unitsWord] : 0;
    } while (this.#isStageOther());
  }

  /** A change is under way, or an index in memory is out of date: waits for the end of the one, and mends the other. */
  #settle(): void {
    while (true) {
      this.changes = Atomics.load(this.#i32, changesWord);
      const isWithin = (this.changes & 1) !== 0;
      if (this.source.kind === "log" && this.changes === this.source.changes) break;
      if (this.source.kind === "index" && !isWithin) break;
      // Whoever made the change is dead, or this reader knows only what was before.
      const isLeft = this.#patience.isLong && !this.#file.isLocked;
      if (isLeft || this.source.kind === "log") this.#findSource();
      else this.#patience.pause(`${this.path}: it has been within a change`);
    }
    this.#patience.reset();
  }

  /** Segments were begun or given up, or the index's pages are others. */
  #refresh(): void {
    const i32 = this.#i32;
    const layouts = Atomics.load(i32, layoutsWord);
    if (this.#file.header.f64[openIdF64] !== this.#openId) return this.#leaveIndex();
    if (layouts !== this.#layouts) {
      this.#directory.load();
      // Read while the pages were changing, it is to be read again: `isStill` will say so, too.
      if (Atomics.load(i32, changesWord) === this.changes) this.#layouts = layouts;
    }
    this.#noteEnd();
  }

  #findSource(): ReaderSource {
    const before: ReaderSource | undefined = this.source;
    const source = findSource(this.#file, this.#limits, this.#patience);
    if (before !== undefined) void before.directory.file.close();
    this.source = source;
    const { state, directory } = source;
    this.#changesMask = source.kind === "log" ? -1 : 1;
    this.#changesGood = source.kind === "log" ? source.changes : 0;
    this.#hash = new KeyedHash(state.hashKey[0], state.hashKey[1]);
    this.#hashed = null;
    this.#directory = directory;
    this.#places = new RecordPlaces(this.#records, directory.file.header);
    // Of an index in memory, it is whatever stands there.
    this.#indexOpenId = source.kind === "index"
      ? state.openId
      : directory.file.header.f64[indexHeader.openIdF64];
    this.#noteStage();
    // All of a log that was read here has been verified; what is mapped anew may come from the disk.
    const firstSequence = source.isServed ? this.#file.header.f64[firstSequenceF64] : Infinity;
    const trustedFrom = source.kind === "log" ? 0 : firstSequence;
    this.#trust = new RecordTrust(state, this.#records, trustedFrom);
    this.#openId = source.openId;
    this.#layouts = source.layouts;
    this.#noteEnd();
    return source;
  }

  /** Nobody but the process that has the store open says where it ends. */
  #noteEnd(): void {
    const file = this.#file;
    this.#reuses = Atomics.load(this.#i32, reusesWord);
    this.#trust.forget();
    const announced = Atomics.load(this.#i32, endPagesWord) * unitsPerEndPage;
    if (announced * recordAlignment > file.bodyBytes || !this.source.isServed) file.remap();
    const inFile = Math.floor(file.bodyBytes / recordAlignment);
    this.#endUnits = this.source.isServed ? Math.min(announced, inFile) : inFile;
  }

  #lookAgain(): void {
    this.retries++;
    // A process that was killed while it moved the entries of a page has left it so.
    const isStuck = this.#patience.isLong && this.source.kind === "index" && !this.#file.isLocked;
    if (isStuck) this.#findSource();
    this.#patience.pause(`${this.path}: it has been changed again and again`);
  }

  #isExpired(): boolean {
    const expireAt = this.#expireAt;
    return expireAt !== 0 && expireAt < this.#clock();
  }

  get #expireAt(): number {
    return expireAtOf(this.#window, this.#offset);
  }

  /** Looks for a key in its page: `found`, `missing` or `again`. */
  #search(hash: number, key: Uint8Array, start: number, end: number): number {
    const directory = this.#directory;
    const entry = directory.entries[hash >>> directory.shift];
    const page = entry >>> depthBits;
    const depth = entry & depthMask;
    const words = directory.windows[page >>> pagesPerWindowShift].i32;
    const base = (page & pageInWindowMask) * pageWords;
    const home = base + indexPage.slotWord +
      (((hash << depth) >>> 16) * directory.homes >>> 16) * 2;
    const slotsEnd = base + directory.slotsEnd;
    // An entry that leads to the key's record is right whatever moves, and the page's header is another
    // cache miss: its version is for those that find nothing.
    let slot = this.#seek(words, home, slotsEnd, hash);
    for (; slot < slotsEnd && words[slot] === hash; slot += 2) {
      if (this.#leadsTo(words[slot + 1], key, start, end)) return found;
    }
    const version = Atomics.load(words, base + indexPage.versionWord);
    slot = this.#seek(words, home, slotsEnd, hash);
    for (; slot < slotsEnd && words[slot] === hash; slot += 2) {
      if (this.#leadsTo(words[slot + 1], key, start, end)) return found;
    }
    const owns = depth > 0 && words[base + indexPage.depthWord] === depth + 1 &&
      words[base + indexPage.prefixWord] >>> (32 - depth) === hash >>> (32 - depth);
    const isWhole = (version & 1) === 0 && this.isStill() && !this.#isStageOther() &&
      Atomics.load(words, base + indexPage.versionWord) === version;
    if (owns && isWhole) {
      this.#patience.reset();
      return missing;
    }
    if (!owns) {
      // It was split: then there are new pages, too.
      directory.learn(page);
      directory.learnNew();
    }
    return again;
  }

  /** The first slot from `slot` on whose hash is not below `hash`, or that is empty. */
  #seek(words: Int32Array, slot: number, end: number, hash: number): number {
    while (slot < end && words[slot + 1] !== 0 && words[slot] < hash) slot += 2;
    return slot;
  }

  /** Whether the record of this key stands at an address; remembers where. */
  #leadsTo(address: number, key: Uint8Array, start: number, end: number): boolean {
    if (address === 0) return false;
    const left = (this.#endUnits - (address >>> 0)) * recordAlignment - recordHeaderBytes;
    if (left < 0) return false;
    const window = this.#places.windowOf(address);
    const offset = this.#places.offsetOf(address);
    const word = offset >> 2;
    const { i32, u8 } = window;
    const keyLength = end - start;
    const valueLength = i32[word + record.valueLengthWord];
    if (
      i32[word + record.keyLengthWord] !== keyLength || valueLength < 0 ||
      keyLength + valueLength > left || kindAt(window, offset) !== recordKind.put
    ) return false;
    let other = offset + recordHeaderBytes;
    let at = start;
    if (key === this.#hashed) {
      const { words } = this.#hash;
      const first = other >> 2;
      for (let i = 0, count = keyLength >> 2; i < count; i++) {
        if (words[i] !== i32[first + i]) return false;
      }
      at = keyLength & ~3;
      other += at;
    }
    for (; at < end; at++, other++) if (key[at] !== u8[other]) return false;
    this.#address = address;
    this.#window = window;
    this.#offset = offset;
    this.#valueStart = other;
    this.valueLength = valueLength;
    return true;
  }

  /**
   * Visits the keys of the page that has `from` (a hash, as an unsigned number) whose hashes are `from` or
   * above, as copies; returns where the next page begins, 0 at the end.
   */
  readPage(from: number, visit: (key: Uint8Array) => void): number {
    while (true) {
      this.#enter();
      // What expires behind that may have been replaced before it did, by a record that is not among those copied.
      const now = this.#clock();
      const next = this.#copyPage(from);
      if (next >= 0) {
        const keys = this.#keysOf(from, now);
        if (keys !== null) {
          this.#patience.reset();
          keys.forEach(visit);
          return next;
        }
      }
      this.#lookAgain();
    }
  }

  /** Copies the entries of a page; returns where the next begins, -1 when it is to be looked at again. */
  #copyPage(from: number): number {
    const directory = this.#directory;
    const entry = directory.entries[from >>> directory.shift];
    const page = entry >>> depthBits;
    const depth = entry & depthMask;
    const words = directory.windows[page >>> pagesPerWindowShift].i32;
    const base = (page & pageInWindowMask) * pageWords;
    const version = Atomics.load(words, base + indexPage.versionWord);
    this.#entries.set(words.subarray(base, base + pageWords));
    const prefix = this.#entries[indexPage.prefixWord] >>> 0;
    const next = prefix + 2 ** (32 - depth);
    const owns = depth > 0 && this.#entries[indexPage.depthWord] === depth + 1 &&
      from >= prefix && from < next;
    const isWhole = (version & 1) === 0 && this.isStill() &&
      Atomics.load(words, base + indexPage.versionWord) === version;
    if (owns && isWhole) return next < 2 ** 32 ? next : 0;
    if (!owns) {
      directory.learn(page);
      directory.learnNew();
    }
    return -1;
  }

  /** Copies the keys that the copied entries lead to and that had not expired at `now`; null: they are not there any more. */
  #keysOf(from: number, now: number): Uint8Array[] | null {
    const keys: Uint8Array[] = [];
    const entries = this.#entries;
    for (let slot: number = indexPage.slotWord; slot < this.#directory.slotsEnd; slot += 2) {
      const address = entries[slot + 1];
      if (address === 0 || entries[slot] >>> 0 < from) continue;
      const left = (this.#endUnits - (address >>> 0)) * recordAlignment - recordHeaderBytes;
      if (left < 0) continue;
      const window = this.#places.windowOf(address);
      const offset = this.#places.offsetOf(address);
      const end = keyEndAt(window, offset);
      const keyLength = end - offset - recordHeaderBytes;
      const valueLength = window.i32[(offset >> 2) + record.valueLengthWord];
      if (keyLength < 0 || valueLength < 0 || keyLength + valueLength > left) continue;
      const bytes = recordBytes(keyLength, valueLength);
      const state = this.#trust.judge(address, bytes, window, offset);
      if (state === recordState.gone && !this.#patience.isLong) return null;
      if (state !== recordState.whole) continue;
      const expireAt = expireAtOf(window, offset);
      if (expireAt !== 0 && expireAt < now) continue;
      keys.push(window.u8.slice(offset + recordHeaderBytes, end));
    }
    if (this.onBelieve !== null) this.onBelieve();
    const isStill = Atomics.load(this.#i32, reusesWord) === this.#reuses && !this.#isStageOther();
    return isStill ? keys : null;
  }

  /** How many entries the index has, those of keys that have expired included. */
  countEntries(): number {
    this.#enter();
    this.#directory.learnNew();
    return this.#directory.countEntries();
  }

  get fileBytes(): number {
    this.#file.remap();
    return this.#file.header.u8.length + this.#file.bodyBytes;
  }

  get indexBytes(): number {
    return this.#directory.pageCount * pageWords * 4;
  }

  get isServed(): boolean {
    return this.#file.isLocked;
  }

  /** Which file it is: at the path there may be another one by now. */
  get inode(): number {
    return this.#file.inode;
  }

  get sleeps(): number {
    return this.#patience.sleeps;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.source.directory.file.close();
    void this.#file.close();
  }
}
