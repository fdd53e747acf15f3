/**
 * Buffers for replies. A turn's replies wait in one buffer for each connection until all are sent, so each
 * takes a buffer and gives it back. What has grown under long replies is kept, too, up to a limit: making
 * such buffers anew for each batch keeps the garbage collector busy, for tens of milliseconds at a time, and the kernel,
 * which takes longer to provide a megabyte of memory than it takes to copy as much.
 */
import { LongBuffers } from "./long_buffers.ts";

/** A buffer that has grown beyond this, for one long reply, is _long_: those are kept apart, for other long replies. */
const shortBytesMax = 256 * 1024;

export class BufferPool {
  readonly #free: Uint8Array[] = [];
  readonly #bufferBytes: number;
  readonly #poolBytesMax: number;
  #poolBytes = 0;
  readonly #long = new LongBuffers();

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
    if (length > shortBytesMax) return this.#long.give(buffer);
    if (this.#poolBytes + length > this.#poolBytesMax) return;
    this.#poolBytes += length;
    this.#free.push(buffer);
  }

  /** For a buffer that is too short, one of `needed` bytes or more that begins with its first `length`. It is given back. */
  grow(buffer: Uint8Array, length: number, needed: number): Uint8Array {
    const bytes = Math.max(needed, buffer.length * 2);
    const grown = bytes > shortBytesMax ? this.#long.take(bytes) : new Uint8Array(bytes);
    grown.set(buffer.subarray(0, length));
    this.give(buffer);
    return grown;
  }

  /** Keeps no long ones any more, and looks after none. */
  close(): void {
    this.#long.close();
  }
}
