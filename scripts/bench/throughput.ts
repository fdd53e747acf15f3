/** Requests a second, latency and processor time: kv and redis-server in turn, row by row. */
import { BenchServer, type ServerKind } from "./bench_server.ts";
import { type BenchmarkRun, runBenchmark } from "./benchmark_run.ts";
import { type Goal, type Pipeline, pipelines, ratioGoal, type Test, tests } from "./goals.ts";
import { loadKeys } from "./key_loader.ts";
import type { Output } from "./output.ts";
import type { Processes } from "./processes.ts";
import { median, type RatioOfRuns, ratioOfRuns, requestsFor } from "./statistics.ts";

export interface ThroughputRow {
  readonly test: Test;
  readonly pipeline: Pipeline;
  /** Requests of each run, on either side. */
  readonly requests: number;
  /** By round; the runs of one round stand beside each other in time. */
  readonly runs: Readonly<Record<ServerKind, BenchmarkRun[]>>;
}

/** Medians over the runs of one side. */
export interface RunSummary {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly processorSecondsPerMillion: number;
}

export interface RowSummary {
  readonly test: Test;
  readonly pipeline: Pipeline;
  readonly kv: RunSummary;
  readonly redis: RunSummary;
  /** Requests a second, kv over redis-server. */
  readonly ratio: RatioOfRuns;
  readonly goal: Goal | undefined;
}

export interface ThroughputOptions {
  readonly folder: string;
  readonly kvPath: string;
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly output: Output;
}

const kinds: readonly ServerKind[] = ["kv", "redis"];
/** Long enough for the ticks of 10 ms and one sync a second, short enough for load to stay alike. */
const runSeconds = 2.1;
const quickRunSeconds = 0.5;
/** Enough for the runtime to compile what it runs often, and to tell how many a run needs. */
const trialRequests: Readonly<Record<Pipeline, number>> = { 1: 60_000, 16: 300_000, 64: 300_000 };

/** Measures every row in every round. Both servers are filled first, so that both overwrite. */
export async function measureThroughput(
  processes: Processes,
  options: ThroughputOptions,
): Promise<ThroughputRow[]> {
  const { folder, kvPath, output } = options;
  await using kv = await BenchServer.start("kv", processes, { folder, kvPath });
  await using redis = await BenchServer.start("redis", processes, { folder, kvPath });
  const servers = { kv, redis };
  for (const kind of kinds) {
    output.progress(`throughput: filling ${kind}`);
    await loadKeys(servers[kind]);
    await servers[kind].settle();
  }
  const rows = await planRows(servers, options);
  for (let round = 1; round <= options.rounds; round++) {
    for (const row of rows) {
      const { test, pipeline, requests } = row;
      for (const kind of kinds) {
        const what = `${test.toUpperCase()} P=${pipeline} on ${kind}`;
        output.progress(`throughput: round ${round} of ${options.rounds}: ${what}`);
        row.runs[kind].push(await runBenchmark(servers[kind], { test, pipeline, requests }));
      }
    }
  }
  return rows;
}

/** The rows, with no runs so far, and as many requests for each as its trial runs call for. */
async function planRows(
  servers: Readonly<Record<ServerKind, BenchServer>>,
  { isQuick, output }: ThroughputOptions,
): Promise<ThroughputRow[]> {
  const seconds = isQuick ? quickRunSeconds : runSeconds;
  const rows: ThroughputRow[] = [];
  for (const test of tests) {
    for (const pipeline of pipelines) {
      const rates: number[] = [];
      for (const kind of kinds) {
        output.progress(`throughput: trial run of ${test.toUpperCase()} P=${pipeline} on ${kind}`);
        const trial = { test, pipeline, requests: trialRequests[pipeline] };
        rates.push((await runBenchmark(servers[kind], trial)).requestsPerSecond);
      }
      const requests = requestsFor(seconds, rates);
      rows.push({ test, pipeline, requests, runs: { kv: [], redis: [] } });
    }
  }
  return rows;
}

export function summarizeRow({ test, pipeline, runs }: ThroughputRow): RowSummary {
  const rates = (kind: ServerKind) => runs[kind].map((run) => run.requestsPerSecond);
  return {
    test,
    pipeline,
    kv: summarizeRuns(runs.kv),
    redis: summarizeRuns(runs.redis),
    ratio: ratioOfRuns(rates("kv"), rates("redis")),
    goal: ratioGoal(test, pipeline),
  };
}

function summarizeRuns(runs: readonly BenchmarkRun[]): RunSummary {
  const of = (value: (run: BenchmarkRun) => number) => median(runs.map(value));
  return {
    requestsPerSecond: of((run) => run.requestsPerSecond),
    p50Ms: of((run) => run.p50Ms),
    p99Ms: of((run) => run.p99Ms),
    maxMs: of((run) => run.maxMs),
    processorSecondsPerMillion: of((run) => run.processorSeconds / run.requests * 1e6),
  };
}
