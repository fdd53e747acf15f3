/** The prompt of `kv cli` from one session to the next, and with a server that does not answer. */
import { assert, assertEquals } from "@std/assert";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { TestServer } from "../support/test_server.ts";
import { KvProgram } from "./kv_program.ts";
import { hasTerminals, keys, Terminal } from "./terminal.ts";

interface Given {
  readonly kv: KvProgram;
  readonly server: TestServer;
}

/** A test with a server; the prompt shows its socket by a short name. */
function test(name: string, body: (given: Given) => Promise<void>): void {
  Deno.test({
    name: `the prompt ${name}`,
    ignore: !hasTerminals,
    async fn() {
      await using server = await TestServer.start();
      await Deno.symlink(server.socketPath, server.folder.join("link.sock"));
      await body({ kv: new KvProgram(server.folder, "link.sock"), server });
    },
  });
}

const prompt = "kv link.sock> ";

test("keeps its history where XDG_STATE_HOME says, across two sessions", async ({ kv }) => {
  const env = { XDG_STATE_HOME: kv.folder.join("state/home") };
  {
    await using first = new Terminal(kv, ["cli"], { env });
    await first.cursorBehind(prompt);
    await first.type('set k "one', keys.enter);
    await first.cursorBehind("... ");
    await first.type('two"', keys.enter);
    await first.until("OK", (screen) => screen.lines.at(-2) === "OK");
    await first.type("auth secret", keys.enter);
    await first.until("an error", ({ lines }) => lines.some((line) => line.startsWith("(error)")));
    await first.type("get k", keys.enter);
    await first.until("the value", (screen) => screen.lines.at(-2) === '"one\\ntwo"');
    await first.type(keys.ctrlD);
    assertEquals(await first.end(), 0);
  }
  const path = kv.folder.join("state/home/kv_history");
  assertEquals(await Deno.readTextFile(path), 'set k "one\\ntwo"\nget k\n');
  assertEquals((await Deno.stat(kv.folder.join("state/home"))).mode! & 0o777, 0o700);

  await using second = new Terminal(kv, ["cli"], { env });
  await second.cursorBehind(prompt);
  await second.type(keys.up);
  await second.cursorBehind(`${prompt}get k`);
  await second.type(keys.up);
  await second.cursorBehind(`${prompt}set k "one\\ntwo"`);
  await second.type(keys.enter);
  await second.until("OK", (screen) => screen.lines.at(-2) === "OK");
});

test("keeps no history when KV_HISTORY is empty", async ({ kv }) => {
  await using terminal = new Terminal(kv, ["cli"], { env: { KV_HISTORY: "" } });
  await terminal.cursorBehind(prompt);
  await terminal.type("echo one", keys.enter, "exit", keys.enter);
  assertEquals(await terminal.end(), 0);
  const files = Array.from(Deno.readDirSync(kv.folder.path), ({ name }) => name);
  assert(!files.some((name) => name.includes("history")), files.join(" "));
});

test("gives up a reply at Ctrl-C, and connects anew", async ({ kv, server }) => {
  await using terminal = new Terminal(kv, ["cli"]);
  await terminal.cursorBehind(prompt);
  Deno.kill(server.pid, "SIGSTOP");
  try {
    await terminal.type("echo one", keys.enter);
    // Sent, and nothing comes back.
    await terminal.until("the line's end", (screen) => screen.beforeCursor === "");
    await terminal.type(keys.ctrlC);
    await terminal.until(
      "the loss",
      ({ lines }) => lines.includes("Error: The connection was closed"),
    );
  } finally {
    Deno.kill(server.pid, "SIGCONT");
  }
  await terminal.cursorBehind(prompt);
  await terminal.type("echo two", keys.enter);
  await terminal.until("the reply", (screen) => screen.lines.at(-2) === '"two"');
});

test("says when a server goes while its reply is awaited", async ({ kv, server }) => {
  await using terminal = new Terminal(kv, ["cli"]);
  await terminal.cursorBehind(prompt);
  Deno.kill(server.pid, "SIGSTOP");
  await terminal.type("multi", keys.enter);
  await terminal.until("the line's end", (screen) => screen.beforeCursor === "");
  await server.kill();
  await terminal.until(
    "the loss",
    ({ lines }) => lines.some((line) => line.startsWith("Error: The connection to the server was")),
  );
  await terminal.cursorBehind("not connected> ");
  await server.restart();
  await terminal.cursorBehind(prompt);
});

test("takes commands that are pasted, one after the other", async ({ kv }) => {
  await using terminal = new Terminal(kv, ["cli"]);
  await terminal.cursorBehind(prompt);
  const lines = Array.from({ length: 20 }, (_, i) => `append log ${i},${keys.enter}`);
  await terminal.type(...lines, "get log", keys.enter);
  const log = Array.from({ length: 20 }, (_, i) => `${i},`).join("");
  await terminal.until("the value", ({ lines }) => lines.includes(`"${log}"`));
});

test("shows replies as --json and --raw ask for", async ({ kv }) => {
  await kv.prepare(["set", "a b", "x"]);
  for (const [option, shown] of [["--json", '["x",null]'], ["--raw", "x"]]) {
    await using terminal = new Terminal(kv, [option, "cli"]);
    await terminal.cursorBehind(prompt);
    await terminal.type('mget "a b" none', keys.enter);
    await terminal.until(`the reply with ${option}`, ({ lines }) => lines.includes(shown));
  }
});

test("suggests the subcommand for one that does not exist", async ({ kv }) => {
  await using terminal = new Terminal(kv, ["cli"]);
  await terminal.cursorBehind(prompt);
  await terminal.type("config gte maxclients", keys.enter);
  await terminal.until(
    "the suggestion",
    (screen) => screen.lines.at(-2) === "Did you mean 'config get'?",
  );
});

test("shows text in any script, and edits it", async ({ kv }) => {
  await using terminal = new Terminal(kv, ["--raw", "cli"]);
  await terminal.cursorBehind(prompt);
  await terminal.type("set k grüß", keys.enter, "append k e", keys.enter, "get k", keys.enter);
  await terminal.until("the value", ({ lines }) => lines.includes("grüße"));
});

Deno.test({
  name: "the prompt waits for a server that is not there yet",
  ignore: !hasTerminals,
  async fn() {
    await using folder = await TemporaryFolder.make();
    await using terminal = new Terminal(new KvProgram(folder, "link.sock"), ["cli"]);
    await terminal.cursorBehind("not connected> ");
    // It takes two rows.
    assertEquals(
      terminal.screen.lines.slice(0, 2).join(""),
      "Cannot connect to link.sock: there is no such socket. " +
        "Start a server with: kv serve --socket link.sock",
    );
    await using server = await TestServer.start();
    await Deno.symlink(server.socketPath, folder.join("link.sock"));
    await terminal.cursorBehind(prompt);
    await terminal.type(keys.ctrlD);
    assertEquals(await terminal.end(), 0);
  },
});

test("says that nobody is logged in when the password is refused", async ({ kv }) => {
  await kv.prepare(["acl", "setuser", "web", "on", ">sesame"]);
  await using terminal = new Terminal(kv, ["--user", "web", "-a", "wrong", "cli"]);
  await terminal.cursorBehind(prompt);
  const { lines } = terminal.screen;
  assert(lines.some((line) => line.startsWith("(error) WRONGPASS")));
  assert(lines.some((line) => line.startsWith("Not logged in: until AUTH succeeds")));
});
