/** The table of workloads: whether it is whole, what is chosen of it, and that each target has its row. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { BenchError } from "../../../scripts/bench/bench_error.ts";
import { metrics } from "../../../scripts/bench/metrics.ts";
import { roundsOf, withoutTrials } from "../../../scripts/bench/runner.ts";
import {
  durationText,
  listRows,
  secondsOf,
  select,
  toolsFor,
} from "../../../scripts/bench/selection.ts";
import { ourSide } from "../../../scripts/bench/verdicts.ts";
import { isOurs } from "../../../scripts/bench/workload.ts";
import { workloads } from "../../../scripts/bench/workloads.ts";

function rowNamed(name: string) {
  const row = workloads.find((workload) => workload.name === name);
  assert(row !== undefined, `no row is called ${name}`);
  return row;
}

Deno.test("rows have names of their own, which no group has", () => {
  const names = workloads.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  const groups = new Set<string>(workloads.map(({ group }) => group));
  for (const name of names) if (groups.has(name)) assertEquals(rowNamed(name).group, name);
});

Deno.test("each row has a side of ours, figures that are shown, and goals over what is measured", () => {
  for (const workload of workloads) {
    const { name, peers, goals, shows, title, description } = workload;
    assertEquals(peers[0], ourSide(workload), name);
    assert(shows.length > 0 && title !== "" && description !== "", name);
    for (const metric of shows) assert(metric in metrics, `${name} shows ${metric}`);
    for (const { over, metric } of goals) {
      assert(shows.includes(metric), `${name} has a goal for ${metric}, which it does not show`);
      if (typeof over === "string") assert(peers.includes(over), `${name} is not run on ${over}`);
      if (typeof over === "object") rowNamed(over.row);
    }
  }
});

Deno.test("the targets of speed are the goals of rows", () => {
  const goal = (name: string) =>
    rowNamed(name).goals.find(({ metric }) => metric === "rate")?.value;
  assertEquals(["set-p1", "set-p16", "set-p64"].map(goal), [1, 2, 2.5]);
  assertEquals(["get-p1", "get-p16", "get-p64"].map(goal), [1.05, 1.5, 2]);
  for (const test of ["incr", "exists", "del", "setex", "mset", "mget", "set-1k", "get-1k"]) {
    assertEquals([1, 16, 64].map((depth) => goal(`${test}-p${depth}`)), [1, 1.5, 1.5], test);
  }
  assertEquals(["get-10m-p1", "get-10m-p16", "get-10m-p64"].map(goal), [1, 1.7, 2]);
  assertEquals(["set-always-p1", "set-always-p16"].map(goal), [1.5, 2]);
  for (const { name, group, goals } of workloads) {
    if (group !== "speed") continue;
    const others = goals.map(({ metric, value }) => `${metric} ${value}`);
    assert(others.includes("p999Ms 1") && others.includes("pauseMs 5"), name);
  }
});

Deno.test("the other targets are goals of rows", () => {
  const goals = (name: string) =>
    rowNamed(name).goals.map(({ metric, comparison, value }) => `${metric} ${comparison} ${value}`);
  assertEquals(goals("footprint"), ["indexPerKey <= 17", "memoryPerKey <= 0.75"]);
  assert(goals("overwriting").includes("fileRatioMax <= 2"));
  assertEquals(goals("start-up"), ["wallMs <= 1.3"]);
  assertEquals(goals("ready"), ["readyMs <= 100", "residentBytes <= 90000000"]);
  assertEquals(goals("idle"), ["wakeupsInAll <= 10"]);
  assertEquals(goals("restart-stop"), ["readyMs <= 100"]);
  assertEquals(goals("restart-kill"), ["readyMs <= 100"]);
  assertEquals(goals("rebuild"), ["readyMs <= 5000", "readyMs <= 1", "readyMs <= 1"]);
  assert(goals("expiry").includes("lateP99Ms <= 10"));
  assertEquals(goals("reader-get"), ["rate >= 2000000", "rate >= 1.5"]);
  assertEquals(goals("growth-50m"), ["setNs <= 3", "getNs <= 3"]);
});

Deno.test("rows are chosen by name or group; without one, the targets of speed and cost", () => {
  const names = (list: readonly string[]) => select(list, false).map(({ name }) => name);
  assertEquals(names(["get-p1", "set-p1"]), ["set-p1", "get-p1"]);
  assertEquals(names(["ycsb"]).length, 8);
  const chosen = select([], false);
  assertEquals([...new Set(chosen.map(({ group }) => group))], ["speed", "cost"]);
  assertEquals(select([], true), workloads);
  assertThrows(() => select(["set-p2"], false), BenchError, "'set-p2'");
});

Deno.test("what is measured without a name takes about half an hour, and less in shorter runs", () => {
  const rows = select([], false);
  const secondsInAll = (runSeconds: number) =>
    rows.reduce((sum, row) => sum + secondsOf(row, { rounds: 5, runSeconds }, row.peers.length), 0);
  const usual = secondsInAll(2);
  assert(usual > 1200 && usual < 1800, `${usual} s`);
  const runs = rows.filter(({ seconds }) => seconds.runs !== undefined).length;
  assert(usual - secondsInAll(1) >= runs * 2 * 5, "each run of both sides is a second shorter");
  assertEquals(durationText(61), "about 61 seconds");
  assertEquals(durationText(600), "about 10 minutes");
});

Deno.test("only the programs that rows need have to be installed", () => {
  const rows = (names: readonly string[]) => select(names, false);
  const all = () => true;
  assertEquals([...toolsFor(rows(["set-p1"]), all)], ["redis-server", "redis-benchmark"]);
  assertEquals([...toolsFor(rows(["set-p1"]), isOurs)], ["redis-benchmark"]);
  assertEquals([...toolsFor(rows(["get-zipfian"]), all)], ["redis-server", "memcached"]);
  assertEquals([...toolsFor(rows(["embedded-get", "start-up"]), all)], []);
});

Deno.test("a row that takes long has few rounds, however many are asked for", () => {
  assertEquals(roundsOf(rowNamed("expiry"), 5), 1);
  assertEquals(roundsOf(rowNamed("set-p1"), 5), 5);
});

Deno.test("the list has a line for each row and each group", () => {
  const groups = new Set(workloads.map(({ group }) => group));
  assertEquals(listRows().length, workloads.length + groups.size);
});

Deno.test("of command lines that differ in their number of requests the last is kept", () => {
  assertEquals(
    withoutTrials([
      "redis-benchmark -s kv.sock -n 200 -t set",
      "redis-benchmark -s kv.sock -n 1200 -t set",
      "redis-benchmark -s redis.sock -n 300 -t set",
      "kv serve",
    ]),
    [
      "redis-benchmark -s kv.sock -n 1200 -t set",
      "redis-benchmark -s redis.sock -n 300 -t set",
      "kv serve",
    ],
  );
});
