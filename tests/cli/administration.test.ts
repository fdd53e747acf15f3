/** `kv info`, `kv compact` and `kv backup` on a server at work. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { KvProgram } from "./kv_program.ts";

async function withServer(
  use: (program: KvProgram, server: TestServer, connection: RawConnection) => Promise<void>,
): Promise<void> {
  await using server = await TestServer.start({ kind: "kv" });
  using connection = await RawConnection.open(server.socketPath);
  await use(new KvProgram(server.folder, server.socketPath), server, connection);
}

/** Sets keys 0 to `count`, of which `value` gives the values. */
async function fill(connection: RawConnection, count: number, value: (i: number) => string) {
  for (let from = 0; from < count; from += 1000) {
    const keys = Array.from({ length: Math.min(1000, count - from) }, (_, i) => from + i);
    await connection.pipeline(keys.map((i) => ["SET", `key:${i}`, value(i)]));
  }
}

Deno.test("kv info has sections for people, INFO's text for a pipe, and JSON", async () => {
  await withServer(async (program, _server, connection) => {
    await fill(connection, 100, (i) => `${i}`);
    await connection.exchange("SET", "short", "1", "EX", "100");
    const { code, stdout } = await program.run(["--no-raw", "info"]);
    assertEquals(code, 0);
    assertMatch(stdout, /^ {2}keys +101$/m);
    assertMatch(stdout, /^ {2}with a deadline +1$/m);
    assertMatch(stdout, /^ {2}policy +everysec$/m);
    for (const title of ["Server", "Keys", "Space", "Index", "Durability"]) {
      assertMatch(stdout, new RegExp(`^${title}$`, "m"));
    }
    assertMatch(stdout, /^ +90-100% {2}[# ]{30} \d+$/m);
    assertMatch(stdout, /^ +<5ms {2}[# ]{30} \d+$/m);
    assert(!/NaN|undefined|\?/.test(stdout), stdout);
    const piped = await program.run(["info"]);
    assertStringIncludes(piped.stdout, "# Server\r\nredis_version:");
    const section = await program.run(["--no-raw", "info", "store"]);
    assertStringIncludes(section.stdout, "store_keys:101");
    const json = await program.run(["--json", "info"]);
    assertEquals(JSON.parse(json.stdout).store_keys, "101");
    // Options go behind the subcommand as well.
    const elsewhere = await program.run(["info", "--socket", "nowhere.sock", "store"]);
    assertEquals([elsewhere.code, elsewhere.stdout], [3, ""]);
    assertStringIncludes(elsewhere.stderr, "nowhere.sock");
  });
});

Deno.test("kv compact frees what was deleted, while the server goes on", async () => {
  await withServer(async (program, server, connection) => {
    const value = "v".repeat(1000);
    await fill(connection, 30_000, () => value);
    const keys = Array.from({ length: 27_000 }, (_, i) => `key:${i}`);
    await connection.exchange("DEL", ...keys);
    const before = (await Deno.stat(server.storePath)).size;
    assert(before > 30_000_000);
    const { code, stdout } = await program.run(["compact"]);
    assertEquals(code, 0);
    assertMatch(stdout, /^[\d.]+ MiB before, [\d.]+ MiB after [\d.]+ s\n$/);
    const after = (await Deno.stat(server.storePath)).size;
    assert(after <= 2 * 3000 * 1000 + 8 * 2 ** 20, `${after} bytes are left of ${before}`);
    assertEquals(await connection.exchange("DBSIZE"), ":3000\r\n");
    assertEquals(await connection.exchange("STRLEN", "key:29999"), ":1000\r\n");
    const json = await program.run(["--json", "compact"]);
    assertEquals(Object.keys(JSON.parse(json.stdout)), ["bytesBefore", "bytesAfter", "seconds"]);
  });
});

Deno.test("kv backup makes a copy of one moment while the store is written", async () => {
  await withServer(async (program, server, connection) => {
    await fill(connection, 20_000, () => "0".padEnd(200));
    // Places at the start of the file become free: segments stand elsewhere in the copy.
    await fill(connection, 20_000, () => "1".padEnd(200));
    assertEquals((await program.run(["compact"])).code, 0);
    // Two keys that are only ever changed together, all the time.
    using writer = await RawConnection.open(server.socketPath);
    const change = (i: number) => {
      const value = `${i}`.padEnd(5000);
      return writer.pipeline([["MSET", "left", value, "right", value], ["DEL", `key:${i}`]]);
    };
    for (const i of [1, 2]) await change(i);
    let isDone = false;
    const writing = (async () => {
      for (let i = 3; !isDone && i < 100_000; i++) await change(i);
    })();
    const copy = server.folder.join("copy.db");
    const { code, stdout, stderr } = await program.run(["backup", "copy.db"]);
    isDone = true;
    await writing;
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^copy\.db: \d+ keys, [\d.]+ MiB, copied and checked in [\d.]+ s\n$/);
    const check = await program.run(["check", "--json", copy]);
    assertEquals(JSON.parse(check.stdout).whole, true);

    await using second = await TestServer.start({ kind: "kv", args: ["--store", copy] });
    using reader = await RawConnection.open(second.socketPath);
    assertEquals(await reader.exchange("GET", "left"), await reader.exchange("GET", "right"));
    const left = Number((await reader.exchange("GETRANGE", "left", "0", "9")).split("\r\n")[1]);
    // All that was deleted before, and nothing that was deleted later.
    const deleted = await reader.exchange(
      "EXISTS",
      `key:${left - 1}`,
      `key:${left + 2}`,
    );
    assertEquals(deleted, ":1\r\n");
    assertEquals(await reader.exchange("SET", "new", "1"), "+OK\r\n");
  });
});

Deno.test("kv backup never writes over a file, and leaves none when it fails", async () => {
  await withServer(async (program, server, connection) => {
    await connection.exchange("SET", "a", "1");
    await Deno.writeTextFile(server.folder.join("mine"), "precious");
    const existing = await program.run(["backup", "mine"]);
    assertEquals(existing.code, 2);
    assertStringIncludes(existing.stderr, "it exists; name a new file");
    assertEquals(await Deno.readTextFile(server.folder.join("mine")), "precious");
    const nowhere = await program.run(["backup", "no/such/folder.db"]);
    assertEquals(nowhere.code, 2);
    assertMatch(nowhere.stderr, /Cannot create .*no such file or folder.*ENOENT/i);
    const names = [...Deno.readDirSync(server.folder.path)].map(({ name }) => name);
    assert(!names.some((name) => name.includes("unfinished")), names.join(" "));
    assertEquals((await program.run(["backup"])).code, 64);
    await server.stop();
    assertEquals((await program.run(["backup", "copy.db"])).code, 3);
  });
});

Deno.test("BACKUP wants an absolute path, and no transaction", async () => {
  await withServer(async (_program, _server, connection) => {
    assertEquals(
      await connection.exchange("BACKUP", "a.db"),
      "-ERR BACKUP needs an absolute path\r\n",
    );
    await connection.exchange("MULTI");
    assertEquals(
      await connection.exchange("BACKUP", "/a.db"),
      "-ERR Command not allowed inside a transaction\r\n",
    );
  });
});
