/** Losing the server, finding it again, and giving up. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { KeyValueClient, KeyValueConnectionError } from "../../mod.ts";
import { encodeRequest } from "../support/binary_text.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { until } from "../support/time_limit.ts";
import { ScriptedServer } from "./scripted_server.ts";
import { test } from "./support.ts";

const isNotConnected = (client: KeyValueClient) =>
  until(() => Promise.resolve(!client.isConnected), "the client to notice");

Deno.test("without a server, connecting says where it was looked for", async () => {
  await using folder = await TemporaryFolder.make();
  const socket = folder.join("none.sock");
  const error = await assertRejects(
    () => KeyValueClient.connect({ socket }),
    KeyValueConnectionError,
    `Cannot connect to ${socket}: there is no such socket`,
  );
  assertEquals(error.mayHaveRun, false);
  await assertRejects(
    () => KeyValueClient.connect({ socket: "x".repeat(108) }),
    KeyValueConnectionError,
    "at most 107 bytes",
  );
  await assertRejects(() => KeyValueClient.connect({ socket, port: 1 }), TypeError, "either");
});

test("calls made while the server restarts wait for it", async (client, server) => {
  await client.set("before", 1);
  await server.stop();
  await isNotConnected(client);
  const calls = Promise.all([client.set("a", 1), client.incr("a"), client.get("a")]);
  await server.restart();
  assertEquals(await calls, [true, 2, "2"]);
  assert(client.isConnected);
});

test("the client survives a server that is killed again and again", async (client, server) => {
  for (let round = 0; round < 3; round++) {
    await server.kill();
    await isNotConnected(client);
    const call = client.incr("n");
    await server.restart();
    // Redis, in these tests, keeps nothing.
    assertEquals(await call, server.kind === "kv" ? round + 1 : 1);
  }
});

Deno.test("a call whose reply is lost is rejected and never sent again", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({
    socket: server.socketPath,
    protocol: 2,
    reconnect: { delayMs: 1 },
  });
  const first = await server.accept();
  await using client = await connecting;
  const lost = client.incr("a");
  assertEquals(await first.read(), encodeRequest(["INCR", "a"]));
  first.close();
  const error = await assertRejects(() => lost, KeyValueConnectionError, "was lost");
  assertEquals(error.mayHaveRun, true);
  const next = client.incr("b");
  const second = await server.accept();
  assertEquals(await second.read(), encodeRequest(["INCR", "b"]));
  await second.reply(":1\r\n");
  assertEquals(await next, 1);
});

Deno.test("replies that came before the connection was lost count", async () => {
  await using server = await ScriptedServer.start();
  const { connection, client: connected } = await server.meet();
  await using client = connected;
  const calls = [client.incr("a"), client.incr("a")];
  await connection.read();
  await connection.reply(":1\r\n:");
  connection.close();
  assertEquals(await calls[0], 1);
  await assertRejects(() => calls[1], KeyValueConnectionError);
});

Deno.test("without reconnecting, a lost connection ends the client", async () => {
  await using server = await ScriptedServer.start();
  const { connection, client: connected } = await server.meet();
  await using client = connected;
  connection.close();
  await isNotConnected(client);
  const error = await assertRejects(() => client.ping(), KeyValueConnectionError, "no connection");
  assertEquals(error.mayHaveRun, false);
});

Deno.test("a client that has tried often enough gives up, with all calls that wait", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({
    socket: server.socketPath,
    protocol: 2,
    reconnect: { delayMs: 1, attemptsMax: 3 },
  });
  const connection = await server.accept();
  await using client = await connecting;
  await server.close();
  connection.close();
  await isNotConnected(client);
  const error = await assertRejects(() => client.ping(), KeyValueConnectionError, "no such socket");
  assertEquals(error.mayHaveRun, false);
});

Deno.test("only so many calls, and so many bytes, wait for a connection", async () => {
  for (const bound of [{ offlineCommandsMax: 2 }, { offlineBytesMax: 40 }]) {
    await using server = await ScriptedServer.start();
    const connecting = KeyValueClient.connect({
      socket: server.socketPath,
      protocol: 2,
      reconnect: { delayMs: 60_000, delayMaxMs: 60_000 },
      ...bound,
    });
    const connection = await server.accept();
    const client = await connecting;
    connection.close();
    await isNotConnected(client);
    const waiting = [client.get("a"), client.get("b")];
    await assertRejects(() => client.get("c"), KeyValueConnectionError, "too many commands wait");
    const rejected = Promise.allSettled(waiting);
    await client.close();
    for (const { status } of await rejected) assertEquals(status, "rejected");
  }
});

test("closing waits for the replies that are due and takes nothing more", async (client) => {
  const calls = Promise.all(Array.from({ length: 100 }, () => client.incr("n")));
  const closing = client.close();
  await assertRejects(() => client.incr("n"), KeyValueConnectionError, "closed");
  await closing;
  assertEquals((await calls).at(-1), 100);
  assert(!client.isConnected);
  await client.close();
});

test("closing is what the end of `await using` does", async (_, server) => {
  let escaped: KeyValueClient;
  {
    await using client = await KeyValueClient.connect({ socket: server.socketPath });
    await client.ping();
    escaped = client;
  }
  await assertRejects(() => escaped.ping(), KeyValueConnectionError, "closed");
});

test(
  "a client in a transaction of its own forgets it with the connection",
  async (client, server) => {
    await client.command("MULTI");
    await client.command("INCR", "n");
    await server.kill();
    await isNotConnected(client);
    const call = client.incr("n");
    await server.restart();
    assertEquals(await call, 1);
  },
);
