/** `kv check` on stores that are whole, damaged, in use, or none. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  indexHeaderTotalBytes,
  indexPageBytes,
  indexPageHeaderBytes,
} from "../../src/store/format.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { kvExecutable, TestServer } from "../support/test_server.ts";
import { KvProgram } from "./kv_program.ts";

const keys = 500;

/** Fills a store through a server and stops it; `check` runs `kv check` in its folder. */
async function withStore(
  use: (program: KvProgram, path: string, server: TestServer) => Promise<void>,
): Promise<void> {
  await using server = await TestServer.start({ kind: "kv" });
  {
    using connection = await RawConnection.open(server.socketPath);
    for (let i = 0; i < keys; i++) await connection.exchange("SET", `key:${i}`, `value ${i}`);
    await connection.exchange("DEL", "key:0");
  }
  await use(new KvProgram(server.folder, server.socketPath), server.storePath, server);
}

Deno.test("a store that was stopped in order is whole, and so is its index", async () => {
  await withStore(async (program, path, server) => {
    await server.stop();
    const { code, stdout } = await program.run(["check", path]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, `${keys - 1} keys (0 with a deadline)`);
    assertMatch(stdout, /stopped in order; index current\nwhole\n$/);
    const { stdout: json } = await program.run(["check", "--json", path]);
    const report = JSON.parse(json);
    assertEquals([report.whole, report.keys, report.damages], [true, keys - 1, []]);
  });
});

Deno.test("a store after kill -9 is whole", async () => {
  await withStore(async (program, path, server) => {
    await server.kill();
    const { code, stdout } = await program.run(["check", path]);
    assertEquals(code, 0);
    assertMatch(stdout, /not stopped in order; index stale\nwhole\n$/);
  });
});

Deno.test("damage is told by offset and key, and --repair copies the rest", async () => {
  await withStore(async (program, path, server) => {
    await server.stop();
    const file = await Deno.readFile(path);
    const needle = new TextEncoder().encode("key:77value 77");
    const at = file.findIndex((_, i) => needle.every((byte, k) => file[i + k] === byte));
    file[at + 8] ^= 1;
    await Deno.writeFile(path, file);
    const before = await Deno.readFile(path);

    const { code, stdout } = await program.run(["check", "--repair", path]);
    assertEquals(code, 1);
    assertStringIncludes(stdout, `at offset ${at - 24}: records cannot be read`);
    assertStringIncludes(stdout, 'perhaps of the key "key:77"');
    assertEquals(await Deno.readFile(path), before, "the damaged file is left as it was");

    const repaired = await program.run(["check", `${path}.repaired`]);
    assertEquals(repaired.code, 0, repaired.stderr);
    assertStringIncludes(repaired.stdout, `${keys - 2} keys`);
    const again = await program.run(["check", "--repair", path]);
    assertEquals(again.code, 64, "what was repaired before is not overwritten");
  });
});

Deno.test("an index that leads elsewhere is told", async () => {
  await withStore(async (program, path, server) => {
    await server.stop();
    const index = `${path}-index`;
    const file = await Deno.readFile(index);
    const words = new Int32Array(file.buffer);
    // The first entry of the first page that has some: behind the file's header, a table, and the page's header.
    let slot = (indexHeaderTotalBytes + indexPageBytes + indexPageHeaderBytes) / 4;
    while (words[slot + 1] === 0) slot += 2;
    words[slot + 1] += 2;
    await Deno.writeFile(index, file);
    const { code, stdout } = await program.run(["check", path]);
    assertEquals(code, 1);
    assertMatch(stdout, /index: the index lacks the key "key:\d+"/);
  });
});

Deno.test("a store that is served is not looked at, and what is no store is said to be none", async () => {
  await withStore(async (program, path, server) => {
    const inUse = await program.run(["check", path]);
    assertEquals(inUse.code, 3);
    assertStringIncludes(inUse.stderr, `process ${server.pid} has it open`);
  });
  await using folder = await TemporaryFolder.make();
  const program = new KvProgram(folder, folder.join("kv.sock"));
  await Deno.writeTextFile(folder.join("notes.txt"), "no store\n");
  const none = await program.run(["check", "notes.txt"]);
  assertEquals([none.code, none.stdout], [2, ""]);
  assertStringIncludes(none.stderr, "it is something else");
  assertEquals(await Deno.readTextFile(folder.join("notes.txt")), "no store\n");
  assertEquals((await program.run(["check", "missing.db"])).code, 2);
});

Deno.test("a repair that is interrupted leaves nothing that could be taken for a store", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  const many = 200_000;
  {
    using connection = await RawConnection.open(server.socketPath);
    const value = "v".repeat(200);
    for (let at = 0; at < many; at += 1000) {
      const pairs = Array.from({ length: 1000 }, (_, i) => [`key:${at + i}`, value]);
      await connection.exchange("MSET", ...pairs.flat());
    }
  }
  await server.stop();
  const program = new KvProgram(server.folder, server.socketPath);
  const repaired = `${server.storePath}.repaired`;
  const exists = (path: string) => Deno.lstat(path).then(() => true, () => false);
  const child = new Deno.Command(kvExecutable, {
    args: ["check", "--repair", server.storePath],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  while (!await exists(`${repaired}.unfinished`)) {
    assert(!await exists(repaired), "a copy that is being made has another name");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  child.kill("SIGKILL");
  await child.status;
  assert(!await exists(repaired));

  const again = await program.run(["check", "--repair", server.storePath]);
  assertEquals([again.code, again.stderr], [0, ""]);
  assert(!await exists(`${repaired}.unfinished`) && !await exists(`${repaired}.unfinished-index`));
  const { code, stdout } = await program.run(["check", repaired]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, `${many} keys`);
  assertMatch(stdout, /stopped in order; index current\nwhole\n$/);
});
