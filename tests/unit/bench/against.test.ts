/** What changed between two checkouts: the interval of signed ranks, and the words for it. */
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { changeOf } from "../../../scripts/bench/against/changes.ts";
import { boundRank, estimate } from "../../../scripts/bench/against/signed_ranks.ts";
import type { MetricName } from "../../../scripts/bench/metrics.ts";
import type { RowResult } from "../../../scripts/bench/results.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

Deno.test("the bounds are those of the tables of Wilcoxon's signed ranks", () => {
  // Sums of 8 or less have 25 of 1024 patterns, of 9 or less 33: two tails of 9 are more than 5%.
  assertEquals(boundRank(10).rank, 8);
  assertAlmostEquals(boundRank(10).confidence, 1 - 2 * 25 / 1024, 1e-12);
  assertEquals([6, 7, 8, 12, 20].map((count) => boundRank(count).rank), [0, 2, 3, 13, 52]);
  // Five pairs allow for 93.75% at most.
  assertEquals(boundRank(5), { rank: 0, confidence: 1 - 2 / 32 });
});

Deno.test("the estimate is the median of the means of pairs", () => {
  const { value, low, high } = estimate([1, 2, 4, 8, 16, 32]);
  // Means: 1 1.5 2 2.5 3 4 4.5 5 6 8 8.5 9 10 12 16 16.5 17 18 20 24 32
  assertEquals([value, low, high], [8.5, 1, 32]);
  assertThrows(() => estimate([]), RangeError);
});

Deno.test("one disturbed run does not move the estimate", () => {
  const calm = Array.from({ length: 12 }, (_, i) => 0.05 + (i - 6) / 1000);
  const disturbed = [...calm.slice(0, 11), 5];
  const { value, low, high } = estimate(disturbed);
  assertAlmostEquals(value, estimate(calm).value, 0.005);
  assert(low > 0 && high < 0.07);
});

Deno.test("the interval misses the truth in about one of twenty cases", () => {
  const random = new SeededRandom(1);
  // Twelve uniform numbers less six: nearly normal.
  const normal = () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += random.next() / 2 ** 32;
    return sum;
  };
  let missed = 0;
  for (let i = 0; i < 2000; i++) {
    const { low, high } = estimate(Array.from({ length: 12 }, normal));
    if (low > 0 || high < 0) missed++;
  }
  assert(missed > 50 && missed < 140, `${missed} of 2000`);
});

function rowWith(
  metric: MetricName,
  ours: readonly number[],
  theirs: readonly number[],
): RowResult {
  const side = (values: readonly number[]) => ({
    rounds: values.map((value) => ({ [metric]: value })),
  });
  return {
    ...{ name: "set-p1", measuredAt: "", isQuick: false, commandLines: [] },
    machine: {
      ...{ processor: "", cores: 2, memoryBytes: 0, kernel: "", fileSystem: "ext4" },
      ...{ loadAverage: 0, versions: {} },
    },
    sides: { this: side(ours), other: side(theirs) },
  };
}

const base = [100, 101, 99, 100, 102, 98, 100, 101];
const times = (factors: number) => base.map((value, i) => value * (factors + (i % 3 - 1) / 1000));

Deno.test("what is beyond the noise is said in plain words", () => {
  const faster = changeOf(rowWith("rate", times(1.031), base), "rate")!;
  assertEquals(faster.direction, "better");
  assertEquals(faster.text, "faster by 3.1% (3.0 to 3.1)");
  assertEquals(
    changeOf(rowWith("rate", times(0.9), base), "rate")!.text,
    "slower by 10.0% (10.0 to 10.1)",
  );
  const latency = changeOf(rowWith("p99Ms", times(0.9), base), "p99Ms")!;
  assertEquals([latency.direction, latency.text], ["better", "faster by 10.0% (10.0 to 10.1)"]);
  const memory = changeOf(rowWith("residentBytes", times(1.2), base), "residentBytes")!;
  assertEquals([memory.direction, memory.text], ["worse", "larger by 20.0% (19.9 to 20.0)"]);
});

Deno.test("what is within the noise is no difference", () => {
  const noisy = base.map((value, i) => value * (i % 2 === 0 ? 1.02 : 0.985));
  const { direction, text } = changeOf(rowWith("rate", noisy, base), "rate")!;
  assertEquals([direction, text], ["none", "no difference beyond noise (±2.0%)"]);
});

Deno.test("a figure that a side has not, or has as 0, is not compared", () => {
  assertEquals(changeOf(rowWith("rate", base, []), "rate"), undefined);
  assertEquals(changeOf(rowWith("rate", base, base.map(() => 0)), "rate"), undefined);
  assertEquals(changeOf(rowWith("rate", base, base), "p99Ms"), undefined);
});
