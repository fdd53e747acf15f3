/** A server that says what the test tells it, for what a real one does only by chance. */
import { KeyValueClient } from "../../mod.ts";
import { toBytes, toText } from "../support/binary_text.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { withTimeLimit } from "../support/time_limit.ts";

const limitMs = 10_000;

/** The server's end of one connection. Requests and replies are text, one character for each byte. */
export class ScriptedConnection {
  readonly #conn: Deno.Conn;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** What one read brings: a client's single write, unless it is long. */
  async read(): Promise<string | null> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await withTimeLimit(this.#conn.read(buffer), limitMs, "a request");
    return count === null ? null : toText(buffer.subarray(0, count));
  }

  async reply(text: string): Promise<void> {
    const bytes = toBytes(text);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  close(): void {
    this.#conn.close();
  }
}

export class ScriptedServer implements AsyncDisposable {
  readonly socketPath: string;
  readonly #folder: TemporaryFolder;
  readonly #connections: ScriptedConnection[] = [];
  #listener: Deno.UnixListener | null = null;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
    this.socketPath = folder.join("scripted.sock");
  }

  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer(await TemporaryFolder.make());
    server.listen();
    return server;
  }

  listen(): void {
    this.#listener = Deno.listen({ transport: "unix", path: this.socketPath });
  }

  /** A client that needs no greeting and does not reconnect, and the server's end of its connection. */
  async meet(): Promise<{ client: KeyValueClient; connection: ScriptedConnection }> {
    const connecting = KeyValueClient.connect({
      socket: this.socketPath,
      protocol: 2,
      reconnect: false,
    });
    const connection = await this.accept();
    return { client: await connecting, connection };
  }

  /** The next client that connects. */
  async accept(): Promise<ScriptedConnection> {
    const conn = await withTimeLimit(this.#listener!.accept(), limitMs, "a client");
    const connection = new ScriptedConnection(conn);
    this.#connections.push(connection);
    return connection;
  }

  /** Takes no more clients; the socket is gone. */
  async close(): Promise<void> {
    this.#listener?.close();
    this.#listener = null;
    // Not every version of the runtime removes it.
    await Deno.remove(this.socketPath).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    for (const connection of this.#connections) {
      try {
        connection.close();
      } catch {
        // The test has closed it.
      }
    }
    await this.#folder[Symbol.asyncDispose]();
  }
}
