/** The npm package ioredis. */
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Redis } from "ioredis";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { until, withTimeLimit } from "../support/time_limit.ts";

async function withClient(
  body: (redis: Redis, server: TestServer) => Promise<void>,
): Promise<void> {
  await using server = await TestServer.start();
  const redis = new Redis({ path: server.socketPath, lazyConnect: true, commandTimeout: 10_000 });
  // Lost connections are reported here too; tests see them in the replies.
  redis.on("error", () => {});
  try {
    await redis.connect();
    await body(redis, server);
  } finally {
    await close(redis);
  }
}

/** Waits for the end of the connection, so that nothing of it outlives the test. */
async function close(redis: Redis): Promise<void> {
  // Between two attempts to connect there is no connection to wait for.
  const hasConnection = redis.status !== "end" && redis.status !== "reconnecting";
  if (!hasConnection) return redis.disconnect();
  const ended = new Promise<void>((resolve) => redis.once("end", () => resolve()));
  redis.disconnect();
  await withTimeLimit(ended, 5000, "ioredis to close its connection");
}

function test(
  name: string,
  body: (redis: Redis, server: TestServer) => Promise<void>,
): void {
  Deno.test(`ioredis ${name}`, () => withClient(body));
}

test("sets, gets, counts and deletes", async (redis) => {
  assertEquals(await redis.set("foo", "bar"), "OK");
  assertEquals(await redis.get("foo"), "bar");
  assertEquals(await redis.get("missing"), null);
  assertEquals(await redis.incr("n"), 1);
  assertEquals(await redis.incrby("n", 41), 42);
  assertEquals(await redis.incrbyfloat("n", 0.5), "42.5");
  assertEquals(await redis.mset({ a: 1, b: 2 }), "OK");
  assertEquals(await redis.mget("a", "b", "missing"), ["1", "2", null]);
  assertEquals(await redis.set("foo", "x", "EX", 100, "NX"), null);
  assertEquals(await redis.expire("foo", 100), 1);
  assert(await redis.ttl("foo") > 90);
  assertEquals(await redis.del("foo", "a", "missing"), 2);
  assertEquals(await redis.dbsize(), 2);
});

test("connects by a URL, or by the path alone", async (_redis, server) => {
  for (const url of [`unix://${server.socketPath}`, server.socketPath]) {
    const redis = new Redis(url, { lazyConnect: true });
    try {
      await redis.connect();
      assertEquals(await redis.ping(), "PONG");
    } finally {
      redis.disconnect();
    }
  }
});

test("keeps binary keys and values", async (redis) => {
  const key = Uint8Array.of(0, 255, 13, 10);
  const value = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256);
  await redis.set(toBuffer(key), toBuffer(value));
  const stored = await redis.getBuffer(toBuffer(key));
  assert(stored !== null);
  assertEquals(new Uint8Array(stored), value);
});

test("sends pipelines", async (redis) => {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.set(`key:${i}`, i).get(`key:${i}`);
  const results = await pipeline.exec();
  assertEquals(results?.length, 2000);
  assertEquals(results?.[1999], [null, "999"]);
  assert(results?.every(([error]) => error === null));
});

test("pipelines by itself what is asked at the same time", async (redis) => {
  const counts = await Promise.all(Array.from({ length: 500 }, () => redis.incr("n")));
  assertEquals(counts, Array.from({ length: 500 }, (_, i) => i + 1));
});

test("runs transactions", async (redis) => {
  const results = await redis.multi().set("a", 1).incr("a").get("a").exec();
  assertEquals(results, [[null, "OK"], [null, 2], [null, "2"]]);
});

test("gets null for a transaction whose watched key has changed", async (redis, server) => {
  const other = new Redis({ path: server.socketPath, lazyConnect: true });
  try {
    await other.connect();
    await redis.watch("a");
    await other.set("a", "changed");
    assertEquals(await redis.multi().set("a", "mine").exec(), null);
    assertEquals(await redis.get("a"), "changed");
  } finally {
    await close(other);
  }
});

test("rejects with the server's errors", async (redis) => {
  await redis.set("text", "abc");
  await assertRejects(
    () => redis.incr("text"),
    Error,
    "ERR value is not an integer or out of range",
  );
  await assertRejects(() => redis.call("NOSUCH", "a"), Error, "ERR unknown command 'NOSUCH'");
  const results = await redis.multi().set("a", 1).incr("text").exec();
  assertEquals(results?.[0], [null, "OK"]);
  assert(results?.[1][0] instanceof Error);
});

test("scans with streams", async (redis) => {
  const names = Array.from({ length: 300 }, (_, i) => `key:${i}`);
  await redis.mset(new Map(names.map((name) => [name, "1"])));
  await redis.set("other", "1");
  const seen = new Set<string>();
  for await (const keys of redis.scanStream({ match: "key:*", count: 20 })) {
    for (const key of keys) seen.add(key);
  }
  assertEquals(seen, new Set(names));
});

test("connects again after the server's restart", async (redis, server) => {
  await redis.set("foo", "bar");
  const isReadyAgain = new Promise<void>((resolve) => redis.once("ready", () => resolve()));
  await server.restart();
  await withTimeLimit(isReadyAgain, 10_000, "ioredis to connect again");
  assertEquals(await redis.get("foo"), server.kind === "kv" ? "bar" : null);
  assertEquals(await redis.set("foo", "baz"), "OK");
});

test("sends what was asked while the server was away", async (redis, server) => {
  await redis.set("foo", "bar");
  const closed = new Promise<void>((resolve) => redis.once("close", () => resolve()));
  await server.stop();
  await closed;
  const asked = redis.incr("n");
  await server.restart();
  assertEquals(await withTimeLimit(asked, 10_000, "the reply"), 1);
});

test("knows the server by INFO and CLIENT", async (redis) => {
  assert((await redis.info("server")).includes("redis_version:7."));
  await redis.client("SETNAME", "worker");
  assertEquals(await redis.client("GETNAME"), "worker");
  assertEquals(await redis.ping(), "PONG");
  assertEquals(await redis.config("GET", "timeout"), ["timeout", "0"]);
  assertEquals(await redis.quit(), "OK");
});

/** ioredis takes Node's buffers for bytes. */
function toBuffer(bytes: Uint8Array): Parameters<Redis["getBuffer"]>[0] {
  return Buffer.from(bytes);
}

Deno.test("ioredis subscribes, and goes on after a restart of the server", async () => {
  await withClient(async (redis, server) => {
    const listener = redis.duplicate();
    listener.on("error", () => {});
    const heard: string[] = [];
    listener.on("message", (channel, message) => heard.push(`${channel}: ${message}`));
    listener.on("pmessage", (pattern, channel, message) => {
      heard.push(`${pattern} ${channel}: ${message}`);
    });
    try {
      assertEquals(await listener.subscribe("news", "other"), 2);
      assertEquals(await listener.psubscribe("n*"), 3);
      assertEquals(await redis.publish("news", "hello"), 2);
      await until(() => Promise.resolve(heard.length === 2), "the messages");
      assertEquals(heard, ["news: hello", "n* news: hello"]);
      await server.restart();
      // It subscribes again by itself.
      await until(async () => await redis.publish("other", "again") === 1, "the subscriptions");
      await until(() => Promise.resolve(heard.at(-1) === "other: again"), "the message");
      assertEquals(await listener.unsubscribe("news", "other"), 1);
    } finally {
      await close(listener);
    }
  });
});

Deno.test("ioredis monitors, and dumps and restores values", async () => {
  await withClient(async (redis) => {
    const monitor = await redis.monitor();
    const seen: string[][] = [];
    monitor.on("monitor", (_time, args) => seen.push(args));
    try {
      await redis.set("foo", "bar");
      const dump = await redis.dumpBuffer("foo");
      assertEquals(await redis.restore("copy", 0, dump), "OK");
      assertEquals(await redis.get("copy"), "bar");
      await until(() => Promise.resolve(seen.length >= 4), "the requests to be shown");
      assertEquals(seen[0], ["set", "foo", "bar"]);
    } finally {
      await close(monitor);
    }
  });
});

test("gives the password, again after the connection was lost", async (_redis, server) => {
  using control = await RawConnection.open(server.socketPath);
  assertEquals(await control.exchange("CONFIG", "SET", "requirepass", "open sesame"), "+OK\r\n");
  const redis = new Redis({ path: server.socketPath, password: "open sesame", lazyConnect: true });
  redis.on("error", () => {});
  try {
    await redis.connect();
    assertEquals(await redis.set("foo", "bar"), "OK");
    await control.exchange("CLIENT", "KILL", "SKIPME", "yes");
    assertEquals(await redis.get("foo"), "bar");
  } finally {
    await close(redis);
  }
});
