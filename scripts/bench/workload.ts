/** What a row of the table of workloads says. */
import type { Goal } from "./goals.ts";
import type { Mix } from "./load/mixes.ts";
import type { MetricName } from "./metrics.ts";

/** Who can be measured. The first five are servers of their own; the rest run in one process. */
export type PeerName =
  | "kv"
  | "redis"
  | "redis-rdb"
  | "redis-twin"
  | "memcached"
  | "store"
  | "reader"
  | "lmdb"
  | "deno-kv"
  | "sqlite"
  | "program"
  | "clock";

/** What each of them is, for people. */
export const peerTitles: Readonly<Record<PeerName, string>> = {
  "kv": "kv",
  "redis": "redis-server",
  "redis-rdb": "redis-server, snapshot",
  "redis-twin": "another redis-server",
  "memcached": "memcached",
  "store": "kv's Store",
  "reader": "kv's KeyValueReader",
  "lmdb": "npm:lmdb",
  "deno-kv": "Deno.openKv",
  "sqlite": "node:sqlite",
  "program": "a program that prints a line",
  "clock": "programs that look at the clock",
};

/** Whether a peer is kv in one of its forms: the side that goals are about. */
export function isOurs(peer: PeerName): boolean {
  return peer === "kv" || peer === "store" || peer === "reader";
}

export type SyncPolicy = "always" | "everysec" | "no";

/** Keys that a server is filled with before it is measured, as redis-benchmark names them. */
export interface Dataset {
  readonly keys: number;
  readonly valueBytes: number;
  /** Keys are `key:` (or `counter:`) and 12 digits; counters have the value 0. */
  readonly prefix?: "key:" | "counter:";
  /** A name of its own keeps its servers apart from those of rows whose keys are the same. */
  readonly label?: string;
}

/** How much longer runs of writes are. */
export const writingFactor = 1.7;

/** Requests by redis-benchmark. */
export interface RequestsRun {
  readonly kind: "requests";
  readonly dataset: Dataset;
  readonly sync: SyncPolicy;
  /** A test of redis-benchmark's (`-t`), or the words of a command, with `__rand_int__` in its keys. */
  readonly request: string | readonly string[];
  readonly pipeline: number;
  readonly connections: number;
  /**
   * Writes leave work behind that comes in bursts: syncs, compaction, redis-server's rewriting of its log.
   * Their runs are longer, so that each has its part of that, and no median passes over it.
   */
  readonly isWriting: boolean;
  /** The requests take keys away: all are there again before each run, of at most so many requests. */
  readonly refill?: { readonly requestsMax: number };
}

/** Requests by our own generator: mixes, skewed keys, other protocols. */
export interface MixRun {
  readonly kind: "mix";
  readonly dataset: Dataset;
  readonly sync: SyncPolicy;
  readonly mix: Mix;
  readonly distribution: "uniform" | "zipfian";
  readonly pipeline: number;
  readonly connections: number;
}

/** `get-many` reads a hundred keys in one call where a store can, and one by one elsewhere. */
export type EmbeddedOperation = "get" | "get-many" | "set";

/** Calls in processes of their own. */
export interface EmbeddedRun {
  readonly kind: "embedded";
  readonly dataset: Dataset;
  readonly operation: EmbeddedOperation;
  /**
   * There is a kv server with the same keys, and on each side's turn it rests, or sets them at full speed: a
   * reader reads that server's store, and the others have as much of the machine as it has.
   */
  readonly besideServer?: "resting" | "writing";
  /** So many processes at once; one unless given. */
  readonly processes?: number;
}

/** SETs by redis-benchmark while the server does something large, again and again. */
export interface UnderLoadRun {
  readonly kind: "under-load";
  readonly dataset: Dataset;
  readonly task: "backup" | "compaction" | "nothing";
}

export type Run =
  | RequestsRun
  | MixRun
  | EmbeddedRun
  | UnderLoadRun
  | { readonly kind: "footprint"; readonly dataset: Dataset }
  | { readonly kind: "growth"; readonly dataset: Dataset }
  | { readonly kind: "overwriting"; readonly dataset: Dataset; readonly times: number }
  | { readonly kind: "shrinking"; readonly dataset: Dataset }
  | { readonly kind: "restart"; readonly dataset: Dataset; readonly after: RestartCause }
  | { readonly kind: "expiry"; readonly keys: number }
  | { readonly kind: "larger"; readonly dataset: Dataset }
  | { readonly kind: "start-up"; readonly times: number }
  | { readonly kind: "ready" }
  | { readonly kind: "idle"; readonly seconds: number }
  | { readonly kind: "standstill"; readonly seconds: number };

export type RestartCause = "stop" | "kill" | "lost index";

export type Group =
  | "speed"
  | "cost"
  | "restart"
  | "growth"
  | "values"
  | "connections"
  | "sync"
  | "keys"
  | "ycsb"
  | "load"
  | "expiry"
  | "larger"
  | "embedded"
  | "reader";

/** How long one side of a row takes, about, in seconds. */
export interface RowSeconds {
  readonly before: number;
  /** Each round, without its runs of requests. */
  readonly round: number;
  /** How many runs of requests a round has, of the length that `--seconds` says; none unless given. */
  readonly runs?: number;
}

export interface Workload {
  /** What it is called on the command line. */
  readonly name: string;
  readonly group: Group;
  readonly title: string;
  /** One sentence: what is done, and what is told. */
  readonly description: string;
  /** Who has the operation, ours first. */
  readonly peers: readonly PeerName[];
  readonly goals: readonly Goal[];
  /** The figures that are shown, the main one first. */
  readonly shows: readonly MetricName[];
  readonly run: Run;
  /** For what takes minutes or has little spread: no more rounds than these. */
  readonly roundsMax?: number;
  readonly seconds: RowSeconds;
}
