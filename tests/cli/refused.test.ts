/** Servers that take no more clients, and users that are not let in. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { type KvProgram, testWithServer } from "./kv_program.ts";

/** Ways to run a command of the server, each of which has a connection of its own. */
const waysToAsk: readonly (readonly string[])[] = [
  ["get", "a"],
  ["exists", "a"],
  ["-3", "get", "a"],
  ["--json", "get", "a"],
  ["info"],
  ["--json", "info"],
  ["compact"],
  ["backup", "copy.db"],
  ["monitor"],
  ["subscribe", "news"],
  ["--json", "subscribe", "news"],
];

testWithServer(
  "a server with too many clients is an error reply, whatever is asked",
  async (kv, server) => {
    await kv.prepare(["config", "set", "maxclients", "2"]);
    using first = await RawConnection.open(server.socketPath);
    using second = await RawConnection.open(server.socketPath);
    await first.exchange("PING");
    await second.exchange("PING");
    for (const args of waysToAsk) {
      const { code, stdout, stderr } = await kv.run(args);
      assertEquals([code, stdout], [2, ""], args.join(" "));
      assertStringIncludes(stderr, "ERR max number of clients reached", args.join(" "));
    }
    for (const input of ["get a\n", "get a\nget b\n"]) {
      assertEquals(await kv.run(["cli"], { input }), {
        code: 2,
        stdout: "",
        stderr: "kv: ERR max number of clients reached\n",
      });
    }
  },
);

/** A user who may read, and a key that everybody else may delete. */
async function prepareUser(kv: KvProgram): Promise<void> {
  await kv.prepare(
    ["set", "keep", "1"],
    ["acl", "setuser", "web", "on", ">sesame", "~*", "&*", "+@read", "+monitor", "+backup"],
  );
}

const wrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";

testWithServer("nothing is run for a user whose password is wrong", async (kv) => {
  await prepareUser(kv);
  const wrong = ["--user", "web", "-a", "WRONG"];
  for (const args of [["del", "keep"], ["set", "keep", "2"], ...waysToAsk]) {
    const { code, stdout, stderr } = await kv.run([...wrong, ...args]);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, wrongPassword, args.join(" "));
  }
  assertEquals((await kv.run([...wrong, "-x", "set", "keep"], { input: "2" })).code, 2);
  assertEquals(await kv.run([...wrong, "cli"], { input: "del keep\nset keep 2\n" }), {
    code: 2,
    stdout: "",
    stderr: `kv: ${wrongPassword}\n`,
  });
  assertEquals((await kv.run(["get", "keep"])).stdout, "1\n");
  assertEquals((await kv.run(["--user", "web", "-a", "sesame", "get", "keep"])).stdout, "1\n");
});

testWithServer(
  "--user without a password is refused, instead of being somebody else",
  async (kv) => {
    await prepareUser(kv);
    for (const args of [["del", "keep"], ["cli"], ["backup", "copy.db"]]) {
      const { code, stderr } = await kv.run(["--user", "web", ...args], { input: "del keep\n" });
      assertEquals(code, 64);
      assertStringIncludes(stderr, "KV_PASSWORD");
    }
    assertEquals((await kv.run(["get", "keep"])).stdout, "1\n");
  },
);

testWithServer("kv backup needs BACKUP only", async (kv) => {
  await prepareUser(kv);
  const { code, stdout, stderr } = await kv.run(
    ["backup", "--user", "web", "--password", "sesame", "copy.db"],
  );
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "copy.db: 1 keys");
});
