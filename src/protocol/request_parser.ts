/**
 * Reads requests from the bytes of one connection, however they are split: arrays of bulk strings
 * (RESP), and inline commands, which are lines typed by hand. The arguments stay where they arrived,
 * in the parser's buffer; nothing is allocated for a request.
 *
 * Limits and error texts are those of redis-server 7.0 (networking.c), docs/protocol.md lists them.
 *
 * Several requests are read before the first one is handled, so that whoever handles them can look
 * ahead.
 *
 *     const read = await connection.read(parser.space());
 *     parser.received(read);
 *     while (parser.readAhead() > 0) {
 *       for (let i = 0; i < parser.count; i++) handle(parser.requests[i]);
 *     }
 *     if (parser.error !== null) ... // reply with it and close
 */
import { parseSafeInteger } from "./numbers.ts";
import { emptyRequest, type Request } from "./request.ts";

const bufferBytesMin = 4 * 1024;
/** The buffer for pipelines: as much as one read brings. */
const bufferBytesPipeline = 64 * 1024;
/** A buffer that a long request has made longer than that is given back; else the next long one finds its room. */
const bufferBytesKept = 1024 * 1024 + 64 * 1024;
/** A line (an inline command, or a length) may be this long. */
const lineBytesMax = 64 * 1024;
const argumentsMax = 2 ** 31 - 1;
/** The same of a client that has not said who it is, and the bytes of each. */
const limitedArgumentsMax = 10;
const limitedBulkLengthMax = 16 * 1024;
const argumentsMin = 16;
/** What a request takes beside its bytes, with room for so many arguments: about. */
const requestBytes = 512;
/** Requests that are read ahead: enough for their cache misses to overlap. */
export const requestsAhead = 32;
/** Beyond this, the places of arguments are given back after the request. */
const argumentsKept = 1024;

const asterisk = 0x2a;
const dollar = 0x24;
const cr = 0x0d;
const lf = 0x0a;
/** `*`, a digit, CR LF, as a word; the digit counts as zero. */
const shortArrayHeader = 0x0a0d002a;

export class RequestParser {
  /** The first `count` are the requests that `readAhead` found; their bytes are the parser's. */
  readonly requests: Request[] = [emptyRequest(argumentsMin)];
  count = 0;
  /** The request being read; the one behind the `count` whole ones. */
  #request: Request = this.requests[0];
  #bytes: Uint8Array = new Uint8Array(bufferBytesMin);
  #view = new DataView(this.#bytes.buffer);
  /** The text of a protocol error: after it, nothing more can be understood. */
  error: string | null = null;
  /** Longest argument, in bytes. */
  bulkLengthMax = 512 * 2 ** 20;
  /** Only little is taken in: the client has not said who it is. */
  isLimited = false;
  /** Where the request being read begins, where reading goes on, and where the received bytes end. */
  #start = 0;
  #at = 0;
  #end = 0;
  /** Arguments that are missing from the array being read; 0 outside of one. */
  #missing = 0;
  /** The length of the bulk string being read; -1 before its header. */
  #bulkLength = -1;
  #argc = 0;
  /** What is left is no whole request. */
  #isExhausted = true;
  /** The last read filled all the space there was. */
  #wasFull = false;

  /** What the requests' arguments are ranges of. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The same bytes, of which words can be read that begin anywhere. */
  get view(): DataView {
    return this.#view;
  }

  /** The last `readAhead` may have left whole requests behind. */
  get mayHaveMore(): boolean {
    return !this.#isExhausted && this.#at < this.#end;
  }

  /** Bytes that are received and not yet handled. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** The same; 0 while they are the beginning of one request, of which an argument has not arrived whole. */
  get readyBytes(): number {
    const isPart = this.#missing > 0 && this.#bulkLength >= 0 &&
      this.#at + this.#bulkLength + 2 > this.#end;
    return isPart ? 0 : this.pendingBytes;
  }

  /** Bytes that are in the buffer, those of the requests handed out included. */
  get receivedBytes(): number {
    return this.#end;
  }

  /** Bytes of the buffer. */
  get bufferBytes(): number {
    return this.#bytes.length;
  }

  /** Bytes of memory in use, about. */
  get memoryBytes(): number {
    return this.#bytes.length + this.requests.length * requestBytes;
  }

  /** Where to put what arrives next: never empty. The arguments of older requests are gone then. */
  space(): Uint8Array {
    if (this.#start === this.#end) this.restart();
    else if (this.#start > 0) this.#moveToFront();
    const bytes = this.#bytes;
    const capacity = bytes.length;
    if (this.#end === capacity) {
      // A long argument gets room as it arrives, not as it is announced: never more than twice of
      // what is there, nor than is still to come.
      const missing = this.#bulkLength < 0 ? Infinity : this.#at + this.#bulkLength + 2 - this.#end;
      this.#resize(capacity + Math.min(capacity, Math.max(missing, bufferBytesMin)));
    } else if (this.#wasFull && capacity < bufferBytesPipeline) {
      this.#resize(capacity * 2);
    }
    return this.#end === 0 ? this.#bytes : this.#bytes.subarray(this.#end);
  }

  /** `length` bytes have been put into the space. */
  received(length: number): void {
    this.#end += length;
    this.#wasFull = this.#end === this.#bytes.length;
  }

  /**
   * Reads the whole requests that have arrived, several at once; returns how many. 0 when more bytes
   * are needed, or after an error. The requests handed out before are gone.
   */
  readAhead(): number {
    if (this.#missing > 0 && this.count > 0) {
      // One of which a part has arrived comes first now.
      this.requests[this.count] = this.requests[0];
      this.requests[0] = this.#request;
    }
    this.count = 0;
    // The first of the requests may be the one that lifts the limits.
    const countMax = this.isLimited ? 1 : requestsAhead;
    while (this.count < countMax) {
      this.#request = this.requests[this.count] ??= emptyRequest(argumentsMin);
      this.#isExhausted = !this.#next();
      if (this.#isExhausted) break;
      this.#request.bytes = this.#bytes;
      this.#request.argc = this.#argc;
      this.#request.command = -1;
      this.#start = this.#at;
      this.count++;
    }
    return this.count;
  }

  #next(): boolean {
    if (this.error !== null) return false;
    while (this.#missing > 0 || this.#at < this.#end) {
      if (this.#missing === 0) {
        this.#start = this.#at;
        this.#argc = 0;
        if (this.#bytes[this.#at] !== asterisk) {
          if (!this.#readInline()) return false;
          if (this.#argc > 0) return true;
          continue;
        }
        if (!this.#readArrayHeader()) return false;
        if (this.#missing === 0) continue;
      }
      return this.#readArguments();
    }
    this.#start = this.#at;
    return false;
  }

  // --- arrays ------------------------------------------------------------------------------------

  #readArrayHeader(): boolean {
    const bytes = this.#bytes;
    if (this.#end - this.#at >= 4) {
      // The header of nearly every request: `*`, one digit, CR LF.
      const word = this.#view.getInt32(this.#at, true);
      const digit = (word >>> 8 & 0xff) - 0x30;
      if ((word & ~0xff00) === shortArrayHeader && digit > 0 && digit <= 9) {
        this.#at += 4;
        this.#missing = digit;
        this.#bulkLength = -1;
        return true;
      }
    }
    const lineEnd = this.#lineEnd(cr, "too big mbulk count string");
    if (lineEnd < 0) return false;
    const count = parseSafeInteger(bytes, this.#at + 1, lineEnd);
    if (!(count <= argumentsMax)) return this.#fail("invalid multibulk length");
    if (this.isLimited && count > limitedArgumentsMax) {
      return this.#fail("unauthenticated multibulk length");
    }
    this.#at = lineEnd + 2;
    this.#missing = Math.max(0, count);
    this.#bulkLength = -1;
    return true;
  }

  #readArguments(): boolean {
    const view = this.#view;
    const end = this.#end;
    let { starts, ends } = this.#request;
    let at = this.#at;
    let argc = this.#argc;
    const argumentsEnd = argc + this.#missing;
    let length = this.#bulkLength;
    while (argc < argumentsEnd) {
      if (length < 0) {
        length = end - at > 6 ? shortBulkLength(view, at) : -1;
        if (length > 0) {
          at += length < 10 ? 4 : length < 100 ? 5 : 6;
        } else {
          this.#at = at;
          this.#argc = argc;
          this.#missing = argumentsEnd - argc;
          this.#bulkLength = -1;
          if (!this.#readBulkHeader()) return false;
          at = this.#at;
          length = this.#bulkLength;
        }
      }
      if (end - at < length + 2) break;
      if (argc === starts.length) {
        this.#argc = argc;
        this.#growArguments();
        starts = this.#request.starts;
        ends = this.#request.ends;
      }
      starts[argc] = at;
      at += length;
      ends[argc++] = at;
      at += 2;
      length = -1;
    }
    this.#at = at;
    this.#argc = argc;
    this.#missing = argumentsEnd - argc;
    this.#bulkLength = length;
    return argc === argumentsEnd;
  }

  #readBulkHeader(): boolean {
    const bytes = this.#bytes;
    const lineEnd = this.#lineEnd(cr, "too big bulk count string");
    if (lineEnd < 0) return false;
    if (bytes[this.#at] !== dollar) {
      return this.#fail(`expected '$', got '${String.fromCharCode(bytes[this.#at])}'`);
    }
    const length = parseSafeInteger(bytes, this.#at + 1, lineEnd);
    if (!(length >= 0 && length <= this.bulkLengthMax)) return this.#fail("invalid bulk length");
    if (this.isLimited && length > limitedBulkLengthMax) {
      return this.#fail("unauthenticated bulk length");
    }
    this.#at = lineEnd + 2;
    this.#bulkLength = length;
    return true;
  }

  /**
   * Where the line at the reading position ends: at a CR (with one more byte behind it) or at an LF.
   * -1 when it does not end yet. As in Redis, which uses C's strings, a NUL hides what follows.
   */
  #lineEnd(terminator: number, errorIfLong: string): number {
    const bytes = this.#bytes;
    const last = terminator === cr ? this.#end - 1 : this.#end;
    let at = this.#at;
    while (at < last && bytes[at] !== terminator && bytes[at] !== 0) at++;
    if (at < last && bytes[at] === terminator) return at;
    if (this.#end - this.#at > lineBytesMax) this.#fail(errorIfLong);
    return -1;
  }

  #fail(reason: string): false {
    this.error = `ERR Protocol error: ${reason}`;
    return false;
  }

  // --- inline commands ---------------------------------------------------------------------------

  #readInline(): boolean {
    const bytes = this.#bytes;
    const newline = this.#lineEnd(lf, "too big inline request");
    if (newline < 0) return false;
    const end = newline > this.#at && bytes[newline - 1] === cr ? newline - 1 : newline;
    let at = this.#at;
    while (true) {
      while (at < end && isSpace(bytes[at])) at++;
      if (at === end) break;
      if (this.#argc === this.#request.starts.length) this.#growArguments();
      at = this.#readWord(at, end);
      if (at < 0) return this.#fail("unbalanced quotes in request");
    }
    this.#at = newline + 1;
    return true;
  }

  /**
   * Reads one word of an inline command, with its quotes and escapes undone in place: it never gets
   * longer. Returns where it ends, -1 when a quote is missing.
   */
  #readWord(start: number, end: number): number {
    const bytes = this.#bytes;
    const { starts, ends } = this.#request;
    let at = start;
    let to = start;
    let quote = 0;
    starts[this.#argc] = start;
    while (true) {
      if (at === end) {
        if (quote !== 0) return -1;
        break;
      }
      const byte = bytes[at];
      if (quote === 0) {
        if (isWordEnd(byte)) break;
        if (byte === 0x22 || byte === 0x27) quote = byte;
        else bytes[to++] = byte;
        at++;
      } else if (byte === quote) {
        // Behind a closing quote there must be a space.
        if (at + 1 < end && !isSpace(bytes[at + 1])) return -1;
        at++;
        break;
      } else if (byte === 0x5c && at + 1 < end && (quote === 0x22 || bytes[at + 1] === 0x27)) {
        const hex = quote === 0x22 && bytes[at + 1] === 0x78 && at + 3 < end
          ? hexDigit(bytes[at + 2]) << 4 | hexDigit(bytes[at + 3])
          : -1;
        bytes[to++] = hex >= 0 ? hex : quote === 0x22 ? unescaped(bytes[at + 1]) : 0x27;
        at += hex >= 0 ? 4 : 2;
      } else {
        bytes[to++] = byte;
        at++;
      }
    }
    ends[this.#argc++] = to;
    return at;
  }

  // --- the buffer --------------------------------------------------------------------------------

  /** All that was received has been handled: begins anew, without the room that a very long request took. */
  restart(): void {
    this.#start = 0;
    this.#at = 0;
    this.#end = 0;
    const isLong = this.#bytes.length > bufferBytesKept;
    if (isLong) this.#setBuffer(new Uint8Array(bufferBytesMin));
    for (let i = 0; i <= this.count && i < this.requests.length; i++) {
      if (isLong) this.requests[i].bytes = this.#bytes;
      if (this.requests[i].starts.length > argumentsKept) {
        this.requests[i] = emptyRequest(argumentsMin);
      }
    }
    this.count = 0;
  }

  /** Moves the request being read to the start of the buffer. */
  #moveToFront(): void {
    const { starts, ends } = this.#request;
    const distance = this.#start;
    this.#bytes.copyWithin(0, distance, this.#end);
    for (let i = 0; i < this.#argc; i++) {
      starts[i] -= distance;
      ends[i] -= distance;
    }
    this.#start = 0;
    this.#at -= distance;
    this.#end -= distance;
  }

  #resize(capacity: number): void {
    const grown = new Uint8Array(capacity);
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#setBuffer(grown);
  }

  #setBuffer(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  #growArguments(): void {
    const request = this.#request;
    const starts = new Int32Array(request.starts.length * 2);
    const ends = new Int32Array(request.ends.length * 2);
    starts.set(request.starts);
    ends.set(request.ends);
    request.starts = starts;
    request.ends = ends;
  }
}

/**
 * The length that the header of nearly every bulk string tells: `$`, one to three digits, CR. 0 or below when
 * what stands there is another one, or none. Reads five bytes.
 */
function shortBulkLength(view: DataView, at: number): number {
  const word = view.getInt32(at, true);
  const first = (word >>> 8 & 0xff) - 0x30;
  if ((word & 0xff) !== dollar || first <= 0 || first > 9) return -1;
  const second = (word >>> 16 & 0xff) - 0x30;
  if (second === cr - 0x30) return first;
  if (second < 0 || second > 9) return -1;
  const third = (word >>> 24) - 0x30;
  if (third === cr - 0x30) return first * 10 + second;
  if (third < 0 || third > 9 || view.getUint8(at + 4) !== cr) return -1;
  return first * 100 + second * 10 + third;
}

/** C's isspace. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** Unquoted words end at fewer bytes than spaces are skipped: not at vertical tabs and form feeds. */
function isWordEnd(byte: number): boolean {
  return byte === 0x20 || byte === lf || byte === cr || byte === 0x09;
}

/** 0 to 15, or a negative number that stays negative under `|`. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function unescaped(byte: number): number {
  switch (byte) {
    case 0x6e: // n
      return 0x0a;
    case 0x72: // r
      return 0x0d;
    case 0x74: // t
      return 0x09;
    case 0x62: // b
      return 0x08;
    case 0x61: // a
      return 0x07;
    default:
      return byte;
  }
}
