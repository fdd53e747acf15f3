/** Requests by redis-benchmark, to a server that was filled: rates, latencies, what they cost. */
import type { BenchServer } from "../bench_server.ts";
import { type Driver, type Measurement, measurement } from "../context.ts";
import { loadKeys } from "../key_loader.ts";
import type { Figures } from "../metrics.ts";
import type { Pauses } from "../process_facts.ts";
import { resized } from "../quick.ts";
import { type RequestsRun, writingFactor } from "../workload.ts";
import { requestsFor } from "./pacing.ts";
import { type BenchmarkRun, runBenchmark } from "./redis_benchmark.ts";

export const measureRequests: Driver<RequestsRun> = async (run, side, context) => {
  const dataset = resized(run.dataset, context.isQuick);
  const { server } = await context.pool.acquire(side, dataset, run.sync);
  const { request, pipeline, connections, refill } = run;
  const options = { request, dataset, pipeline, connections };
  const first = Math.max(connections * pipeline * 4, 100);
  const wanted = await requestsFor(
    context.runSeconds * (run.isWriting ? writingFactor : 1),
    first,
    async (requests) => (await runBenchmark(server, { ...options, requests })).requestsPerSecond,
  );
  const requests = Math.min(wanted, refill?.requestsMax ?? Infinity);
  return settled(server, async () => {
    if (refill) {
      await loadKeys(
        server,
        dataset,
        (share) => context.progress(`refilling ${side.label}`, share),
      );
      await server.settle();
    }
    return () => runBenchmark(server, { ...options, requests });
  });
};

/** What any load generator tells of a run. */
type LoadRun = Omit<BenchmarkRun, "seconds">;

/**
 * A measurement of runs by a load generator: `prepare` makes one ready and returns it. The server's time
 * counts until it has come to rest.
 */
export function settled(
  server: BenchServer,
  prepare: () => Promise<() => Promise<LoadRun>>,
): Measurement {
  return measurement(async () => {
    const run = await prepare();
    await server.resetPauses();
    const before = server.processorSeconds();
    const loaded = await run();
    await server.settle();
    const processorPerMillion = (server.processorSeconds() - before) / loaded.requests * 1e6;
    const figures: Figures = {
      ...loadFigures(loaded),
      processorPerMillion,
      ...await pauseFigures(server),
      residentBytes: server.residentMemory().resident,
    };
    return { figures, curve: loaded.curve };
  });
}

export function loadFigures(run: LoadRun): Figures {
  const { requestsPerSecond, p50Ms, p99Ms, p999Ms, maxMs, generatorShare } = run;
  return { rate: requestsPerSecond, p50Ms, p99Ms, p999Ms, maxMs, generatorShare };
}

/** kv's own count of pauses since the last reset; nothing of the others. */
export async function pauseFigures(server: BenchServer): Promise<Figures> {
  const pauses = await server.pauses();
  return pauses === undefined ? {} : figuresOfPauses(pauses);
}

export function figuresOfPauses({ longestMs, longestOwnMs, aboveFiveMs }: Pauses): Figures {
  return { pauseMs: longestMs, ownPauseMs: longestOwnMs, pausesAbove5: aboveFiveMs };
}
