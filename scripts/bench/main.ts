/**
 * Measures kv against redis-server with equal durability, on this machine, the two in turn.
 *
 *     deno task bench [--quick] [--rounds N] [--json FILE]
 *
 * Only the ratios mean something beyond this machine, and only on one without other load.
 */
import { dirname, fromFileUrl, join, resolve } from "@std/path";
import { BenchError, exitStatus } from "./bench_error.ts";
import { describeMachine } from "./machine.ts";
import { measureMemory } from "./memory.ts";
import { type BenchOptions, parseOptions, usage } from "./options.ts";
import { Output } from "./output.ts";
import { Processes, requireTools } from "./processes.ts";
import { printMachine, printMemory, printThroughput, printTitle, printVerdict } from "./report.ts";
import { measureThroughput, summarizeRow } from "./throughput.ts";
import { Workplace } from "./workplace.ts";

const kvPath = join(dirname(dirname(dirname(fromFileUrl(import.meta.url)))), "kv");

/** Signals that end a program, by the number that its exit status shows. */
const endingSignals: readonly (readonly [Deno.Signal, number])[] = [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
];

async function bench(options: BenchOptions, output: Output): Promise<void> {
  const startedAt = new Date().toISOString();
  requireTools();
  await requireKv();
  // Now, and not after all that work.
  const jsonPath = options.jsonPath === undefined
    ? undefined
    : await writableFile(options.jsonPath);
  const processes = new Processes((line) => output.print(output.styled(`  $ ${line}`, "faint")));
  using workplace = await Workplace.make();
  endOnSignals(() => {
    output.clearProgress();
    processes.killAll();
    workplace[Symbol.dispose]();
  });
  printTitle(output, "Command lines, each when it is first run");
  const { fileSystem } = workplace;
  const machine = await describeMachine(processes, { kvPath, fileSystem });

  const { rounds, isQuick } = options;
  const folder = await workplace.makeFolder("throughput");
  const rows = await measureThroughput(processes, { folder, kvPath, rounds, isQuick, output });
  const folders = {
    kv: await workplace.makeFolder("memory-kv"),
    redis: await workplace.makeFolder("memory-redis"),
  };
  const memory = await measureMemory(processes, { folders, kvPath, output });

  const summaries = rows.map(summarizeRow);
  printMachine(output, machine, workplace.path);
  printThroughput(output, summaries, { rounds, isQuick });
  printMemory(output, memory);
  printVerdict(output, summaries, memory);
  if (jsonPath !== undefined) {
    const throughput = rows.map((row, i) => ({ ...row, summary: summaries[i] }));
    const { commandLines } = processes;
    const all = { startedAt, rounds, isQuick, machine, commandLines, throughput, memory };
    await Deno.writeTextFile(jsonPath, `${JSON.stringify(all, null, 2)}\n`);
  }
}

async function requireKv(): Promise<void> {
  try {
    await Deno.stat(kvPath);
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

if (import.meta.main) {
  const output = new Output();
  try {
    const options = parseOptions(Deno.args);
    if (options.isHelp) {
      output.print(usage.trimEnd());
    } else {
      await bench(options, output);
    }
    // The listeners for signals would keep it alive.
    Deno.exit(exitStatus.measured);
  } catch (error) {
    output.clearProgress();
    if (!(error instanceof BenchError)) throw error;
    console.error(`bench: ${error.message}`);
    Deno.exit(error.status);
  }
}
