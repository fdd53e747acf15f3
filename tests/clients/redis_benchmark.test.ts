/** redis-benchmark as a client: it has to come to its end without errors. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { hasTool, runTool } from "../support/real_tools.ts";
import { TestServer } from "../support/test_server.ts";

const ignore = !hasTool("redis-benchmark");

Deno.test({
  name:
    "redis-benchmark runs every test that there are commands for, in pipelines, without an error",
  ignore,
  async fn() {
    await using server = await TestServer.start();
    const tests = "ping_inline,ping_mbulk,set,get,incr,mset";
    const args = ["-t", tests, "-n", "4000", "-P", "16", "-c", "20", "-r", "1000"];
    const result = await runTool("redis-benchmark", ["-s", server.socketPath, ...args, "-q"]);
    assertEquals(result.code, 0, result.stdout + result.stderr);
    // It looks for `save` and `appendonly` with CONFIG GET, and warns where it finds none.
    assertEquals(result.stderr, "");
    const lines = result.stdout.split(/[\r\n]+/).filter((line) => line.includes("per second"));
    assertEquals(lines.length, tests.split(",").length, result.stdout);
    for (const line of lines) assertMatch(line, /^\S.*: \d+\.\d+ requests per second/);
    assert(!/error/i.test(result.stdout), result.stdout);
    using connection = await RawConnection.open(server.socketPath);
    const size = Number(/^:(\d+)/.exec(await connection.exchange("DBSIZE"))?.[1]);
    // -r 1000: keys with random numbers below 1000, for each of the four tests.
    assert(size > 1000 && size <= 3000, `${size} keys`);
  },
});

Deno.test({
  name: "redis-benchmark runs without pipelines and with a command of its own",
  ignore,
  async fn() {
    await using server = await TestServer.start();
    const args = ["-s", server.socketPath, "-n", "1000", "-c", "10", "-q"];
    const result = await runTool("redis-benchmark", [...args, "APPEND", "log", "x"]);
    assertEquals(result.code, 0, result.stdout + result.stderr);
    using connection = await RawConnection.open(server.socketPath);
    assertEquals(await connection.exchange("STRLEN", "log"), ":1000\r\n");
  },
});
