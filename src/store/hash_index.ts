/**
 * The index: from a key's hash to the address of its record. Extendible hashing (Fagin, Nievergelt,
 * Pippenger, Strong 1979): a directory, addressed by the hash's high bits, leads to pages of 4 KiB; a
 * full page splits alone, so growing never pauses.
 *
 * Within a page the slots stand in the order of their hashes, with gaps: a slot's *home* is the
 * hash's position in the page's range, scaled to the page, and slots move right to make room, never
 * past a gap (linear probing in the Robin Hood order, Celis 1986, which is the order of the hashes
 * here). So a search for a missing key ends at the first larger hash, and all entries of the index
 * have one order that no growth changes: the order of their hashes. SCAN's cursor is such a hash.
 *
 * The pages live in a mapped file that is only a cache of the log. The directory is in memory, and is rebuilt
 * when the file is opened, from tables in the file which say what each page has.
 */
import type { StoreFile, Window } from "../sys/mapped_file.ts";
import { SystemError } from "../sys/mapped_file.ts";
import { cannotGrow, StoreError } from "./errors.ts";
import { defaultLimits, shrinkBytesMax, type StoreLimits } from "./limits.ts";
import { ReaderWords } from "./reader_words.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import { keyEndAt, kindAt, offsetOf } from "./record.ts";
import {
  depthBits,
  depthMask,
  depthMax,
  depthOf,
  isTable,
  pageBase,
  pageInWindowMask,
  pagesPerWindowShift,
  pageWords,
  prefixOf,
  readTable,
  tableEntry,
  tableWord,
} from "./page_tables.ts";
import { Stage } from "./stage.ts";
import { hasBytes, lineBytes, loadAt } from "./words.ts";
import {
  indexGivenUp,
  indexHeader,
  indexPage,
  indexPageBytes,
  pagesPerTable,
  record,
  recordAlignment,
  recordHeaderBytes,
  recordKind,
  undoPairsMax,
} from "./format.ts";

const slotWords = 2;
const undoStart = indexHeader.undoByte / 4;
const imageStart = indexHeader.imageByte / 4;
const growthPagesMin = 64;
const growthPagesMax = 16384;
const topBit = 1 << 31;
/** Hashes that are looked up together, at most. */
export const aheadMax = 512;
const { keyBytesMax } = defaultLimits;

type IndexLimits = Pick<StoreLimits, "slotsPerPage" | "cutDelayMs">;

/** By how much the depth of the deepest page may exceed that of all pages if they had the same. */
const likelyDepths = 8;

/** Told of the record at an address that counts again (1), where its key was removed, or counts no more (-1). */
type UndoListener = (address: number, sign: number, wasRemoved: boolean) => void;

/** Entries [from, to) of a packed list, which go to a page with this prefix and depth. */
interface PagePart {
  readonly prefix: number;
  readonly depth: number;
  readonly from: number;
  readonly to: number;
}

/** The prefix of the page of this depth that has a hash. */
function prefixAt(hash: number, depth: number): number {
  return hash & -1 << (32 - depth);
}

/** The largest depth that the tables tell of, of which a page's is the lowest bit of its entry; 0: it cannot be right. */
function deepestOf(entries: Int32Array): number {
  let bits = 0;
  for (let table = 0; table < entries.length; table += pagesPerTable) {
    const end = Math.min(table + pagesPerTable, entries.length);
    for (let page = table + 1; page < end; page++) bits |= entries[page];
  }
  const deepest = Math.clz32(bits & -bits);
  if (deepest > depthMax) return 0;
  // One page of a wild depth would have the directory take 1 GiB.
  const isLikely = deepest <= Math.log2(entries.length) + likelyDepths;
  return isLikely || coversAll(entries) ? deepest : 0;
}

/** Whether the pages cover as many hashes as there are. */
function coversAll(entries: Int32Array): boolean {
  let covered = 0;
  for (let page = 0; page < entries.length; page++) {
    if (page % pagesPerTable === 0) continue;
    const depth = depthOf(entries[page]);
    if (depth < 1 || depth > depthMax) return false;
    covered += 1 << (depthMax - depth);
  }
  return covered === 2 ** depthMax;
}

/** Moves a page's entries to the start of `words`, in order; returns how many there are. */
function packEntries(words: Int32Array, slotsEnd: number): number {
  let count = 0;
  for (let from = indexPage.slotWord; from < slotsEnd; from += slotWords) {
    if (words[from + 1] === 0) continue;
    words[count * slotWords] = words[from];
    words[count * slotWords + 1] = words[from + 1];
    count++;
  }
  return count;
}

export class HashIndex {
  readonly file: StoreFile;
  /** How many entries there are. */
  #count = 0;
  /** After `find`: where in the page's window (a word offset) the entry is or would be inserted. */
  #slot = 0;
  /** After `find`: the window and the page (word offset of its header) searched, and its depth. */
  #words: Int32Array;
  #page = 0;
  #depth = 0;
  #directory: Int32Array;
  #directoryBits = 1;
  #pageCount = 0;
  /** Entries a page may hold before it splits, homes in a page, words of all its slots. */
  readonly #entriesMax: number;
  readonly #homes: number;
  /** So many entries of one hash fit wherever their home is. */
  readonly #oneHashMax: number;
  readonly #slotsEnd: number;
  /** The log, for comparing keys. */
  readonly #log: StoreFile;
  readonly #records: readonly Window[];
  readonly #stage: Stage;
  /**
   * Before this address there is room for a header and the longest key: as `address ^ topBit`, whose
   * order as signed numbers is that of addresses. The file may have grown meanwhile.
   */
  #roomyEnd = topBit;
  /**
   * An entry was met that leads to no record. Such an entry counts as missing; the file is marked, so
   * that the next opening rebuilds it.
   */
  isDamaged = false;
  /**
   * Called by `find` when an entry with the key's hash leads to another key: two keys with equal hashes
   * are rare, and a damaged key is as likely.
   */
  onOtherKey: ((address: number, hash: number) => void) | null = null;
  /** Called when the first one is met. */
  onDamage: () => void = () => {};
  /** For `prefetch`: the words in a window that are loaded next. */
  readonly #placesAhead = new Int32Array(aheadMax);
  /** Who else reads the index is told here. */
  readers = new ReaderWords();
  /** When it was cleared last, by `performance.now()`. */
  #clearedMs = 0;
  readonly #cutDelayMs: number;
  #growing = false;
  #cutting = false;
  /** Open multi-word changes; see `beginChange`. */
  #changes = 0;
  /** Changes that are noted of a batch; -1: none is open. */
  #undoLength = -1;
  /** The batch that is open has changed what is not noted. */
  #gaveUpUndo = false;

  /** `stage` is where the records stand. */
  constructor(file: StoreFile, stage: Stage, limits: IndexLimits) {
    const { slotsPerPage, cutDelayMs } = limits;
    this.#cutDelayMs = cutDelayMs;
    this.file = file;
    this.#stage = stage;
    this.#log = stage.log;
    this.#records = stage.log.windows;
    // 6% of the slots lie behind the last home, for entries pushed right; 91% full is full, where
    // the average search still looks at fewer than 8 slots.
    this.#homes = Math.max(2, Math.floor(slotsPerPage * 0.94));
    this.#oneHashMax = slotsPerPage - this.#homes + 1;
    this.#entriesMax = Math.max(2, Math.floor(slotsPerPage * 0.91));
    this.#slotsEnd = indexPage.slotWord + slotsPerPage * slotWords;
    this.#directory = new Int32Array(2);
    this.#words = new Int32Array(0);
  }

  /** How many entries there are. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of pages and directory in use. */
  get bytes(): number {
    return this.#pageCount * indexPageBytes + this.#directory.byteLength;
  }

  get pageCount(): number {
    return this.#pageCount;
  }

  get directoryBits(): number {
    return this.#directoryBits;
  }

  // --- searching -------------------------------------------------------------------------------

  /**
   * The address of the record with this key, 0 when there is none. Remembers the place for `insert`,
   * `replace` and `remove`.
   */
  find(hash: number, key: DataView, start: number, end: number): number {
    const slotHash = this.#seek(hash);
    if (slotHash !== hash) return 0;
    const words = this.#words;
    const length = end - start;
    let slot = this.#slot;
    do {
      const address = words[slot + 1];
      if (address === 0) break;
      if (words[slot] !== hash) break;
      const left = this.#keyRoom(address);
      if (left < 0) {
        this.reportDamage();
        slot += slotWords;
        continue;
      }
      const window = this.#stage.windowOf(address);
      const offset = this.#stage.offsetOf(address);
      if (
        window.i32[(offset >> 2) + record.keyLengthWord] === length && length <= left &&
        kindAt(window, offset) === recordKind.put
      ) {
        if (hasBytes(window.i32, offset + recordHeaderBytes >> 2, key, start, end)) {
          this.#slot = slot;
          return address;
        }
      }
      if (this.onOtherKey !== null) {
        if (this.#leadsToRecord(address)) this.onOtherKey(address, hash);
        else this.reportDamage();
      }
      slot += slotWords;
    } while (slot < this.#page + this.#slotsEnd);
    this.#slot = slot; // Behind the other entries with this hash.
    return 0;
  }

  /**
   * Loads what looking up these hashes will need into the processor's caches. The lookups of one
   * pipeline are independent, so their cache misses overlap here, and do not there. That wants loops of
   * few instructions and no branch that depends on what is being loaded: a processor runs ahead of a
   * load by some hundred instructions, and not at all past a branch that it has guessed wrongly. So
   * pages, places in them and records have a loop each, and what is loaded is computed before. Returns a
   * number that means nothing, but needs the loads.
   */
  prefetch(hashes: Int32Array, count: number): number {
    let sum = this.prefetchPages(hashes, count);
    const places = this.#placesAhead;
    let number = -1;
    let found = 0;
    for (let i = 0; i < count; i++) {
      if (this.#seek(hashes[i]) !== hashes[i]) continue;
      const address = this.#words[this.#slot + 1];
      if (this.#keyRoom(address) < lineBytes) continue;
      if (address >>> 26 !== number) {
        if (found > 0) sum ^= loadAt(this.#records[number].i32, places, found, lineBytes / 4);
        number = address >>> 26;
        found = 0;
      }
      places[found++] = offsetOf(address) >> 2;
    }
    // Most small records stand in two lines.
    if (found > 0) sum ^= loadAt(this.#records[number].i32, places, found, lineBytes / 4);
    return sum;
  }

  /** The same without the records. */
  prefetchPages(hashes: Int32Array, count: number): number {
    const shift = 32 - this.#directoryBits;
    const directory = this.#directory;
    const places = this.#placesAhead;
    const placeMax = pageWords - lineBytes / 8 - 1;
    let number = -1;
    let found = 0;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[i];
      const entry = directory[hash >>> shift];
      const page = entry >>> depthBits;
      if (page >>> pagesPerWindowShift !== number) {
        if (found > 0) sum ^= loadAt(this.file.windows[number].i32, places, found, lineBytes / 8);
        number = page >>> pagesPerWindowShift;
        found = 0;
      }
      const place = indexPage.slotWord + this.#home(hash, entry & depthMask) * slotWords;
      places[found++] = (page & pageInWindowMask) * pageWords + Math.min(place, placeMax);
    }
    // The entry stands there or a few slots further on, perhaps in the next line.
    if (found > 0) sum ^= loadAt(this.file.windows[number].i32, places, found, lineBytes / 8);
    return sum;
  }

  /**
   * How many bytes of the file there are behind the header of a record at an address; below 0, not even
   * a header is: touching a mapping behind the end of the file would end the process.
   */
  #bytesBehindHeader(address: number): number {
    return this.#log.bodyBytes - (address >>> 0) * recordAlignment - recordHeaderBytes;
  }

  /** The same, but no more than the longest key has. */
  #keyRoom(address: number): number {
    return (address ^ topBit) < this.#roomyEnd ? keyBytesMax : this.#measureKeyRoom(address);
  }

  #measureKeyRoom(address: number): number {
    const units = (this.#log.bodyBytes - recordHeaderBytes - keyBytesMax) / recordAlignment;
    this.#roomyEnd = Math.max(0, Math.floor(units)) + topBit;
    return Math.min(keyBytesMax, this.#bytesBehindHeader(address));
  }

  /** The log's file has become shorter. */
  noteCut(): void {
    this.#roomyEnd = topBit;
  }

  /** Whether a record may stand at an address of an entry: nothing behind the file is touched. */
  #leadsToRecord(address: number): boolean {
    const left = this.#bytesBehindHeader(address);
    if (left < 0) return false;
    const window = this.#stage.windowOf(address);
    const { i32 } = window;
    const offset = this.#stage.offsetOf(address);
    const word = offset >> 2;
    const keyLength = i32[word + record.keyLengthWord];
    const valueLength = i32[word + record.valueLengthWord];
    return kindAt(window, offset) === recordKind.put && keyLength >= 0 &&
      keyLength <= keyBytesMax && valueLength >= 0 && keyLength + valueLength <= left;
  }

  /** The index is not to be used by the next opening. */
  reportDamage(): void {
    if (this.isDamaged) return;
    this.isDamaged = true;
    this.beginChange(); // And never ended.
    this.onDamage();
  }

  /**
   * Whether the entry of a record with this hash leads to this address: as `find`, without looking at
   * any record.
   */
  leadsTo(hash: number, address: number): boolean {
    if (this.#seek(hash) !== hash) return false;
    const words = this.#words;
    const end = this.#page + this.#slotsEnd;
    let slot = this.#slot;
    while (slot < end && words[slot] === hash && words[slot + 1] !== 0) {
      if (words[slot + 1] === address) {
        this.#slot = slot;
        return true;
      }
      slot += slotWords;
    }
    return false;
  }

  /**
   * Goes to the first slot whose hash is not below `hash`; returns the hash there, or another number
   * than `hash` when there is none.
   */
  #seek(hash: number): number {
    const entry = this.#directory[hash >>> (32 - this.#directoryBits)];
    const page = entry >>> depthBits;
    const depth = entry & depthMask;
    const words = this.file.windows[page >>> pagesPerWindowShift].i32;
    const base = (page & pageInWindowMask) * pageWords;
    const home = this.#home(hash, depth);
    const end = base + this.#slotsEnd;
    let slot = base + indexPage.slotWord + home * slotWords;
    this.#words = words;
    this.#page = base;
    this.#depth = depth;
    // All hashes of a page share their top bit (the directory has at least one), so comparing them
    // as signed numbers gives their order.
    while (slot < end && words[slot + 1] !== 0 && words[slot] < hash) slot += slotWords;
    this.#slot = slot;
    return slot < end && words[slot + 1] !== 0 ? words[slot] : ~hash;
  }

  // --- changing --------------------------------------------------------------------------------

  /** After `find` returned an address: the key's record is now at another one. */
  replace(address: number): void {
    this.#words[this.#slot + 1] = address;
  }

  /**
   * After `find` returned 0: makes sure that `insert` will succeed, splitting pages if need be. Throws
   * StoreError NO_SPACE when the index cannot grow; then nothing has changed.
   */
  prepareInsert(hash: number, key: DataView, start: number, end: number): void {
    while (
      this.#words[this.#page + indexPage.countWord] >= this.#entriesMax ||
      this.#gapBehind(this.#slot) < 0
    ) {
      if (this.#holdsOnly(hash)) this.#refuseToSplit();
      this.#split(hash);
      this.find(hash, key, start, end);
    }
  }

  /** Whether all entries of the page have this hash: then no split makes room. */
  #holdsOnly(hash: number): boolean {
    const end = this.#page + this.#slotsEnd;
    let count = 0;
    for (let slot = this.#page + indexPage.slotWord; slot < end; slot += slotWords) {
      if (this.#words[slot + 1] === 0) continue;
      if (this.#words[slot] !== hash) return false;
      count++;
    }
    return count > 0;
  }

  /**
   * 2^28 pages, or more keys of one hash than find room behind a home: neither happens under a keyed hash,
   * unless many entries that lead to damaged records stay behind.
   */
  #refuseToSplit(): never {
    this.reportDamage();
    throw new StoreError("NO_SPACE", "Cannot grow the index: too many keys with similar hashes");
  }

  /** After `prepareInsert`: adds the entry at its place. */
  insert(hash: number, address: number): void {
    const words = this.#words;
    const slot = this.#slot;
    const gap = this.#gapBehind(slot);
    const version = this.#page + indexPage.versionWord;
    const header = this.file.header;
    header.i32[indexHeader.changingPageWord] = this.#pageOf(hash);
    words[version]++;
    if (gap - slot <= 32) {
      for (let to = gap; to > slot; to -= slotWords) {
        words[to + 1] = words[to - 1];
        words[to] = words[to - 2];
      }
    } else {
      words.copyWithin(slot + slotWords, slot, gap);
    }
    words[slot] = hash;
    words[slot + 1] = address;
    words[this.#page + indexPage.countWord]++;
    words[version]++;
    header.f64[indexHeader.keysF64] = ++this.#count;
    header.i32[indexHeader.changingPageWord] = 0;
  }

  /** After `find` returned an address: removes the entry. */
  remove(): void {
    const words = this.#words;
    const end = this.#page + this.#slotsEnd;
    const firstSlot = this.#page + indexPage.slotWord;
    const version = this.#page + indexPage.versionWord;
    let to = this.#slot;
    const header = this.file.header;
    header.i32[indexHeader.changingPageWord] = -this.#pageOf(words[to]);
    words[version]++;
    for (let from = to + slotWords; from < end && words[from + 1] !== 0; from += slotWords) {
      const home = firstSlot + this.#home(words[from], this.#depth) * slotWords;
      // An entry at its home stays, and so does all behind it.
      if (from - home < slotWords) break;
      words[to] = words[from];
      words[to + 1] = words[from + 1];
      to = from;
    }
    words[to] = 0;
    words[to + 1] = 0;
    words[this.#page + indexPage.countWord]--;
    words[version]++;
    header.f64[indexHeader.keysF64] = --this.#count;
    header.i32[indexHeader.changingPageWord] = 0;
  }

  /** The first empty slot at or behind `slot`; -1 when the page has none. */
  #gapBehind(slot: number): number {
    const words = this.#words;
    const end = this.#page + this.#slotsEnd;
    while (slot < end) {
      if (words[slot + 1] === 0) return slot;
      slot += slotWords;
    }
    return -1;
  }

  /** The page that has a hash. */
  #pageOf(hash: number): number {
    return this.#directory[hash >>> (32 - this.#directoryBits)] >>> depthBits;
  }

  /** Marks the file as inconsistent until the matching `endChange`; a process that dies in between
   * leaves the mark, and the next one rebuilds the index. Nests. */
  beginChange(): void {
    if (this.#changes++ === 0) this.file.header.i32[indexHeader.busyWord] = 1;
  }

  endChange(): void {
    if (--this.#changes === 0) this.file.header.i32[indexHeader.busyWord] = 0;
  }

  /** Pages may be lost that could not be written: the next opening does not use the file, nor its blocks. */
  giveUp(): void {
    this.#changes++; // And it never ends.
    this.file.header.i32[indexHeader.busyWord] = indexGivenUp;
  }

  /**
   * What is changed until `endBatch` is to be taken back if the process dies in between, by what is noted with `noteUndo`.
   */
  beginBatch(): void {
    this.#undoLength = 0;
    this.file.header.i32[indexHeader.undoWord] = 1;
  }

  /**
   * In a batch, before the entry of a key is changed: it will lead to `newAddress` instead of `oldAddress`; 0: there is no
   * entry then.
   */
  noteUndo(newAddress: number, oldAddress: number): void {
    const at = this.#undoLength;
    if (at === undoPairsMax) return this.giveUpUndo();
    const { i32 } = this.file.header;
    i32[undoStart + 2 * at] = newAddress;
    i32[undoStart + 2 * at + 1] = oldAddress;
    i32[indexHeader.undoWord] = at + 2;
    this.#undoLength = at + 1;
  }

  /** The last change of the batch, the one behind `length` others, is taken back: one key may have changed twice. */
  cutUndo(length: number): void {
    if (length >= this.#undoLength) return;
    this.#undoLength = length;
    this.file.header.i32[indexHeader.undoWord] = length + 1;
  }

  /** A batch that is open, if there is one, can be taken back by this process only: the next one would rebuild the index. */
  giveUpUndo(): void {
    if (this.#undoLength < 0 || this.#gaveUpUndo) return;
    this.#gaveUpUndo = true;
    this.beginChange();
  }

  endBatch(): void {
    this.#undoLength = -1;
    this.file.header.i32[indexHeader.undoWord] = 0;
    if (!this.#gaveUpUndo) return;
    this.#gaveUpUndo = false;
    this.endChange();
  }

  // --- growing ---------------------------------------------------------------------------------

  /**
   * Splits the page that `hash` belongs to into two of half its range; into more where the entries of
   * a half would crowd at the end of its page. Either all of it happens or, when the index cannot
   * grow, nothing.
   */
  #split(hash: number): void {
    const entry = this.#directory[hash >>> (32 - this.#directoryBits)];
    const page = entry >>> depthBits;
    const depth = entry & depthMask;
    const base = (page & pageInWindowMask) * pageWords;
    const old = this.#wordsOf(page).slice(base, base + pageWords);
    const prefix = prefixAt(hash, depth);
    const entries = packEntries(old, this.#slotsEnd);
    const parts: PagePart[] = [];
    this.#planHalves({ prefix, depth, from: 0, to: entries }, old, parts);
    this.#reservePages(parts.length - 1);
    this.#saveImage(page);
    // The old page comes last: who misses an entry there finds it in a page that is counted.
    for (let i = 1; i < parts.length; i++) this.#writePart(parts[i], old, this.#takePage());
    this.file.header.i32[indexHeader.pageCountWord] = this.#pageCount;
    this.#writePart(parts[0], old, page);
    this.file.header.i32[indexHeader.imagePageWord] = 0;
  }

  /** Keeps a page that is about to be split, until that is done. */
  #saveImage(page: number): void {
    const { i32 } = this.file.header;
    const base = pageBase(page);
    i32.set(this.#wordsOf(page).subarray(base, base + pageWords), imageStart);
    i32[indexHeader.imagePageCountWord] = this.#pageCount;
    i32[indexHeader.imagePageWord] = page;
  }

  /** The number of the next page. */
  #takePage(): number {
    if (isTable(this.#pageCount)) this.#pageCount++;
    return this.#pageCount++;
  }

  #planHalves(part: PagePart, packed: Int32Array, plan: PagePart[]): void {
    const { prefix, depth, from, to } = part;
    const first = packed[from * slotWords];
    const last = packed[(to - 1) * slotWords];
    const isOneHash = first === last && to - from > this.#oneHashMax;
    if (depth >= depthMax || isOneHash) this.#refuseToSplit();
    const bit = 31 - depth;
    let middle = from;
    while (middle < to && (packed[middle * slotWords] >>> bit & 1) === 0) middle++;
    const halves = [
      { prefix, depth: depth + 1, from, to: middle },
      { prefix: prefix | 1 << bit, depth: depth + 1, from: middle, to },
    ];
    for (const half of halves) {
      if (this.#fits(half, packed)) plan.push(half);
      else this.#planHalves(half, packed, plan);
    }
  }

  /** Whether the entries leave the page a slot to insert at, wherever their homes are. */
  #fits({ depth, from, to }: PagePart, packed: Int32Array): boolean {
    let next = 0;
    for (let i = from; i < to; i++) {
      next = Math.max(next, this.#home(packed[i * slotWords], depth)) + 1;
    }
    return indexPage.slotWord + next * slotWords <= this.#slotsEnd;
  }

  #home(hash: number, depth: number): number {
    return ((hash << depth) >>> 16) * this.#homes >>> 16;
  }

  #writePart({ prefix, depth, from, to }: PagePart, packed: Int32Array, page: number): void {
    const words = this.#wordsOf(page);
    const base = pageBase(page);
    this.#beginPage(page, prefix, depth);
    let next = 0;
    for (let i = from; i < to; i++) {
      next = Math.max(next, this.#home(packed[i * slotWords], depth));
      const slot = base + indexPage.slotWord + next * slotWords;
      words[slot] = packed[i * slotWords];
      words[slot + 1] = packed[i * slotWords + 1];
      next++;
    }
    words[base + indexPage.countWord] = to - from;
    words[base + indexPage.versionWord]++;
    while (this.#directoryBits < depth) this.#doubleDirectory();
    const first = prefix >>> (32 - this.#directoryBits);
    const span = 1 << (this.#directoryBits - depth);
    this.#directory.fill(page << depthBits | depth, first, first + span);
  }

  #wordsOf(page: number): Int32Array {
    return this.file.windows[page >>> pagesPerWindowShift].i32;
  }

  #clearPage(page: number, prefix: number, depth: number): void {
    this.#beginPage(page, prefix, depth);
    this.#wordsOf(page)[pageBase(page) + indexPage.versionWord]++;
  }

  /** Makes a page one without entries, and its version odd: whatever it was, it is another one now. */
  #beginPage(page: number, prefix: number, depth: number): void {
    const words = this.#wordsOf(page);
    const base = pageBase(page);
    words[base + indexPage.versionWord] = (words[base + indexPage.versionWord] + 2) | 1;
    words[base + indexPage.prefixWord] = prefix;
    words[base + indexPage.depthWord] = depth + 1;
    words[base + indexPage.countWord] = 0;
    words.fill(0, base + indexPage.slotWord, base + pageWords);
    words[tableWord(page)] = tableEntry(prefix, depth);
  }

  #doubleDirectory(): void {
    const old = this.#directory;
    const directory = new Int32Array(old.length * 2);
    for (let i = 0; i < old.length; i++) {
      directory[2 * i] = old[i];
      directory[2 * i + 1] = old[i];
    }
    this.#directory = directory;
    this.#directoryBits++;
  }

  /** Sees to it that so many more pages are there, and a table among them. */
  #reservePages(pages: number): void {
    const count = pages + 1;
    const { file } = this;
    const capacity = Math.floor(file.bodyBytes / indexPageBytes);
    const growth = Math.min(growthPagesMax, Math.max(growthPagesMin, capacity >> 3, count));
    if (this.#pageCount + count > capacity) {
      this.#growNow(capacity, growth, this.#pageCount + count - capacity);
    } else if (capacity - this.#pageCount < growth >> 1 && !this.#growing) {
      this.#growing = true;
      this.#growAhead(capacity, growth).finally(() => this.#growing = false);
    }
  }

  /** Grows the file by a good piece or, on a disk that is nearly full, by just what is needed. */
  #growNow(capacity: number, growth: number, missing: number): void {
    const { file } = this;
    for (const pages of growth > missing ? [growth, missing] : [missing]) {
      try {
        return file.grow((capacity + pages) * indexPageBytes);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        if (pages !== missing) continue;
        throw cannotGrow("the index", error);
      }
    }
  }

  /** Grows the file and faults the new pages in before they are needed, on another thread. */
  async #growAhead(capacity: number, growth: number): Promise<void> {
    if (!await this.file.growInBackground((capacity + growth) * indexPageBytes)) return;
    await this.file.populate(capacity * indexPageBytes, growth * indexPageBytes);
  }

  // --- opening ---------------------------------------------------------------------------------

  /** Makes the index empty. */
  clear(): void {
    const { file } = this;
    if (file.bodyBytes < growthPagesMin * indexPageBytes) {
      file.grow(growthPagesMin * indexPageBytes);
    }
    this.giveUpUndo(); // Before it is empty, and unmarked again.
    this.beginChange();
    this.readers.beginChange();
    this.readers.noteLayout();
    this.#clearedMs = performance.now();
    this.#pageCount = 0;
    const pages = [this.#takePage(), this.#takePage()];
    this.file.header.i32[indexHeader.pageCountWord] = this.#pageCount;
    this.#directoryBits = 1;
    this.#directory = Int32Array.from(pages, (page) => page << depthBits | 1);
    this.#clearPage(pages[0], 0, 1);
    this.#clearPage(pages[1], 1 << 31, 1);
    this.#count = 0;
    this.file.header.f64[indexHeader.keysF64] = 0;
    this.readers.endChange();
    this.endChange();
    if (this.isDamaged) this.endChange();
    this.isDamaged = false;
  }

  /**
   * After `clear`, gives what is not needed of the file back to the file system, some at a time, and not
   * before readers of other processes have left it. Returns in how many milliseconds to go on; 0: that is
   * all.
   */
  shrink(): number {
    const { file } = this;
    if (this.#cutting) return 1;
    // Many more pages than growing ahead leaves free: only `clear` does that.
    const kept = Math.max(growthPagesMin, 2 * this.#pageCount) * indexPageBytes;
    if (this.#growing || file.bodyBytes <= kept) return 0;
    const waitMs = this.#clearedMs + this.#cutDelayMs - performance.now();
    if (waitMs > 0) return waitMs;
    const bytes = Math.max(kept, file.bodyBytes - shrinkBytesMax);
    this.#cutting = true;
    file.shrinkInBackground(bytes).finally(() => this.#cutting = false);
    return 1;
  }

  /**
   * Builds the directory from what the tables say of the pages that are there; none of these is touched. False when they
   * do not cover every hash exactly once: then the file is not whole. Its loops call nothing: most of what an opening
   * does is done by V8's interpreter.
   */
  load(): boolean {
    if (!this.#restoreImage()) return false;
    const pageCount = this.file.header.i32[indexHeader.pageCountWord];
    const count = this.file.header.f64[indexHeader.keysF64];
    if (pageCount < 2 || pageCount * indexPageBytes > this.file.bodyBytes) return false;
    const isLikely = Number.isInteger(count) && count >= 0 && count <= pageCount * this.#entriesMax;
    if (!isLikely) return false;
    const entries = this.#readTables(pageCount);
    const bits = deepestOf(entries);
    if (bits === 0) return false;
    const directory = new Int32Array(1 << bits); // No page is page 0.
    const deepestBit = 1 << (31 - bits);
    const shift = 32 - bits;
    let filled = 0;
    for (let table = 0; table < pageCount; table += pagesPerTable) {
      const end = Math.min(table + pagesPerTable, pageCount);
      for (let page = table + 1; page < end; page++) {
        const entry = entries[page];
        const bit = entry & -entry;
        let place = (entry ^ bit) >>> shift;
        // Nearly every page has one or two places.
        let left = 1;
        let depth = bits;
        if (bit !== deepestBit) {
          depth = Math.clz32(bit);
          if (depth < 1 || depth > bits) return false;
          left = 1 << (bits - depth);
        }
        filled += left;
        for (; left > 0; left--) {
          if (directory[place] !== 0) return false; // A hash that another page has already.
          directory[place++] = page << depthBits | depth;
        }
      }
    }
    if (filled !== directory.length) return false;
    this.#directory = directory;
    this.#directoryBits = bits;
    this.#pageCount = pageCount;
    this.#count = count;
    return true;
  }

  /** A copy of what the tables say of each page; of a table itself, that means nothing. */
  #readTables(pageCount: number): Int32Array {
    const entries = new Int32Array(pageCount);
    for (let table = 0; table < pageCount; table += pagesPerTable) {
      const base = pageBase(table);
      const end = base + Math.min(pagesPerTable, pageCount - table);
      entries.set(this.#wordsOf(table).subarray(base, end), table);
    }
    return entries;
  }

  /**
   * A page that was being split when the process was killed is as it was before, and all that were to be new are not
   * counted. False: what there is of it cannot be right.
   */
  #restoreImage(): boolean {
    const { i32 } = this.file.header;
    const page = i32[indexHeader.imagePageWord];
    if (page === 0) return true;
    const counted = i32[indexHeader.pageCountWord];
    const pageCount = i32[indexHeader.imagePageCountWord];
    const isCounted = page > 0 && page < pageCount && pageCount <= counted &&
      counted * indexPageBytes <= this.file.bodyBytes && !isTable(page);
    if (!isCounted) return false;
    const depth = i32[imageStart + indexPage.depthWord] - 1;
    const prefix = i32[imageStart + indexPage.prefixWord];
    const now = readTable(this.file.windows, page);
    const isOfPage = depth >= 1 && depth <= depthOf(now) && prefixAt(now, depth) === prefix;
    if (!isOfPage) return false;
    const words = this.#wordsOf(page);
    words.set(i32.subarray(imageStart, imageStart + pageWords), pageBase(page));
    words[tableWord(page)] = tableEntry(prefix, depth);
    i32[indexHeader.pageCountWord] = pageCount;
    i32[indexHeader.imagePageWord] = 0;
    return true;
  }

  /**
   * After `load`: the entries of a page that were being moved when the process was killed are put in order again. All of
   * them are there, some twice, and one may be of two halves: what a record's key hashes to tells. Whether the one that was
   * inserted or removed is among them does not matter: its record is read again. False: not all of them lead to records,
   * or are there, and the index has to be rebuilt.
   */
  repair(hash: KeyedHash): boolean {
    const { i32, f64 } = this.file.header;
    const change = i32[indexHeader.changingPageWord];
    const page = Math.abs(change);
    if (page === 0) return true;
    if (page >= this.#pageCount || isTable(page)) return false;
    const words = this.#wordsOf(page);
    const base = pageBase(page);
    const entry = readTable(this.file.windows, page);
    const prefix = prefixOf(entry);
    const depth = depthOf(entry);
    const packed = new Int32Array(pageWords);
    const addresses = new Set<number>();
    let last = -1;
    for (let slot = base + indexPage.slotWord; slot < base + this.#slotsEnd; slot += slotWords) {
      const address = words[slot + 1];
      if (address === 0) continue;
      if (!this.#leadsToRecord(address)) return false;
      const keyHash = this.#hashAt(address, hash);
      if (keyHash !== words[slot] || addresses.has(address)) continue;
      const order = keyHash >>> 0;
      if (order < last || prefixAt(keyHash, depth) !== prefix) return false;
      packed[addresses.size * slotWords] = keyHash;
      packed[addresses.size * slotWords + 1] = address;
      addresses.add(address);
      last = order;
    }
    const part = { prefix, depth, from: 0, to: addresses.size };
    const more = addresses.size - words[base + indexPage.countWord];
    const isComplete = more === 0 || more === Math.sign(change);
    if (!isComplete || !this.#fits(part, packed)) return false;
    this.beginChange();
    this.#writePart(part, packed, page);
    this.#count = this.#countEntries();
    f64[indexHeader.keysF64] = this.#count;
    this.endChange();
    i32[indexHeader.changingPageWord] = 0;
    return true;
  }

  /** What the key of the record at an address hashes to; there is one. */
  #hashAt(address: number, hash: KeyedHash): number {
    const window = this.#stage.windowOf(address);
    const offset = this.#stage.offsetOf(address);
    return hash.ofView(window.view, offset + recordHeaderBytes, keyEndAt(window, offset));
  }

  #countEntries(): number {
    let count = 0;
    for (let page = 0; page < this.#pageCount; page++) {
      if (!isTable(page)) count += this.#wordsOf(page)[pageBase(page) + indexPage.countWord];
    }
    return count;
  }

  /**
   * After `repair`: takes back what a batch has changed that was open when the process was killed. `onCount` is told of each
   * record that counts again, before it does, and whether it was that of a key that was removed; and of each that counts no
   * more (-1), behind that. False: it does not fit, and the index has to be rebuilt.
   */
  undoBatch(hash: KeyedHash, onCount: UndoListener): boolean {
    const { i32 } = this.file.header;
    const length = i32[indexHeader.undoWord] - 1;
    if (length > undoPairsMax || length < -1) return false;
    for (let i = length - 1; i >= 0; i--) {
      const newAddress = i32[undoStart + 2 * i];
      const oldAddress = i32[undoStart + 2 * i + 1];
      const isThere = (newAddress === 0 || this.#leadsToRecord(newAddress)) &&
        (oldAddress === 0 || this.#leadsToRecord(oldAddress)) && newAddress !== oldAddress;
      if (!isThere) return false;
      try {
        if (!this.undo(newAddress, oldAddress, hash, onCount)) return false;
      } catch (error) {
        if (error instanceof StoreError) return false;
        throw error;
      }
      i32[indexHeader.undoWord] = i + 1; // One key may have changed twice.
    }
    i32[indexHeader.undoWord] = 0;
    return true;
  }

  /**
   * Has a key's entry lead to `oldAddress` again instead of `newAddress`, as `undoBatch` does with each; false: it leads
   * elsewhere. Throws StoreError NO_SPACE. Should the process be killed within, what has a deadline may be counted twice, and
   * never is missing.
   */
  undo(
    newAddress: number,
    oldAddress: number,
    hash: KeyedHash,
    onCount: UndoListener,
  ): boolean {
    const address = newAddress || oldAddress;
    const window = this.#stage.windowOf(address);
    const offset = this.#stage.offsetOf(address);
    const start = offset + recordHeaderBytes;
    const end = keyEndAt(window, offset);
    const keyHash = hash.ofView(window.view, start, end);
    const found = this.find(keyHash, window.view, start, end);
    if (found === oldAddress) return true; // It was noted and not done, or is undone already.
    if (found !== newAddress) return false;
    if (oldAddress !== 0) onCount(oldAddress, 1, newAddress === 0);
    if (oldAddress === 0) this.remove();
    else if (newAddress !== 0) this.replace(oldAddress);
    else {
      this.prepareInsert(keyHash, window.view, start, end);
      this.insert(keyHash, oldAddress);
    }
    if (newAddress !== 0) onCount(newAddress, -1, false);
    return true;
  }

  // --- walking ---------------------------------------------------------------------------------

  /** Filled by `collect`: addresses in the order of their hashes. */
  collected = new Int32Array(1024);
  /** Filled by `collect` when asked for: their hashes. */
  collectedHashes = new Int32Array(1024);

  /**
   * Collects the addresses of at least `count` entries (fewer at the end) whose hashes, as unsigned
   * numbers, are `from` or above, in order and never stopping between entries of one hash. Returns
   * how many; `nextHash` is where to go on, 0 at the end.
   */
  collect(from: number, count: number, withHashes = false): number {
    let taken = 0;
    let lastHash = 0;
    let hash = from;
    while (true) {
      this.#seek(hash | 0);
      const words = this.#words;
      const end = this.#page + this.#slotsEnd;
      if (!this.#isHeaderWhole(this.#page, words, hash | 0, this.#depth)) this.reportDamage();
      const nextPage = (prefixAt(hash | 0, this.#depth) >>> 0) + 2 ** (32 - this.#depth);
      for (let slot = this.#slot; slot < end; slot += slotWords) {
        if (words[slot + 1] === 0) continue;
        // A hash that is out of order would lead a scan back to where it was.
        const slotHash = words[slot] >>> 0;
        if (slotHash < hash || slotHash >= nextPage) {
          this.reportDamage();
          continue;
        }
        hash = slotHash;
        if (taken >= count && words[slot] !== lastHash) {
          this.nextHash = words[slot] >>> 0;
          return taken;
        }
        if (!this.#leadsToRecord(words[slot + 1])) {
          this.reportDamage();
          continue;
        }
        if (taken === this.collected.length) this.#growCollected();
        lastHash = words[slot];
        if (withHashes) this.collectedHashes[taken] = lastHash;
        this.collected[taken++] = words[slot + 1];
      }
      hash = nextPage;
      if (hash >= 2 ** 32) break;
      if (taken >= count) {
        // The next page begins with another hash.
        this.nextHash = hash;
        return taken;
      }
    }
    this.nextHash = 0;
    return taken;
  }

  nextHash = 0;

  /** How many pages have a header that says something else than their table, or does not count their entries. */
  countDamagedHeaders(): number {
    let damaged = 0;
    for (let page = 0; page < this.#pageCount; page++) {
      if (isTable(page)) continue;
      const entry = readTable(this.file.windows, page);
      const words = this.#wordsOf(page);
      const base = pageBase(page);
      const isWhole = this.#isHeaderWhole(base, words, prefixOf(entry), depthOf(entry));
      const entries = packEntries(words.slice(base, base + this.#slotsEnd), this.#slotsEnd);
      if (!isWhole || words[base + indexPage.countWord] !== entries) damaged++;
    }
    return damaged;
  }

  /** Whether the header of a page, at `base` in its window, is that of the page of this depth with `hash`, at rest. */
  #isHeaderWhole(base: number, words: Int32Array, hash: number, depth: number): boolean {
    return words[base + indexPage.prefixWord] === prefixAt(hash, depth) &&
      words[base + indexPage.depthWord] === depth + 1 &&
      (words[base + indexPage.versionWord] & 1) === 0;
  }

  #growCollected(): void {
    const grown = new Int32Array(this.collected.length * 2);
    grown.set(this.collected);
    this.collected = grown;
    const hashes = new Int32Array(grown.length);
    hashes.set(this.collectedHashes);
    this.collectedHashes = hashes;
  }
}
