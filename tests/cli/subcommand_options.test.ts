/** Options before the name of a subcommand, and behind it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { testWithServer } from "./kv_program.ts";

testWithServer(
  "kv check takes --store and --json before its name and behind it",
  async (kv, server) => {
    await kv.prepare(["set", "a", "1"]);
    await server.stop();
    await Deno.rename(server.storePath, kv.folder.join("other.db"));
    const ways = [
      ["--store", "other.db", "--json", "check"],
      ["--json", "check", "other.db"],
      ["check", "--store", "other.db", "--json"],
      ["--store", "nofile", "check", "--store", "other.db", "--json"],
    ];
    for (const args of ways) {
      const { code, stdout } = await kv.run(args);
      assertEquals([code, JSON.parse(stdout).keys], [0, 1], args.join(" "));
    }
    assertEquals((await kv.run(["check"])).code, 2);
    const both = await kv.run(["--store", "other.db", "check", "other.db"]);
    assertEquals(both.code, 64);
    assertStringIncludes(both.stderr, "kv check takes one file");
  },
);

testWithServer("an option that a subcommand has not is refused, not ignored", async (kv) => {
  const wrong: readonly (readonly [option: string, args: readonly string[]])[] = [
    ["--direct", ["--direct", "cli"]],
    ["--store", ["--store", "nofile", "cli"]],
    ["-x", ["-x", "cli"]],
    ["-x", ["-x", "info"]],
    ["--direct", ["--direct", "compact"]],
    ["--port", ["-p", "7995", "backup", "copy.db"]],
    ["--socket", ["-s", "kv.sock", "check"]],
    ["--raw", ["--raw", "check"]],
  ];
  for (const [option, args] of wrong) {
    const { code, stdout, stderr } = await kv.run(args, { input: "ping\n" });
    assertEquals([code, stdout], [64, ""], args.join(" "));
    assertStringIncludes(stderr, `The option ${option} is not for kv `);
  }
  for (const option of ["--direct", "--store", "-x"]) {
    assert(!(await kv.run(["help", "cli"])).stdout.includes(`  ${option} `), option);
    assertStringIncludes((await kv.run(["cli", option])).stderr, `There is no option ${option}`);
  }
  assert(!(await kv.run(["help", "backup"])).stdout.includes("--port"));
});

testWithServer(
  "kv serve refuses an option that is given twice, a client takes the last",
  async (kv) => {
    const twice = [
      ["serve", "--store", "a", "--store", "b"],
      ["--store", "a", "serve", "--store", "b"],
      ["serve", "--listen=127.0.0.1:1", "--listen", "127.0.0.1:2"],
      ["serve", "-s", "a", "--socket=a"],
    ];
    for (const args of twice) {
      const { code, stderr } = await kv.run(args);
      assertEquals(code, 64, args.join(" "));
      assertStringIncludes(stderr, "is given twice");
    }
    const socket = kv.environment().KV_SOCKET;
    assertEquals((await kv.run(["-s", "none.sock", "-s", socket, "ping"])).stdout, "PONG\n");
    assertEquals((await kv.run(["--socket=none.sock", `--socket=${socket}`, "ping"])).code, 0);
  },
);

testWithServer("kv --json info has every field, also those of one section", async (kv) => {
  await kv.run(["incr"]);
  const fields = async (...sections: string[]) =>
    JSON.parse((await kv.run(["--json", "info", ...sections])).stdout);
  assertStringIncludes((await fields()).errorstat_ERR, "count=1");
  assertEquals(Object.keys(await fields("errorstats")), ["errorstat_ERR"]);
  const commands = Object.keys(await fields("commandstats"));
  assert(commands.length > 1 && commands.every((name) => name.startsWith("cmdstat_")));
  assertEquals((await kv.run(["info", "errorstats"])).stdout.split("\r\n")[0], "# Errorstats");
});

testWithServer("kv -x subscribe listens to the channel of standard input", async (kv) => {
  const listening = kv.run(["-x", "--json", "subscribe"], { input: "news" });
  while ((await kv.run(["publish", "news", "something"])).stdout !== "1\n");
  await kv.run(["shutdown"]);
  const { stdout } = await listening;
  assertEquals(stdout.split("\n").slice(0, 2), [
    '["subscribe","news",1]',
    '["message","news","something"]',
  ]);
});
