/**
 * A server in a process of its own, with a folder and a socket of its own: kv, or the redis-server
 * that kv is measured by.
 *
 *     await using server = await TestServer.start();
 *     using connection = await RawConnection.open(server.socketPath);
 */
import { fromFileUrl } from "@std/path";
import { toBytes, toText } from "./binary_text.ts";
import { TemporaryFolder } from "./temporary_folder.ts";
import { withTimeLimit } from "./time_limit.ts";

export type ServerKind = "kv" | "redis";

export interface TestServerOptions {
  /** Without: what KV_TEST_TARGET says, which is kv unless it is set to redis. */
  readonly kind?: ServerKind;
  /** Further arguments for the server's command line. */
  readonly args?: readonly string[];
  /** The text of a configuration file, which is then at `configPath`. */
  readonly config?: string;
  /** How many descriptors kv's process may have; without, as many as this one. */
  readonly descriptorsMax?: number;
}

const repositoryRoot = fromFileUrl(new URL("../../", import.meta.url));
const startLimitMs = 20_000;
const stopLimitMs = 20_000;
/** Of what the server prints, only the end is kept. */
const keptOutputCharacters = 64 * 1024;

/** The server that tests of clients run against: KV_TEST_TARGET, kv without it. */
export function targetOfRun(): ServerKind {
  const target = Deno.env.get("KV_TEST_TARGET") ?? "kv";
  if (target !== "kv" && target !== "redis") {
    throw new Error(`Cannot test KV_TEST_TARGET=${target}: there are kv and redis`);
  }
  return target;
}

/** The executable under test, which `deno task build` makes. */
export const kvExecutable = `${repositoryRoot}kv`;

/** One life of the server's process. */
interface Life {
  readonly child: Deno.ChildProcess;
  readonly stdout: Output;
  readonly stderr: Output;
  /** A stop or kill is under way or done: its end is no surprise. */
  ending: boolean;
}

export class TestServer implements AsyncDisposable {
  readonly kind: ServerKind;
  readonly socketPath: string;
  /** kv's store. Redis keeps nothing. */
  readonly storePath: string;
  readonly configPath: string;
  readonly folder: TemporaryFolder;
  readonly #hasConfig: boolean;
  readonly #args: readonly string[];
  readonly #descriptorsMax: number | undefined;
  #life: Life | null = null;

  private constructor(kind: ServerKind, folder: TemporaryFolder, options: TestServerOptions) {
    this.kind = kind;
    this.folder = folder;
    this.socketPath = folder.join(`${kind}.sock`);
    this.storePath = folder.join("store.db");
    this.configPath = folder.join("server.conf");
    this.#hasConfig = options.config !== undefined;
    this.#args = options.args ?? [];
    this.#descriptorsMax = options.descriptorsMax;
  }

  /** Starts a server and waits until it can be connected to. */
  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const folder = await TemporaryFolder.make();
    const server = new TestServer(options.kind ?? targetOfRun(), folder, options);
    try {
      if (options.config !== undefined) {
        await Deno.writeFile(server.configPath, toBytes(options.config));
      }
      await server.#begin();
    } catch (error) {
      await folder[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** The process's number; only while it runs. */
  get pid(): number {
    return this.#running().child.pid;
  }

  /** The end of what the server has printed on its error output in its present or last life. */
  get stderrText(): string {
    return this.#life?.stderr.text ?? "";
  }

  get stdoutText(): string {
    return this.#life?.stdout.text ?? "";
  }

  async #begin(): Promise<void> {
    const child = this.#command().spawn();
    const life: Life = {
      child,
      stdout: new Output(child.stdout),
      stderr: new Output(child.stderr),
      ending: false,
    };
    this.#life = life;
    const ready = this.kind === "kv"
      ? life.stdout.find(/^.*\n/)
      : life.stdout.find(/ready to accept connections at /);
    let isReady = false;
    try {
      isReady = await withTimeLimit(ready, startLimitMs, `${this.kind} to start`);
    } catch (cause) {
      await this.kill();
      throw new Error(`Cannot start ${this.kind}: ${this.#describeOutput(life)}`, { cause });
    }
    if (isReady) return;
    // Its output has ended, and so does it.
    const status = await this.#awaitEnd(life);
    throw new Error(
      `Cannot start ${this.kind}: ended with status ${status.code}: ${this.#describeOutput(life)}`,
    );
  }

  #command(): Deno.Command {
    const { socketPath, storePath, folder } = this;
    const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
    if (this.kind === "redis") {
      const own = ["--port", "0", "--unixsocket", socketPath, "--dir", folder.path];
      const config = this.#hasConfig ? [this.configPath] : [];
      const args = [...config, ...own, "--save", "", "--appendonly", "no", ...this.#args];
      return new Deno.Command("redis-server", { args, ...pipes });
    }
    try {
      Deno.statSync(kvExecutable);
    } catch (cause) {
      throw new Error("Cannot start ./kv: it is not there; make it with `deno task build`", {
        cause,
      });
    }
    const config = this.#hasConfig ? ["--config", this.configPath] : [];
    const own = [["--store", storePath], ["--socket", socketPath]];
    const unsaid = own.filter(([name]) => !this.#args.includes(name)).flat();
    const args = ["serve", ...config, ...unsaid, ...this.#args];
    const kv = { args, cwd: folder.path, ...pipes };
    if (this.#descriptorsMax === undefined) return new Deno.Command(kvExecutable, kv);
    const limited = `ulimit -n ${this.#descriptorsMax} && exec "$0" "$@"`;
    return new Deno.Command("sh", { ...kv, args: ["-c", limited, kvExecutable, ...args] });
  }

  /** Asks the server to end (SIGTERM) and waits for it. */
  async stop(): Promise<Deno.CommandStatus> {
    return await this.#end("SIGTERM");
  }

  /** Ends the server as a crash would (SIGKILL) and waits until it is gone. */
  async kill(): Promise<Deno.CommandStatus> {
    return await this.#end("SIGKILL");
  }

  /** Stops the server if it runs, and starts it again on the same folder. */
  async restart(): Promise<void> {
    if (this.#life !== null && !this.#life.ending) await this.stop();
    await this.#begin();
  }

  /** For tests that make the server end by itself: waits for that. */
  async waitForEnd(): Promise<Deno.CommandStatus> {
    const life = this.#running();
    life.ending = true;
    return await this.#awaitEnd(life);
  }

  async #end(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    const life = this.#running();
    life.ending = true;
    try {
      life.child.kill(signal);
    } catch (cause) {
      await this.#awaitEnd(life);
      const output = this.#describeOutput(life);
      throw new Error(`Cannot stop ${this.kind}: it had ended already: ${output}`, { cause });
    }
    const status = await this.#awaitEnd(life);
    if (signal === "SIGKILL" && status.signal !== signal) {
      const output = this.#describeOutput(life);
      throw new Error(`Cannot kill ${this.kind}: it had ended with ${status.code}: ${output}`);
    }
    return status;
  }

  async #awaitEnd(life: Life): Promise<Deno.CommandStatus> {
    const what = `${this.kind} to end`;
    const { status } = life.child;
    try {
      const inTime = await withTimeLimit(status, stopLimitMs, what);
      await Promise.all([life.stdout.ended, life.stderr.ended]);
      return inTime;
    } catch (cause) {
      life.child.kill("SIGKILL");
      await Promise.all([status, life.stdout.ended, life.stderr.ended]);
      throw new Error(`Cannot stop ${this.kind}: ${this.#describeOutput(life)}`, { cause });
    }
  }

  #running(): Life {
    if (this.#life === null) throw new Error(`Cannot reach ${this.kind}: it was not started`);
    return this.#life;
  }

  #describeOutput(life: Life): string {
    return `its output was\n${life.stdout.text}${life.stderr.text}`;
  }

  /** Ends the server and removes its folder. A server that had ended by itself is an error. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#life !== null && !this.#life.ending) await this.kill();
    } finally {
      await this.folder[Symbol.asyncDispose]();
    }
  }
}

/** What a process prints, read as it comes so that it never has to wait. */
class Output {
  text = "";
  readonly ended: Promise<void>;
  #watchers: (() => void)[] = [];
  #isEnded = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.ended = this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) {
      this.text = (this.text + toText(chunk)).slice(-keptOutputCharacters);
      for (const watcher of this.#watchers) watcher();
    }
    this.#isEnded = true;
    for (const watcher of this.#watchers) watcher();
  }

  /** True when the pattern is found in what was printed, false when the output ends without it. */
  find(pattern: RegExp): Promise<boolean> {
    return new Promise((resolve) => {
      const look = () => {
        if (pattern.test(this.text)) resolve(true);
        else if (this.#isEnded) resolve(false);
      };
      this.#watchers.push(look);
      look();
    });
  }
}
