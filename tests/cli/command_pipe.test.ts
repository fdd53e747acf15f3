/** `kv cli` that reads its commands from a pipe. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { kvExecutable } from "../support/test_server.ts";
import { withTimeLimit } from "../support/time_limit.ts";
import { KvProgram, testWithServer } from "./kv_program.ts";

testWithServer("kv cli answers the lines of a pipe in order", async (kv) => {
  const input = "SET foo bar\nget foo\n\n  incr n  \nmget foo none n\n";
  assertEquals(await kv.run(["cli"], { input }), {
    code: 0,
    stdout: "OK\nbar\n1\nbar\n\n1\n",
    stderr: "",
  });
});

testWithServer("kv cli takes a last line without its end", async (kv) => {
  assertEquals((await kv.run(["cli"], { input: "echo a\necho b" })).stdout, "a\nb\n");
  assertEquals((await kv.run(["cli"])).stdout, "");
});

testWithServer("kv cli reads quotes and escapes, and any bytes", async (kv) => {
  const input = `set k "\\xff\\x00\\n\\"q\\""\nget k\nset k '\\xff it\\'s'\nget k\necho \xfe\xff\n`;
  assertEquals(
    (await kv.run(["cli"], { input })).stdout,
    'OK\n\xff\0\n"q"\nOK\n\\xff it\'s\n\xfe\xff\n',
  );
});

testWithServer("kv cli goes on behind errors and lines with wrong quotes", async (kv) => {
  const input = 'set a x\nincr a\necho "a\necho "a"b\nping\n';
  const { code, stdout } = await kv.run(["cli"], { input });
  assertEquals(code, 0);
  assertEquals(
    stdout,
    "OK\nERR value is not an integer or out of range\n\n" +
      "Invalid argument(s)\nInvalid argument(s)\nPONG\n",
  );
});

testWithServer("kv cli shows types with --no-raw and JSON with --json", async (kv) => {
  const input = 'set a "x y"\nget a\nget none\nincr n\nincr a\nkeys z*\n';
  assertEquals(
    (await kv.run(["cli", "--no-raw"], { input })).stdout,
    'OK\n"x y"\n(nil)\n(integer) 1\n(error) ERR value is not an integer or out of range\n' +
      "(empty array)\n",
  );
  assertEquals(
    (await kv.run(["--json", "cli"], { input })).stdout,
    '"OK"\n"x y"\nnull\n2\n{"error":"ERR value is not an integer or out of range"}\n[]\n',
  );
});

testWithServer("kv cli ends at quit and exit", async (kv) => {
  assertEquals((await kv.run(["cli"], { input: "echo 1\nquit\necho 2\n" })).stdout, "1\n");
  assertEquals((await kv.run(["cli"], { input: "echo 1\nEXIT\necho 2\n" })).stdout, "1\n");
});

testWithServer("kv cli knows help in a pipe too", async (kv) => {
  const { stdout } = await kv.run(["cli"], { input: "help get\necho 1\nhelp gte\n" });
  assert(stdout.startsWith("GET key\n"), stdout);
  assertStringIncludes(stdout, "\n1\nThere is no command 'gte'. Did you mean 'get'?\n");
});

testWithServer("kv cli runs transactions of a pipe on one connection", async (kv) => {
  const input = "multi\nset a 1\nincr a\nexec\nget a\n";
  assertEquals((await kv.run(["cli"], { input })).stdout, "OK\nQUEUED\nQUEUED\nOK\n2\n2\n");
});

testWithServer("kv cli takes a hundred thousand lines", async (kv) => {
  const count = 100_000;
  const input = Array.from({ length: count }, (_, i) => `set key:${i} ${i}\n`).join("");
  const { code, stdout } = await kv.run(["cli"], { input });
  assertEquals(code, 0);
  assert(stdout === "OK\n".repeat(count));
  assertEquals((await kv.run(["dbsize"])).stdout, `${count}\n`);
});

testWithServer("kv cli takes a line of a megabyte", async (kv) => {
  const value = "0123456789".repeat(100_000);
  const { stdout } = await kv.run(["cli"], { input: `set a ${value}\nstrlen a\nget a\n` });
  assert(stdout === `OK\n1000000\n${value}\n`);
});

/** A `kv cli` that runs, whose pipe is written and read line by line. */
class OpenPipe implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(kv: KvProgram) {
    this.#child = new Deno.Command(kvExecutable, {
      args: ["cli"],
      clearEnv: true,
      env: kv.environment(),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.getReader();
  }

  async send(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  async read(): Promise<string> {
    const { value } = await withTimeLimit(this.#reader.read(), 10_000, "the reply");
    return new TextDecoder().decode(value);
  }

  /** Ends its input; resolves with the exit status and what it said on standard error. */
  async end(): Promise<{ code: number; stderr: string }> {
    await this.#writer.close();
    const status = withTimeLimit(this.#child.status, 10_000, "kv cli to end");
    return { code: (await status).code, stderr: await new Response(this.#child.stderr).text() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already, as it should.
    }
    await this.#child.status;
  }
}

testWithServer("kv cli answers line by line while the pipe stays open", async (kv) => {
  await using pipe = new OpenPipe(kv);
  for (const word of ["one", "two"]) {
    await pipe.send(`echo ${word}`);
    assertEquals(await pipe.read(), `${word}\n`);
  }
  assertEquals(await pipe.end(), { code: 0, stderr: "" });
});

testWithServer("kv cli in a pipe ends with status 3 when the server goes", async (kv, server) => {
  await using pipe = new OpenPipe(kv);
  await pipe.send("echo one");
  assertEquals(await pipe.read(), "one\n");
  await server.kill();
  await pipe.send("echo two");
  const { code, stderr } = await pipe.end();
  assertEquals(code, 3);
  // That it has gone may be noticed before the line is sent, or after.
  assertMatch(stderr, /kv: (The connection to the server was lost|Cannot connect to )/);
});

testWithServer("kv cli in a pipe connects anew to a server that came back", async (kv, server) => {
  await using pipe = new OpenPipe(kv);
  await pipe.send("echo one");
  assertEquals(await pipe.read(), "one\n");
  await server.restart();
  await pipe.send("echo two");
  assertEquals(await pipe.read(), "two\n");
  assertEquals(await pipe.end(), { code: 0, stderr: "" });
});

testWithServer("shutdown in a pipe is no loss of the connection", async (kv, server) => {
  await using pipe = new OpenPipe(kv);
  await pipe.send("echo one");
  assertEquals(await pipe.read(), "one\n");
  // Sent alone: redis-server ends without sending the replies of the commands before it.
  await pipe.send("shutdown nosave");
  assertEquals(await pipe.end(), { code: 0, stderr: "" });
  await server.waitForEnd();
});

Deno.test("kv cli in a pipe ends with status 3 without a server", async () => {
  await using folder = await TemporaryFolder.make();
  const kv = new KvProgram(folder, folder.join("none.sock"));
  const { code, stdout, stderr } = await kv.run(["cli"], { input: "ping\n" });
  assertEquals([code, stdout], [3, ""]);
  assertStringIncludes(stderr, "Start a server with: kv serve");
});

testWithServer("a number before a command repeats it, as in redis-cli", async (kv) => {
  const input = "3 incr n\n+2 get n\n0 incr n\n-1 incr n\n2 help gte\n12000 incr n\nget n\n2\n";
  const { code, stdout } = await kv.run(["cli"], { input });
  const lines = stdout.split("\n");
  assertEquals(code, 0);
  const wrong = "Invalid repeat command option value.";
  assertEquals(lines.slice(0, 7), ["1", "2", "3", "3", "3", wrong, wrong]);
  assertStringIncludes(lines[7], "There is no command 'gte'");
  assertEquals(lines.slice(-4), [
    "12003",
    "ERR unknown command '2', with args beginning with: ",
    "",
    "",
  ]);
});

testWithServer("kv cli with --json in a pipe writes nothing but JSON", async (kv) => {
  const input = 'get "a\nsubscribe news\nhelp get\n0 get a\nget a\nincr\n';
  const { code, stdout } = await kv.run(["--json", "cli"], { input });
  assertEquals(code, 0);
  const values = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(values.length, 6);
  assertEquals(values[0], { error: "Invalid argument(s)" });
  assertStringIncludes(values[1].error, "SUBSCRIBE goes on until Ctrl-C");
  assert(values[2].startsWith("GET key\n"));
  assertEquals(Object.keys(values[3]), ["error"]);
  assertEquals(values[4], null);
});
