/** docs/benchmarks.md and the README's table of speed, made from the results that are kept. */
import { formatFigure, type MetricName, metrics, thousands } from "../metrics.ts";
import type { Machine } from "../machine.ts";
import { machineFacts, rangeText } from "../report.ts";
import { figureOf, type Results, type RowResult, valuesOf } from "../results.ts";
import { ratioOfRuns } from "../statistics.ts";
import { type Verdict, verdictsOf } from "../verdicts.ts";
import { type Group, type PeerName, peerTitles, type Workload } from "../workload.ts";
import { workloads } from "../workloads.ts";
import type { Chart } from "./chart.ts";
import { details, markdownTable, picture } from "./markdown.ts";

const introduction = `# Benchmarks

<!-- Made by scripts/bench/page/ from benchmarks/results.json: \`deno task bench NAME --save\` measures anew. -->

\`deno task bench\` measures the speed and cost targets on your machine in about half an hour;
\`deno task bench --list\` shows all that can be measured, and \`deno task bench NAME ...\` measures rows or groups of it. With
\`--save\` the results are kept in [benchmarks/results.json](benchmarks/results.json), of which this page is made.

## How it is measured

- All sides of a row in turn (A B A B ...), each on its own server that was filled before; medians over the rounds, and of
  pauses the longest of all. A ratio is one of medians; "single pairs" has the worst and the best one of runs that were
  neighbours in time.
- A run of reads takes two seconds, one of writes 3.4, so that syncs of \`everysec\` are within each (\`--seconds\`).
- Equal durability: \`redis-server --appendonly yes\` with the same \`appendfsync\` as kv's \`--sync\`, and no snapshots.
  memcached keeps nothing on a disk. In the process, all write batches of 1000, each of which is on the disk before the next.
- Servers and load generators share one machine, over Unix sockets. With two cores, each has one: a server that runs
  threads beside its main one pays for that. "load generator" is how much of a processor the generator took; at 90% and
  more, it may be the generator that limits the rate, and the server could do more.
- redis-benchmark makes the requests it knows. Our own generator (\`scripts/bench/load/\`) makes the mixes, the skewed keys
  and memcached's: requests written out ahead, sent by plain system calls.
- A ratio near to one tells little: the rows \`equals-set\`, \`equals-get\` and \`equals-set-always\` have two redis-servers with the same
  settings, measured as all others are. What is between these is noise, above all of p99.9.
- Processor time is the server's, all threads, until all is synced and it has come to rest, for a million requests.
- A pause is a stretch in which kv's event loop did one thing only, by its own record (\`store_pauses\` in INFO). On a machine
  whose cores are all busy it includes time in which another process had the processor, or the machine stood still because
  its host lets it have no more: the row \`standstill\` tells how long programs that only look at the clock do not come to that, while
  another one writes to the disk. No server on that machine has shorter pauses while it writes. "own pause" is the longest one without
  the time in which kv's thread was ready to run and another one had its processor, as the kernel counts it.
- Resident memory of kv includes the pages of its files, which the kernel may drop and read again; "of its own" is without them.

## Comparing two checkouts

\`deno task bench set-p16 get-p16 --against HEAD~1\` (or a branch, or a folder) builds the other checkout and runs both in turn. It
tells what changed beyond the noise of the runs, with the interval of 95% of Wilcoxon's signed ranks over the pairs of
runs: "faster by 3.1% (1.2 to 5.0)", or "no difference beyond noise (±2.0%)".
`;

const groupTitles: Readonly<Record<Group, string>> = {
  speed: "Speed, against redis-server",
  cost: "Cost",
  restart: "Restart",
  growth: "Growth",
  values: "Large values",
  connections: "Connections",
  sync: "Without syncs",
  keys: "Uniform and skewed keys",
  ycsb: "YCSB mixes",
  load: "While something large is done",
  expiry: "Expiry",
  larger: "Larger than memory",
  embedded: "In the process, without a server",
  reader: "Reads through shared memory",
};

interface Measured {
  readonly workload: Workload;
  readonly row: RowResult;
}

function measuredRows(results: Results): Measured[] {
  return workloads.flatMap((workload) => {
    const row = results.rows.find(({ name }) => name === workload.name);
    return row === undefined ? [] : [{ workload, row }];
  });
}

/** The page, before it is formatted. */
export function benchmarksPage(results: Results, charts: readonly Chart[]): string {
  const measured = measuredRows(results);
  const groups = [...new Set(measured.map(({ workload }) => workload.group))];
  const sections = groups.map((group) =>
    groupSection(group, measured.filter(({ workload }) => workload.group === group), charts)
  );
  return [
    introduction,
    machineSection(measured),
    goalSection(measured, results),
    ...sections,
    commandSection(measured),
  ].join("\n");
}

/** Which machines the figures come from; in most cases, one. */
function machineSection(measured: readonly Measured[]): string {
  const machines = new Map<string, { readonly machine: Machine; readonly names: string[] }>();
  for (const { row } of measured) {
    // How busy it was before, and which tools took part, does not make it another one.
    const { loadAverage: _, versions, ...rest } = row.machine;
    const key = JSON.stringify([rest, versions.kv]);
    const known = machines.get(key);
    if (known === undefined) machines.set(key, { machine: row.machine, names: [row.name] });
    else {
      known.names.push(row.name);
      const merged = { ...row.machine.versions, ...known.machine.versions };
      machines.set(key, { machine: { ...known.machine, versions: merged }, names: known.names });
    }
  }
  const parts = [...machines.values()].map(({ machine, names }) => {
    const facts = machineFacts(machine).filter(([name]) => name !== "load before");
    const list = facts.map(([name, text]) => `- ${name}: ${text}\n`).join("");
    return machines.size === 1 ? list : `${names.join(", ")}:\n\n${list}`;
  });
  return `## Machine\n\n${parts.join("\n")}`;
}

function goalSection(measured: readonly Measured[], results: Results): string {
  const rows = measured.flatMap(({ workload, row }) =>
    verdictsOf(workload, row, results).map((verdict) => [
      workload.title,
      verdict.goalText,
      verdict.valueText,
      verdict.ofPairs && row.sides.kv?.rounds.length > 1
        ? rangeText(verdict.ofPairs)
        : ownPauseText(verdict, row),
      verdict.isMet ? "yes" : "**no**",
    ])
  );
  const met = rows.filter((cells) => cells.at(-1) === "yes").length;
  const table = markdownTable(
    ["what", "goal", "reached", "single pairs", "met"],
    rows,
    ["left", "left", "right", "left", "left"],
  );
  return `## Goals\n\n${met} of ${rows.length} are met.\n\n${details("All goals", table)}`;
}

/** Beside the longest pause, what of it was not a wait for a processor. */
function ownPauseText({ goal }: Verdict, { sides }: RowResult): string {
  if (goal.metric !== "pauseMs") return "";
  const own = figureOf(sides.kv, "ownPauseMs");
  return own === undefined ? "" : `own pause ${formatFigure("ownPauseMs", own)}`;
}

/** Plots, by the group in whose section they stand. */
const chartsByGroup: Readonly<Partial<Record<Group, readonly string[]>>> = {
  speed: ["throughput", "latency"],
  growth: ["growth"],
  load: ["pauses"],
};

function groupSection(
  group: Group,
  measured: readonly Measured[],
  charts: readonly Chart[],
): string {
  const shown = charts.filter(({ name }) => chartsByGroup[group]?.includes(name));
  const pictures = shown.map(({ name, description }) => `${picture(name, description)}\n`).join("");
  const tables = group === "speed"
    ? speedTable(measured) + "\n" + details("Latencies and costs", sideTables(measured))
    : sideTables(measured);
  return `## ${groupTitles[group]}\n\n${pictures}${tables}`;
}

function speedTable(measured: readonly Measured[]): string {
  return markdownTable(
    [
      "test",
      "kv, requests/s",
      "redis-server",
      "ratio",
      "single pairs",
      "p99.9, ms: kv",
      "redis-server",
    ],
    measured.map(({ workload, row }) => {
      const { kv, redis } = row.sides;
      const { ofMedians, ofPairs } = ratioOfRuns(valuesOf(kv, "rate"), valuesOf(redis, "rate"));
      const ms = (side: typeof kv) => figureOf(side, "p999Ms")?.toFixed(2) ?? "-";
      return [
        workload.title,
        formatFigure("rate", figureOf(kv, "rate")),
        formatFigure("rate", figureOf(redis, "rate")),
        `**${ofMedians.toFixed(2)}**`,
        rangeText(ofPairs),
        ...[ms(kv), ms(redis)],
      ];
    }),
    ["left", "right", "right", "right", "left", "right", "right"],
  );
}

/** A table for rows whose figures are the same, a line for each side of each row. */
function sideTables(measured: readonly Measured[]): string {
  const byShows = new Map<string, Measured[]>();
  for (const each of measured) {
    const key = each.workload.shows.join();
    byShows.set(key, [...byShows.get(key) ?? [], each]);
  }
  return [...byShows.values()].map(sideTable).join("\n");
}

function sideTable(measured: readonly Measured[]): string {
  const shown = measured[0].workload.shows.filter((name) =>
    measured.some(({ row }) =>
      Object.values(row.sides).some((side) => figureOf(side, name) !== undefined)
    )
  );
  const rows = measured.flatMap(({ workload, row }) =>
    Object.entries(row.sides).map(([label, side], i) => [
      i === 0 ? workload.title : "",
      peerTitles[label as PeerName] ?? label,
      ...shown.map((name) => formatFigure(name, figureOf(side, name))),
    ])
  );
  const notes = [...new Set(measured.map(({ workload }) => workload.description))];
  const texts = notes.length <= 3 ? `${notes.map((note) => `- ${note}\n`).join("")}\n` : "";
  return texts + markdownTable(
    ["what", "who", ...shown.map((name: MetricName) => metrics[name].title)],
    rows,
    ["left", "left", ...shown.map(() => "right" as const)],
  );
}

function commandSection(measured: readonly Measured[]): string {
  const blocks = measured.map(({ workload, row }) => {
    const when = row.measuredAt.slice(0, 10);
    const rounds = Math.max(...Object.values(row.sides).map((side) => side.rounds.length));
    const heading = `${workload.name}, ${when}, rounds: ${rounds}`;
    return `${heading}\n\n${row.commandLines.map((line) => `    ${line}\n`).join("")}`;
  });
  return `## Command lines\n\n${details("Each row's", blocks.join("\n"))}`;
}

// --- the README ------------------------------------------------------------------------------------------

const begin = "<!-- speed: made by deno task bench --write-docs -->";
const end = "<!-- end of speed -->";
const readmeRows = ["set-p1", "set-p16", "set-p64", "get-p1", "get-p16", "get-p64"];

/** The README with its table of speed made anew; as it is, without results for that or a place for it. */
export function readmeWithSpeed(readme: string, results: Results): string {
  const rows = measuredRows(results).filter(({ workload }) => readmeRows.includes(workload.name));
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from || rows.length !== readmeRows.length) return readme;
  const parts = [readmeSpeed(rows), readmeFootprint(results), seeAlso].filter((part) =>
    part !== ""
  );
  return `${readme.slice(0, from + begin.length)}\n\n${parts.join("\n")}\n${readme.slice(to)}`;
}

const seeAlso =
  "[docs/benchmarks.md](docs/benchmarks.md) has all tests, latencies, costs and plots, and " +
  "tells how they were\nmeasured; `deno task bench` measures on your machine.\n";

/** What keys cost; nothing when that was not measured. */
function readmeFootprint(results: Results): string {
  const { kv, redis } = results.rows.find(({ name }) => name === "footprint")?.sides ?? {};
  if (kv === undefined || redis === undefined) return "";
  const of = (side: typeof kv, name: MetricName) => formatFigure(name, figureOf(side, name));
  return `With 10M keys of 16 bytes and values of 32: ${of(kv, "indexPerKey")} of index a key; ` +
    `${of(kv, "residentBytes")} resident, of which\n${
      of(kv, "ownBytes")
    } are the process's own and ` +
    "the rest is the files, which the kernel may drop and read again\n(redis-server: " +
    `${of(redis, "residentBytes")}, all its own); ${of(kv, "fileBytes")} of files.\n`;
}

function readmeSpeed(measured: readonly Measured[]): string {
  const { machine } = measured[0].row;
  const rounds = measured.map(({ row }) => row.sides.kv.rounds.length);
  const [fewest, most] = [Math.min(...rounds), Math.max(...rounds)];
  const version = machine.versions["redis-server"];
  const text =
    `\`redis-benchmark -c 50 -r 1000000 -d 32\` over Unix sockets, against redis-server ` +
    `${version} with equal durability\n(\`--appendonly yes --appendfsync everysec\`), the servers in ` +
    `turn, medians of ${
      fewest === most ? most : `${fewest} to ${most}`
    } rounds on a machine with ${machine.cores} cores:`;
  const table = markdownTable(
    ["test", "requests in a pipeline", "kv, requests/s", "redis-server", "ratio"],
    measured.map(({ workload, row }) => {
      const [test, depth] = workload.title.split(", P=");
      const rates = (["kv", "redis"] as const).map((side) => figureOf(row.sides[side], "rate")!);
      return [test, depth, ...rates.map(thousands), (rates[0] / rates[1]).toFixed(2)];
    }),
  );
  return `${text}\n\n${table}`;
}
