/**
 * Free segments that are made ready, on another thread, before the log needs them: in memory, and mapped. What is
 * not in memory when it is written would have to be read from the disk first, and a page that is not mapped costs
 * whoever reads it first a microsecond and more.
 */
import type { StoreFile } from "../sys/mapped_file.ts";
import type { SegmentTable } from "./segment_table.ts";

export class ReadySegments {
  readonly #file: StoreFile;
  readonly #table: SegmentTable;
  readonly #segmentBytes: number;
  /** Somebody waits for each sync, which takes longer where nobody has written before. */
  fillsBlanks = false;
  /** Those that are ready or about to be, in the order in which they are taken. */
  readonly #places: number[] = [];

  constructor(file: StoreFile, table: SegmentTable, segmentBytes: number) {
    this.#file = file;
    this.#table = table;
    this.#segmentBytes = segmentBytes;
  }

  get count(): number {
    return this.#places.length;
  }

  /**
   * Begins to make a free segment ready, and as many neighbours as go along, `countMax` in all: each call wakes a
   * thread. Returns how many; 0: none is free.
   */
  add(countMax: number): number {
    const table = this.#table;
    const first = table.findFree(1);
    if (first < 0) return 0;
    let end = first;
    while (end - first < countMax && table.isFree(end)) {
      table.prepare(end);
      this.#places.push(end++);
    }
    const count = end - first;
    const offset = first * this.#segmentBytes;
    const length = count * this.#segmentBytes;
    const hasBlank = this.fillsBlanks && table.isBlank.subarray(first, end).includes(1);
    if (hasBlank) void this.#file.populateBlank(offset, length);
    else void this.#file.populateForReading(offset, length);
    return count;
  }

  /** The next of them, ready or about to be; -1: there is none. */
  take(): number {
    return this.#places.shift() ?? -1;
  }

  /** Those from `limit` on are just free again. */
  giveBack(limit: number): void {
    for (const place of this.#places.splice(0)) {
      if (place < limit) this.#places.push(place);
      else this.#table.unprepare(place);
    }
  }
}
