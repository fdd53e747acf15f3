/**
 * Whether the tests would notice: makes one mistake at a time in a copy of the engine, as
 * tests/torture/mutations.ts lists them, and runs the tests that know the engine.
 *
 *     deno task mutations [--tests=FOLDER] [WORD ...]
 *
 * Only mutations with one of the WORDs in their name are tried, if any is given; only tests in FOLDER
 * are run. Exits with 1 when a mutation is not caught.
 */
import { parseArgs } from "@std/cli/parse-args";
import { dirname, fromFileUrl, join } from "@std/path";
import { type Mutation, mutations } from "../tests/torture/mutations.ts";

/** What the tests need of the tree. */
const copied = ["deno.json", "deno.lock", "main.ts", "mod.ts", "docs", "scripts", "src", "tests"];
const testFolders = ["tests/unit/store", "tests/unit/sys", "tests/torture"];
/** These start the compiled ./kv, which no mutation has reached, or are about other things. */
const leftOut = [
  "kill_rounds",
  "small_disk",
  "word_list",
  "hostile_clients",
  "mutations",
  "reader_proof",
];
/** What notices most comes first, what takes longest last. */
const comesFirst = ["held_disk", "model_sequences", "power_cuts"];
const comesLast = ["damaged_files", "mapped_damage", "failing_calls", "eviction"];
/** Without a mutation the tests take so long at most; with one, so many times what they took. */
const limitMs = 900_000;
const limitFactor = 3;
const copies = 2;
/** The same in each run, unless it is given: a mutation is caught or not. */
const seed = Deno.env.get("KV_TEST_SEED") ?? "1";

interface Outcome {
  /** The test that failed; null when all have passed. */
  readonly caughtBy: string | null;
  readonly seconds: number;
}

const root = dirname(dirname(fromFileUrl(import.meta.url)));

async function copyTree(to: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("cp", {
    args: ["-R", ...copied.map((name) => join(root, name)), to],
  }).output();
  if (!success) throw new Error(`Cannot copy the tree: ${new TextDecoder().decode(stderr)}`);
}

/** The test files in the order in which they are run: each list in one process. */
async function testStages(folder: string): Promise<string[][]> {
  const stages: string[][] = [[], [], []];
  for (const tests of testFolders.filter((path) => path.startsWith(folder))) {
    for await (const { name } of Deno.readDir(join(root, tests))) {
      const module = name.replace(/\.test\.ts$/, "");
      if (module === name || leftOut.includes(module)) continue;
      const stage = comesLast.includes(module) ? 2 : comesFirst.includes(module) ? 0 : 1;
      stages[stage].push(`${tests}/${name}`);
    }
  }
  return stages.filter((files) => files.length > 0).map((files) => files.sort());
}

/** Runs the tests in a copy of the tree until the first one fails. */
async function runTests(
  folder: string,
  stages: readonly string[][],
  limitMs: number,
): Promise<Outcome> {
  const started = performance.now();
  let caughtBy: string | null = null;
  for (const files of stages) {
    caughtBy = await runStage(folder, files, limitMs - (performance.now() - started));
    if (caughtBy !== null) break;
  }
  return { caughtBy, seconds: (performance.now() - started) / 1000 };
}

/** As in `deno task test`: mapped files count as V8's memory, which would collect all garbage at each opening. */
const engineFlags = "--v8-flags=--max-old-space-size=16384";

async function runStage(
  folder: string,
  files: readonly string[],
  leftMs: number,
): Promise<string | null> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-check", engineFlags, "--fail-fast", ...files],
    cwd: folder,
    env: { NO_COLOR: "1", KV_TEST_SEED: seed },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, Math.max(0, leftMs));
  const { success, stdout } = await child.output();
  clearTimeout(timer);
  if (success) return null;
  const output = new TextDecoder().decode(stdout);
  const failed = /^(.+) \.\.\. FAILED/m.exec(output)?.[1];
  // The last one that began, where none came to its end.
  const running = [...output.matchAll(/^(.+) \.\.\.(?: ?$)/gm)].at(-1)?.[1];
  const name = failed ?? running ?? files[0];
  return isLate ? `${name} (hangs)` : failed === undefined ? `${name} (ends the process)` : name;
}

async function tryMutation(
  folder: string,
  { file, from, to }: Mutation,
  stages: readonly string[][],
  limitMs: number,
): Promise<Outcome> {
  const path = join(folder, file);
  const original = await Deno.readTextFile(path);
  const parts = original.split(from);
  if (parts.length !== 2) throw new Error(`${file} should have this once: ${from}`);
  await Deno.writeTextFile(path, parts.join(to));
  try {
    return await runTests(folder, stages, limitMs);
  } finally {
    await Deno.writeTextFile(path, original);
  }
}

/** Tries the mutations; resolves to the names of those that no test has noticed. */
async function tryAll(
  folders: readonly string[],
  chosen: readonly Mutation[],
  stages: readonly string[][],
  limitMs: number,
): Promise<string[]> {
  const survivors: string[] = [];
  const left = [...chosen];
  await Promise.all(folders.map(async (folder) => {
    while (left.length > 0) {
      const mutation = left.shift()!;
      const { caughtBy, seconds } = await tryMutation(folder, mutation, stages, limitMs);
      if (caughtBy === null) survivors.push(mutation.name);
      const result = caughtBy === null
        ? `NOT CAUGHT: ${mutation.breaks}`
        : `caught by: ${caughtBy}`;
      console.log(`${seconds.toFixed(1).padStart(6)} s  ${mutation.name}\n          ${result}`);
    }
  }));
  return survivors;
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, { string: ["tests"] });
  const words = args._.map(String);
  const chosen = mutations.filter(({ name }) =>
    words.length === 0 || words.some((word) => name.includes(word))
  );
  const stages = await testStages(args.tests ?? "tests");
  const workplace = await Deno.makeTempDir({ prefix: "kv-mutations-" });
  let isWell = false;
  try {
    const folders = await Promise.all(
      Array.from({ length: copies }, () => Deno.makeTempDir({ dir: workplace })),
    );
    for (const folder of folders) await copyTree(folder);
    const unchanged = await runTests(folders[0], stages, limitMs);
    if (unchanged.caughtBy !== null) {
      throw new Error(`Without any mutation, this test fails: ${unchanged.caughtBy}`);
    }
    console.log(
      `${unchanged.seconds.toFixed(1).padStart(6)} s  without any mutation, all tests pass`,
    );
    const limit = unchanged.seconds * 1000 * limitFactor;
    const survivors = await tryAll(folders, chosen, stages, limit);
    console.log(`${chosen.length - survivors.length} of ${chosen.length} mutations caught`);
    for (const name of survivors) console.log(`NOT CAUGHT: ${name}`);
    isWell = survivors.length === 0;
  } finally {
    await Deno.remove(workplace, { recursive: true });
  }
  if (!isWell) Deno.exit(1);
}
