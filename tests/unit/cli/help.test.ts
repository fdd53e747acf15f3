import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { exitCodes } from "../../../src/cli/exit_codes.ts";
import { helpText } from "../../../src/cli/help.ts";
import { clientOptions, dashed, serveOptions } from "../../../src/cli/options.ts";
import { subcommands } from "../../../src/cli/subcommands.ts";
import { version } from "../../../src/cli/version.ts";
import { commandTable } from "../../../src/commands/command_table.ts";

const overview = helpText([]).text;

Deno.test("the overview has each command, subcommand, option and status of the tables", () => {
  for (const { name, summary } of commandTable) {
    assertStringIncludes(overview, `  ${name.toUpperCase()} `);
    assertStringIncludes(overview, summary.trimEnd());
  }
  for (const { grammar } of subcommands) assertStringIncludes(overview, `  ${grammar} `);
  for (const { name, summary } of clientOptions) {
    assertStringIncludes(overview, dashed(name));
    assertStringIncludes(overview, summary);
  }
  for (const code of Object.values(exitCodes)) assertStringIncludes(overview, `\n  ${code} `);
});

Deno.test("no line of any help ends in a blank or shows a placeholder", () => {
  const specs = commandTable.flatMap((spec) => [spec, ...spec.subcommands ?? []]);
  const topics = [
    [],
    ...subcommands.map(({ name }) => [name]),
    ...specs.map(({ name }) => name.split("|")),
  ];
  for (const topic of topics) {
    const { text, isKnown } = helpText(topic);
    assert(isKnown, topic.join(" "));
    assert(text.endsWith("\n") && !text.endsWith("\n\n"));
    for (const line of text.split("\n")) {
      assertEquals(line.trimEnd(), line, topic.join(" "));
      assert(!/undefined|null\b|\[object/.test(line), line);
    }
  }
});

Deno.test("a subcommand of kv is described with its options", () => {
  const serve = helpText(["serve"]).text;
  assert(serve.startsWith("kv serve [OPTION ...]\n"));
  for (const { name, summary } of serveOptions) {
    assertStringIncludes(serve, dashed(name));
    assertStringIncludes(serve, summary);
  }
  assertEquals(helpText(["SERVE"]).text, serve);
  assertStringIncludes(helpText(["cli"]).text, "-s, --socket PATH");
});

Deno.test("a command tells its group, since when there is it, and what it costs", () => {
  const lines = helpText(["get"]).text.split("\n");
  assertEquals(lines.slice(0, 3), ["GET key", "  Get the value of a key", ""]);
  assert(lines.some((line) => /^ {2}since +Redis 1\.0\.0$/.test(line)));
  assert(lines.some((line) => /^ {2}complexity +O\(1\)/.test(line)));
  assertStringIncludes(helpText(["update"]).text, "not in Redis");
});

Deno.test("words behind a command without subcommands are no hindrance", () => {
  assertEquals(helpText(["get", "foo"]), helpText(["get"]));
  assertEquals(helpText(["GET", ""]), helpText(["get"]));
});

Deno.test("what does not exist is said to be that, with the near name", () => {
  const unknown = (...words: string[]) => {
    const { text, isKnown } = helpText(words);
    assert(!isKnown);
    return text;
  };
  assertEquals(unknown("gte"), "There is no command 'gte'. Did you mean 'get'?\n");
  assertEquals(
    unknown("config", "gte"),
    "There is no command 'config gte'. Did you mean 'config get'?\n",
  );
  assertEquals(
    unknown("config", "zzzz"),
    "There is no command 'config zzzz'. `kv help config` lists them.\n",
  );
  assertEquals(
    unknown("constructor"),
    "There is no command 'constructor'. `kv help` lists them all.\n",
  );
});

Deno.test("colours change nothing but the look", () => {
  for (const topic of [[], ["set"], ["serve"], ["config"]]) {
    const coloured = helpText(topic, true).text;
    assertStringIncludes(coloured, "\x1b[1m");
    // deno-lint-ignore no-control-regex
    assertEquals(coloured.replace(/\x1b\[\d*m/g, ""), helpText(topic).text);
  }
});

Deno.test("the statuses of subcommands that have their own are in their help", () => {
  for (
    const [name, codes] of [["serve", [0, 1]], ["check", [0, 1, 2, 3]], ["backup", [
      0,
      1,
      2,
      3,
    ]]] as const
  ) {
    const { text } = helpText([name]);
    for (const code of [...codes, 64, 70]) assertStringIncludes(text, `\n  ${code} `);
    assertStringIncludes(overview, `kv ${name}`);
  }
});

Deno.test("docs/commands.md has every command of the table", async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/commands.md", import.meta.url));
  for (const spec of commandTable) {
    const isContainer = (spec.subcommands?.length ?? 0) > 0;
    for (const { name } of isContainer ? spec.subcommands! : [spec]) {
      assertStringIncludes(page, `\n### ${name.replace("|", " ").toUpperCase()}\n`);
    }
  }
});

Deno.test("no own command is of a version that is not there yet", () => {
  for (const { ownToKv, since } of commandTable) {
    if (ownToKv) assert(since.localeCompare(version, "en", { numeric: true }) <= 0, since);
  }
});
