/** The results as tables. */
import { type Goal, goalText, indexBytesPerKeyGoal, isMet } from "./goals.ts";
import { keyBytes, keyCount, valueBytes } from "./key_loader.ts";
import type { Machine } from "./machine.ts";
import { filesTotal, type MemoryCosts } from "./memory.ts";
import type { Output } from "./output.ts";
import { type Cell, type Column, mebibytes, printTable, thousands } from "./table.ts";
import type { RowSummary, RunSummary } from "./throughput.ts";

const left = (title: string): Column => ({ title, align: "left" });
const right = (title: string): Column => ({ title, align: "right" });

export function printMachine(output: Output, machine: Machine, folder: string): void {
  const { processor, cores, memoryBytes, kernel, fileSystem, loadAverage, versions } = machine;
  printTitle(output, "Machine");
  const rows = [
    ["processor", `${processor}, ${cores} ${cores === 1 ? "core" : "cores"}`],
    ["memory", `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`],
    ["kernel", kernel],
    ["file system", `${fileSystem} (${folder})`],
    [
      "load before",
      `${loadAverage.toFixed(2)}${loadAverage > 0.3 ? ", so figures are rough" : ""}`,
    ],
    ["versions", `kv ${versions.kv}, redis-server ${versions.redis}, deno ${versions.deno}`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, text] of rows) {
    output.print(`  ${output.styled(name.padEnd(width), "faint")}  ${text}`);
  }
}

export function printThroughput(
  output: Output,
  rows: readonly RowSummary[],
  { rounds, isQuick }: { readonly rounds: number; readonly isQuick: boolean },
): void {
  printTitle(output, "Throughput");
  output.print(`  Medians of ${rounds} rounds, the servers in turn. Both were filled with`);
  output.print(`  ${thousands(keyCount)} keys before the first round: SET overwrites, GET finds.`);
  if (isQuick) output.print("  Quick: the runs are too short for figures to be quoted.");
  output.print();
  const columns = [
    ...[left("test"), right("P"), right("kv req/s"), right("redis req/s"), right("kv/redis")],
    ...[left("of pairs"), left("goal"), left("")],
  ];
  printTable(output, columns, rows.map(rateCells));
  output.print();
  output.print("  Latency in ms, as redis-benchmark sees it; processor seconds of the server (all");
  output.print("  threads, until all is synced) per million requests:");
  output.print();
  const sides = (["kv", "redis"] as const).flatMap((kind) => [
    ...[right(`${kind} p50`), right("p99"), right("max"), right("cpu s/M")],
  ]);
  printTable(
    output,
    [left("test"), right("P"), ...sides],
    rows.map((row) => [...nameCells(row), ...costCells(row.kv), ...costCells(row.redis)]),
  );
}

function nameCells({ test, pipeline }: RowSummary): string[] {
  return [test.toUpperCase(), String(pipeline)];
}

function rateCells(row: RowSummary): (string | Cell)[] {
  const { kv, redis, ratio: { ofMedians, ofPairs }, goal } = row;
  return [
    ...nameCells(row),
    ...[thousands(kv.requestsPerSecond), thousands(redis.requestsPerSecond)],
    { text: ofMedians.toFixed(2), style: "bold" },
    { text: `${ofPairs.min.toFixed(2)}-${ofPairs.max.toFixed(2)}`, style: "faint" },
    ...goalCells(goal, ofMedians),
  ];
}

function costCells(summary: RunSummary): string[] {
  const { p50Ms, p99Ms, maxMs, processorSecondsPerMillion } = summary;
  return [
    ...[p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(2)),
    processorSecondsPerMillion.toFixed(2),
  ];
}

/** The goal, and whether it is met. */
function goalCells(goal: Goal | undefined, value: number): [Cell, Cell] {
  if (goal === undefined) return [{ text: "-", style: "faint" }, { text: "" }];
  const verdict: Cell = isMet(goal, value)
    ? { text: "met", style: "good" }
    : { text: "MISSED", style: "bad" };
  return [{ text: goalText(goal) }, verdict];
}

export function printMemory(output: Output, { kv, redis }: MemoryCosts): void {
  printTitle(output, "Memory and files");
  output.print(
    `  ${thousands(keyCount)} keys of ${keyBytes} bytes with values of ${valueBytes} bytes, ` +
      "loaded once into new servers.",
  );
  output.print();
  const perKey = (bytes: number | undefined) =>
    bytes === undefined ? "-" : `${(bytes / keyCount).toFixed(1)} B`;
  const growth = (full: number | undefined, empty: number | undefined) =>
    full === undefined || empty === undefined ? undefined : full - empty;
  const indexPerKey = (kv.indexBytes ?? NaN) / kv.keys;
  const store = filesTotal(kv, "store.db");
  const index = filesTotal(kv, "store.db-index");
  const log = filesTotal(redis, "appendonly");
  // A compact snapshot in place of the log up to some moment, if the log had grown enough for that.
  const rewritten = filesTotal(redis, "appendonly", ".base.rdb");
  // The index's name begins as the store's does.
  const dataBytes = store.bytes - index.bytes;
  const dataDiskBytes = store.diskBytes - index.diskBytes;
  const rows: (string | Cell)[][] = [
    ["resident (VmRSS)", mebibytes(kv.memory.resident), mebibytes(redis.memory.resident)],
    ["  of its own (RssAnon)", mebibytes(kv.memory.anonymous), mebibytes(redis.memory.anonymous)],
    ["  of files (RssFile)", mebibytes(kv.memory.file), mebibytes(redis.memory.file)],
    ["  shared (RssShmem)", mebibytes(kv.memory.shared), mebibytes(redis.memory.shared)],
    ["resident, empty", mebibytes(kv.emptyMemory.resident), mebibytes(redis.emptyMemory.resident)],
    [
      "resident per key, above empty",
      perKey(growth(kv.memory.resident, kv.emptyMemory.resident)),
      perKey(growth(redis.memory.resident, redis.emptyMemory.resident)),
    ],
    ["used_memory per key", "-", perKey(redis.usedMemory)],
    ["  above empty", "-", perKey(growth(redis.usedMemory, redis.emptyUsedMemory))],
    [
      "index per key",
      { text: perKey(kv.indexBytes), style: "bold" },
      "-",
      ...goalCells(indexBytesPerKeyGoal, indexPerKey),
    ],
    ["store.db, appendonly files", mebibytes(dataBytes), mebibytes(log.bytes)],
    ["  on disk", mebibytes(dataDiskBytes), mebibytes(log.diskBytes)],
    ["  of which rewritten (base.rdb)", "-", mebibytes(rewritten.bytes)],
    ["store.db-index, on disk", mebibytes(index.diskBytes), "-"],
    ["live bytes (store_live_bytes)", mebibytes(kv.liveBytes), "-"],
    ["time to load, s", kv.loadSeconds.toFixed(1), redis.loadSeconds.toFixed(1)],
  ];
  printTable(output, [left(""), right("kv"), right("redis"), left("goal"), left("")], rows);
}

/** How many goals there are and how many are missed, in one line. */
export function printVerdict(
  output: Output,
  rows: readonly RowSummary[],
  { kv }: MemoryCosts,
): void {
  const checks = rows.filter(({ goal }) => goal !== undefined)
    .map(({ goal, ratio }) => isMet(goal!, ratio.ofMedians));
  checks.push(isMet(indexBytesPerKeyGoal, (kv.indexBytes ?? NaN) / kv.keys));
  const missed = checks.filter((met) => !met).length;
  output.print();
  output.print(
    missed === 0
      ? output.styled(`All ${checks.length} goals of this stage are met.`, "good")
      : output.styled(`${missed} of ${checks.length} goals of this stage are MISSED.`, "bad"),
  );
}

export function printTitle(output: Output, title: string): void {
  output.print();
  output.print(output.styled(title, "bold"));
}
