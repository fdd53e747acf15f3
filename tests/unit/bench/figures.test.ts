/** What the benchmark makes of its numbers: medians, ratios, goals, tables; and the keys it loads. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { BenchmarkRun } from "../../../scripts/bench/benchmark_run.ts";
import { goalText, indexBytesPerKeyGoal, isMet, ratioGoal } from "../../../scripts/bench/goals.ts";
import { keyBytes, setRequests, valueBytes } from "../../../scripts/bench/key_loader.ts";
import { median, rangeOf, ratioOfRuns, requestsFor } from "../../../scripts/bench/statistics.ts";
import { mebibytes, tableLines, thousands } from "../../../scripts/bench/table.ts";
import { summarizeRow } from "../../../scripts/bench/throughput.ts";

Deno.test("the median is the middle value, or the mean of the two in the middle", () => {
  assertEquals(median([5]), 5);
  assertEquals(median([10, 9, 100]), 10);
  assertEquals(median([4, 1, 3, 2]), 2.5);
  assertEquals(median([]), NaN);
  const values = [3, 1, 2];
  median(values);
  assertEquals(values, [3, 1, 2], "the order of the runs is kept");
});

Deno.test("a ratio is one of medians, with the range over the runs that were neighbours", () => {
  const { ofMedians, ofPairs } = ratioOfRuns([100, 300, 200], [100, 100, 400]);
  assertEquals(ofMedians, 2);
  assertEquals(ofPairs, { min: 0.5, max: 3 });
  assertThrows(() => ratioOfRuns([1], [1, 2]), RangeError);
  assertEquals(rangeOf([2, 1, 3]), { min: 1, max: 3 });
});

Deno.test("the number of requests suits both servers, in two digits", () => {
  assertEquals(requestsFor(2, [100_000, 400_000]), 400_000);
  assertEquals(requestsFor(2.1, [201_234, 201_234]), 420_000);
});

Deno.test("a row is summed up by medians, with processor time per million requests", () => {
  const run = (requestsPerSecond: number, processorSeconds: number): BenchmarkRun => ({
    ...{ test: "SET", requestsPerSecond, p50Ms: 1, p99Ms: 2, maxMs: 3 },
    ...{ requests: 500_000, processorSeconds },
  });
  const runs = {
    kv: [run(130, 1), run(120, 2), run(500, 1.5)],
    redis: [run(100, 3), run(100, 3), run(90, 3)],
  };
  const summary = summarizeRow({ test: "set", pipeline: 16, requests: 500_000, runs });
  assertEquals(summary.kv.requestsPerSecond, 130);
  assertEquals(summary.kv.processorSecondsPerMillion, 3);
  assertEquals(summary.redis.processorSecondsPerMillion, 6);
  assertEquals(summary.ratio.ofMedians, 1.3);
  assertEquals(summary.goal, ratioGoal("set", 16));
});

Deno.test("a goal is met by its very value, and by no value that is not a number", () => {
  const goal = ratioGoal("set", 16)!;
  assertEquals([1.3, 1.2999, NaN].map((value) => isMet(goal, value)), [true, false, false]);
  assertEquals(
    [17, 17.1, NaN].map((value) => isMet(indexBytesPerKeyGoal, value)),
    [true, false, false],
  );
  assertEquals(ratioGoal("get", 64), undefined);
  assertEquals(goalText(ratioGoal("get", 1)!), ">= 1.0");
  assertEquals(goalText(ratioGoal("set", 1)!), ">= 0.95");
  assertEquals(goalText(indexBytesPerKeyGoal), "<= 17");
});

Deno.test("columns are aligned by the text, not by the bytes that colour it", () => {
  const columns = [
    { title: "test", align: "left" },
    { title: "rate", align: "right" },
  ] as const;
  const rows = [["SET", { text: "1,000", style: "bold" }], ["MSET 10", "7"]] as const;
  assertEquals(tableLines(columns, rows), [
    "  test      rate",
    "  SET      1,000",
    "  MSET 10      7",
  ]);
  const marked = tableLines(columns, rows, (text, style) => style ? `<${text}>` : text);
  assertEquals(marked[1], "  SET      <1,000>");
});

Deno.test("numbers are written for people", () => {
  assertEquals(thousands(1234567.6), "1,234,568");
  assertEquals(mebibytes(1.5 * 2 ** 20), "1.5 MiB");
  assertEquals(mebibytes(undefined), "-");
});

Deno.test("keys are loaded under the names that redis-benchmark gives its own", () => {
  const text = new TextDecoder().decode(setRequests(9, 11));
  const value = `[A-Za-z0-9+-]{${valueBytes}}`;
  const request = (key: string) =>
    `\\*3\\r\\n\\$3\\r\\nSET\\r\\n\\$${keyBytes}\\r\\n${key}\\r\\n\\$${valueBytes}\\r\\n(${value})\\r\\n`;
  const pattern = new RegExp(`^${request("key:000000000009")}${request("key:000000000010")}$`);
  const found = pattern.exec(text);
  assertEquals(found !== null, true, text);
  assertEquals(found![1] === found![2], false, "values differ");
});

Deno.test("every loaded key has a value of its own, the same in each run", () => {
  const count = 20_000;
  const all = new TextDecoder().decode(setRequests(980_000, 980_000 + count));
  const values = all.match(/[A-Za-z0-9+-]{32}/g) ?? [];
  assertEquals(values.length, count);
  assertEquals(new Set(values).size, count);
  const [again] = new TextDecoder().decode(setRequests(980_000, 980_001))
    .match(/[A-Za-z0-9+-]{32}/g)!;
  assertEquals(again, values[0]);
  // 64 letters, equally often: 1/64 each, give or take a tenth.
  const share = values.join("").split("A").length / (count * valueBytes);
  assertAlmostEquals(share, 1 / 64, 0.0016);
});
