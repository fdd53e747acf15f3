/** The other checkout of a comparison: a folder, or a revision that is checked out for the time being. */
import { join, resolve } from "@std/path";
import { BenchError } from "../bench_error.ts";
import type { Output } from "../output.ts";
import { projectRoot } from "../project.ts";

export interface OtherCheckout {
  readonly root: string;
  readonly kvPath: string;
  /** Removes what was made for the comparison. */
  remove(): Promise<void>;
  /** The same, at once, for the moment before the process ends. */
  removeNow(): void;
}

/** Finds it, and makes its executable if that is not up to date. */
export async function otherCheckout(named: string, output: Output): Promise<OtherCheckout> {
  const folder = resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), named);
  if (await isFolder(folder)) {
    output.progress(`building kv in ${named}`);
    await build(folder);
    return { root: folder, kvPath: join(folder, "kv"), remove: async () => {}, removeNow() {} };
  }
  return await checkedOut(named, output);
}

async function checkedOut(revision: string, output: Output): Promise<OtherCheckout> {
  const commit = await git("rev-parse", "--verify", "--quiet", `${revision}^{commit}`)
    .catch(() => {
      throw new BenchError(`Cannot compare with ${revision}: neither a folder nor a revision`);
    });
  const root = await Deno.makeTempDir({ prefix: "kv-against-" });
  const args = ["worktree", "remove", "--force", root];
  const removeNow = () => {
    gitCommand(args).outputSync();
  };
  try {
    output.progress(`building kv of ${revision}`);
    await git("worktree", "add", "--detach", "--force", root, commit.trim());
    await build(root);
  } catch (error) {
    removeNow();
    throw error;
  }
  const remove = async () => {
    await git(...args);
  };
  return { root, kvPath: join(root, "kv"), remove, removeNow };
}

async function build(folder: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", "scripts/build.ts", "--if-needed"],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  const said = new TextDecoder().decode(stderr).trim().slice(-500);
  throw new BenchError(`Cannot build kv in ${folder}: ${said}`);
}

async function git(...args: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await gitCommand(args).output();
  const decoder = new TextDecoder();
  if (success) return decoder.decode(stdout);
  throw new BenchError(`Cannot use git ${args[0]}: ${decoder.decode(stderr).trim()}`);
}

function gitCommand(args: readonly string[]): Deno.Command {
  return new Deno.Command("git", { args: ["-C", projectRoot, ...args], stdin: "null" });
}

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}
