/**
 * A server under measurement (kv, redis-server or memcached), in a process of its own. Its files, its
 * socket and the tools that talk to it are in one folder, so that command lines are short and free of
 * paths, and the name of the socket is never too long.
 */
import { join } from "@std/path";
import { BenchError, exitStatus } from "./bench_error.ts";
import {
  infoKeys,
  infoNumber,
  mainThreadWakeups,
  parsePauses,
  type Pauses,
  processorSeconds,
  type ResidentMemory,
  residentMemory,
  type ServerInfo,
  threadWakeups,
} from "./process_facts.ts";
import type { Processes, RunOptions, RunResult } from "./processes.ts";
import { askForInfo, askMemcached, exchange } from "./server_questions.ts";
import type { SyncPolicy } from "./workload.ts";

export type ServerPeer = "kv" | "redis" | "redis-rdb" | "redis-twin" | "memcached";

export interface BenchServerOptions {
  readonly folder: string;
  /** The executable of kv. */
  readonly kvPath: string;
  readonly sync: SyncPolicy;
  /** The server may have much to load. */
  readonly startLimitMs?: number;
}

interface Program {
  readonly name: string;
  readonly socket: string;
  readonly args: (sync: SyncPolicy) => readonly string[];
}

const redisWithLog: Program = {
  name: "redis-server",
  socket: "redis.sock",
  args: (sync) => [
    ...["--port", "0", "--unixsocket", "redis.sock"],
    ...["--appendonly", "yes", "--appendfsync", sync, "--save", ""],
  ],
};

/**
 * Equal durability: a log on the disk, synced as `sync` says, and no snapshots beside it. Two have none:
 * memcached keeps everything in memory only, and redis-rdb writes a snapshot when it is told to.
 */
const programs: Readonly<Record<ServerPeer, Program>> = {
  "kv": {
    name: "kv",
    socket: "kv.sock",
    args: (sync) => ["serve", "--store", "store.db", "--socket", "kv.sock", "--sync", sync],
  },
  "redis": redisWithLog,
  "redis-twin": redisWithLog,
  "redis-rdb": {
    name: "redis-server",
    socket: "redis.sock",
    args: () => ["--port", "0", "--unixsocket", "redis.sock", "--appendonly", "no", "--save", ""],
  },
  "memcached": {
    name: "memcached",
    socket: "memcached.sock",
    // It refuses to run as root unless told so.
    args: () => [
      ...["-s", "memcached.sock", "-m", "8192", "-c", "1024"],
      ...(Deno.uid() === 0 ? ["-u", "root"] : []),
    ],
  },
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
const startPollMs = 2;
const settleLimitMs = 120_000;
const settlePollMs = 100;
/** Less than this between two looks is the work of an idle server that is looked at. */
const idleShareMax = 0.1;
const keptOutputCharacters = 4096;

export class BenchServer implements AsyncDisposable {
  readonly peer: ServerPeer;
  readonly folder: string;
  readonly commandLine: string;
  /** From the start of the process until it answered. */
  readyMs = NaN;
  readonly #processes: Processes;
  readonly #child: Deno.ChildProcess;
  readonly #sync: SyncPolicy;
  #output = "";
  #hasEnded = false;

  private constructor(peer: ServerPeer, processes: Processes, options: BenchServerOptions) {
    const { folder, sync, kvPath } = options;
    this.peer = peer;
    this.folder = folder;
    this.#processes = processes;
    this.#sync = sync;
    const { name, args } = programs[peer];
    const path = peer === "kv" ? kvPath : undefined;
    const words = args(sync);
    this.commandLine = processes.lineOf(name, words);
    this.#child = processes.start(name, words, { folder, path });
    this.#keep(this.#child.stdout);
    this.#keep(this.#child.stderr);
    this.#child.status.then(() => this.#hasEnded = true);
  }

  /** Starts a server and waits until it answers. */
  static async start(
    peer: ServerPeer,
    processes: Processes,
    options: BenchServerOptions,
  ): Promise<BenchServer> {
    const started = performance.now();
    const server = new BenchServer(peer, processes, options);
    try {
      await server.#answers(started + (options.startLimitMs ?? startLimitMs));
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    server.readyMs = performance.now() - started;
    return server;
  }

  /** Its name in the server's folder. */
  get socket(): string {
    return programs[this.peer].socket;
  }

  get socketPath(): string {
    return join(this.folder, this.socket);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Runs a tool in the server's folder. */
  async run(name: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    this.#assertRuns();
    return await this.#processes.run(name, args, { ...options, folder: this.folder });
  }

  /** Asks it something, in Redis's protocol. An error reply is a BenchError. */
  async ask(...words: readonly string[]): Promise<string> {
    this.#assertRuns();
    return await exchange(this.socketPath, words);
  }

  async info(): Promise<ServerInfo> {
    this.#assertRuns();
    return await askForInfo(this.socketPath);
  }

  async keyCount(): Promise<number> {
    if (this.peer === "memcached") {
      const stats = await askMemcached(this.socketPath, "stats");
      return Number(/^STAT curr_items (\d+)/m.exec(stats)?.[1] ?? NaN);
    }
    return infoKeys(await this.info());
  }

  /** Has kv count its pauses from now on; the others have no such count. */
  async resetPauses(): Promise<void> {
    if (this.peer === "kv") await this.ask("CONFIG", "RESETSTAT");
  }

  async pauses(): Promise<Pauses | undefined> {
    return this.peer === "kv" ? parsePauses(await this.info()) : undefined;
  }

  processorSeconds(): number {
    return this.#ofProcess(processorSeconds);
  }

  residentMemory(): ResidentMemory {
    return this.#ofProcess(residentMemory);
  }

  /** How often its threads have waited for something and were woken: the main one, and all. */
  wakeups(): { readonly main: number; readonly all: number } {
    return this.#ofProcess((pid) => ({ main: mainThreadWakeups(pid), all: threadWakeups(pid) }));
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
      if (share <= idleShareMax && !await this.#hasPending()) return;
      if (performance.now() > end) {
        throw new BenchError(`Cannot measure ${this.peer}: still busy after ${settleLimitMs} ms`);
      }
    }
  }

  async #hasPending(): Promise<boolean> {
    if (this.peer === "memcached") return false;
    const info = await this.info();
    // With `no`, the kernel writes when it likes.
    const fields = this.#sync === "no"
      ? pendingFields.filter((name) => name !== "store_unsynced_bytes")
      : pendingFields;
    return fields.some((name) => (infoNumber(info, name) ?? 0) !== 0);
  }

  /** Ends it: in order, or as it is. What it has written stays. */
  async end(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#processes.end(this.#child, { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #answers(end: number): Promise<void> {
    while (performance.now() < end && !this.#hasEnded) {
      try {
        if (this.peer === "memcached") {
          await askMemcached(this.socketPath, "version");
          return;
        }
        if (await exchange(this.socketPath, ["PING"]) === "PONG") return;
      } catch (error) {
        // The socket is not there yet, or it has not loaded all.
        if (!(error instanceof BenchError)) throw error;
      }
      await sleep(startPollMs);
    }
    throw new BenchError(`Cannot start ${this.peer}: no answer${this.#said()}`);
  }

  #assertRuns(): void {
    if (this.#hasEnded) {
      throw new BenchError(`Cannot measure ${this.peer}: it ended${this.#said()}`);
    }
  }

  /** A fact about the server's process, which has to be there. */
  #ofProcess<T>(read: (pid: number) => T): T {
    try {
      return read(this.#child.pid);
    } catch (cause) {
      const what = `Cannot measure ${this.peer}: its process has ended${this.#said()}`;
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

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
