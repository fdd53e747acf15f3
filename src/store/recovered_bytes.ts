/**
 * What an opening found behind the durable position has to be on the disk before a position behind it counts as durable,
 * and a sync alone does not bring it there: the kernel takes pages that it could not write for written, and has said so
 * once, to a process that is gone. So all of it is written again, then synced. Where the file system still takes what was
 * synced for blank (`blank_blocks.ts`), it is written past the page cache.
 *
 * It may be all of a large log: so it is done in steps, between which the store goes on.
 */
import { BlankBlocks, type FileRange } from "../sys/blank_blocks.ts";
import { writeAtInBackground } from "../sys/libc.ts";
import { type BodyRange, type StoreFile, windowBytes } from "../sys/mapped_file.ts";
import type { Log } from "./log.ts";

/** Written in one step. */
const stepBytes = 2 ** 18;
/** Written between two syncs: what waits for the disk stays little. */
const syncedBytes = 2 ** 24;

/** `write`: a range of the body, as it is; `load` one, which will be read; `sync` all that was written. */
export type RecoveredStep =
  | { readonly kind: "write" | "load"; readonly range: BodyRange }
  | { readonly kind: "sync" };

const sync: RecoveredStep = { kind: "sync" };

export class RecoveredBytes {
  /** What is to be done before the next `advance`; null: all is. */
  step: RecoveredStep | null;
  readonly #log: Log;
  readonly #file: StoreFile;
  readonly #steps: Generator<RecoveredStep, void>;

  constructor(log: Log, file: StoreFile) {
    this.#log = log;
    this.#file = file;
    this.#steps = this.#all();
    // A sync that changes nothing: so there is a first step.
    this.step = log.unproven.length > 0 ? sync : null;
  }

  /** All that was found is on the disk. */
  get isDone(): boolean {
    return this.step === null;
  }

  /** Goes on when the step is done, or at the beginning. Throws an Error when the file system does not take the bytes. */
  advance(): void {
    const { done, value } = this.#steps.next();
    this.step = done ? null : value;
  }

  /** Does a step that is no sync. Throws a SystemError. */
  doNow({ kind, range: { offset, length } }: Exclude<RecoveredStep, { kind: "sync" }>): void {
    if (kind === "load") return; // Reading it does that.
    // A copy: copied to where it stands, it might be left alone.
    this.#file.write(offset, this.#bytesAt(offset, length).slice(), 0, length);
  }

  /** The same on another thread: nobody changes these bytes. Rejects with a SystemError. */
  async doInBackground(step: Exclude<RecoveredStep, { kind: "sync" }>): Promise<void> {
    const { kind, range: { offset, length } } = step;
    const { descriptor } = this.#file;
    if (kind === "load") await this.#file.populateForReading(offset, length);
    else if (descriptor < 0) this.doNow(step);
    else {
      const bytes = this.#bytesAt(offset, length);
      const written = await writeAtInBackground(descriptor, bytes, this.#headerBytes + offset);
      // Once more, and it tells what is wrong.
      if (written !== length) this.doNow(step);
    }
  }

  get #headerBytes(): number {
    return this.#file.header.u8.length;
  }

  /** A range that is within a window. */
  #bytesAt(offset: number, length: number): Uint8Array {
    const start = offset % windowBytes;
    return this.#file.windows[Math.floor(offset / windowBytes)].u8.subarray(start, start + length);
  }

  *#all(): Generator<RecoveredStep, void> {
    let written: BodyRange[] = [];
    let bytes = 0;
    for (const range of inSteps(this.#log.unproven)) {
      yield { kind: "write", range };
      this.#log.markDirty(range);
      written.push(range);
      bytes += range.length;
      if (bytes < syncedBytes) continue;
      yield* this.#bring(written);
      written = [];
      bytes = 0;
    }
    if (bytes > 0) yield* this.#bring(written);
    this.#log.unproven = [];
  }

  /** Syncs what was written. */
  *#bring(written: readonly BodyRange[]): Generator<RecoveredStep, void> {
    yield sync;
    if (this.#file.descriptor < 0) return;
    const blanks = new BlankBlocks(this.#file.descriptor, stepBytes);
    const isBlank = (range: BodyRange) => blanks.find(this.#inFile(range)).length > 0;
    try {
      if (!written.some(isBlank)) return;
      yield* this.#fillBlanks(blanks);
      yield sync;
      if (written.some(isBlank)) throw this.#refusal;
    } finally {
      blanks.close();
    }
  }

  /**
   * Where pages were lost, all that is blank is written, be it in use or not: there may be more such pages, where somebody
   * will write next.
   */
  *#fillBlanks(blanks: BlankBlocks): Generator<RecoveredStep, void> {
    const headerBytes = this.#headerBytes;
    const body = this.#inFile({ offset: 0, length: this.#file.bodyBytes });
    const found = blanks.find(body).map(({ offset, length }) => ({
      offset: offset - headerBytes,
      length,
    }));
    for (const range of inSteps(found)) {
      yield { kind: "load", range };
      const { offset, length } = range;
      // Its end may have been cut off meanwhile.
      if (offset + length > this.#file.bodyBytes) return;
      const bytes = this.#bytesAt(offset, length);
      if (!blanks.write(headerBytes + offset, bytes)) throw this.#refusal;
    }
  }

  #inFile({ offset, length }: BodyRange): FileRange {
    return { offset: this.#headerBytes + offset, length };
  }

  get #refusal(): Error {
    return new Error(
      `Cannot sync ${this.#file.path}: the disk has lost what was written before the last start, and does not take it again`,
    );
  }
}

/** Ranges in pieces that take a moment each; none crosses a window. */
function* inSteps(ranges: readonly BodyRange[]): Generator<BodyRange> {
  for (const { offset, length } of ranges) {
    const end = offset + length;
    for (let at = offset; at < end;) {
      const bytes = Math.min(stepBytes - at % stepBytes, end - at);
      yield { offset: at, length: bytes };
      at += bytes;
    }
  }
}
