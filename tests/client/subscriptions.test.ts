/** Subscriptions through `command`, and the commands that would give every later caller the reply of another one. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  KeyValueClient,
  KeyValueConnectionError,
  KeyValueReplyError,
  type Reply,
  replyToText,
  type TextReply,
} from "../../mod.ts";
import { encodeRequest } from "../support/binary_text.ts";
import { until, withTimeLimit } from "../support/time_limit.ts";
import { ScriptedServer } from "./scripted_server.ts";
import { ServerAndClient, test } from "./support.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** What `onPush` was told, and how to wait for more. */
class Pushes {
  readonly all: TextReply[] = [];
  readonly add = (items: readonly Reply[]) => {
    this.all.push(replyToText([...items]));
  };

  /** All that came, once there are so many; forgets them. */
  async take(count: number): Promise<TextReply[]> {
    await until(() => Promise.resolve(this.all.length >= count), `${count} pushes`);
    return this.all.splice(0);
  }
}

/** A client with its pushes, and another one that publishes. */
function testOfPushes(
  name: string,
  body: (both: { client: KeyValueClient; other: KeyValueClient; pushes: Pushes }) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const pushes = new Pushes();
    await using both = await ServerAndClient.start({ onPush: pushes.add });
    await using other = await KeyValueClient.connect({ socket: both.server.socketPath });
    await body({ client: both.client, other, pushes });
  });
}

async function textOf(reply: Promise<Reply>): Promise<TextReply> {
  return replyToText(await withTimeLimit(reply, 10_000, "a reply"));
}

testOfPushes("SUBSCRIBE is answered, and so is all that is sent with it", async (test) => {
  const { client, other, pushes } = test;
  await client.mset({ alice: "alice's", bob: "bob's" });
  const subscribing = client.command("SUBSCRIBE", "news");
  const values = [client.get("alice"), client.get("bob")];
  assertEquals(await textOf(subscribing), ["subscribe", "news", 1]);
  assertEquals(await Promise.all(values), ["alice's", "bob's"]);
  assertEquals(await other.command("PUBLISH", "news", "hello"), 1);
  assertEquals(await pushes.take(1), [["message", "news", "hello"]]);
  assertEquals(await client.transaction((t) => [t.get("alice"), t.get("bob")]), [
    "alice's",
    "bob's",
  ]);
  await withTimeLimit(client.close(), 10_000, "the client to close");
});

testOfPushes(
  "a subscription to several channels is answered by its last confirmation",
  async (test) => {
    const { client, other, pushes } = test;
    const calls = [
      client.command("SUBSCRIBE", "a", "b", "a", "c"),
      client.command("PSUBSCRIBE", "p*", "q*"),
      client.command("SSUBSCRIBE", "shard"),
      client.command("ECHO", "between"),
      client.command("UNSUBSCRIBE", "b", "none"),
      client.command("UNSUBSCRIBE"),
      client.command("UNSUBSCRIBE"),
      client.command("PUNSUBSCRIBE", "p*"),
      client.command("SUNSUBSCRIBE"),
      client.command("ECHO", "last"),
    ];
    const answers = await Promise.all(calls.map(textOf));
    // In which order those are named that are all ended is the server's affair.
    const ended = answers[5] as TextReply[];
    assert(["a", "c"].includes(ended[1] as string));
    ended[1] = "a or c";
    assertEquals(answers, [
      ["subscribe", "c", 3],
      ["psubscribe", "q*", 5],
      ["ssubscribe", "shard", 1],
      "between",
      ["unsubscribe", "none", 4],
      ["unsubscribe", "a or c", 2],
      ["unsubscribe", null, 2],
      ["punsubscribe", "p*", 1],
      ["sunsubscribe", "shard", 0],
      "last",
    ]);
    assertEquals(pushes.all, []);
    assertEquals(await other.command("PUBLISH", "a", "x"), 0);
    assertEquals(await other.command("PUBLISH", "quiet", "x"), 1);
    assertEquals(await pushes.take(1), [["pmessage", "q*", "quiet", "x"]]);
  },
);

testOfPushes(
  "a subscription may be named in any case, and all of it may be bytes",
  async (test) => {
    const { client, other, pushes } = test;
    const channel = new Uint8Array([0xff, 0x00, 0x0d, 0x0a]);
    const reply = await client.command(bytes("subScribe"), channel);
    assertEquals(reply, [bytes("subscribe"), channel, 1]);
    assertEquals(await textOf(client.command("psubscribe", 7)), ["psubscribe", "7", 2]);
    await other.command("PUBLISH", channel, "x");
    assertEquals((await pushes.take(1)).length, 1);
    assertEquals(await client.command(bytes("UNSUBSCRIBE")), [bytes("unsubscribe"), channel, 1]);
    assertEquals(await client.ping(), "PONG");
  },
);

test("a subscription that the server refuses is an error, and the next call works", async (client) => {
  const calls = [client.command("SUBSCRIBE"), client.ping()];
  const error = await assertRejects(() => calls[0], KeyValueReplyError, "wrong number");
  assertEquals(error.command, "SUBSCRIBE");
  assertEquals(await calls[1], "PONG");
  assertEquals(await textOf(client.command("SUBSCRIBE", "a")), ["subscribe", "a", 1]);
});

/** A client of protocol 3 and its connection to a server that says what the test wants. */
async function scripted(server: ScriptedServer, pushes: Pushes) {
  const connecting = KeyValueClient.connect({
    socket: server.socketPath,
    onPush: pushes.add,
    reconnect: { delayMs: 1, attemptsMax: 2 },
  });
  const connection = await server.accept();
  await connection.read();
  await connection.reply("%0\r\n");
  return { client: await connecting, connection };
}

Deno.test("pushes between the confirmations of a subscription are no confirmations", async () => {
  await using server = await ScriptedServer.start();
  const pushes = new Pushes();
  const { client, connection } = await scripted(server, pushes);
  await using _ = client;
  const before = client.get("a");
  const subscribing = client.command("SUBSCRIBE", "a", "b");
  const behind = client.get("b");
  await connection.read();
  // It comes before what was asked for, and is of another kind.
  await connection.reply(">3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\n$1\r\n1\r\n");
  assertEquals(await before, "1");
  await connection.reply(">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  await connection.reply(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$9\r\nsubscribe\r\n");
  await connection.reply(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
  assertEquals((await pushes.take(3)).length, 3);
  await connection.reply(">3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n$1\r\n2\r\n");
  assertEquals(await textOf(subscribing), ["subscribe", "b", 2]);
  assertEquals(await behind, "2");
  assertEquals(pushes.all, []);
});

Deno.test("the confirmation of an aborted subscription goes to nobody", async () => {
  await using server = await ScriptedServer.start();
  const pushes = new Pushes();
  const { client, connection } = await scripted(server, pushes);
  await using _ = client;
  const abort = new AbortController();
  const aborted = client.with({ signal: abort.signal }).command("SUBSCRIBE", "a");
  const next = client.get("b");
  await connection.read();
  abort.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  await connection.reply(">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n$1\r\n2\r\n");
  assertEquals(await next, "2");
  assertEquals(pushes.all, []);
});

Deno.test("a subscription is made again with a new connection", async () => {
  const pushes = new Pushes();
  await using both = await ServerAndClient.start({ onPush: pushes.add });
  const { client, server } = both;
  await client.command("SUBSCRIBE", "a", "b", "\x00\xff");
  await client.command("PSUBSCRIBE", "p*");
  await client.command("UNSUBSCRIBE", "b");
  for (let round = 0; round < 2; round++) {
    await server.restart();
    await until(() => client.ping().then(() => true, () => false), "the client to reconnect");
    await using other = await KeyValueClient.connect({ socket: server.socketPath });
    const told = [];
    for (const channel of ["a", "b", "\x00\xff", "p1"]) {
      told.push(await other.command("PUBLISH", channel, round));
    }
    assertEquals(told, [1, 0, 1, 1]);
    assertEquals(await pushes.take(3), [
      ["message", "a", `${round}`],
      ["message", "\x00\xff", `${round}`],
      ["pmessage", "p*", "p1", `${round}`],
    ]);
  }
  assertEquals(await textOf(client.command("UNSUBSCRIBE", "a", "\x00\xff")), [
    "unsubscribe",
    "\x00\xff",
    1,
  ]);
});

Deno.test("only what was confirmed is subscribed to again, and a refusal is a failed attempt", async () => {
  await using server = await ScriptedServer.start();
  const { client, connection } = await scripted(server, new Pushes());
  const lost = client.command("SUBSCRIBE", "a", "b");
  await connection.read();
  await connection.reply(">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  connection.close();
  const error = await assertRejects(() => lost, KeyValueConnectionError);
  assert(error.mayHaveRun);
  const waiting = client.get("a");
  for (let attempt = 0; attempt < 2; attempt++) {
    const again = await server.accept();
    assertEquals(
      await again.read(),
      encodeRequest(["HELLO", "3"]) + encodeRequest(["SUBSCRIBE", "a"]),
    );
    await again.reply("%0\r\n-NOPERM no permissions to access a channel\r\n");
  }
  await assertRejects(() => waiting, KeyValueConnectionError, "NOPERM");
});

test(
  "version 2 refuses subscriptions, whose messages could not be told from replies",
  async (client) => {
    for (const name of ["", "UN"].flatMap((un) => ["", "P", "S"].map((kind) => kind + un))) {
      await assertRejects(
        () => client.command(`${name}subscribe`, "a"),
        TypeError,
        `Cannot send ${name}SUBSCRIBE in version 2 of the protocol`,
      );
    }
    await assertRejects(() => client.command(bytes("subscribe"), "a"), TypeError, "version 2");
    await assertRejects(() => client.command("HELLO", 3), TypeError, "HELLO 3");
    assertEquals(await client.command("RESET"), "RESET");
    assertEquals(await client.ping(), "PONG");
  },
  { protocol: 2 },
);

const refused: readonly (readonly [args: readonly (string | Uint8Array | number)[], string])[] = [
  [["MONITOR"], "MONITOR"],
  [[bytes("monitor")], "MONITOR"],
  [["SYNC"], "SYNC"],
  [["psync", "?", -1], "PSYNC"],
  [["REPLCONF", "ACK", 1], "REPLCONF"],
  [["CLIENT", "REPLY", "OFF"], "CLIENT REPLY OFF"],
  [["client", bytes("reply"), bytes("skip")], "CLIENT REPLY SKIP"],
  [["HELLO", "2"], "HELLO 2"],
  [["Hello", 2, "SETNAME", "x"], "HELLO 2"],
  [["reset"], "RESET"],
];

test("what would mix up the replies of all callers is refused before it is sent", async (client) => {
  await client.set("a", "a's");
  for (const [args, message] of refused) {
    const calls = [client.command(...args), client.get("a"), client.ping()];
    await assertRejects(() => calls[0], TypeError, `Cannot send ${message}: `);
    assertEquals(await Promise.all(calls.slice(1)), ["a's", "PONG"]);
    const running = client.transaction((t) => [t.incr("n"), t.command(...args)]);
    await assertRejects(() => running, TypeError, `Cannot send ${message}: `);
  }
  assertEquals(await client.exists("n"), 0);
  // Their likes that are answered are not.
  assertEquals(await client.command("CLIENT", "REPLY", "ON"), "OK");
  assert(await client.command("HELLO", 3) instanceof Map);
  assert(await client.command("HELLO") instanceof Map);
  assert(typeof await client.command("CLIENT", "ID") === "number");
  await assertRejects(() => client.command("CLIENT", "REPLY"), KeyValueReplyError);
});

test("a transaction takes no subscription, and nothing that would end it", async (client) => {
  for (const name of ["SUBSCRIBE", "punsubscribe", "EXEC", "discard"]) {
    await assertRejects(
      () => client.transaction((t) => [t.incr("n"), t.command(name, "a")]),
      TypeError,
      `Cannot send ${name.toUpperCase()} within a transaction`,
    );
  }
  assertEquals(await client.exists("n"), 0);
});

test("between MULTI and EXEC there is no subscription either", async (client, server) => {
  const refuses = () =>
    assertRejects(() => client.command("SUBSCRIBE", "a"), TypeError, "within a transaction");
  // As soon as it is called, while it is on its way, and later.
  const multi = client.command("MULTI");
  await refuses();
  await multi;
  await refuses();
  const set = client.command("SET", "a", 1);
  await refuses();
  assertEquals(await set, "QUEUED");
  const exec = client.command("exec");
  assertEquals(await textOf(client.command("SUBSCRIBE", "a")), ["subscribe", "a", 1]);
  assertEquals(await exec, ["OK"]);
  await client.transaction((t) => [t.incr("n")]);
  assertEquals(await textOf(client.command("SUBSCRIBE", "b")), ["subscribe", "b", 2]);
  await client.command("MULTI");
  await client.command("DISCARD");
  assertEquals(await textOf(client.command("SUBSCRIBE", "c")), ["subscribe", "c", 3]);
  // It is forgotten with the connection, and when it is never sent.
  await client.command("MULTI");
  await server.restart();
  await until(() => client.ping().then((pong) => pong === "PONG", () => false), "a connection");
  const abort = new AbortController();
  const aborted = client.with({ signal: abort.signal }).command("MULTI");
  abort.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  assertEquals(await textOf(client.command("SUBSCRIBE", "d")), ["subscribe", "d", 4]);
});
