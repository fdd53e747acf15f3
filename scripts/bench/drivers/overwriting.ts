/** The store's file against what is live in it: while keys are overwritten, and after most were deleted. */
import { type BenchServer, sleep } from "../bench_server.ts";
import { type Driver, measurement } from "../context.ts";
import { keyDigits, sendChunks } from "../key_loader.ts";
import { infoNumber } from "../process_facts.ts";
import { resized } from "../quick.ts";
import type { Run } from "../workload.ts";
import { runBenchmark } from "./redis_benchmark.ts";
import { pauseFigures } from "./requests.ts";

const pollMs = 100;
/** The file counts as small for good when it was so for this long. */
const steadyMs = 8000;
const quickSteadyMs = 500;
const shrinkLimitMs = 120_000;
/** A store of few keys never gets below what an empty one takes. */
const quickShrinkLimitMs = 2000;
const keptOf = 10;
const requestsPerChunk = 1000;
const encoder = new TextEncoder();

export const measureOverwriting: Driver<Run & { kind: "overwriting" }> = async (
  run,
  side,
  context,
) => {
  const dataset = resized(run.dataset, context.isQuick);
  const { server } = await context.pool.acquire(side, dataset, "everysec");
  return measurement(async () => {
    await server.resetPauses();
    let isDone = false;
    let fileRatioMax = 0;
    const watching = (async () => {
      while (!isDone) {
        fileRatioMax = Math.max(fileRatioMax, (await spaceOf(server)).ratio);
        await sleep(pollMs);
      }
    })();
    const requests = run.times * dataset.keys;
    const load = { request: "set", dataset, pipeline: 16, connections: 50, requests };
    const { requestsPerSecond } = await runBenchmark(server, load).finally(() => isDone = true);
    await watching;
    const { ratio, fileBytes } = await spaceOf(server);
    const pauses = await pauseFigures(server);
    return {
      figures: { fileRatio: ratio, fileRatioMax, rate: requestsPerSecond, fileBytes, ...pauses },
    };
  });
};

export const measureShrinking: Driver<Run & { kind: "shrinking" }> = async (run, side, context) => {
  const dataset = resized(run.dataset, context.isQuick);
  const { server } = await context.pool.acquire(side, dataset, "everysec");
  return measurement(async () => {
    await server.resetPauses();
    await deleteMost(server, dataset.keys);
    // Delete records count as live until nothing older is left: the ratio goes up and down for a while.
    const started = performance.now();
    const [steady, limit] = context.isQuick
      ? [quickSteadyMs, quickShrinkLimitMs]
      : [steadyMs, shrinkLimitMs];
    let lastAbove = started;
    while (performance.now() - lastAbove < steady && performance.now() - started < limit) {
      if ((await spaceOf(server)).ratio > 2) lastAbove = performance.now();
      context.progress("waiting for the file to shrink");
      await sleep(pollMs);
    }
    const { ratio, fileBytes } = await spaceOf(server);
    const pauses = await pauseFigures(server);
    return { figures: { fileRatio: ratio, fileBytes, taskMs: lastAbove - started, ...pauses } };
  });
};

/** The file's length, and that over the bytes that are live. */
export async function spaceOf(
  server: BenchServer,
): Promise<{ readonly ratio: number; readonly fileBytes: number }> {
  const info = await server.info();
  const fileBytes = infoNumber(info, "store_file_bytes") ?? NaN;
  return { fileBytes, ratio: fileBytes / (infoNumber(info, "store_live_bytes") ?? NaN) };
}

async function deleteMost(server: BenchServer, keys: number): Promise<void> {
  function* chunks() {
    const numbers = Array.from({ length: keys }, (_, i) => i).filter((i) => i % keptOf !== 0);
    for (let first = 0; first < numbers.length; first += requestsPerChunk) {
      const some = numbers.slice(first, first + requestsPerChunk);
      const text = some.map((i) => `*2\r\n$3\r\nDEL\r\n$16\r\nkey:${digitsOf(i)}\r\n`).join("");
      yield { bytes: encoder.encode(text), requests: some.length };
    }
  }
  await sendChunks(server.socketPath, chunks(), ":1\r\n");
}

function digitsOf(number: number): string {
  return String(number).padStart(keyDigits, "0");
}
