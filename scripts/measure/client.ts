/** A server of one's own, and a connection that sends prepared requests and counts their replies. */
import { dirname, fromFileUrl, join } from "@std/path";
import { RawConnection } from "../../tests/support/raw_connection.ts";
import { setRequests } from "../bench/key_loader.ts";
import type { Output } from "../bench/output.ts";
import { parseInfo, type ServerInfo } from "../bench/process_facts.ts";

const kvPath = join(dirname(dirname(dirname(fromFileUrl(import.meta.url)))), "kv");
const readyLimitMs = 600_000;

/** The compiled ./kv in a folder. */
export class MeasuredServer {
  readonly folder: string;
  readonly #args: readonly string[];
  #child: Deno.ChildProcess | null = null;
  /** What it printed when it was ready. */
  readyLine = "";

  constructor(folder: string, args: readonly string[] = []) {
    this.folder = folder;
    this.#args = args;
  }

  get socket(): string {
    return join(this.folder, "kv.sock");
  }

  get store(): string {
    return join(this.folder, "store.db");
  }

  get pid(): number {
    return this.#child!.pid;
  }

  /** Resolves with the milliseconds until the server said that it is ready. */
  async start(): Promise<number> {
    const started = performance.now();
    const child = new Deno.Command(kvPath, {
      args: ["serve", "--store", this.store, "--socket", this.socket, ...this.#args],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#child = child;
    const late = setTimeout(() => child.kill("SIGKILL"), readyLimitMs);
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    clearTimeout(late);
    const ms = performance.now() - started;
    void reader.cancel();
    if (value === undefined) throw new Error("The server ended before it was ready");
    this.readyLine = new TextDecoder().decode(value).trim();
    return ms;
  }

  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    try {
      child.kill(signal);
    } catch {
      // It has ended.
    }
    await child.status;
  }

  /** Fields of INFO. */
  async info(): Promise<ServerInfo> {
    using connection = await RawConnection.open(this.socket);
    return parseInfo(await connection.exchange("INFO", "everything"));
  }
}

/** Runs with a server that has the keys from 0 to `count`, and ends it. */
export async function withLoadedServer(
  folder: string,
  count: number,
  output: Output,
  use: (server: MeasuredServer) => Promise<void>,
): Promise<void> {
  const server = new MeasuredServer(folder);
  try {
    await server.start();
    await load(
      server.socket,
      count,
      (share) => output.progress(`loading ${count} keys: ${Math.floor(share * 100)}%`),
    );
    await use(server);
  } finally {
    await server.end();
  }
}

/** Sends chunks of requests, each with `repliesOf` bytes of replies, one chunk ahead of the replies. */
export async function sendChunks(
  socket: string,
  chunks: Iterable<Uint8Array>,
  repliesOf: (chunk: Uint8Array) => number,
  goesOn: () => boolean = () => true,
): Promise<void> {
  using connection = await Deno.connect({ transport: "unix", path: socket });
  const buffer = new Uint8Array(256 * 1024);
  for (const chunk of chunks) {
    if (!goesOn()) return;
    const writing = (async () => {
      for (let at = 0; at < chunk.length;) at += await connection.write(chunk.subarray(at));
    })();
    for (let left = repliesOf(chunk); left > 0;) {
      const length = await connection.read(buffer);
      if (length === null) throw new Error("The server closed the connection");
      if (buffer[0] === 0x2d) throw new Error(new TextDecoder().decode(buffer.subarray(0, length)));
      left -= length;
    }
    await writing;
  }
}

const requestsPerChunk = 5000;
const okBytes = "+OK\r\n".length;

/** Sets the keys from 0 to `count`, as redis-benchmark names them. */
export async function load(
  socket: string,
  count: number,
  onProgress: (share: number) => void,
): Promise<void> {
  function* chunks() {
    for (let first = 0; first < count; first += requestsPerChunk) {
      yield setRequests(first, Math.min(count, first + requestsPerChunk));
      onProgress((first + requestsPerChunk) / count);
    }
  }
  const requestBytes = setRequests(0, 1).length;
  await sendChunks(socket, chunks(), (chunk) => chunk.length / requestBytes * okBytes);
}

/** Runs redis-benchmark to its end and returns the requests a second. */
export async function redisBenchmark(socket: string, args: readonly string[]): Promise<number> {
  const { stdout } = await new Deno.Command("redis-benchmark", {
    args: ["-s", socket, "-q", ...args],
    stdout: "piped",
    stderr: "null",
  }).output();
  const rates = [...new TextDecoder().decode(stdout).matchAll(/([\d.]+) requests per second/g)];
  return Number(rates.at(-1)?.[1] ?? NaN);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
