/** The client: a connection to a kv (or Redis) server with a method for each common command. */
import type { Reply } from "../protocol/reply.ts";
import { type KeyValueArgument, KeyValueCommands } from "./commands.ts";
import { KeyValueConflictError } from "./errors.ts";
import { ReconnectingLink, type ReconnectOptions } from "./reconnecting_link.ts";
import { toBytes, toList, toText } from "./reply_conversion.ts";
import { KeyValueTransaction } from "./transaction.ts";

/**
 * Where the server is, and how the client behaves. All may be left out.
 *
 * ```ts ignore
 * await KeyValueClient.connect({ socket: "kv.sock", reconnect: { attemptsMax: 10 } });
 * await KeyValueClient.connect({ port: 6379, password: "secret" });
 * ```
 */
export interface KeyValueClientOptions {
  /** Path of the server's socket. Unless given: the environment's `KV_SOCKET`, or `kv.sock`. */
  readonly socket?: string;
  /** Connect by TCP, to this host (127.0.0.1 if only the port is given) ... */
  readonly hostname?: string;
  /** ... and this port (6379 if only the host is given). */
  readonly port?: number;
  /** The client's name in CLIENT LIST. */
  readonly name?: string;
  /** The name to log in with: `default` unless given. */
  readonly username?: string;
  /** The password to log in with; without one, the client does not. */
  readonly password?: string;
  /** Version of the protocol: 3 unless given. */
  readonly protocol?: 2 | 3;
  /** Aborting it ends the client at once, also while it is still connecting. */
  readonly signal?: AbortSignal;
  /**
   * How a lost connection is made anew; false: not at all. The client is subscribed again to what it was
   * subscribed to; messages that came meanwhile are lost, and nothing else that the connection was told
   * (CLIENT TRACKING, MULTI ...) is said again. Where a subscription is refused by then, the attempt has
   * failed, as where the password is.
   */
  readonly reconnect?: ReconnectOptions | false;
  /** Commands that may wait while there is no connection: 1000 unless given. */
  readonly offlineCommandsMax?: number;
  /** Bytes that may wait while there is no connection: 64 MiB unless given. */
  readonly offlineBytesMax?: number;
  /**
   * Called with what the server sends unasked (RESP3 pushes), the kind first: messages of subscriptions,
   * keys that are no longer valid. What it throws is an uncaught error of the program's (`reportError`);
   * the connection goes on.
   */
  readonly onPush?: (items: readonly Reply[]) => void;
}

/** Which keys `scan` comes by: all of them without options. */
export interface ScanOptions {
  /** Only keys that match this glob pattern. */
  readonly match?: KeyValueArgument;
  /** About how many keys the server looks at in one step. */
  readonly count?: number;
  /** Only keys of this type, such as `string`. */
  readonly type?: string;
}

/** What holds for each call of a client made by `with`. */
export interface CallOptions {
  /** Rejects the call when it is aborted. A command that was sent by then may still run. */
  readonly signal?: AbortSignal;
}

/** How persistent `watch` is. */
export interface WatchOptions {
  /** How often it is tried before the conflict is passed on: 100 times unless given. */
  readonly attemptsMax?: number;
}

/**
 * A client of a kv server, or of any other server that speaks Redis's protocol.
 *
 * Calls need not wait for each other: those made in the same turn leave in one write, and the replies
 * come back in order. When the connection is lost, commands whose replies are missing are rejected
 * with a `KeyValueConnectionError` (they may have run, and are never sent twice); the client
 * reconnects by itself, and commands made meanwhile wait for that.
 *
 * Keys and values are strings (sent as UTF-8), numbers, or `Uint8Array`s for bytes of any kind.
 *
 * ```ts ignore
 * import { KeyValueClient } from "@kv/kv";
 *
 * await using client = await KeyValueClient.connect({ socket: "kv.sock" });
 *
 * await client.set("greeting", "hello", { ex: 60 });
 * console.log(await client.get("greeting")); // hello
 *
 * // One write, three replies.
 * const [visits, ttl] = await Promise.all([
 *   client.incr("visits"),
 *   client.ttl("greeting"),
 *   client.append("log", "line\n"),
 * ]);
 *
 * // All or nothing.
 * const [before, after] = await client.transaction((t) => [t.get("visits"), t.incr("visits")]);
 *
 * // Any command, and any bytes.
 * await client.command("SETRANGE", "blob", 4, new Uint8Array([0, 255]));
 * const blob = await client.getBytes("blob");
 *
 * for await (const key of client.scan({ match: "user:*" })) console.log(key);
 *
 * // Give up waiting after a second.
 * await client.with({ signal: AbortSignal.timeout(1000) }).get("greeting");
 * ```
 */
export class KeyValueClient extends KeyValueCommands implements AsyncDisposable {
  readonly #link: ReconnectingLink;
  readonly #signal: AbortSignal | undefined;

  private constructor(link: ReconnectingLink, signal?: AbortSignal) {
    super();
    this.#link = link;
    this.#signal = signal;
  }

  /**
   * Connects. Rejects with a `KeyValueConnectionError` when there is no server, and with a
   * `KeyValueReplyError` when it refuses the client.
   */
  static async connect(options: KeyValueClientOptions = {}): Promise<KeyValueClient> {
    const link = await ReconnectingLink.open({
      address: addressOf(options),
      protocol: options.protocol ?? 3,
      name: options.name,
      username: options.username,
      password: options.password,
      reconnect: options.reconnect ?? {},
      offlineCommandsMax: options.offlineCommandsMax ?? 1000,
      offlineBytesMax: options.offlineBytesMax ?? 64 * 1024 * 1024,
      onPush: options.onPush,
    }, options.signal);
    return new KeyValueClient(link);
  }

  /** Whether there is a connection right now. */
  get isConnected(): boolean {
    return this.#link.isConnected;
  }

  protected override request(args: readonly KeyValueArgument[]): Promise<Reply> {
    return this.#link.request(args, this.#signal);
  }

  /**
   * The same client, whose calls are made with these options. Closing either closes both.
   *
   * ```ts ignore
   * // Rejects with a DOMException named TimeoutError.
   * await client.with({ signal: AbortSignal.timeout(1000) }).get("greeting");
   * ```
   */
  with(options: CallOptions): KeyValueClient {
    return new KeyValueClient(this.#link, options.signal);
  }

  /**
   * The keys of the store, read step by step. A key that is there all the time comes at least once; one
   * that comes or goes meanwhile may or may not come; a key may come twice.
   */
  async *scan(options: ScanOptions = {}): AsyncGenerator<string, void, void> {
    for await (const keys of this.#scan(options)) yield* toList(toText)(keys);
  }

  /** As `scan`, for keys that are not UTF-8. */
  async *scanBytes(options: ScanOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    for await (const keys of this.#scan(options)) yield* toList(toBytes)(keys);
  }

  async *#scan({ match, count, type }: ScanOptions): AsyncGenerator<Reply, void, void> {
    const words: KeyValueArgument[] = [];
    if (match !== undefined) words.push("MATCH", match);
    if (count !== undefined) words.push("COUNT", count);
    if (type !== undefined) words.push("TYPE", type);
    let cursor = "0";
    do {
      const reply = await this.command("SCAN", cursor, ...words);
      if (!Array.isArray(reply) || reply.length !== 2) {
        throw new TypeError("The server answered SCAN with something else than cursor and keys");
      }
      cursor = toText(reply[0]);
      yield reply[1];
    } while (cursor !== "0");
  }

  /**
   * Runs commands together: no other client's command comes between them, and after a crash all or
   * none have happened. The callback makes the calls and returns their promises, which it cannot wait
   * for; the results come in the same order. A command that fails does not undo the others: the first
   * failure rejects the whole, the promise of each call tells its own.
   *
   * ```ts ignore
   * const [balance, name] = await client.transaction((t) => [t.decrBy("balance", 5), t.get("name")]);
   * ```
   */
  async transaction<T extends readonly Promise<unknown>[] | []>(
    build: (transaction: KeyValueCommands) => T,
  ): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
    const transaction = new KeyValueTransaction();
    const results = build(transaction);
    await transaction.run((commands) => this.#link.requestAll(commands, this.#signal));
    return await Promise.all(results);
  }

  /**
   * Changes keys depending on what they hold: `attempt` reads through the client that it is given and
   * ends with a `transaction` of it, which is run only if none of the watched keys was changed since.
   * If one was, `attempt` is called again. It has a connection of its own, which ends with the client.
   *
   * ```ts ignore
   * await client.watch(["balance"], async (own) => {
   *   const balance = Number(await own.get("balance"));
   *   if (balance >= 5) await own.transaction((t) => [t.set("balance", balance - 5)]);
   * });
   * ```
   */
  async watch<T>(
    keys: readonly KeyValueArgument[],
    attempt: (own: KeyValueClient) => Promise<T>,
    options: WatchOptions = {},
  ): Promise<T> {
    const { attemptsMax = 100 } = options;
    // Watched keys are forgotten with the connection: this one must not be replaced silently.
    const link = await this.#link.branch(this.#signal);
    await using own = new KeyValueClient(link, this.#signal);
    for (let attempts = 1;; attempts++) {
      await own.send(["WATCH", ...keys]);
      try {
        return await attempt(own);
      } catch (error) {
        if (!(error instanceof KeyValueConflictError) || attempts >= attemptsMax) throw error;
      }
    }
  }

  /**
   * Takes no further calls, waits for the replies that are due, and disconnects. Calls that still wait
   * for a connection are rejected with a `KeyValueConnectionError`.
   */
  close(): Promise<void> {
    return this.#link.close();
  }

  /** As `close`: `await using client = ...` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function addressOf(options: KeyValueClientOptions) {
  const { socket, hostname, port } = options;
  if (hostname !== undefined || port !== undefined) {
    if (socket !== undefined) {
      throw new TypeError("Cannot connect: give either a socket or a host name and port");
    }
    return { hostname: hostname ?? "127.0.0.1", port: port ?? 6379 };
  }
  return { socket: socket ?? environmentSocket() ?? "kv.sock" };
}

function environmentSocket(): string | undefined {
  try {
    return Deno.env.get("KV_SOCKET") || undefined;
  } catch {
    // Not allowed to look: as if it were not set.
    return undefined;
  }
}
