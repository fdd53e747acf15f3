/**
 * All that can be measured, in one table. `deno task bench --list` shows it, and
 * `deno task bench NAME ...` measures rows of it, by their names or those of their groups.
 */
import type { Goal } from "./goals.ts";
import { type Mix, mixes } from "./load/mixes.ts";
import type { MetricName } from "./metrics.ts";
import {
  type Dataset,
  type Group,
  type PeerName,
  type RequestsRun,
  type RestartCause,
  type SyncPolicy,
  type Workload,
  writingFactor,
} from "./workload.ts";

const thousand = 1000;
const million = 1_000_000;
const kibibyte = 1024;

const small: Dataset = { keys: million, valueBytes: 32 };
const tenMillion: Dataset = { keys: 10 * million, valueBytes: 32 };
const kibibytes: Dataset = { keys: million, valueBytes: kibibyte };
/** YCSB's records: ten fields of 100 bytes, here in one value. */
const ycsbRecords: Dataset = { keys: million, valueBytes: 1000 };

/** Until a server has come to rest behind a run: of reads, of writes, of writes of long values. */
const restSeconds = { reads: 0.3, writes: 1.2, longWrites: 10 };
const loadSecondsPerMillion = 1.3;

const depths = [1, 16, 64] as const;
type Depth = typeof depths[number];

/** No event loop may be held up for longer: the promise that all rows of requests are held to. */
const pauseGoal: Goal = { metric: "pauseMs", comparison: "<=", value: 5 };
const p999Goal: Goal = { metric: "p999Ms", comparison: "<=", value: 1, over: "redis" };
const requestShows: readonly MetricName[] = [
  ...["rate", "p50Ms", "p99Ms", "p999Ms", "processorPerMillion", "pauseMs", "ownPauseMs"] as const,
  ...["residentBytes", "generatorShare"] as const,
];

interface RequestRow {
  readonly name: string;
  readonly title: string;
  readonly request: string | readonly string[];
  readonly dataset?: Dataset;
  readonly sync?: SyncPolicy;
  readonly connections?: number;
  readonly pipeline: number;
  readonly refill?: RequestsRun["refill"];
  readonly group?: Group;
  /** Requests a second, over redis-server's. */
  readonly goal?: number;
}

const readingRequests: ReadonlySet<string> = new Set(["get", "EXISTS", "MGET"]);

function requestRow(row: RequestRow): Workload {
  const { name, title, request, pipeline, refill, goal } = row;
  const { dataset = small, sync = "everysec", connections = 50, group = "speed" } = row;
  const isWriting = !readingRequests.has(typeof request === "string" ? request : request[0]);
  const rest = !isWriting ? "reads" : dataset.valueBytes < kibibyte ? "writes" : "longWrites";
  const speedGoals: Goal[] = goal === undefined
    ? []
    : [{ metric: "rate", comparison: ">=", value: goal, over: "redis" }, p999Goal];
  return {
    name,
    group,
    title: `${title}, P=${pipeline}`,
    description: `redis-benchmark, ${connections} connections, ${pipeline} requests in a ` +
      `pipeline, ${describe(dataset)}, sync ${sync}`,
    peers: ["kv", "redis"],
    goals: [...speedGoals, pauseGoal],
    shows: requestShows,
    run: { kind: "requests", dataset, sync, request, pipeline, connections, isWriting, refill },
    seconds: {
      round: restSeconds[rest] + (refill ? 1.5 : 0),
      runs: isWriting ? writingFactor : 1,
      before: 1 + dataset.keys / million * loadSecondsPerMillion / (dataset === small ? 20 : 3),
    },
  };
}

/** "1,000,000 keys, values of 32 bytes" */
function describe({ keys, valueBytes }: Dataset): string {
  return `${keys.toLocaleString("en-US")} keys, values of ${valueBytes} bytes`;
}

/** A row for each depth of pipeline. `goals` has kv over redis-server by depth; none: no goal. */
function byDepth(
  row: Omit<RequestRow, "pipeline" | "goal">,
  goals: Readonly<Partial<Record<Depth, number>>>,
): Workload[] {
  return depths.filter((depth) => goals[depth] !== undefined).map((pipeline) =>
    requestRow({ ...row, name: `${row.name}-p${pipeline}`, pipeline, goal: goals[pipeline] })
  );
}

const key = "key:__rand_int__";
const value32 = "x".repeat(32);
const tenTimes = (...words: string[]) => Array.from({ length: 10 }, () => words).flat();
const counters: Dataset = { keys: million, valueBytes: 1, prefix: "counter:" };
/** Apart from others: what has a deadline goes away. */
const volatile: Dataset = { ...small, label: "volatile" };
const other = { 1: 1, 16: 1.5, 64: 1.5 };

const speed: readonly Workload[] = [
  ...byDepth({ name: "set", title: "SET", request: "set" }, { 1: 1, 16: 2, 64: 2.5 }),
  ...byDepth({ name: "get", title: "GET", request: "get" }, { 1: 1.05, 16: 1.5, 64: 2 }),
  ...byDepth({ name: "exists", title: "EXISTS", request: ["EXISTS", key] }, other),
  ...byDepth({ name: "mset", title: "MSET, 10 keys", request: "mset" }, other),
  ...byDepth({ name: "mget", title: "MGET, 10 keys", request: ["MGET", ...tenTimes(key)] }, other),
  ...byDepth(
    {
      ...{ name: "del", title: "DEL", request: ["DEL", key] },
      refill: { requestsMax: million },
    },
    other,
  ),
  ...byDepth(
    {
      name: "setex",
      title: "SET with EX",
      request: ["SET", key, value32, "EX", "100"],
      dataset: volatile,
    },
    other,
  ),
  ...byDepth({ name: "incr", title: "INCR", request: "incr", dataset: counters }, other),
  ...byDepth({ name: "set-1k", title: "SET, 1 KiB", request: "set", dataset: kibibytes }, other),
  ...byDepth({ name: "get-1k", title: "GET, 1 KiB", request: "get", dataset: kibibytes }, other),
  ...byDepth(
    { name: "set-always", title: "SET, always", request: "set", sync: "always" },
    { 1: 1.5, 16: 2 },
  ),
  ...byDepth(
    { name: "get-10m", title: "GET, 10M keys", request: "get", dataset: tenMillion },
    { 1: 1, 16: 1.7, 64: 2 },
  ),
];

const cost: readonly Workload[] = [{
  name: "footprint",
  group: "cost",
  title: "Memory and files, 10M keys",
  description: `${describe(tenMillion)}, loaded once: memory and files for each key`,
  peers: ["kv", "redis"],
  goals: [
    { metric: "indexPerKey", comparison: "<=", value: 17 },
    { metric: "memoryPerKey", comparison: "<=", value: 0.75, over: "redis" },
  ],
  shows: [
    ...["memoryPerKey", "residentPerKey", "indexPerKey", "filePerKey"] as const,
    ...["residentBytes", "ownBytes", "fileBytes", "loadSeconds"] as const,
  ],
  run: { kind: "footprint", dataset: tenMillion },
  roundsMax: 1,
  seconds: { round: 0, before: 15 },
}, {
  name: "overwriting",
  group: "cost",
  title: "File size while 1M keys are overwritten 20 times",
  description: "redis-benchmark overwrites in random order: the file against what is live in it",
  peers: ["kv"],
  goals: [
    { metric: "fileRatio", comparison: "<=", value: 2 },
    { metric: "fileRatioMax", comparison: "<=", value: 2 },
    pauseGoal,
  ],
  shows: ["fileRatio", "fileRatioMax", "rate", "pauseMs", "ownPauseMs", "fileBytes"],
  run: { kind: "overwriting", dataset: { ...small, label: "overwriting" }, times: 20 },
  roundsMax: 1,
  seconds: { round: 25, before: 2 },
}, {
  name: "start-up",
  group: "cost",
  title: "`kv get foo` against a program that prints a line",
  description: "wall time of a process, medians of 10 starts in each round",
  peers: ["kv", "program"],
  goals: [{ metric: "wallMs", comparison: "<=", value: 1.3, over: "program" }],
  shows: ["wallMs"],
  run: { kind: "start-up", times: 10 },
  seconds: { round: 0.4, before: 3 },
}, {
  name: "ready",
  group: "cost",
  title: "`kv serve` with an empty store",
  description: "from the start of the process until it answers a PING; memory 200 ms later",
  peers: ["kv", "redis"],
  goals: [
    { metric: "readyMs", comparison: "<=", value: 100 },
    { metric: "residentBytes", comparison: "<=", value: 90e6 },
  ],
  shows: ["readyMs", "residentBytes", "ownBytes"],
  run: { kind: "ready" },
  seconds: { round: 0.5, before: 0 },
}, {
  name: "idle",
  group: "cost",
  title: "An idle server",
  description: "how often its threads wake up in 5 s: a key with a deadline, a client connected",
  peers: ["kv", "redis"],
  goals: [{ metric: "wakeupsInAll", comparison: "<=", value: 10 }],
  shows: ["wakeupsInAll", "wakeups"],
  run: { kind: "idle", seconds: 5 },
  roundsMax: 1,
  seconds: { round: 8, before: 1 },
}];

function restartRow(
  name: string,
  title: string,
  after: RestartCause,
  goals: readonly Goal[],
  peers: readonly PeerName[],
): Workload {
  return {
    name,
    group: "restart",
    title: `${title}, 10M keys`,
    description: "from the start of the process until it answers",
    peers,
    goals,
    shows: ["readyMs"],
    run: { kind: "restart", dataset: { ...tenMillion, label: "restart" }, after },
    seconds: { round: after === "stop" ? 1 : 5, before: 15 },
  };
}

const soon: Goal = { metric: "readyMs", comparison: "<=", value: 100 };
const restart: readonly Workload[] = [
  restartRow("restart-stop", "Ready after a stop", "stop", [soon], ["kv"]),
  restartRow("restart-kill", "Ready after kill -9 under load", "kill", [soon], ["kv"]),
  restartRow(
    "rebuild",
    "Ready without the index, or from a log or a snapshot",
    "lost index",
    [
      { metric: "readyMs", comparison: "<=", value: 5000 },
      { metric: "readyMs", comparison: "<=", value: 1, over: "redis" },
      { metric: "readyMs", comparison: "<=", value: 1, over: "redis-rdb" },
    ],
    ["kv", "redis", "redis-rdb"],
  ),
];

const growthSizes = {
  "100k": 100 * thousand,
  "1m": million,
  "10m": 10 * million,
  "50m": 50 * million,
};
const growthOver = (metric: MetricName): Goal => (
  { metric, comparison: "<=", value: 3, over: { row: "growth-100k" } }
);
const growth = Object.entries(growthSizes).map(([size, keys]): Workload => ({
  name: `growth-${size}`,
  group: "growth",
  title: `Growth, ${size.toUpperCase().replace("K", "k")} keys`,
  description: "redis-benchmark -P 16 over all keys: processor time of the server for each request",
  peers: keys <= 10 * million ? ["kv", "redis"] : ["kv"],
  goals: size === "50m" ? [growthOver("setNs"), growthOver("getNs")] : [],
  shows: ["setNs", "getNs", "setRate", "getRate", "indexPerKey", "filePerKey", "ownBytes"],
  run: { kind: "growth", dataset: { keys, valueBytes: 32, label: "growth" } },
  seconds: { round: 5, before: 1 + keys / million * loadSecondsPerMillion },
}));

const valueRows = [
  { name: "64k", title: "64 KiB", keys: 5000, bytes: 64 * kibibyte },
  { name: "1m", title: "1 MiB", keys: 200, bytes: 1024 * kibibyte },
].flatMap(({ name, title, keys, bytes }) =>
  ["set", "get"].map((request) =>
    requestRow({
      ...{ name: `${request}-${name}`, title: `${request.toUpperCase()}, ${title}`, request },
      ...{ pipeline: 1, dataset: { keys, valueBytes: bytes }, group: "values" },
    })
  )
);

const connectionRows = [1, 500].flatMap((connections) =>
  ["set", "get"].map((request) =>
    requestRow({
      name: `${request}-c${connections}`,
      title: `${request.toUpperCase()}, ${connections} ${connections === 1 ? "client" : "clients"}`,
      ...{ request, connections, pipeline: 1, group: "connections" },
    })
  )
);

const syncRows = [1, 16].map((pipeline) =>
  requestRow({
    ...{ name: `set-no-p${pipeline}`, title: "SET, no syncs", request: "set", sync: "no" },
    ...{ pipeline, group: "sync" },
  })
);

interface MixRow {
  readonly name: string;
  readonly group: Group;
  readonly title: string;
  readonly mix: Mix;
  readonly distribution: "uniform" | "zipfian";
  readonly dataset: Dataset;
  readonly pipeline: number;
}

function mixRow({ name, group, title, mix, distribution, dataset, pipeline }: MixRow): Workload {
  return {
    name,
    group,
    title: `${title}, P=${pipeline}`,
    description: `our generator, 50 connections, ${describe(dataset)}, ${distribution} keys; ` +
      "memcached keeps nothing on a disk",
    peers: ["kv", "redis", "memcached"],
    goals: [pauseGoal],
    shows: requestShows,
    run: { kind: "mix", dataset, sync: "everysec", mix, distribution, pipeline, connections: 50 },
    seconds: { round: restSeconds.writes, runs: 1, before: 2 },
  };
}

const keyRows = (["uniform", "zipfian"] as const).flatMap((distribution) =>
  (["get", "set"] as const).map((request) =>
    mixRow({
      ...{ name: `${request}-${distribution}`, group: "keys", distribution },
      title: `${request.toUpperCase()}, ${distribution} keys`,
      ...{ mix: mixes[request], dataset: small, pipeline: 16 },
    })
  )
);

const ycsbTitles = {
  A: "half reads, half writes",
  B: "95% reads",
  C: "reads only",
  F: "half reads, half read-modify-writes",
} as const;
const ycsb = [1, 16].flatMap((pipeline) =>
  (["A", "B", "C", "F"] as const).map((letter) =>
    mixRow({
      ...{ name: `ycsb-${letter.toLowerCase()}-p${pipeline}`, group: "ycsb" },
      title: `YCSB ${letter}: ${ycsbTitles[letter]}`,
      ...{ mix: mixes[`ycsb${letter}`], distribution: "zipfian", dataset: ycsbRecords, pipeline },
    })
  )
);

const underLoad = ([
  ["pauses", "nothing", "SET over 1M keys: pauses over time"],
  ["backup", "backup", "SET while a backup is made"],
  ["compaction", "compaction", "SET while the file is compacted as a whole"],
] as const).map(([name, task, title]): Workload => ({
  name,
  group: "load",
  title,
  description: "redis-benchmark -P 16, and a client that asks all the time and tells how long it " +
    "waited; redis-server does BGSAVE or BGREWRITEAOF",
  peers: ["kv", "redis"],
  goals: [pauseGoal],
  shows: [
    "rate",
    "p50Ms",
    "p99Ms",
    "p999Ms",
    "maxMs",
    "pauseMs",
    "ownPauseMs",
    "pausesAbove5",
    "taskMs",
  ],
  run: { kind: "under-load", dataset: { ...small, label: "load" }, task },
  seconds: { round: 10, before: 1 },
}));

const standstill: Workload = {
  name: "standstill",
  group: "load",
  title: "The machine by itself: how long it stands still",
  description:
    "a program on each processor that looks at the clock, while dd writes to the disk: the longest time in " +
    "which one of them did not come to it; no pause of a server can be told from these",
  peers: ["clock"],
  goals: [],
  shows: ["maxMs", "pausesAbove5", "stillShare"],
  run: { kind: "standstill", seconds: 3 },
  seconds: { round: 3.5, before: 0 },
};

/** What a ratio means that is near to one: here, both sides are the same. */
const equals: readonly Workload[] = [
  requestRow({ name: "equals-set", title: "Two equal servers: SET", request: "set", pipeline: 1 }),
  requestRow({ name: "equals-get", title: "Two equal servers: GET", request: "get", pipeline: 1 }),
  requestRow({
    ...{ name: "equals-set-always", title: "Two equal servers: SET, always", request: "set" },
    ...{ sync: "always", pipeline: 1 },
  }),
].map((row) => ({
  ...row,
  group: "load",
  peers: ["redis", "redis-twin"],
  goals: [],
  shows: ["rate", "p50Ms", "p99Ms", "p999Ms"],
}));

const shrinking: Workload = {
  name: "shrinking",
  group: "load",
  title: "File size after 90% of 1M keys were deleted",
  description:
    "how long until the file is at most twice what is live, for good, and what it ends at",
  peers: ["kv"],
  goals: [{ metric: "fileRatio", comparison: "<=", value: 2 }, pauseGoal],
  shows: ["fileRatio", "taskMs", "pauseMs", "ownPauseMs", "fileBytes"],
  run: { kind: "shrinking", dataset: { ...small, label: "shrinking" } },
  roundsMax: 1,
  seconds: { round: 45, before: 3 },
};

const expiry: Workload = {
  name: "expiry",
  group: "expiry",
  title: "1M keys that expire within a minute, under load",
  description:
    "how late keys are removed, by the server's own record, while redis-benchmark sets others",
  peers: ["kv"],
  goals: [{ metric: "lateP99Ms", comparison: "<=", value: 10 }, pauseGoal],
  shows: ["lateP50Ms", "lateP99Ms", "lateMaxMs", "rate", "pauseMs", "ownPauseMs", "pausesAbove5"],
  run: { kind: "expiry", keys: million },
  roundsMax: 1,
  seconds: { round: 75, before: 0 },
};

const larger: Workload = {
  name: "larger",
  group: "larger",
  title: "2M values of 1 KiB, with memory for a quarter of them",
  description: "random SETs, then random GETs and SETs at P=16, in a control group (needs root)",
  peers: ["kv"],
  goals: [],
  shows: ["getRate", "setRate", "loadSeconds", "fileRatio", "pauseMs", "ownPauseMs"],
  run: { kind: "larger", dataset: { keys: 2 * million, valueBytes: kibibyte, label: "larger" } },
  roundsMax: 1,
  seconds: { round: 90, before: 0 },
};

const embeddedPeers: readonly PeerName[] = ["store", "lmdb", "sqlite", "deno-kv"];
const embedded = ([
  [
    "get",
    "Reads in the process, 1M keys",
    "random gets of 32 bytes in a loop; lmdb by getBinaryFast",
  ],
  [
    "set",
    "Writes in the process, 1M keys",
    "random overwrites of 32 bytes in batches of 1000, each on the disk before the next",
  ],
] as const).map(([operation, title, description]): Workload => ({
  name: `embedded-${operation}`,
  group: "embedded",
  title,
  description: `${description}; each store in a process of its own`,
  peers: embeddedPeers,
  goals: [],
  shows: ["rate", "ownBytes", "fileBytes"],
  run: { kind: "embedded", dataset: small, operation },
  seconds: { round: 1.2, before: 8 },
}));

/** Other processes read the files of a server. */
const readers = ([
  ["reader-get", "nobody writes", "get", "resting", 1],
  ["reader-get-writes", "while the server writes", "get", "writing", 1],
  ["reader-get-many", "100 keys in a call", "get-many", "resting", 1],
  ["reader-get-2", "two processes", "get", "resting", 2],
  ["reader-get-4", "four processes", "get", "resting", 4],
] as const).map(([name, what, operation, besideServer, processes]): Workload => ({
  name,
  group: "reader",
  title: `Reads through shared memory, 1M keys, ${what}`,
  description: `random ${operation === "get" ? "getInto" : "getMany"} of 32 bytes, ` +
    (besideServer === "writing" ? "beside redis-benchmark -P 16 -t set; " : "server at rest; ") +
    "lmdb by getBinaryFast, beside the same",
  peers: ["reader", "lmdb"],
  goals: [
    { metric: "rate", comparison: ">=", value: 2e6 },
    { metric: "rate", comparison: ">=", value: 1.5, over: "lmdb" },
  ],
  shows: ["rate", "ownBytes"],
  run: { kind: "embedded", dataset: small, operation, besideServer, processes },
  seconds: { round: 0.5, runs: 1, before: 8 * processes },
}));

export const workloads: readonly Workload[] = [
  ...speed,
  ...cost,
  ...restart,
  ...growth,
  ...valueRows,
  ...connectionRows,
  ...syncRows,
  ...keyRows,
  ...ycsb,
  ...underLoad,
  standstill,
  ...equals,
  shrinking,
  expiry,
  larger,
  ...embedded,
  ...readers,
];

/** What is measured when nothing is named: the rows of the speed and cost targets. */
export const defaultGroups: readonly Group[] = ["speed", "cost"];
