/** Counts the replies to GETs and SETs in what a connection reads, wherever it was cut. */
import type { Protocol } from "../key_loader.ts";

const newline = 0x0a;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;
const space = 0x20;
const letter = (text: string) => text.charCodeAt(0);

export class ReplyCounter {
  /** Replies that are errors, and GETs that found nothing. */
  errors = 0;
  missing = 0;
  /** The first error. */
  firstError = "";
  readonly #isRedis: boolean;
  /** Bytes of a value that are still to come, its line end included. */
  #skip = 0;
  /** Of a line that has begun: its first two bytes, its last number, and whether that is below 0. */
  #first = 0;
  #second = 0;
  #number = 0;
  #isNegative = false;
  #isError = false;
  /** memcached: the value came, and END is to come. */
  #hasValue = false;

  constructor(protocol: Protocol) {
    this.#isRedis = protocol === "redis";
  }

  /** How many replies end within `bytes[0, length)`, which go on where the last ones ended. */
  take(bytes: Uint8Array, length: number): number {
    let ended = 0;
    let i = 0;
    while (i < length) {
      if (this.#skip > 0) {
        const part = Math.min(this.#skip, length - i);
        this.#skip -= part;
        i += part;
        if (this.#skip === 0 && this.#isRedis) ended++;
        continue;
      }
      const byte = bytes[i++];
      if (byte === newline) {
        if (this.#endLine()) ended++;
        continue;
      }
      if (this.#first === 0) this.#beginLine(byte);
      else this.#goOn(byte);
    }
    return ended;
  }

  #beginLine(byte: number): void {
    this.#first = byte;
    this.#second = this.#number = 0;
    this.#isNegative = false;
    this.#isError = this.#isRedis && byte === minus;
  }

  #goOn(byte: number): void {
    if (this.#second === 0) {
      this.#second = byte;
      this.#isError ||= !this.#isRedis && isMemcachedError(this.#first, byte);
    }
    if (this.#isError && this.firstError.length < 100) this.firstError += String.fromCharCode(byte);
    if (byte >= zero && byte <= nine) this.#number = this.#number * 10 + byte - zero;
    else if (byte === space) this.#number = 0;
    else if (byte === minus) this.#isNegative = true;
  }

  /** True when the reply ends with the line. */
  #endLine(): boolean {
    const first = this.#first;
    this.#first = 0;
    if (this.#isError) {
      this.errors++;
      return true;
    }
    return this.#isRedis ? this.#endRedisLine(first) : this.#endMemcachedLine(first);
  }

  #endRedisLine(first: number): boolean {
    if (first === letter("_")) {
      this.missing++;
      return true;
    }
    if (first !== letter("$")) return true;
    if (this.#isNegative) {
      this.missing++;
      return true;
    }
    this.#skip = this.#number + 2;
    return false;
  }

  #endMemcachedLine(first: number): boolean {
    if (first === letter("V")) {
      this.#skip = this.#number + 2;
      this.#hasValue = true;
      return false;
    }
    // STORED, or END of a value or of none.
    if (first === letter("E") && !this.#hasValue) this.missing++;
    this.#hasValue = false;
    return true;
  }
}

/** ERROR, SERVER_ERROR, CLIENT_ERROR, by their first two letters; END and STORED are none. */
function isMemcachedError(first: number, second: number): boolean {
  return first === letter("E") && second === letter("R") || first === letter("C") ||
    first === letter("S") && second === letter("E");
}
