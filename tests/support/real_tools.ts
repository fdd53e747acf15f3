/** Other people's programs, run against the server. */
import { toBytes, toText } from "./binary_text.ts";
import { withTimeLimit } from "./time_limit.ts";

export interface ToolOptions {
  /** Bytes for its input, one character for each; none: the input ends at once. */
  readonly input?: string;
  readonly limitMs?: number;
}

export interface ToolResult {
  readonly code: number;
  /** One character for each byte. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Whether a program of that name is on the PATH. */
export function hasTool(name: string): boolean {
  return findTool(name) !== undefined;
}

export function findTool(name: string): string | undefined {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = `${folder}/${name}`;
    try {
      if (folder !== "" && Deno.statSync(path).isFile) return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
        throw error;
      }
    }
  }
  return undefined;
}

/** Whether `nc` is the one of OpenBSD, which knows Unix sockets and `-N`. */
export function hasUnixSocketNetcat(): boolean {
  if (!hasTool("nc")) return false;
  const { stdout, stderr } = new Deno.Command("nc", { args: ["-h"], stdin: "null" }).outputSync();
  return (toText(stdout) + toText(stderr)).includes("OpenBSD");
}

/** The version of redis-server, such as "7.0.15"; undefined where there is none. */
export function redisServerVersion(): string | undefined {
  if (!hasTool("redis-server")) return undefined;
  const { stdout } = new Deno.Command("redis-server", { args: ["--version"] }).outputSync();
  return /\bv=(\S+)/.exec(toText(stdout))?.[1];
}

/** Runs a program to its end; one that takes too long is killed, and that is an error. */
export async function runTool(
  name: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const child = new Deno.Command(name, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // What the user prefers in redis-cli is not for these.
    env: { REDISCLI_RCFILE: "/dev/null" },
  }).spawn();
  const ended = Promise.all([child.output(), writeInput(child.stdin, options.input ?? "")]);
  const what = `${name} ${args.join(" ")}`;
  try {
    const [{ code, stdout, stderr }] = await withTimeLimit(ended, options.limitMs ?? 30_000, what);
    return { code, stdout: toText(stdout), stderr: toText(stderr) };
  } catch (error) {
    // It may have ended in the very moment.
    try {
      child.kill("SIGKILL");
    } catch { /* nothing to kill */ }
    await ended.catch(() => {});
    throw error;
  }
}

async function writeInput(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    if (input !== "") await writer.write(toBytes(input));
    await writer.close();
  } catch (error) {
    // A program may end without having read all of its input.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
