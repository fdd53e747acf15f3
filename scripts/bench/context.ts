/** What the drivers of workloads are given: programs, folders, progress, and how long to run. */
import type { Processes } from "./processes.ts";
import type { Sample } from "./results.ts";
import type { ServerPool } from "./server_pool.ts";
import type { Side } from "./side.ts";
import type { Run } from "./workload.ts";

/** What it takes to start servers. */
export interface Equipment {
  readonly processes: Processes;
  /** A new folder on the disk, with a short path. */
  makeFolder(name: string): Promise<string>;
  /** Tells people what is being done; `share` of it, 0 to 1, if known. */
  progress(text: string, share?: number): void;
}

export interface RunContext extends Equipment {
  readonly pool: ServerPool;
  /** Short runs of few keys, to see that all works: the figures are rough. */
  readonly isQuick: boolean;
  /** How long a run of requests takes. */
  readonly runSeconds: number;
}

/** A side of a row, made ready to be measured once in each round. */
export interface Measurement extends AsyncDisposable {
  measure(): Promise<Sample>;
}

/** Makes a side ready for a kind of run. */
export type Driver<R extends Run = Run> = (
  run: R,
  side: Side,
  context: RunContext,
) => Promise<Measurement>;

/** A measurement that leaves nothing behind. */
export function measurement(
  measure: () => Promise<Sample>,
  dispose: () => Promise<void> = () => Promise.resolve(),
): Measurement {
  return { measure, [Symbol.asyncDispose]: dispose };
}
