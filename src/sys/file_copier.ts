/**
 * Copies ranges of a file into a new one, on other threads: by copy_file_range, with which file systems
 * that can share the blocks do (btrfs, XFS), or from a mapping of the file where the call is refused.
 */
import {
  closeFile,
  copyRangeInBackground,
  openFile,
  syncFileInBackground,
  truncateFile,
  tryLock,
  writeAt,
  writeAtInBackground,
} from "./libc.ts";

/** One call copies this much: a copy can be given up in between. */
const pieceBytes = 4 * 2 ** 20;

export class FileCopier {
  readonly path: string;
  /** Bytes copied so far. */
  copied = 0;
  readonly #from: number;
  readonly #to: number;
  #isRefused = false;
  #closed = false;

  /** Creates `to`, which must not exist; the descriptor `from` stays the caller's, and open. Throws a SystemError. */
  constructor(from: number, to: string) {
    this.path = to;
    this.#from = from;
    this.#to = openFile(to, { isNew: true });
    // Others see by it that the file is in the making. Nobody else has it.
    tryLock(this.#to, to);
  }

  /**
   * Copies `memory`, which maps the bytes of the source from `from` on, to `to` in the new file. The
   * mapping has to stay until this resolves. Rejects with a SystemError; stops early when `goesOn`
   * says so.
   */
  async copy(from: number, to: number, memory: Uint8Array, goesOn: () => boolean): Promise<void> {
    for (let at = 0; at < memory.length && goesOn();) {
      const length = Math.min(pieceBytes, memory.length - at);
      const piece = memory.subarray(at, at + length);
      const done = await this.#copyPiece(from + at, to + at, piece);
      at += done;
      this.copied += done;
    }
  }

  async #copyPiece(from: number, to: number, memory: Uint8Array): Promise<number> {
    if (!this.#isRefused) {
      const done = await copyRangeInBackground(this.#from, from, this.#to, to, memory.length);
      if (done > 0) return done;
      this.#isRefused = true;
    }
    const done = await writeAtInBackground(this.#to, memory, to);
    // A call in the background loses its error number: once more, and it tells.
    return done > 0 ? done : writeAt(this.#to, memory, to, this.path);
  }

  write(bytes: Uint8Array, to: number): void {
    for (let at = 0; at < bytes.length;) {
      at += writeAt(this.#to, bytes.subarray(at), to + at, this.path);
    }
  }

  /** Gives the file its length and brings it to the disk. */
  async finish(length: number): Promise<void> {
    truncateFile(this.#to, length, this.path);
    await syncFileInBackground(this.#to, this.path);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeFile(this.#to);
  }
}
