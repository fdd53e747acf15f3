/**
 * What a figure of kv has to be, alone or against another's. A goal that is missed is shown; it is no
 * failure of the benchmark unless it is asked to take it for one (`--strict`).
 */
import type { MetricName } from "./metrics.ts";
import type { PeerName } from "./workload.ts";

export interface Goal {
  readonly metric: MetricName;
  readonly comparison: ">=" | "<=";
  readonly value: number;
  /** What kv's figure is divided by: another's in the same row, or kv's own in another row. */
  readonly over?: PeerName | { readonly row: string };
  /** The other's figure is this one, where it is not of the same name. */
  readonly overMetric?: MetricName;
}

export function isMet(goal: Goal, value: number): boolean {
  return goal.comparison === ">=" ? value >= goal.value : value <= goal.value;
}

/** ">= 2.0 x", of what it is over; "<= 5" of a figure by itself. */
export function goalText({ comparison, value, over }: Goal): string {
  if (over === undefined) return `${comparison} ${value}`;
  return `${comparison} ${Number.isInteger(value) ? value.toFixed(1) : value} x`;
}
