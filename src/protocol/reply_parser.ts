/**
 * Reads replies in RESP2 and RESP3 from a stream of bytes that may be split anywhere.
 *
 * Every byte is looked at once: what is left of a line or a bulk string at the end of a chunk is kept
 * where parsing goes on, never scanned again. Nesting is kept on a stack of its own and is bounded,
 * and nothing is allocated because of a length that a server merely announces: memory stays within a
 * small factor of the bytes received.
 *
 * https://redis.io/docs/latest/develop/reference/protocol-spec/ describes the formats. The streamed
 * strings and aggregates of the RESP3 draft, which no server sends, are errors here.
 */
import { lengthen } from "./lengthen.ts";
import { parseInt64, parseSafeInteger } from "./numbers.ts";
import { DoubleReply, ErrorReply, PushReply, type Reply, VerbatimReply } from "./reply.ts";

const cr = 0x0d;
const lf = 0x0a;

/** A server's longest string is 512 MiB. */
const defaultBulkBytesMax = 512 * 1024 * 1024;
const defaultDepthMax = 128;
/** Errors and simple strings are short; a server that never ends a line is no server. */
const lineBytesMax = 1024 * 1024;
/** What is allocated at once for a bulk string that has not arrived yet. */
const bulkBytesFirst = 1024 * 1024;
/** More digits than any number that a server has a reason to send: reading them takes quadratic time. */
const bigNumberDigitsMax = 4096;

export interface ReplyParserOptions {
  /** Longest bulk string that is accepted; 512 MiB unless given. */
  readonly bulkBytesMax?: number;
  /** How deep arrays and the like may be nested; 128 unless given. */
  readonly depthMax?: number;
}

/** The bytes are no reply. The stream cannot be read any further. */
export class ReplyFormatError extends Error {
  override readonly name = "ReplyFormatError";
}

type AggregateKind = "array" | "map" | "set" | "push" | "attributes";

/** An array, map, set or push whose elements are still arriving. */
interface Aggregate {
  readonly kind: AggregateKind;
  readonly items: Reply[];
  /** Elements still to come; a map has two for each entry. */
  remaining: number;
}

/** A bulk string whose bytes are still arriving, the line end behind it included. */
interface Bulk {
  readonly type: number;
  readonly size: number;
  bytes: Uint8Array;
  /** Bytes there so far. */
  length: number;
}

/**
 * An incremental parser of replies: feed it a chunk, then take replies until there is none.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { ReplyParser } from "./reply_parser.ts";
 *
 * const parser = new ReplyParser();
 * parser.feed(new TextEncoder().encode("+OK\r\n:4"));
 * assertEquals(parser.next(), "OK");
 * assertEquals(parser.next(), undefined);
 * parser.feed(new TextEncoder().encode("2\r\n"));
 * assertEquals(parser.next(), 42);
 * ```
 */
export class ReplyParser {
  /**
   * What the server told about the reply that `next` returned last (RESP3 attributes), or null. The
   * attributes of replies inside others are dropped.
   */
  attributes: Map<Reply, Reply> | null = null;

  readonly #bulkBytesMax: number;
  readonly #depthMax: number;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The start of a line whose end is not there yet: the first `#lineLength` bytes. */
  #line = new Uint8Array(256);
  #lineLength = 0;
  #bulk: Bulk | null = null;
  readonly #open: Aggregate[] = [];
  #pendingAttributes: Map<Reply, Reply> | null = null;
  #failure: ReplyFormatError | null = null;

  constructor(options: ReplyParserOptions = {}) {
    this.#bulkBytesMax = options.bulkBytesMax ?? defaultBulkBytesMax;
    this.#depthMax = options.depthMax ?? defaultDepthMax;
  }

  /** Whether the bytes fed so far end in the middle of a reply. */
  get midReply(): boolean {
    return this.#lineLength > 0 || this.#bulk !== null || this.#open.length > 0 ||
      this.#pendingAttributes !== null || this.#at < this.#chunk.length;
  }

  /**
   * Gives the next bytes of the stream. The chunk is read by `next` and must not change until that
   * has returned `undefined`; no reply refers to it.
   */
  feed(chunk: Uint8Array): void {
    if (this.#at < this.#chunk.length) {
      throw new TypeError(
        "Cannot feed a chunk: next() has not returned undefined for the last one",
      );
    }
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** The next whole reply, or `undefined` when its end has not been fed yet. */
  next(): Reply | undefined {
    if (this.#failure !== null) throw this.#failure;
    try {
      return this.#next();
    } catch (error) {
      if (error instanceof ReplyFormatError) this.#failure = error;
      throw error;
    }
  }

  #next(): Reply | undefined {
    while (true) {
      let value = this.#bulk === null ? this.#readLine() : this.#readBulk(this.#bulk);
      if (value === undefined) {
        // A line that announces something: what it announces follows in the same chunk, or not.
        if (this.#at < this.#chunk.length) continue;
        return undefined;
      }
      // The value may complete the aggregate that it is in, and that one the next.
      while (true) {
        const aggregate = this.#open.at(-1);
        if (aggregate === undefined) {
          this.attributes = this.#pendingAttributes;
          this.#pendingAttributes = null;
          return value;
        }
        if (value !== nothing) {
          aggregate.items.push(value);
          aggregate.remaining--;
        }
        if (aggregate.remaining > 0) break;
        this.#open.pop();
        const completed = this.#complete(aggregate);
        if (completed === undefined) break;
        value = completed;
      }
    }
  }

  /** Returns the value that the elements make up; undefined for attributes, which are none. */
  #complete({ kind, items }: Aggregate): Reply | undefined {
    switch (kind) {
      case "array":
        return items;
      case "push":
        return new PushReply(items);
      case "set":
        return new Set(items);
      case "map":
        return toMap(items);
      case "attributes":
        if (this.#open.length === 0) this.#pendingAttributes = toMap(items);
        return undefined;
    }
  }

  /** Reads up to the end of the line. Returns the value that the line is, or undefined. */
  #readLine(): Reply | undefined {
    const chunk = this.#chunk;
    const start = this.#at;
    const feed = chunk.indexOf(lf, start);
    if (feed < 0) {
      this.#keepLine(chunk.subarray(start));
      this.#at = chunk.length;
      return undefined;
    }
    this.#at = feed + 1;
    if (this.#lineLength === 0) return this.#parseLine(chunk, start, feed);
    this.#keepLine(chunk.subarray(start, feed));
    const length = this.#lineLength;
    this.#lineLength = 0;
    return this.#parseLine(this.#line, 0, length);
  }

  #keepLine(part: Uint8Array): void {
    const length = this.#lineLength + part.length;
    if (length > lineBytesMax) throw new ReplyFormatError("A line of the reply does not end");
    if (length > this.#line.length) {
      this.#line = lengthen(this.#line, this.#lineLength, length);
    }
    this.#line.set(part, this.#lineLength);
    this.#lineLength = length;
  }

  /** `end` is where the line feed stands, which a carriage return has to precede. */
  #parseLine(bytes: Uint8Array, start: number, end: number): Reply | undefined {
    if (end - start < 2 || bytes[end - 1] !== cr) {
      throw new ReplyFormatError("A line of the reply has no type or does not end in CR LF");
    }
    const type = bytes[start];
    const from = start + 1;
    const to = end - 1;
    switch (type) {
      case 0x2b: // +
        return from + 2 === to && bytes[from] === 0x4f && bytes[from + 1] === 0x4b
          ? "OK"
          : decoder.decode(bytes.subarray(from, to));
      case 0x2d: // -
        return new ErrorReply(decoder.decode(bytes.subarray(from, to)));
      case 0x3a: // :
        return parseInteger(bytes, from, to);
      case 0x24: // $
      case 0x21: // !
      case 0x3d: // =
        return this.#beginBulk(type, bytes, from, to);
      case 0x2a: // *
        return this.#beginAggregate("array", bytes, from, to);
      case 0x25: // %
        return this.#beginAggregate("map", bytes, from, to);
      case 0x7e: // ~
        return this.#beginAggregate("set", bytes, from, to);
      case 0x3e: // >
        if (this.#open.length > 0) throw new ReplyFormatError("A push stands inside of a reply");
        return this.#beginAggregate("push", bytes, from, to);
      case 0x7c: // |
        return this.#beginAggregate("attributes", bytes, from, to);
      case 0x5f: // _
        if (from !== to) throw new ReplyFormatError("A null of the reply is not empty");
        return null;
      case 0x23: // #
        if (from + 1 === to && bytes[from] === 0x74) return true;
        if (from + 1 === to && bytes[from] === 0x66) return false;
        throw new ReplyFormatError("A boolean of the reply is neither t nor f");
      case 0x2c: // ,
        return parseDouble(decoder.decode(bytes.subarray(from, to)));
      case 0x28: // (
        return parseBigNumber(decoder.decode(bytes.subarray(from, to)));
      default:
        throw new ReplyFormatError(`A reply cannot begin with byte 0x${hex(type)}`);
    }
  }

  #beginBulk(type: number, bytes: Uint8Array, from: number, to: number): Reply | undefined {
    const size = parseSafeInteger(bytes, from, to);
    if (size === -1 && type === 0x24) return null;
    if (!(size >= 0 && size <= this.#bulkBytesMax)) {
      throw new ReplyFormatError(
        `A string of the reply has a wrong length or more than ${this.#bulkBytesMax} bytes`,
      );
    }
    const chunk = this.#chunk;
    const start = this.#at;
    if (chunk.length - start >= size + 2) {
      // All of it is there already.
      this.#at = start + size + 2;
      if (chunk[start + size] !== cr || chunk[start + size + 1] !== lf) throw unendedBulk();
      return toBulkReply(type, chunk.slice(start, start + size));
    }
    this.#bulk = {
      type,
      size,
      bytes: new Uint8Array(Math.min(size, bulkBytesFirst)),
      length: 0,
    };
    return undefined;
  }

  #readBulk(bulk: Bulk): Reply | undefined {
    const chunk = this.#chunk;
    const available = chunk.length - this.#at;
    if (available === 0) return undefined;
    const wanted = Math.min(available, bulk.size - bulk.length);
    if (wanted > 0) {
      const length = bulk.length + wanted;
      if (length > bulk.bytes.length) {
        const grown = new Uint8Array(Math.min(bulk.size, Math.max(length, bulk.bytes.length * 2)));
        grown.set(bulk.bytes.subarray(0, bulk.length));
        bulk.bytes = grown;
      }
      bulk.bytes.set(chunk.subarray(this.#at, this.#at + wanted), bulk.length);
      bulk.length = length;
      this.#at += wanted;
    }
    // Then CR and LF, each of which may come alone: counted beyond `size`.
    while (bulk.length >= bulk.size && this.#at < chunk.length) {
      if (chunk[this.#at++] !== (bulk.length === bulk.size ? cr : lf)) throw unendedBulk();
      if (++bulk.length === bulk.size + 2) {
        this.#bulk = null;
        return toBulkReply(bulk.type, bulk.bytes);
      }
    }
    return undefined;
  }

  #beginAggregate(
    kind: AggregateKind,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): Reply | undefined {
    const count = parseSafeInteger(bytes, from, to);
    if (count === -1 && kind === "array") return null;
    // 2^32 - 1 is what Redis's own clients accept; memory is taken only for what arrives.
    if (!(count >= 0 && count <= 0xffffffff)) {
      throw new ReplyFormatError("An array or map of the reply has a wrong length");
    }
    if (this.#open.length >= this.#depthMax) {
      throw new ReplyFormatError(`The reply is nested deeper than ${this.#depthMax} levels`);
    }
    const pairs = kind === "map" || kind === "attributes";
    this.#open.push({ kind, items: [], remaining: pairs ? count * 2 : count });
    return count === 0 ? nothing : undefined;
  }
}

/** Not a reply: tells `#next` that the aggregate just opened is complete, having no elements. */
const nothing: Reply = new ErrorReply("");

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

function unendedBulk(): ReplyFormatError {
  return new ReplyFormatError("A string of the reply is not followed by CR LF");
}

function toBulkReply(type: number, bytes: Uint8Array): Reply {
  if (type === 0x24) return bytes;
  if (type === 0x21) return new ErrorReply(decoder.decode(bytes));
  if (bytes.length < 4 || bytes[3] !== 0x3a) {
    throw new ReplyFormatError("A verbatim string of the reply does not name its format");
  }
  return new VerbatimReply(decoder.decode(bytes.subarray(0, 3)), bytes.subarray(4));
}

function toMap(items: readonly Reply[]): Map<Reply, Reply> {
  const map = new Map<Reply, Reply>();
  for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
  return map;
}

function parseInteger(bytes: Uint8Array, from: number, to: number): number | bigint {
  const value = parseSafeInteger(bytes, from, to);
  if (!Number.isNaN(value)) return value;
  // RESP allows a plus sign, though no server writes one.
  const start = bytes[from] === 0x2b ? from + 1 : from;
  const big = parseInt64(bytes, start, to);
  if (big === null) throw new ReplyFormatError("An integer of the reply is none");
  return Number.isSafeInteger(Number(big)) ? Number(big) : big;
}

const doublePattern = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function parseDouble(text: string): DoubleReply {
  if (text === "inf" || text === "+inf") return new DoubleReply(text, Infinity);
  if (text === "-inf") return new DoubleReply(text, -Infinity);
  if (text === "nan" || text === "-nan") return new DoubleReply(text, NaN);
  if (text.length > 400 || !doublePattern.test(text)) {
    throw new ReplyFormatError("A double of the reply is no number");
  }
  return new DoubleReply(text, Number(text));
}

function parseBigNumber(text: string): bigint {
  if (text.length > bigNumberDigitsMax || !/^[+-]?\d+$/.test(text)) {
    throw new ReplyFormatError("A big number of the reply is none");
  }
  return BigInt(text);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
