/**
 * Keys to fill a server with. They are named as redis-benchmark names its own with `-r`, so that its
 * requests overwrite and find what was loaded: key:000000001234.
 */
import { BenchError } from "./bench_error.ts";
import type { BenchServer } from "./bench_server.ts";
import type { Dataset } from "./workload.ts";

export const keyDigits = 12;
/** Bytes of one write to the socket, about: enough to keep both ends busy. */
const chunkBytes = 512 * 1024;
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
const letters = new TextEncoder().encode(alphabet);
const encoder = new TextEncoder();

export type Protocol = "redis" | "memcached";

/** Replies to one SET. */
export const storedReply: Readonly<Record<Protocol, string>> = {
  redis: "+OK\r\n",
  memcached: "STORED\r\n",
};

/** A SET of a key with the number 0, to be copied: where its last digit and its value are. */
export interface SetTemplate {
  readonly bytes: Uint8Array;
  readonly lastDigitAt: number;
  readonly valueAt: number;
  readonly valueBytes: number;
}

export function setTemplate(
  { prefix = "key:", valueBytes }: Pick<Dataset, "prefix" | "valueBytes">,
  protocol: Protocol = "redis",
): SetTemplate {
  const key = prefix + "0".repeat(keyDigits);
  const value = "0".repeat(valueBytes);
  const head = protocol === "redis"
    ? `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${valueBytes}\r\n`
    : `set ${key} 0 0 ${valueBytes}\r\n`;
  return {
    bytes: encoder.encode(`${head}${value}\r\n`),
    lastDigitAt: head.indexOf(key) + key.length - 1,
    valueAt: head.length,
    valueBytes,
  };
}

/** The requests that set the keys from `first` up to, and without, `end`. */
export function setRequests(
  template: SetTemplate,
  first: number,
  end: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((end - first) * template.bytes.length);
  for (let number = first, at = 0; number < end; number++, at += template.bytes.length) {
    writeSet(bytes, at, template, number);
  }
  return bytes;
}

/** Writes the SET of key `number` to `bytes` at `at`. */
export function writeSet(
  bytes: Uint8Array,
  at: number,
  template: SetTemplate,
  number: number,
): void {
  bytes.set(template.bytes, at);
  writeDigits(bytes, at + template.lastDigitAt, number);
  // A single 0 stays, as the value of a counter.
  if (template.valueBytes > 1) {
    writeValue(bytes, at + template.valueAt, template.valueBytes, number);
  }
}

/** Writes a number over the zeros that end at `lastDigitAt`. */
export function writeDigits(bytes: Uint8Array, lastDigitAt: number, number: number): void {
  for (let rest = number, i = lastDigitAt; rest > 0; i--) {
    bytes[i] = 0x30 + rest % 10;
    rest = Math.trunc(rest / 10);
  }
}

/** Of longer values, the first bytes are their own and the rest is these over and over. */
const ownValueBytesMax = 4096;

/**
 * A value that is different for each key and does not compress: redis-server compresses strings when
 * it rewrites its file, and must not gain by values that no application has.
 */
export function writeValue(bytes: Uint8Array, at: number, length: number, seed: number): void {
  let state = (seed + 1) * 0x9e3779b1 | 0 || 1;
  const own = Math.min(length, ownValueBytesMax);
  for (let i = 0; i < own; i++) {
    // Marsaglia's xorshift32; the upper bits are its better ones.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at + i] = letters[state >>> 26];
  }
  for (let done = own; done < length; done += own) {
    bytes.copyWithin(at + done, at, at + Math.min(own, length - done));
  }
}

/** Loads all keys of a dataset, and sees to it that the server has exactly these. */
export async function loadKeys(
  server: BenchServer,
  dataset: Dataset,
  onProgress: (share: number) => void,
): Promise<void> {
  const protocol = server.peer === "memcached" ? "memcached" : "redis";
  const template = setTemplate(dataset, protocol);
  const chunkKeys = Math.max(1, Math.floor(chunkBytes / template.bytes.length));
  function* chunks() {
    for (let first = 0; first < dataset.keys; first += chunkKeys) {
      const end = Math.min(dataset.keys, first + chunkKeys);
      yield { bytes: setRequests(template, first, end), requests: end - first };
      onProgress(end / dataset.keys);
    }
  }
  await sendChunks(server.socketPath, chunks(), storedReply[protocol]);
  const keys = await server.keyCount();
  if (keys !== dataset.keys) {
    throw new BenchError(`Cannot load ${server.peer}: it has ${keys} keys of ${dataset.keys}`);
  }
}

export interface Chunk {
  readonly bytes: Uint8Array;
  readonly requests: number;
}

/** Sends requests, each of which has the reply `reply`, one chunk ahead of the replies. */
export async function sendChunks(
  socket: string,
  chunks: Iterable<Chunk>,
  reply: string,
): Promise<void> {
  using connection = await Deno.connect({ transport: "unix", path: socket });
  const buffer = new Uint8Array(256 * 1024);
  for (const { bytes, requests } of chunks) {
    const writing = (async () => {
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    })();
    for (let left = requests * reply.length; left > 0;) {
      const length = await connection.read(buffer);
      if (length === null) throw new BenchError("Cannot load: the server closed the connection");
      // An error would begin at the start of a reply, and all replies before it are of one length.
      const start = left % reply.length;
      if (start === 0 && buffer[0] !== reply.charCodeAt(0)) {
        const said = new TextDecoder().decode(buffer.subarray(0, Math.min(length, 200)));
        throw new BenchError(`Cannot load: the server said ${said.trim()}`);
      }
      left -= length;
    }
    await writing;
  }
}
