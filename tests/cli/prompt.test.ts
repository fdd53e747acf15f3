/** The prompt of `kv cli`, on a terminal. */
import { assert, assertEquals } from "@std/assert";
import { TestServer } from "../support/test_server.ts";
import { KvProgram } from "./kv_program.ts";
import { hasTerminals, keys, Terminal } from "./terminal.ts";

interface Given {
  readonly kv: KvProgram;
  readonly server: TestServer;
  readonly terminal: Terminal;
  /** What the prompt says while there is a connection. */
  readonly prompt: string;
}

/** A test that finds a prompt with a connection, in 100 columns. */
function test(name: string, body: (given: Given) => Promise<void>): void {
  Deno.test({
    name: `the prompt ${name}`,
    ignore: !hasTerminals,
    async fn() {
      await using server = await TestServer.start();
      const kv = new KvProgram(server.folder, "link.sock");
      await Deno.symlink(server.socketPath, server.folder.join("link.sock"));
      await using terminal = new Terminal(kv, ["cli"]);
      const prompt = "kv link.sock> ";
      await terminal.cursorBehind(prompt);
      await body({ kv, server, terminal, prompt });
    },
  });
}

test("shows replies with their types", async ({ terminal, prompt }) => {
  await terminal.type("set foo bar", keys.enter, "get foo", keys.enter, "get none", keys.enter);
  await terminal.type("incr n", keys.enter, "mget foo none", keys.enter, "incr foo", keys.enter);
  await terminal.until("all replies", ({ lines }) => lines.some((line) => /^\(error\)/.test(line)));
  await terminal.cursorBehind(prompt);
  // What is typed before a reply comes may be shown before it, or at the next prompt, or both.
  const replies = terminal.screen.lines.filter((line) =>
    !/^(set|get|incr|mget|kv link\.sock>)/.test(line)
  );
  assertEquals(replies, [
    "OK",
    '"bar"',
    "(nil)",
    "(integer) 1",
    '1) "bar"',
    "2) (nil)",
    "(error) ERR value is not an integer or out of range",
  ]);
});

test("hints at the arguments that may follow, behind the cursor", async ({ terminal, prompt }) => {
  const hinted = async (typed: string, hint: string) => {
    await terminal.type(keys.ctrlU, typed);
    await terminal.lastLine(`${prompt}${typed}${hint}`);
    await terminal.cursorBehind(`${prompt}${typed}`);
  };
  await hinted("get", " key");
  await hinted("get k", "");
  await hinted(
    "getex k ",
    "[EX seconds | PX milliseconds | EXAT unix-time-seconds | " +
      "PXAT unix-time-mi...",
  );
  await hinted("getex k EX ", "seconds");
  await hinted("config ge", "");
  await hinted("config get", " parameter [parameter ...]");
  await hinted("nosuch ", "");
  // The hint is not part of what is sent.
  await terminal.type(keys.ctrlU, "ping", keys.enter);
  await terminal.until("PONG", (screen) => screen.lines.at(-2) === "PONG");
});

test("completes commands, subcommands and options with Tab", async ({ terminal, prompt }) => {
  const completed = async (typed: string, line: string) => {
    await terminal.type(keys.ctrlU, typed, keys.tab);
    await terminal.cursorBehind(prompt + line);
  };
  await completed("incrbyf", "incrbyfloat ");
  await completed("INCRBYF", "INCRBYFLOAT ");
  await completed("Incrbyf", "INCRBYFLOAT ");
  await completed("pexpirea", "pexpireat ");
  await completed("config rese", "config resetstat ");
  await completed("set k v k", "set k v keepttl ");
  await completed("set k v NX G", "set k v NX GET ");
  await completed("help incrbyf", "help incrbyfloat ");
  // As far as it is certain.
  await completed("ex", "ex");
  await completed("pexpi", "pexpire");
  await completed("nosuch", "nosuch");
});

test("lists what Tab could mean, and takes the next key", async ({ terminal, prompt }) => {
  await terminal.type("set k v p", keys.tab);
  await terminal.cursorBehind(`${prompt}set k v px`);
  await terminal.type(keys.tab);
  await terminal.until("the list", (screen) => screen.lines.at(-2) === "px    pxat");
  await terminal.cursorBehind(`${prompt}set k v px`);
  // Keys behind a Tab were lost once.
  await terminal.type("at");
  await terminal.cursorBehind(`${prompt}set k v pxat`);
});

test("completes in the middle of a line", async ({ terminal, prompt }) => {
  await terminal.type("incrbyf n 1", ...Array(4).fill(keys.left), keys.tab);
  await terminal.cursorBehind(`${prompt}incrbyfloat `);
  await terminal.lastLine(`${prompt}incrbyfloat  n 1`);
});

test("goes on over several lines while a quote is open", async ({ terminal, prompt }) => {
  await terminal.type('set k "one', keys.enter);
  await terminal.cursorBehind("... ");
  await terminal.type('two"', keys.enter);
  await terminal.until("OK", (screen) => screen.lines.at(-2) === "OK");
  await terminal.type("get k", keys.enter);
  await terminal.until("the value", (screen) => screen.lines.at(-2) === '"one\\ntwo"');
  // In the history it is one line.
  await terminal.type(keys.up, keys.up);
  await terminal.cursorBehind(`${prompt}set k "one\\ntwo"`);
});

test("gives up a line at Ctrl-C, and an open quote too", async ({ terminal, prompt }) => {
  await terminal.type("set k v", keys.ctrlC);
  await terminal.cursorBehind(prompt);
  await terminal.type('set k "v', keys.enter);
  await terminal.cursorBehind("... ");
  await terminal.type(keys.ctrlC);
  await terminal.cursorBehind(prompt);
  await terminal.type("exists k", keys.enter);
  await terminal.until("0", (screen) => screen.lines.at(-2) === "(integer) 0");
});

test("shows that a transaction is open", async ({ terminal }) => {
  await terminal.type("multi", keys.enter);
  await terminal.cursorBehind("kv link.sock(TX)> ");
  await terminal.type("incr n", keys.enter);
  await terminal.until("QUEUED", (screen) => screen.lines.at(-2) === "QUEUED");
  await terminal.type("exec", keys.enter);
  await terminal.until("the result", (screen) => screen.lines.at(-2) === "1) (integer) 1");
  await terminal.cursorBehind("kv link.sock> ");
});

test("suggests a command for one that does not exist", async ({ terminal }) => {
  await terminal.type("gte k", keys.enter);
  await terminal.until(
    "the suggestion",
    (screen) =>
      screen.lines.at(-2) === "Did you mean 'get'?" &&
      screen.lines.at(-3)!.startsWith("(error) ERR unknown command 'gte'"),
  );
});

test("knows help and clear", async ({ terminal, prompt }) => {
  await terminal.type("help get", keys.enter);
  await terminal.until("the help", (screen) => screen.lines.includes("GET key"));
  await terminal.type("clear", keys.enter);
  await terminal.until("nothing else", ({ lines }) => lines.length === 1);
  await terminal.cursorBehind(prompt);
});

test("ends at exit, quit and Ctrl-D", async ({ kv, terminal, prompt }) => {
  await terminal.type("exit", keys.enter);
  assertEquals(await terminal.end(), 0);
  for (const key of [`quit${keys.enter}`, keys.ctrlD]) {
    await using other = new Terminal(kv, ["cli"]);
    await other.cursorBehind(prompt);
    await other.type(key);
    assertEquals(await other.end(), 0);
  }
});

test("keeps its history for the next time, without passwords", async ({ kv, terminal, prompt }) => {
  await terminal.type("echo one", keys.enter, "hello 2 auth default secret", keys.enter);
  await terminal.type("echo two", keys.enter, "echo two", keys.enter, "exit", keys.enter);
  assertEquals(await terminal.end(), 0);
  const path = `${kv.folder.path}/.kv_history`;
  assertEquals(await Deno.readTextFile(path), "echo one\necho two\nexit\n");
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);

  await using next = new Terminal(kv, ["cli"]);
  await next.cursorBehind(prompt);
  await next.type(keys.up, keys.up);
  await next.cursorBehind(`${prompt}echo two`);
  await next.type(keys.up);
  await next.cursorBehind(`${prompt}echo one`);
  await next.type(keys.enter);
  await next.until("the reply", (screen) => screen.lines.at(-2) === '"one"');
});

test("connects anew when the server comes back", async ({ server, terminal, prompt }) => {
  await server.stop();
  await terminal.cursorBehind("not connected> ");
  await terminal.type("ping", keys.enter);
  await terminal.until(
    "how to start one",
    ({ lines }) => lines.some((line) => line.includes("Start a server with: kv serve")),
  );
  await server.restart();
  await terminal.cursorBehind(prompt);
  await terminal.type("ping", keys.enter);
  await terminal.until("PONG", (screen) => screen.lines.at(-2) === "PONG");
});

test("leaves what is being typed alone while it reconnects", async (given) => {
  const { server, terminal, prompt } = given;
  await terminal.type("echo hal");
  await terminal.cursorBehind(`${prompt}echo hal`);
  await server.stop();
  await terminal.cursorBehind("not connected> echo hal");
  await server.restart();
  await terminal.cursorBehind(`${prompt}echo hal`);
  await terminal.type("lo", keys.enter);
  await terminal.until("the reply", (screen) => screen.lines.at(-2) === '"hallo"');
});

test("edits a line that is longer than the terminal is wide", async ({ terminal, prompt }) => {
  const long = "x".repeat(150);
  await terminal.type(`strlen ${long}y${keys.left}`);
  await terminal.type("z", keys.enter);
  await terminal.until("the length", (screen) => screen.lines.at(-2) === "(integer) 0");
  assert(terminal.screen.lines[0].startsWith(`${prompt}strlen xxx`));
  assert(terminal.screen.lines[1].endsWith("xzy"), terminal.screen.lines[1]);
  await terminal.cursorBehind(prompt);
});

Deno.test({
  name: "kv COMMAND on a terminal shows types, and nil as (nil)",
  ignore: !hasTerminals,
  async fn() {
    await using server = await TestServer.start();
    const kv = new KvProgram(server.folder, server.socketPath);
    const shown = async (...args: string[]) => {
      await using terminal = new Terminal(kv, args);
      const code = await terminal.end();
      return [code, ...terminal.screen.lines];
    };
    assertEquals(await shown("set", "a", "x y"), [0, "OK"]);
    assertEquals(await shown("get", "a"), [0, '"x y"']);
    assertEquals(await shown("--raw", "get", "a"), [0, "x y"]);
    assertEquals(await shown("get", "none"), [1, "(nil)"]);
    assertEquals(await shown("strlen", "a"), [0, "(integer) 3"]);
    assertEquals(await shown("incr", "a"), [
      2,
      "(error) ERR value is not an integer or out of range",
    ]);
  },
});

test("repeats a command behind a number", async ({ terminal, prompt }) => {
  await terminal.type("3 incr n", keys.enter);
  await terminal.until("the last reply", ({ lines }) => lines.includes("(integer) 3"));
  await terminal.cursorBehind(prompt);
  await terminal.type("0 incr n", keys.enter);
  await terminal.until("an error", ({ lines }) => lines.some((line) => line.startsWith("Invalid")));
  await terminal.cursorBehind(prompt);
  assert(!terminal.screen.lines.includes("(integer) 4"));
});
