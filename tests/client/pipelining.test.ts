/** Concurrent calls share writes, and each gets its own reply. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  KeyValueClient,
  KeyValueConnectionError,
  KeyValueReplyError,
  type Reply,
} from "../../mod.ts";
import { encodeRequest } from "../support/binary_text.ts";
import { ScriptedServer } from "./scripted_server.ts";
import { test } from "./support.ts";

Deno.test("calls of one turn leave in one write, and their replies come in order", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({ socket: server.socketPath, protocol: 2 });
  const connection = await server.accept();
  await using client = await connecting;
  const calls = Promise.all([client.get("a"), client.incr("b"), client.set("c", 1)]);
  assertEquals(
    await connection.read(),
    encodeRequest(["GET", "a"]) + encodeRequest(["INCR", "b"]) + encodeRequest(["SET", "c", "1"]),
  );
  await connection.reply("$1\r\nx\r\n:7\r\n+OK\r\n");
  assertEquals(await calls, ["x", 7, true]);
});

Deno.test("the client introduces itself in one write", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({
    socket: server.socketPath,
    username: "me",
    password: "secret",
    name: "tester",
  });
  const connection = await server.accept();
  assertEquals(
    await connection.read(),
    encodeRequest(["HELLO", "3", "AUTH", "me", "secret"]) +
      encodeRequest(["CLIENT", "SETNAME", "tester"]),
  );
  await connection.reply("%1\r\n+proto\r\n:3\r\n+OK\r\n");
  await (await connecting).close();
});

Deno.test("a client that is refused says why, and is closed", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({ socket: server.socketPath, password: "wrong" });
  const connection = await server.accept();
  await connection.read();
  await connection.reply("-WRONGPASS invalid username-password pair\r\n");
  const error = await assertRejects(() => connecting, KeyValueReplyError, "WRONGPASS");
  assertEquals([error.code, error.command], ["WRONGPASS", "HELLO"]);
  assertEquals(await connection.read(), null);
});

Deno.test("pushes go to onPush and to no call", async () => {
  await using server = await ScriptedServer.start();
  const pushed = Promise.withResolvers<readonly Reply[]>();
  const connecting = KeyValueClient.connect({
    socket: server.socketPath,
    protocol: 2,
    onPush: pushed.resolve,
  });
  const connection = await server.accept();
  await using client = await connecting;
  const call = client.get("a");
  await connection.read();
  await connection.reply(">2\r\n+invalidate\r\n:1\r\n$1\r\nx\r\n");
  assertEquals(await call, "x");
  assertEquals(await pushed.promise, ["invalidate", 1]);
});

Deno.test("what onPush throws is an uncaught error, and the connection goes on", async () => {
  await using server = await ScriptedServer.start();
  const kinds: Reply[] = [];
  const connecting = KeyValueClient.connect({
    socket: server.socketPath,
    protocol: 2,
    onPush([kind]) {
      kinds.push(kind);
      throw new Error(`bug of the caller's: ${kind}`);
    },
  });
  const connection = await server.accept();
  await using client = await connecting;
  const uncaught: string[] = [];
  const listener = (event: ErrorEvent) => {
    event.preventDefault();
    uncaught.push(event.error.message);
  };
  addEventListener("error", listener);
  try {
    const call = client.get("a");
    await connection.read();
    await connection.reply(">1\r\n+first\r\n>1\r\n+second\r\n$1\r\nx\r\n");
    assertEquals(await call, "x");
  } finally {
    removeEventListener("error", listener);
  }
  assertEquals(kinds, ["first", "second"]);
  assertEquals(uncaught, ["bug of the caller's: first", "bug of the caller's: second"]);
  assert(client.isConnected);
});

Deno.test("replies that are none end the connection, and the calls that wait", async () => {
  await using server = await ScriptedServer.start();
  const { connection, client: connected } = await server.meet();
  await using client = connected;
  const calls = [client.get("a"), client.get("b")];
  await connection.read();
  await connection.reply("HTTP/1.1 400 Bad Request\r\n\r\n");
  for (const call of calls) {
    const error = await assertRejects(() => call, KeyValueConnectionError, "cannot begin with");
    assertEquals(error.mayHaveRun, true);
  }
});

Deno.test("a reply of another type than promised is a TypeError, and the next call works", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({ socket: server.socketPath, protocol: 2 });
  const connection = await server.accept();
  await using client = await connecting;
  const wrong: readonly (readonly [() => Promise<unknown>, string, string])[] = [
    [() => client.incr("a"), "+OK\r\n", "a string instead of an integer"],
    [() => client.get("a"), ":1\r\n", "an integer instead of a string"],
    [() => client.get("a"), "*0\r\n", "an array instead of a string"],
    [() => client.mget("a"), "_\r\n", "null instead of an array"],
    [() => client.set("a", 1), "%0\r\n", "a map instead of OK"],
  ];
  for (const [call, reply, message] of wrong) {
    const calling = call();
    await connection.read();
    await connection.reply(reply);
    await assertRejects(() => calling, TypeError, message);
  }
});

test("ten thousand concurrent calls each get their own reply", async (client) => {
  const count = 10_000;
  const numbers = Array.from({ length: count }, (_, i) => i);
  await Promise.all(numbers.map((i) => client.set(`key:${i}`, `value ${i}`)));
  const values = await Promise.all(numbers.map((i) => client.get(`key:${i}`)));
  assert(values.every((value, i) => value === `value ${i}`));
});

test("calls made while others are under way keep their order", async (client) => {
  const results: Promise<number>[] = [];
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 20; i++) results.push(client.append("log", "x"));
    await client.ping();
  }
  assertEquals(await Promise.all(results), Array.from({ length: 1000 }, (_, i) => i + 1));
});

test("large values in both directions at once do not wait for each other", async (client) => {
  const value = new Uint8Array(1024 * 1024).fill(0x61);
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 24; i++) {
    calls.push(client.set(`large:${i}`, value), client.getBytes(`large:${i}`));
  }
  const results = await Promise.all(calls);
  assert(
    results.every((result) => result === true || (result as Uint8Array).length === 1024 * 1024),
  );
});

test("an argument may be changed as soon as the call is made", async (client) => {
  const value = new Uint8Array([1, 2, 3]);
  const setting = client.set("a", value);
  value.fill(9);
  await setting;
  assertEquals(await client.getBytes("a"), new Uint8Array([1, 2, 3]));
});
