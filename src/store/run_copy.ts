/**
 * Copies one large record to a run of its own, a slice at a time, while other records are appended to
 * the head. The run becomes part of the log when the copy is whole: only then it gets its header, and
 * with it a place in the order of segments. Its records' checksums cannot be seeded with a sequence
 * number that is not known before; so it has a seed of its own, which the header tells.
 */
import { RunningChecksum } from "./checksum.ts";
import { record, segmentHeaderBytes } from "./format.ts";
import type { Log } from "./log.ts";
import { recordSeed } from "./record.ts";
import type { Window } from "../sys/mapped_file.ts";

/** The record to copy. */
export interface RunCopySource {
  readonly address: number;
  readonly hash: number;
  readonly window: Window;
  /** Byte offset in the window. */
  readonly offset: number;
  readonly bytes: number;
  /** The seed of its segment. */
  readonly seed: number;
}

export class RunCopy {
  readonly source: RunCopySource;
  readonly #log: Log;
  readonly #segment: number;
  readonly #target: Int32Array;
  /** Word offset of the copy in the target's window. */
  readonly #start: number;
  readonly #seed = Math.floor(Math.random() * 2 ** 32) | 0;
  readonly #sourceSum: RunningChecksum;
  readonly #targetSum: RunningChecksum;
  /** Words copied. */
  #done = 0;

  /** Takes the places for the copy. Throws StoreError NO_SPACE. */
  constructor(log: Log, source: RunCopySource) {
    this.source = source;
    this.#log = log;
    this.#segment = log.takeForFilling(segmentHeaderBytes + source.bytes);
    this.#target = log.windowOf(this.#segment).i32;
    this.#start = (log.windowOffset(this.#segment) + segmentHeaderBytes) >> 2;
    this.#sourceSum = new RunningChecksum(recordSeed(source.seed, source.offset));
    this.#targetSum = new RunningChecksum(recordSeed(this.#seed, segmentHeaderBytes));
  }

  /** Bytes copied. */
  get doneBytes(): number {
    return this.#done * 4;
  }

  /** Copies about so many bytes; returns whether all is copied. */
  step(bytes: number): boolean {
    const { window, offset, bytes: total } = this.source;
    const from = (offset >> 2) + this.#done;
    const to = this.#start + this.#done;
    const words = Math.min(bytes >> 4 << 2, (total >> 2) - this.#done);
    const target = this.#target;
    target.set(window.i32.subarray(from, from + words), to);
    if (this.#done === 0) {
      target[to + record.checksumWord] = 0;
      this.#sourceSum.add(target, to, words);
      target[to + record.kindWord] &= 0xffff; // No longer the member of a batch.
    } else {
      this.#sourceSum.add(target, to, words);
    }
    this.#targetSum.add(target, to, words);
    this.#done += words;
    return this.#done === total >> 2;
  }

  /** Makes the copy part of the log; returns its address, 0 when the source turned out damaged. */
  finish(): number {
    const { window, offset, bytes } = this.source;
    if (this.#sourceSum.value !== window.i32[(offset >> 2) + record.checksumWord]) {
      this.abandon();
      return 0;
    }
    this.#target[this.#start + record.checksumWord] = this.#targetSum.value;
    this.#log.completeFilling(this.#segment, this.#seed, bytes);
    return this.#log.addressAt(this.#segment, this.#start << 2);
  }

  /** Gives the places back. */
  abandon(): void {
    this.#log.table.release(this.#segment);
  }
}
