import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  didYouMean,
  didYouMeanWithin,
  isKnown,
  questionAfter,
} from "../../../src/cli/suggestion.ts";
import { subcommands } from "../../../src/cli/subcommands.ts";
import { commandTable } from "../../../src/commands/command_table.ts";

Deno.test("a name with one wrong letter is asked about, in any case", () => {
  assertEquals(didYouMean("gte"), "Did you mean 'get'?");
  assertEquals(didYouMean("GTE"), "Did you mean 'get'?");
  assertEquals(didYouMean("strln"), "Did you mean 'strlen'?");
  assertEquals(didYouMean("serv"), "Did you mean 'serve'?");
  assertEquals(didYouMean("srve"), "Did you mean 'serve' or 'save'?");
  assertEquals(didYouMean("get set"), "Did you mean 'getset'?");
});

Deno.test("longer names of subcommands of kv may have two wrong letters", () => {
  assertEquals(didYouMean("verison"), "Did you mean 'version'?");
  assertEquals(didYouMean("vrsoin"), "Did you mean 'version'?");
});

Deno.test("subcommands of kv come before commands of the server", () => {
  assertEquals(didYouMean("cl"), "Did you mean 'cli' or 'acl' or 'client'?");
});

Deno.test("nothing is asked when nothing is near", () => {
  for (const name of ["", "zzzzzz", "\u{1f600}", "x".repeat(10_000)]) {
    assertEquals(didYouMean(name), null, name.slice(0, 20));
  }
});

Deno.test("every name with two letters swapped leads back to itself", () => {
  const names = [...commandTable, ...subcommands].map(({ name }) => name);
  for (const name of names) {
    const swapped = name.slice(0, -2) + name.at(-1) + name.at(-2);
    if (swapped === name || names.includes(swapped)) continue;
    assert(didYouMean(swapped)?.includes(`'${name}'`), `${swapped} for ${name}`);
  }
});

Deno.test("subcommands are asked about with their command", () => {
  assertEquals(didYouMeanWithin("config", "gte"), "Did you mean 'config get'?");
  assertEquals(didYouMeanWithin("CONFIG", "GTE"), "Did you mean 'config get'?");
  assertEquals(didYouMeanWithin("client", "lits"), "Did you mean 'client list'?");
  assertEquals(didYouMeanWithin("config", "zzzz"), null);
  assertEquals(didYouMeanWithin("get", "gte"), null);
  assertEquals(didYouMeanWithin("nosuch", "gte"), null);
});

Deno.test("only errors about unknown names lead to a question", () => {
  const unknown = "ERR unknown command 'gte', with args beginning with: ";
  assertEquals(questionAfter(unknown, ["gte"]), "Did you mean 'get'?");
  const within = "ERR unknown subcommand 'gte'. Try CONFIG HELP.";
  assertEquals(questionAfter(within, ["config", "gte"]), "Did you mean 'config get'?");
  assertEquals(questionAfter("ERR syntax error", ["gte"]), null);
  assertEquals(questionAfter("WRONGTYPE unknown command", ["gte"]), null);
});

Deno.test("commands are known in any case; subcommands of kv are not the server's", () => {
  assert(isKnown("get") && isKnown("GET"));
  for (const name of ["gte", "", "serve", "cli", "constructor", "__proto__"]) {
    assertFalse(isKnown(name), name);
  }
});
