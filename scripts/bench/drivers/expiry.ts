/** How late keys go whose deadlines are spread over a minute, while clients set other keys. */
import { KeyValueClient } from "../../../src/client/key_value_client.ts";
import { sleep } from "../bench_server.ts";
import { type Driver, measurement } from "../context.ts";
import { type Chunk, loadKeys, sendChunks } from "../key_loader.ts";
import type { Figures } from "../metrics.ts";
import { infoNumber } from "../process_facts.ts";
import { median, quantile } from "../statistics.ts";
import { dispose, startEmpty } from "../server_pool.ts";
import type { Dataset, Run } from "../workload.ts";
import { runBenchmark } from "./redis_benchmark.ts";
import { pauseFigures } from "./requests.ts";

const spreadMs = 60_000;
/** Time to load the keys before the first of them expires. */
const leadMs = 8000;
const quickShare = 0.05;
const requestsPerChunk = 5000;
const probeMs = 5;
/** The load overwrites keys of its own, which exist before and stay. */
const loadDataset: Dataset = { keys: 100_000, valueBytes: 32 };
const encoder = new TextEncoder();

export const measureExpiry: Driver<Run & { kind: "expiry" }> = async (run, side, context) => {
  const server = await startEmpty(context, side);
  const share = context.isQuick ? quickShare : 1;
  const keys = run.keys * share;
  return measurement(async () => {
    const load = { request: "set", dataset: loadDataset, pipeline: 16, connections: 50 };
    await loadKeys(server, loadDataset, () => {});
    const first = Date.now() + leadMs * share;
    const spread = spreadMs * share;
    await using probe = await KeyValueClient.connect({ socket: server.socketPath });
    const keyCount = async () => Number(await probe.command("DBSIZE"));
    const others = await keyCount();
    await sendChunks(server.socketPath, volatileChunks(keys, first, spread), "+OK\r\n");
    await server.resetPauses();
    const goesOn = () => Date.now() < first + spread;
    const loading = (async () => {
      const rates: number[] = [];
      while (goesOn()) {
        const { requestsPerSecond } = await runBenchmark(server, { ...load, requests: 1_000_000 });
        rates.push(requestsPerSecond);
      }
      return median(rates);
    })();
    const late: number[] = [];
    while (goesOn()) {
      const before = Date.now();
      const left = await keyCount() - others;
      // Those that are overdue, as the time that it took so many to become due.
      const due = Math.max(0, Math.min(keys, Math.ceil((before - first) / spread * keys)));
      if (before > first) late.push(Math.max(0, (left - (keys - due)) / keys * spread));
      context.progress(`${left} keys are left`, 1 - left / keys);
      await sleep(probeMs);
    }
    const rate = await loading;
    const longest = infoNumber(await server.info(), "store_longest_expiry_lateness_ms") ?? NaN;
    const lateness = { ...latenessFigures(late), lateMaxMs: longest };
    return { figures: { rate, ...lateness, ...await pauseFigures(server) } };
  }, () => dispose(server));
};

/** As seen from outside, a look every few milliseconds. */
function latenessFigures(late: readonly number[]): Figures {
  return { lateP50Ms: quantile(late, 0.5), lateP99Ms: quantile(late, 0.99) };
}

/** SETs whose keys have deadlines over `spread` ms. */
function* volatileChunks(keys: number, first: number, spread: number): Iterable<Chunk> {
  for (let i = 0; i < keys; i += requestsPerChunk) {
    const count = Math.min(requestsPerChunk, keys - i);
    const requests = Array.from({ length: count }, (_, j) => {
      // The order of loading is not that of the deadlines.
      const k = (i + j) * 7919 % keys;
      const key = `volatile:${String(k).padStart(10, "0")}`;
      const deadline = first + Math.floor(k / keys * spread);
      return `*5\r\n$3\r\nSET\r\n$19\r\n${key}\r\n$10\r\n0123456789\r\n$4\r\nPXAT\r\n$13\r\n${deadline}\r\n`;
    });
    yield { bytes: encoder.encode(requests.join("")), requests: count };
  }
}
