/** redis-cli, as people and scripts use it. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodeRequest } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { hasTool, runTool, type ToolResult } from "../support/real_tools.ts";
import { TestServer } from "../support/test_server.ts";
import { until, withTimeLimit } from "../support/time_limit.ts";

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

test("--memkeys asks for the memory of each key", async (cli, server) => {
  using connection = await RawConnection.open(server.socketPath);
  for (let i = 0; i < 50; i++) await connection.exchange("SET", `key:${i}`, "x".repeat(i * 50));
  const { code, stdout } = await cli.run(["--memkeys"]);
  assertEquals(code, 0, stdout);
  assertStringIncludes(stdout, "Sampled 50 keys in the keyspace!");
  assertMatch(stdout, /Biggest string found '"key:49"' has \d{4} bytes/);
});

test("--latency measures round trips", async (cli) => {
  const stdout = await cli.print("--latency", "--raw", "-i", "1");
  const [min, max, average, samples] = stdout.trim().split(" ").map(Number);
  assert(min >= 0 && min <= average && average <= max && samples > 10, stdout);
});

test("--intrinsic-latency runs without a server's help", async (cli) => {
  assertMatch(await cli.print("--intrinsic-latency", "1"), /\d+ total runs \(avg latency: /);
});

Deno.test({
  name: "redis-cli --stat shows keys, clients and requests, line by line",
  ignore: ignore || !hasTool("script"),
  async fn() {
    await using server = await TestServer.start();
    using connection = await RawConnection.open(server.socketPath);
    await connection.exchange("MSET", "a", "1", "b", "2");
    const command = `redis-cli -s '${server.socketPath}' --stat -i 0.1`;
    // On a terminal it does not keep its lines back.
    const child = new Deno.Command("script", {
      args: ["-qec", `exec ${command}`, "/dev/null"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    let shown = "";
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const read = async () => {
      while ((shown.match(/^2 +\d/gm)?.length ?? 0) < 3) {
        const { value, done } = await reader.read();
        if (done) break;
        shown += value;
      }
    };
    try {
      await withTimeLimit(read(), 10_000, "three lines of --stat");
    } finally {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    }
    // Keys, memory, clients, blocked ones, requests.
    assertMatch(shown, /^2 +[\d.]+M +2 +0 +\d+ \(\+\d+\) +\d+/m);
  },
});

test("MONITOR shows what others do", async (cli, server) => {
  using connection = await RawConnection.open(server.socketPath);
  const others = (async () => {
    await until(async () => /flags=O/.test(await connection.exchange("CLIENT", "LIST")), "MONITOR");
    await connection.exchange("SET", "foo", "bar");
    const id = /id=(\d+) [^\n]* flags=O/.exec(await connection.exchange("CLIENT", "LIST"))![1];
    await connection.exchange("CLIENT", "KILL", "ID", id);
  })();
  const { stdout } = await cli.run(["MONITOR"]);
  await others;
  assertMatch(stdout, /^OK\n[^]*\d+\.\d{6} \[0 unix:.*\] "SET" "foo" "bar"\n/);
});

test("knows users, and what they may", async (cli) => {
  assertEquals(await cli.print("ACL", "SETUSER", "web", "on", ">sesame", "~s:*", "+set"), "OK\n");
  const asWeb = ["--no-auth-warning", "--user", "web", "--pass", "sesame"];
  assertEquals(await cli.print(...asWeb, "SET", "s:1", "x"), "OK\n");
  assertMatch(await cli.print(...asWeb, "SET", "t:1", "x"), /^NOPERM .* one of the keys/);
  assertMatch(await cli.print(...asWeb, "FLUSHALL"), /^NOPERM .* run the 'flushall' command/);
});
