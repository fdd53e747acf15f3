/**
 * The programs that the benchmark starts. Every one is kept in a list until it has ended, so that none
 * outlives the benchmark, and each is waited for within a limit.
 */
import { BenchError, exitStatus } from "./bench_error.ts";

export interface RunOptions {
  /** Where the program is, if it is not to be looked for by its name. */
  readonly path?: string;
  /** Folder in which it runs. */
  readonly folder?: string;
  /** For its input; none: the input ends at once. */
  readonly input?: Iterable<Uint8Array<ArrayBuffer>>;
  /** The caller feeds it, by the child's `stdin`. */
  readonly hasInput?: boolean;
  readonly limitMs?: number;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
}

export interface EndOptions {
  /** SIGTERM unless given. */
  readonly signal?: "SIGTERM" | "SIGKILL";
}

export interface CommandLine {
  readonly line: string;
  times: number;
}

/** Tools by name, and Debian's package that brings them. */
const toolPackages: Readonly<Record<string, string>> = {
  "redis-server": "redis-server",
  "redis-benchmark": "redis-tools",
  "memcached": "memcached",
};

const runLimitMs = 30_000;
const killLimitMs = 30_000;
/** A killed process with much memory takes a while to be gone. */
const deathLimitMs = 5000;
const deathPollMs = 2;

export class Processes {
  readonly #running = new Set<Deno.ChildProcess>();
  readonly #commandLines = new Map<string, CommandLine>();
  readonly #recent = new Set<string>();
  readonly #onNewLine: (line: string) => void;

  readonly #hiddenPaths: readonly string[];

  /**
   * `onNewLine` is told each command line when it is run for the first time; in it, what is below one of
   * `hiddenPaths` is named relative to it.
   */
  constructor(onNewLine: (line: string) => void, hiddenPaths: readonly string[] = []) {
    this.#onNewLine = onNewLine;
    this.#hiddenPaths = hiddenPaths;
  }

  /** Every command line that was run, in the order of the first time. */
  get commandLines(): readonly CommandLine[] {
    return [...this.#commandLines.values()];
  }

  /** The command lines since this was asked last, each once. */
  takeRecentLines(): string[] {
    const lines = [...this.#recent];
    this.#recent.clear();
    return lines;
  }

  /** Starts a program. `name` stands in the command line that people see. */
  start(name: string, args: readonly string[], options: RunOptions = {}): Deno.ChildProcess {
    this.#record(this.lineOf(name, args));
    const child = new Deno.Command(options.path ?? name, {
      args: [...args],
      cwd: options.folder,
      // What the user prefers in redis-cli is not for these.
      env: { REDISCLI_RCFILE: "/dev/null", NO_COLOR: "1" },
      stdin: options.input === undefined && !options.hasInput ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#running.add(child);
    const forget = () => this.#running.delete(child);
    child.status.then(forget, forget);
    return child;
  }

  /** Runs a program to its end, which has to come in time and with status 0. */
  async run(
    name: string,
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<RunResult> {
    const child = this.start(name, args, options);
    const limitMs = options.limitMs ?? runLimitMs;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      kill(child, "SIGKILL");
    }, limitMs);
    try {
      const fed = options.input === undefined ? undefined : feed(child.stdin, options.input);
      const [output] = await Promise.all([child.output(), fed]);
      const decoder = new TextDecoder();
      const result = {
        stdout: decoder.decode(output.stdout),
        stderr: decoder.decode(output.stderr),
      };
      if (isLate) throw new BenchError(`Cannot wait for ${name}: not done in ${limitMs} ms`);
      if (output.code !== 0) {
        const said = (result.stderr || result.stdout).trim().slice(-500);
        throw new BenchError(`Cannot use ${name}: ended with status ${output.code}: ${said}`);
      }
      return result;
    } finally {
      clearTimeout(timer);
      // Had the input failed, the program would wait for the rest of it.
      if (this.#running.has(child)) kill(child, "SIGKILL");
    }
  }

  /** Asks a program to end, insists after a while, and waits until it is gone. */
  async end(child: Deno.ChildProcess, options: EndOptions = {}): Promise<void> {
    kill(child, options.signal ?? "SIGTERM");
    const timer = setTimeout(() => kill(child, "SIGKILL"), killLimitMs);
    try {
      await child.status;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * For the moment before the benchmark itself ends at a signal: when it returns, none of them runs any
   * more, and so none makes another file in a folder that is about to be removed.
   */
  killAll(): void {
    for (const child of this.#running) kill(child, "SIGKILL");
    const end = performance.now() + deathLimitMs;
    const tick = new Int32Array(new SharedArrayBuffer(4));
    for (const { pid } of this.#running) {
      while (isAlive(pid) && performance.now() < end) Atomics.wait(tick, 0, 0, deathPollMs);
    }
  }

  /** Takes note of a command line that is run by other means. */
  note(line: string): void {
    this.#record(line);
  }

  /**
   * Has a line be one of the recent ones: a command line that was run before, whose program is used again;
   * or a remark, behind a `#`.
   */
  mention(line: string): void {
    this.#recent.add(line);
  }

  /** How people see a command line. */
  lineOf(name: string, args: readonly string[]): string {
    const full = [name, ...args].map(shellWord).join(" ");
    return this.#hiddenPaths.reduce(
      (text, path) => text.replaceAll(`${path}/`, "").replaceAll(path, "."),
      full,
    );
  }

  #record(line: string): void {
    this.#recent.add(line);
    const known = this.#commandLines.get(line);
    if (known !== undefined) {
      known.times++;
      return;
    }
    this.#commandLines.set(line, { line, times: 1 });
    this.#onNewLine(line);
  }
}

/** A BenchError in one line if one of these tools is not on the PATH. */
export function requireTools(
  names: Iterable<string>,
  isThere: (name: string) => boolean = isOnPath,
): void {
  const missing = [...new Set(names)].filter((name) => !isThere(name));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => toolPackages[name] ?? name))];
  throw new BenchError(
    `Cannot measure without ${missing.join(", ")}: ` +
      `install Debian's ${packages.length === 1 ? "package" : "packages"} ${packages.join(", ")}`,
    exitStatus.toolMissing,
  );
}

function isOnPath(name: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return folder !== "" && Deno.statSync(`${folder}/${name}`).isFile;
    } catch {
      return false;
    }
  });
}

/** A word of a command line as a shell would have to be given it. */
export function shellWord(word: string): string {
  return /^[\w.,:/=+@%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Whether a process is there and has not ended; one that nobody has waited for yet has. */
function isAlive(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch { /* it has ended */ }
}

async function feed(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  chunks: Iterable<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  const writer = stdin.getWriter();
  try {
    for (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  } catch (error) {
    // It ended before it had read all; its status and its words tell why.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
