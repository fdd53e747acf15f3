/**
 * The requests of a load, written out before it begins, so that sending them costs the generator no more
 * than a system call for each batch.
 */
import { keyDigits, type Protocol, setTemplate, writeDigits, writeSet } from "../key_loader.ts";
import { SeededRandom } from "../../../tests/support/seeded_random.ts";
import type { KeyChooser } from "./key_chooser.ts";
import type { Mix } from "./mixes.ts";

export interface BatchOptions {
  readonly protocol: Protocol;
  readonly mix: Mix;
  readonly keys: KeyChooser;
  readonly valueBytes: number;
  /** Requests in a batch. */
  readonly pipeline: number;
  /** At least so many requests in all, unless they take more than the bytes. */
  readonly requests: number;
  readonly bytesMax: number;
  readonly seed: number;
}

export interface Batches {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each begins, and where the last ends. */
  readonly starts: Uint32Array;
  /** How many requests each has. */
  readonly requests: Uint32Array;
  /**
   * A load may begin at a batch whose number is a multiple of this: in a pair, the second one writes what
   * the first one read.
   */
  readonly stride: 1 | 2;
}

const encoder = new TextEncoder();

export function makeBatches(options: BatchOptions): Batches {
  const { mix, pipeline } = options;
  const requests = new RequestBytes(options);
  const random = new SeededRandom(options.seed);
  const count = Math.max(2, Math.ceil(options.requests / pipeline));
  const starts: number[] = [0];
  const sizes: number[] = [];
  const end = () => {
    starts.push(requests.length);
    sizes.push(requests.takeCount());
  };
  while (sizes.length < count && requests.length < options.bytesMax) {
    const modified: number[] = [];
    for (let i = 0; i < pipeline; i++) {
      const key = options.keys.next();
      const choice = random.next() / 2 ** 32;
      if (choice < mix.set) requests.set(key);
      else requests.get(key);
      if (choice >= mix.set && choice < mix.set + mix.readModifyWrite) modified.push(key);
    }
    end();
    if (mix.readModifyWrite === 0) continue;
    // A batch without any request would wait for a reply that never comes.
    if (modified.length === 0) requests.get(options.keys.next());
    for (const key of modified) requests.set(key);
    end();
  }
  return {
    bytes: requests.bytes.slice(0, requests.length),
    starts: Uint32Array.from(starts),
    requests: Uint32Array.from(sizes),
    stride: mix.readModifyWrite === 0 ? 1 : 2,
  };
}

/** Requests, one behind the other, in a buffer that grows. */
class RequestBytes {
  bytes = new Uint8Array(1 << 20);
  length = 0;
  #count = 0;
  readonly #set;
  readonly #get: Uint8Array;
  readonly #getDigitAt: number;

  constructor({ protocol, valueBytes }: BatchOptions) {
    this.#set = setTemplate({ valueBytes }, protocol);
    const key = "key:" + "0".repeat(keyDigits);
    const text = protocol === "redis"
      ? `*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`
      : `get ${key}\r\n`;
    this.#get = encoder.encode(text);
    this.#getDigitAt = text.indexOf(key) + key.length - 1;
  }

  /** How many requests came since it was asked last. */
  takeCount(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  get(key: number): void {
    const at = this.#advance(this.#get.length);
    this.bytes.set(this.#get, at);
    writeDigits(this.bytes, at + this.#getDigitAt, key);
  }

  set(key: number): void {
    const at = this.#advance(this.#set.bytes.length);
    writeSet(this.bytes, at, this.#set, key);
  }

  #advance(bytes: number): number {
    if (this.length + bytes > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + bytes));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    const at = this.length;
    this.length += bytes;
    this.#count++;
    return at;
  }
}
