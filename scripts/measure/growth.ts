/** What an operation and a key cost, with more and more keys. */
import { processorSeconds, residentMemory } from "../bench/process_facts.ts";
import { type MeasuredServer, redisBenchmark, withLoadedServer } from "./client.ts";
import type { MeasureContext } from "./main.ts";

const sizes = [100_000, 1_000_000, 10_000_000, 50_000_000];
const operations = 3_000_000;

export async function measureGrowth({ folder, keys, output }: MeasureContext): Promise<void> {
  output.print(
    "keys        SET ns  GET ns  SET/s      GET/s      index B/key  file B/key  own memory",
  );
  for (const size of sizes.filter((size) => size <= keys)) {
    const place = `${folder}/${size}`;
    await Deno.mkdir(place);
    await withLoadedServer(place, size, output, async (server) => {
      output.print(await measureSize(server, size));
    });
    await Deno.remove(place, { recursive: true });
  }
}

/** The table's row for a server with so many keys. */
async function measureSize(server: MeasuredServer, size: number): Promise<string> {
  const measured: Record<string, { ns: number; rate: number }> = {};
  for (const test of ["set", "get"]) {
    const args = ["-c", "50", "-P", "16", "-r", String(size), "-d", "32", "-t", test];
    const before = processorSeconds(server.pid);
    const rate = await redisBenchmark(server.socket, [...args, "-n", String(operations)]);
    const ns = (processorSeconds(server.pid) - before) / operations * 1e9;
    measured[test] = { ns, rate };
  }
  const info = await server.info();
  const perKey = (name: string) => (Number(info.get(name)) / size).toFixed(1);
  return [
    String(size).padEnd(11),
    measured.set.ns.toFixed(0).padStart(6),
    measured.get.ns.toFixed(0).padStart(7),
    ` ${Math.round(measured.set.rate)}`.padEnd(11),
    `${Math.round(measured.get.rate)}`.padEnd(10),
    perKey("store_index_bytes").padEnd(12),
    perKey("store_file_bytes").padEnd(11),
    `${(residentMemory(server.pid).anonymous / 2 ** 20).toFixed(0)} MiB`,
  ].join(" ");
}
