/** A client that knows bytes only, so that no client of ours can hide what the server sends. */
import { encodeRequest, toBytes, toText } from "./binary_text.ts";
import { endOfReply } from "./reply_framing.ts";
import { withTimeLimit } from "./time_limit.ts";

const readBytes = 64 * 1024;

export interface RawConnectionOptions {
  /** How long one reply, or one write, may take. */
  readonly limitMs?: number;
}

/**
 *     using connection = await RawConnection.open(server.socketPath);
 *     assertEquals(await connection.exchange("SET", "key", "value"), "+OK\r\n");
 *
 * Requests and replies are text with one character for each byte; see `binary_text.ts`.
 */
export class RawConnection implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #limitMs: number;
  /** What came and was not asked for yet: `#start` to `#end`. */
  #buffer = new Uint8Array(readBytes);
  #start = 0;
  #end = 0;
  #closed = false;

  private constructor(conn: Deno.Conn, limitMs: number) {
    this.#conn = conn;
    this.#limitMs = limitMs;
  }

  static async open(path: string, options: RawConnectionOptions = {}): Promise<RawConnection> {
    const conn = await Deno.connect({ transport: "unix", path });
    return new RawConnection(conn, options.limitMs ?? 10_000);
  }

  /** Sends bytes as they are. */
  async send(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? toBytes(data) : data;
    await withTimeLimit(this.#writeAll(bytes), this.#limitMs, "the server to read", this.#giveUp);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** Sends one request and reads its reply. */
  async exchange(...args: readonly string[]): Promise<string> {
    await this.send(encodeRequest(args));
    return await this.readReply();
  }

  /** Sends several requests in one write and reads as many replies. */
  async pipeline(requests: readonly (readonly string[])[]): Promise<string[]> {
    const sent = this.send(requests.map(encodeRequest).join(""));
    const replies: string[] = [];
    for (let i = 0; i < requests.length; i++) replies.push(await this.readReply());
    await sent;
    return replies;
  }

  /** Exactly one reply, with everything nested in it. */
  async readReply(): Promise<string> {
    while (true) {
      const end = this.#start === this.#end ? -1 : endOfReply(this.#buffer, this.#start, this.#end);
      if (end >= 0) {
        const reply = toText(this.#buffer.subarray(this.#start, end));
        this.#start = end;
        return reply;
      }
      if (!await this.#fill("a reply")) {
        const rest = JSON.stringify(toText(this.#buffer.subarray(this.#start, this.#end)));
        throw new Error(`Cannot read a reply: the server closed the connection after ${rest}`);
      }
    }
  }

  /** Reads once, and forgets what that was; how many bytes there were. */
  async readSome(): Promise<number> {
    if (!await this.#fill("something to read")) return 0;
    const bytes = this.#end - this.#start;
    this.#start = this.#end;
    return bytes;
  }

  /** Everything up to the end of the connection, which the server has to bring about. */
  async readUntilClosed(): Promise<string> {
    while (await this.#fill("the server to close the connection"));
    const rest = toText(this.#buffer.subarray(this.#start, this.#end));
    this.#start = this.#end;
    return rest;
  }

  /** Whether bytes are here already that no one has read. */
  get hasUnread(): boolean {
    return this.#start < this.#end;
  }

  /** Says that no more requests come; replies can still be read. */
  async closeWrite(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Reads once; false at the end of the connection. */
  async #fill(what: string): Promise<boolean> {
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    if (this.#buffer.length - this.#end < readBytes) {
      const grown = new Uint8Array(this.#buffer.length * 2);
      grown.set(this.#buffer.subarray(0, this.#end));
      this.#buffer = grown;
    }
    const free = this.#buffer.subarray(this.#end);
    const count = await withTimeLimit(this.#read(free), this.#limitMs, what, this.#giveUp);
    if (count === null) return false;
    this.#end += count;
    return true;
  }

  async #read(target: Uint8Array): Promise<number | null> {
    try {
      return await this.#conn.read(target);
    } catch (error) {
      // A server that closes with unread bytes in its buffer resets the connection.
      if (error instanceof Deno.errors.ConnectionReset) return null;
      throw error;
    }
  }

  /**
   * After a time limit. The runtime goes on with a read whose connection is closed and does not tell
   * the server; the end of the writing side does, and a server that then closes ends the read.
   */
  readonly #giveUp = (): void => {
    if (this.#closed) return;
    this.#conn.closeWrite().catch(() => {}).finally(() => this.close());
  };

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
