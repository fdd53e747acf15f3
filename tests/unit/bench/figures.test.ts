/** What the benchmark makes of its numbers: medians, ratios, goals, tables; and the keys it loads. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { requestsFor } from "../../../scripts/bench/drivers/pacing.ts";
import { goalText, isMet } from "../../../scripts/bench/goals.ts";
import { setRequests, setTemplate } from "../../../scripts/bench/key_loader.ts";
import { formatFigure, mebibytes, thousands } from "../../../scripts/bench/metrics.ts";
import { median, quantile, rangeOf, ratioOfRuns } from "../../../scripts/bench/statistics.ts";
import { tableLines } from "../../../scripts/bench/table.ts";

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

Deno.test("a quantile is the value that so many of them do not exceed", () => {
  const values = Array.from({ length: 1000 }, (_, i) => 1000 - i);
  assertEquals([0, 0.5, 0.99, 0.999, 1].map((share) => quantile(values, share)), [
    ...[1, 500, 990, 999, 1000],
  ]);
  assertEquals(quantile([], 0.5), NaN);
});

Deno.test("trials get longer until they tell the rate, which sets the number of requests", async () => {
  const trials: number[] = [];
  const requests = await requestsFor(2, 100, (count) => {
    trials.push(count);
    return Promise.resolve(12_345);
  });
  assertEquals(trials, [100, 600, 3600, 21_600]);
  assertEquals(requests, 25_000);
});

Deno.test("a goal is met by its very value, and by no value that is not a number", () => {
  const atLeast = { metric: "rate", comparison: ">=", value: 1.3, over: "redis" } as const;
  const atMost = { metric: "indexPerKey", comparison: "<=", value: 17 } as const;
  assertEquals([1.3, 1.2999, NaN].map((value) => isMet(atLeast, value)), [true, false, false]);
  assertEquals([17, 17.1, NaN].map((value) => isMet(atMost, value)), [true, false, false]);
  assertEquals(goalText(atLeast), ">= 1.3 x");
  assertEquals(goalText({ ...atLeast, value: 2 }), ">= 2.0 x");
  assertEquals(goalText(atMost), "<= 17");
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
  assertEquals(formatFigure("rate", 927_644.3), "927,644");
  assertEquals(formatFigure("wakeups", 0.4), "0.400");
  assertEquals(formatFigure("p99Ms", 0.12345), "0.123 ms");
  assertEquals(formatFigure("p99Ms", 12.345), "12.3 ms");
  assertEquals(formatFigure("residentBytes", 100 * 2 ** 20), "100.0 MiB");
  assertEquals(formatFigure("indexPerKey", 15.61), "15.6 B");
  assertEquals(formatFigure("generatorShare", 0.987), "99%");
  assertEquals(formatFigure("rate", undefined), "-");
});

const dataset = { valueBytes: 32 };

Deno.test("keys are loaded under the names that redis-benchmark gives its own", () => {
  const text = new TextDecoder().decode(setRequests(setTemplate(dataset), 9, 11));
  const request = (key: string) =>
    `\\*3\\r\\n\\$3\\r\\nSET\\r\\n\\$16\\r\\n${key}\\r\\n\\$32\\r\\n([A-Za-z0-9+-]{32})\\r\\n`;
  const pattern = new RegExp(`^${request("key:000000000009")}${request("key:000000000010")}$`);
  const found = pattern.exec(text);
  assertEquals(found !== null, true, text);
  assertEquals(found![1] === found![2], false, "values differ");
});

Deno.test("memcached is loaded with the same keys and values", () => {
  const text = new TextDecoder().decode(setRequests(setTemplate(dataset, "memcached"), 7, 8));
  const redis = new TextDecoder().decode(setRequests(setTemplate(dataset), 7, 8));
  const value = redis.split("\r\n").at(-2);
  assertEquals(text, `set key:000000000007 0 0 32\r\n${value}\r\n`);
});

Deno.test("counters are loaded as 0", () => {
  const template = setTemplate({ prefix: "counter:", valueBytes: 1 });
  assertEquals(
    new TextDecoder().decode(setRequests(template, 12, 13)),
    "*3\r\n$3\r\nSET\r\n$20\r\ncounter:000000000012\r\n$1\r\n0\r\n",
  );
});

Deno.test("every loaded key has a value of its own, the same in each run", () => {
  const count = 20_000;
  const template = setTemplate(dataset);
  const all = new TextDecoder().decode(setRequests(template, 980_000, 980_000 + count));
  const values = all.match(/[A-Za-z0-9+-]{32}/g) ?? [];
  assertEquals(values.length, count);
  assertEquals(new Set(values).size, count);
  const [again] = new TextDecoder().decode(setRequests(template, 980_000, 980_001))
    .match(/[A-Za-z0-9+-]{32}/g)!;
  assertEquals(again, values[0]);
  // 64 letters, equally often: 1/64 each, give or take a tenth.
  const share = values.join("").split("A").length / (count * 32);
  assertAlmostEquals(share, 1 / 64, 0.0016);
});

Deno.test("long values are their own in the first bytes, and as long as they should be", () => {
  const bytes = setRequests(setTemplate({ valueBytes: 10_000 }), 1, 3);
  const values: string[] = new TextDecoder().decode(bytes).match(/[A-Za-z0-9+-]{10000}/g) ?? [];
  assertEquals(values.length, 2);
  assertEquals(new Set(values.map((value) => value.slice(0, 40))).size, 2);
});
