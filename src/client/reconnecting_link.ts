/**
 * A connection that is made anew when it is lost. Commands that were sent are never sent twice: when
 * their replies are lost, they are rejected. Commands that were not sent wait, within bounds.
 */
import { ErrorReply, type Reply } from "../protocol/reply.ts";
import type { CommandArgument } from "../protocol/request_writer.ts";
import { Connection, type ServerAddress } from "./connection.ts";
import { nameOf } from "./commands.ts";
import { KeyValueConnectionError, KeyValueReplyError } from "./errors.ts";
import { RequestQueue } from "./request_queue.ts";
import {
  assertAnswered,
  assertCollectable,
  isSubscription,
  specialNameOf,
} from "./special_commands.ts";
import { Subscriptions } from "./subscriptions.ts";

/** How a lost connection is made anew: waits that double, each shortened by up to half at random. */
export interface ReconnectOptions {
  /** Wait before the first attempt; doubled after each. Milliseconds, 20 unless given. */
  readonly delayMs?: number;
  /** Longest wait between attempts. Milliseconds, 2000 unless given. */
  readonly delayMaxMs?: number;
  /** Attempts before the client gives up for good; no limit unless given. */
  readonly attemptsMax?: number;
}

export interface LinkOptions {
  readonly address: ServerAddress;
  readonly protocol: 2 | 3;
  readonly name?: string;
  readonly username?: string;
  readonly password?: string;
  readonly reconnect: ReconnectOptions | false;
  /** How much may wait while there is no connection. */
  readonly offlineCommandsMax: number;
  readonly offlineBytesMax: number;
  readonly onPush?: (items: readonly Reply[]) => void;
}

export class ReconnectingLink {
  readonly options: LinkOptions;
  readonly #queue = new RequestQueue();
  #connection: Connection | null = null;
  /** Connected, but not introduced yet. */
  #greeted: Connection | null = null;
  /** Those of the last connection, which the next one makes again. */
  #subscriptions = new Subscriptions();
  /** Set once no further command is taken: by `close`, or when reconnecting is given up. */
  #ending: KeyValueConnectionError | null = null;
  /** Ends an attempt to connect, which may take minutes where nobody answers. */
  readonly #connecting = new AbortController();
  #wake: (() => void) | null = null;
  /** The listener on a signal that may outlive the link, and so must not keep it. */
  #stopListening: (() => void) | null = null;
  /** Tells the link that this one is a branch of. */
  #leave: (() => void) | null = null;
  /** Connections of their own that were opened for this link's client, and end with it. */
  readonly #branches = new Set<ReconnectingLink>();

  /**
   * Connects once; the promise rejects when that fails. Aborting `signal` ends the link, while it is
   * being opened and later.
   */
  static async open(options: LinkOptions, signal?: AbortSignal): Promise<ReconnectingLink> {
    signal?.throwIfAborted();
    const link = new ReconnectingLink(options);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    aborted.catch(() => {});
    const abort = () => {
      link.closeNow();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", abort);
    link.#stopListening = () => signal?.removeEventListener("abort", abort);
    try {
      await Promise.race([aborted, link.#connect().then((connection) => link.#use(connection))]);
    } catch (error) {
      link.#stopListening();
      throw error;
    }
    return link;
  }

  private constructor(options: LinkOptions) {
    this.options = options;
  }

  /** Opens a connection beside this one that is never made anew, and ends with this link. */
  async branch(signal?: AbortSignal): Promise<ReconnectingLink> {
    if (this.#ending) throw this.#ending;
    const branch = await ReconnectingLink.open({ ...this.options, reconnect: false }, signal);
    if (this.#ending) {
      branch.closeNow();
      throw this.#ending;
    }
    this.#branches.add(branch);
    branch.#leave = () => this.#branches.delete(branch);
    return branch;
  }

  get isConnected(): boolean {
    return this.#connection !== null;
  }

  /** Sends a command, or lets it wait for a connection. */
  request(args: readonly CommandArgument[], signal?: AbortSignal): Promise<Reply> {
    try {
      this.#assertTakes();
      this.#assertSendable(args);
      return this.#queue.add(args, signal).reply;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Sends a transaction, MULTI and EXEC included, in one piece; throws when none of it can be sent. */
  requestAll(
    commands: readonly (readonly CommandArgument[])[],
    signal?: AbortSignal,
  ): Promise<Reply>[] {
    this.#assertTakes();
    for (const args of commands) assertAnswered(args, this.options.protocol);
    for (const args of commands.slice(1, -1)) assertCollectable(args);
    return this.#queue.addAll(commands, signal).map((request) => request.reply);
  }

  #assertTakes(): void {
    if (this.#ending) throw this.#ending;
    if (this.#connection) return;
    const { offlineCommandsMax, offlineBytesMax } = this.options;
    if (this.#queue.length < offlineCommandsMax && this.#queue.byteLength < offlineBytesMax) return;
    throw new KeyValueConnectionError(
      "Cannot send the command: there is no connection, and too many commands wait for one",
    );
  }

  #assertSendable(args: readonly CommandArgument[]): void {
    assertAnswered(args, this.options.protocol);
    if (!isSubscription(specialNameOf(args))) return;
    if (this.#queue.collects ?? this.#connection?.collects ?? false) assertCollectable(args);
  }

  /** Takes no further commands, waits for the replies that are due, and disconnects. */
  async close(): Promise<void> {
    this.#ending ??= new KeyValueConnectionError("The client is closed");
    await Promise.all([
      this.#connection?.idle(),
      ...Array.from(this.#branches, (branch) => branch.close()),
    ]);
    this.closeNow();
  }

  /** Disconnects at once: what is not answered is rejected. */
  closeNow(): void {
    this.#ending ??= new KeyValueConnectionError("The client is closed");
    this.#stopListening?.();
    this.#leave?.();
    for (const branch of this.#branches) branch.closeNow();
    this.#wake?.();
    this.#connecting.abort();
    this.#greeted?.close();
    this.#connection?.close();
    this.#connection = null;
    this.#queue.rejectAll(this.#ending);
  }

  #use(connection: Connection): void {
    if (this.#ending) return connection.close();
    this.#connection = connection;
    this.#subscriptions = connection.subscriptions;
    connection.sendFrom(this.#queue);
    connection.ended.then((reason) => {
      this.#connection = null;
      if (this.#ending === null) this.#reconnect(reason);
    });
  }

  async #reconnect(reason: KeyValueConnectionError | null): Promise<void> {
    const { reconnect } = this.options;
    if (reconnect === false) return this.#giveUp(reason);
    const { delayMs = 20, delayMaxMs = 2000, attemptsMax = Infinity } = reconnect;
    let lastError: unknown = reason;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      // Not all clients of a server that comes back at the same moment: each waits 50% to 100%.
      const longest = Math.min(delayMaxMs, delayMs * 2 ** attempt);
      await this.#pause(longest * (0.5 + Math.random() / 2));
      if (this.#ending) return;
      try {
        return this.#use(await this.#connect());
      } catch (error) {
        if (this.#ending) return;
        lastError = error;
      }
    }
    this.#giveUp(lastError);
  }

  #giveUp(cause: unknown): void {
    const why = cause instanceof Error ? cause.message : "closed";
    this.#ending = new KeyValueConnectionError(`The client has no connection: ${why}`, { cause });
    this.#stopListening?.();
    this.#queue.rejectAll(this.#ending);
  }

  /** Waits; `closeNow` ends it early. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Connects, introduces the client, and subscribes it to what it was subscribed to. */
  async #connect(): Promise<Connection> {
    const connection = await Connection.open(this.options.address, this.#connecting.signal);
    if (this.#ending) {
      connection.close();
      throw this.#ending;
    }
    this.#greeted = connection;
    // Messages may come as soon as a subscription is made again.
    connection.onPush = this.options.onPush ?? null;
    const greeting = new RequestQueue();
    const commands = [...this.#greeting(), ...this.#subscriptions.commands()];
    const replies = commands.map(async (command) => {
      const reply = await greeting.add(command).reply;
      if (reply instanceof ErrorReply) throw new KeyValueReplyError(reply, nameOf(command));
    });
    try {
      connection.sendFrom(greeting, { isLast: true });
      await Promise.all(replies);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      this.#greeted = null;
    }
  }

  #greeting(): string[][] {
    const { protocol, name, username = "default", password } = this.options;
    const commands: string[][] = [];
    if (protocol === 3) {
      commands.push(["HELLO", "3", ...(password ? ["AUTH", username, password] : [])]);
    } else if (password) {
      commands.push(["AUTH", username, password]);
    }
    if (name) commands.push(["CLIENT", "SETNAME", name]);
    return commands;
  }
}
