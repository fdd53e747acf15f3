/**
 * Measures kv against other stores with equal durability, on this machine, all sides in turn; or this
 * checkout of kv against another one.
 *
 *     deno task bench [NAME ...] [--rounds N] [--save] [--against CHECKOUT]
 *
 * Only the ratios mean something beyond this machine, and only on one without other load.
 */
import { resolve } from "@std/path";
import { BenchError, exitStatus } from "./bench_error.ts";
import { parseOptions, usage } from "./options.ts";
import { Output } from "./output.ts";
import { writePages } from "./page/write.ts";
import { listColumns, listRows } from "./selection.ts";
import { runSession } from "./session.ts";
import { printTable } from "./table.ts";

/** Does what the command line asks for; resolves to the exit status. */
async function run(args: readonly string[], output: Output): Promise<number> {
  const options = parseOptions(args);
  if (options.isHelp) {
    output.print(usage.trimEnd());
  } else if (options.isList) {
    printTable(output, listColumns, listRows());
  } else if (options.isPageOnly) {
    await writePages();
  } else {
    // Now, and not after all that work.
    const jsonPath = options.jsonPath && await writableFile(options.jsonPath);
    return await runSession({ ...options, jsonPath }, output);
  }
  return exitStatus.measured;
}

/** The file's full path. A task runs in the project's folder: the user's own one is in INIT_CWD. */
async function writableFile(path: string): Promise<string> {
  const fullPath = resolve(Deno.env.get("INIT_CWD") ?? Deno.cwd(), path);
  try {
    await Deno.writeTextFile(fullPath, "", { append: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BenchError(`Cannot write ${path}: ${why}`);
  }
  return fullPath;
}

if (import.meta.main) {
  const output = new Output();
  try {
    // The listeners for signals would keep it alive.
    Deno.exit(await run(Deno.args, output));
  } catch (error) {
    output.clearProgress();
    if (!(error instanceof BenchError)) throw error;
    console.error(`bench: ${error.message}`);
    Deno.exit(error.status);
  }
}
