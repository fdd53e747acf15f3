/** One run of redis-benchmark, the client on both sides of the comparison. */
import { BenchError } from "./bench_error.ts";
import type { BenchServer } from "./bench_server.ts";
import type { Pipeline, Test } from "./goals.ts";
import { keyCount, valueBytes } from "./key_loader.ts";

/** What redis-benchmark reports; times in milliseconds, of single requests as the client sees them. */
export interface BenchmarkRow {
  readonly test: string;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface BenchmarkRun extends BenchmarkRow {
  readonly requests: number;
  /** The server's, all threads, for the whole run and until it had come to rest. */
  readonly processorSeconds: number;
}

const connections = 50;
const runLimitMs = 120_000;

/** The rows of `redis-benchmark --csv`, columns found by their titles. */
export function parseBenchmarkCsv(text: string): BenchmarkRow[] {
  const lines = text.split(/[\r\n]+/).filter((line) => line.startsWith('"')).map(fieldsOf);
  const [titles, ...rows] = lines;
  const column = (title: string) => {
    const i = titles?.indexOf(title) ?? -1;
    if (i < 0) throw new BenchError(`Cannot read redis-benchmark's table: no column ${title}`);
    return i;
  };
  const columns = {
    test: column("test"),
    requestsPerSecond: column("rps"),
    p50Ms: column("p50_latency_ms"),
    p99Ms: column("p99_latency_ms"),
    maxMs: column("max_latency_ms"),
  };
  return rows.map((row) => {
    const number = (i: number) => {
      const value = Number(row[i] || NaN);
      if (Number.isFinite(value)) return value;
      throw new BenchError(`Cannot read redis-benchmark's table: ${row.join(",")}`);
    };
    return {
      test: row[columns.test],
      requestsPerSecond: number(columns.requestsPerSecond),
      p50Ms: number(columns.p50Ms),
      p99Ms: number(columns.p99Ms),
      maxMs: number(columns.maxMs),
    };
  });
}

/** Every field is in quotes, and none has a quote in it: names of tests may have commas. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"/g)].map((match) => match[1]);
}

export interface BenchmarkRunOptions {
  readonly test: Test;
  readonly pipeline: Pipeline;
  readonly requests: number;
}

export function benchmarkArgs(socket: string, options: BenchmarkRunOptions): string[] {
  const { test, pipeline, requests } = options;
  return [
    ...["-s", socket, "-c", `${connections}`, "-r", `${keyCount}`, "-n", `${requests}`],
    ...["-d", `${valueBytes}`, "-P", `${pipeline}`, "-t", test, "--csv"],
  ];
}

/** Runs redis-benchmark against `server`, and waits until that has come to rest again. */
export async function runBenchmark(
  server: BenchServer,
  options: BenchmarkRunOptions,
): Promise<BenchmarkRun> {
  const args = benchmarkArgs(server.socket, options);
  const before = server.processorSeconds();
  const { stdout, stderr } = await server.run("redis-benchmark", args, { limitMs: runLimitMs });
  const row = parseBenchmarkCsv(stdout).find(({ test }) => test.toLowerCase() === options.test);
  if (row === undefined || /error/i.test(stderr)) {
    throw new BenchError(`Cannot measure ${server.kind}: redis-benchmark said ${stdout}${stderr}`);
  }
  await server.settle();
  const processorSeconds = server.processorSeconds() - before;
  return { ...row, requests: options.requests, processorSeconds };
}
