/**
 * Everything that can be seen without running the program: format, lint, types (of the examples in doc
 * comments too), and whether the generated files are up to date. All steps run, so that one run shows
 * all there is to mend.
 *
 *     deno task check
 */
import { dirname, fromFileUrl, join } from "@std/path";

interface Step {
  readonly name: string;
  /** Arguments to deno. */
  readonly args: readonly string[];
  /** Shown when the step fails. */
  readonly remedy: string;
}

const root = dirname(dirname(fromFileUrl(import.meta.url)));
const typeChecked = ["main.ts", "mod.ts", "src", "scripts", "tests"];
/** Each writes files when it runs, and with `--check` fails if they are not what it would write. */
const generators: readonly { readonly script: string; readonly what: string }[] = [
  { script: "scripts/generate_docs.ts", what: "generated files" },
  { script: "scripts/bench/page/write.ts", what: "benchmark pages" },
];

async function steps(): Promise<Step[]> {
  const list: Step[] = [
    { name: "format", args: ["fmt", "--check"], remedy: "run `deno fmt`" },
    { name: "lint", args: ["lint", "--quiet"], remedy: "mend what is named above" },
    {
      name: "types",
      args: ["check", "--quiet", "--doc", ...await existing(typeChecked)],
      remedy: "mend what is named above",
    },
  ];
  for (const { script, what } of generators) {
    if ((await existing([script])).length === 0) continue;
    list.push({
      name: what,
      args: ["run", "-A", "--no-check", "--quiet", script, "--check"],
      remedy: `run \`deno run -A ${script}\``,
    });
  }
  return list;
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    try {
      await Deno.lstat(join(root, path));
      found.push(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found;
}

/** Runs one step, its output shown as it comes; true when it passes. */
async function passes(step: Step): Promise<boolean> {
  const started = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...step.args],
    cwd: root,
    env: { RUST_BACKTRACE: "0" },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.error(
    success
      ? `check: ${step.name}: ok (${seconds} s)`
      : `check: ${step.name}: FAILED; ${step.remedy}`,
  );
  return success;
}

if (import.meta.main) {
  let allPass = true;
  for (const step of await steps()) allPass = await passes(step) && allPass;
  if (!allPass) Deno.exit(1);
}
