/**
 * A disk so small that it is really full: a tmpfs in a mount namespace of its own, which nobody else sees
 * and which goes with its last process.
 */
import { toText } from "../support/binary_text.ts";
import { hasTool, runTool, type ToolResult } from "../support/real_tools.ts";
import { kvExecutable } from "../support/test_server.ts";
import { withTimeLimit } from "../support/time_limit.ts";

const limitMs = 20_000;
const isRoot = Deno.uid() === 0;
/** Others than root need a user namespace as well, in which they may mount. */
const unshareArguments = isRoot ? ["-m"] : ["-rm"];
const enterArguments = isRoot ? ["-m"] : ["-U", "-m", "--preserve-credentials"];

/** Whether this machine lets such a disk be made. */
export function canMakeSmallDisk(): boolean {
  if (!["unshare", "nsenter", "mount"].every(hasTool)) return false;
  const command = new Deno.Command("unshare", {
    args: [...unshareArguments, "mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  return command.outputSync().success;
}

export class SmallDisk implements AsyncDisposable {
  readonly folder: string;
  /** Keeps the namespace, and with it the disk, while its input is open. */
  readonly #holder: Deno.ChildProcess;

  private constructor(folder: string, holder: Deno.ChildProcess) {
    this.folder = folder;
    this.#holder = holder;
  }

  /** Mounts a disk of `bytes` on a folder; only programs that are run through it see what is there. */
  static async mount(folder: string, bytes: number): Promise<SmallDisk> {
    const script = `mount -t tmpfs -o size=${bytes} none "$1" && echo mounted && exec cat`;
    const holder = new Deno.Command("unshare", {
      args: [...unshareArguments, "sh", "-c", script, "sh", folder],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const disk = new SmallDisk(folder, holder);
    const output = holder.stdout.getReader();
    const { value } = await withTimeLimit(output.read(), limitMs, "the disk to be mounted");
    output.releaseLock();
    if (value === undefined) {
      await disk[Symbol.asyncDispose]();
      throw new Error(`Cannot mount a disk on ${folder}`);
    }
    return disk;
  }

  #arguments(program: string, args: readonly string[]): string[] {
    return ["-t", String(this.#holder.pid), ...enterArguments, "--", program, ...args];
  }

  /** Runs a program on the disk to its end. */
  async run(program: string, ...args: readonly string[]): Promise<ToolResult> {
    return await runTool("nsenter", this.#arguments(program, args), { limitMs });
  }

  /** Starts `kv serve`; resolves when it is ready. */
  async serve(...args: readonly string[]): Promise<ServerOnDisk> {
    const child = new Deno.Command("nsenter", {
      args: this.#arguments(kvExecutable, ["serve", ...args]),
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const output = child.stdout.getReader();
    const { value } = await withTimeLimit(output.read(), limitMs, "kv to start");
    output.releaseLock();
    const server = new ServerOnDisk(child, value === undefined ? "" : toText(value));
    if (value !== undefined) return server;
    throw new Error(`Cannot start kv on the disk: status ${await server.end("SIGKILL")}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.stdin.close();
    await this.#holder.stdout.cancel();
    await this.#holder.status;
  }
}

export class ServerOnDisk implements AsyncDisposable {
  readonly readyLine: string;
  readonly #child: Deno.ChildProcess;
  #hasEnded = false;

  constructor(child: Deno.ChildProcess, readyLine: string) {
    this.#child = child;
    this.readyLine = readyLine;
  }

  /** Ends the server, and waits until it is gone; its exit status. */
  async end(signal: Deno.Signal): Promise<number> {
    if (!this.#hasEnded) this.#child.kill(signal);
    this.#hasEnded = true;
    await this.#child.stdout.cancel();
    const { code } = await withTimeLimit(this.#child.status, limitMs, "kv to end");
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) await this.end("SIGKILL");
  }
}
