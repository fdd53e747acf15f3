/** Which rows are measured, and the table for `--list`. */
import { goalText } from "./goals.ts";
import { usageError } from "./options.ts";
import { roundsOf } from "./runner.ts";
import type { Cell, Column } from "./table.ts";
import { type PeerName, peerTitles, type Run, type Workload } from "./workload.ts";
import { defaultGroups, workloads } from "./workloads.ts";

/** The rows with these names, or of these groups, in the order of the table. */
export function select(names: readonly string[], isAll: boolean): readonly Workload[] {
  if (isAll) return workloads;
  const wanted = new Set(names.length === 0 ? defaultGroups : names);
  const known = new Set(workloads.flatMap(({ name, group }) => [name, group]));
  for (const name of wanted) {
    if (!known.has(name)) throw usageError(`nothing to measure is called '${name}': see --list`);
  }
  return workloads.filter(({ name, group }) => wanted.has(name) || wanted.has(group));
}

/** Programs that have to be there for these rows. */
export function toolsFor(
  rows: readonly Workload[],
  takesPart: (peer: PeerName) => boolean,
): Set<string> {
  const tools = new Set<string>();
  for (const { run, peers: those } of rows) {
    const present = those.filter(takesPart);
    if (present.some((peer) => peer.startsWith("redis"))) tools.add("redis-server");
    if (present.includes("memcached")) tools.add("memcached");
    if (usesRedisBenchmark(run)) tools.add("redis-benchmark");
  }
  return tools;
}

function usesRedisBenchmark(run: Run): boolean {
  if (run.kind === "embedded") return run.besideServer !== undefined;
  return !["mix", "start-up", "ready", "idle", "footprint", "standstill"].includes(run.kind);
}

/** How long a row takes, about, in seconds, when a run of requests takes `runSeconds`. */
export function secondsOf(
  workload: Workload,
  { rounds, runSeconds }: { readonly rounds: number; readonly runSeconds: number },
  sides: number,
): number {
  const { before, round, runs = 0 } = workload.seconds;
  return sides * (before + (round + runs * runSeconds) * roundsOf(workload, rounds));
}

/** "about 9 minutes" */
export function durationText(seconds: number): string {
  return seconds < 90
    ? `about ${Math.ceil(seconds)} seconds`
    : `about ${Math.round(seconds / 60)} minutes`;
}

export const listColumns: readonly Column[] = [
  { title: "name", align: "left" },
  { title: "what", align: "left" },
  { title: "against", align: "left" },
  { title: "goal", align: "left" },
];

/** The table, a heading before each group. */
export function listRows(): (readonly (string | Cell)[])[] {
  let group = "";
  return workloads.flatMap((workload) => {
    const { name, title, peers, goals } = workload;
    const against = peers.slice(1).map((peer) => peerTitles[peer]).join(", ");
    const [goal] = goals;
    const row = [`  ${name}`, title, against, goal ? goalText(goal) : ""];
    if (workload.group === group) return [row];
    group = workload.group;
    return [[{ text: group, style: "bold" } as const], row];
  });
}
