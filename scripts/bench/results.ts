/**
 * What was measured, as it is kept in docs/benchmarks/results.json: the page and the README's table are
 * made from this alone, so that they can be made again without measuring.
 */
import type { Machine } from "./machine.ts";
import { type Figures, isWorst, type MetricName } from "./metrics.ts";
import { median } from "./statistics.ts";

/** A share of the requests, and the milliseconds that they did not exceed. */
export type CurvePoint = readonly [share: number, ms: number];
/** Seconds since the start of the run, and a figure. */
export type SeriesPoint = readonly [seconds: number, value: number];

/** What a load generator tells of a run; times in milliseconds, of single requests as clients see them. */
export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly curve: readonly CurvePoint[];
}

/** One run of one side. */
export interface Sample {
  readonly figures: Figures;
  /** The distribution of latencies. */
  readonly curve?: readonly CurvePoint[];
  /** What changed over time, by its title. */
  readonly series?: Readonly<Record<string, readonly SeriesPoint[]>>;
}

export interface SideResult {
  /** By round. */
  readonly rounds: readonly Figures[];
  /** Of the round whose main figure is the median. */
  readonly curve?: readonly CurvePoint[];
  readonly series?: Readonly<Record<string, readonly SeriesPoint[]>>;
}

export interface RowResult {
  /** The row of the table of workloads. */
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly measuredAt: string;
  /** Quick runs are short and of few keys: they are not kept. */
  readonly isQuick: boolean;
  readonly machine: Machine;
  /** By peer (or by checkout, when two are compared). */
  readonly sides: Readonly<Record<string, SideResult>>;
  /** Each command line, once. */
  readonly commandLines: readonly string[];
}

export interface Results {
  readonly version: 1;
  readonly rows: readonly RowResult[];
}

export const noResults: Results = { version: 1, rows: [] };

/**
 * One figure of all rounds of a side: the median, or of what tells the worst of a round, the worst of all
 * rounds. Undefined where it was not measured.
 */
export function figureOf(side: SideResult | undefined, metric: MetricName): number | undefined {
  const values = valuesOf(side, metric);
  if (values.length === 0) return undefined;
  return isWorst(metric) ? Math.max(...values) : median(values);
}

/** One figure of each round. */
export function valuesOf(side: SideResult | undefined, metric: MetricName): number[] {
  const values = side?.rounds.map((figures) => figures[metric]) ?? [];
  return values.filter((value): value is number => value !== undefined && Number.isFinite(value));
}

/** What a side's samples are kept as. `main` is the metric by which the typical round is chosen. */
export function sideResult(samples: readonly Sample[], main: MetricName): SideResult {
  const { curve, series } = typical(samples, main);
  return {
    rounds: samples.map(({ figures }) => figures),
    ...(curve && { curve }),
    ...(series && { series }),
  };
}

function typical(samples: readonly Sample[], main: MetricName): Sample {
  const sorted = samples.toSorted((a, b) => (a.figures[main] ?? 0) - (b.figures[main] ?? 0));
  return sorted[(sorted.length - 1) >> 1];
}

/** `older` with the rows of `newer` in the place of those of the same names; in the order of `names`. */
export function merge(
  older: Results,
  newer: readonly RowResult[],
  names: readonly string[],
): Results {
  const rows = new Map(older.rows.map((row) => [row.name, row]));
  for (const row of newer) rows.set(row.name, row);
  const place = new Map(names.map((name, i) => [name, i]));
  return {
    version: 1,
    // What is no row of the table any more is dropped.
    rows: [...rows.values()].filter(({ name }) => place.has(name))
      .sort((a, b) => place.get(a.name)! - place.get(b.name)!),
  };
}

/** The results in a file; none when there is no such file. */
export async function readResults(path: string): Promise<Results> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return noResults;
    throw error;
  }
  return JSON.parse(text);
}

/** As text, a row in each line, so that changes can be seen. */
export function resultsText({ version, rows }: Results): string {
  const lines = rows.map((row) => JSON.stringify(row, roundedNumbers));
  return `{"version":${version},"rows":[\n${lines.join(",\n")}\n]}\n`;
}

/** Five digits: more is noise, and makes the file long. */
function roundedNumbers(_: string, value: unknown): unknown {
  if (typeof value !== "number" || Number.isInteger(value)) return value;
  return Number(value.toPrecision(5));
}
