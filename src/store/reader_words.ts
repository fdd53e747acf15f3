/**
 * What a store tells the readers of other processes: words in the header of `store.db` that a reader
 * looks at before and after it copies a value. docs/store_format.md ("Reading beside the server") has the
 * rules of both sides.
 *
 * Nobody waits for a reader here: what is written costs a few nanoseconds, for each batch and each segment
 * that is begun, and nothing for any other write.
 */
import type { StoreFile } from "../sys/mapped_file.ts";
import { readerWords, readerWordsVersion, storeHeaderBytes } from "./format.ts";

const {
  openIdF64,
  firstSequenceF64,
  versionWord,
  changesWord,
  reusesWord,
  layoutsWord,
  endPagesWord,
} = readerWords;
/** What `endPagesWord` counts in. */
export const endPageBytes = 4096;

export class ReaderWords {
  readonly #i32: Int32Array;
  readonly #f64: Float64Array;
  /** Open changes; see `beginChange`. */
  #changes = 0;

  /** Without a file, nobody is told: of a log that is only looked at. */
  constructor(file?: StoreFile) {
    const { i32, f64 } = file?.header ?? blankHeader();
    this.#i32 = i32;
    this.#f64 = f64;
  }

  /**
   * An opening begins: readers wait from here on, whatever the process before it left, until
   * `completeOpening`.
   */
  beginOpening(): void {
    // Another number even if a process died within a change: who has noticed that notices this too.
    Atomics.store(this.#i32, changesWord, (Atomics.load(this.#i32, changesWord) + 2) | 1);
    this.#changes = 1;
    this.noteLayout();
    this.noteReuse();
  }

  /** The index can be used, and segments from `firstSequence` on will be this process's. */
  completeOpening(openId: number, firstSequence: number, bodyBytes: number): void {
    this.#f64[firstSequenceF64] = firstSequence;
    this.#f64[openIdF64] = openId;
    this.#i32[versionWord] = readerWordsVersion;
    this.announceEnd(bodyBytes);
    this.endChange();
  }

  /** Until the matching `endChange`, readers wait: what they would find is half of something. Nests. */
  beginChange(): void {
    if (this.#changes++ === 0) Atomics.add(this.#i32, changesWord, 1);
  }

  endChange(): void {
    if (--this.#changes === 0) Atomics.add(this.#i32, changesWord, 1);
  }

  /** Free places of the body are about to be written, or cut off. */
  noteReuse(): void {
    Atomics.add(this.#i32, reusesWord, 1);
  }

  /** The pages of the index mean nothing from now on, until the change ends that is under way. */
  noteLayout(): void {
    Atomics.add(this.#i32, layoutsWord, 1);
  }

  /** Readers touch nothing behind this end of the body. */
  announceEnd(bodyBytes: number): void {
    Atomics.store(this.#i32, endPagesWord, bodyBytes / endPageBytes);
  }
}

function blankHeader(): Pick<StoreFile["header"], "i32" | "f64"> {
  const buffer = new ArrayBuffer(storeHeaderBytes);
  return { i32: new Int32Array(buffer), f64: new Float64Array(buffer) };
}
