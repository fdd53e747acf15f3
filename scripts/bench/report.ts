/** The results for people, on a terminal or in a file. */
import type { Machine } from "./machine.ts";
import { formatFigure, metrics } from "./metrics.ts";
import type { Output } from "./output.ts";
import { figureOf, type Results, type RowResult, valuesOf } from "./results.ts";
import { ratioOfRuns } from "./statistics.ts";
import { type Cell, type Column, printTable } from "./table.ts";
import { ourSide, type Verdict, verdictsOf } from "./verdicts.ts";
import { isOurs, type PeerName, peerTitles, type Workload } from "./workload.ts";

const busyMachineLoad = 0.3;

export function printTitle(output: Output, title: string): void {
  output.print();
  output.print(output.styled(title, "bold"));
  output.print();
}

/** What figures belong to: facts with their names. */
export function machineFacts(machine: Machine): (readonly [name: string, text: string])[] {
  const { processor, cores, memoryBytes, kernel, fileSystem, loadAverage, versions } = machine;
  return [
    ["processor", `${processor}, ${cores} ${cores === 1 ? "core" : "cores"}`],
    ["memory", `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`],
    ["kernel", kernel],
    ["file system", fileSystem],
    [
      "load before",
      `${loadAverage.toFixed(2)}${loadAverage > busyMachineLoad ? ", so figures are rough" : ""}`,
    ],
    ["versions", Object.entries(versions).map(([name, text]) => `${name} ${text}`).join(", ")],
  ];
}

export function printMachine(output: Output, machine: Machine): void {
  printTitle(output, "Machine");
  const facts = machineFacts(machine);
  const width = Math.max(...facts.map(([name]) => name.length));
  for (const [name, text] of facts) {
    output.print(`  ${output.styled(name.padEnd(width), "faint")}  ${text}`);
  }
}

/** One row as it was measured: a line for each side, the ratios, the goals. */
export function printRow(
  output: Output,
  workload: Workload,
  row: RowResult,
  results: Results,
): void {
  const rounds = Math.max(...Object.values(row.sides).map((side) => side.rounds.length));
  output.print();
  output.print(
    `${output.styled(workload.title, "bold")}  ` +
      output.styled(`${workload.name}, ${rounds} ${rounds === 1 ? "round" : "rounds"}`, "faint"),
  );
  const shown = workload.shows.filter((name) =>
    Object.values(row.sides).some((side) => figureOf(side, name) !== undefined)
  );
  const columns: Column[] = [
    { title: "", align: "left" },
    ...shown.map((name) => ({ title: metrics[name].title, align: "right" } as const)),
  ];
  printTable(output, columns, [
    ...Object.entries(row.sides).map(([label, side]) => [
      peerTitles[label as PeerName] ?? label,
      ...shown.map((name) => formatFigure(name, figureOf(side, name))),
    ]),
    ...ratioRows(workload, row),
  ]);
  for (const verdict of verdictsOf(workload, row, results)) {
    output.print(`  ${verdictLine(output, verdict)}`);
  }
}

/** Ours over each other side's main figure, with the range over neighbouring runs. */
function ratioRows(workload: Workload, row: RowResult): Cell[][] {
  const [main] = workload.shows;
  const side = ourSide(workload);
  const subject = isOurs(side) ? "ours" : peerTitles[side];
  const ours = valuesOf(row.sides[side], main);
  return workload.peers.slice(1).flatMap((peer) => {
    const theirs = valuesOf(row.sides[peer], main);
    if (theirs.length === 0 || theirs.length !== ours.length) return [];
    const { ofMedians, ofPairs } = ratioOfRuns(ours, theirs);
    const range = ours.length === 1 ? "" : ` (${rangeText(ofPairs)})`;
    const title: Cell = { text: `${subject} / ${peerTitles[peer]}`, style: "faint" };
    return [[title, { text: `${ofMedians.toFixed(2)}${range}`, style: "bold" }]];
  });
}

export function rangeText({ min, max }: { readonly min: number; readonly max: number }): string {
  return `${min.toFixed(2)} to ${max.toFixed(2)}`;
}

function verdictLine(output: Output, { goalText, valueText, isMet }: Verdict): string {
  const word = output.styled(isMet ? "met" : "MISSED", isMet ? "good" : "bad");
  return `${goalText}: ${valueText}, ${word}`;
}

/** How many goals there are, and those that are missed. Returns how many these are. */
export function printVerdicts(
  output: Output,
  workloads: readonly Workload[],
  results: Results,
): number {
  const all = results.rows.flatMap((row) => {
    const workload = workloads.find(({ name }) => name === row.name);
    if (workload === undefined) return [];
    return verdictsOf(workload, row, results).map((verdict) => ({
      verdict,
      title: workload.title,
    }));
  });
  const missed = all.filter(({ verdict }) => !verdict.isMet);
  printTitle(output, `${all.length - missed.length} of ${all.length} goals met`);
  for (const { verdict, title } of missed) {
    output.print(`  ${title}: ${verdictLine(output, verdict)}`);
  }
  return missed.length;
}
