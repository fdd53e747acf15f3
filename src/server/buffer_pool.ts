/**
 * Buffers for replies. A turn's replies wait in one buffer for each connection until all are sent, so each
 * takes a buffer and gives it back. What has grown under long replies is kept, too, up to a limit: making
 * such buffers anew for each batch keeps the garbage collector busy, for tens of milliseconds at a time.
 */

/** A buffer that has grown beyond this, for one long reply, is not kept. */
const keptBytesMax = 256 * 1024;

export class BufferPool {
  readonly #free: Uint8Array[] = [];
  readonly #bufferBytes: number;
  readonly #poolBytesMax: number;
  #poolBytes = 0;

  /** Makes buffers of `bufferBytes`, and keeps as many as take `poolBytesMax` in all. */
  constructor(bufferBytes: number, poolBytesMax: number) {
    this.#bufferBytes = bufferBytes;
    this.#poolBytesMax = poolBytesMax;
  }

  take(): Uint8Array {
    const buffer = this.#free.pop();
    if (buffer === undefined) return new Uint8Array(this.#bufferBytes);
    this.#poolBytes -= buffer.length;
    return buffer;
  }

  give(buffer: Uint8Array): void {
    const { length } = buffer;
    if (length > keptBytesMax || this.#poolBytes + length > this.#poolBytesMax) return;
    this.#poolBytes += length;
    this.#free.push(buffer);
  }
}
