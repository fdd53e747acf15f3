/**
 * How soon the next piece of a file's end may be cut off, and how long that may be. Whoever writes to the file waits meanwhile: the
 * file system takes 0.9 ms for a piece and 0.25 ms for each MiB of it as a rule; but up to a second when it tells a busy disk
 * of each block that it frees (ext4 without a journal, mounted with `discard`). So the end is cut when nobody writes; or, where little
 * is written or the file is much too long, a short piece now and then, less often if that takes long.
 *
 *     pace.look(appendedBytes);
 *     const waitMs = pace.waitMs(isMuchTooLong);
 *     if (waitMs === 0) { const done = pace.begin(); cut(pace.pieceBytes); done(); }
 */
import { DecayingCount } from "./decaying_count.ts";
import { shrinkBytesMax } from "./limits.ts";

/** It looks so far back. Nobody writes while less is appended in that time, */
const leadMs = 150;
const quietBytesMax = 2 ** 15;
/** ... and little, while it is less than this: 4 MB/s. */
const littleBytesMax = 600_000;
/** Nobody is held up by what is cut when nobody writes, unless he begins to: 3 ms. */
const quietPieceBytes = 4 * shrinkBytesMax;
/** Who writes is held up so often at most, and for this share of the time. */
const whileWrittenMs = 100;
const heldUpShare = 0.01;

export class CutPace {
  readonly #writtenBytes: DecayingCount;
  readonly #now: () => number;
  #bytesThen = 0;
  #notBeforeMs = -Infinity;

  /** `now` tells the time in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#writtenBytes = new DecayingCount(leadMs, now);
    this.#now = now;
  }

  /** So many bytes have been appended since the beginning. */
  look(appendedBytes: number): void {
    this.#writtenBytes.note(appendedBytes - this.#bytesThen);
    this.#bytesThen = appendedBytes;
  }

  get #isQuiet(): boolean {
    return this.#writtenBytes.value < quietBytesMax;
  }

  /** In how many milliseconds it may be time to cut, at the earliest; 0: now. */
  waitMs(isMuchTooLong: boolean): number {
    if (this.#isQuiet) return 0;
    if (!isMuchTooLong && this.#writtenBytes.value >= littleBytesMax) return whileWrittenMs;
    return Math.max(0, this.#notBeforeMs - this.#now());
  }

  /** How much may be cut at once. */
  get pieceBytes(): number {
    return this.#isQuiet ? quietPieceBytes : shrinkBytesMax;
  }

  /** A piece is cut from now on, until what it returns is called. */
  begin(): () => void {
    const began = this.#now();
    return () => {
      const now = this.#now();
      this.#notBeforeMs = now + Math.max(whileWrittenMs, (now - began) / heldUpShare);
    };
  }
}
