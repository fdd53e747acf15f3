/**
 * SETs by redis-benchmark while the server does something large, and a client beside it that asks for a
 * key all the time. What that one waits is what any client would; what holds up the event loop is kv's
 * own record.
 */
import { join } from "@std/path";
import { KeyValueClient } from "../../../src/client/key_value_client.ts";
import { replyToText } from "../../../src/protocol/reply.ts";
import { BenchError } from "../bench_error.ts";
import { type BenchServer, sleep } from "../bench_server.ts";
import { type Driver, measurement } from "../context.ts";
import { infoNumber, parseInfo, parsePauses, type Pauses } from "../process_facts.ts";
import type { Sample, SeriesPoint } from "../results.ts";
import { resized } from "../quick.ts";
import { quantile } from "../statistics.ts";
import type { UnderLoadRun } from "../workload.ts";
import { twoDigits } from "./pacing.ts";
import { runBenchmark } from "./redis_benchmark.ts";
import { figuresOfPauses } from "./requests.ts";

const loadSeconds = 8;
const quickLoadSeconds = 0.6;
const probeMs = 2;
/** The longest wait of each such stretch of time is shown. */
const stretchMs = 100;
/** The task begins so long after the load. */
const leadMs = 1500;
const taskPollMs = 50;
const taskLimitMs = 60_000;

/** The words that begin a task, and the field of INFO that is 0 when it is done. */
const tasks: Readonly<Record<string, readonly [words: readonly string[], field: string]>> = {
  // It replies when it is done; the path is that of the server's folder.
  "kv backup": [["BACKUP"], ""],
  "redis backup": [["BGSAVE"], "rdb_bgsave_in_progress"],
  "kv compaction": [["BGREWRITEAOF"], "aof_rewrite_in_progress"],
  "redis compaction": [["BGREWRITEAOF"], "aof_rewrite_in_progress"],
};

export const measureUnderLoad: Driver<UnderLoadRun> = async (run, side, context) => {
  const dataset = resized(run.dataset, context.isQuick);
  const { server } = await context.pool.acquire(side, dataset, "everysec");
  const load = { request: "set", dataset, pipeline: 16, connections: 50 };
  const seconds = context.isQuick ? quickLoadSeconds : loadSeconds;
  const trial = await runBenchmark(server, { ...load, requests: 20_000 });
  let requests = twoDigits(trial.requestsPerSecond * seconds / 4);
  const { requestsPerSecond } = await runBenchmark(server, { ...load, requests });
  requests = twoDigits(requestsPerSecond * seconds);
  return measurement(async () => {
    await server.settle();
    await server.resetPauses();
    const probe = new Probe();
    const probing = probe.run(server);
    const [loaded, taskMs] = await Promise.all([
      runBenchmark(server, { ...load, requests }),
      runTask(server, run.task, leadMs * seconds / loadSeconds),
    ]).finally(() => probe.isDone = true);
    await probing;
    const { waits, stretches, loopStretches } = probe;
    const sample: Sample = {
      figures: {
        rate: loaded.requestsPerSecond,
        p50Ms: quantile(waits, 0.5),
        p99Ms: quantile(waits, 0.99),
        p999Ms: quantile(waits, 0.999),
        maxMs: quantile(waits, 1),
        ...(server.peer === "kv" ? figuresOfPauses(probe.pauses) : {}),
        ...(run.task === "nothing" ? {} : { taskMs }),
      },
      series: {
        "longest wait of a client": stretches,
        ...(server.peer === "kv" ? { "longest pause of the event loop": loopStretches } : {}),
      },
    };
    return sample;
  });
};

/** Runs the task once; how long it took, in ms. */
async function runTask(
  server: BenchServer,
  task: UnderLoadRun["task"],
  afterMs: number,
): Promise<number> {
  if (task === "nothing") return 0;
  await sleep(afterMs);
  const [words, field] = tasks[`${server.peer} ${task}`];
  const backup = join(server.folder, "backup.db");
  const started = await begin(server, [...words, ...(field === "" ? [backup] : [])]);
  while (field !== "" && infoNumber(await server.info(), field) !== 0) await sleep(taskPollMs);
  const ms = performance.now() - started;
  await Deno.remove(backup).catch(() => {});
  return ms;
}

/** Begins a task; first waits for the end of one that the server has begun by itself. Returns when it began. */
async function begin(server: BenchServer, words: readonly string[]): Promise<number> {
  const end = performance.now() + taskLimitMs;
  while (true) {
    const started = performance.now();
    try {
      await server.ask(...words);
      return started;
    } catch (error) {
      const isBusy = error instanceof BenchError && /in progress|is active/.test(error.message);
      if (!isBusy || started > end) throw error;
    }
    await sleep(taskPollMs);
  }
}

/** A client that asks again as soon as it has an answer and a little time has passed. */
class Probe {
  isDone = false;
  readonly waits: number[] = [];
  readonly stretches: SeriesPoint[] = [];
  readonly loopStretches: SeriesPoint[] = [];
  /** kv's so far. */
  pauses: Pauses = { longestMs: 0, longestOwnMs: 0, aboveFiveMs: 0 };

  async run(server: BenchServer): Promise<void> {
    await using client = await KeyValueClient.connect({ socket: server.socketPath });
    const started = performance.now();
    let stretchEnd = started + stretchMs;
    let longest = 0;
    while (!this.isDone) {
      const asked = performance.now();
      await client.command("GET", "key:000000000000");
      const answered = performance.now();
      this.waits.push(answered - asked);
      longest = Math.max(longest, answered - asked);
      if (answered >= stretchEnd) {
        const seconds = (answered - started) / 1000;
        this.stretches.push([seconds, longest]);
        if (server.peer === "kv") await this.#noteLoop(client, seconds);
        longest = 0;
        stretchEnd = performance.now() + stretchMs;
      }
      await sleep(probeMs);
    }
  }

  /** kv's longest pause since the last time. */
  async #noteLoop(client: KeyValueClient, seconds: number): Promise<void> {
    const info = parseInfo(String(replyToText(await client.command("INFO", "store"))));
    const { longestMs, longestOwnMs, aboveFiveMs } = parsePauses(info);
    await client.command("CONFIG", "RESETSTAT");
    this.loopStretches.push([seconds, longestMs]);
    this.pauses = {
      longestMs: Math.max(this.pauses.longestMs, longestMs),
      longestOwnMs: Math.max(this.pauses.longestOwnMs, longestOwnMs),
      aboveFiveMs: this.pauses.aboveFiveMs + aboveFiveMs,
    };
  }
}
