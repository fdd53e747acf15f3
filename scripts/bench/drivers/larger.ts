/** A store of several times the memory that the server may use, in a control group with a limit. */
import { join } from "@std/path";
import { BenchError } from "../bench_error.ts";
import { type Driver, measurement } from "../context.ts";
import { resized } from "../quick.ts";
import { dispose, startEmpty } from "../server_pool.ts";
import type { Run } from "../workload.ts";
import { spaceOf } from "./overwriting.ts";
import { runBenchmark } from "./redis_benchmark.ts";
import { pauseFigures } from "./requests.ts";

/** The group's memory is this share of the values' bytes, and no less than a server needs. */
const memoryShare = 1 / 4;
const memoryMin = 160 * 2 ** 20;
const operations = 300_000;

export const measureLarger: Driver<Run & { kind: "larger" }> = async (run, side, context) => {
  const dataset = resized(run.dataset, context.isQuick);
  await context.pool.clear();
  const memory = Math.max(memoryMin, Math.floor(dataset.keys * dataset.valueBytes * memoryShare));
  const group = await ControlGroup.make(`kv-bench-${Deno.pid}`, memory);
  try {
    const server = await startEmpty(context, side);
    await group.add(server.pid);
    return measurement(async () => {
      const load = { dataset, pipeline: 16, connections: 50 };
      const rateOf = async (request: string, requests: number) =>
        (await runBenchmark(server, { ...load, request, requests })).requestsPerSecond;
      const loadRate = await rateOf("set", dataset.keys);
      const requests = context.isQuick ? operations / 100 : operations;
      const getRate = await rateOf("get", requests);
      const setRate = await rateOf("set", requests);
      const { ratio, fileBytes } = await spaceOf(server);
      const figures = { loadSeconds: dataset.keys / loadRate, getRate, setRate };
      return {
        figures: { ...figures, fileRatio: ratio, fileBytes, ...await pauseFigures(server) },
      };
    }, async () => {
      await dispose(server);
      await group[Symbol.asyncDispose]();
    });
  } catch (error) {
    await group[Symbol.asyncDispose]();
    throw error;
  }
};

/** A control group of this machine, of version 1 or 2, that limits memory. Making one needs root. */
class ControlGroup implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static async make(name: string, memoryBytes: number): Promise<ControlGroup> {
    const root = "/sys/fs/cgroup";
    const isFirst = await exists(join(root, "memory", "memory.limit_in_bytes"));
    const path = isFirst ? join(root, "memory", name) : join(root, name);
    try {
      await Deno.mkdir(path);
      const file = isFirst ? "memory.limit_in_bytes" : "memory.max";
      await Deno.writeTextFile(join(path, file), String(memoryBytes));
    } catch (error) {
      throw new BenchError(`Cannot limit memory by ${path}: ${error}; it takes root`);
    }
    return new ControlGroup(path);
  }

  /** What the process takes from now on counts. */
  async add(pid: number): Promise<void> {
    await Deno.writeTextFile(join(this.#path, "cgroup.procs"), String(pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path); // Its processes have ended.
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
