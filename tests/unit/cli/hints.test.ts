import { assert, assertEquals } from "@std/assert";
import { complete, hintFor, inColumns } from "../../../src/cli/hints.ts";
import { commandTable } from "../../../src/commands/command_table.ts";

Deno.test("the hint is what may follow, separated from what is typed", () => {
  assertEquals(hintFor(""), "");
  assertEquals(hintFor("ge"), "");
  assertEquals(hintFor("get"), " key");
  assertEquals(hintFor("GET "), "key");
  assertEquals(hintFor("get k"), "");
  assertEquals(hintFor("mget k"), " [key ...]");
  assertEquals(hintFor("  mset k"), " value [key value ...]");
  assertEquals(hintFor("append 'a b' "), "value");
  assertEquals(hintFor('append "a'), "");
  assertEquals(hintFor("config get "), "parameter [parameter ...]");
});

Deno.test("every command that takes something has a hint", () => {
  for (const spec of commandTable) {
    const takesSomething = spec.arguments.length > 0 || (spec.subcommands?.length ?? 0) > 0;
    assertEquals(hintFor(spec.name) !== "", takesSomething, spec.name);
  }
});

Deno.test("a word is completed when it can be one only, in the case it is typed in", () => {
  const line = (typed: string) => complete(typed).line;
  assertEquals(line("incrbyf"), "incrbyfloat ");
  assertEquals(line("INCRBYF"), "INCRBYFLOAT ");
  assertEquals(line("Incrbyf"), "INCRBYFLOAT ");
  assertEquals(line("cle"), "clear ");
  assertEquals(line("config rew"), "config rewrite ");
  assertEquals(line("set 'a b' v keep"), "set 'a b' v keepttl ");
  assertEquals(line("help ? incrbyf"), "help ? incrbyf");
  assertEquals(line("help incrbyf"), "help incrbyfloat ");
});

Deno.test("what several words have in common is added, then they are listed", () => {
  assertEquals(complete("pex"), { line: "pexpire", choices: [] });
  assertEquals(complete("pexpire"), {
    line: "pexpire",
    choices: ["pexpire", "pexpireat", "pexpiretime"],
  });
  assertEquals(complete("SET k v NX P"), { line: "SET k v NX PX", choices: [] });
  assertEquals(complete("config ").choices, ["get", "help", "resetstat", "rewrite", "set"]);
  assert(complete("").choices.length > commandTable.length);
});

Deno.test("keys, values and unknown commands are not completed", () => {
  for (const line of ["get k", "get ", "set k ", "nosuch ", "zz", 'set k "v', 'set "k"v n']) {
    assertEquals(complete(line), { line, choices: [] });
  }
});

Deno.test("choices stand in as many columns as fit", () => {
  assertEquals(inColumns(["a", "bbb", "cc"], 80), "a    bbb  cc\n");
  assertEquals(inColumns(["a", "bbb", "cc"], 10), "a    bbb\ncc\n");
  assertEquals(inColumns(["a", "bbb", "cc"], 1), "a\nbbb\ncc\n");
});
