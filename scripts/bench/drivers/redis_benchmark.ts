/** redis-benchmark, the load generator for what it knows: its command line and what it prints. */
import { BenchError } from "../bench_error.ts";
import type { BenchServer } from "../bench_server.ts";
import { childrenSeconds } from "../process_facts.ts";
import type { CurvePoint, LoadResult } from "../results.ts";
import type { Dataset } from "../workload.ts";

export interface BenchmarkOptions {
  /** A test of its own (`-t`), or the words of a command. */
  readonly request: string | readonly string[];
  readonly dataset: Dataset;
  readonly pipeline: number;
  readonly connections: number;
  readonly requests: number;
}

export interface BenchmarkRun extends LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Processor time that redis-benchmark itself took, for each second of the run. */
  readonly generatorShare: number;
}

const runLimitMs = 170_000;

export function benchmarkArgs(socket: string, options: BenchmarkOptions): string[] {
  const { request, dataset: { keys, valueBytes }, pipeline, connections, requests } = options;
  const args = [
    ...["-s", socket, "-c", `${connections}`, "-r", `${keys}`, "-n", `${requests}`],
    ...["-d", `${valueBytes}`, "-P", `${pipeline}`],
  ];
  return typeof request === "string" ? [...args, "-t", request] : [...args, ...request];
}

/** The report of one test, as redis-benchmark 6.2 and later print it without `--csv` and `-q`. */
export function parseBenchmarkReport(text: string): LoadResult {
  const rate = Number(/throughput summary: ([\d.]+) requests per second/.exec(text)?.[1] ?? NaN);
  const curve: CurvePoint[] = [];
  const distribution = /Latency by percentile distribution:\n((?:[^\n]*<=[^\n]*\n)+)/.exec(text);
  for (const line of distribution?.[1].split("\n") ?? []) {
    const [, percent, ms] = /^([\d.]+)% <= ([\d.]+) milliseconds/.exec(line) ?? [];
    if (percent !== undefined) curve.push([Number(percent) / 100, Number(ms)]);
  }
  if (!Number.isFinite(rate) || curve.length === 0) {
    throw new BenchError(`Cannot read redis-benchmark's report: ${text.trim().slice(-300)}`);
  }
  const at = (share: number) => quantileOf(curve, share);
  return {
    requestsPerSecond: rate,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: at(1),
    curve,
  };
}

/** The time that `share` of the requests did not exceed: that of the next point that is listed. */
export function quantileOf(curve: readonly CurvePoint[], share: number): number {
  const point = curve.find(([listed]) => listed >= share - 1e-9) ?? curve.at(-1);
  return point?.[1] ?? NaN;
}

/** Runs redis-benchmark against `server`, in its folder. */
export async function runBenchmark(
  server: BenchServer,
  options: BenchmarkOptions,
): Promise<BenchmarkRun> {
  const before = childrenSeconds();
  const started = performance.now();
  const args = benchmarkArgs(server.socket, options);
  const { stdout, stderr } = await server.run("redis-benchmark", args, { limitMs: runLimitMs });
  const wallSeconds = (performance.now() - started) / 1000;
  if (/error/i.test(stderr) || /^Error/m.test(stdout)) {
    throw new BenchError(`Cannot measure ${server.peer}: redis-benchmark said ${stderr || stdout}`);
  }
  const report = parseBenchmarkReport(stdout.replaceAll("\r", "\n"));
  const { requests } = options;
  const seconds = requests / report.requestsPerSecond;
  const generatorShare = (childrenSeconds() - before) / wallSeconds;
  return { ...report, requests, seconds, generatorShare };
}
