/**
 * One client's connection: reads what there is, runs all requests in it, and sends their replies in one
 * write. The next read waits for that write, so a client that does not read its replies is not read
 * from either, and can make the server hold no more than one batch of replies for it.
 */
import type { ClientConnection, ConnectionMemory, Session } from "../commands/session.ts";
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import { RequestParser } from "../protocol/request_parser.ts";
import { monotonicMicroseconds } from "../sys/monotonic_clock.ts";
import type { ServerCore } from "./server_core.ts";

/** Replies are sent when they are longer than this, though there are more requests in the batch. */
const replyBytesSoftMax = 1024 * 1024;

const noBytes = new Uint8Array(0);

/** Where a connection stands that was served by somebody else before. */
export interface ConnectionStart {
  readonly parser: RequestParser;
  /** How many of the parser's requests were run. */
  readonly handled: number;
  /** A read into the parser's space that is under way, or null. */
  readonly read: Promise<number | null> | null;
}

export class Connection implements ClientConnection {
  readonly session: Session;
  /** Called once, when the connection is closed, from whichever side. */
  onClose: () => void = () => {};
  readonly #core: ServerCore;
  readonly #socket: Deno.Conn;
  readonly #parser: RequestParser;
  /** What comes before the first read of its own. */
  #firstRead: Promise<number | null> | null;
  #closed = false;
  /** It waits for the next request: nothing of it is under way. */
  #isIdle = true;
  /** How many of the parser's requests have been run. */
  #handled = 0;
  /** The replies of the last batch. */
  #replyBytes: Uint8Array = noBytes;
  #replyLength = 0;
  /** The most of them that there was. */
  #replyLengthMax = 0;
  /** A sync had failed before the last batch: it wrote nothing, and its replies say why. */
  #wasRefusedWrites = false;

  constructor(core: ServerCore, socket: Deno.Conn, session: Session, start?: ConnectionStart) {
    this.#parser = start?.parser ?? new RequestParser();
    this.#handled = start?.handled ?? 0;
    // Requests that have been read already are run as if they came now.
    this.#firstRead = start === undefined ? null : start.read ?? Promise.resolve(0);
    this.#core = core;
    this.#socket = socket;
    this.session = session;
    session.connection = this;
  }

  /** Serves the client until it goes, or the connection is closed. */
  async serve(): Promise<void> {
    const parser = this.#parser;
    const { session } = this;
    try {
      while (!this.#closed) {
        const length = await (this.#firstRead ?? this.#socket.read(parser.space()));
        this.#firstRead = null;
        if (length === null || this.#closed) break;
        this.#isIdle = false;
        session.bytesRead += length;
        this.#core.bytesRead += length;
        this.#core.reads++;
        parser.bulkLengthMax = this.#core.settings.bulkLengthMax;
        parser.received(length);
        if (parser.pendingBytes > this.#core.settings.queryBufferBytesMax) break;
        let hasMore: boolean;
        do {
          if (this.#core.store.isShortOfRoom) await this.#waitForRoom();
          hasMore = this.#runBatch();
          if (this.#replyLength > 0) await this.#send();
          if (session.wait !== null) await this.#sendLate(session.wait);
          if (session.isPostponed) await this.#waitForPause();
        } while (hasMore && !this.#closed);
        if (session.closing || parser.error !== null) break;
        this.#isIdle = true;
        if (this.#core.isStopping) break;
      }
    } catch (error) {
      // The client is gone, or was closed by another: nothing is left to tell it.
      if (!isConnectionError(error)) throw error;
    } finally {
      session.endTransaction(this.#core.store);
      this.close();
    }
  }

  /**
   * Runs the requests that have arrived, until there are no more or the replies are long. Returns
   * whether there is more to run.
   */
  #runBatch(): boolean {
    const core = this.#core;
    const parser = this.#parser;
    const { session } = this;
    const { reply, context, dispatcher, store } = core;
    this.#beginReply();
    context.session = session;
    const now = Date.now();
    const { timer } = dispatcher;
    const started = timer.start(session);
    store.now = now;
    this.#wasRefusedWrites = store.failure !== null;
    if (store.isUntouched !== session.isNoTouch) store.isUntouched = session.isNoTouch;
    session.lastActiveMs = now;
    session.batchPosition = store.position;
    while (this.#mayGoOn && reply.length <= replyBytesSoftMax) {
      if (this.#handled === parser.count) {
        this.#handled = 0;
        timer.pause();
        if (parser.readAhead() === 0) break;
        store.prefetch(parser.requests, parser.count);
      }
      context.request = parser.requests[this.#handled++];
      dispatcher.run();
      if (session.isPostponed) this.#handled--;
    }
    timer.pause();
    session.noteWrites(store.position);
    const isPaused = session.isBlocked || reply.length > replyBytesSoftMax;
    const hasMore = !session.closing && isPaused;
    if (parser.error !== null && !hasMore && !session.closing && session.muted === 0) {
      reply.errorQuotingBytes(parser.error);
    }
    store.tick();
    core.noteRates(now);
    this.#endReply();
    if (reply.length === 0) core.buffers.give(reply.bytes);
    store.pauses.note((monotonicMicroseconds() - started) / 1000);
    return hasMore;
  }

  get #mayGoOn(): boolean {
    const { session } = this;
    return !session.closing && session.wait === null && !session.isPostponed &&
      !this.#core.isStopping;
  }

  /** Sends the reply to a command that waits for something. */
  async #sendLate(wait: Promise<(reply: ReplyWriter) => void>): Promise<void> {
    const write = await wait;
    this.session.wait = null;
    this.session.unblock = null;
    this.#beginReply();
    write(this.#core.reply);
    this.#endReply();
    await this.#send();
  }

  async #waitForRoom(): Promise<void> {
    const started = performance.now();
    await this.#core.store.whenRoom();
    this.#core.evictionWaitMs += performance.now() - started;
  }

  /** Waits until the request that was kept back may be run. Meanwhile a stop need not wait for it. */
  async #waitForPause(): Promise<void> {
    this.#isIdle = true;
    await this.#core.context.pause.whenOver();
    this.#isIdle = false;
    this.session.isPostponed = false;
  }

  /** Has the writer that all connections share write for this one, until `#endReply`. */
  #beginReply(): void {
    const { reply, buffers } = this.#core;
    reply.bytes = buffers.take();
    reply.length = 0;
    reply.protocol = this.session.protocol;
  }

  /** What was written is this connection's, to be sent. */
  #endReply(): void {
    const { reply } = this.#core;
    this.#replyBytes = reply.bytes;
    this.#replyLength = reply.length;
  }

  /** Sends the replies, which may tell of nothing that is not on the disk when the policy says so. */
  async #send(): Promise<void> {
    const { store, buffers } = this.#core;
    const bytes = this.#replyBytes;
    const length = this.#replyLength;
    this.#replyLengthMax = Math.max(this.#replyLengthMax, length);
    const mustWait = store.syncPolicy === "always" && !this.#wasRefusedWrites;
    if (mustWait && store.durablePosition < store.position) {
      const started = performance.now();
      try {
        await store.whenDurable(store.position);
        this.#core.context.timer.latency.note("aof-fsync-always", performance.now() - started);
      } catch {
        // Nothing of what it wrote can be confirmed, and its next connection will be told why.
        return this.close();
      }
    }
    let sent = await this.#socket.write(bytes.subarray(0, length));
    while (sent < length) sent += await this.#socket.write(bytes.subarray(sent, length));
    buffers.give(bytes);
    this.#replyBytes = noBytes;
    this.#replyLength = 0;
    this.session.bytesWritten += length;
    this.#core.bytesWritten += length;
    this.#core.writes++;
  }

  /** Closes the connection at once if it is idle; otherwise after the replies under way. */
  stop(): void {
    if (this.#isIdle) this.close();
  }

  memory(): ConnectionMemory {
    const parser = this.#parser;
    // While requests are run, all that came with them is still there.
    const query = this.#isIdle ? parser.pendingBytes : parser.receivedBytes;
    return {
      query,
      queryFree: parser.bufferBytes - query,
      replyBuffer: this.#replyBytes.length,
      replies: this.#replyLength,
      repliesPeak: this.#replyLengthMax,
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onClose();
    // Closing alone does not reach a peer in every version of the runtime while a read is pending.
    this.#socket.closeWrite().catch(() => {}).finally(() => {
      try {
        this.#socket.close();
      } catch {
        // Closed already.
      }
    });
  }
}

/** Errors of a socket whose other end, or own end, is closed. */
function isConnectionError(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.TimedOut ||
    error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.UnexpectedEof;
}
