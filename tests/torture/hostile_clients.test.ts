/**
 * Clients that send anything: the server goes on, serves others, and its memory stays bounded.
 * KV_HOSTILE_BYTES says how many bytes; KV_TEST_SEED replays a run.
 */
import { assert, assertEquals } from "@std/assert";
import { toBytes } from "../support/binary_text.ts";
import { HostileBytes } from "../support/hostile_bytes.ts";
import { privateBytes } from "../support/process_memory.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { chooseSeed, SeededRandom } from "../support/seeded_random.ts";
import { TestServer } from "../support/test_server.ts";
import { withTimeLimit } from "../support/time_limit.ts";

const bytesDefault = 5_000_000;
const piecesMax = 40;
/** A server without clients takes about 60 MiB, and each value is at most 1 MiB here. */
const memoryMax = 256 * 2 ** 20;
const sessionLimitMs = 20_000;

Deno.test("hostile clients do not end the server, nor others' service, nor fill memory", async () => {
  const random = new SeededRandom(chooseSeed("hostile clients"));
  const total = Number(Deno.env.get("KV_HOSTILE_BYTES") ?? bytesDefault);
  await using server = await TestServer.start({ kind: "kv", args: ["--max-size", "64mb"] });
  using control = await RawConnection.open(server.socketPath);
  // Otherwise SETRANGE and its like make values of half a gigabyte, as they should.
  assertEquals(await control.exchange("CONFIG", "SET", "proto-max-bulk-len", "1mb"), "+OK\r\n");
  const source = new HostileBytes(random);
  let most = 0;
  for (let sent = 0; sent < total;) {
    const pieces: string[] = [];
    for (let i = random.between(1, piecesMax); i > 0; i--) pieces.push(source.next());
    const text = pieces.join("");
    sent += text.length;
    const session = converse(server.socketPath, text, random);
    await withTimeLimit(
      session,
      sessionLimitMs,
      `the server to be done with ${JSON.stringify(text)}`,
    );
    assertEquals(await control.exchange("PING"), "+PONG\r\n");
    most = Math.max(most, await privateBytes(server.pid));
    assert(most < memoryMax, `${most} bytes after ${JSON.stringify(text)}`);
  }
  console.log(`${total} bytes; at most ${Math.round(most / 2 ** 20)} MiB of memory of its own`);
  const { code, signal } = await server.stop();
  assertEquals({ code, signal }, { code: 0, signal: null });
  assert(!server.stderrText.includes("bug"), server.stderrText);
});

/** Sends a text in pieces while it reads what comes; resolves when the server has closed. */
async function converse(path: string, text: string, random: SeededRandom): Promise<void> {
  using conn = await Deno.connect({ transport: "unix", path });
  const reading = (async () => {
    const buffer = new Uint8Array(65536);
    while (await conn.read(buffer) !== null);
  })().catch(ignoreReset);
  try {
    const bytes = toBytes(text);
    for (let at = 0; at < bytes.length;) {
      const end = random.chance(0.2) ? bytes.length : at + random.between(1, bytes.length);
      at += await conn.write(bytes.subarray(at, end));
    }
    await conn.closeWrite();
  } catch (error) {
    ignoreReset(error);
  }
  await reading;
}

/** A server that has seen enough closes before it has read everything. */
function ignoreReset(error: unknown): void {
  const isClosed = error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.NotConnected;
  if (!isClosed) throw error;
}
