/** Starts of a server such as most are, to see which of its functions are called in them. */
import { join } from "@std/path";
import { BuildError, oneLine } from "./build_error.ts";

const attempts = 500;
const attemptMs = 20;
const keys = 2000;

/** What clients ask for first. */
const requests = [
  ...[
    "PING",
    "HELLO 2",
    "CLIENT SETNAME build",
    "SET a 1",
    "GET a",
    "INCR a",
    "EXISTS a b",
    "TTL a",
  ],
  ...["SET b 2 EX 100", "MSET c 3 d 4", "MGET a b c", "DEL a c", "DBSIZE", "INFO", "SCAN 0"],
  ...["CONFIG GET save", "COMMAND DOCS get", "GETSET b 5", "EXPIRE d 100", "SELECT 0"],
];

/**
 * Has the server open a store whose server was killed, answer, and end in order, with `env` in its environment. Throws a
 * BuildError when it does not.
 */
export async function recordStart(
  executable: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  // Where paths are short enough for a socket's.
  const folder = await Deno.makeTempDir({ prefix: "kv-build-" });
  try {
    const socket = join(folder, "kv.sock");
    const start = () =>
      new Deno.Command(executable, {
        args: ["serve", "--store", join(folder, "store.db"), "--socket", socket],
        env: { ...env, NO_COLOR: "1" },
        stdin: "null",
        stdout: "null",
        stderr: "piped",
      }).spawn();
    const killed = start();
    const sets = Array.from({ length: keys }, (_, i) => `SET key:${i} value:${i}`);
    await ask(socket, sets, killed);
    killed.kill("SIGKILL");
    await killed.output();
    const stopped = start();
    await ask(socket, requests, stopped);
    stopped.kill("SIGTERM");
    const { success, stderr } = await stopped.output();
    if (!success) throw failure(stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Sends the requests as soon as there is a server, and waits for the reply to a last one. */
async function ask(
  socket: string,
  requests: readonly string[],
  server: Deno.ChildProcess,
): Promise<void> {
  const connection = await connect(socket, server);
  if (connection === undefined) throw failure((await server.output()).stderr);
  const end = "that is all";
  const text = [...requests, `ECHO "${end}"`].map((request) => `${request}\r\n`).join("");
  let unsent = new TextEncoder().encode(text);
  const sending = (async () => {
    while (unsent.length > 0) unsent = unsent.subarray(await connection.write(unsent));
  })();
  let received = "";
  const decoder = new TextDecoder();
  for await (const chunk of connection.readable) {
    received = received.slice(-end.length - 2) + decoder.decode(chunk, { stream: true });
    if (received.includes(end)) return await sending;
  }
  throw new BuildError("Cannot make the server's code cache: the server closed a connection");
}

/** Undefined: the server has ended, or was ended since it took too long. */
async function connect(
  path: string,
  server: Deno.ChildProcess,
): Promise<Deno.UnixConn | undefined> {
  let hasEnded = false;
  void server.status.then(() => hasEnded = true);
  for (let i = 0; i < attempts && !hasEnded; i++) {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      const isSoon = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.ConnectionRefused;
      if (!isSoon) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, attemptMs));
  }
  if (!hasEnded) server.kill("SIGKILL");
  return undefined;
}

function failure(stderr: Uint8Array): BuildError {
  const text = oneLine(new TextDecoder().decode(stderr));
  return new BuildError(`Cannot make the server's code cache: the server failed (${text})`);
}
