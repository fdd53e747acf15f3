/**
 * Makes the executable `./kv`.
 *
 *     deno task build [--if-needed] [--readable]
 *
 *     --if-needed   only when a source is newer than ./kv
 *     --readable    keep the names in the code, for profiles
 *
 * A `./kv` that runs is not disturbed: the new one takes its name only once it was seen to start.
 */
import { parseArgs } from "@std/cli/parse-args";
import { dirname, fromFileUrl, join } from "@std/path";
import { assertPlatform, type BaseRuntime, findBaseRuntime } from "./build/base_runtime.ts";
import { BuildError, oneLine, say } from "./build/build_error.ts";
import { bundle } from "./build/bundle.ts";
import { isFresh } from "./build/freshness.ts";
import config from "../deno.json" with { type: "json" };
import { ServerScript } from "./build/server_script.ts";

const root = dirname(dirname(fromFileUrl(import.meta.url)));
const product = "kv";
const sources = ["main.ts", "src", "deno.json", "deno.lock", "scripts/build.ts", "scripts/build"];

/**
 * What the executable may do, and why no less:
 * - read, write: the store and the sockets are where the user says.
 * - net: `--listen` takes any address; Unix sockets need only read and write.
 * - ffi: libc is found by its name, which a permission for one library would take for a path, and the
 *   permission to look at memory through a pointer has no narrower form.
 * - env: the variables that kv knows.
 * No programs to run, no imports, no facts about the system. `/proc` needs all permissions when it is
 * read by Deno; through libc it does not.
 */
const permissions = [
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-ffi",
  "--allow-env=KV_*,HOME,XDG_STATE_HOME,XDG_RUNTIME_DIR,NO_COLOR,TERM,COLUMNS,LINES",
  "--no-prompt",
];

/**
 * No type check: `deno task check` does it. Not the runtime's code cache: it would be read from, and written to, a file
 * of a foreseeable name in the folder for temporary files, which anyone may create; server_script.ts has one that is not.
 */
const compileOptions = ["--quiet", "--no-config", "--no-check", "--no-code-cache"];

/**
 * A request passes a dozen short functions: V8 is to make one of more of them than it would by itself. And it
 * is not to wake threads for the little there is to collect, which take the processor from the main thread, or from the
 * clients, for milliseconds where there are few processors. Mapped files count as memory of its, 1 GiB for each window:
 * when more than half of what it may have is added at once, it stops to collect all garbage, 13 ms at each start. A young
 * generation of 4 MiB is collected a third as often as the smallest, and never within a start. What was compiled is kept: the
 * code cache is made of it (server_script.ts), and what is called once an hour is there. Loops that an opening runs once are
 * compiled while they run, for which V8 has to take notes of them from their first call on: 8 ms with 10M keys.
 */
const engineFlags = [
  "--max-inlined-bytecode-size=1000",
  "--max-inlined-bytecode-size-cumulative=4000",
  "--min-inlining-frequency=0.02",
  "--no-parallel-scavenge",
  "--no-concurrent-array-buffer-sweeping",
  "--min-semi-space-size=4",
  "--no-flush-bytecode",
  "--no-lazy-feedback-allocation",
  "--max-old-space-size=16384",
];

async function build(readable: boolean): Promise<void> {
  const started = new Date();
  assertPlatform(Deno.build.os, Deno.build.arch);
  const base = await findBaseRuntime();
  // Beside the product, so that renaming is one step; `kv`, as traces of errors name the program so.
  const folder = await Deno.makeTempDir({ dir: root, prefix: ".kv-build-" });
  const executable = join(folder, product);
  try {
    const options = { root, folder: join(folder, "bundle"), readable };
    const bundled = await bundle("main.ts", options);
    const server = await ServerScript.bundle(options);
    await server.prepareRecording();
    await compile(bundled, executable, base, server.included);
    await assertStarts(executable, base);
    await server.record(executable);
    await compile(bundled, executable, base, server.included);
    await assertStarts(executable, base);
    // Dated to the start, so that a source saved meanwhile counts as newer.
    await Deno.utime(executable, started, started);
    await Deno.rename(executable, join(root, product));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const seconds = ((Date.now() - started.getTime()) / 1000).toFixed(1);
  say(`made ./${product} in ${seconds} s with ${base.description}`);
}

/** Compiles a module to an executable that has the `included` files too, with the options and permissions of kv. */
export async function compile(
  main: string,
  output: string,
  base: BaseRuntime,
  included: readonly string[] = [],
): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      ...compileOptions,
      `--v8-flags=${engineFlags.join(",")}`,
      ...permissions,
      ...included.map((path) => `--include=${path}`),
      `--output=${output}`,
      main,
    ],
    env: {
      ...(base.path === undefined ? {} : { DENORT_BIN: base.path }),
      NO_COLOR: "1",
      RUST_BACKTRACE: "0",
    },
    stdin: "null",
  }).output();
  if (!success) {
    throw new BuildError(
      `Cannot compile with ${base.description}: ${oneLine(new TextDecoder().decode(stderr))}`,
    );
  }
}

/** A base runtime of a version that does not fit makes an executable that cannot read itself. */
async function assertStarts(executable: string, base: BaseRuntime): Promise<void> {
  const { stdout, stderr } = await new Deno.Command(executable, {
    args: ["--version"],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!decoder.decode(stdout).includes(config.version)) {
    throw new BuildError(
      `Cannot use what was compiled with ${base.description}: \`kv --version\` does not print ` +
        `${config.version} (${oneLine(decoder.decode(stderr))})`,
    );
  }
}

if (import.meta.main) {
  const options = parseArgs(Deno.args, { boolean: ["if-needed", "readable"] });
  Deno.chdir(root);
  try {
    if (!options["if-needed"] || !await isFresh(product, sources)) await build(options.readable);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    say(error.message);
    Deno.exit(1);
  }
}
