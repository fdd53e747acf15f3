/** docs/benchmarks.md, its plots and the README's table, made of results. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { benchmarksPage, readmeWithSpeed } from "../../../scripts/bench/page/benchmarks_page.ts";
import { renderSvg } from "../../../scripts/bench/page/chart.ts";
import { chartsOf } from "../../../scripts/bench/page/charts.ts";
import { formatted, markdownTable } from "../../../scripts/bench/page/markdown.ts";
import {
  figureOf,
  merge,
  noResults,
  type Results,
  resultsText,
  type RowResult,
  type SideResult,
  sideResult,
} from "../../../scripts/bench/results.ts";
import { verdictsOf } from "../../../scripts/bench/verdicts.ts";
import { workloads } from "../../../scripts/bench/workloads.ts";

const machine = {
  ...{ processor: "Some Processor", cores: 2, memoryBytes: 2 ** 34, kernel: "Linux 6.1" },
  ...{ fileSystem: "ext4", loadAverage: 0.05 },
  versions: { "kv": "0.1.0", "redis-server": "7.0.15", "deno": "2.8.3" },
};

function rowOf(name: string, sides: Readonly<Record<string, SideResult>>): RowResult {
  const measuredAt = "2026-01-02T03:04:05.000Z";
  return { name, measuredAt, isQuick: false, machine, sides, commandLines: [`kv ${name}`] };
}

/** Rounds with these rates, and what else the page shows of a row of requests. */
function requests(...rates: readonly number[]): SideResult {
  return sideResult(
    rates.map((rate) => ({
      figures: {
        rate,
        p50Ms: 0.5,
        p99Ms: 1,
        p999Ms: 2e5 / rate,
        processorPerMillion: 1,
        pauseMs: 1,
        ownPauseMs: 0.25,
      },
      curve: [[0.5, 0.5], [0.9, 0.7], [0.99, 1], [0.999, 2e5 / rate], [1, 3]],
    })),
    "rate",
  );
}

const speedNames = ["set-p1", "set-p16", "set-p64", "get-p1", "get-p16", "get-p64"];
const speedRows = speedNames.map((name, i) =>
  rowOf(name, {
    kv: requests(200_000 + i, 300_000 + i, 250_000 + i),
    redis: requests(100_000, 110_000, 90_000),
  })
);
const growthRows = [["growth-100k", 1000], ["growth-1m", 1100], ["growth-50m", 2500]] as const;
const results: Results = {
  version: 1,
  rows: [
    ...speedRows,
    ...growthRows.map(([name, setNs]) =>
      rowOf(name, { kv: { rounds: [{ setNs, getNs: setNs / 2 }] } })
    ),
  ],
};

Deno.test("a side is summed up by medians, with the curve of its typical round", () => {
  const side = requests(200_000, 300_000, 250_000);
  assertEquals(figureOf(side, "rate"), 250_000);
  assertEquals(figureOf(side, "wallMs"), undefined);
  assertEquals(figureOf(undefined, "rate"), undefined);
  assertEquals(side.curve?.[3], [0.999, 0.8]);
});

Deno.test("of the longest pauses of rounds, the longest counts", () => {
  const side = {
    rounds: [{ pauseMs: 1, rate: 1 }, { pauseMs: 7, rate: 2 }, { pauseMs: 2, rate: 9 }],
  };
  assertEquals([figureOf(side, "pauseMs"), figureOf(side, "rate")], [7, 2]);
});

Deno.test("new rows take the places of old ones, in the order of the table", () => {
  const [first, second] = speedRows;
  const older: Results = { version: 1, rows: [second, rowOf("gone", {})] };
  const newer = [{ ...second, measuredAt: "later" }, first];
  const { rows } = merge(older, newer, speedNames);
  assertEquals(rows.map(({ name, measuredAt }) => [name, measuredAt]), [
    ["set-p1", first.measuredAt],
    ["set-p16", "later"],
  ]);
});

Deno.test("results are kept a row in each line, with five digits", () => {
  const text = resultsText({ version: 1, rows: [rowOf("a", requestsOf(1 / 3)), rowOf("b", {})] });
  assertEquals(text.trimEnd().split("\n").length, 4);
  const [row] = JSON.parse(text).rows;
  assertEquals(row.sides.kv.rounds, [{ rate: 0.33333 }]);
});

function requestsOf(rate: number): Readonly<Record<string, SideResult>> {
  return { kv: { rounds: [{ rate }] } };
}

Deno.test("goals are judged against a side, a row, or by themselves", () => {
  const judged = (name: string) => {
    const workload = workloads.find((each) => each.name === name)!;
    const row = results.rows.find((each) => each.name === name)!;
    return verdictsOf(workload, row, results).map(({ goalText, valueText, isMet }) =>
      `${goalText}: ${valueText}, ${isMet}`
    );
  };
  assertEquals(judged("set-p16"), [
    "requests/s >= 2.0 x redis-server: 2.50 x, true",
    "p99.9 <= 1.0 x redis-server: 0.40 x, true",
    "longest pause <= 5.00 ms: 1.00 ms, true",
  ]);
  assertEquals(judged("growth-50m"), [
    "SET <= 3.0 x growth-100k: 2.50 x, true",
    "GET <= 3.0 x growth-100k: 2.50 x, true",
  ]);
});

Deno.test("the page has the machine, the goals, each group and each command line", async () => {
  const page = await formatted(benchmarksPage(results, chartsOf(results)));
  for (const part of ["Some Processor, 2 cores", "## Goals", "## Speed", "## Growth"]) {
    assertStringIncludes(page, part);
  }
  for (const { name } of results.rows) assertStringIncludes(page, `kv ${name}\n`);
  assertStringIncludes(page, " 250,000 |");
  assertStringIncludes(page, "own pause 0.250 ms");
  for (const name of ["throughput", "latency", "growth"]) {
    assertStringIncludes(page, `srcset="benchmarks/${name}-dark.svg"`);
    assertStringIncludes(page, `src="benchmarks/${name}.svg"`);
  }
  assertEquals(page.includes("benchmarks/pauses.svg"), false, "no such row was measured");
  assertEquals(page, await formatted(page), "it is formatted");
});

Deno.test("plots are the same bytes each time, in two themes, with titles and units", () => {
  for (const chart of chartsOf(results)) {
    const light = renderSvg(chart, "light");
    assertEquals(light, renderSvg(chart, "light"), chart.name);
    assert(light !== renderSvg(chart, "dark"), chart.name);
    assertEquals(light.startsWith("<svg"), true);
    assertStringIncludes(light, "redis-server");
  }
  const [throughput] = chartsOf(results).map((chart) => renderSvg(chart, "light"));
  assertStringIncludes(throughput, "million requests a second");
});

Deno.test("there is no plot and no page of nothing", () => {
  assertEquals(chartsOf(noResults), []);
});

const readme = "# x\n\n<!-- speed: made by deno task bench --write-docs -->\n\nold\n\n" +
  "<!-- end of speed -->\n\nrest\n";

Deno.test("the README's table is made of the rows of SET and GET, and nothing else changes", () => {
  const text = readmeWithSpeed(readme, results);
  assertStringIncludes(text, "redis-server 7.0.15");
  assertStringIncludes(text, "medians of 3 rounds on a machine with 2 cores");
  assertStringIncludes(text, "| GET | 64 | 250,005 | 100,000 | 2.50 |");
  const [first, ...others] = speedRows;
  const { kv } = first.sides;
  const longer = { ...kv, rounds: [...kv.rounds, ...kv.rounds] };
  const mixed = [{ ...first, sides: { ...first.sides, kv: longer } }, ...others];
  assertStringIncludes(
    readmeWithSpeed(readme, { version: 1, rows: mixed }),
    "medians of 3 to 6 rounds on a machine",
  );
  assertEquals(text.includes("old"), false);
  assertEquals(text.endsWith("<!-- end of speed -->\n\nrest\n"), true);
  const partial = { version: 1, rows: speedRows.slice(1) } as const;
  assertEquals(readmeWithSpeed(readme, partial), readme);
  assertEquals(readmeWithSpeed("no place", results), "no place");
});

Deno.test("cells of tables keep their bars", () => {
  assertEquals(markdownTable(["a"], [["x|y"]], ["right"]), "| a |\n| --: |\n| x\\|y |\n");
});
