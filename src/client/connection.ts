/**
 * One connection to a server: sends what a queue holds, all of it in one write, and gives the replies
 * to the requests in their order. It knows nothing of reconnecting.
 */
import { ErrorReply, PushReply, type Reply } from "../protocol/reply.ts";
import { type CommandArgument, RequestWriter } from "../protocol/request_writer.ts";
import { ReplyParser } from "../protocol/reply_parser.ts";
import { closeConnection } from "../sys/close_connection.ts";
import { KeyValueConnectionError, type KeyValueConnectionErrorOptions } from "./errors.ts";
import { toText } from "./reply_conversion.ts";
import { lastCollects, type PendingRequest, type RequestQueue } from "./request_queue.ts";
import { collectsAfter, isSubscription } from "./special_commands.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Where a server listens. */
export type ServerAddress =
  | { readonly socket: string }
  | { readonly hostname: string; readonly port: number };

const readBufferBytes = 64 * 1024;

/** How long the replies that a server may still have sent are waited for when it reads no more. */
const lastRepliesMs = 1000;

/** Unix sockets: `sun_path` is 108 bytes with the zero behind it. */
const socketPathBytesMax = 107;

/** The address as people write it: a path, or `host:port`. */
export function formatAddress(address: ServerAddress): string {
  return "socket" in address ? address.socket : `${address.hostname}:${address.port}`;
}

export class Connection {
  /** Resolves when the connection has ended, with the reason; null when `close` ended it. */
  readonly ended: Promise<KeyValueConnectionError | null>;
  /** Called with what the server sends unasked. */
  onPush: ((items: readonly Reply[]) => void) | null = null;
  readonly subscriptions = new Subscriptions();

  readonly #stream: Deno.Conn;
  readonly #parser = new ReplyParser();
  readonly #resolveEnded: (reason: KeyValueConnectionError | null) => void;
  /** Told of all that comes, since `listen`. */
  #receive: ((reply: Reply) => void) | null = null;
  #queue: RequestQueue | null = null;
  /** What is still in the queue at the end is rejected, too. */
  #endsQueue = false;
  /** Sent and not answered: from `#answered` on. */
  #sent: PendingRequest[] = [];
  #answered = 0;
  /** Confirmations that the oldest request, a subscription, has had. */
  #confirmed = 0;
  /** The server is between MULTI and EXEC, as of the last reply. */
  #collects = false;
  #flushing = false;
  #open = true;
  #hasReplied = false;
  /** An error that came before anything was asked for, as from a server with too many clients. */
  #refusal: ErrorReply | null = null;
  #reason: KeyValueConnectionError | null = null;
  #writeFailure: ReturnType<typeof setTimeout> | undefined;
  #idle: (() => void)[] = [];

  /**
   * Connects. Rejects with a `KeyValueConnectionError` that says why not, and what to do. Aborting
   * `signal` ends the attempt; a connection that there is by then stays.
   */
  static async open(address: ServerAddress, signal?: AbortSignal): Promise<Connection> {
    try {
      if ("socket" in address) {
        if (new TextEncoder().encode(address.socket).length > socketPathBytesMax) {
          throw new KeyValueConnectionError(
            `Cannot connect to ${address.socket}: the path of a socket has at most ` +
              `${socketPathBytesMax} bytes`,
          );
        }
        // Connected or refused at once: there is nothing to abort.
        return new Connection(await connectToSocket(address.socket));
      }
      const { hostname, port } = address;
      const stream = await Deno.connect({ hostname, port, signal });
      stream.setNoDelay(true);
      stream.setKeepAlive(true);
      return new Connection(stream);
    } catch (error) {
      throw error instanceof KeyValueConnectionError ? error : cannotConnect(address, error);
    }
  }

  constructor(stream: Deno.Conn) {
    this.#stream = stream;
    const { promise, resolve } = Promise.withResolvers<KeyValueConnectionError | null>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    this.#readReplies();
  }

  /** Requests whose replies have not come. */
  get unanswered(): number {
    return this.#sent.length - this.#answered;
  }

  /** Whether the server only collects what comes behind what was sent (MULTI). */
  get collects(): boolean {
    return lastCollects(this.#sent.slice(this.#answered)) ?? this.#collects;
  }

  /**
   * Sends what `queue` holds, and from now on whatever is added to it. What was not sent when the connection
   * ends stays in the queue, for the next connection; unless there is none, as `isLast` says: then it is rejected, and so
   * is what is added later.
   */
  sendFrom(queue: RequestQueue, { isLast = false } = {}): void {
    if (this.#queue) this.#queue.onAdd = null;
    this.#queue = queue;
    this.#endsQueue = isLast;
    if (!this.#open) return this.#endQueue();
    queue.onAdd = () => this.#flushSoon();
    if (!queue.isEmpty) this.#flushSoon();
  }

  /**
   * Sends requests that have no one reply each, and gives `receive` all that comes from now on. Not for
   * a connection that sends from a queue.
   */
  async listen(
    requests: readonly (readonly CommandArgument[])[],
    receive: (reply: Reply) => void,
  ): Promise<void> {
    this.#receive = receive;
    const refusal = this.#takeRefusal();
    if (refusal !== null) return receive(refusal);
    const writer = new RequestWriter();
    for (const request of requests) writer.command(request);
    try {
      await this.#write(writer.bytes.subarray(0, writer.length));
    } catch (error) {
      this.#writeFailed(error);
    }
  }

  /** Resolves when all that was added has its reply, or when the connection has ended. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Ends the connection. What was sent and not answered is rejected. */
  close(): void {
    this.#end(null);
  }

  /** All that is added within one turn of the microtasks leaves in one write. */
  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  async #flush(): Promise<void> {
    try {
      while (this.#canWrite() && this.#queue && !this.#queue.isEmpty) {
        const { bytes, requests } = this.#queue.take();
        for (const request of requests) this.#sent.push(request);
        const refusal = this.#takeRefusal();
        if (refusal !== null) this.#answer(refusal);
        // What is added during a write waits for its end, and leaves in the next.
        await this.#write(bytes);
      }
    } catch (error) {
      this.#writeFailed(error);
    } finally {
      this.#flushing = false;
      this.#tellIdle();
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#stream.write(bytes.subarray(at));
  }

  /** The replies sent before the server went are still to be read; that ends with their end. */
  #writeFailed(error: unknown): void {
    if (!this.#open) return;
    const reason = lost("the request could not be written", error);
    this.#writeFailure = setTimeout(() => this.#end(reason), lastRepliesMs);
  }

  #canWrite(): boolean {
    return this.#open && this.#writeFailure === undefined;
  }

  #isIdle(): boolean {
    return !this.#open || (this.unanswered === 0 && (this.#queue?.isEmpty ?? true));
  }

  #tellIdle(): void {
    if (this.#idle.length === 0 || !this.#isIdle()) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #readReplies(): Promise<void> {
    const buffer = new Uint8Array(readBufferBytes);
    try {
      while (this.#open) {
        const count = await this.#stream.read(buffer);
        if (count === null) return this.#end(lost("the server closed it"));
        this.#parser.feed(buffer.subarray(0, count));
        for (let reply; (reply = this.#parser.next()) !== undefined;) this.#dispatch(reply);
      }
    } catch (error) {
      this.#end(lost(error instanceof Error ? error.message : String(error), error));
    }
  }

  #dispatch(reply: Reply): void {
    const isFirst = !this.#hasReplied;
    this.#hasReplied = true;
    if (this.#receive !== null) return this.#receive(reply);
    if (reply instanceof PushReply) {
      if (!this.#confirm(reply.items)) this.#push(reply.items);
    } else if (this.#answered < this.#sent.length) {
      this.#answer(reply);
    } else if (isFirst && reply instanceof ErrorReply) {
      this.#refusal = reply;
    } else {
      throw new Error("the server sent a reply that nothing was asked for");
    }
  }

  /** The error that came unasked is the reply to what is asked first, as if that had come in time. */
  #takeRefusal(): ErrorReply | null {
    const refusal = this.#refusal;
    this.#refusal = null;
    return refusal;
  }

  /** Gives the oldest request its reply. */
  #answer(reply: Reply): void {
    const request = this.#sent[this.#answered++];
    request.resolve(reply);
    if (request.name !== null) {
      this.#confirmed = 0;
      const collects = collectsAfter(request.name);
      if (collects !== null && !(collects && reply instanceof ErrorReply)) {
        this.#collects = collects;
      }
    }
    // Forgets what is answered when that is most of the list: constant time on average.
    if (this.#answered === this.#sent.length) {
      this.#sent.length = this.#answered = 0;
      this.#tellIdle();
    } else if (this.#answered >= 1024 && this.#answered * 2 > this.#sent.length) {
      this.#sent.splice(0, this.#answered);
      this.#answered = 0;
    }
  }

  /**
   * Whether a push is what the oldest request waits for: a confirmation of its subscription. There is one
   * for each channel, and the last one is the reply.
   */
  #confirm(items: readonly Reply[]): boolean {
    const request = this.#sent[this.#answered] as PendingRequest | undefined;
    if (request === undefined || !isSubscription(request.name)) return false;
    if (toText(items[0]).toUpperCase() !== request.name) return false;
    const left = this.subscriptions.confirm(request.name, items[1]);
    this.#confirmed++;
    // Without channels, all are meant that there are.
    const { argumentCount } = request;
    if (argumentCount === 0 ? left === 0 : this.#confirmed === argumentCount) {
      this.#answer([...items]);
    }
    return true;
  }

  /** What the listener throws is its own bug, and nothing that ends the connection. */
  #push(items: readonly Reply[]): void {
    try {
      this.onPush?.(items);
    } catch (error) {
      reportError(error);
    }
  }

  #end(reason: KeyValueConnectionError | null): void {
    if (!this.#open) return;
    this.#open = false;
    this.#reason = reason;
    clearTimeout(this.#writeFailure);
    closeConnection(this.#stream);
    const error = reason ?? closed({ mayHaveRun: true });
    for (const request of this.#sent.splice(this.#answered)) request.reject(error);
    this.#sent = [];
    this.#answered = 0;
    this.#endQueue();
    this.#tellIdle();
    this.#resolveEnded(reason);
  }

  /** Rejects what is in the queue at the end of the connection, and what comes later, unless there is another one. */
  #endQueue(): void {
    const queue = this.#queue;
    if (queue === null) return;
    queue.onAdd = null;
    if (!this.#endsQueue) return;
    const { message, cause } = this.#reason ?? closed({});
    queue.onAdd = () => {
      for (const request of queue.take().requests) {
        const refusal = this.#takeRefusal();
        if (refusal !== null) request.resolve(refusal);
        else request.reject(new KeyValueConnectionError(message, { cause }));
      }
    };
    queue.onAdd();
  }
}

async function connectToSocket(path: string): Promise<Deno.Conn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    const { isTooLong, ShortPath } = await import("../sys/short_path.ts");
    if (!isTooLong(error)) throw error;
    using short = new ShortPath(path);
    return await Deno.connect({ transport: "unix", path: short.path });
  }
}

function closed(options: KeyValueConnectionErrorOptions): KeyValueConnectionError {
  return new KeyValueConnectionError("The connection was closed", options);
}

function lost(why: string, cause?: unknown): KeyValueConnectionError {
  return new KeyValueConnectionError(`The connection to the server was lost: ${why}`, {
    cause,
    mayHaveRun: true,
  });
}

function cannotConnect(address: ServerAddress, cause: unknown): KeyValueConnectionError {
  const where = formatAddress(address);
  let why = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Deno.errors.NotFound) why = "there is no such socket";
  else if (cause instanceof Deno.errors.ConnectionRefused) why = "nobody listens there";
  else if (cause instanceof Deno.errors.PermissionDenied) why = "permission denied";
  return new KeyValueConnectionError(`Cannot connect to ${where}: ${why}`, { cause });
}
