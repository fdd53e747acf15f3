/** How long until a server is ready again: after a stop, after kill -9 under load, without its index. */
import { redisBenchmark, sleep, withLoadedServer } from "./client.ts";
import type { MeasureContext } from "./main.ts";

const rounds = 5;

export async function measureRestart({ folder, keys, output }: MeasureContext): Promise<void> {
  await withLoadedServer(folder, keys, output, async (server) => {
    output.print(`${keys.toLocaleString("en-US")} keys of 16 bytes with values of 32`);
    const clean: number[] = [];
    for (let i = 0; i < rounds; i++) {
      await server.end();
      clean.push(await server.start());
    }
    output.print(`ready after a stop:                ${show(clean)}`);
    const killed: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const args = ["-c", "50", "-P", "16", "-n", "20000000", "-r", String(keys), "-d", "32"];
      const loading = redisBenchmark(server.socket, [...args, "-t", "set"]);
      await sleep(2000);
      await server.end("SIGKILL");
      await loading;
      killed.push(await server.start());
    }
    output.print(`ready after kill -9 under load:    ${show(killed)}`);
    output.print(`  the last: ${server.readyLine}`);
    await server.end("SIGKILL");
    await Deno.remove(`${server.store}-index`);
    output.print(`ready after the index was deleted: ${show([await server.start()])}`);
    output.print(`  ${server.readyLine}`);
    output.print(`keys: ${(await server.info()).get("store_keys")}`);
  });
}

function show(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b).map((ms) => ms.toFixed(0));
  return `${sorted[sorted.length >> 1]} ms (${sorted.join(", ")})`;
}
