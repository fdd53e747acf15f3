/** A server with an empty store: how long until it answers, and what it takes; and what it does idle. */
import { type BenchServer, sleep } from "../bench_server.ts";
import { type Driver, measurement } from "../context.ts";
import { dispose, startEmpty } from "../server_pool.ts";
import type { Run } from "../workload.ts";
import { KeyValueClient } from "../../../src/client/key_value_client.ts";

const restMs = 200;
/** After the last request: what is done a little later is no rest yet. */
const calmMs = 2500;
const quickShare = 0.1;

export const measureReady: Driver<Run & { kind: "ready" }> = (_, side, context) =>
  Promise.resolve(measurement(async () => {
    const server = await startEmpty(context, side);
    try {
      await sleep(restMs);
      const { resident, anonymous } = server.residentMemory();
      const { readyMs } = server;
      return { figures: { readyMs, residentBytes: resident, ownBytes: anonymous } };
    } finally {
      await dispose(server);
    }
  }));

export const measureIdle: Driver<Run & { kind: "idle" }> = async (run, side, context) => {
  const server = await startEmpty(context, side);
  const share = context.isQuick ? quickShare : 1;
  return measurement(async () => {
    // As a server is most of the time: with keys, one of which will expire, and a client.
    await using client = await KeyValueClient.connect({ socket: server.socketPath });
    await client.command("SET", "foo", "bar");
    await client.command("SET", "session", "bar", "EX", "3600");
    await sleep(calmMs * share);
    const seconds = run.seconds * share;
    const { main, all } = await wakeupsIn(server, seconds * 1000);
    return { figures: { wakeups: main / seconds, wakeupsInAll: all / seconds } };
  }, () => dispose(server));
};

async function wakeupsIn(
  server: BenchServer,
  ms: number,
): Promise<{ readonly main: number; readonly all: number }> {
  const before = server.wakeups();
  await sleep(ms);
  const after = server.wakeups();
  return { main: after.main - before.main, all: after.all - before.all };
}
