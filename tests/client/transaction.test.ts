/** `transaction` and `watch`. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  KeyValueClient,
  KeyValueConflictError,
  KeyValueConnectionError,
  KeyValueReplyError,
} from "../../mod.ts";
import { encodeRequest } from "../support/binary_text.ts";
import { ScriptedServer } from "./scripted_server.ts";
import { test } from "./support.ts";

test("a transaction answers each of its calls", async (client) => {
  await client.set("name", "kv");
  const [count, name, done] = await client.transaction((t) => [
    t.incr("visits"),
    t.get("name"),
    t.set("seen", 1),
  ]);
  assertEquals([count, name, done], [1, "kv", true]);
  assertEquals(await client.transaction(() => []), []);
});

test("no other call comes between the commands of a transaction", async (client, server) => {
  await using other = await KeyValueClient.connect({ socket: server.socketPath });
  const rounds = Array.from({ length: 200 }, async () => {
    const [first, second] = await client.transaction((t) => [t.incr("n"), t.incr("n")]);
    assertEquals(second, first + 1);
    await Promise.all([client.incr("m"), other.incr("n")]);
  });
  await Promise.all(rounds);
  assertEquals(await client.get("n"), "600");
});

test("a command that fails does not undo the others", async (client) => {
  await client.set("text", "x");
  let last: Promise<number> | undefined;
  await assertRejects(
    () =>
      client.transaction((t) => {
        last = t.incr("b");
        return [t.incr("a"), t.incr("text"), last];
      }),
    KeyValueReplyError,
    "not an integer",
  );
  assertEquals(await last, 1);
  assertEquals(await client.mget("a", "b"), ["1", "1"]);
});

test("a command that the server refuses prevents the transaction", async (client) => {
  const error = await assertRejects(
    () => client.transaction((t) => [t.incr("a"), t.command("NOSUCH")]),
    KeyValueReplyError,
    "unknown command",
  );
  assertEquals(error.command, "NOSUCH");
  assertEquals(await client.get("a"), null);
  assertEquals(await client.incr("a"), 1);
});

test("a transaction with an argument that cannot be sent sends nothing", async (client) => {
  await assertRejects(() => client.transaction((t) => [t.incr("a"), t.set("b", NaN)]), TypeError);
  assertEquals(await client.exists("a", "b"), 0);
});

test("a callback that waits is told that it must not", async (client) => {
  let late: Promise<number> | undefined;
  await client.transaction((t) => {
    late = Promise.resolve().then(() => Promise.resolve()).then(() => t.incr("late"));
    late.catch(() => {});
    return [t.incr("a")];
  });
  await assertRejects(() => late!, TypeError, "must not be asynchronous");
  assertEquals(await client.get("a"), "1");
  assertEquals(await client.get("late"), null);
});

test("watch lets concurrent changes of one key all count", async (client) => {
  await client.set("balance", 0);
  const add = () =>
    client.watch(["balance"], async (own) => {
      const balance = Number(await own.get("balance"));
      await own.transaction((t) => [t.set("balance", balance + 1)]);
    });
  await Promise.all(Array.from({ length: 8 }, add));
  assertEquals(await client.get("balance"), "8");
});

test("watch gives up after the attempts that it is allowed", async (client) => {
  let attempts = 0;
  await assertRejects(
    () =>
      client.watch(["a"], async (own) => {
        attempts++;
        await client.incr("a");
        await own.transaction((t) => [t.set("b", 1)]);
      }, { attemptsMax: 3 }),
    KeyValueConflictError,
    "was changed",
  );
  assertEquals(attempts, 3);
  assertEquals(await client.exists("b"), 0);
});

// A server may take minutes for so many: a scripted one does not.
Deno.test("watch takes more keys than a call of JavaScript takes arguments", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({ socket: server.socketPath, protocol: 2 });
  await server.accept();
  await using client = await connecting;
  const keys = Array.from({ length: 200_000 }, (_, i) => i);
  const watching = client.watch(keys, () => Promise.resolve("done"));
  watching.catch(() => {});
  const connection = await server.accept();
  const request = encodeRequest(["WATCH", ...keys.map(String)]);
  let sent = "";
  while (sent.length < request.length) sent += await connection.read();
  assert(sent === request);
  await connection.reply("+OK\r\n");
  assertEquals(await watching, "done");
});

test("watch passes on what its callback returns or throws", async (client) => {
  assertEquals(await client.watch(["a"], () => Promise.resolve("done")), "done");
  const error = new Error("enough");
  assert(await client.watch(["a"], () => Promise.reject(error)).catch((e) => e === error));
});

test("a connection for watch ends with its client", async (client) => {
  const reached = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const watching = client.watch(["a"], async (own) => {
    await own.get("a");
    reached.resolve();
    await closed.promise;
    return await own.get("a");
  });
  await reached.promise;
  await client.close();
  closed.resolve();
  await assertRejects(() => watching, KeyValueConnectionError, "closed");
  // A client that was closed went on watching once.
  await assertRejects(() => client.watch(["a"], (own) => own.get("a")), KeyValueConnectionError);
});

test("aborting the client's signal ends its watch", async (_, server) => {
  const abort = new AbortController();
  const { signal } = abort;
  const client = await KeyValueClient.connect({ socket: server.socketPath, signal });
  const watching = client.watch(["a"], (own) => {
    abort.abort();
    return own.get("a");
  });
  await assertRejects(() => watching, KeyValueConnectionError, "closed");
});

test("watch does not reconnect: what it watched would be forgotten", async (client, server) => {
  let attempts = 0;
  const watching = client.watch(["a"], async (own) => {
    attempts++;
    await own.get("a");
    await server.restart();
    await own.transaction((t) => [t.set("a", 1)]);
  });
  await assertRejects(() => watching, KeyValueConnectionError);
  assertEquals(attempts, 1);
  assertEquals(await client.exists("a"), 0);
});

test(
  "a reply that is lost on the way leaves it open whether a transaction ran",
  async (client, server) => {
    Deno.kill(server.pid, "SIGSTOP");
    const rejected = assertRejects(
      () => client.transaction((t) => [t.incr("a")]),
      KeyValueConnectionError,
    );
    await server.kill();
    const error = await rejected;
    assertEquals(error.mayHaveRun, true);
    await server.restart();
    assertEquals(await client.ping(), "PONG");
  },
);
