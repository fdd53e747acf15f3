/** How long until a server is ready again: after a stop, after kill -9 under load, from its log alone. */
import { join } from "@std/path";
import { BenchServer, type ServerPeer, sleep } from "../bench_server.ts";
import { type Driver, measurement } from "../context.ts";
import { resized } from "../quick.ts";
import { startLoaded } from "../server_pool.ts";
import type { Run } from "../workload.ts";
import { BenchError } from "../bench_error.ts";
import { runBenchmark } from "./redis_benchmark.ts";

const loadMs = 2000;
const startLimitMs = 300_000;

export const measureRestart: Driver<Run & { kind: "restart" }> = async (run, side, context) => {
  const dataset = resized(run.dataset, context.isQuick);
  // What other rows have loaded is not needed; its memory is.
  await context.pool.clear();
  const peer = side.peer as ServerPeer;
  let { server } = await startLoaded(context, side, dataset, "everysec");
  const { folder } = server;
  if (peer === "redis-rdb") await server.ask("SAVE");
  return measurement(async () => {
    if (run.after === "kill") await killUnderLoad(server);
    else await server.end(peer === "kv" && run.after === "stop" ? "SIGTERM" : "SIGKILL");
    if (peer === "kv" && run.after === "lost index") {
      await Deno.remove(join(folder, "store.db-index"));
    }
    const { kvPath } = side;
    const options = { folder, kvPath, sync: "everysec", startLimitMs } as const;
    server = await BenchServer.start(peer, context.processes, options);
    const keys = await server.keyCount();
    if (keys !== dataset.keys) {
      throw new BenchError(`Cannot measure ${side.label}: ${keys} keys came back`);
    }
    return { figures: { readyMs: server.readyMs } };
  }, async () => {
    await server.end("SIGKILL");
    await Deno.remove(folder, { recursive: true });
  });

  /** In the middle of SETs, whose client sees its connections break. */
  async function killUnderLoad(server: BenchServer): Promise<void> {
    const load = { request: "set", dataset, pipeline: 16, connections: 50, requests: 50_000_000 };
    const loading = runBenchmark(server, load).then(() => {}, (error) => {
      if (!(error instanceof BenchError)) throw error;
    });
    await sleep(context.isQuick ? loadMs / 10 : loadMs);
    await server.end("SIGKILL");
    await loading;
  }
};
