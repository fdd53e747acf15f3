/** One run of the benchmark: row after row measured, told of, and kept if that is wanted. */
import { dirname, join } from "@std/path";
import { printChanges } from "./against/changes.ts";
import { type OtherCheckout, otherCheckout } from "./against/checkout.ts";
import { BenchError, exitStatus } from "./bench_error.ts";
import type { Equipment, RunContext } from "./context.ts";
import { describeMachine, type Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import type { Output } from "./output.ts";
import { writePages } from "./page/write.ts";
import { Processes, requireTools } from "./processes.ts";
import { projectRoot, resultsFile } from "./project.ts";
import { printMachine, printRow, printTitle, printVerdicts } from "./report.ts";
import { merge, readResults, resultsText, type RowResult } from "./results.ts";
import { measureRow, roundsOf } from "./runner.ts";
import { durationText, secondsOf, select, toolsFor } from "./selection.ts";
import { ServerPool } from "./server_pool.ts";
import type { Side } from "./side.ts";
import { ourSide } from "./verdicts.ts";
import { isOurs, type Workload } from "./workload.ts";
import { workloads } from "./workloads.ts";
import { Workplace } from "./workplace.ts";

/** Signals that end a program, by the number that its exit status shows. */
const endingSignals: readonly (readonly [Deno.Signal, number])[] = [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
];

/** A row, and who is measured in it. */
interface Plan {
  readonly workload: Workload;
  readonly sides: readonly Side[];
}

interface Session {
  readonly options: BenchOptions;
  readonly output: Output;
  readonly context: RunContext;
  readonly machine: Machine;
}

/** Measures what the command line asks for; resolves to the exit status. */
export async function runSession(options: BenchOptions, output: Output): Promise<number> {
  const rows = comparable(select(options.names, options.isAll), options);
  const tools = toolsFor(rows, options.against === undefined ? () => true : isOurs);
  requireTools(tools);
  await requireKv();
  using workplace = await Workplace.make();
  const processes = new Processes(
    (line) => output.print(output.styled(`  $ ${line}`, "faint")),
    [workplace.path, projectRoot],
  );
  const other = options.against === undefined
    ? undefined
    : await otherCheckout(options.against, output);
  endOnSignals(() => {
    output.clearProgress();
    processes.killAll();
    workplace[Symbol.dispose]();
    other?.removeNow();
  });
  try {
    const context = runContext(processes, workplace, options, output);
    await using _pool = context.pool;
    const { fileSystem } = workplace;
    const kvPath = join(projectRoot, "kv");
    const machine = await describeMachine(processes, { kvPath, fileSystem, tools });
    const plans = rows.map((workload) => ({ workload, sides: sidesOf(workload, other) }));
    return await measurePlans(plans, { options, output, context, machine });
  } finally {
    await other?.remove();
  }
}

async function measurePlans(plans: readonly Plan[], session: Session): Promise<number> {
  const { options, output, machine } = session;
  printMachine(output, machine);
  const seconds = plans.reduce(
    (sum, { workload, sides }) => sum + secondsOf(workload, options, sides.length),
    0,
  );
  printTitle(output, `${plans.length} rows, ${options.isQuick ? "quick" : durationText(seconds)}`);
  const measured: RowResult[] = [];
  for (const [i, plan] of plans.entries()) {
    const row = await measurePlan(plan, `${i + 1} of ${plans.length}`, session);
    if (row === undefined) continue;
    measured.push(row);
    if (options.against !== undefined) printChanges(output, plan.workload, row);
    else printRow(output, plan.workload, row, { version: 1, rows: measured });
    if (options.isSaved) await keep(row);
  }
  if (options.jsonPath) {
    await Deno.writeTextFile(options.jsonPath, `${JSON.stringify(measured, null, 2)}\n`);
  }
  if (options.isSaved) await writePages();
  if (measured.length < plans.length) return exitStatus.failed;
  if (options.against !== undefined) return exitStatus.measured;
  const rows = plans.map(({ workload }) => workload);
  const missed = printVerdicts(output, rows, { version: 1, rows: measured });
  return options.isStrict && missed > 0 ? exitStatus.goalMissed : exitStatus.measured;
}

/** Undefined, and told of, when it fails: the other rows are worth measuring all the same. */
async function measurePlan(
  { workload, sides }: Plan,
  place: string,
  { context, machine, options, output }: Session,
): Promise<RowResult | undefined> {
  try {
    return await measureRow(workload, sides, {
      ...{ context, machine, rounds: options.rounds },
      onRun: ({ title }, { label }, round, rounds) =>
        output.progress(`${place}: ${title}, round ${round + 1} of ${rounds}, ${label}`),
    });
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    output.print();
    output.print(
      `${output.styled(workload.title, "bold")}  ${output.styled(error.message, "bad")}`,
    );
    await context.pool.clear();
    return undefined;
  }
}

function runContext(
  processes: Processes,
  workplace: Workplace,
  { isQuick, runSeconds }: BenchOptions,
  output: Output,
): RunContext {
  const equipment: Equipment = {
    processes,
    makeFolder: (name) => workplace.makeFolder(name),
    progress: (text, share) => output.progress(text, share),
  };
  return {
    ...equipment,
    pool: new ServerPool(equipment),
    isQuick,
    runSeconds,
  };
}

/** Who is measured in a row: its peers, or two checkouts of kv. */
function sidesOf(workload: Workload, other: OtherCheckout | undefined): Side[] {
  const ours = { root: projectRoot, kvPath: join(projectRoot, "kv") };
  if (other === undefined) return workload.peers.map((peer) => ({ label: peer, peer, ...ours }));
  const peer = ourSide(workload);
  const { root, kvPath } = other;
  return [{ label: "this", peer, ...ours }, { label: "other", peer, root, kvPath }];
}

/** Unless they are named, rows that are measured once are left out when checkouts are compared. */
function comparable(
  rows: readonly Workload[],
  { against, names }: BenchOptions,
): readonly Workload[] {
  if (against === undefined || names.length > 0) return rows;
  return rows.filter((row) => roundsOf(row, 2) > 1);
}

async function keep(row: RowResult): Promise<void> {
  const merged = merge(await readResults(resultsFile), [row], workloads.map(({ name }) => name));
  await Deno.mkdir(dirname(resultsFile), { recursive: true });
  await Deno.writeTextFile(resultsFile, resultsText(merged));
}

async function requireKv(): Promise<void> {
  try {
    await Deno.stat(join(projectRoot, "kv"));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new BenchError("Cannot measure ./kv: it is not there; make it with `deno task build`");
  }
}

/** Nothing is left behind by a benchmark that is broken off: no server, no folder. */
function endOnSignals(cleanUp: () => void): void {
  for (const [signal, number] of endingSignals) {
    Deno.addSignalListener(signal, () => {
      try {
        cleanUp();
      } finally {
        Deno.exit(128 + number);
      }
    });
  }
}
