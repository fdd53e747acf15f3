/** What an operation and a key cost, with so many keys. */
import type { BenchServer } from "../bench_server.ts";
import { type Driver, measurement } from "../context.ts";
import { infoNumber } from "../process_facts.ts";
import { resized } from "../quick.ts";
import type { Dataset, Run } from "../workload.ts";
import { diskBytes } from "./footprint.ts";
import { runBenchmark } from "./redis_benchmark.ts";

const requests = 3_000_000;
const quickRequests = 100_000;

export const measureGrowth: Driver<Run & { kind: "growth" }> = async (run, side, context) => {
  const dataset = resized(run.dataset, context.isQuick);
  const { server } = await context.pool.acquire(side, dataset, "everysec");
  const count = context.isQuick ? quickRequests : requests;
  // The runtime compiles what it runs often; the first figures must not pay for that.
  for (const request of ["set", "get"]) await costOf(server, request, dataset, quickRequests);
  return measurement(async () => {
    const set = await costOf(server, "set", dataset, count);
    const get = await costOf(server, "get", dataset, count);
    const indexBytes = infoNumber(await server.info(), "store_index_bytes");
    return {
      figures: {
        ...{ setNs: set.ns, getNs: get.ns, setRate: set.rate, getRate: get.rate },
        ...(indexBytes === undefined ? {} : { indexPerKey: indexBytes / dataset.keys }),
        filePerKey: await diskBytes(server.folder) / dataset.keys,
        ownBytes: server.residentMemory().anonymous,
      },
    };
  });
};

async function costOf(
  server: BenchServer,
  request: string,
  dataset: Dataset,
  requests: number,
): Promise<{ readonly ns: number; readonly rate: number }> {
  const before = server.processorSeconds();
  const load = { request, dataset, pipeline: 16, connections: 50, requests };
  const { requestsPerSecond } = await runBenchmark(server, load);
  await server.settle();
  const ns = (server.processorSeconds() - before) / requests * 1e9;
  return { ns, rate: requestsPerSecond };
}
