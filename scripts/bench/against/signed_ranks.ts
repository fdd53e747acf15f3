/**
 * How far apart two sides are, of pairs of runs: the Hodges-Lehmann estimate with the exact interval of
 * Wilcoxon's signed ranks (Hollander and Wolfe, "Nonparametric Statistical Methods", chapter 3). It asks
 * for no distribution but that the differences lie evenly around their middle, and one disturbed run does
 * not move it.
 */
import { median } from "../statistics.ts";

export interface Estimate {
  readonly value: number;
  /** The interval that has the true value in it with `confidence`; as near to 0.95 as so few allow. */
  readonly low: number;
  readonly high: number;
  readonly confidence: number;
}

const wantedConfidence = 0.95;

/** The typical difference of pairs. */
export function estimate(differences: readonly number[]): Estimate {
  if (differences.length === 0) throw new RangeError("Cannot compare: there are no pairs");
  const means: number[] = [];
  for (const [i, a] of differences.entries()) {
    for (const b of differences.slice(i)) means.push((a + b) / 2);
  }
  means.sort((a, b) => a - b);
  const { rank, confidence } = boundRank(differences.length);
  return {
    value: median(means),
    low: means[rank],
    high: means[means.length - 1 - rank],
    confidence,
  };
}

/**
 * Which of the sorted means of pairs bounds the interval, counted from either end, 0 for the first; and how
 * sure the interval then is.
 */
export function boundRank(count: number): { readonly rank: number; readonly confidence: number } {
  // How many of the 2^count patterns of signs have each sum of positive ranks.
  const sumMax = count * (count + 1) / 2;
  const patterns = new Float64Array(sumMax + 1);
  patterns[0] = 1;
  for (let rank = 1; rank <= count; rank++) {
    for (let sum = sumMax; sum >= rank; sum--) patterns[sum] += patterns[sum - rank];
  }
  const all = 2 ** count;
  let below = 0;
  let rank = -1;
  let tail = 0;
  while (2 * (below + patterns[rank + 1]) / all <= 1 - wantedConfidence) {
    below += patterns[++rank];
    tail = below;
  }
  // With too few pairs for so much confidence, the whole range has to do.
  if (rank < 0) return { rank: 0, confidence: 1 - 2 / all };
  return { rank, confidence: 1 - 2 * tail / all };
}
