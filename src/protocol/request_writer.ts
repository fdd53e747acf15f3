/**
 * Writes requests as arrays of bulk strings, the form in which any bytes can be sent, into one
 * growing buffer: the commands of a pipeline leave in one write.
 */
import { lengthen } from "./lengthen.ts";
import { integerLength, writeInteger } from "./numbers.ts";

/** An argument of a command. Text is sent as UTF-8, numbers in decimal. */
export type CommandArgument = string | Uint8Array | number | bigint;

const encoder = new TextEncoder();
const dollar = 0x24;
const star = 0x2a;
const cr = 0x0d;
const lf = 0x0a;

/** `$` or `*`, up to 16 digits, CR LF, and the CR LF behind a string. */
const headerBytesMax = 21;

/** Text shorter than this is written by a loop: a call of the encoder costs more. */
const shortTextUnits = 64;

/** A buffer larger than this is not kept for the next pipeline. */
const keptBytesMax = 1024 * 1024;

export class RequestWriter {
  /** What is written so far: the first `length` bytes. */
  bytes: Uint8Array;
  length = 0;

  constructor(bytes: Uint8Array = new Uint8Array(1024)) {
    this.bytes = bytes;
  }

  /**
   * Appends one command: its name, then its arguments. Throws a TypeError, and writes nothing, when
   * an argument is none that can be sent.
   */
  command(args: readonly CommandArgument[]): void {
    if (args.length === 0) throw new TypeError("Cannot send a command without a name");
    const start = this.length;
    try {
      this.#header(star, args.length);
      for (const argument of args) this.#argument(argument);
    } catch (error) {
      this.length = start;
      throw error;
    }
  }

  /** Forgets what is written, and a buffer that has grown large. */
  clear(): void {
    this.length = 0;
    if (this.bytes.length > keptBytesMax) this.bytes = new Uint8Array(1024);
  }

  #argument(argument: CommandArgument): void {
    if (typeof argument === "string") this.#text(argument);
    else if (argument instanceof Uint8Array) this.#binary(argument);
    else if (typeof argument === "number") this.#number(argument);
    else if (typeof argument === "bigint") this.#text(String(argument));
    else throw new TypeError(`Cannot send ${describe(argument)} as an argument of a command`);
  }

  #text(text: string): void {
    const size = text.length;
    if (size >= shortTextUnits) return this.#binary(encoder.encode(text));
    this.#reserve(size + headerBytesMax);
    const start = this.length;
    this.#header(dollar, size);
    const target = this.bytes;
    let at = this.length;
    for (let i = 0; i < size; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) {
        // Longer in UTF-8 than counted: once more.
        this.length = start;
        return this.#binary(encoder.encode(text));
      }
      target[at++] = unit;
    }
    target[at++] = cr;
    target[at++] = lf;
    this.length = at;
  }

  #binary(bytes: Uint8Array): void {
    this.#reserve(bytes.length + headerBytesMax);
    this.#header(dollar, bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
    this.#endLine();
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.#reserve(2 * headerBytesMax);
      this.#header(dollar, integerLength(value));
      this.length = writeInteger(this.bytes, this.length, value);
      this.#endLine();
      return;
    }
    if (Number.isNaN(value)) throw new TypeError("Cannot send NaN as an argument of a command");
    if (value === Infinity) this.#text("inf");
    else if (value === -Infinity) this.#text("-inf");
    else this.#text(String(value));
  }

  #header(type: number, value: number): void {
    this.#reserve(headerBytesMax);
    this.bytes[this.length++] = type;
    this.length = writeInteger(this.bytes, this.length, value);
    this.#endLine();
  }

  #endLine(): void {
    this.bytes[this.length++] = cr;
    this.bytes[this.length++] = lf;
  }

  #reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed > this.bytes.length) this.bytes = lengthen(this.bytes, this.length, needed);
  }
}

function describe(value: unknown): string {
  return value === null ? "null" : `a value of type ${typeof value}`;
}
