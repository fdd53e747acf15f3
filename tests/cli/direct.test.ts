/** `kv get --direct` and `kv scan --direct`: with a server, without one, and where there is nothing. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { KvProgram, testWithServer } from "./kv_program.ts";

testWithServer(
  "get --direct reads what the server was told, and when it is gone",
  async (kv, server) => {
    await kv.prepare(["set", "greeting", "hello world"], ["set", "gone", "1"], ["del", "gone"]);
    for (const isServed of [true, false]) {
      if (!isServed) await server.kill();
      const get = (...args: string[]) => kv.run(args);
      assertEquals(await get("get", "--direct", "greeting"), {
        code: 0,
        stdout: "hello world\n",
        stderr: "",
      });
      assertEquals((await get("--direct", "get", "greeting")).stdout, "hello world\n");
      assertEquals((await get("--json", "get", "--direct", "greeting")).stdout, '"hello world"\n');
      assertEquals(
        (await get("--no-raw", "get", "--direct", "greeting")).stdout,
        '"hello world"\n',
      );
      assertEquals(await get("get", "--direct", "gone"), { code: 1, stdout: "", stderr: "" });
      assertEquals((await get("--json", "get", "--direct", "gone")).stdout, "null\n");
    }
  },
);

testWithServer(
  "scan --direct prints all keys, those that match, and so many at most",
  async (kv) => {
    const names = Array.from({ length: 30 }, (_, i) => `user:${i}`);
    await kv.prepare(["mset", ...names.flatMap((name) => [name, "1"]), "other", "2"]);
    const lines = async (...args: string[]) => {
      const { code, stdout } = await kv.run(["scan", "--direct", ...args]);
      assertEquals(code, 0);
      return stdout.split("\n").slice(0, -1);
    };
    const all = await lines();
    assertEquals([...all].sort(), [...names, "other"].sort());
    assertEquals(await lines(), all, "in the same order each time");
    assertEquals((await lines("match", "user:1?")).length, 10);
    assertEquals(await lines("COUNT", "3"), all.slice(0, 3));
    assertEquals(await lines("MATCH", "nobody:*"), []);
    const { stdout } = await kv.run(["--json", "scan", "--direct", "MATCH", "other"]);
    assertEquals(stdout, '["other"]\n');
  },
);

testWithServer(
  "--store and KV_STORE name the file, and any bytes come by -x",
  async (kv, server) => {
    await kv.prepare(["set", "key", "value"]);
    const moved = kv.folder.join("elsewhere.db");
    await server.stop();
    await Deno.rename(server.storePath, moved);
    assertEquals((await kv.run(["--store", moved, "get", "--direct", "key"])).stdout, "value\n");
    const env = { KV_STORE: moved };
    assertEquals((await kv.run(["get", "--direct", "key"], { env })).stdout, "value\n");
    for (const args of [["-x", "get", "--direct"], ["-x", "--direct", "get"]]) {
      assertEquals((await kv.run(args, { env, input: "key" })).stdout, "value\n");
    }
    assertEquals((await kv.run(["-x", "--direct", "get"], { env, input: "\xff" })).code, 1);
  },
);

Deno.test("without a store, --direct says so; wrong arguments are named", async () => {
  await using folder = await TemporaryFolder.make();
  const kv = new KvProgram(folder, folder.join("none.sock"));
  const none = await kv.run(["get", "--direct", "key"]);
  assertEquals([none.code, none.stderr], [2, "kv: There is no file store.db\n"]);
  await Deno.writeTextFile(folder.join("store.db"), "something else");
  const foreign = await kv.run(["scan", "--direct"]);
  assertEquals(foreign.code, 2);
  assertStringIncludes(foreign.stderr, "as a store");
  for (
    const args of [
      ["get", "--direct", "a", "b"],
      ["scan", "--direct", "MATCH"],
      ["scan", "--direct", "COUNT", "none"],
      ["--direct", "set", "a", "b"],
    ]
  ) {
    const { code, stderr } = await kv.run(args);
    assertEquals(code, 64, args.join(" "));
    assertMatch(stderr, /^kv: .*See: kv help\n$/);
  }
  const misplaced = await kv.run(["get", "--direct", "--store", "store.db", "key"]);
  assertStringIncludes(misplaced.stderr, "options such as --store stand before the command's name");
});

testWithServer("the names of get and scan may be written in capitals", async (kv) => {
  await kv.prepare(["set", "key", "value"]);
  const done = { code: 0, stdout: "value\n", stderr: "" };
  assertEquals(await kv.run(["GET", "--direct", "key"]), done);
  assertEquals(await kv.run(["--direct", "Get", "key"]), done);
  assertEquals((await kv.run(["SCAN", "--direct"])).stdout, "key\n");
});

testWithServer("--direct is no key: without one, the command line is wrong", async (kv) => {
  await kv.prepare(["set", "--direct", "1"]);
  const { code, stderr } = await kv.run(["get", "--direct"]);
  assertEquals(code, 64);
  assertStringIncludes(stderr, "kv get --direct takes one key");
  assertEquals((await kv.run(["-x", "get"], { input: "--direct" })).stdout, "1\n");
});

testWithServer("--store without --direct is refused: a server has its own", async (kv) => {
  const { code, stderr } = await kv.run(["--store", "other.db", "get", "key"]);
  assertEquals(code, 64);
  assertStringIncludes(stderr, "--store is for get and scan with --direct");
});
