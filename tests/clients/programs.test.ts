/** Programs that stand on the clients: sessions, caches, limits of rates, locks. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { assert, assertEquals, assertRejects } from "@std/assert";
import KeyvRedis from "@keyv/redis";
import { createCache } from "cache-manager";
import { RedisStore } from "connect-redis";
import session from "express-session";
import { Redis } from "ioredis";
import { Keyv } from "keyv";
import { RateLimiterRedis, RateLimiterRedisNonAtomic, RateLimiterRes } from "rate-limiter-flexible";
import { createClient } from "redis";
import { RawConnection } from "../support/raw_connection.ts";
import { type ServerKind, TestServer } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";

async function connect(server: TestServer) {
  const client = createClient({ socket: { path: server.socketPath, tls: false } });
  client.on("error", () => {});
  return await client.connect();
}

type Client = Awaited<ReturnType<typeof connect>>;

/** `kind` for what kv alone has, or has not. */
function test(
  name: string,
  body: (client: Client, server: TestServer) => Promise<void>,
  kind?: ServerKind,
): void {
  Deno.test(name, async () => {
    await using server = await TestServer.start({ kind });
    const client = await connect(server);
    try {
      await body(client, server);
    } finally {
      if (client.isOpen) client.destroy();
    }
  });
}

// --- sessions ----------------------------------------------------------------------------------------

type Counted = session.SessionData & { visits?: number };

test("express-session keeps its sessions with connect-redis", async (client) => {
  const store = new RedisStore({ client, prefix: "sess:", ttl: 100 });
  const middleware = session({ store, secret: "s", resave: false, saveUninitialized: false });
  const site = createServer((request, response) => {
    // deno-lint-ignore no-explicit-any
    middleware(request as any, response as any, () => {
      const found = (request as unknown as { session: Counted & session.Session }).session;
      if (request.url === "/leave") {
        found.destroy(() => response.end("left"));
        return;
      }
      found.visits = (found.visits ?? 0) + 1;
      response.end(String(found.visits));
    });
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const { port } = site.address() as AddressInfo;
  const visit = async (path: string, cookie?: string) => {
    const headers: Record<string, string> = cookie === undefined ? {} : { cookie };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    const given = response.headers.get("set-cookie")?.split(";")[0];
    return { text: await response.text(), cookie: given ?? cookie };
  };
  try {
    const first = await visit("/");
    assertEquals(first.text, "1");
    assertEquals((await visit("/", first.cookie)).text, "2");
    assertEquals((await visit("/", first.cookie)).text, "3");
    assertEquals((await visit("/")).text, "1");
    const keys = await client.keys("sess:*");
    assertEquals(keys.length, 2);
    assert(await client.ttl(keys[0]) > 90);
    assertEquals((await visit("/leave", first.cookie)).text, "left");
    assertEquals((await client.keys("sess:*")).length, 1);
    assertEquals((await visit("/", first.cookie)).text, "1");
  } finally {
    await new Promise((resolve) => site.close(resolve));
  }
});

test("connect-redis lists, counts, touches and clears sessions", async (client) => {
  const store = new RedisStore({ client, prefix: "s:", ttl: 100, scanCount: 10 });
  const cookie = { originalMaxAge: 5000, expires: new Date(Date.now() + 5000) };
  const make = (name: string) => ({ cookie, name }) as unknown as session.SessionData;
  for (let i = 0; i < 50; i++) await store.set(String(i), make(`n${i}`));
  const found = await store.get("7") as unknown as { name: string };
  assertEquals(found.name, "n7");
  assertEquals(await store.length(), 50);
  assertEquals((await store.ids()).length, 50);
  assertEquals(((await store.all()) as unknown[]).length, 50);
  assert(await client.ttl("s:7") <= 5);
  await store.touch("7", { cookie: { expires: new Date(Date.now() + 60_000) } } as never);
  assert(await client.ttl("s:7") > 50);
  await store.destroy("7");
  assertEquals(await store.get("7"), null);
  await store.clear();
  assertEquals(await client.dbSize(), 0);
});

// --- caches ------------------------------------------------------------------------------------------

test("Keyv keeps values and namespaces with @keyv/redis", async (client, server) => {
  const adapter = new KeyvRedis({ socket: { path: server.socketPath, tls: false } });
  const users = new Keyv({ store: adapter, namespace: "users", useKeyPrefix: false });
  users.on("error", (error) => {
    throw error;
  });
  try {
    await users.set("ann", { age: 30 });
    await users.set("bob", { age: 40 }, 30);
    assertEquals(await users.get("ann"), { age: 30 });
    assertEquals(await users.getMany(["ann", "none"]), [{ age: 30 }, undefined]);
    assertEquals(await users.has("ann"), true);
    assertEquals(await client.keys("*ann"), ["users::ann"]);
    await until(async () => await client.exists("users::bob") === 0, "the deadline to pass");
    assertEquals(await users.get("bob"), undefined);
    await users.setMany([{ key: "a", value: 1 }, { key: "b", value: 2, ttl: 60_000 }]);
    assert(await client.pTTL("users::b") > 50_000);
    const names: string[] = [];
    for await (const [name] of users.iterator!(undefined)) names.push(name);
    assertEquals(names.sort(), ["a", "ann", "b"]);
    assertEquals(await users.delete("a"), true);
    assertEquals(await users.deleteMany(["b", "none"]), true);
    await client.set("other", "stays");
    await users.clear();
    assertEquals(await client.keys("*"), ["other"]);
  } finally {
    await users.disconnect();
  }
});

test(
  "cache-manager computes a value once, and again when it has expired",
  async (client, server) => {
    const adapter = new KeyvRedis({ socket: { path: server.socketPath, tls: false } });
    const cache = createCache({ stores: [new Keyv({ store: adapter })], ttl: 60_000 });
    let computed = 0;
    const slow = () => cache.wrap("answer", () => Promise.resolve({ value: ++computed }), 100);
    try {
      assertEquals(await slow(), { value: 1 });
      assertEquals(await slow(), { value: 1 });
      await until(async () => (await client.keys("*answer")).length === 0, "the value to expire");
      assertEquals(await slow(), { value: 2 });
      await cache.mset<unknown>([{ key: "a", value: 1 }, { key: "b", value: "two" }]);
      assertEquals<unknown[]>(await cache.mget(["a", "b", "c"]), [1, "two", undefined]);
      await cache.del("a");
      assertEquals(await cache.get("a"), undefined);
      await cache.clear();
      assertEquals(await client.dbSize(), 0);
    } finally {
      await cache.disconnect();
    }
  },
);

// --- limits of rates ---------------------------------------------------------------------------------

test("rate-limiter-flexible limits rates without scripts", async (client, server) => {
  const redis = new Redis(server.socketPath);
  redis.on("error", () => {});
  try {
    for (const storeClient of [redis, client]) {
      const limiter = new RateLimiterRedisNonAtomic({
        storeClient,
        useRedisPackage: storeClient === client,
        keyPrefix: storeClient === client ? "node-redis" : "ioredis",
        points: 5,
        duration: 60,
      });
      for (let left = 4; left >= 0; left--) {
        assertEquals((await limiter.consume("ann")).remainingPoints, left);
      }
      const refused = await limiter.consume("ann").then(() => null, (error) => error);
      assert(refused instanceof RateLimiterRes && refused.msBeforeNext > 50_000);
      assertEquals((await limiter.consume("bob", 2)).remainingPoints, 3);
      assertEquals((await limiter.get("bob"))?.consumedPoints, 2);
      assertEquals((await limiter.penalty("bob", 2)).consumedPoints, 4);
      assertEquals((await limiter.reward("bob", 1)).consumedPoints, 3);
      assertEquals(await limiter.delete("ann"), true);
      assertEquals((await limiter.consume("ann")).remainingPoints, 4);
      await limiter.block("bob", 10);
      assert(await limiter.consume("bob").then(() => false, () => true));
    }
  } finally {
    redis.disconnect();
  }
});

test("rate-limiter-flexible with scripts is told that there are none", async (_client, server) => {
  const redis = new Redis(server.socketPath);
  redis.on("error", () => {});
  try {
    const limiter = new RateLimiterRedis({ storeClient: redis, points: 5, duration: 60 });
    await assertRejects(() => limiter.consume("ann"), Error, "unknown command");
  } finally {
    redis.disconnect();
  }
}, "kv");

// --- locks -------------------------------------------------------------------------------------------

test(
  "a lock by SET NX PX and DELIFEQ excludes, and nobody opens another's",
  async (client, server) => {
    const workers = await Promise.all(Array.from({ length: 8 }, () => connect(server)));
    const lockMs = 10_000;
    let inside = 0;
    let turns = 0;
    const work = async (worker: Client, name: string) => {
      for (let turn = 0; turn < 25;) {
        const token = `${name}:${turn}`;
        const options = { condition: "NX", expiration: { type: "PX", value: lockMs } } as const;
        if (await worker.set("lock", token, options) === null) continue;
        assertEquals(++inside, 1);
        // What is guarded: read, think, write.
        const value = Number(await worker.get("guarded") ?? 0);
        await worker.set("guarded", String(value + 1));
        assertEquals(--inside, 0);
        assertEquals<unknown>(await worker.sendCommand(["DELIFEQ", "lock", "another's"]), 0);
        assertEquals<unknown>(await worker.sendCommand(["DELIFEQ", "lock", token]), 1);
        turn++;
        turns++;
      }
    };
    try {
      await Promise.all(workers.map((worker, i) => work(worker, String(i))));
      assertEquals(turns, 200);
      assertEquals(await client.get("guarded"), "200");
      assertEquals(await client.exists("lock"), 0);
    } finally {
      for (const worker of workers) worker.destroy();
    }
  },
  "kv",
);

test(
  "a lock opens by itself, and its first owner cannot open the next one's",
  async (client, server) => {
    const lock = (token: string) =>
      client.set("lock", token, { condition: "NX", expiration: { type: "PX", value: 30 } });
    assertEquals(await lock("first"), "OK");
    assertEquals(await lock("second"), null);
    await until(async () => await lock("second") === "OK", "the lock to open");
    using connection = await RawConnection.open(server.socketPath);
    assertEquals(await connection.exchange("DELEX", "lock", "IFEQ", "first"), ":0\r\n");
    // What extends it: only its owner.
    const extend = ["SET", "lock", "second", "IFEQ", "second", "PX", "10000"];
    assertEquals(await connection.exchange(...extend), "+OK\r\n");
    assert(await client.pTTL("lock") > 5000);
    assertEquals(await connection.exchange("DELEX", "lock", "IFEQ", "second"), ":1\r\n");
  },
  "kv",
);
