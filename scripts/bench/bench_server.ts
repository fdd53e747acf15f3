/**
 * A server under measurement, kv or redis-server, in a process of its own. Its files, its socket and
 * the tools that talk to it are in one folder, so that command lines are short and free of paths, and
 * the name of the socket is never too long.
 */
import { BenchError, exitStatus } from "./bench_error.ts";
import {
  infoKeys,
  infoNumber,
  parseInfo,
  processorSeconds,
  type ResidentMemory,
  residentMemory,
  type ServerInfo,
} from "./process_facts.ts";
import type { Processes, RunOptions, RunResult } from "./processes.ts";

export type ServerKind = "kv" | "redis";

export interface BenchServerOptions {
  readonly folder: string;
  /** The executable of kv. */
  readonly kvPath: string;
}

/** Equal durability on both sides: a log on disk, synced once a second, and no snapshots beside it. */
const serverArgs: Readonly<Record<ServerKind, readonly string[]>> = {
  kv: ["serve", "--store", "store.db", "--socket", "kv.sock", "--sync", "everysec"],
  redis: [
    ...["--port", "0", "--unixsocket", "redis.sock"],
    ...["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""],
  ],
};

/** Fields of INFO, of one server or the other, that are 0 once nothing is left to be written. */
const pendingFields = [
  "loading",
  "aof_rewrite_in_progress",
  "aof_rewrite_scheduled",
  "aof_pending_bio_fsync",
  "rdb_bgsave_in_progress",
  "store_unsynced_bytes",
];

const startLimitMs = 20_000;
const startPollMs = 20;
const settleLimitMs = 30_000;
const settlePollMs = 200;
/** Less than this between two looks is the work of an idle server that is looked at. */
const idleShareMax = 0.1;
const keptOutputCharacters = 4096;

export class BenchServer implements AsyncDisposable {
  readonly kind: ServerKind;
  readonly folder: string;
  readonly #processes: Processes;
  readonly #child: Deno.ChildProcess;
  #output = "";
  #hasEnded = false;

  private constructor(kind: ServerKind, processes: Processes, options: BenchServerOptions) {
    this.kind = kind;
    this.folder = options.folder;
    this.#processes = processes;
    const [name, path] = kind === "kv" ? ["kv", options.kvPath] : ["redis-server", undefined];
    this.#child = processes.start(name, serverArgs[kind], { folder: options.folder, path });
    this.#keep(this.#child.stdout);
    this.#keep(this.#child.stderr);
    this.#child.status.then(() => this.#hasEnded = true);
  }

  /** Starts a server and waits until it answers. */
  static async start(
    kind: ServerKind,
    processes: Processes,
    options: BenchServerOptions,
  ): Promise<BenchServer> {
    const server = new BenchServer(kind, processes, options);
    try {
      await server.#answers();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  get socket(): string {
    return `${this.kind}.sock`;
  }

  /** Runs a tool in the server's folder. */
  async run(name: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    if (this.#hasEnded) {
      throw new BenchError(`Cannot measure ${this.kind}: it ended${this.#said()}`);
    }
    return await this.#processes.run(name, args, { ...options, folder: this.folder });
  }

  async cli(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return await this.run("redis-cli", ["-s", this.socket, ...args], options);
  }

  async info(): Promise<ServerInfo> {
    return parseInfo((await this.cli(["INFO"])).stdout);
  }

  async keyCount(): Promise<number> {
    return infoKeys(await this.info());
  }

  processorSeconds(): number {
    return this.#ofProcess(processorSeconds);
  }

  residentMemory(): ResidentMemory {
    return this.#ofProcess(residentMemory);
  }

  /**
   * Waits until all is synced and the process is idle: the work that a run leaves behind (syncs,
   * compaction, redis-server's rewriting of its file) belongs to it and not to the next run.
   */
  async settle(): Promise<void> {
    const end = performance.now() + settleLimitMs;
    while (true) {
      const before = this.processorSeconds();
      const since = performance.now();
      await sleep(settlePollMs);
      const share = (this.processorSeconds() - before) / ((performance.now() - since) / 1000);
      // Asking is work too: only of a server that has come to rest.
      if (share <= idleShareMax) {
        const info = await this.info();
        if (pendingFields.every((name) => (infoNumber(info, name) ?? 0) === 0)) return;
      }
      if (performance.now() > end) {
        throw new BenchError(`Cannot measure ${this.kind}: still busy after ${settleLimitMs} ms`);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes.end(this.#child);
  }

  async #answers(): Promise<void> {
    const end = performance.now() + startLimitMs;
    while (performance.now() < end) {
      if (this.#hasEnded) break;
      try {
        const { stdout } = await this.cli(["PING"]);
        if (stdout.trim() === "PONG") return;
      } catch (error) {
        // The socket is not there yet.
        if (!(error instanceof BenchError)) throw error;
      }
      await sleep(startPollMs);
    }
    throw new BenchError(`Cannot start ${this.kind}: no answer${this.#said()}`);
  }

  /** A fact about the server's process, which has to be there. */
  #ofProcess<T>(read: (pid: number) => T): T {
    try {
      return read(this.#child.pid);
    } catch (cause) {
      const what = `Cannot measure ${this.kind}: its process has ended${this.#said()}`;
      throw new BenchError(what, exitStatus.failed, { cause });
    }
  }

  /** Reads what the server prints, so that it never waits for a reader; the end of it is kept. */
  async #keep(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const text = this.#output + decoder.decode(chunk, { stream: true });
      this.#output = text.slice(-keptOutputCharacters);
    }
  }

  /** The last line that it printed: in most cases, why it ended. */
  #said(): string {
    const line = this.#output.trim().split("\n").at(-1);
    return line ? `; it said: ${line}` : "";
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
