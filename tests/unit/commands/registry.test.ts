import { assert, assertEquals } from "@std/assert";
import { CommandNames } from "../../../src/commands/command_names.ts";
import { commandTable } from "../../../src/commands/command_table.ts";
import { allCommands, type CommandMap } from "../../../src/commands/registry.ts";
import { toBytes } from "../../support/binary_text.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const commands = allCommands();

/** The name of what is found for these bytes, which stand between others. */
function find(name: string, map: CommandMap = commands): string | undefined {
  const bytes = toBytes(`x${name}x`);
  return map.find(bytes, 1, 1 + name.length)?.name;
}

Deno.test("every command is found by its name in any case", () => {
  const random = new SeededRandom(10);
  for (const { name, subcommands = [] } of commandTable) {
    const mixed = [...name].map((c) => random.chance(0.5) ? c.toUpperCase() : c).join("");
    for (const spelling of [name, name.toUpperCase(), mixed]) assertEquals(find(spelling), name);
    const { subcommands: map } = commands.find(toBytes(name), 0, name.length)!;
    for (const { name: full } of subcommands) {
      const own = full.split("|")[1];
      assertEquals(find(own, map!), full);
      assertEquals(find(own.toUpperCase(), map!), full);
    }
  }
});

Deno.test("what is no command is not found", () => {
  const names = ["", "g", "gets", "ge", "get\0", " get", "config|get", "\xe7et", "constructor"];
  for (const name of names) assertEquals(find(name), undefined, name);
  // The bit that tells cases apart does so for letters only: "[" is "{" without it.
  for (const { name } of commandTable) {
    for (let i = 0; i < name.length; i++) {
      const other = String.fromCharCode(name.charCodeAt(i) ^ 0x40);
      const changed = name.slice(0, i) + other + name.slice(i + 1);
      assertEquals(find(changed), undefined, changed);
    }
  }
});

Deno.test("noise is no command, and is told so at once", () => {
  const random = new SeededRandom(11);
  const names = new Set(commandTable.map(({ name }) => name));
  for (let i = 0; i < 20_000; i++) {
    const name = random.bytes(random.below(12));
    if (!names.has(name.toLowerCase())) assertEquals(find(name), undefined);
  }
});

Deno.test("a command knows what the dispatcher asks of it", () => {
  const get = commands.find(toBytes("get"), 0, 3)!;
  assertEquals([get.arity, get.isReadOnly, get.isQueued], [2, true, true]);
  for (const name of ["multi", "exec", "discard", "watch", "quit", "reset"]) {
    assertEquals(commands.find(toBytes(name), 0, name.length)!.isQueued, false, name);
  }
  assert(commands.find(toBytes("shutdown"), 0, 8)!.isBarredFromTransactions);
});

Deno.test("the statistics of a command can be set back", () => {
  const command = allCommands().commands[0];
  Object.assign(command, { calls: 640, microseconds: 25, failed: 3, rejected: 2 });
  command.resetStatistics();
  const { calls, microseconds, failed, rejected, histogram } = command;
  assertEquals([calls, microseconds, failed, rejected, histogram], [0, 0, 0, 0, null]);
});

Deno.test("a command is brief when it touches one key and its work does not grow", () => {
  const isBrief = (name: string) => commands.named(name)!.isBrief;
  for (const name of ["get", "set", "incr", "expire"]) assert(isBrief(name), name);
  for (const name of ["mget", "del", "keys", "exec", "info", "append"]) {
    assert(!isBrief(name), name);
  }
});

Deno.test("a name may be written as text, a subcommand's behind its command's", () => {
  assertEquals(commands.named("GeT")?.name, "get");
  assertEquals(commands.named("Config|Get")?.name, "config|get");
  for (const name of ["", "nope", "get|x", "config|", "config|get|x", "|get"]) {
    assertEquals(commands.named(name), undefined, name);
  }
});

Deno.test("commands may be called by other names, or not at all", () => {
  const names = new CommandNames();
  assertEquals(names.rename("GET", "Fetch"), null);
  assertEquals(names.rename("fetch", "FETCH2"), null);
  assertEquals(names.rename("keys", ""), null);
  assertEquals(names.rename("keys", "x"), "No such command in rename-command");
  assertEquals(names.rename("set", "del"), "Target command name already exists");
  const map = allCommands(names);
  assertEquals(map.named("fetch2")?.name, "get");
  for (const name of ["get", "fetch", "keys"]) assertEquals(map.named(name), undefined);
});
