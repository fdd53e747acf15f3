/**
 * A reader's own directory of the index's pages: from a hash's high bits to a page, as `HashIndex` has one,
 * made from the tables of the pages while another process may be splitting them. A page that is found to have
 * been split is learned anew, together with all that are new: pages are added behind the others only.
 */
import type { StoreFile, Window } from "../sys/mapped_file.ts";
import { indexHeader, indexPage, indexPageBytes } from "./format.ts";
import { depthBits, depthMax, depthOf, isTable, prefixOf, readTable } from "./page_tables.ts";

const deeperMax = 12;

export class PageDirectory {
  readonly file: StoreFile;
  readonly windows: readonly Window[];
  /** By the first bits of a hash: page << 5 | depth; 0: the page is not known. */
  entries: Int32Array = new Int32Array(2);
  /** How far a hash is shifted to leave those. */
  shift = 31;
  /** Homes in a page, and words from its start to the end of its slots; see `HashIndex`. */
  readonly homes: number;
  readonly slotsEnd: number;
  /** Pages that are known. */
  pageCount = 0;
  readonly #remap: () => void;

  /** `remap` is called when the file has more pages than are mapped. */
  constructor(file: StoreFile, slotsPerPage: number, remap: () => void) {
    this.file = file;
    this.windows = file.windows;
    this.homes = Math.max(2, Math.floor(slotsPerPage * 0.94));
    this.slotsEnd = indexPage.slotWord + slotsPerPage * 2;
    this.#remap = remap;
  }

  /** Reads what the tables say of all pages. */
  load(): void {
    this.entries = new Int32Array(2);
    this.shift = 31;
    this.pageCount = 0;
    this.learnNew();
  }

  /** The same of pages that are new. */
  learnNew(): void {
    const count = Atomics.load(this.file.header.i32, indexHeader.pageCountWord);
    if (count * indexPageBytes > this.file.bodyBytes) this.#remap();
    const end = Math.min(count, Math.floor(this.file.bodyBytes / indexPageBytes));
    const first = this.pageCount;
    this.pageCount = Math.max(first, end);
    for (let page = first; page < end; page++) this.learn(page);
  }

  /** The same of one page, which then has all hashes of its prefix. */
  learn(page: number): void {
    if (isTable(page)) return;
    const entry = readTable(this.windows, page);
    const prefix = prefixOf(entry);
    const depth = depthOf(entry);
    // What cannot be stays unknown: who looks there looks again. Under a keyed hash no page is much deeper
    // than the others, and one of a wild depth would have the directory take 1 GiB.
    const likely = deeperMax + 32 - Math.clz32(this.pageCount);
    if (depth < 1 || depth > Math.min(likely, depthMax)) return;
    while (32 - this.shift < depth) this.#double();
    const first = prefix >>> this.shift;
    this.entries.fill(page << depthBits | depth, first, first + 2 ** (32 - this.shift - depth));
  }

  #double(): void {
    const old = this.entries;
    const entries = new Int32Array(old.length * 2);
    for (let i = 0; i < old.length; i++) entries[2 * i] = entries[2 * i + 1] = old[i];
    this.entries = entries;
    this.shift--;
  }

  /** Whether every hash has a page. */
  get isComplete(): boolean {
    return !this.entries.includes(0);
  }

  /** How many entries the pages have. */
  countEntries(): number {
    return this.file.header.f64[indexHeader.keysF64];
  }
}
