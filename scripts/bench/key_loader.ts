/**
 * Keys to fill a server with, loaded by `redis-cli --pipe`. They are named as redis-benchmark names
 * its own with `-r`, so that its requests overwrite and find what was loaded: key:000000001234.
 */
import { BenchError } from "./bench_error.ts";
import type { BenchServer } from "./bench_server.ts";

/** What redis-benchmark is told with `-r`: it picks its keys among these. */
export const keyCount = 1_000_000;
export const keyBytes = 16;
export const valueBytes = 32;

const keyDigits = 12;
/** About 1.6 MB, which is little for the pipe's two ends to hold and enough to keep both busy. */
const requestsPerChunk = 20_000;
const loadLimitMs = 180_000;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";

/** Requests of one length each: a copy of this with other digits and another value. */
const template = new TextEncoder().encode(
  `*3\r\n$3\r\nSET\r\n$${keyBytes}\r\nkey:${"0".repeat(keyDigits)}\r\n` +
    `$${valueBytes}\r\n${"x".repeat(valueBytes)}\r\n`,
);
const lastDigitAt = template.length - 2 - valueBytes - `$${valueBytes}\r\n`.length - 2 - 1;
const valueAt = template.length - 2 - valueBytes;
const letters = new TextEncoder().encode(alphabet);

/** The requests that set the keys from `first` up to, and without, `end`. */
export function setRequests(first: number, end: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((end - first) * template.length);
  for (let number = first, at = 0; number < end; number++, at += template.length) {
    bytes.set(template, at);
    let rest = number;
    for (let i = lastDigitAt; rest > 0; i--) {
      bytes[at + i] = 0x30 + rest % 10;
      rest = Math.trunc(rest / 10);
    }
    writeValue(bytes, at + valueAt, number);
  }
  return bytes;
}

/**
 * A value that is different for each key and does not compress: redis-server compresses strings when
 * it rewrites its file, and must not gain by values that no application has.
 */
function writeValue(bytes: Uint8Array, at: number, seed: number): void {
  let state = (seed + 1) * 0x9e3779b1 | 0 || 1;
  for (let i = 0; i < valueBytes; i++) {
    // Marsaglia's xorshift32; the upper bits are its better ones.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at + i] = letters[state >>> 26];
  }
}

/** Loads all keys, `keyCount` of them, and sees to it that the server has exactly these. */
export async function loadKeys(server: BenchServer): Promise<void> {
  const { stdout, stderr } = await server.cli(["--pipe"], {
    input: chunks(keyCount),
    limitMs: loadLimitMs,
  });
  if (!stdout.includes(`errors: 0, replies: ${keyCount}`)) {
    throw new BenchError(`Cannot load ${server.kind}: redis-cli said ${stdout}${stderr}`);
  }
  const keys = await server.keyCount();
  if (keys !== keyCount) {
    throw new BenchError(`Cannot load ${server.kind}: it has ${keys} keys of ${keyCount}`);
  }
}

function* chunks(count: number): Iterable<Uint8Array<ArrayBuffer>> {
  for (let first = 0; first < count; first += requestsPerChunk) {
    yield setRequests(first, Math.min(count, first + requestsPerChunk));
  }
}
