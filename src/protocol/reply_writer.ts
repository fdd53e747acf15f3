/**
 * Writes replies in RESP2 or RESP3 into one growing buffer. A batch of commands writes all of its
 * replies here, and the connection sends them at once.
 *
 * https://redis.io/docs/latest/develop/reference/protocol-spec/ describes the formats.
 */
import { lengthen } from "./lengthen.ts";
import { integerLength, writeInteger } from "./numbers.ts";

const encoder = new TextEncoder();
const cr = 0x0d;
const lf = 0x0a;

/** Copies shorter than this go byte by byte: a `subarray` for `set` costs more than the loop. */
const shortCopyBytes = 128;

const firstBytes = 1024;
/** What a writer keeps of its memory when it is released. */
const keptBytesMax = 1024 * 1024;

/** Different first words of errors that are counted. */
const errorWordsMax = 128;

const ok = encoder.encode("+OK\r\n");
const pong = encoder.encode("+PONG\r\n");
const queued = encoder.encode("+QUEUED\r\n");
const nullBulk = encoder.encode("$-1\r\n");
const nullArray = encoder.encode("*-1\r\n");
const nullResp3 = encoder.encode("_\r\n");

export class ReplyWriter {
  /** What is written so far: the first `length` bytes. */
  bytes: Uint8Array;
  length = 0;
  /** 2 or 3: the version that the current connection speaks. */
  protocol = 2;
  /** Errors written since the writer was made; tells a caller whether a command failed. */
  errors = 0;
  /** The same by the errors' first words: `ERR`, `EXECABORT` ... */
  readonly errorCounts = new Map<string, number>();

  /** Where it gets longer bytes from: of `needed` length at least, with the first `length` of those that it had. */
  grow: (bytes: Uint8Array, length: number, needed: number) => Uint8Array = lengthen;

  constructor(bytes: Uint8Array = new Uint8Array(firstBytes)) {
    this.bytes = bytes;
  }

  /** Nobody needs what was written any more: nor is much memory kept for what comes next. */
  release(): void {
    this.length = 0;
    if (this.bytes.length > keptBytesMax) this.bytes = new Uint8Array(firstBytes);
  }

  /** Makes room for `extra` more bytes. */
  reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed > this.bytes.length) this.bytes = this.grow(this.bytes, this.length, needed);
  }

  ok(): void {
    this.raw(ok);
  }

  pong(): void {
    this.raw(pong);
  }

  queued(): void {
    this.raw(queued);
  }

  /** The null of a missing value: `$-1`, in RESP3 `_`. */
  null(): void {
    this.raw(this.protocol === 3 ? nullResp3 : nullBulk);
  }

  /** The null of a missing array (an aborted EXEC): `*-1`, in RESP3 `_`. */
  nullArray(): void {
    this.raw(this.protocol === 3 ? nullResp3 : nullArray);
  }

  /** `:n` for a safe integer. */
  integer(value: number): void {
    this.#header(0x3a, value);
  }

  /** `:n` for any 64-bit integer. */
  bigInteger(value: bigint): void {
    this.raw(encoder.encode(`:${value}\r\n`));
  }

  /** A double: `,1.5`, in RESP2 a bulk string. */
  double(value: number): void {
    if (this.protocol === 3) this.raw(encoder.encode(`,${value}\r\n`));
    else this.bulkText(String(value));
  }

  /** `*n`: the next n replies belong to it. */
  array(count: number): void {
    this.#header(0x2a, count);
  }

  /** A map of `pairs` keys and values: `%n`, in RESP2 an array of twice as many. */
  map(pairs: number): void {
    if (this.protocol === 3) this.#header(0x25, pairs);
    else this.#header(0x2a, pairs * 2);
  }

  /** A set of `count` members: `~n`, in RESP2 an array. */
  set(count: number): void {
    this.#header(this.protocol === 3 ? 0x7e : 0x2a, count);
  }

  /** What comes without being asked for: `>n` and n replies, in RESP2 an array. */
  push(count: number): void {
    this.#header(this.protocol === 3 ? 0x3e : 0x2a, count);
  }

  /** A bulk string from a range of bytes. */
  bulk(source: Uint8Array, start: number, end: number): void {
    const size = end - start;
    this.reserve(size + 16);
    const target = this.bytes;
    let at = this.length;
    target[at++] = 0x24;
    at = writeInteger(target, at, size);
    target[at++] = cr;
    target[at++] = lf;
    if (size < shortCopyBytes) {
      for (let i = start; i < end; i++) target[at++] = source[i];
    } else {
      target.set(source.subarray(start, end), at);
      at += size;
    }
    target[at++] = cr;
    target[at++] = lf;
    this.length = at;
  }

  /** A bulk string from text, as UTF-8. */
  bulkText(text: string): void {
    const bytes = encoder.encode(text);
    this.bulk(bytes, 0, bytes.length);
  }

  /** A safe integer as a bulk string. */
  bulkInteger(value: number): void {
    this.reserve(40);
    this.bytes[this.length++] = 0x24;
    this.length = writeInteger(this.bytes, this.length, integerLength(value));
    this.#endLine();
    this.length = writeInteger(this.bytes, this.length, value);
    this.#endLine();
  }

  /** Text for people, such as INFO's: a verbatim string in RESP3, a bulk string in RESP2. */
  verbatimText(text: string): void {
    if (this.protocol !== 3) return this.bulkText(text);
    const bytes = encoder.encode(text);
    this.#header(0x3d, bytes.length + 4);
    this.raw(encoder.encode("txt:"));
    this.raw(bytes);
    this.reserve(2);
    this.#endLine();
  }

  /** A status such as `+OK`, from ASCII text without line breaks. */
  status(text: string): void {
    this.raw(encoder.encode(`+${text}\r\n`));
  }

  /**
   * An error: `-ERR what happened`. The text is the whole line, code first. Line breaks in it, which
   * would break the protocol, become spaces, as Redis does.
   */
  error(text: string): void {
    this.#countError(text);
    this.raw(encoder.encode(`-${text.replace(/[\r\n]/g, " ")}\r\n`));
  }

  /** The same for text that quotes bytes of a request: each character stands for one byte. */
  errorQuotingBytes(text: string): void {
    this.#countError(text);
    const line = `-${text.replace(/[\r\n]/g, " ")}\r\n`;
    this.raw(Uint8Array.from(line, (character) => character.charCodeAt(0)));
  }

  #countError(text: string): void {
    this.errors++;
    const word = /^[^ ]*/.exec(text)![0];
    const known = this.errorCounts.has(word) || this.errorCounts.size < errorWordsMax;
    if (known) this.errorCounts.set(word, (this.errorCounts.get(word) ?? 0) + 1);
  }

  /** Bytes that are already in the protocol. */
  raw(bytes: Uint8Array): void {
    const size = bytes.length;
    this.reserve(size);
    const target = this.bytes;
    let at = this.length;
    if (size < shortCopyBytes) {
      for (let i = 0; i < size; i++) target[at++] = bytes[i];
      this.length = at;
    } else {
      target.set(bytes, at);
      this.length = at + size;
    }
  }

  #header(type: number, value: number): void {
    this.reserve(24);
    this.bytes[this.length++] = type;
    this.length = writeInteger(this.bytes, this.length, value);
    this.#endLine();
  }

  #endLine(): void {
    this.bytes[this.length++] = cr;
    this.bytes[this.length++] = lf;
  }
}
