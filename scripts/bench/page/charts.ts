/** The plots of docs/benchmarks.md, each made of rows that were measured. */
import type { EChartsOption, LineSeriesOption } from "echarts";
import { type CurvePoint, figureOf, type Results, type RowResult } from "../results.ts";
import { axisLook, type Chart, type Colours, titles } from "./chart.ts";

type Side = "kv" | "redis";
const sides: readonly Side[] = ["kv", "redis"];
const sideNames: Readonly<Record<Side, string>> = { kv: "kv", redis: "redis-server" };

/** All plots for which there are results. */
export function chartsOf(results: Results): Chart[] {
  const charts = [depthChart(results), latencyChart(results), growthChart(results)];
  return [...charts, pauseChart(results)].filter((chart) => chart !== undefined);
}

function rowNamed(results: Results, name: string): RowResult | undefined {
  return results.rows.find((row) => row.name === name);
}

/** On the right of the title, or below it, where there is room for long names. */
function legend(colours: Colours, place: "beside" | "below" = "beside"): EChartsOption["legend"] {
  return {
    ...(place === "beside" ? { top: 16, right: 24 } : { top: 60, left: 12 }),
    textStyle: { color: colours.text, fontSize: 12 },
    itemWidth: 34,
    // Fonts are wider here and narrower there.
    itemGap: 28,
    // The line alone: a mark would hide whether it is dashed.
    itemStyle: { opacity: 0 },
  };
}

/** The title of one of several panels, centred over it. */
function panelTitle(
  colours: Colours,
  text: string,
  { x, y }: { readonly x: number; readonly y: number },
) {
  return {
    text,
    left: x,
    top: y,
    textAlign: "center",
    textStyle: { color: colours.text, fontSize: 13, fontWeight: 600 },
  } as const;
}

/** A line with a mark at each point. */
function lineOf(
  name: string,
  colour: string,
  data: readonly (readonly [number, number])[],
  more: Partial<LineSeriesOption> & { readonly dashed?: boolean } = {},
): LineSeriesOption {
  const { dashed, symbolSize = 6, ...rest } = more;
  return {
    type: "line",
    name,
    data: data.map(([x, y]) => [x, y]),
    color: colour,
    symbol: symbolSize === 0 ? "none" : "circle",
    symbolSize,
    lineStyle: { width: 2, type: dashed ? "dashed" : "solid", color: colour },
    ...rest,
  };
}

// --- throughput against the depth of the pipeline ------------------------------------------------------

const depthTests = [
  ...[["set", "SET"], ["get", "GET"], ["incr", "INCR"], ["exists", "EXISTS"]],
  ...[["del", "DEL"], ["setex", "SET with EX"], ["mset", "MSET, 10 keys"], [
    "mget",
    "MGET, 10 keys",
  ]],
];
const depths = [1, 16, 64];
const panelsAcross = 4;

function depthChart(results: Results): Chart | undefined {
  const tests = depthTests.filter(([name]) => rowNamed(results, `${name}-p16`) !== undefined);
  if (tests.length === 0) return undefined;
  const lines = Math.ceil(tests.length / panelsAcross);
  const width = 960;
  const panelWidth = (width - 40) / panelsAcross;
  const panelHeight = 230;
  return {
    name: "throughput",
    description: "Requests a second against the depth of the pipeline, kv and redis-server",
    width,
    height: 84 + lines * panelHeight,
    option: (colours) => ({
      title: [
        titles(colours, "Throughput against pipeline depth", "million requests a second"),
        ...tests.map(([, title], i) =>
          panelTitle(colours, title, {
            x: 20 + (i % panelsAcross) * panelWidth + panelWidth / 2 + 8,
            y: 78 + Math.floor(i / panelsAcross) * panelHeight,
          })
        ),
      ] as EChartsOption["title"],
      legend: { ...legend(colours), data: sides.map((side) => sideNames[side]) },
      grid: tests.map((_, i) => ({
        left: 20 + (i % panelsAcross) * panelWidth + 38,
        top: 108 + Math.floor(i / panelsAcross) * panelHeight,
        width: panelWidth - 56,
        height: panelHeight - 78,
      })),
      xAxis: tests.map((_, i) => ({
        ...axisLook(colours, "requests in a pipeline"),
        type: "category",
        gridIndex: i,
        data: depths.map(String),
        nameLocation: "middle",
        nameGap: 26,
        splitLine: { show: false },
      })),
      yAxis: tests.map((_, i) => ({
        ...axisLook(colours, ""),
        type: "value",
        gridIndex: i,
        min: 0,
        splitNumber: 4,
      })),
      series: tests.flatMap(([test], i) =>
        sides.map((side) =>
          lineOf(
            sideNames[side],
            colours[side],
            depths.flatMap((depth, x): [number, number][] => {
              const row = rowNamed(results, `${test}-p${depth}`);
              const rate = figureOf(row?.sides[side], "rate");
              return rate === undefined ? [] : [[x, rate / 1e6]];
            }),
            { xAxisIndex: i, yAxisIndex: i },
          )
        )
      ),
    }),
  };
}

// --- the distribution of latencies -----------------------------------------------------------------------

/** 1 for the median, 2 for 90%, 3 for 99%: what is left above, as a power of ten. */
function ninesOf(share: number): number {
  return -Math.log10(1 - share);
}

const ninesMax = 4;
const percentLabels: Readonly<Record<number, string>> = {
  0: "0%",
  1: "90%",
  2: "99%",
  3: "99.9%",
  4: "99.99%",
};

function curvePoints(curve: readonly CurvePoint[]): [number, number][] {
  return curve.filter(([share, ms]) => share < 1 && ninesOf(share) < ninesMax + 0.01 && ms > 0)
    .map(([share, ms]) => [ninesOf(share), ms]);
}

function latencyChart(results: Results): Chart | undefined {
  const panels = [["set-p1", "SET, P=1"], ["get-p1", "GET, P=1"], ["set-p16", "SET, P=16"], [
    "get-p16",
    "GET, P=16",
  ]].flatMap(([name, title]) => {
    const row = rowNamed(results, name);
    return row && sides.some((side) => row.sides[side]?.curve) ? [{ row, title }] : [];
  });
  if (panels.length === 0) return undefined;
  const width = 960;
  const panelWidth = (width - 40) / 2;
  const panelHeight = 250;
  return {
    name: "latency",
    description: "Latency by percentile, kv and redis-server",
    width,
    height: 84 + Math.ceil(panels.length / 2) * panelHeight,
    option: (colours) => ({
      title: [
        titles(
          colours,
          "Latency by percentile",
          "ms, 50 clients; a request in a pipeline takes as long as its pipeline",
        ),
        ...panels.map(({ title }, i) =>
          panelTitle(colours, title, {
            x: 20 + (i % 2) * panelWidth + panelWidth / 2 + 8,
            y: 78 + Math.floor(i / 2) * panelHeight,
          })
        ),
      ] as EChartsOption["title"],
      legend: { ...legend(colours), data: sides.map((side) => sideNames[side]) },
      grid: panels.map((_, i) => ({
        left: 20 + (i % 2) * panelWidth + 44,
        top: 108 + Math.floor(i / 2) * panelHeight,
        width: panelWidth - 70,
        height: panelHeight - 78,
      })),
      xAxis: panels.map((_, i) => ({
        ...axisLook(colours, "share of requests that took no longer"),
        type: "value",
        gridIndex: i,
        min: 0,
        max: ninesMax,
        interval: 1,
        nameLocation: "middle",
        nameGap: 26,
        axisLabel: {
          color: colours.faint,
          fontSize: 11,
          formatter: (value: number) => percentLabels[value] ?? "",
        },
      })),
      yAxis: panels.map((_, i) => ({ ...axisLook(colours, ""), type: "log", gridIndex: i })),
      series: panels.flatMap(({ row }, i) =>
        sides.map((side) =>
          lineOf(sideNames[side], colours[side], curvePoints(row.sides[side]?.curve ?? []), {
            ...{ xAxisIndex: i, yAxisIndex: i, symbolSize: 0 },
          })
        )
      ),
    }),
  };
}

// --- what an operation costs with more and more keys -----------------------------------------------------

const sizes = [["100k", 1e5], ["1m", 1e6], ["10m", 1e7], ["50m", 5e7]] as const;

function growthChart(results: Results): Chart | undefined {
  const rows = sizes.flatMap(([name, keys]) => {
    const row = rowNamed(results, `growth-${name}`);
    return row === undefined ? [] : [{ row, keys }];
  });
  if (rows.length < 2) return undefined;
  const points = (side: Side, metric: "setNs" | "getNs") =>
    rows.flatMap(({ row, keys }): [number, number][] => {
      const ns = figureOf(row.sides[side], metric);
      return ns === undefined ? [] : [[keys, ns / 1000]];
    });
  return {
    name: "growth",
    description: "Processor time for a SET and a GET with 100 thousand to 50 million keys",
    width: 960,
    height: 400,
    option: (colours) => ({
      title: titles(
        colours,
        "Growth",
        "processor time of the server for a request, microseconds, 16 in a pipeline",
      ),
      legend: legend(colours),
      grid: { left: 64, right: 32, top: 84, bottom: 56 },
      xAxis: {
        ...axisLook(colours, "keys"),
        type: "log",
        min: 5e4,
        max: 1e8,
        nameLocation: "middle",
        nameGap: 30,
        axisLabel: { color: colours.faint, fontSize: 11, formatter: keysLabel },
      },
      yAxis: { ...axisLook(colours, ""), type: "value", min: 0 },
      series: sides.flatMap((side) => [
        lineOf(`${sideNames[side]}, SET`, colours[side], points(side, "setNs")),
        lineOf(`${sideNames[side]}, GET`, colours[side], points(side, "getNs"), { dashed: true }),
      ]),
    }),
  };
}

function keysLabel(keys: number): string {
  return keys >= 1e6 ? `${keys / 1e6}M` : `${keys / 1000}k`;
}

// --- pauses over time --------------------------------------------------------------------------------------

const pausePanels = [
  ["pauses", "SET over 1M keys"],
  ["backup", "meanwhile a backup (redis-server: BGSAVE)"],
  ["compaction", "meanwhile the file is compacted (redis-server: BGREWRITEAOF)"],
] as const;
const pauseGoalMs = 5;
const waitName = "longest wait of a client";
const loopName = "longest pause of the event loop";

function pauseChart(results: Results): Chart | undefined {
  const panels = pausePanels.flatMap(([name, title]) => {
    const row = rowNamed(results, name);
    return row === undefined ? [] : [{ row, title }];
  });
  if (panels.length === 0) return undefined;
  const panelHeight = 210;
  const lines = (colours: Colours) =>
    [
      ["kv", waitName, "kv: a client's longest wait", colours.kv],
      ["redis", waitName, "redis-server: a client's longest wait", colours.redis],
      ["kv", loopName, "kv: the event loop's longest pause", colours.loop],
    ] as const;
  return {
    name: "pauses",
    description: "The longest wait of a client in each tenth of a second under load",
    width: 960,
    height: 108 + panels.length * panelHeight,
    option: (colours) => ({
      title: [
        titles(colours, "Pauses over time", "ms, the longest in each tenth of a second"),
        ...panels.map(({ title }, i) =>
          panelTitle(colours, title, { x: 488, y: 92 + i * panelHeight })
        ),
      ] as EChartsOption["title"],
      legend: { ...legend(colours, "below"), data: lines(colours).map(([, , name]) => name) },
      grid: panels.map((_, i) => ({
        left: 56,
        right: 28,
        top: 120 + i * panelHeight,
        height: panelHeight - 76,
      })),
      xAxis: panels.map((_, i) => ({
        ...axisLook(colours, "seconds"),
        type: "value",
        gridIndex: i,
        nameLocation: "middle",
        nameGap: 24,
        splitLine: { show: false },
      })),
      yAxis: panels.map((_, i) => ({ ...axisLook(colours, ""), type: "log", gridIndex: i })),
      series: panels.flatMap(({ row }, i) =>
        lines(colours).flatMap(([side, series, name, colour]) => {
          const points = row.sides[side]?.series?.[series] ?? [];
          const positive = points.filter(([, ms]) => ms > 0);
          if (positive.length === 0) return [];
          const more = series === loopName ? { markLine: goalLine(colours) } : {};
          const place = { xAxisIndex: i, yAxisIndex: i, symbolSize: 0 };
          return [lineOf(name, colour, positive, { ...place, ...more })];
        })
      ),
    }),
  };
}

/** What no pause may exceed. */
function goalLine(colours: Colours): LineSeriesOption["markLine"] {
  return {
    silent: true,
    symbol: "none",
    data: [{ yAxis: pauseGoalMs }],
    lineStyle: { color: colours.faint, type: "dotted", width: 1 },
    label: { formatter: `${pauseGoalMs} ms`, color: colours.faint, position: "insideEndTop" },
  };
}
