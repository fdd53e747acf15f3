/** The file against what is live: while keys are overwritten, and after most of them were deleted. */
import { RawConnection } from "../../tests/support/raw_connection.ts";
import {
  type MeasuredServer,
  redisBenchmark,
  sendChunks,
  sleep,
  withLoadedServer,
} from "./client.ts";
import type { MeasureContext } from "./main.ts";

const overwrites = 20;
const pollMs = 100;
/** It stays so for this long. */
const steadyMs = 8000;
const shrinkLimitMs = 120_000;
const delsPerChunk = 1000;

export async function measureSpace({ folder, keys, output }: MeasureContext): Promise<void> {
  await withLoadedServer(folder, keys, output, async (server) => {
    await reset(server);
    let isDone = false;
    let most = 0;
    const watching = (async () => {
      while (!isDone) {
        most = Math.max(most, (await ratio(server)).ratio);
        await sleep(pollMs);
      }
    })();
    const args = ["-c", "50", "-P", "16", "-r", String(keys), "-d", "32", "-t", "set"];
    const rate = await redisBenchmark(server.socket, [...args, "-n", String(overwrites * keys)]);
    isDone = true;
    await watching;
    output.print(`${overwrites} x ${keys} random overwrites, ${Math.round(rate)} requests/s`);
    await report(server, output.print.bind(output), "file / live bytes, at the end");
    output.print(`  at most ${most.toFixed(2)} meanwhile`);
    await pauses(server, output.print.bind(output));

    await reset(server);
    const started = performance.now();
    await deleteMost(server, keys);
    output.print(`90% of the keys deleted in ${seconds(started)}`);
    // Delete records count as live until nothing older is left: the ratio goes up and down for a while.
    const shrinking = performance.now();
    let lastAbove = shrinking;
    while (performance.now() - lastAbove < steadyMs) {
      if (performance.now() - shrinking > shrinkLimitMs) break;
      if ((await ratio(server)).ratio > 2) lastAbove = performance.now();
      await sleep(pollMs);
    }
    const took = `${((lastAbove - shrinking) / 1000).toFixed(1)} s`;
    output.print(`from ${took} later on, the file is at most twice what is live`);
    await report(server, output.print.bind(output), "file / live bytes in the end");
    await pauses(server, output.print.bind(output));
  });
}

async function reset(server: MeasuredServer): Promise<void> {
  using connection = await RawConnection.open(server.socket);
  await connection.exchange("CONFIG", "RESETSTAT");
}

async function ratio(
  server: MeasuredServer,
): Promise<{ ratio: number; file: number; live: number }> {
  const info = await server.info();
  const file = Number(info.get("store_file_bytes"));
  const live = Number(info.get("store_live_bytes"));
  return { ratio: file / live, file, live };
}

async function report(
  server: MeasuredServer,
  print: (line: string) => void,
  title: string,
): Promise<void> {
  const { ratio: times, file, live } = await ratio(server);
  print(`  ${title}: ${times.toFixed(2)} (${mebibytes(file)} / ${mebibytes(live)})`);
}

async function pauses(server: MeasuredServer, print: (line: string) => void): Promise<void> {
  const info = await server.info();
  print(`  pauses: ${info.get("store_pauses")}; longest ${info.get("store_longest_pause_ms")} ms`);
}

async function deleteMost(server: MeasuredServer, keys: number): Promise<void> {
  const encoder = new TextEncoder();
  let text = "";
  const chunks: Uint8Array[] = [];
  for (let i = 0, n = 0; i < keys; i++) {
    if (i % 10 === 0) continue;
    text += `*2\r\n$3\r\nDEL\r\n$16\r\nkey:${String(i).padStart(12, "0")}\r\n`;
    if (++n % delsPerChunk === 0) {
      chunks.push(encoder.encode(text));
      text = "";
    }
  }
  const requestBytes = "*2\r\n$3\r\nDEL\r\n$16\r\nkey:000000000000\r\n".length;
  await sendChunks(server.socket, chunks, (chunk) => chunk.length / requestBytes * ":1\r\n".length);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
