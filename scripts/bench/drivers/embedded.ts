/** Calls to a store in a process of its own, ours and others'. */
import { dirname, fromFileUrl, join } from "@std/path";
import { BenchError } from "../bench_error.ts";
import { type Driver, measurement, type RunContext } from "../context.ts";
import type { EngineName } from "../embedded/engines.ts";
import type { WorkerOptions, WorkerReport } from "../embedded/worker.ts";
import { resized } from "../quick.ts";
import type { Side } from "../side.ts";
import type { Dataset, EmbeddedRun } from "../workload.ts";
import { diskBytes } from "./footprint.ts";
import { requestsFor } from "./pacing.ts";
import { runBenchmark } from "./redis_benchmark.ts";

const workerScript = join(dirname(dirname(fromFileUrl(import.meta.url))), "embedded", "worker.ts");
const lineLimitMs = 170_000;
const go = new TextEncoder().encode("go\n");

export const measureEmbedded: Driver<EmbeddedRun> = async (run, side, context) => {
  const dataset = resized(run.dataset, context.isQuick);
  const { besideServer, processes = 1, operation } = run;
  const writer = besideServer ? await writingServer(side, dataset, context) : undefined;
  const folder = await context.makeFolder(side.label);
  const workers: Worker[] = [];
  const end = async () => {
    for (const worker of workers) await worker[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  };
  try {
    for (let i = 0; i < processes; i++) {
      workers.push(
        await startWorker(
          {
            engine: side.peer as EngineName,
            folder: side.peer === "reader" ? writer!.server.folder : folder,
            // The first one fills the store.
            isFilled: side.peer === "reader" || i > 0,
            ...{ root: side.root, keys: dataset.keys, valueBytes: dataset.valueBytes, operation },
            seconds: context.runSeconds,
          },
          context,
        ),
      );
    }
  } catch (error) {
    await end();
    throw error;
  }
  return measurement(async () => {
    const writes = besideServer === "writing" ? writer!.beginWrites() : undefined;
    try {
      const reports = await Promise.all(workers.map((worker) => worker.run()));
      context.processes.mention(`# ${side.label}: ${reports[0].settings}`);
      const fileBytes = await diskBytes(folder);
      const rate = reports.reduce((sum, { callsPerSecond }) => sum + callsPerSecond, 0);
      return { figures: { rate, ownBytes: reports[0].ownBytes, fileBytes } };
    } finally {
      await writes?.end();
    }
  }, end);
};

interface Worker extends AsyncDisposable {
  run(): Promise<WorkerReport>;
}

/** A process with a store that has its keys. */
async function startWorker(options: WorkerOptions, context: RunContext): Promise<Worker> {
  const { processes } = context;
  const args = ["run", "-A", "--no-check", "--quiet", "--unstable-kv", workerScript];
  const child = processes.start("deno", [...args, JSON.stringify(options)], {
    path: Deno.execPath(),
    hasInput: true,
  });
  const complaints = new Response(child.stderr).text();
  const lines = linesOf(child.stdout);
  const input = child.stdin.getWriter();
  const nextLine = async () => {
    const timer = setTimeout(() => void processes.end(child, { signal: "SIGKILL" }), lineLimitMs);
    const { value, done } = await lines.next();
    clearTimeout(timer);
    if (!done) return value;
    const why = /Error: (.*)/.exec(await complaints)?.[1] ?? "it ended";
    throw new BenchError(`Cannot measure ${options.engine}: ${why}`);
  };
  const dispose = async () => {
    await input.close().catch(() => {});
    await processes.end(child);
    await complaints;
    await lines.return(undefined);
  };
  try {
    context.progress(`loading ${options.keys} keys into ${options.engine}`);
    await nextLine();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    async run() {
      await input.write(go);
      return JSON.parse(await nextLine());
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** A kv server whose keys are set at full speed while it is wanted. */
async function writingServer(side: Side, dataset: Dataset, context: RunContext) {
  const { kvPath, root } = side;
  const kv: Side = { label: "writer", peer: "kv", kvPath, root };
  const { server } = await context.pool.acquire(kv, dataset, "everysec");
  const load = { request: "set", dataset, pipeline: 16, connections: 50 };
  const first = load.connections * load.pipeline * 4;
  const requests = await requestsFor(
    context.runSeconds / 2,
    first,
    async (requests) => (await runBenchmark(server, { ...load, requests })).requestsPerSecond,
  );
  const beginWrites = () => {
    let isWanted = true;
    const writing = (async () => {
      while (isWanted) await runBenchmark(server, { ...load, requests });
    })();
    return {
      async end() {
        isWanted = false;
        await writing;
      },
    };
  };
  return { server, beginWrites };
}

/** The lines of a stream, as they come. */
async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
