/**
 * Buffers for long replies that nobody needs now. As many are kept as were in use together a moment ago: 50
 * clients that get a megabyte each need 50 of them again and again, and making one takes longer than filling it. Those that lay
 * around unused for a second are let go, but for a few.
 */

/** They are made in multiples of so much, that they fit others, too. */
const unitBytes = 256 * 1024;
/** So many bytes of them are kept, needed or not. */
const keptBytesMin = 16 * 2 ** 20;
/** And no more than so many, whatever was needed. */
const keptBytesMax = 256 * 2 ** 20;

/** Has something be called in a second; returns what takes that back. */
export type InASecond = (call: () => void) => () => void;

export class LongBuffers {
  readonly #free: Uint8Array[] = [];
  #bytes = 0;
  /** The least that lay here since the last look. */
  #unusedBytes = 0;
  /** Ends the wait for the next look, of which there is one while there are more than are kept anyway. */
  #stopWaiting: (() => void) | null = null;
  #isClosed = false;
  readonly #inASecond: InASecond;

  constructor(inASecond: InASecond = inASecondOfTime) {
    this.#inASecond = inASecond;
  }

  /** One of `bytes` or more, up to twice as many. What is in it is left from others. */
  take(bytes: number): Uint8Array {
    const free = this.#free;
    for (let i = free.length - 1; i >= 0; i--) {
      const buffer = free[i];
      if (buffer.length < bytes || buffer.length > bytes * 2) continue;
      free.splice(i, 1);
      this.#bytes -= buffer.length;
      if (this.#bytes < this.#unusedBytes) this.#unusedBytes = this.#bytes;
      return buffer;
    }
    return new Uint8Array(Math.ceil(bytes / unitBytes) * unitBytes);
  }

  give(buffer: Uint8Array): void {
    if (this.#isClosed || this.#bytes + buffer.length > keptBytesMax) return;
    this.#bytes += buffer.length;
    this.#free.push(buffer);
    if (this.#bytes > keptBytesMin) this.#stopWaiting ??= this.#lookLater(0);
  }

  #lookLater(unusedBytes: number): () => void {
    this.#unusedBytes = unusedBytes;
    return this.#inASecond(() => this.#look());
  }

  /** Lets go those that have not been needed since the last look: the ones that lay here longest. */
  #look(): void {
    const free = this.#free;
    const wantedBytes = Math.max(keptBytesMin, this.#bytes - this.#unusedBytes);
    let count = 0;
    while (this.#bytes > wantedBytes) this.#bytes -= free[count++].length;
    free.splice(0, count);
    this.#stopWaiting = this.#bytes > keptBytesMin ? this.#lookLater(this.#bytes) : null;
  }

  /** Lets go all of them, and keeps none any more. */
  close(): void {
    this.#isClosed = true;
    this.#stopWaiting?.();
    this.#free.length = this.#bytes = 0;
  }
}

function inASecondOfTime(call: () => void): () => void {
  const timer = setTimeout(call, 1000);
  return () => clearTimeout(timer);
}
