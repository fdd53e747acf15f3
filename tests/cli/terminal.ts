/** `kv` on a terminal of its own, made by `script`: keys go in, and a screen comes out. */
import { hasTool } from "../support/real_tools.ts";
import { kvExecutable } from "../support/test_server.ts";
import { TimeLimitError, withTimeLimit } from "../support/time_limit.ts";
import type { KvProgram } from "./kv_program.ts";
import { Screen } from "./screen.ts";

const limitMs = 10_000;

/** Whether there is the `script` that these tests are written for. */
export const hasTerminals = hasTool("script") && hasTool("stty");

export const keys = {
  tab: "\t",
  enter: "\r",
  up: "\x1b[A",
  left: "\x1b[D",
  ctrlC: "\x03",
  ctrlD: "\x04",
  ctrlL: "\x0c",
  ctrlU: "\x15",
} as const;

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>;
}

export class Terminal implements AsyncDisposable {
  readonly screen = new Screen();
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reading: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #isOver = false;

  constructor(kv: KvProgram, args: readonly string[], { env = {} }: TerminalOptions = {}) {
    const command = [kvExecutable, ...args].map((word) => `'${word}'`).join(" ");
    this.#child = new Deno.Command("script", {
      args: ["-qec", `stty cols ${Screen.columns} rows 40; exec ${command}`, "/dev/null"],
      cwd: kv.folder.path,
      clearEnv: true,
      env: { ...kv.environment(env), TERM: "xterm", SHELL: "/bin/sh" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.screen.write(text);
      this.#tell();
    }
    this.#isOver = true;
    this.#tell();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Types keys. Those typed at once count as pasted: a Tab among them, unless it is the last, is text. */
  async type(...texts: readonly string[]): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(texts.join("")));
  }

  /** Waits until the screen is as `condition` asks. */
  async until(what: string, condition: (screen: Screen) => boolean): Promise<void> {
    const end = performance.now() + limitMs;
    while (!condition(this.screen)) {
      const left = end - performance.now();
      if (this.#isOver || left <= 0) throw this.#missing(what);
      await withTimeLimit(this.#changed.promise, left, what).catch((error) => {
        throw error instanceof TimeLimitError ? this.#missing(what) : error;
      });
    }
  }

  #missing(what: string): Error {
    return new Error(`Cannot see ${what} on the screen:\n${this.screen.lines.join("\n")}`);
  }

  /** Waits until the cursor stands behind `text` at the start of its row. */
  async cursorBehind(text: string): Promise<void> {
    await this.until(`the cursor behind '${text}'`, (screen) => screen.beforeCursor === text);
  }

  /** Waits until the last row that is not empty is `line`. */
  async lastLine(line: string): Promise<void> {
    await this.until(`'${line}' at the end`, (screen) => screen.lastLine === line.trimEnd());
  }

  /** Waits for the program's end; resolves with its exit status. */
  async end(): Promise<number> {
    const { code } = await withTimeLimit(this.#child.status, limitMs, "kv to end");
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The end of `script` closes the terminal, which ends what runs on it; asked to end in order, it
    // takes two seconds for that.
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await this.#reading;
    await this.#writer.close().catch(() => {});
  }
}
