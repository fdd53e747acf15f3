/**
 * Clients that come while the store is still being read. As in Redis, commands that need it are
 * answered with LOADING, and INFO tells how far it is. What Redis answers in full meanwhile (HELLO,
 * CLIENT, CONFIG ...) waits here until the server is there: so its answer is the usual one.
 */
import type { ClientSocket } from "./client_socket.ts";
import type { Access } from "../commands/access.ts";
import { notAuthenticated } from "../commands/dispatcher.ts";
import type { CommandMap } from "../commands/registry.ts";
import { RequestParser } from "../protocol/request_parser.ts";
import { ReplyWriter } from "../protocol/reply_writer.ts";
import type { ConnectionStart } from "./connection.ts";

/** Of a socket, what is needed here. */
type LoadingSocket = Pick<ClientSocket, "read" | "write" | "close">;

const loadingText = "LOADING Redis is loading the dataset in memory";

export class LoadingClients {
  /** How much of the store is read, 0 to 1. */
  share = 0;
  readonly #commands: CommandMap;
  readonly #access: Access;
  readonly #startedMs = Date.now();
  readonly #sockets = new Set<LoadingSocket>();
  readonly #over: Promise<null>;
  #end!: (value: null) => void;

  constructor(commands: CommandMap, access: Access) {
    this.#access = access;
    this.#commands = commands;
    this.#over = new Promise((resolve) => this.#end = resolve);
  }

  get count(): number {
    return this.#sockets.size;
  }

  /**
   * Serves a client until the store is read; then resolves to what the server goes on with. Null when
   * the client has gone by then.
   */
  async serve(socket: LoadingSocket): Promise<ConnectionStart | null> {
    this.#sockets.add(socket);
    try {
      return await this.#serve(socket);
    } catch {
      return closed(socket); // The client is gone.
    } finally {
      this.#sockets.delete(socket);
    }
  }

  /** The store is read: all clients are handed over. */
  end(): void {
    this.#end(null);
  }

  /** The store cannot be read: all clients are sent away. */
  close(): void {
    for (const socket of this.#sockets) closed(socket);
  }

  async #serve(socket: LoadingSocket): Promise<ConnectionStart | null> {
    const parser = new RequestParser();
    const reply = new ReplyWriter();
    while (true) {
      const read = socket.read(parser.space());
      const first = await Promise.race([read.then((length) => ({ length })), this.#over]);
      if (first === null) return { parser, handled: 0, read };
      if (first.length === null) return closed(socket);
      parser.received(first.length);
      reply.length = 0;
      parser.isLimited = !this.#access.isOpen;
      const handled = this.#reply(parser, reply);
      if (parser.error !== null) reply.errorQuotingBytes(parser.error);
      for (let at = 0; at < reply.length;) {
        at += await socket.write(reply.bytes.subarray(at, reply.length));
      }
      if (parser.error !== null) return closed(socket);
      if (handled < parser.count) {
        await this.#over;
        return { parser, handled, read: null };
      }
    }
  }

  /** Replies to the requests that have come, up to one that has to wait: returns which one that is. */
  #reply(parser: RequestParser, reply: ReplyWriter): number {
    while (parser.readAhead() > 0) {
      for (let i = 0; i < parser.count; i++) {
        const { bytes, starts, ends } = parser.requests[i];
        const command = this.#commands.find(bytes, starts[0], ends[0]);
        const isAnswered = command?.spec.flags.includes("loading") ?? true;
        // Whoever gives a password has to wait with that: nobody has, so far.
        if (!this.#access.isOpen && command?.isForAnybody === false) reply.error(notAuthenticated);
        else if (command?.name === "info") reply.bulkText(this.#info());
        else if (isAnswered) return i;
        else reply.error(loadingText);
      }
    }
    return parser.count;
  }

  /** If it goes on as it did. */
  get #secondsLeft(): number {
    const elapsedMs = Date.now() - this.#startedMs;
    return this.share === 0 ? 1 : Math.ceil(elapsedMs * (1 / this.share - 1) / 1000);
  }

  #info(): string {
    const lines = [
      "# Persistence",
      "loading:1",
      "async_loading:0",
      `loading_start_time:${Math.floor(this.#startedMs / 1000)}`,
      `loading_loaded_perc:${(this.share * 100).toFixed(2)}`,
      `loading_eta_seconds:${this.#secondsLeft}`,
    ];
    return `${lines.join("\r\n")}\r\n`;
  }
}

function closed(socket: LoadingSocket): null {
  socket.close();
  return null;
}
