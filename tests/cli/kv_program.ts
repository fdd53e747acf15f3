/** The compiled `./kv`, run as a shell would run it. */
import { toBytes, toText } from "../support/binary_text.ts";
import { type TemporaryFolder } from "../support/temporary_folder.ts";
import { kvExecutable, TestServer } from "../support/test_server.ts";
import { withTimeLimit } from "../support/time_limit.ts";

const limitMs = 30_000;

export interface RunOptions {
  /** Bytes for standard input, one character for each; none: it ends at once. */
  readonly input?: string;
  /** Beside those that are always set; KV_SOCKET names the test's server unless it is here. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly code: number;
  /** One character for each byte. */
  readonly stdout: string;
  readonly stderr: string;
}

/** `kv` in a folder of a test's own, so that nothing of the user's is read or written. */
export class KvProgram {
  readonly folder: TemporaryFolder;
  readonly #socket: string;

  constructor(folder: TemporaryFolder, socket: string) {
    this.folder = folder;
    this.#socket = socket;
  }

  /** The whole environment of the program. */
  environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: this.folder.path,
      KV_SOCKET: this.#socket,
      NO_COLOR: "1",
      ...more,
    };
  }

  /** Runs `kv` with these arguments to its end. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const child = new Deno.Command(kvExecutable, {
      args: [...args],
      cwd: this.folder.path,
      clearEnv: true,
      env: this.environment(options.env),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const giveUp = () => child.kill("SIGKILL");
    const ended = Promise.all([child.output(), writeAll(child.stdin, options.input ?? "")]);
    const what = `kv ${args.join(" ")}`;
    const [{ code, stdout, stderr }] = await withTimeLimit(ended, limitMs, what, giveUp);
    return { code, stdout: toText(stdout), stderr: toText(stderr) };
  }

  /** Runs several commands one after the other, each of which has to succeed. */
  async prepare(...commands: readonly (readonly string[])[]): Promise<void> {
    for (const args of commands) {
      const { code, stderr } = await this.run(args);
      if (code !== 0) throw new Error(`Cannot prepare the test: kv ${args.join(" ")}: ${stderr}`);
    }
  }
}

async function writeAll(stdin: WritableStream<Uint8Array>, input: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    if (input !== "") await writer.write(toBytes(input));
    await writer.close();
  } catch (error) {
    // A program may end without having read all of its input.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** A test with a server of its own, which `kv` finds by its environment. */
export function testWithServer(
  name: string,
  body: (kv: KvProgram, server: TestServer) => Promise<void>,
): void {
  Deno.test(name, async () => {
    await using server = await TestServer.start();
    await body(new KvProgram(server.folder, server.socketPath), server);
  });
}
