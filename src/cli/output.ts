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

/** Gathers bytes in one growing buffer. */
export class ByteSink {
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

  /** What was gathered so far; valid until more is. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(extra: number): void {
    const needed = this.#length + extra;
    if (needed > this.#bytes.length) this.#bytes = lengthen(this.#bytes, this.#length, needed);
  }
}

/** Writes to standard output. That its reader has gone is no error: nobody wants the rest. */
export function writeOutput(...chunks: readonly (string | Uint8Array)[]): void {
  write(Deno.stdout, chunks);
}

export function writeError(...chunks: readonly (string | Uint8Array)[]): void {
  write(Deno.stderr, chunks);
}

/** A line about the program itself, on standard error. */
export function complain(message: string): void {
  writeError(`kv: ${message}\n`);
}

/** All of standard input. */
export async function readInput(): Promise<Uint8Array> {
  const sink = new ByteSink();
  const buffer = new Uint8Array(64 * 1024);
  while (true) {
    const count = await Deno.stdin.read(buffer);
    if (count === null) return sink.bytes();
    sink.append(buffer.subarray(0, count));
  }
}

function write(
  stream: { writeSync(bytes: Uint8Array): number },
  chunks: readonly (string | Uint8Array)[],
): void {
  const parts = chunks.map((chunk) => typeof chunk === "string" ? encoder.encode(chunk) : chunk);
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  try {
    for (const part of total <= joinedBytesMax ? [join(parts)] : parts) {
      for (let at = 0; at < part.length;) at += stream.writeSync(part.subarray(at));
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return;
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
