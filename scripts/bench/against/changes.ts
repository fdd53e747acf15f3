/** What changed between two checkouts, in words: only what is beyond the noise of the runs counts. */
import { formatFigure, type Metric, type MetricName, metrics } from "../metrics.ts";
import type { Output, Style } from "../output.ts";
import { figureOf, type RowResult, valuesOf } from "../results.ts";
import { printTable } from "../table.ts";
import type { Workload } from "../workload.ts";
import { estimate } from "./signed_ranks.ts";

export interface Change {
  readonly metric: MetricName;
  /** What this checkout's figures are, times the other's: the typical one, and its interval. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly direction: "better" | "worse" | "none";
  /** "faster by 3.1% (1.2 to 5.0)", "no difference beyond noise (±2.0%)" */
  readonly text: string;
}

/** Figures that are told of when checkouts are compared, where a row has them. */
const compared: readonly MetricName[] = [
  ...["rate", "setRate", "getRate", "setNs", "getNs", "processorPerMillion"] as const,
  ...["p50Ms", "p99Ms", "p999Ms", "readyMs", "wallMs", "residentBytes", "taskMs"] as const,
];

/** What changed in one figure; undefined where it was not measured in enough rounds of both. */
export function changeOf(row: RowResult, metric: MetricName): Change | undefined {
  const ours = valuesOf(row.sides.this, metric);
  const theirs = valuesOf(row.sides.other, metric);
  const isUsable = ours.length === theirs.length && ours.length > 0 &&
    [...ours, ...theirs].every((value) => value > 0);
  if (!isUsable) return undefined;
  const { value, low, high } = estimate(ours.map((each, i) => Math.log(each / theirs[i])));
  const ratios = { ratio: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
  const isMore = ratios.low > 1;
  const isLess = ratios.high < 1;
  const isBetter = metrics[metric].better === "more" ? isMore : isLess;
  const direction = !isMore && !isLess ? "none" : isBetter ? "better" : "worse";
  return { metric, ...ratios, direction, text: changeText(metrics[metric], ratios, direction) };
}

function changeText(
  { unit }: Metric,
  ratios: { readonly ratio: number; readonly low: number; readonly high: number },
  direction: Change["direction"],
): string {
  const [ratio, low, high] = [ratios.ratio, ratios.low, ratios.high].map((r) => (r - 1) * 100);
  if (direction === "none") {
    return `no difference beyond noise (±${Math.max(Math.abs(low), Math.abs(high)).toFixed(1)}%)`;
  }
  const isSpeed = unit !== "bytes";
  const word = direction === "better"
    ? isSpeed ? "faster" : "smaller"
    : isSpeed
    ? "slower"
    : "larger";
  const ends = [low, high].map(Math.abs).sort((a, b) => a - b).map((end) => end.toFixed(1));
  return `${word} by ${Math.abs(ratio).toFixed(1)}% (${ends.join(" to ")})`;
}

export function printChanges(output: Output, workload: Workload, row: RowResult): void {
  const rounds = row.sides.this.rounds.length;
  output.print();
  output.print(
    `${output.styled(workload.title, "bold")}  ` +
      output.styled(`${workload.name}, ${rounds} pairs of runs`, "faint"),
  );
  const styles: Readonly<Record<Change["direction"], Style | undefined>> = {
    better: "good",
    worse: "bad",
    none: "faint",
  };
  const changes = compared.flatMap((metric) => changeOf(row, metric) ?? []);
  printTable(
    output,
    [
      { title: "", align: "left" },
      { title: "this", align: "right" },
      { title: "other", align: "right" },
      { title: "", align: "left" },
    ],
    changes.map(({ metric, direction, text }) => [
      metrics[metric].title,
      formatFigure(metric, figureOf(row.sides.this, metric)),
      formatFigure(metric, figureOf(row.sides.other, metric)),
      { text, style: styles[direction] },
    ]),
  );
}
