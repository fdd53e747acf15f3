/** `kv serve` as a process that may fail to start. */
import { toText } from "../support/binary_text.ts";
import { kvExecutable } from "../support/test_server.ts";
import { withTimeLimit } from "../support/time_limit.ts";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `kv serve` with these arguments in a folder; it has to end by itself. */
export async function serveAndEnd(folder: string, ...args: string[]): Promise<Ended> {
  const child = new Deno.Command(kvExecutable, {
    args: ["serve", ...args],
    cwd: folder,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  try {
    const { code, stdout, stderr } = await withTimeLimit(output, 10_000, "kv serve to end");
    return { code, stdout: toText(stdout), stderr: toText(stderr) };
  } catch (error) {
    child.kill("SIGKILL");
    await output;
    throw error;
  }
}
