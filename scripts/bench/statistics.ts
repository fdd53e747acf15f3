/** The few statistics that are quoted: medians, because one disturbed run must not move a figure. */

/** The middle value, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export interface Range {
  readonly min: number;
  readonly max: number;
}

export function rangeOf(values: readonly number[]): Range {
  return { min: Math.min(...values), max: Math.max(...values) };
}

export interface RatioOfRuns {
  /** Median of the one side over the median of the other. */
  readonly ofMedians: number;
  /**
   * Of the runs that were neighbours in time: how far a ratio can be trusted. The two of a pair met
   * the same load, as good as that can be had on a machine that has other work too.
   */
  readonly ofPairs: Range;
}

/** How `ours` compares with `theirs`, of which the i-th runs were made one after the other. */
export function ratioOfRuns(ours: readonly number[], theirs: readonly number[]): RatioOfRuns {
  if (ours.length !== theirs.length) throw new RangeError("Cannot compare: runs without a partner");
  return {
    ofMedians: median(ours) / median(theirs),
    ofPairs: rangeOf(ours.map((value, i) => value / theirs[i])),
  };
}

/** The value that `share` of them do not exceed, 1 for the largest; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return NaN;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}
