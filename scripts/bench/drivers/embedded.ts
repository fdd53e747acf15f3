/** Calls to a store in its own process, ours and others', without a server. */
import { dirname, fromFileUrl, join } from "@std/path";
import { BenchError } from "../bench_error.ts";
import { type Driver, measurement } from "../context.ts";
import type { EngineName } from "../embedded/engines.ts";
import type { WorkerOptions, WorkerReport } from "../embedded/worker.ts";
import { resized } from "../quick.ts";
import type { EmbeddedRun } from "../workload.ts";
import { diskBytes } from "./footprint.ts";

const worker = join(dirname(dirname(fromFileUrl(import.meta.url))), "embedded", "worker.ts");
const lineLimitMs = 170_000;
const go = new TextEncoder().encode("go\n");

export const measureEmbedded: Driver<EmbeddedRun> = async (run, side, context) => {
  const { processes, runSeconds } = context;
  const { keys, valueBytes } = resized(run.dataset, context.isQuick);
  const folder = await context.makeFolder(side.label);
  const options: WorkerOptions = {
    ...{ engine: side.peer as EngineName, folder, root: side.root },
    ...{ keys, valueBytes, operation: run.operation, seconds: runSeconds },
  };
  const args = ["run", "-A", "--no-check", "--quiet", "--unstable-kv", worker];
  const child = processes.start("deno", [...args, JSON.stringify(options)], {
    path: Deno.execPath(),
    hasInput: true,
  });
  let said = "";
  const complaints = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) said += text;
  })();
  const lines = linesOf(child.stdout);
  const input = child.stdin.getWriter();
  const dispose = async () => {
    await input.close().catch(() => {});
    await processes.end(child);
    await complaints;
    await lines.return(undefined);
    await Deno.remove(folder, { recursive: true });
  };
  const line = async () => {
    const timer = setTimeout(() => void processes.end(child, { signal: "SIGKILL" }), lineLimitMs);
    const { value, done } = await lines.next();
    clearTimeout(timer);
    if (!done) return value;
    await complaints;
    throw new BenchError(`Cannot measure ${side.label}: ${said.trim() || "it ended"}`);
  };
  try {
    context.progress(`loading ${keys} keys into ${side.label}`);
    await line();
  } catch (error) {
    await dispose();
    throw error;
  }
  return measurement(async () => {
    await input.write(go);
    const report: WorkerReport = JSON.parse(await line());
    const { callsPerSecond, ownBytes } = report;
    const fileBytes = await diskBytes(folder);
    return { figures: { rate: callsPerSecond, ownBytes, fileBytes } };
  }, dispose);
};

/** The lines of a stream, as they come. */
async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
