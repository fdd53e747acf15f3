/** What a row's goals say about its results. */
import { type Goal, goalText, isMet } from "./goals.ts";
import { formatFigure, metrics } from "./metrics.ts";
import { figureOf, type Results, type RowResult, valuesOf } from "./results.ts";
import { type Range, ratioOfRuns } from "./statistics.ts";
import { isOurs, type PeerName, peerTitles, type Workload } from "./workload.ts";

export interface Verdict {
  readonly goal: Goal;
  /** "p99.9 <= 1.0 x redis-server" */
  readonly goalText: string;
  /** "1.45 x", "4.6 ms" */
  readonly valueText: string;
  readonly value: number;
  /** Of the single pairs of runs. */
  readonly ofPairs: Range | undefined;
  readonly isMet: boolean;
}

/** The side of a row that is kv in one of its forms; of a row about the machine, the first. */
export function ourSide({ peers }: Workload): PeerName {
  return peers.find(isOurs) ?? peers[0];
}

/** A verdict for each goal whose figures are there; `others` has what rows compare themselves with. */
export function verdictsOf(workload: Workload, row: RowResult, others: Results): Verdict[] {
  return workload.goals.flatMap((goal) => verdictOn(goal, workload, row, others) ?? []);
}

function verdictOn(
  goal: Goal,
  workload: Workload,
  row: RowResult,
  others: Results,
): Verdict | undefined {
  const ours = row.sides[ourSide(workload)];
  const value = figureOf(ours, goal.metric);
  if (value === undefined) return undefined;
  const { title } = metrics[goal.metric];
  const { over } = goal;
  if (over === undefined) {
    const bound = formatFigure(goal.metric, goal.value);
    return {
      ...{ goal, value, ofPairs: undefined, isMet: isMet(goal, value) },
      goalText: `${title} ${goal.comparison} ${bound}`,
      valueText: formatFigure(goal.metric, value),
    };
  }
  const theirs = typeof over === "string"
    ? row.sides[over]
    : others.rows.find(({ name }) => name === over.row)?.sides[ourSide(workload)];
  const metric = goal.overMetric ?? goal.metric;
  const base = figureOf(theirs, metric);
  if (base === undefined) return undefined;
  const ratio = value / base;
  const name = typeof over === "string" ? peerTitles[over] : over.row;
  const pairs = typeof over === "string" && ours.rounds.length === theirs!.rounds.length
    ? ratioOfRuns(valuesOf(ours, goal.metric), valuesOf(theirs, metric)).ofPairs
    : undefined;
  return {
    ...{ goal, value: ratio, ofPairs: pairs, isMet: isMet(goal, ratio) },
    goalText: `${title} ${goalText(goal)} ${name}`,
    valueText: `${ratio.toFixed(2)} x`,
  };
}
