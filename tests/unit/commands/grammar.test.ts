import { assertEquals } from "@std/assert";
import type { ArgumentSpec, CommandSpec } from "../../../src/commands/command_spec.ts";
import { commandTable, findCommand } from "../../../src/commands/command_table.ts";
import { completions, grammar, remainingHint } from "../../../src/commands/grammar.ts";

function specOf(name: string): CommandSpec {
  const spec = findCommand(name);
  if (spec === undefined) throw new Error(`There is no command ${name}`);
  return spec;
}

/** The hint behind `line`, whose first word is the command's name. */
function hint(line: string): string {
  const [name, ...args] = line.split(" ");
  return remainingHint(specOf(name), args);
}

function options(line: string, prefix = ""): string[] {
  const [name, ...args] = line.split(" ");
  return completions(specOf(name), args, prefix);
}

/** A command made up for its arguments. */
function withArguments(list: readonly ArgumentSpec[]): CommandSpec {
  return { ...specOf("ping"), name: "try", arguments: list };
}

const condition = "[NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | " +
  "IFDNE ifdne-digest]";
const expiration = "[EX seconds | PX milliseconds | EXAT unix-time-seconds | " +
  "PXAT unix-time-milliseconds | KEEPTTL]";

Deno.test("grammar is written as in Redis's documentation", () => {
  const expected = [
    ["get", "GET key"],
    ["ping", "PING [message]"],
    ["set", `SET key value ${condition} [GET] ${expiration}`],
    ["mget", "MGET key [key ...]"],
    ["mset", "MSET key value [key value ...]"],
    ["scan", "SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]"],
    ["info", "INFO [section [section ...]]"],
    ["hello", "HELLO [protover [AUTH username password] [SETNAME clientname]]"],
    ["client|setinfo", "CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>"],
    [
      "client|list",
      "CLIENT LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
    ],
    ["config|set", "CONFIG SET parameter value [parameter value ...]"],
    ["config", "CONFIG <GET | HELP | RESETSTAT | REWRITE | SET>"],
  ];
  for (const [name, text] of expected) assertEquals(grammar(specOf(name)), text);
});

Deno.test("the hint behind a bare name is the rest of its grammar", () => {
  for (const spec of commandTable.flatMap((spec) => [spec, ...spec.subcommands ?? []])) {
    const name = spec.name.replace("|", " ").toUpperCase();
    assertEquals([name, remainingHint(spec, [])].join(" ").trimEnd(), grammar(spec));
  }
});

Deno.test("the hint leaves out what is typed", () => {
  assertEquals(hint("set k"), `value ${condition} [GET] ${expiration}`);
  assertEquals(hint("set k v"), `${condition} [GET] ${expiration}`);
  assertEquals(hint("rename a"), "newkey");
  assertEquals(hint("rename a b"), "");
  assertEquals(hint("hello 3"), "[AUTH username password] [SETNAME clientname]");
  assertEquals(hint("hello 3 auth me"), "password [SETNAME clientname]");
});

Deno.test("options may come in any order and in any case", () => {
  assertEquals(hint("set k v get"), `${condition} ${expiration}`);
  assertEquals(hint("set k v ex 10 nx"), "[GET]");
  assertEquals(hint("set k v KEEPTTL Get xx"), "");
  assertEquals(hint("scan 0 count 5"), "[MATCH pattern] [TYPE type]");
});

Deno.test("behind an option's name stands what it wants", () => {
  assertEquals(hint("set k v ex"), `seconds ${condition} [GET]`);
  assertEquals(hint("scan 0 match"), "pattern [COUNT count] [TYPE type]");
  assertEquals(
    hint("client|list type"),
    "<NORMAL | MASTER | REPLICA | PUBSUB> [ID client-id [client-id ...]]",
  );
  assertEquals(
    hint("client|list id"),
    "client-id [client-id ...] [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>]",
  );
});

Deno.test("what may come again is offered again", () => {
  assertEquals(hint("mget a"), "[key ...]");
  assertEquals(hint("mget a b c"), "[key ...]");
  assertEquals(hint("mset a"), "value [key value ...]");
  assertEquals(hint("mset a 1"), "[key value ...]");
  assertEquals(hint("mset a 1 b"), "value [key value ...]");
  assertEquals(hint("info server"), "[section ...]");
  const typeHint = "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>]";
  assertEquals(hint("client|list id 1 2"), `[client-id ...] ${typeHint}`);
  assertEquals(hint("client|list id 1 2 type normal"), "");
});

Deno.test("there is no hint for what does not fit", () => {
  assertEquals(hint("get a b"), "");
  assertEquals(hint("set k v what"), "");
  assertEquals(hint("set k v ex soon"), "");
  assertEquals(hint("set k v nx xx"), "");
  assertEquals(hint("incrby k -"), "");
});

Deno.test("a command with subcommands is completed and hinted by their names", () => {
  assertEquals(hint("config"), "<GET | HELP | RESETSTAT | REWRITE | SET>");
  assertEquals(options("config", "re"), ["RESETSTAT", "REWRITE"]);
  assertEquals(options("config nope"), []);
});

Deno.test("completions are the options that are still open", () => {
  const conditions = ["NX", "XX", "IFEQ", "IFNE", "IFDEQ", "IFDNE"];
  const times = ["EX", "PX", "EXAT", "PXAT", "KEEPTTL"];
  assertEquals(options("set k v"), [...conditions, "GET", ...times]);
  assertEquals(options("set k v", "e"), ["EX", "EXAT"]);
  assertEquals(options("set k v nx ex 10"), ["GET"]);
  assertEquals(options("client|list type"), ["NORMAL", "MASTER", "REPLICA", "PUBSUB"]);
  assertEquals(options("client|list id 5"), ["TYPE"]);
  assertEquals(options("client|setinfo"), ["LIB-NAME", "LIB-VER"]);
});

Deno.test("there are no completions where free text has to come", () => {
  assertEquals(options("set"), []);
  assertEquals(options("set k"), []);
  assertEquals(options("set k v ex"), []);
  assertEquals(options("hello"), []);
  assertEquals(options("set k v what"), []);
});

Deno.test("an option that takes its name along each time is shown so", () => {
  const spec = withArguments([
    {
      name: "prefix",
      type: "string",
      token: "P",
      optional: true,
      multiple: true,
      multipleToken: true,
    },
    { name: "last", type: "string", token: "L", optional: true },
  ]);
  assertEquals(grammar(spec), "TRY [P prefix [P prefix ...]] [L last]");
  assertEquals(remainingHint(spec, ["p"]), "prefix [P prefix ...] [L last]");
  assertEquals(remainingHint(spec, ["p", "x"]), "[P prefix ...] [L last]");
  assertEquals(remainingHint(spec, ["p", "x", "p", "y", "l", "z"]), "");
  assertEquals(remainingHint(spec, ["p", "x", "p"]), "prefix [P prefix ...] [L last]");
  assertEquals(completions(spec, ["p", "x"], ""), ["P", "L"]);
  assertEquals(completions(spec, ["p"], ""), []);
});

Deno.test("options that are passed are not offered any more", () => {
  const spec = withArguments([
    { name: "nx", type: "pure-token", token: "NX", optional: true },
    { name: "ch", type: "pure-token", token: "CH", optional: true },
    { name: "score", type: "integer" },
    { name: "member", type: "string" },
  ]);
  assertEquals(remainingHint(spec, []), "[NX] [CH] score member");
  assertEquals(remainingHint(spec, ["ch"]), "[NX] score member");
  assertEquals(remainingHint(spec, ["ch", "1"]), "member");
  assertEquals(completions(spec, ["1"], ""), []);
});
