/**
 * Which records a reader verifies: those that may have come from the disk, as the server does with what an
 * earlier process has left. What the process wrote that has the store open now is in the page cache as it
 * wrote it.
 */
import type { Window } from "../sys/mapped_file.ts";
import { checksum } from "./checksum.ts";
import { record, segmentHeader } from "./format.ts";
import { segmentCountMax } from "./limits.ts";
import { offsetOf, recordSeed } from "./record.ts";
import type { SuperblockState } from "./superblock.ts";

const unknown = 0;
const trusted = 1;
const doubted = 2;
/** Longer records are verified once as long as no segment begins, so many of them. */
const verifiedBytesMin = 4096;
const verifiedMax = 4096;

/** What a look at a record comes to; `gone`: its segment has no header (any more). */
export const recordState = { whole: 0, damaged: 1, gone: 2 } as const;

export class RecordTrust {
  readonly #state: SuperblockState;
  readonly #windows: readonly Window[];
  readonly #firstSequence: number;
  /** For each place of the body, since the last `forget`. */
  readonly #places = new Uint8Array(segmentCountMax);
  readonly #placeShift: number;
  readonly #verified = new Set<number>();

  /** Segments from `firstSequence` on are trusted; 0: all are, Infinity: none. */
  constructor(state: SuperblockState, windows: readonly Window[], firstSequence: number) {
    this.#state = state;
    this.#windows = windows;
    this.#firstSequence = firstSequence;
    this.#placeShift = Math.log2(state.segmentBytes / 16);
  }

  /** Places may be other segments' from now on. */
  forget(): void {
    if (this.#firstSequence === 0) return;
    this.#places.fill(unknown);
    this.#verified.clear();
  }

  /**
   * What the record at an address is. `bytes` is its length, of which the caller knows that it is within the
   * body: what stands in the record now may be another one, and lead behind the end of the file. It stands at byte
   * `at` of `from`, in the body or where it is staged.
   */
  judge(address: number, bytes: number, from: Window, at: number): number {
    if (this.#firstSequence === 0) return recordState.whole;
    const known = this.#places[address >>> this.#placeShift];
    return known === trusted ? recordState.whole : this.#look(address, bytes, known, from, at);
  }

  #look(address: number, bytes: number, known: number, from: Window, at: number): number {
    const window = this.#windows[address >>> 26];
    const offset = offsetOf(address);
    const start = this.segmentOf(window, offset);
    const sequence = sequenceAt(window, start);
    if (Number.isNaN(sequence)) return recordState.gone;
    if (known === unknown) {
      const isOwn = sequence >= this.#firstSequence;
      this.#places[address >>> this.#placeShift] = isOwn ? trusted : doubted;
      if (isOwn) return recordState.whole;
    }
    if (this.#verified.has(address)) return recordState.whole;
    const word = at >> 2;
    const seedWord = window.i32[(start >> 2) + segmentHeader.seedWord];
    const seed = recordSeed(sequence ^ seedWord, offset - start);
    if (checksum(from.i32, word, bytes >> 2, seed) === from.i32[word + record.checksumWord]) {
      if (bytes > verifiedBytesMin && this.#verified.size < verifiedMax) {
        this.#verified.add(address);
      }
      return recordState.whole;
    }
    return sequenceAt(window, start) === sequence ? recordState.damaged : recordState.gone;
  }

  /** The byte offset in its window of the segment that a record stands in. */
  segmentOf({ i32 }: Window, offset: number): number {
    const { segmentBytes, storeId } = this.#state;
    let start = offset - offset % segmentBytes;
    // The inside of a run has no header.
    while (start > 0) {
      const word = (start >> 2) + segmentHeader.storeIdWord;
      if (storeId.every((part, i) => i32[word + i] === part)) break;
      start -= segmentBytes;
    }
    return start;
  }
}

/** The number of the segment that begins at a byte offset in a window; NaN: it has none any more. */
export function sequenceAt({ i32, f64 }: Window, start: number): number {
  const sequence = f64[(start >> 3) + segmentHeader.sequenceF64];
  return Atomics.load(i32, (start >> 2) + segmentHeader.checksumWord) === 0 ? NaN : sequence;
}
