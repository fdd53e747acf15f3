/** redis-cli, as people and scripts use it. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodeRequest } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { hasTool, runTool, type ToolResult } from "../support/real_tools.ts";
import { TestServer } from "../support/test_server.ts";

const ignore = !hasTool("redis-cli");

class RedisCli {
  readonly #server: TestServer;

  constructor(server: TestServer) {
    this.#server = server;
  }

  async run(args: readonly string[], input?: string): Promise<ToolResult> {
    return await runTool("redis-cli", ["-s", this.#server.socketPath, ...args], { input });
  }

  /** What it prints for a command that succeeds. */
  async print(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args);
    assertEquals({ code, stderr }, { code: 0, stderr: "" }, args.join(" "));
    return stdout;
  }
}

function test(name: string, body: (cli: RedisCli, server: TestServer) => Promise<void>): void {
  Deno.test({
    name: `redis-cli ${name}`,
    ignore,
    async fn() {
      await using server = await TestServer.start();
      await body(new RedisCli(server), server);
    },
  });
}

test("runs the command in its arguments", async (cli) => {
  assertEquals(await cli.print("SET", "foo", "bar"), "OK\n");
  assertEquals(await cli.print("GET", "foo"), "bar\n");
  assertEquals(await cli.print("INCR", "n"), "1\n");
  assertEquals(await cli.print("MGET", "foo", "missing", "n"), "bar\n\n1\n");
  assertEquals(await cli.print("DEL", "foo"), "1\n");
  assertEquals(await cli.print("GET", "foo"), "\n");
  assertEquals(await cli.print("PING"), "PONG\n");
});

test("shows types of replies with --no-raw", async (cli) => {
  assertEquals(await cli.print("--no-raw", "SET", "foo", "a b"), "OK\n");
  assertEquals(await cli.print("--no-raw", "GET", "foo"), '"a b"\n');
  assertEquals(await cli.print("--no-raw", "STRLEN", "foo"), "(integer) 3\n");
  assertEquals(await cli.print("--no-raw", "MGET", "foo", "x"), '1) "a b"\n2) (nil)\n');
});

test("shows errors, and with -e ends with status 1", async (cli) => {
  const { code, stdout } = await cli.run(["NOSUCH", "a"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "ERR unknown command 'NOSUCH', with args beginning with: 'a'");
  assertEquals((await cli.run(["-e", "NOSUCH", "a"])).code, 1);
});

test("reads commands from its input", async (cli) => {
  const { code, stdout } = await cli.run([], 'SET foo "a b"\nGET foo\nMULTI\nINCR n\nEXEC\n');
  assertEquals(code, 0);
  assertEquals(stdout, "OK\na b\nOK\nQUEUED\n1\n");
});

test("-x takes the last argument from its input", async (cli) => {
  const value = "line one\nline two\0\xff";
  assertEquals((await cli.run(["-x", "SET", "foo"], value)).stdout, "OK\n");
  assertEquals((await cli.run(["--raw", "GET", "foo"])).stdout, `${value}\n`);
  assertEquals(await cli.print("STRLEN", "foo"), "19\n");
});

test("-3 speaks RESP3", async (cli) => {
  assertEquals(await cli.print("-3", "SET", "foo", "bar"), "OK\n");
  assertEquals(await cli.print("-3", "--no-raw", "GET", "missing"), "(nil)\n");
  const config = await cli.print("-3", "--no-raw", "CONFIG", "GET", "timeout");
  assertEquals(config, '1# "timeout" => "0"\n');
  assertMatch(await cli.print("-3", "INFO", "server"), /^# Server\r?\nredis_version:/);
});

test("--json shows replies as JSON", async (cli) => {
  await cli.print("MSET", "a", "1", "b", "2");
  assertEquals(JSON.parse(await cli.print("--json", "MGET", "a", "b", "c")), ["1", "2", null]);
  assertEquals(JSON.parse(await cli.print("--json", "CONFIG", "GET", "timeout")), { timeout: "0" });
});

test("--pipe loads many requests and counts the replies", async (cli, server) => {
  const count = 10_000;
  let input = "";
  for (let i = 0; i < count; i++) input += encodeRequest(["SET", `key:${i}`, `value ${i}\r\n`]);
  const { code, stdout } = await cli.run(["--pipe"], input);
  assertEquals(code, 0, stdout);
  assertStringIncludes(stdout, `errors: 0, replies: ${count}`);
  using connection = await RawConnection.open(server.socketPath);
  assertEquals(await connection.exchange("DBSIZE"), `:${count}\r\n`);
  assertEquals(await connection.exchange("GET", "key:9999"), "$12\r\nvalue 9999\r\n\r\n");
});

test("--pipe counts errors", async (cli) => {
  const input = encodeRequest(["SET", "foo", "bar"]) + encodeRequest(["INCR", "foo"]);
  const { code, stdout } = await cli.run(["--pipe"], input);
  assertEquals(code, 1);
  assertStringIncludes(stdout, "errors: 1, replies: 2");
});

test("--scan lists the keys, all or those that match", async (cli, server) => {
  using connection = await RawConnection.open(server.socketPath);
  const names = Array.from({ length: 500 }, (_, i) => `key:${i}`);
  await connection.pipeline(names.map((name) => ["SET", name, "1"]));
  await connection.exchange("SET", "other", "1");
  const all = (await cli.print("--scan")).trim().split("\n");
  assertEquals(new Set(all), new Set([...names, "other"]));
  const matching = (await cli.print("--scan", "--pattern", "key:4?")).trim().split("\n").sort();
  assertEquals(matching, names.slice(40, 50).sort());
});

test("--bigkeys walks over all keys and sizes", async (cli, server) => {
  using connection = await RawConnection.open(server.socketPath);
  for (let i = 0; i < 50; i++) await connection.exchange("SET", `key:${i}`, "x".repeat(i));
  const { code, stdout } = await cli.run(["--bigkeys"]);
  assertEquals(code, 0, stdout);
  assertStringIncludes(stdout, "Sampled 50 keys in the keyspace!");
  assertMatch(stdout, /Biggest string found '"key:49"' has 49 bytes/);
});

test("-r repeats a command", async (cli) => {
  assertEquals(await cli.print("-r", "5", "INCR", "n"), "1\n2\n3\n4\n5\n");
});

test("the password goes with -a, or --user and --pass", async (cli, server) => {
  using connection = await RawConnection.open(server.socketPath);
  await connection.exchange("SET", "foo", "bar");
  assertEquals(await connection.exchange("CONFIG", "SET", "requirepass", "sesame"), "+OK\r\n");
  assertStringIncludes(await cli.print("GET", "foo"), "NOAUTH Authentication required.");
  assertEquals(await cli.print("--no-auth-warning", "-a", "sesame", "GET", "foo"), "bar\n");
  const args = ["--no-auth-warning", "--user", "default", "--pass", "sesame", "-3", "GET", "foo"];
  assertEquals(await cli.print(...args), "bar\n");
});
