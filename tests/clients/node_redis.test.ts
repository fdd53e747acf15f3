/** The npm package redis, called node-redis, in both protocols. */
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createClient, RESP_TYPES, WatchError } from "redis";
import { TestServer } from "../support/test_server.ts";
import { until, withTimeLimit } from "../support/time_limit.ts";

function makeClient(server: TestServer, protocol: 2 | 3) {
  const client = createClient({
    RESP: protocol,
    socket: { path: server.socketPath, tls: false, reconnectStrategy: 20 },
  });
  // Lost connections are reported here too; tests see them in the replies.
  client.on("error", () => {});
  return client;
}

type Client = ReturnType<typeof makeClient>;

function test(
  name: string,
  body: (client: Client, server: TestServer, protocol: 2 | 3) => Promise<void>,
): void {
  for (const protocol of [2, 3] as const) {
    Deno.test(`node-redis in RESP${protocol} ${name}`, async () => {
      await using server = await TestServer.start();
      const client = makeClient(server, protocol);
      try {
        await client.connect();
        await body(client, server, protocol);
      } finally {
        if (client.isOpen) client.destroy();
      }
    });
  }
}

test("sets, gets, counts and deletes", async (client) => {
  assertEquals(await client.set("foo", "bar"), "OK");
  assertEquals(await client.get("foo"), "bar");
  assertEquals(await client.get("missing"), null);
  assertEquals(await client.incr("n"), 1);
  assertEquals(await client.decrBy("n", 11), -10);
  assertEquals(await client.mSet({ a: "1", b: "2" }), "OK");
  assertEquals(await client.mGet(["a", "b", "missing"]), ["1", "2", null]);
  const options = { condition: "NX", expiration: { type: "EX", value: 100 } } as const;
  assertEquals(await client.set("foo", "x", options), null);
  assertEquals(await client.expire("foo", 100), 1);
  assert(await client.ttl("foo") > 90);
  assertEquals(await client.del(["foo", "a", "missing"]), 2);
  assertEquals(await client.dbSize(), 2);
});

test("connects by a URL", async (_client, server, RESP) => {
  const client = createClient({ RESP, url: `unix://${server.socketPath}` });
  client.on("error", () => {});
  await client.connect();
  try {
    assertEquals(await client.ping(), "PONG");
  } finally {
    client.destroy();
  }
});

test("keeps binary keys and values", async (client) => {
  const key = Buffer.from([0, 255, 13, 10]);
  const value = Buffer.from(Uint8Array.from({ length: 70_000 }, (_, i) => i % 256));
  const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  await binary.set(key, value);
  const stored = await binary.get(key);
  assert(stored !== null);
  assert(value.equals(stored));
});

test("pipelines what is asked at the same time", async (client) => {
  const counts = await Promise.all(Array.from({ length: 500 }, () => client.incr("n")));
  assertEquals(counts, Array.from({ length: 500 }, (_, i) => i + 1));
});

test("runs transactions", async (client) => {
  const results = await client.multi().set("a", "1").incr("a").get("a").exec();
  assertEquals(results.map(String), ["OK", "2", "2"]);
});

test("rejects a transaction whose watched key has changed", async (client, server, protocol) => {
  const other = makeClient(server, protocol);
  try {
    await other.connect();
    await client.watch("a");
    await other.set("a", "changed");
    await assertRejects(() => client.multi().set("a", "mine").exec(), WatchError);
    assertEquals(await client.get("a"), "changed");
  } finally {
    other.destroy();
  }
});

test("rejects with the server's errors", async (client) => {
  await client.set("text", "abc");
  await assertRejects(
    () => client.incr("text"),
    Error,
    "ERR value is not an integer or out of range",
  );
  await assertRejects(() => client.sendCommand(["NOSUCH", "a"]), Error, "ERR unknown command");
});

test("iterates over all keys", async (client) => {
  const names = Array.from({ length: 300 }, (_, i) => `key:${i}`);
  await client.mSet(names.map((name): [string, string] => [name, "1"]));
  await client.set("other", "1");
  const seen = new Set<string>();
  for await (const keys of client.scanIterator({ MATCH: "key:*", COUNT: 20 })) {
    for (const key of keys) seen.add(key);
  }
  assertEquals(seen, new Set(names));
});

test("connects again after the server's restart", async (client, server) => {
  await client.set("foo", "bar");
  const isReadyAgain = new Promise<void>((resolve) => client.once("ready", () => resolve()));
  await server.restart();
  await withTimeLimit(isReadyAgain, 10_000, "node-redis to connect again");
  assertEquals(await client.get("foo"), server.kind === "kv" ? "bar" : null);
  assertEquals(await client.set("foo", "baz"), "OK");
});

test("knows the server by INFO, CONFIG and CLIENT", async (client) => {
  assert((await client.info("server")).includes("redis_version:7."));
  assertEquals({ ...await client.configGet("timeout") }, { timeout: "0" });
  await client.clientSetName("worker");
  assertEquals(await client.clientGetName(), "worker");
  assertEquals((await client.clientInfo()).name, "worker");
  assertEquals(await client.ping(), "PONG");
  const [get] = await client.commandInfo(["get"]);
  assertEquals(get?.arity, 2);
  await client.close();
});

test("subscribes to channels and patterns, and hears of expired keys", async (client, server) => {
  const listener = client.duplicate();
  const heard: string[] = [];
  const ended = Promise.withResolvers<void>();
  const hear = (message: string, channel: string) => {
    heard.push(`${channel}: ${message}`);
    if (message === "soon") ended.resolve();
  };
  try {
    await client.configSet("notify-keyspace-events", "Ex");
    await listener.connect();
    await listener.subscribe("news", hear);
    await listener.pSubscribe("__keyevent@0__:*", hear);
    assertEquals(await client.publish("news", "hello"), 1);
    await client.set("soon", "1", { expiration: { type: "PX", value: 20 } });
    await withTimeLimit(ended.promise, 5000, "the key to expire");
    assertEquals(heard, ["news: hello", "__keyevent@0__:expired: soon"]);
    await listener.unsubscribe("news");
    assertEquals(await client.publish("news", "nobody"), 0);
    assertEquals((await listener.ping()).toUpperCase(), "PONG");
    assertEquals(await client.pubSubNumPat(), 1);
  } finally {
    listener.destroy();
  }
  assert(server.pid > 0);
});

test("counts different elements, and moves values in Redis's form", async (client) => {
  assertEquals(await client.pfAdd("visitors", ["a", "b", "c", "a"]), 1);
  assertEquals(await client.pfCount("visitors"), 3);
  await client.set("foo", "bar");
  assertEquals(await client.objectEncoding("foo"), "embstr");
  assert((await client.memoryUsage("foo"))! > 40);
});

Deno.test("node-redis keeps keys in a cache of its own, and kv tells it of changes", async () => {
  await using server = await TestServer.start();
  const socket = { path: server.socketPath, tls: false } as const;
  const cached = createClient({
    RESP: 3,
    socket,
    clientSideCache: { ttl: 0, maxEntries: 100, evictPolicy: "LRU", recordStats: true },
  });
  const other = createClient({ socket });
  cached.on("error", () => {});
  other.on("error", () => {});
  try {
    await Promise.all([cached.connect(), other.connect()]);
    await other.set("foo", "1");
    for (let i = 0; i < 10; i++) assertEquals(await cached.get("foo"), "1");
    // Nine of ten did not ask the server.
    const [, calls] = /cmdstat_get:calls=(\d+)/.exec(await other.info("commandstats"))!;
    assertEquals(Number(calls), 1);
    await other.set("foo", "2");
    await until(async () => await cached.get("foo") === "2", "the cache to hear of the change");
  } finally {
    cached.destroy();
    other.destroy();
  }
});

for (const RESP of [2, 3] as const) {
  Deno.test(`node-redis gives the password with RESP${RESP}`, async () => {
    await using server = await TestServer.start();
    const socket = { path: server.socketPath, tls: false } as const;
    const first = createClient({ socket });
    await first.connect();
    const client = createClient({ RESP, username: "default", password: "open sesame", socket });
    const stranger = createClient({
      RESP,
      password: "wrong",
      socket: { ...socket, reconnectStrategy: false },
    });
    for (const each of [client, stranger]) each.on("error", () => {});
    try {
      await first.configSet("requirepass", "open sesame");
      await client.connect();
      assertEquals(await client.set("foo", "bar"), "OK");
      await assertRejects(() => stranger.connect(), Error, "WRONGPASS");
    } finally {
      for (const each of [first, client, stranger]) each.destroy();
    }
  });
}
