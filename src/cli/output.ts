/** Standard input, output and error, for bytes of any length. */
import { lengthen } from "../protocol/lengthen.ts";

const encoder = new TextEncoder();

/** Chunks shorter than this in all are written in one call. */
const joinedBytesMax = 1024 * 1024;

/**
 * Not all of the output could be written: the disk is full, or somebody has made the pipe nonblocking
 * (how much was written then is not known, so that it cannot be tried again).
 */
export class OutputError extends Error {}

/** Standard input cannot be read: it is a folder, say. */
export class InputError extends Error {}

/** Takes texts one after the other: an array, or what turns them into bytes at once. */
export interface TextSink {
  push(...texts: string[]): unknown;
}

/** Gathers bytes in one growing buffer. */
export class ByteSink implements TextSink {
  #bytes = new Uint8Array(256);
  #length = 0;

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Appends text as UTF-8. */
  appendText(text: string): void {
    // A UTF-16 unit takes three bytes at most.
    this.#reserve(text.length * 3);
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  push(...texts: string[]): void {
    for (const text of texts) this.appendText(text);
  }

  get length(): number {
    return this.#length;
  }

  /** What was gathered so far; valid until more is. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed > this.#bytes.length) this.#bytes = lengthen(this.#bytes, this.#length, needed);
  }
}

/** Standard output for what is made piece by piece, and may be longer than a string can be. */
export class OutputSink implements TextSink {
  readonly #waiting = new ByteSink();
  #hasReader = true;

  push(...texts: string[]): void {
    for (const text of texts) {
      this.#waiting.appendText(text);
      if (this.#waiting.length >= joinedBytesMax) this.flush();
    }
  }

  append(bytes: Uint8Array): void {
    this.flush();
    if (this.#hasReader) this.#hasReader = writeOutput(bytes);
  }

  /** Writes what waits; false when nobody reads it any more. */
  flush(): boolean {
    if (this.#hasReader && this.#waiting.length > 0) {
      this.#hasReader = writeOutput(this.#waiting.bytes());
    }
    this.#waiting.clear();
    return this.#hasReader;
  }
}

/**
 * Writes to standard output. That its reader has gone is no error, as nobody wants the rest: then the result is
 * false. Throws an OutputError.
 */
export function writeOutput(...chunks: readonly (string | Uint8Array)[]): boolean {
  return write(Deno.stdout, chunks);
}

/** Writes to standard error. Where that fails there is nobody to tell. */
export function writeError(...chunks: readonly (string | Uint8Array)[]): void {
  try {
    write(Deno.stderr, chunks);
  } catch {
    // The exit status says the rest.
  }
}

/** A line about the program itself, on standard error. */
export function complain(message: string): void {
  writeError(`kv: ${message}\n`);
}

/** All of standard input. Throws an InputError. */
export async function readInput(): Promise<Uint8Array> {
  const sink = new ByteSink();
  const buffer = new Uint8Array(64 * 1024);
  while (true) {
    const count = await readInputInto(buffer);
    if (count === null) return sink.bytes();
    sink.append(buffer.subarray(0, count));
  }
}

/** The next bytes of standard input: how many, or null at its end. Throws an InputError. */
export async function readInputInto(buffer: Uint8Array): Promise<number | null> {
  try {
    return await Deno.stdin.read(buffer);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InputError(`Cannot read standard input: ${why}`, { cause: error });
  }
}

function write(
  stream: { writeSync(bytes: Uint8Array): number },
  chunks: readonly (string | Uint8Array)[],
): boolean {
  const parts = chunks.map((chunk) => typeof chunk === "string" ? encoder.encode(chunk) : chunk);
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  try {
    for (const part of total <= joinedBytesMax ? [join(parts)] : parts) {
      for (let at = 0; at < part.length;) at += stream.writeSync(part.subarray(at));
    }
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    const why = error instanceof Error ? error.message : String(error);
    throw new OutputError(`Cannot write all of the output: ${why}`, { cause: error });
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const sink = new ByteSink();
  for (const part of parts) sink.append(part);
  return sink.bytes();
}
