import { assert, assertEquals, assertMatch, assertStrictEquals } from "@std/assert";
import { handlers } from "../../../src/commands/registry.ts";
import type { ArgumentSpec, CommandSpec } from "../../../src/commands/command_spec.ts";
import { commandTable, findCommand, suggest } from "../../../src/commands/command_table.ts";

const allSpecs = commandTable.flatMap((spec) => [spec, ...spec.subcommands ?? []]);

const handlerNames = Object.keys(handlers);

/** Whether the command does something without a subcommand. */
function runsByItself(spec: CommandSpec): boolean {
  return spec.subcommands === undefined || spec.arity === -1;
}

Deno.test("every command has one handler, and every handler a command", () => {
  const specNames = allSpecs.filter(runsByItself).map((spec) => spec.name);
  assertEquals(handlerNames.toSorted(), specNames.toSorted());
});

Deno.test("the table is sorted, and no name is in it twice", () => {
  const names = commandTable.map((spec) => spec.name);
  assertEquals(names, [...new Set(names)].sort());
  for (const { subcommands = [] } of commandTable) {
    const subNames = subcommands.map((spec) => spec.name);
    assertEquals(subNames, [...new Set(subNames)].sort());
  }
});

Deno.test("a subcommand is named after its command", () => {
  for (const spec of commandTable) {
    assertMatch(spec.name, /^[a-z]+(_ro)?$/);
    for (const subcommand of spec.subcommands ?? []) {
      assertMatch(subcommand.name, new RegExp(`^${spec.name}\\|[a-z-]+$`));
      assertEquals(subcommand.subcommands, undefined);
    }
  }
});

Deno.test("a summary is one line that begins with a capital", () => {
  for (const { name, summary } of allSpecs) {
    // Redis's words: that of ACL ends with a space.
    assertMatch(summary, /^[A-Z][^\n]*\S ?$/, name);
  }
});

Deno.test("the arity is the name and the least that the arguments need", () => {
  // Redis 7.0 does not tell in the first three what follows, though something has to, and calls PFMERGE's
  // sources necessary and each filter of CLIENT KILL optional, which they are not.
  const untold = ["command|getkeys", "command|getkeysandflags", "debug", "pfmerge", "client|kill"];
  for (const spec of allSpecs.filter((spec) => !untold.includes(spec.name))) {
    const nameWords = spec.subcommands && !runsByItself(spec) ? 2 : spec.name.split("|").length;
    const least = spec.arguments.reduce((sum, argument) => sum + wordsMin(argument), nameWords);
    assertEquals(Math.abs(spec.arity), least, spec.name);
    if (spec.arity > 0) assertEquals(spec.arguments.some(isOpenEnded), false, spec.name);
  }
});

function wordsMin({ optional, token, type, arguments: parts = [] }: ArgumentSpec): number {
  if (optional) return 0;
  if (type === "pure-token") return 1;
  const ofToken = token === undefined ? 0 : 1;
  if (type === "oneof") return ofToken + Math.min(...parts.map(wordsMin));
  if (type === "block") return ofToken + parts.reduce((sum, part) => sum + wordsMin(part), 0);
  return ofToken + 1;
}

function isOpenEnded({ optional, multiple, arguments: parts = [] }: ArgumentSpec): boolean {
  return !!optional || !!multiple || parts.some(isOpenEnded);
}

Deno.test("key arguments refer to key positions that exist", () => {
  for (const spec of allSpecs) {
    const used = new Set(spec.arguments.flatMap(keySpecIndexes));
    const positions = spec.keys.filter(({ flags }) => !flags.includes("not_key"));
    assertEquals([...used].sort(), positions.map((_, i) => i), spec.name);
    const touchesKeys = spec.flags.includes("write") || spec.flags.includes("readonly");
    if (positions.length > 0 && spec.name !== "watch") assert(touchesKeys, spec.name);
  }
});

function keySpecIndexes({ keySpecIndex, arguments: parts = [] }: ArgumentSpec): number[] {
  return [...keySpecIndex === undefined ? [] : [keySpecIndex], ...parts.flatMap(keySpecIndexes)];
}

Deno.test("findCommand knows names in any case, and subcommands", () => {
  assertEquals(findCommand("GeT")?.name, "get");
  assertEquals(findCommand("CONFIG|Get")?.name, "config|get");
  assertStrictEquals(findCommand("nope"), undefined);
  assertStrictEquals(findCommand("get|x"), undefined);
  assertStrictEquals(findCommand("constructor"), undefined);
});

Deno.test("suggest finds names with one letter left out, added, changed or swapped", () => {
  assertEquals(suggest("expre"), ["expire"]);
  assertEquals(suggest("EXISTSS"), ["exists"]);
  assertEquals(suggest("dalete"), []);
  assertEquals(suggest("renane"), ["rename"]);
  assertEquals(suggest("incrybfloat"), ["incrbyfloat"]);
  assertEquals(suggest("gte"), ["get"]);
  assertEquals(suggest("mgte"), ["mget"]);
  // Two letters swapped and one added are two edits: `lcs` is not meant.
  assertEquals(suggest("cl"), ["acl", "client"]);
});

Deno.test("suggest goes on with names that begin as typed, the shortest first", () => {
  assertEquals(suggest("flush"), ["flushdb", "flushall"]);
  assertEquals(suggest("pexp"), ["pexpire", "pexpireat", "pexpiretime"]);
  assertEquals(suggest("g"), []);
  assertEquals(suggest(""), []);
  assertEquals(suggest("zadd"), []);
});
