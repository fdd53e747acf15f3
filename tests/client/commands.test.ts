/** The client's methods for the common commands. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { KeyValueClient, KeyValueReplyError, replyToText } from "../../mod.ts";
import { targetOfRun } from "../support/test_server.ts";
import { ServerAndClient, test } from "./support.ts";

const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);

test("get and set know text, and what is not there is null", async (client) => {
  assertEquals(await client.set("greeting", "grüße"), true);
  assertEquals(await client.get("greeting"), "grüße");
  assertEquals(await client.get("none"), null);
  assertEquals(await client.getBytes("none"), null);
});

test("keys and values may be bytes of any kind", async (client) => {
  assertEquals(await client.set(allBytes, allBytes), true);
  assertEquals(await client.getBytes(allBytes), allBytes);
  assertEquals(await client.del(allBytes), 1);
  await client.set("empty", new Uint8Array(0));
  assertEquals(await client.getBytes("empty"), new Uint8Array(0));
  assertEquals(await client.get("empty"), "");
});

test("numbers are stored in decimal", async (client) => {
  await client.mset([["a", 1.5], ["b", -0], ["c", 2n ** 70n], ["d", 2 ** 53 - 1]]);
  assertEquals(await client.mget("a", "b", "c", "d"), [
    "1.5",
    "0",
    "1180591620717411303424",
    "9007199254740991",
  ]);
});

test("set with nx and xx tells whether it was done", async (client) => {
  assertEquals(await client.set("a", 1, { xx: true }), false);
  assertEquals(await client.set("a", 1, { nx: true }), true);
  assertEquals(await client.set("a", 2, { nx: true }), false);
  assertEquals(await client.set("a", 3, { xx: true }), true);
  assertEquals(await client.get("a"), "3");
});

test("bits are set, read and counted", async (client) => {
  assertEquals(await client.setBit("a", 9, 1), 0);
  assertEquals(await client.setBit("a", 9, 1), 1);
  assertEquals(await client.getBit("a", 9), 1);
  assertEquals(await client.getBit("a", 100), 0);
  assertEquals(await client.bitCount("a"), 1);
});

test("set with get answers with the value before", async (client) => {
  assertEquals(await client.set("a", "one", { get: true }), null);
  assertEquals(await client.set("a", "two", { get: true }), "one");
  assertEquals(await client.get("a"), "two");
});

test("set takes deadlines in each form", async (client) => {
  const inAMinute = Date.now() + 60_000;
  const minute = (ms: number) => assert(ms > 50_000 && ms <= 60_000, String(ms));
  await client.set("a", 1, { ex: 60 });
  minute(await client.pttl("a"));
  await client.set("a", 1, { px: 60_000 });
  minute(await client.pttl("a"));
  await client.set("a", 1, { exat: Math.floor(inAMinute / 1000) });
  minute(await client.pttl("a"));
  await client.set("a", 1, { pxat: new Date(inAMinute) });
  assertEquals(await client.pexpireTime("a"), inAMinute);
  await client.set("a", 2, { keepttl: true });
  assertEquals(await client.pexpireTime("a"), inAMinute);
  await client.set("a", 3);
  assertEquals(await client.ttl("a"), -1);
  await assertRejects(() => client.set("a", 1, { ex: 1, px: 1 }), KeyValueReplyError, "syntax");
});

test("getDel and getEx read and change", async (client) => {
  await client.set("a", "x");
  assertEquals(await client.getEx("a", { ex: 100 }), "x");
  assertEquals(await client.ttl("a"), 100);
  assertEquals(await client.getEx("a", { persist: true }), "x");
  assertEquals(await client.ttl("a"), -1);
  assertEquals(await client.getDel("a"), "x");
  assertEquals(await client.getDel("a"), null);
});

test("several keys are set and read at once", async (client) => {
  await client.mset({ a: "1", b: allBytes });
  assertEquals(await client.mget("a", "none"), ["1", null]);
  assertEquals(await client.mgetBytes("b", "none"), [allBytes, null]);
  assertEquals(await client.msetNx(new Map([["b", 1], ["c", 2]])), false);
  assertEquals(await client.msetNx({ c: 1, d: 2 }), true);
  assertEquals(await client.exists("a", "b", "c", "d", "a", "e"), 5);
});

test("mset takes more pairs than a call of JavaScript takes arguments", async (client) => {
  const count = 150_000;
  const entries = new Map(Array.from({ length: count }, (_, i) => [`key:${i}`, i]));
  await client.mset(entries);
  assertEquals(await client.dbsize(), count);
  assertEquals(await client.msetNx(entries), false);
  assertEquals(await client.get(`key:${count - 1}`), String(count - 1));
});

test("commands take a hundred thousand keys as arguments, and any number in an array", async (client) => {
  const keys = Array.from({ length: 200_000 }, (_, i) => `key:${i}`);
  await client.mset(keys.map((key) => [key, key] as const));
  const some = keys.slice(0, 100_000);
  assertEquals((await client.mget(...some)).at(-1), some.at(-1));
  assertEquals((await client.mgetBytes(...some)).length, some.length);
  assertEquals(await client.exists(...some), some.length);
  assertEquals(await client.del(...some), some.length);
  assertEquals((await client.mget(keys)).slice(99_999, 100_001), [null, "key:100000"]);
  assertEquals((await client.mgetBytes(keys)).length, keys.length);
  assertEquals(await client.exists(keys), 100_000);
  assertEquals(await client.transaction((t) => [t.del(keys), t.mget(["a"])]), [100_000, [null]]);
});

test("parts of values are read and written", async (client) => {
  assertEquals(await client.append("a", "hello"), 5);
  assertEquals(await client.append("a", " world"), 11);
  assertEquals(await client.strlen("a"), 11);
  assertEquals(await client.getRange("a", -5, -1), new TextEncoder().encode("world"));
  assertEquals(await client.setRange("a", 6, "there"), 11);
  assertEquals(await client.get("a"), "hello there");
  assertEquals(await client.strlen("none"), 0);
});

test("counters count", async (client) => {
  assertEquals(await client.incr("n"), 1);
  assertEquals(await client.incrBy("n", 41), 42);
  assertEquals(await client.decr("n"), 41);
  assertEquals(await client.decrBy("n", 1), 40);
  assertEquals(await client.incrByFloat("n", 0.5), 40.5);
});

test("a counter beyond 2^53 is a RangeError, and a bigint by command()", async (client) => {
  await client.set("n", 2n ** 62n);
  await assertRejects(() => client.incr("n"), RangeError, "4611686018427387905");
  assertEquals(await client.command("INCR", "n"), 2n ** 62n + 2n);
  assertEquals(await client.command("INCRBY", "n", 2n ** 61n), 2n ** 62n + 2n ** 61n + 2n);
});

test("keys are renamed, copied, listed and deleted", async (client) => {
  await client.mset({ a: 1, b: 2 });
  await client.rename("a", "c");
  assertEquals(await client.renameNx("c", "b"), false);
  assertEquals(await client.renameNx("c", "d"), true);
  assertEquals(await client.copy("d", "b"), false);
  assertEquals(await client.copy("d", "b", { replace: true }), true);
  assertEquals((await client.keys()).sort(), ["b", "d"]);
  assertEquals(await client.keys("z*"), []);
  assert(["b", "d"].includes(await client.randomKey() ?? ""));
  assertEquals(await client.type("b"), "string");
  assertEquals(await client.type("none"), "none");
  assertEquals(await client.dbsize(), 2);
  assertEquals(await client.del("b", "none"), 1);
  await client.flushall();
  assertEquals(await client.dbsize(), 0);
  assertEquals(await client.randomKey(), null);
});

test("deadlines are set, read and taken away", async (client) => {
  assertEquals(await client.expire("none", 10), false);
  await client.set("a", 1);
  assertEquals([await client.ttl("a"), await client.ttl("none")], [-1, -2]);
  assertEquals(await client.expire("a", 100), true);
  assertEquals(await client.ttl("a"), 100);
  assertEquals(await client.pexpire("a", 200_000, "lt"), false);
  assertEquals(await client.pexpire("a", 200_000, "gt"), true);
  const when = new Date(Date.now() + 300_000);
  assertEquals(await client.pexpireAt("a", when), true);
  assertEquals(await client.pexpireTime("a"), when.getTime());
  const seconds = Math.ceil(when.getTime() / 1000) + 5;
  assertEquals(await client.expireAt("a", seconds, "nx"), false);
  assertEquals(await client.expireAt("a", seconds, "xx"), true);
  assertEquals(await client.expireTime("a"), seconds);
  assertEquals(await client.persist("a"), true);
  assertEquals(await client.persist("a"), false);
});

test("scan comes by all keys", async (client) => {
  const names = Array.from({ length: 500 }, (_, i) => `key:${i}`);
  await client.mset(names.map((name) => [name, 1] as const));
  await client.set("other", 1);
  await client.set(allBytes, 1);
  const found = new Set<string>();
  for await (const key of client.scan({ match: "key:*", count: 50 })) found.add(key);
  assertEquals([...found].sort(), names.toSorted());
  let count = 0;
  for await (const key of client.scanBytes({ type: "string" })) {
    if (key.length === 256) assertEquals(key, allBytes);
    count++;
  }
  assert(count >= 502);
});

test("the server is asked for itself", async (client) => {
  assertEquals(await client.ping(), "PONG");
  assertEquals(await client.ping("grüße"), "grüße");
  assert((await client.info("server")).startsWith("# Server\r\n"));
});

test("command() sends anything and answers with what was sent", async (client) => {
  assertEquals(await client.command("SET", "a", allBytes), "OK");
  assertEquals(await client.command("get", "a"), allBytes);
  assertEquals(await client.command("get", "none"), null);
  const reply = await client.command("CONFIG", "GET", "maxclients");
  assertEquals(replyToText(reply), new Map([["maxclients", "10000"]]));
});

test("an error reply is an error with its code and its command, and harms nothing", async (client) => {
  await client.set("a", "x");
  const error = await assertRejects(() => client.incr("a"), KeyValueReplyError);
  assertEquals(error.code, "ERR");
  assertEquals(error.command, "INCR");
  assertEquals(error.message, "ERR value is not an integer or out of range");
  const name = new TextEncoder().encode("NoSuch");
  const unknown = await assertRejects(() => client.command(name, "x"), KeyValueReplyError);
  assertEquals(unknown.command, "NoSuch");
  assertEquals(await client.get("a"), "x");
});

test("what cannot be sent is refused before anything is", async (client) => {
  await assertRejects(() => client.set("a", NaN), TypeError, "NaN");
  await assertRejects(() => client.command(), TypeError, "without a name");
  await assertRejects(() => client.get(undefined as unknown as string), TypeError, "undefined");
  assertEquals(await client.exists("a"), 0);
});

test("protocol 2 gives the same results", async (client) => {
  await client.mset({ a: "1", b: "2" });
  assertEquals(await client.mget("a", "none"), ["1", null]);
  assertEquals(await client.set("a", 1, { nx: true }), false);
  assert((await client.info("server")).startsWith("# Server\r\n"));
  const reply = await client.command("CONFIG", "GET", "maxclients");
  assertEquals(replyToText(reply), ["maxclients", "10000"]);
}, { protocol: 2 });

test("the client's name is the server's too", async (client) => {
  assertEquals(replyToText(await client.command("CLIENT", "GETNAME")), "tester");
}, { name: "tester" });

test("a value of several megabytes goes and comes back", async (client) => {
  const value = new Uint8Array(8 * 1024 * 1024).map((_, i) => i * 7);
  await client.set("large", value);
  assertEquals(await client.strlen("large"), value.length);
  const back = await client.getBytes("large");
  assert(back !== null && back.every((byte, i) => byte === value[i]));
});

Deno.test({
  name: "update sets only what exists",
  ignore: targetOfRun() !== "kv",
  async fn() {
    await using both = await ServerAndClient.start();
    const { client } = both;
    assertEquals(await client.update("a", 1), false);
    await client.set("a", 1);
    assertEquals(await client.update("a", 2), true);
    assertEquals(await client.get("a"), "2");
  },
});

Deno.test({
  name: "set with ifeq and ifne, and delIfEq, look at the value that is there",
  ignore: targetOfRun() !== "kv",
  async fn() {
    await using both = await ServerAndClient.start();
    const { client } = both;
    assertEquals(await client.set("a", 1, { ifeq: 0 }), false);
    assertEquals(await client.set("a", "", { ifne: 0 }), true);
    assertEquals(await client.set("a", 1, { ifeq: "", ex: 100 }), true);
    assertEquals(await client.set("a", 2, { ifne: 1, get: true }), "1");
    assertEquals(await client.delIfEq("a", 2), false);
    assertEquals(await client.delIfEq("a", 1), true);
    assertEquals(await client.exists("a"), 0);
  },
});

Deno.test("KV_SOCKET names the socket of a client without options", async () => {
  await using both = await ServerAndClient.start();
  const before = Deno.env.get("KV_SOCKET");
  Deno.env.set("KV_SOCKET", both.server.socketPath);
  try {
    await using client = await KeyValueClient.connect();
    assertEquals(await client.ping(), "PONG");
  } finally {
    if (before === undefined) Deno.env.delete("KV_SOCKET");
    else Deno.env.set("KV_SOCKET", before);
  }
});
