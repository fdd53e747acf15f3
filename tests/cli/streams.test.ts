/** Standard input and output that are not as usual: full disks, readers that go away, folders. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { toText } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { kvExecutable, type TestServer } from "../support/test_server.ts";
import { until, withTimeLimit } from "../support/time_limit.ts";
import { KvProgram, type Outcome, testWithServer } from "./kv_program.ts";

const limitMs = 20_000;

/** Runs a line of the shell, in which `$kv` is the program. */
async function shell(kv: KvProgram, line: string): Promise<Outcome> {
  const child = new Deno.Command("bash", {
    args: ["-c", line],
    cwd: kv.folder.path,
    clearEnv: true,
    env: kv.environment({ kv: kvExecutable }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = withTimeLimit(child.output(), limitMs, line, () => child.kill("SIGKILL"));
  const { code, stdout, stderr } = await output;
  return { code, stdout: toText(stdout), stderr: toText(stderr) };
}

/** Has something to be told of every few milliseconds, while `use` runs. */
async function withTraffic<T>(server: TestServer, use: () => Promise<T>): Promise<T> {
  using connection = await RawConnection.open(server.socketPath);
  let isDone = false;
  const traffic = (async () => {
    while (!isDone) {
      await connection.exchange("PUBLISH", "news", "something");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  try {
    return await use();
  } finally {
    isDone = true;
    await traffic;
  }
}

testWithServer("kv monitor and kv subscribe end when their reader has gone", async (kv, server) => {
  await withTraffic(server, async () => {
    for (
      const [command, lines] of [["monitor", 1], ["subscribe news", 4], [
        "--json subscribe news",
        2,
      ]]
    ) {
      const line = `"$kv" ${command} | head -${lines}; exit "\${PIPESTATUS[0]}"`;
      const { code, stdout, stderr } = await shell(kv, line);
      assertEquals([code, stderr, stdout.split("\n").length], [0, "", Number(lines) + 1], line);
    }
  });
});

testWithServer(
  "kv monitor and kv subscribe end with status 70 on a full disk",
  async (kv, server) => {
    await withTraffic(server, async () => {
      for (const command of ["monitor", "subscribe news"]) {
        const { code, stderr } = await shell(kv, `"$kv" ${command} >/dev/full`);
        assertEquals(code, 70);
        assertMatch(stderr, /^kv: Cannot write all of the output: No space left.*\n$/);
      }
    });
  },
);

testWithServer("kv cli in a pipe ends when its reader has gone", async (kv) => {
  const line = `yes 'incr n' | "$kv" cli | head -1; exit "\${PIPESTATUS[1]}"`;
  const { code, stdout, stderr } = await shell(kv, line);
  assertEquals([code, stdout, stderr], [0, "1\n", ""]);
});

testWithServer("the version that cannot be written is status 70", async (kv) => {
  for (const command of ["version", "--version", "cli --version", "help"]) {
    const { code, stderr } = await shell(kv, `"$kv" ${command} >/dev/full`);
    assertEquals(code, 70, command);
    assertMatch(stderr, /^kv: Cannot write all of the output: No space left.*\n$/);
  }
});

testWithServer("errors that cannot be told leave the status as it is", async (kv) => {
  assertEquals((await shell(kv, '"$kv" get a b 2>/dev/full')).code, 2);
  assertEquals((await shell(kv, '"$kv" --nope 2>/dev/full')).code, 64);
});

testWithServer("a folder as standard input is an error of its own", async (kv) => {
  for (const command of ["-x set z", "cli", "-x get --direct"]) {
    const { code, stdout, stderr } = await shell(kv, `"$kv" ${command} </tmp`);
    assertEquals([code, stdout], [70, ""], command);
    assertMatch(stderr, /^kv: Cannot read standard input: Is a directory.*\n$/);
  }
});

Deno.test("a server whose ready line cannot be written is stopped in order", async () => {
  await using folder = await TemporaryFolder.make();
  const kv = new KvProgram(folder, folder.join("kv.sock"));
  const { code, stderr } = await shell(kv, '"$kv" serve >/dev/full');
  assertEquals(code, 70);
  assertMatch(stderr, /^kv: Cannot write all of the output: No space left.*\n$/);
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "store.db",
    "store.db-index",
  ]);
  assertStringIncludes((await kv.run(["check"])).stdout, "stopped in order; index current");
});

Deno.test("a server that cannot complain goes on", async () => {
  await using folder = await TemporaryFolder.make();
  const kv = new KvProgram(folder, folder.join("kv.sock"));
  const served = shell(kv, '"$kv" serve 2>/dev/full');
  await until(async () => (await kv.run(["ping"])).code === 0, "the server to answer");
  assertEquals((await kv.run(["shutdown"])).code, 0);
  assert((await served).code === 0);
});
