/**
 * Buffers for replies. A batch of replies is written while the next connection's batch is already
 * being made, so each takes a buffer and gives it back when it is sent.
 */
export class BufferPool {
  readonly #free: Uint8Array[] = [];
  readonly #bufferBytes: number;
  readonly #buffersMax: number;

  /** Keeps at most `buffersMax` buffers of `bufferBytes`. */
  constructor(bufferBytes: number, buffersMax: number) {
    this.#bufferBytes = bufferBytes;
    this.#buffersMax = buffersMax;
  }

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(this.#bufferBytes);
  }

  /** Larger buffers, which one long reply needed, are not kept. */
  give(buffer: Uint8Array): void {
    const isUsual = buffer.length <= this.#bufferBytes * 4;
    if (isUsual && this.#free.length < this.#buffersMax) this.#free.push(buffer);
  }
}
