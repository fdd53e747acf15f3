/** Measures rows: each side of a row made ready, then the sides in turn, round after round. */
import type { Measurement, RunContext } from "./context.ts";
import { prepare } from "./drivers/drivers.ts";
import type { Machine } from "./machine.ts";
import { type RowResult, type Sample, sideResult } from "./results.ts";
import type { Side } from "./side.ts";
import type { Workload } from "./workload.ts";

export interface RunnerOptions {
  readonly context: RunContext;
  readonly machine: Machine;
  readonly rounds: number;
  /** Called before each run of a side. */
  readonly onRun: (workload: Workload, side: Side, round: number, rounds: number) => void;
}

/** How often a row is measured. */
export function roundsOf(workload: Workload, rounds: number): number {
  return Math.min(rounds, workload.roundsMax ?? Infinity);
}

/** Measures one row: A B A B ... */
export async function measureRow(
  workload: Workload,
  sides: readonly Side[],
  options: RunnerOptions,
): Promise<RowResult> {
  const { context, machine, onRun } = options;
  const rounds = roundsOf(workload, options.rounds);
  const measurements: Measurement[] = [];
  const samples: Sample[][] = sides.map(() => []);
  const measuredAt = new Date().toISOString();
  context.processes.takeRecentLines();
  try {
    for (const side of sides) measurements.push(await prepare(workload.run, side, context));
    for (let round = 0; round < rounds; round++) {
      for (const [i, side] of sides.entries()) {
        onRun(workload, side, round, rounds);
        samples[i].push(await measurements[i].measure());
      }
    }
  } finally {
    for (const each of measurements.reverse()) await each[Symbol.asyncDispose]();
  }
  const [main] = workload.shows;
  return {
    name: workload.name,
    measuredAt,
    isQuick: context.isQuick,
    machine,
    sides: Object.fromEntries(sides.map(({ label }, i) => [label, sideResult(samples[i], main)])),
    commandLines: withoutTrials(context.processes.takeRecentLines()),
  };
}

/** Of command lines that differ in the number of requests only, the last: those before it were trials. */
export function withoutTrials(lines: readonly string[]): string[] {
  const byShape = new Map<string, string>();
  for (const line of lines) {
    const shape = line.replace(/ -n \d+/, " -n").replace(/"seconds":[\d.]+/, "");
    byShape.set(shape, line);
  }
  return [...byShape.values()];
}
