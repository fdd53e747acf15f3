/**
 * Keyspace events: for every conformance case, kv tells of the same events in the same order as
 * redis-server does.
 */
import { assertEquals } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";
import type { ConformanceCase } from "./case.ts";
import { bitCases } from "./cases/bits.ts";
import { bitfieldCases } from "./cases/bitfield.ts";
import { counterCases } from "./cases/counters.ts";
import { expiryCases } from "./cases/expiry.ts";
import { hyperloglogCases } from "./cases/hyperloglog.ts";
import { keyCases } from "./cases/keys.ts";
import { lcsCases } from "./cases/lcs.ts";
import { serializedCases } from "./cases/serialized.ts";
import { storedFormCases } from "./cases/stored_form.ts";
import { stringPartCases } from "./cases/string_parts.ts";
import { stringCases } from "./cases/strings.ts";
import { transactionCases } from "./cases/transactions.ts";
import { watchCases } from "./cases/watch.ts";
import { runCase, targets } from "./runner.ts";

const groups: Readonly<Record<string, readonly ConformanceCase[]>> = {
  "strings": stringCases,
  "parts of strings": stringPartCases,
  "bits": bitCases,
  "fields of bits": bitfieldCases,
  "LCS": lcsCases,
  "counters": counterCases,
  "HyperLogLog": hyperloglogCases,
  "DUMP and RESTORE": serializedCases,
  "what is stored of a key": storedFormCases,
  "keys": keyCases,
  "deadlines": expiryCases,
  "transactions": transactionCases,
  "WATCH": watchCases,
};

/** Where kv writes a value and Redis does not: see the differences in docs/protocol.md. */
const knownDifferences = new Set([
  "BITFIELD makes a value as long as its highest operation needs, also if that fails",
  "BITFIELD in RESP3 fails with its null",
]);

const endOfCase = "end-of-case";

/** What a server tells of while the cases run on it, for each of them. */
class Listener implements AsyncDisposable {
  readonly #server: TestServer;
  readonly #events: RawConnection;
  readonly #control: RawConnection;

  private constructor(server: TestServer, events: RawConnection, control: RawConnection) {
    this.#server = server;
    this.#events = events;
    this.#control = control;
  }

  static async start(kind: "kv" | "redis"): Promise<Listener> {
    const server = await TestServer.start({ kind });
    const control = await RawConnection.open(server.socketPath);
    // No `x`: when an expired key is found to be so, each server has its own time.
    const reply = await control.exchange("CONFIG", "SET", "notify-keyspace-events", "KEg$enm");
    assertEquals(reply, "+OK\r\n");
    const events = await RawConnection.open(server.socketPath);
    await events.exchange("PSUBSCRIBE", "__key*", endOfCase);
    await events.readReply();
    return new Listener(server, events, control);
  }

  async eventsOf(conformanceCase: ConformanceCase): Promise<string[]> {
    await runCase(this.#server.socketPath, conformanceCase);
    await this.#control.exchange("PUBLISH", endOfCase, "");
    const events: string[] = [];
    while (true) {
      const message = await this.#events.readReply();
      if (message.includes(endOfCase)) return events;
      // ">4 pmessage pattern channel message"
      const [, , , , , , channel, , text] = message.split("\r\n");
      events.push(`${channel} ${text}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events.close();
    this.#control.close();
    await this.#server[Symbol.asyncDispose]();
  }
}

for (const [group, cases] of Object.entries(groups)) {
  Deno.test({
    name: `the events are redis-server's: ${group}`,
    ignore: targets().length < 2,
    async fn() {
      await using ours = await Listener.start("kv");
      await using theirs = await Listener.start("redis");
      for (const conformanceCase of cases) {
        // A wait that polls takes as many turns as it takes.
        if (conformanceCase.steps.some((step) => "until" in step)) continue;
        if (knownDifferences.has(conformanceCase.name)) continue;
        const events = await ours.eventsOf(conformanceCase);
        assertEquals(events, await theirs.eventsOf(conformanceCase), conformanceCase.name);
      }
    },
  });
}

Deno.test("a key that expires is told of, without anybody looking for it", async () => {
  await using server = await TestServer.start();
  using client = await RawConnection.open(server.socketPath);
  using listener = await RawConnection.open(server.socketPath);
  await client.exchange("CONFIG", "SET", "notify-keyspace-events", "Ex");
  await listener.exchange("SUBSCRIBE", "__keyevent@0__:expired");
  const sent = Date.now();
  await client.exchange("SET", "soon", "1", "PX", "50");
  const message = await listener.readReply();
  assertEquals(message, "*3\r\n$7\r\nmessage\r\n$22\r\n__keyevent@0__:expired\r\n$4\r\nsoon\r\n");
  assertEquals(Date.now() - sent >= 50, true, "not before its time");
});

Deno.test("a key that is evicted is told of", async () => {
  await using server = await TestServer.start();
  using client = await RawConnection.open(server.socketPath);
  using listener = await RawConnection.open(server.socketPath);
  await client.exchange("CONFIG", "SET", "notify-keyspace-events", "Ee");
  await client.exchange("CONFIG", "SET", "maxmemory-policy", "allkeys-random");
  await client.exchange("CONFIG", "SET", "maxmemory", "18mb");
  await listener.exchange("SUBSCRIBE", "__keyevent@0__:evicted");
  const value = "v".repeat(100_000);
  let written = 0;
  await until(async () => {
    await client.exchange("SET", `key:${written++}`, value);
    return listener.hasUnread || written >= 400;
  }, "keys to be evicted");
  const message = await listener.readReply();
  assertEquals(/evicted\r\n\$\d+\r\nkey:\d+\r\n$/.test(message), true, message);
});
