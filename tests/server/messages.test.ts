/** What is sent to clients that did not ask: in order, bounded, and never in the way of others. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeRequest } from "../support/binary_text.ts";
import { privateBytes } from "../support/process_memory.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";

function messageOf(channel: string, text: string): string {
  return `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$${text.length}\r\n${text}\r\n`;
}

async function listen(server: TestServer, ...channels: string[]): Promise<RawConnection> {
  const connection = await RawConnection.open(server.socketPath);
  await connection.send(encodeRequest(["SUBSCRIBE", ...channels]));
  for (const _ of channels) await connection.readReply();
  return connection;
}

Deno.test("a message reaches a thousand listeners", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using sender = await RawConnection.open(server.socketPath);
  const listeners: RawConnection[] = [];
  try {
    for (let i = 0; i < 1000; i++) listeners.push(await listen(server, "news"));
    for (const text of ["one", "two", "three"]) {
      assertEquals(await sender.exchange("PUBLISH", "news", text), ":1000\r\n");
    }
    for (const listener of listeners) {
      for (const text of ["one", "two", "three"]) {
        assertEquals(await listener.readReply(), messageOf("news", text));
      }
    }
  } finally {
    for (const listener of listeners) listener.close();
  }
  await until(
    async () => await sender.exchange("PUBLISH", "news", "anybody?") === ":0\r\n",
    "the server to notice that all have gone",
  );
});

Deno.test("100,000 messages in pipelines come whole and in order, among replies", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using sender = await RawConnection.open(server.socketPath);
  using listener = await RawConnection.open(server.socketPath);
  await listener.exchange("HELLO", "3");
  await listener.exchange("SUBSCRIBE", "count");
  const count = 100_000;
  const inPipeline = 1000;
  const sending = (async () => {
    for (let i = 0; i < count; i += inPipeline) {
      const requests = Array.from(
        { length: inPipeline },
        (_, n) => ["PUBLISH", "count", `${i + n}`],
      );
      for (const reply of await sender.pipeline(requests)) assertEquals(reply, ":1\r\n");
    }
  })();
  let received = 0;
  let pongs = 0;
  let asked = 0;
  while (received < count) {
    if (asked < 500 && received >= asked * 100) {
      await listener.send(encodeRequest(["PING", `${asked++}`]));
    }
    const reply = await listener.readReply();
    if (reply.startsWith("$")) assertEquals(reply.split("\r\n")[1], `${pongs++}`);
    else assertEquals(reply.split("\r\n")[6], `${received++}`);
  }
  for (; pongs < asked; pongs++) {
    assertEquals((await listener.readReply()).split("\r\n")[1], `${pongs}`);
  }
  await sending;
});

Deno.test("a listener that does not read is disconnected at the hard limit, and others are served", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using sender = await RawConnection.open(server.socketPath);
  using rude = await listen(server, "news");
  using polite = await listen(server, "news");
  await sender.exchange("CONFIG", "SET", "client-output-buffer-limit", "pubsub 4mb 0 0");
  const before = await privateBytes(server.pid);
  const text = "x".repeat(100_000);
  let receivers = 2;
  for (let i = 0; i < 200 && receivers === 2; i++) {
    receivers = Number((await sender.exchange("PUBLISH", "news", text)).slice(1));
    assertEquals(await polite.readReply(), messageOf("news", text));
  }
  assertEquals(await sender.exchange("PUBLISH", "news", "last"), ":1\r\n");
  assertEquals(await polite.readReply(), messageOf("news", "last"));
  const grown = await privateBytes(server.pid) - before;
  assert(grown < 60 * 2 ** 20, `${Math.round(grown / 2 ** 20)} MiB more`);
  await until(
    () => Promise.resolve(server.stderrText.includes("client-output-buffer-limit")),
    "the server to say so",
  );
  assertMatch(server.stderrText, /closed client id=\d+ addr=.* it does not read/);
  // The connection is really closed, not only forgotten.
  await rude.readUntilClosed();
  assertMatch(await sender.exchange("INFO", "clients"), /connected_clients:2\r\n/);
});

Deno.test("above the soft limit, a client has so many seconds", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using sender = await RawConnection.open(server.socketPath);
  using rude = await listen(server, "news");
  await sender.exchange("CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 1mb 1");
  const text = "x".repeat(100_000);
  const begun = performance.now();
  for (let i = 0; i < 40; i++) {
    assertEquals(await sender.exchange("PUBLISH", "news", text), ":1\r\n");
  }
  await until(
    async () => await sender.exchange("PUBLISH", "news", "") === ":0\r\n",
    "the client to be disconnected",
  );
  assert(performance.now() - begun > 1000, "not at once");
  await rude.readUntilClosed();
});

Deno.test("replies count when there is a limit for normal clients", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using client = await RawConnection.open(server.socketPath);
  await client.exchange("CONFIG", "SET", "client-output-buffer-limit", "normal 1mb 0 0");
  await client.exchange("SET", "large", "v".repeat(2 ** 21));
  await client.send(encodeRequest(["GET", "large"]));
  assertEquals(await client.readUntilClosed(), "");
});

Deno.test("MONITOR is bounded, too", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using sender = await RawConnection.open(server.socketPath);
  using rude = await RawConnection.open(server.socketPath);
  await sender.exchange("CONFIG", "SET", "client-output-buffer-limit", "pubsub 2mb 0 0");
  await rude.exchange("MONITOR");
  const value = "v".repeat(100_000);
  for (let i = 0; i < 100; i++) await sender.exchange("SET", "key", value);
  await until(
    async () => (await sender.exchange("INFO", "clients")).includes("connected_clients:1\r\n"),
    "the client to be disconnected",
  );
});

Deno.test("in RESP3, one's own messages come behind the reply, and never within one", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using client = await RawConnection.open(server.socketPath);
  await client.exchange("HELLO", "3");
  await client.exchange("SUBSCRIBE", "own");
  const message = ">3\r\n$7\r\nmessage\r\n$3\r\nown\r\n$1\r\nx\r\n";
  assertEquals(await client.exchange("PUBLISH", "own", "x"), ":1\r\n");
  assertEquals(await client.readReply(), message);
  await client.pipeline([["MULTI"], ["PUBLISH", "own", "x"], ["PUBLISH", "own", "x"]]);
  assertEquals(await client.exchange("EXEC"), "*2\r\n:1\r\n:1\r\n");
  assertEquals(await client.readReply(), message);
  assertEquals(await client.readReply(), message);
});

Deno.test("a RESP2 client has invalidations told to another connection", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using client = await RawConnection.open(server.socketPath);
  using listener = await RawConnection.open(server.socketPath);
  const id = (await listener.exchange("CLIENT", "ID")).slice(1).trim();
  await listener.exchange("SUBSCRIBE", "__redis__:invalidate");
  assertEquals(await client.exchange("CLIENT", "TRACKING", "ON", "REDIRECT", id), "+OK\r\n");
  assertEquals(await client.exchange("CLIENT", "GETREDIR"), `:${id}\r\n`);
  await client.exchange("GET", "a");
  await client.exchange("SET", "a", "1");
  const start = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";
  assertEquals(await listener.readReply(), `${start}*1\r\n$1\r\na\r\n`);
  await client.exchange("FLUSHALL");
  assertEquals(await listener.readReply(), `${start}$-1\r\n`);
  listener.close();
  await until(async () => {
    await client.exchange("GET", "a");
    await client.exchange("SET", "a", "1");
    return (await client.exchange("CLIENT", "TRACKINGINFO")).includes("broken_redirect");
  }, "the server to notice that the listener has gone");
});

Deno.test("a client that changes a key and leaves is told of it before it has gone", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using client = await RawConnection.open(server.socketPath);
  using leaving = await RawConnection.open(server.socketPath);
  const id = (await leaving.exchange("CLIENT", "ID")).slice(1).trim();
  await client.exchange("HELLO", "3");
  await client.exchange("CLIENT", "TRACKING", "ON", "BCAST", "REDIRECT", id);
  await leaving.pipeline([["SET", "a", "1"], ["QUIT"]]);
  assertEquals(await leaving.readUntilClosed(), "");
  // In RESP2, and without a subscription, there is no way to tell it; but somebody was there to be told.
  const tracking = await client.exchange("CLIENT", "TRACKINGINFO");
  assertEquals(tracking.includes("broken_redirect"), false);
  assertEquals(tracking.startsWith("%3"), true);
});

Deno.test("who is disconnected in the middle of a PUBLISH is in nobody's way", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using client = await RawConnection.open(server.socketPath);
  using reading = await RawConnection.open(server.socketPath);
  using silent = await RawConnection.open(server.socketPath);
  await client.exchange("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1500kb 0 0");
  // When these go, the map of patterns becomes smaller: others stand elsewhere then.
  const others = Array.from({ length: 3000 }, (_, i) => `a*${i}*`);
  await silent.send(encodeRequest(["PSUBSCRIBE", ...others, "m*"]));
  for (let i = 0; i <= others.length; i++) await silent.readReply();
  const patterns = Array.from({ length: 30 }, (_, i) => `m${"*".repeat(i)}m`);
  await reading.send(encodeRequest(["PSUBSCRIBE", ...patterns]));
  for (let i = 0; i < patterns.length; i++) await reading.readReply();
  const receivers = new Set<string>();
  for (let i = 0; i < 400 && !receivers.has(":30\r\n"); i++) {
    receivers.add(await client.exchange("PUBLISH", "mm", `${i} `.padEnd(40_000, "x")));
    const told = new Set<string>();
    for (let j = 0; j < patterns.length; j++) told.add(await reading.readReply());
    assertEquals(told.size, patterns.length);
    // In RESP2 a subscriber's PING is replied to behind all that it was sent.
    assertEquals(await reading.exchange("PING"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  }
  assertEquals([...receivers], [":31\r\n", ":30\r\n"]);
});

Deno.test("no more keys are remembered than tracking-table-max-keys", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using client = await RawConnection.open(server.socketPath);
  await client.exchange("CONFIG", "SET", "tracking-table-max-keys", "100");
  await client.exchange("HELLO", "3");
  await client.exchange("CLIENT", "TRACKING", "ON");
  let told = 0;
  for (let i = 0; i < 300; i++) {
    await client.send(encodeRequest(["GET", `key:${i}`]));
    for (let reply = ""; reply !== "_\r\n";) {
      reply = await client.readReply();
      if (reply.startsWith(">")) told++;
    }
  }
  using other = await RawConnection.open(server.socketPath);
  const info = await other.exchange("INFO", "stats");
  assertMatch(info, /tracking_total_keys:100\r\ntracking_total_items:100\r\n/);
  while (told < 200) {
    assertMatch(await client.readReply(), /^>2\r\n\$10\r\ninvalidate\r\n\*1\r\n/);
    told++;
  }
});

Deno.test("with --sync always, an event is told of when the write is on the disk", async () => {
  await using server = await TestServer.start({ kind: "kv", args: ["--sync", "always"] });
  using client = await RawConnection.open(server.socketPath);
  await client.exchange("CONFIG", "SET", "notify-keyspace-events", "E$");
  using listener = await listen(server, "__keyevent@0__:set");
  for (let i = 0; i < 20; i++) {
    assertEquals(await client.exchange("SET", `key:${i}`, "v"), "+OK\r\n");
    assertEquals(await listener.readReply(), messageOf("__keyevent@0__:set", `key:${i}`));
  }
});

Deno.test("a client that monitors is not kept back by a pause", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using client = await RawConnection.open(server.socketPath);
  using monitoring = await RawConnection.open(server.socketPath);
  assertEquals(await monitoring.exchange("MONITOR"), "+OK\r\n");
  assertEquals(await client.exchange("CLIENT", "PAUSE", "1000000", "ALL"), "+OK\r\n");
  await monitoring.send(encodeRequest(["PING"]));
  while (await monitoring.readReply() !== "+PONG\r\n");
});

Deno.test("who listens is not idle", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using sender = await RawConnection.open(server.socketPath);
  using listener = await listen(server, "news");
  using idle = await RawConnection.open(server.socketPath);
  await idle.exchange("PING");
  await sender.exchange("CONFIG", "SET", "timeout", "1");
  // The idle one goes first, whatever the machine is doing meanwhile.
  await Promise.all([
    idle.readUntilClosed(),
    until(async () => {
      return (await sender.exchange("CLIENT", "LIST")).match(/^id=/gm)!.length === 2;
    }, "the idle client to go"),
  ]);
  assertEquals(await sender.exchange("PUBLISH", "news", "x"), ":1\r\n");
  assertEquals(await listener.readReply(), messageOf("news", "x"));
});
