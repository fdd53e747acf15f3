/**
 * COMMAND by itself, and compared byte by byte with a real server of the version that the table is
 * of. What that version has not got (UPDATE, CLIENT SETINFO ...) is not compared.
 * Redis lists its commands in random order, so for lists only the sets of names are compared.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { CommandSpec } from "../../../src/commands/command_spec.ts";
import { commandTable } from "../../../src/commands/command_table.ts";
import { redisVersion } from "../../../src/commands/connection.ts";
import { CommandContext } from "../../../src/commands/context.ts";
import { introspectionHandlers } from "../../../src/commands/introspection.ts";
import { allCommands } from "../../../src/commands/registry.ts";
import type { ServerControl } from "../../../src/commands/server_control.ts";
import { Session } from "../../../src/commands/session.ts";
import { replyToText, type TextReply } from "../../../src/protocol/reply.ts";
import { ReplyParser } from "../../../src/protocol/reply_parser.ts";
import { ReplyWriter } from "../../../src/protocol/reply_writer.ts";
import { RequestWriter } from "../../../src/protocol/request_writer.ts";
import type { Store } from "../../../src/store/store.ts";
import { hasNewerOptions, isNewer } from "../../support/newer_options.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const commands = allCommands();
const allSpecs = commandTable.flatMap((spec) => [spec, ...spec.subcommands ?? []]);
const allNames = allSpecs.map((spec) => spec.name);
const comparedSpecs = allSpecs.filter((spec) => !isNotInRedis(spec));
const comparedNames = new Set<TextReply>(comparedSpecs.map((spec) => spec.name));

function isNotInRedis(spec: CommandSpec): boolean {
  return spec.ownToKv === true || spec.newerThanPeer === true;
}

/** What kv replies to COMMAND and these words, as it would be sent. */
function replyOfKv(words: readonly string[], protocol = 2): string {
  const reply = new ReplyWriter();
  reply.protocol = protocol;
  const session = new Session(1, "kv.sock:0", "kv.sock:0", 0);
  // Nothing that COMMAND replies depends on the store or the server.
  const context = new CommandContext({} as Store, reply, {} as ServerControl, session);
  context.commands = commands;
  const parts = ["COMMAND", ...words].map((word) => encoder.encode(word));
  const starts = new Int32Array(parts.length);
  const ends = new Int32Array(parts.length);
  const bytes: number[] = [];
  parts.forEach((part, i) => {
    starts[i] = bytes.length;
    bytes.push(...part);
    ends[i] = bytes.length;
  });
  context.request = {
    bytes: Uint8Array.from(bytes),
    argc: parts.length,
    starts,
    ends,
    command: -1,
  };
  const name = words.length === 0 ? "command" : `command|${words[0].toLowerCase()}`;
  introspectionHandlers[name](context);
  return decoder.decode(reply.bytes.subarray(0, reply.length));
}

function parse(bytes: string): TextReply {
  const parser = new ReplyParser();
  parser.feed(encoder.encode(bytes));
  const reply = parser.next();
  assert(reply !== undefined && !parser.midReply, "one whole reply");
  return replyToText(reply);
}

function askKv(words: readonly string[], protocol = 2): TextReply {
  return parse(replyOfKv(words, protocol));
}

Deno.test("COMMAND and COMMAND INFO describe every command of the table", () => {
  const all = askKv([]) as TextReply[][];
  assertEquals(all.map((info) => info[0]), commandTable.map((spec) => spec.name));
  assertEquals(askKv(["INFO"]), all);
});

Deno.test("COMMAND COUNT counts commands without their subcommands", () => {
  assertEquals(askKv(["COUNT"]), commandTable.length);
});

Deno.test("COMMAND INFO has nil for a name that does not exist", () => {
  assertEquals(replyOfKv(["INFO", "nope"]), "*1\r\n$-1\r\n");
  assertEquals(replyOfKv(["INFO", "nope"], 3), "*1\r\n_\r\n");
});

Deno.test("COMMAND INFO shows the table's entry", () => {
  const [info] = askKv(["INFO", "Rename"]) as TextReply[][];
  assertEquals(info.slice(0, 6), ["rename", 3, ["write"], 1, 2, 1]);
  assertEquals(info[6], ["@keyspace", "@write", "@slow"]);
});

Deno.test("COMMAND DOCS without names documents all commands", () => {
  const docs = askKv(["DOCS"], 3) as Map<TextReply, Map<TextReply, TextReply>>;
  assertEquals([...docs.keys()], commandTable.map((spec) => spec.name));
  const summaries = [...docs.values()].map((entry) => entry.get("summary"));
  assertEquals(summaries, commandTable.map((spec) => spec.summary));
});

Deno.test("COMMAND DOCS leaves out a name that does not exist", () => {
  assertEquals(askKv(["DOCS", "nope"], 3), new Map());
});

Deno.test("COMMAND LIST names subcommands, too", () => {
  assertEquals(askKv(["LIST"]), allNames);
});

Deno.test("COMMAND DOCS has an entry for kv's own command", () => {
  const docs = askKv(["DOCS", "UPDATE"], 3) as Map<TextReply, Map<TextReply, TextReply>>;
  assertEquals(docs.get("update")?.get("since"), "0.1.0");
});

// --- Against a real server

/** A server of its own in a folder of its own, and one connection to it. */
class RealServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #process: Deno.ChildProcess;
  readonly #connection: Deno.Conn;

  constructor(folder: string, process: Deno.ChildProcess, connection: Deno.Conn) {
    this.#folder = folder;
    this.#process = process;
    this.#connection = connection;
  }

  static async start(): Promise<RealServer> {
    const folder = await Deno.makeTempDir();
    const path = join(folder, "redis.sock");
    const process = new Deno.Command("redis-server", {
      args: ["--port", "0", "--unixsocket", path, "--save", "", "--dir", folder],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      return new RealServer(folder, process, await connectWithin(path, 10_000));
    } catch (error) {
      await endServer(process, folder);
      throw error;
    }
  }

  /** The reply as it came. One request is under way at a time: all that comes is its reply. */
  async ask(words: readonly string[]): Promise<string> {
    const writer = new RequestWriter();
    writer.command(words);
    let sent = 0;
    while (sent < writer.length) {
      sent += await this.#connection.write(writer.bytes.subarray(sent, writer.length));
    }
    const parser = new ReplyParser();
    const buffer = new Uint8Array(64 * 1024);
    let text = "";
    while (true) {
      const size = await this.#connection.read(buffer);
      if (size === null) throw new Error("redis-server closed the connection");
      const chunk = buffer.slice(0, size);
      text += decoder.decode(chunk);
      parser.feed(chunk);
      if (parser.next() !== undefined) return text;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.close();
    await endServer(this.#process, this.#folder);
  }
}

async function connectWithin(path: string, milliseconds: number): Promise<Deno.Conn> {
  const deadline = Date.now() + milliseconds;
  while (true) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

async function endServer(process: Deno.ChildProcess, folder: string): Promise<void> {
  try {
    process.kill("SIGTERM");
  } catch {
    // It has ended already.
  }
  await process.status;
  await Deno.remove(folder, { recursive: true });
}

/** Another version has other data, and says so by another version. */
async function isThereToCompareWith(): Promise<boolean> {
  try {
    const { stdout } = await new Deno.Command("redis-server", { args: ["--version"] }).output();
    return decoder.decode(stdout).includes(`v=${redisVersion} `);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const ignore = !(await isThereToCompareWith());

/** Runs `body` for each version of the protocol. */
function testAgainstRedis(
  name: string,
  body: (redis: RealServer, protocol: number) => Promise<void>,
): void {
  Deno.test({
    name: `${name}, like redis-server ${redisVersion}`,
    ignore,
    fn: async () => {
      await using redis = await RealServer.start();
      for (const protocol of [2, 3]) {
        await redis.ask(["HELLO", String(protocol)]);
        await body(redis, protocol);
      }
    },
  });
}

async function assertSameReply(
  redis: RealServer,
  protocol: number,
  words: readonly string[],
): Promise<void> {
  const expected = await redis.ask(["COMMAND", ...words]);
  assertEquals(replyOfKv(words, protocol), expected, `COMMAND ${words.join(" ")}`);
}

testAgainstRedis("COMMAND INFO describes each command", async (redis, protocol) => {
  for (const spec of comparedSpecs.filter((spec) => spec.subcommands === undefined)) {
    await assertSameReply(redis, protocol, ["INFO", spec.name]);
  }
});

testAgainstRedis("COMMAND DOCS documents each command", async (redis, protocol) => {
  const withoutSubcommands = comparedSpecs.filter((spec) => spec.subcommands === undefined);
  for (const spec of withoutSubcommands.filter((spec) => !hasNewerOptions(spec))) {
    await assertSameReply(redis, protocol, ["DOCS", spec.name]);
  }
});

/** The reply without what came later: arguments with such a `since`, and such changes. */
function withoutNewer(reply: TextReply): TextReply {
  if (reply instanceof Map) {
    return new Map([...reply].map(([name, value]) => [name, withoutNewer(value)]));
  }
  if (reply instanceof Set) return new Set(withoutNewer([...reply]) as TextReply[]);
  if (!Array.isArray(reply)) return reply;
  return reply.filter((item) => !isNewerItem(item)).map(withoutNewer);
}

function isNewerItem(item: TextReply): boolean {
  const isChange = Array.isArray(item) && item.length === 2 && /^\d+\.\d+\.\d+$/.test(`${item[0]}`);
  const since = isChange
    ? item[0]
    : (Array.isArray(item) || item instanceof Map) && entriesOf(item).get("since");
  return typeof since === "string" && isNewer(since);
}

testAgainstRedis("COMMAND DOCS tells of newer options, too", async (redis, protocol) => {
  for (const spec of comparedSpecs.filter(hasNewerOptions)) {
    const words = ["DOCS", spec.name];
    const actual = entriesOf(entriesOf(askKv(words, protocol)).get(spec.name)!);
    const reply = parse(await redis.ask(["COMMAND", ...words]));
    const expected = entriesOf(entriesOf(reply).get(spec.name)!);
    assertEquals(withoutNewer(actual), expected);
  }
});

testAgainstRedis("COMMAND INFO describes commands with subcommands", async (redis, protocol) => {
  for (const spec of comparedSpecs.filter((spec) => spec.subcommands !== undefined)) {
    const words = ["INFO", spec.name];
    const [actual] = askKv(words, protocol) as TextReply[][];
    const [expected] = parse(await redis.ask(["COMMAND", ...words])) as TextReply[][];
    assertEquals(actual.slice(0, 9), expected.slice(0, 9));
    const inRedis = [...expected[9] as Iterable<TextReply[]>];
    for (const info of actual[9] as Iterable<TextReply[]>) {
      if (!comparedNames.has(info[0])) continue;
      assertEquals(info, inRedis.find((other) => other[0] === info[0]));
    }
  }
});

testAgainstRedis("COMMAND DOCS documents commands with subcommands", async (redis, protocol) => {
  for (const spec of comparedSpecs.filter((spec) => spec.subcommands !== undefined)) {
    const words = ["DOCS", spec.name];
    const actual = entriesOf(entriesOf(askKv(words, protocol)).get(spec.name)!);
    const reply = parse(await redis.ask(["COMMAND", ...words]));
    const expected = entriesOf(entriesOf(reply).get(spec.name)!);
    assertEquals([...actual.keys()], [...expected.keys()]);
    const inRedis = entriesOf(expected.get("subcommands")!);
    for (const [name, docs] of entriesOf(actual.get("subcommands")!)) {
      if (comparedNames.has(name)) assertEquals(docs, inRedis.get(name), String(name));
    }
    actual.delete("subcommands");
    expected.delete("subcommands");
    assertEquals([...actual], [...expected]);
  }
});

/** A map, which in RESP2 is an array of keys and values. */
function entriesOf(reply: TextReply): Map<TextReply, TextReply> {
  if (reply instanceof Map) return new Map(reply);
  const items = reply as TextReply[];
  const map = new Map<TextReply, TextReply>();
  for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
  return map;
}

testAgainstRedis("COMMAND HELP lists the subcommands", async (redis, protocol) => {
  await assertSameReply(redis, protocol, ["HELP"]);
});

testAgainstRedis("names may be unknown, repeated and in any case", async (redis, protocol) => {
  for (
    const line of [
      "INFO nope",
      "INFO Get nope|x GET config|get|x ping|x Config|GET",
      "DOCS nope",
      "DOCS nope|x config|nope",
      "INFO config|",
      "INFO |",
    ]
  ) await assertSameReply(redis, protocol, line.split(" "));
});

testAgainstRedis("COMMAND GETKEYS and GETKEYSANDFLAGS find keys", async (redis, protocol) => {
  const commands = [
    "get a",
    "GET a b",
    "set a b",
    "set a b get",
    "set a get",
    "set get get",
    "SET a b NX GeT",
    "set a b ex 10",
    "set a",
    "mget a b c",
    "mset a",
    "mset a b",
    "mset a b c",
    "mset a b c d",
    "msetnx a b c",
    "rename a b",
    "copy a b db 1",
    "watch a b",
    "del a b",
    "getex a persist",
    "bitop and a b c",
    "bitfield a",
    "bitfield a get u8 0",
    "bitfield a GET u8",
    "bitfield a get u8 0 overflow sat",
    "bitfield a overflow",
    "bitfield a get u8 0 set u8 0 1",
    "bitfield a incrby u8 0 1",
    "bitfield_ro a get u8 0",
    "ping a",
    "exec a",
    "config get x",
    "config nope",
    "client id",
    "config|get x",
    "ping|x a",
    "command getkeys get a",
    "nope a",
  ];
  for (const command of commands) {
    for (const subcommand of ["GETKEYS", "GETKEYSANDFLAGS"]) {
      await assertSameReply(redis, protocol, [subcommand, ...command.split(" ")]);
    }
  }
});

testAgainstRedis("every key of every command is found", async (redis, protocol) => {
  for (const spec of comparedSpecs.filter((spec) => spec.keys.length > 0)) {
    const args = ["a", "b", "c", "d", "e"].slice(0, Math.max(1, Math.abs(spec.arity) - 1));
    await assertSameReply(redis, protocol, ["GETKEYSANDFLAGS", spec.name, ...args]);
  }
});

testAgainstRedis("COMMAND LIST filters by category and pattern", async (redis, protocol) => {
  const lines = [
    "LIST",
    "LIST filterby pattern *",
    "LIST FILTERBY PATTERN config*",
    "LIST FILTERBY PATTERN CONFIG|*",
    "LIST FILTERBY PATTERN p?xpire*",
    "LIST FILTERBY PATTERN get",
    "LIST FILTERBY MODULE get",
    ...[
      "keyspace",
      "READ",
      "write",
      "string",
      "bitmap",
      "fast",
      "slow",
      "connection",
      "transaction",
    ]
      .map((category) => `LIST FILTERBY ACLCAT ${category}`),
    "LIST FILTERBY ACLCAT dangerous",
    "LIST FILTERBY ACLCAT admin",
    "LIST FILTERBY ACLCAT nope",
    "LIST FILTERBY ACLCAT @read",
  ];
  for (const line of lines) {
    const words = line.split(" ");
    const actual = askKv(words, protocol) as string[];
    const expected = parse(await redis.ask(["COMMAND", ...words])) as string[];
    assertEquals(
      actual.filter((name) => comparedNames.has(name)).sort(),
      expected.filter((name) => comparedNames.has(name)).sort(),
      line,
    );
  }
});

testAgainstRedis("COMMAND LIST refuses what is no filter", async (redis, protocol) => {
  for (
    const line of [
      "LIST nope",
      "LIST FILTERBY",
      "LIST FILTERBY PATTERN",
      "LIST FILTERBY nope x",
      "LIST FILTERBY PATTERN a b",
      "LIST FILTERBY PATTERN a FILTERBY PATTERN b",
      "LIST FILTERBY ACLCAT nope",
    ]
  ) await assertSameReply(redis, protocol, line.split(" "));
});
