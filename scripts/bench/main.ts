/**
 * Measures kv against other stores with equal durability, on this machine, all sides in turn; or this
 * checkout of kv against another one.
 *
 *     deno task bench [NAME ...] [--rounds N] [--save] [--against CHECKOUT]
 *
 * Only the ratios mean something beyond this machine, and only on one without other load.
 */
import { join, resolve } from "@std/path";
import { otherCheckout } from "./against/checkout.ts";
import { printChanges } from "./against/changes.ts";
import { BenchError, exitStatus } from "./bench_error.ts";
import type { RunContext } from "./context.ts";
import { describeMachine } from "./machine.ts";
import { type BenchOptions, parseOptions, usage } from "./options.ts";
import { Output } from "./output.ts";
import { writePages } from "./page/write.ts";
import { Processes, requireTools } from "./processes.ts";
import { projectRoot, resultsFile } from "./project.ts";
import { printMachine, printRow, printTitle, printVerdicts } from "./report.ts";
import { merge, readResults, resultsText, type RowResult } from "./results.ts";
import { measureRow, roundsOf } from "./runner.ts";
import { durationText, listColumns, listRows, secondsOf, select, toolsFor } from "./selection.ts";
import { ServerPool } from "./server_pool.ts";
import type { Side } from "./side.ts";
import { printTable } from "./table.ts";
import { isOurs, type Workload } from "./workload.ts";
import { workloads } from "./workloads.ts";
import { Workplace } from "./workplace.ts";

/** A run of requests: long enough for the ticks of 10 ms, short enough for load to stay alike. */
const runSeconds = 0.7;
const quickRunSeconds = 0.1;

/** Signals that end a program, by the number that its exit status shows. */
const endingSignals: readonly (readonly [Deno.Signal, number])[] = [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
];

/** Measures; resolves to the exit status. */
async function bench(options: BenchOptions, output: Output): Promise<number> {
  const rows = comparable(select(options.names, options.isAll), options);
  const peers = new Set(rows.flatMap((row) => sidesOf(row, options, kvOf(projectRoot))))
    .values().map(({ peer }) => peer);
  const tools = toolsFor(rows, new Set(peers));
  requireTools(tools);
  await requireKv();
  // Now, and not after all that work.
  const jsonPath = options.jsonPath && await writableFile(options.jsonPath);
  using workplace = await Workplace.make();
  const hidden = [workplace.path, projectRoot];
  const processes = new Processes(
    (line) => output.print(output.styled(`  $ ${line}`, "faint")),
    hidden,
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
    printMachine(output, machine);
    const planned = rows.map((row) => sidesOf(row, options, kvOf(projectRoot), other));
    const seconds = rows.map((row, i) => secondsOf(row, options.rounds, planned[i].length));
    const inAll = seconds.reduce((sum, each) => sum + each, 0);
    printTitle(output, `${rows.length} rows, ${options.isQuick ? "quick" : durationText(inAll)}`);
    const measured: RowResult[] = [];
    let failures = 0;
    for (const [i, workload] of rows.entries()) {
      const done = `${i + 1} of ${rows.length}`;
      const row = await measureRow(workload, planned[i], {
        ...{ context, machine, rounds: options.rounds },
        onRun: ({ title }, { label }, round, rounds) =>
          output.progress(`${done}: ${title}, round ${round + 1} of ${rounds}, ${label}`),
      }).catch((error) => {
        if (!(error instanceof BenchError)) throw error;
        return error;
      });
      if (row instanceof BenchError) {
        // The other rows are worth measuring all the same.
        failures++;
        output.print();
        output.print(
          `${output.styled(workload.title, "bold")}  ${output.styled(row.message, "bad")}`,
        );
        await context.pool.clear();
        continue;
      }
      measured.push(row);
      if (other === undefined) printRow(output, workload, row, { version: 1, rows: measured });
      else printChanges(output, workload, row);
      if (options.isSaved) await keep([row]);
    }
    if (jsonPath) await Deno.writeTextFile(jsonPath, `${JSON.stringify(measured, null, 2)}\n`);
    if (options.isSaved) await writePages();
    if (failures > 0) return exitStatus.failed;
    if (other !== undefined) return exitStatus.measured;
    const missed = printVerdicts(output, rows, { version: 1, rows: measured });
    return options.isStrict && missed > 0 ? exitStatus.goalMissed : exitStatus.measured;
  } finally {
    await other?.remove();
  }
}

function runContext(
  processes: Processes,
  workplace: Workplace,
  { isQuick }: BenchOptions,
  output: Output,
): RunContext {
  const context = {
    processes,
    isQuick,
    runSeconds: isQuick ? quickRunSeconds : runSeconds,
    makeFolder: (name: string) => workplace.makeFolder(name),
    progress: (text: string, share?: number) => output.progress(text, share),
  };
  const pool: ServerPool = new ServerPool({
    ...context,
    get pool() {
      return pool;
    },
  });
  return { ...context, pool };
}

type Checkout = Pick<Side, "kvPath" | "root">;

function kvOf(root: string): Checkout {
  return { root, kvPath: join(root, "kv") };
}

/** Who is measured in a row: its peers, or two checkouts of kv. */
function sidesOf(
  workload: Workload,
  { against }: BenchOptions,
  ours: Checkout,
  other?: Checkout,
): Side[] {
  if (against === undefined) {
    return workload.peers.map((peer) => ({ label: peer, peer, ...ours }));
  }
  const peer = workload.peers.find(isOurs)!;
  return [
    { label: "this", peer, ...ours },
    { label: "other", peer, ...(other ?? ours) },
  ];
}

/** Rows that one round says nothing about are left out when checkouts are compared. */
function comparable(
  rows: readonly Workload[],
  { against, names }: BenchOptions,
): readonly Workload[] {
  if (against === undefined || names.length > 0) return rows;
  return rows.filter((row) => roundsOf(row, 2) > 1);
}

async function keep(rows: readonly RowResult[]): Promise<void> {
  const names = workloads.map(({ name }) => name);
  const merged = merge(await readResults(resultsFile), rows, names);
  await Deno.mkdir(join(resultsFile, ".."), { recursive: true });
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

/** The file's full path. A task runs in the project's folder: the user's own one is in INIT_CWD. */
async function writableFile(path: string): Promise<string> {
  const fullPath = resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), path);
  try {
    await Deno.writeTextFile(fullPath, "", { append: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BenchError(`Cannot write ${path}: ${why}`);
  }
  return fullPath;
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

/** Does what the command line asks for; resolves to the exit status. */
async function run(args: readonly string[], output: Output): Promise<number> {
  const options = parseOptions(args);
  if (options.isHelp) {
    output.print(usage.trimEnd());
  } else if (options.isList) {
    printTable(output, listColumns, listRows());
  } else if (options.isPageOnly) {
    await writePages();
  } else {
    return await bench(options, output);
  }
  return exitStatus.measured;
}

if (import.meta.main) {
  const output = new Output();
  try {
    // The listeners for signals would keep it alive.
    Deno.exit(await run(Deno.args, output));
  } catch (error) {
    output.clearProgress();
    if (!(error instanceof BenchError)) throw error;
    console.error(`bench: ${error.message}`);
    Deno.exit(error.status);
  }
}
