/** The wall time of `kv get foo`, beside that of a program that does nothing but print a line. */
import { join } from "@std/path";
import { findBaseRuntime } from "../../build/base_runtime.ts";
import { compile } from "../../build.ts";
import { BenchError } from "../bench_error.ts";
import { type Driver, type Measurement, measurement } from "../context.ts";
import { dispose, startEmpty } from "../server_pool.ts";
import { median } from "../statistics.ts";
import type { Run } from "../workload.ts";

const line = 'console.log("bar");\n';

export const measureStartUp: Driver<Run & { kind: "start-up" }> = async (run, side, context) => {
  const { processes } = context;
  if (side.peer === "program") {
    const folder = await context.makeFolder("program");
    const path = join(folder, "program");
    context.progress("compiling a program that prints a line");
    await Deno.writeTextFile(join(folder, "main.ts"), line);
    await compile(join(folder, "main.ts"), path, await findBaseRuntime());
    processes.note("program");
    return starts(path, [], run.times, () => Deno.remove(folder, { recursive: true }));
  }
  const server = await startEmpty(context, side);
  await server.ask("SET", "foo", "bar");
  processes.note("kv --socket kv.sock get foo");
  const args = ["--socket", server.socketPath, "get", "foo"];
  return starts(side.kvPath, args, run.times, () => dispose(server));
};

function starts(
  path: string,
  args: readonly string[],
  times: number,
  dispose: () => Promise<void>,
): Measurement {
  return measurement(() => {
    const all: number[] = [];
    for (let i = 0; i < times; i++) all.push(startOnce(path, args));
    return Promise.resolve({ figures: { wallMs: median(all) } });
  }, dispose);
}

/** From before the process is made until it was waited for: nothing else runs here meanwhile. */
function startOnce(path: string, args: readonly string[]): number {
  const command = new Deno.Command(path, { args: [...args], stdin: "null" });
  const started = performance.now();
  const { success, stdout } = command.outputSync();
  const ms = performance.now() - started;
  if (!success || new TextDecoder().decode(stdout) !== "bar\n") {
    throw new BenchError(`Cannot measure ${path}: it did not print what it should`);
  }
  return ms;
}
