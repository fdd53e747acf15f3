/**
 * Free segments that are made ready to be written, on other threads, before the log needs them: allocated,
 * in memory, and mapped for writing. A fresh page costs a command 4.2 us when it touches it first, 0.014 us
 * when that was done.
 *
 * Those that this process has not written yet are overwritten with zeros first, since that has the kernel
 * keep them in memory in pieces of 64 KiB, where touching them makes pages of 4 KiB: their faults and their
 * sync then take it a third of the processor time. Nobody may use them meanwhile.
 */
import type { StoreFile } from "../sys/mapped_file.ts";
import type { SegmentTable } from "./segment_table.ts";

export class ReadySegments {
  /**
   * Segments may be overwritten first. Not worth its while where syncs are many and small, each of which would
   * take 64 KiB to the disk.
   */
  mayOverwrite = true;
  /** Called before free segments are overwritten. */
  onOverwrite: () => void = () => {};
  readonly #file: StoreFile;
  readonly #table: SegmentTable;
  readonly #segmentBytes: number;
  /** Those that are ready or about to be, in the order in which they are taken. */
  readonly #places: number[] = [];
  /** Those among them that are being overwritten. */
  readonly #overwritten = new Set<number>();

  constructor(file: StoreFile, table: SegmentTable, segmentBytes: number) {
    this.#file = file;
    this.#table = table;
    this.#segmentBytes = segmentBytes;
  }

  get count(): number {
    return this.#places.length;
  }

  /** Some of them must be left alone for a moment. */
  get isOverwriting(): boolean {
    return this.#overwritten.size > 0;
  }

  /**
   * Begins to make a free segment ready, and as many neighbours as go along, `countMax` in all: each call wakes a
   * thread. Returns how many; 0: none is free.
   */
  add(countMax: number): number {
    const table = this.#table;
    const first = table.findFree(1);
    if (first < 0) return 0;
    const isOverwritten = this.mayOverwrite && table.isUnwritten[first] === 1;
    const places = [first];
    table.prepare(first);
    for (let place = first + 1; places.length < countMax && table.isFree(place); place++) {
      if (table.isUnwritten[place] !== table.isUnwritten[first]) break;
      table.prepare(place);
      places.push(place);
    }
    this.#places.push(...places);
    const offset = first * this.#segmentBytes;
    const length = places.length * this.#segmentBytes;
    if (isOverwritten) void this.#overwrite(places, offset, length);
    else void this.#file.populate(offset, length);
    return places.length;
  }

  async #overwrite(places: readonly number[], offset: number, length: number): Promise<void> {
    for (const place of places) this.#overwritten.add(place);
    this.onOverwrite();
    await this.#file.overwrite(offset, length);
    for (const place of places) this.#overwritten.delete(place);
    await this.#file.populate(offset, length);
  }

  /** The next of them, ready or about to be; -1: there is none. */
  take(): number {
    const index = this.#places.findIndex((place) => !this.#overwritten.has(place));
    return index < 0 ? -1 : this.#places.splice(index, 1)[0];
  }

  /** Those from `limit` on are just free again, except those that are being overwritten. */
  giveBack(limit: number): void {
    const places = this.#places.splice(0);
    for (const place of places) {
      if (place < limit || this.#overwritten.has(place)) this.#places.push(place);
      else this.#table.unprepare(place);
    }
  }
}
