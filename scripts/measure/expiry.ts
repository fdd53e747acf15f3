/** How late keys go whose deadlines are spread over a minute, while clients set other keys. */
import { RawConnection } from "../../tests/support/raw_connection.ts";
import { MeasuredServer, redisBenchmark, sendChunks, sleep } from "./client.ts";
import type { MeasureContext } from "./main.ts";

const spreadMs = 60_000;
/** Time to load the keys before the first of them expires. */
const leadMs = 8000;
const requestsPerChunk = 5000;
const probeMs = 5;

export async function measureExpiry({ folder, keys, output }: MeasureContext): Promise<void> {
  const server = new MeasuredServer(folder);
  try {
    await server.start();
    const first = Date.now() + leadMs;
    const deadline = (i: number) => first + Math.floor(i / keys * spreadMs);
    await loadVolatile(server.socket, keys, deadline);
    output.print(`${keys} keys with deadlines over ${spreadMs / 1000} s, under load`);
    using probe = await RawConnection.open(server.socket);
    // The load overwrites keys of its own, which exist before and stay.
    const args = ["-c", "50", "-P", "16", "-r", "100000", "-d", "32", "-t", "set"];
    await redisBenchmark(server.socket, [...args, "-n", "2000000"]);
    const others = Number((await probe.exchange("DBSIZE")).slice(1)) - keys;
    const goesOn = () => Date.now() < first + spreadMs;
    const load = (async () => {
      const rates: number[] = [];
      while (goesOn()) rates.push(await redisBenchmark(server.socket, [...args, "-n", "1000000"]));
      return rates;
    })();
    const late: number[] = [];
    while (goesOn()) {
      const before = Date.now();
      const left = Number((await probe.exchange("DBSIZE")).slice(1)) - others;
      // Those that are overdue, as the time that it took so many to become due.
      const due = Math.max(0, Math.min(keys, Math.ceil((before - first) / spreadMs * keys)));
      if (before > first) late.push((left - (keys - due)) / keys * spreadMs);
      output.progress(`${left} keys are left`);
      await sleep(probeMs);
    }
    const rates = await load;
    late.sort((a, b) => a - b);
    const at = (share: number) => late[Math.min(late.length - 1, Math.floor(late.length * share))];
    const rate = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    output.print(`  load: ${Math.round(rate)} SET a second`);
    output.print(
      `  seen from outside, ${late.length} looks: the overdue keys' deadlines are ` +
        `${at(0.5).toFixed(1)} ms old at the median, ${at(0.99).toFixed(1)} ms at p99, ` +
        `${at(1).toFixed(1)} ms at most`,
    );
    const info = await server.info();
    output.print(`  by the server's own record: ${info.get("store_expiry_lateness")}`);
    output.print(`  longest ${info.get("store_longest_expiry_lateness_ms")} ms`);
    output.print(
      `  expired_keys ${info.get("expired_keys")}; left ${info.get("store_volatile_keys")}`,
    );
    output.print(
      `  pauses: ${info.get("store_pauses")}; longest ${info.get("store_longest_pause_ms")} ms`,
    );
  } finally {
    await server.end();
  }
}

async function loadVolatile(
  socket: string,
  keys: number,
  deadline: (i: number) => number,
): Promise<void> {
  const encoder = new TextEncoder();
  function* chunks() {
    let text = "";
    for (let i = 0; i < keys; i++) {
      // Spread over the hash space as any keys; the order of loading is not that of the deadlines.
      const k = i * 7919 % keys;
      const key = `volatile:${String(k).padStart(10, "0")}`;
      text += `*5\r\n$3\r\nSET\r\n$19\r\n${key}\r\n$10\r\n0123456789\r\n$4\r\nPXAT\r\n$13\r\n${
        deadline(k)
      }\r\n`;
      if ((i + 1) % requestsPerChunk === 0 || i === keys - 1) {
        yield encoder.encode(text);
        text = "";
      }
    }
  }
  const requestBytes = 9 + 8 + 1 + 25 + 16 + 10 + 20 - 1;
  await sendChunks(
    socket,
    chunks(),
    (chunk) => Math.round(chunk.length / requestBytes) * "+OK\r\n".length,
  );
}
