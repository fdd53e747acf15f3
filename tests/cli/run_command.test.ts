/** `kv COMMAND [ARG ...]`: one command, one reply, one exit status. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { kvExecutable } from "../support/test_server.ts";
import { KvProgram, testWithServer } from "./kv_program.ts";

const allBytes = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));

function testWithoutServer(name: string, body: (kv: KvProgram) => Promise<void>): void {
  Deno.test(name, async () => {
    await using folder = await TemporaryFolder.make();
    await body(new KvProgram(folder, folder.join("none.sock")));
  });
}

testWithServer("a value goes to standard output, with status 0", async (kv) => {
  assertEquals(await kv.run(["set", "foo", "bar"]), { code: 0, stdout: "OK\n", stderr: "" });
  assertEquals(await kv.run(["GET", "foo"]), { code: 0, stdout: "bar\n", stderr: "" });
  assertEquals(await kv.run(["strlen", "foo"]), { code: 0, stdout: "3\n", stderr: "" });
});

testWithServer("nil prints nothing, with status 1", async (kv) => {
  assertEquals(await kv.run(["get", "none"]), { code: 1, stdout: "", stderr: "" });
  assertEquals(await kv.run(["--raw", "get", "none"]), { code: 1, stdout: "", stderr: "" });
  assertEquals(await kv.run(["set", "none", "x", "xx"]), { code: 1, stdout: "", stderr: "" });
});

testWithServer("nil is shown as (nil) with --no-raw and as null with --json", async (kv) => {
  assertEquals(await kv.run(["--no-raw", "get", "none"]), {
    code: 1,
    stdout: "(nil)\n",
    stderr: "",
  });
  assertEquals(await kv.run(["--json", "get", "none"]), { code: 1, stdout: "null\n", stderr: "" });
});

testWithServer("an error reply goes to standard error, with status 2", async (kv) => {
  await kv.prepare(["set", "foo", "bar"]);
  const { code, stdout, stderr } = await kv.run(["incr", "foo"]);
  assertEquals([code, stdout], [2, ""]);
  assertEquals(stderr, "ERR value is not an integer or out of range\n");
  assertEquals((await kv.run(["get"])).code, 2);
});

testWithServer("a command that no server knows is an error with a suggestion", async (kv) => {
  const { code, stdout, stderr } = await kv.run(["strln", "foo"]);
  assertEquals([code, stdout], [2, ""]);
  assertStringIncludes(stderr, "ERR unknown command 'strln'");
  assertStringIncludes(stderr, "Did you mean 'strlen'?");
});

testWithServer("a mistyped subcommand of a command is suggested with its command", async (kv) => {
  const { code, stderr } = await kv.run(["config", "gte", "maxclients"]);
  assertEquals(code, 2);
  assertMatch(stderr, /^ERR .*'gte'.*\nkv: Did you mean 'config get'\?\n$/);
});

testWithServer("a mistyped subcommand of kv is suggested beside the server's", async (kv) => {
  assertStringIncludes((await kv.run(["serv"])).stderr, "Did you mean 'serve'?");
  assertStringIncludes((await kv.run(["hlep"])).stderr, "Did you mean 'help'");
});

testWithoutServer(
  "without a server, the status is 3 and a line says how to start one",
  async (kv) => {
    const byOption = await kv.run(["--socket", "nope.sock", "get", "foo"]);
    assertEquals([byOption.code, byOption.stdout], [3, ""]);
    assertEquals(
      byOption.stderr,
      "kv: Cannot connect to nope.sock: there is no such socket. " +
        "Start a server with: kv serve --socket nope.sock\n",
    );
    const byDefault = await kv.run(["get", "foo"], { env: { KV_SOCKET: "" } });
    assertEquals(byDefault.code, 3);
    assertMatch(byDefault.stderr, /kv\.sock: .*: kv serve\n$/);
  },
);

testWithoutServer("a socket that a dead server left counts as no server", async (kv) => {
  // Closing removes the path in some versions of the runtime; what is left then is a name without a
  // socket, which is refused by another errno.
  const path = kv.folder.join("stale.sock");
  const listener = Deno.listen({ transport: "unix", path: kv.folder.join("first.sock") });
  await Deno.link(kv.folder.join("first.sock"), path);
  listener.close();
  const { code, stderr } = await kv.run(["-s", path, "ping"]);
  assertEquals(code, 3);
  assertStringIncludes(stderr, `nobody listens there. Start a server with: kv serve`);
});

testWithoutServer("a file that is no socket is said to be that", async (kv) => {
  for (const args of [["get", "a"], ["info", "--json"], ["cli"]]) {
    const { code, stderr } = await kv.run(["-s", "/etc/passwd", ...args], { input: "ping\n" });
    assertEquals(code, 3);
    assertEquals(
      stderr,
      "kv: Cannot connect to /etc/passwd: that is no socket; name the server's with --socket or KV_SOCKET\n",
    );
  }
});

testWithoutServer("without a server, a mistyped command is the first thing to mend", async (kv) => {
  const { code, stderr } = await kv.run(["gte", "foo"]);
  assertEquals(code, 64);
  assertEquals(stderr, "kv: There is no command 'gte'. Did you mean 'get'?\n");
});

testWithoutServer("a path that is too long for a socket is said to be that", async (kv) => {
  const { code, stderr } = await kv.run(["-s", "x".repeat(108), "ping"]);
  assertEquals(code, 3);
  assertStringIncludes(stderr, "at most 107 bytes");
});

testWithServer("lists come one item a line, empty ones as nothing", async (kv) => {
  await kv.prepare(["mset", "a", "1", "b", "2"]);
  assertEquals((await kv.run(["mget", "a", "none", "b"])).stdout, "1\n\n2\n");
  assertEquals(await kv.run(["keys", "z*"]), { code: 0, stdout: "", stderr: "" });
});

testWithServer("--no-raw shows types as a terminal does", async (kv) => {
  await kv.prepare(["set", "a", 'say "hi"\n']);
  assertEquals((await kv.run(["--no-raw", "get", "a"])).stdout, '"say \\"hi\\"\\n"\n');
  assertEquals((await kv.run(["--no-raw", "strlen", "a"])).stdout, "(integer) 9\n");
  assertEquals((await kv.run(["--no-raw", "keys", "z*"])).stdout, "(empty array)\n");
  assertEquals((await kv.run(["--no-raw", "incr", "a"])).stderr.slice(0, 11), "(error) ERR");
});

testWithServer("--json shows each reply as one JSON value", async (kv) => {
  await kv.prepare(["mset", "a", 'grüße "', "n", "7"]);
  const json = async (...args: string[]) => {
    const { stdout } = await kv.run(["--json", ...args]);
    assert(stdout.endsWith("\n") && !stdout.slice(0, -1).includes("\n"), stdout);
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(stdout, (c) => c.charCodeAt(0))));
  };
  assertEquals(await json("get", "a"), 'grüße "');
  assertEquals(await json("incr", "n"), 8);
  assertEquals(await json("mget", "a", "none", "n"), ['grüße "', null, "8"]);
  assertEquals(await json("config", "get", "proto-max-bulk-len"), {
    "proto-max-bulk-len": "536870912",
  });
  assertEquals(await json("keys", "z*"), []);
});

testWithServer("--json shows bytes that are not UTF-8 in base64", async (kv) => {
  await kv.run(["-x", "set", "b"], { input: "\xff\0a" });
  assertEquals((await kv.run(["--json", "get", "b"])).stdout, '{"base64":"/wBh"}\n');
});

testWithServer("-x takes the last argument from standard input, byte for byte", async (kv) => {
  for (const value of ["", "x\n", allBytes, "\0", "\r\n$5\r\n"]) {
    assertEquals((await kv.run(["-x", "set", "b"], { input: value })).stdout, "OK\n");
    assertEquals((await kv.run(["get", "b"])).stdout, `${value}\n`);
    assertEquals((await kv.run(["strlen", "b"])).stdout, `${value.length}\n`);
  }
});

testWithServer("-x takes a value of several megabytes, and get writes it", async (kv) => {
  const value = allBytes.repeat(20_000);
  await kv.run(["-x", "set", "large"], { input: value });
  const { code, stdout } = await kv.run(["get", "large"]);
  assertEquals(code, 0);
  assert(stdout === `${value}\n`);
});

testWithServer("arguments are sent as they are: empty, with spaces, in UTF-8", async (kv) => {
  for (const text of ["", " a  b ", "grüße\n", "--json", "-x", "'\""]) {
    await kv.prepare(["set", text, text]);
    const bytes = String.fromCharCode(...new TextEncoder().encode(text));
    assertEquals((await kv.run(["get", text])).stdout, `${bytes}\n`);
  }
  // What follows the command's name belongs to the command.
  assertEquals((await kv.run(["echo", "--version"])).stdout, "--version\n");
});

testWithServer(
  "the socket comes from --socket, then KV_SOCKET, then is kv.sock",
  async (kv, server) => {
    const run = async (args: string[], socket: string) =>
      (await kv.run([...args, "ping"], { env: { KV_SOCKET: socket } })).code;
    assertEquals(await run(["--socket", server.socketPath], "nope.sock"), 0);
    assertEquals(await run([`--socket=${server.socketPath}`], "nope.sock"), 0);
    assertEquals(await run(["-s", server.socketPath], "nope.sock"), 0);
    assertEquals(await run([], server.socketPath), 0);
    assertEquals(await run([], "nope.sock"), 3);
    assertEquals(await run([], ""), server.socketPath.endsWith("/kv.sock") ? 0 : 3);
  },
);

testWithServer("texts for people end where they end, without a line more", async (kv) => {
  for (const option of ["--raw", "--no-raw", "-3"]) {
    const { stdout } = await kv.run([option, "info", "server"]);
    assertMatch(stdout, /^# Server\r\n/);
    assertMatch(stdout, /[^\n]\r\n$/);
  }
});

testWithServer("-3 shows maps and sets with their types", async (kv) => {
  const { stdout } = await kv.run(["-3", "--no-raw", "config", "get", "maxclients"]);
  assertEquals(stdout, '1# "maxclients" => "10000"\n');
  assertEquals((await kv.run(["-2", "config", "get", "maxclients"])).stdout, "maxclients\n10000\n");
});

testWithServer("shutdown succeeds though the server has no reply for it", async (kv, server) => {
  assertEquals(await kv.run(["shutdown", "nosave"]), { code: 0, stdout: "", stderr: "" });
  await server.waitForEnd();
});

testWithServer("an option behind a command that fails is told where options stand", async (kv) => {
  const { code, stdout, stderr } = await kv.run(["get", "foo", "--json"]);
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /^ERR wrong number .*\nkv: Options of kv stand before .*: kv --json get /);
});

testWithServer(
  "output that cannot be written is said to be that, with a status of its own",
  async (kv) => {
    await kv.prepare(["set", "foo", "bar"]);
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", '"$1" get foo >/dev/full', "sh", kvExecutable],
      clearEnv: true,
      env: kv.environment(),
      stderr: "piped",
      stdout: "null",
    }).output();
    assertEquals(code, 70);
    assertMatch(new TextDecoder().decode(stderr), /^kv: Cannot write all of the output: .*space/);
  },
);

testWithServer("a reader that goes away is no error", async (kv) => {
  await kv.run(["-x", "set", "large"], { input: allBytes.repeat(10_000) });
  const command = new Deno.Command("sh", {
    args: ["-c", '"$1" get large | head -c 1 >/dev/null', "sh", kvExecutable],
    clearEnv: true,
    env: kv.environment(),
    stderr: "piped",
    stdout: "null",
  });
  assertEquals(new TextDecoder().decode((await command.output()).stderr), "");
});

testWithoutServer("a wrong command line is explained, with status 64", async (kv) => {
  const usage = async (...args: string[]) => {
    const { code, stdout, stderr } = await kv.run(args);
    assertEquals([code, stdout], [64, ""], args.join(" "));
    return stderr;
  };
  assertStringIncludes(await usage("--bogus", "get"), "There is no option --bogus");
  assertStringIncludes(await usage("-q", "get"), "There is no option -q");
  assertStringIncludes(await usage("--socket"), "--socket needs a value");
  assertStringIncludes(await usage("--raw", "--json", "ping"), "exclude each other");
  assertStringIncludes(await usage("-2", "-3", "ping"), "-2 and -3 exclude each other");
  assertStringIncludes(await usage("-s", "a", "-p", "1", "ping"), "--socket and --port");
  assertStringIncludes(await usage("-p", "70000", "ping"), "from 1 to 65535");
  assertStringIncludes(await usage("cli", "get"), "options only");
  assertStringIncludes(await usage("-x", "cli"), "-x is not for kv cli");
});

testWithServer("the password comes from the environment, or an option", async (kv) => {
  await kv.prepare(["set", "foo", "bar"], ["config", "set", "requirepass", "open sesame"]);
  const env = { KV_PASSWORD: "open sesame" };
  const refused = await kv.run(["get", "foo"]);
  assertEquals([refused.code, refused.stdout], [2, ""]);
  assertMatch(refused.stderr, /^NOAUTH Authentication required\.\nkv: .*KV_PASSWORD.*\n$/);
  for (const args of [["compact"], ["backup", "copy.db"], ["--json", "info"]]) {
    const { code, stdout, stderr } = await kv.run(args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertMatch(stderr, /^kv: The server asks for a password: .*KV_PASSWORD.*\n$/);
  }
  const wrong = {
    code: 2,
    stdout: "",
    stderr: "WRONGPASS invalid username-password pair or user is disabled.\n",
  };
  assertEquals(await kv.run(["-a", "sesame", "get", "foo"]), wrong);
  assertEquals(await kv.run(["--user", "bob", "get", "foo"], { env }), wrong);
  const done = { code: 0, stdout: "bar\n", stderr: "" };
  assertEquals(await kv.run(["get", "foo"], { env }), done);
  assertEquals(await kv.run(["-3", "get", "foo"], { env }), done);
  assertEquals(await kv.run(["--password", "open sesame", "get", "foo"]), done);
  assertEquals(
    await kv.run(["-a", "open sesame", "get", "foo"], { env: { KV_PASSWORD: "x" } }),
    done,
  );
  assertEquals((await kv.run(["cli"], { env, input: "get foo\n" })).stdout, "bar\n");
  assertEquals((await kv.run(["info", "--json"], { env })).code, 0);
  assertEquals((await kv.run(["info", "--json"])).code, 2);
});
