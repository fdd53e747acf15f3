/** `kv help`, `--help` and `--version`: from the tables, without a server. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { commandTable } from "../../src/commands/command_table.ts";
import { grammar } from "../../src/commands/grammar.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { KvProgram } from "./kv_program.ts";

function test(name: string, body: (kv: KvProgram) => Promise<void>): void {
  Deno.test(name, async () => {
    await using folder = await TemporaryFolder.make();
    await body(new KvProgram(folder, folder.join("none.sock")));
  });
}

test("kv --version is that of deno.json", async (kv) => {
  const expected = { code: 0, stdout: `kv ${config.version}\n`, stderr: "" };
  assertEquals(await kv.run(["--version"]), expected);
  assertEquals(await kv.run(["version"]), expected);
  // An option of all clients was taken and ignored here once.
  assertEquals(await kv.run(["cli", "--version"]), expected);
});

test("kv help lists all commands, subcommands, options and exit statuses", async (kv) => {
  const { code, stdout } = await kv.run(["help"]);
  assertEquals(code, 0);
  for (const { name, summary } of commandTable) {
    const line = stdout.split("\n").find((line) => line.startsWith(`  ${name.toUpperCase()} `));
    assertEquals(line?.slice(name.length + 2).trim(), summary.trimEnd(), name);
  }
  for (
    const text of [
      "kv serve [OPTION ...]",
      "kv cli [OPTION ...]",
      "kv help [COMMAND]",
      "-s, --socket PATH",
      "--json",
      "--raw",
      "-x ",
      "  3   no server could be reached",
    ]
  ) assertStringIncludes(stdout, text);
  assert(!stdout.includes("\x1b"), "colours in a pipe");
  assertEquals((await kv.run(["--help"])).stdout, stdout);
  assertEquals((await kv.run(["-h"])).stdout, stdout);
});

test("kv alone shows the help, as a wrong command line", async (kv) => {
  const { code, stdout } = await kv.run([]);
  assertEquals(code, 64);
  assertStringIncludes(stdout, "kv serve [OPTION ...]");
});

test("kv help COMMAND shows how it is written, for every command", async (kv) => {
  const { code, stdout } = await kv.run(["help", "SET"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "SET key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value");
  // All in one process: the prompt has the same help.
  const { helpText } = await import("../../src/cli/help.ts");
  for (const spec of commandTable.flatMap((spec) => [spec, ...spec.subcommands ?? []])) {
    const { text, isKnown } = helpText(spec.name.split("|"));
    assert(isKnown && text.includes(`${grammar(spec)}\n  ${spec.summary.trimEnd()}\n`), spec.name);
  }
});

test("kv help CONTAINER lists its subcommands, each of which has its own", async (kv) => {
  const { stdout } = await kv.run(["help", "config"]);
  assertStringIncludes(stdout, "CONFIG GET parameter [parameter ...]");
  const { stdout: sub } = await kv.run(["help", "config", "get"]);
  assert(sub.startsWith("CONFIG GET parameter [parameter ...]\n"), sub);
});

test("kv SUBCOMMAND --help and kv COMMAND --help show the same as kv help", async (kv) => {
  for (const name of ["serve", "cli", "help", "version", "get"]) {
    const asked = await kv.run(["help", name]);
    assertEquals(asked.code, 0);
    assert(asked.stdout.length > 0);
    assertEquals(await kv.run([name, "--help"]), asked, name);
  }
  assertStringIncludes((await kv.run(["serve", "--help"])).stdout, "--sync everysec|always|no");
  assertStringIncludes(
    (await kv.run(["serve", "--store", "x", "--help"])).stdout,
    "--sync everysec|always|no",
  );
  assertStringIncludes((await kv.run(["cli", "--raw", "--help"])).stdout, "--json");
});

test("kv help for an unknown command suggests the near one", async (kv) => {
  assertEquals(await kv.run(["help", "gte"]), {
    code: 64,
    stdout: "",
    stderr: "kv: There is no command 'gte'. Did you mean 'get'?\n",
  });
  assertStringIncludes((await kv.run(["help", "zzzzzz"])).stderr, "`kv help` lists them all.");
  assertStringIncludes((await kv.run(["help", "sreve"])).stderr, "Did you mean 'serve'?");
  assertEquals(await kv.run(["help", "config", "gte"]), {
    code: 64,
    stdout: "",
    stderr: "kv: There is no command 'config gte'. Did you mean 'config get'?\n",
  });
});
