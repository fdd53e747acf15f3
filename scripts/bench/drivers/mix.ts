/** Requests by our own generator, in a process of its own. */
import { dirname, fromFileUrl, join } from "@std/path";
import { BenchError } from "../bench_error.ts";
import type { Driver } from "../context.ts";
import type { LoadOptions, LoadReport } from "../load/generator.ts";
import { resized } from "../quick.ts";
import type { MixRun } from "../workload.ts";
import { settled } from "./requests.ts";

const generator = join(dirname(dirname(fromFileUrl(import.meta.url))), "load", "generator.ts");
const runLimitMs = 120_000;
const warmUpSeconds = 0.3;
/** The same keys in the same order for every server, and in every run. */
const seed = 1;

export const measureMix: Driver<MixRun> = async (run, side, context) => {
  const dataset = resized(run.dataset, context.isQuick);
  const { server } = await context.pool.acquire(side, dataset, run.sync);
  const { mix, distribution, pipeline, connections } = run;
  const { keys, valueBytes } = dataset;
  const load = async (seconds: number): Promise<LoadReport> => {
    const options: LoadOptions = {
      socket: server.socket,
      protocol: server.peer === "memcached" ? "memcached" : "redis",
      ...{ mix, distribution, keys, valueBytes, connections, pipeline, seconds, seed },
    };
    const script = ["run", "-A", "--no-check", "--quiet", generator, JSON.stringify(options)];
    const { stdout } = await server.run("deno", script, {
      path: Deno.execPath(),
      limitMs: runLimitMs,
    });
    const report: LoadReport = JSON.parse(stdout);
    if (report.missing > 0) {
      throw new BenchError(`Cannot measure ${side.label}: ${report.missing} keys were not found`);
    }
    return report;
  };
  await load(Math.min(warmUpSeconds, context.runSeconds));
  return settled(server, () => Promise.resolve(() => load(context.runSeconds)));
};
