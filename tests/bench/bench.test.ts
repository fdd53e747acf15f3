/** `deno task bench` from end to end, in runs of a tenth of a second. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const root = dirname(dirname(dirname(fromFileUrl(import.meta.url))));

async function bench(folder: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "scripts/bench/main.ts", ...args],
    cwd: root,
    env: { NO_COLOR: "1", TMPDIR: folder, INIT_CWD: folder },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("a quick bench measures rows of several kinds, and leaves nothing behind", async () => {
  await using temporary = await TemporaryFolder.make();
  const folder = temporary.path;
  const names = ["set-p16", "get-zipfian", "embedded-get", "idle", "standstill"];
  const args = ["--quick", "--rounds", "2", "--json", "results.json"];
  const { code, stdout, stderr } = await bench(folder, ...names, ...args);
  assertEquals([code, stderr], [0, ""]);
  const rows = JSON.parse(await Deno.readTextFile(join(folder, "results.json")));
  assertEquals(rows.map(({ name }: { name: string }) => name), [
    ...["set-p16", "idle", "get-zipfian", "standstill", "embedded-get"],
  ]);
  const [set, idle, zipfian, standstill, embedded] = rows;
  assertEquals(Object.keys(set.sides), ["kv", "redis"]);
  assertEquals(Object.keys(zipfian.sides), ["kv", "redis", "memcached"]);
  assertEquals(Object.keys(embedded.sides), ["store", "lmdb", "sqlite", "deno-kv"]);
  for (const { sides } of [set, zipfian, embedded]) {
    for (const { rounds } of Object.values<{ rounds: { rate: number }[] }>(sides)) {
      assertEquals(rounds.length, 2);
      assert(rounds.every(({ rate }) => rate > 0));
    }
  }
  assertEquals(idle.sides.kv.rounds.length, 1);
  for (const { maxMs, stillShare } of standstill.sides.clock.rounds) {
    assert(maxMs >= 0 && stillShare >= 0 && stillShare < 1);
  }
  assertStringIncludes(stdout, "$ redis-benchmark -s kv.sock -c 50");
  assertEquals(stdout.includes(root), false, "command lines are free of this machine's paths");
  const left = [...Deno.readDirSync(folder)].map(({ name }) => name);
  assertEquals(left, ["results.json"]);
});

Deno.test("a goal that is missed fails with --strict, and a wrong name is refused", async () => {
  await using temporary = await TemporaryFolder.make();
  const folder = temporary.path;
  // Nobody starts in no time: a run against oneself meets each goal or misses it, and says so.
  const { code, stdout } = await bench(folder, "--quick", "--rounds", "1", "ready", "--strict");
  const hasMissed = stdout.includes("MISSED");
  assertEquals(code, hasMissed ? 3 : 0);
  assertEquals((await bench(folder, "nothing-like-it")).code, 64);
});

Deno.test("two checkouts are compared row by row", async () => {
  await using temporary = await TemporaryFolder.make();
  const folder = temporary.path;
  const args = ["--quick", "--rounds", "6", "ready", "--against", root];
  const { code, stdout } = await bench(folder, ...args);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "6 pairs of runs");
  assert(/ready after .*(?:no difference beyond noise|faster by|slower by)/.test(stdout), stdout);
});

Deno.test("a bench that is interrupted leaves no server and no folder behind", async () => {
  await using temporary = await TemporaryFolder.make();
  const folder = temporary.path;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "scripts/bench/main.ts", "get-p16"],
    cwd: root,
    env: { NO_COLOR: "1", TMPDIR: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  // In the middle of a run of requests, both servers being there.
  let said = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.includes("redis-benchmark -s redis.sock")) child.kill("SIGINT");
  }
  assertEquals((await child.status).code, 128 + 2);
  assertEquals([...Deno.readDirSync(folder)], []);
  const left = [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name))
    .map(({ name }) => commandLineOf(name)).filter((line) => line.includes(folder));
  assertEquals(left, []);
});

/** What a process was started with, and where; nothing of one that has ended. */
function commandLineOf(pid: string): string {
  try {
    return `${Deno.readTextFileSync(`/proc/${pid}/cmdline`)} ${
      Deno.readLinkSync(`/proc/${pid}/cwd`)
    }`;
  } catch {
    return "";
  }
}
