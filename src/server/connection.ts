/**
 * One client's connection: reads what there is, runs all requests in it, and sends their replies in one
 * write. The next read waits for that write, so a client that does not read its replies is not read
 * from either, and can make the server hold no more than one batch of replies for it.
 */
import { TlsError } from "../sys/openssl.ts";
import type { ClientSocket, Receiver } from "./client_socket.ts";
import type { ClientConnection, ConnectionMemory, Session } from "../commands/session.ts";
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import type { RequestParser } from "../protocol/request_parser.ts";
import { copyBytes } from "../store/copy_bytes.ts";
import { ConnectionError } from "../sys/sockets.ts";
import { OutputGuard } from "./output_limits.ts";
import type { ServerCore } from "./server_core.ts";
import type { TurnMember } from "./turns.ts";

/** Replies are sent when they are longer than this, though there are more requests in the batch. */
const replyBytesSoftMax = 1024 * 1024;

/** While a client is above its soft limit, it is looked at so often. */
const guardMs = 1000;

const noBytes = new Uint8Array(0);

/** Where a connection stands that was served by somebody else before. */
export interface ConnectionStart {
  readonly parser: RequestParser;
  /** How many of the parser's requests were run. */
  readonly handled: number;
  /** A read into the parser's space that is under way, or null. */
  readonly read: Promise<number | null> | null;
}

export class Connection implements ClientConnection, Receiver, TurnMember {
  readonly session: Session;
  /** Called once, when the connection is closed, from whichever side. */
  onClose: () => void = () => {};
  readonly #core: ServerCore;
  readonly #socket: ClientSocket;
  /** While it waits for the first bytes of a request, it has none. */
  #parser: RequestParser | null;
  readonly #ended = Promise.withResolvers<void>();
  /** What comes before the first read of its own. */
  readonly #firstRead: Promise<number | null> | null;
  #closed = false;
  /** It is about to be closed, since it does not read. */
  #isGivenUp = false;
  /** It waits for the next request: nothing of it is under way. */
  #isIdle = true;
  /** How many of the parser's requests have been run. */
  #handled = 0;
  /** Which keys of `store.ahead` are those of its requests. */
  #aheadFrom = 0;
  #aheadTo = 0;
  /** After a turn: something has to be done before there is another one for the rest of the requests. */
  #hasMore = false;
  /** The turn has changed something. */
  #hasWritten = false;
  /** A bug of the program that ended a turn of this connection. */
  #failure: unknown = null;
  /** The replies of the last batch. */
  #replyBytes: Uint8Array = noBytes;
  #replyLength = 0;
  /** How many of these bytes have been sent. */
  #sent = 0;
  /** The most of them that there was. */
  #replyLengthMax = 0;
  /** What is to be sent though nobody asked for it, behind the replies. */
  #pushBytes: Uint8Array = noBytes;
  #pushLength = 0;
  /** Requests of this client are being run. */
  #isRunning = false;
  /** Replies are being sent. */
  #isSending = false;
  /** Pushes are; resolves when they are sent. Replies wait for it. */
  #pushing: Promise<void> | null = null;
  readonly #guard = new OutputGuard();
  /** Bytes of pushes that are being sent. */
  #pushingLength = 0;
  /** Set while the soft limit of what waits is exceeded. */
  #guardTimer: ReturnType<typeof setTimeout> | undefined;
  /** A sync had failed before the last batch: it wrote nothing, and its replies say why. */
  #wasRefusedWrites = false;

  constructor(core: ServerCore, socket: ClientSocket, session: Session, start?: ConnectionStart) {
    this.#parser = start?.parser ?? null;
    this.#handled = start?.handled ?? 0;
    // Requests that have been read already are run as if they came now.
    this.#firstRead = start === undefined ? null : start.read ?? Promise.resolve(0);
    this.#core = core;
    this.#socket = socket;
    this.session = session;
    session.connection = this;
  }

  /** Serves the client; resolves when it has gone, or the connection is closed. Rejects for a bug. */
  serve(): Promise<void> {
    const first = this.#firstRead;
    if (first === null) this.#receive();
    else first.then((length) => this.received(length), (error) => this.failed(error));
    return this.#ended.promise;
  }

  #receive(): void {
    this.#socket.receive(this);
  }

  space(): Uint8Array {
    this.#parser ??= this.#core.parsers.take();
    return this.#parser.space();
  }

  nothingReceived(): void {
    this.#giveBackParser();
  }

  #giveBackParser(): void {
    const parser = this.#parser;
    if (parser === null || parser.pendingBytes > 0 || parser.error !== null) return;
    this.#parser = null;
    this.#core.parsers.give(parser);
  }

  received(length: number | null): void {
    const parser = this.#parser;
    if (length === null || parser === null || this.#closed) return this.#end();
    const core = this.#core;
    this.#isIdle = false;
    this.session.bytesRead += length;
    core.bytesRead += length;
    core.reads++;
    parser.bulkLengthMax = core.settings.bulkLengthMax;
    parser.received(length);
    if (parser.pendingBytes > core.settings.queryBufferBytesMax) return this.#end();
    this.#takeTurn();
  }

  failed(error: unknown): void {
    // The client is gone, or was closed by another: nothing is left to tell it.
    if (!isConnectionError(error)) this.#ended.reject(error);
    this.#end();
  }

  #takeTurn(): void {
    const { store, turns } = this.#core;
    this.#hasWritten = false;
    // What it brings may have to be written.
    const bytes = this.#parser?.readyBytes ?? 0;
    if (!store.isShortOfRoomFor(bytes)) return turns.join(this);
    this.#waitForRoom(bytes).then(() => turns.join(this), (error) => this.failed(error));
  }

  endTurn(): void {
    try {
      if (this.#failure !== null) throw this.#failure;
      // Nearly always nothing stands in the way, and all is taken at once.
      const isSent = this.#replyLength === 0 || this.#sendNow();
      const { wait, isPostponed } = this.session;
      const mayGoOn = isSent && wait === null && !isPostponed && !this.#hasMore;
      if (mayGoOn && !this.#mustLetDiskCatchUp) this.#goOn();
      else this.#finishTurn().catch((error) => this.failed(error));
    } catch (error) {
      this.failed(error);
    }
  }

  /** What is left to do after a turn, and has to be waited for. */
  async #finishTurn(): Promise<void> {
    const { session } = this;
    if (this.#replyLength > 0) await this.#send();
    if (session.wait !== null) await this.#sendLate(await this.#unlessGone(session.wait));
    if (session.isPostponed) await this.#unlessGone(this.#waitForPause());
    if (this.#mustLetDiskCatchUp) await this.#letDiskCatchUp();
    if (this.#hasMore && !this.#closed) this.#takeTurn();
    else this.#goOn();
  }

  /** The turn changed something, and the disk is behind. */
  get #mustLetDiskCatchUp(): boolean {
    return this.#hasWritten && this.#core.store.isDiskBehind;
  }

  /** Waits for the disk. Meanwhile a stop need not wait for more requests. */
  async #letDiskCatchUp(): Promise<void> {
    const { store, context } = this.#core;
    const started = performance.now();
    this.#isIdle = !this.#hasMore;
    await store.whenDiskCaughtUp();
    this.#isIdle = false;
    context.timer.latency.note("aof-write-pending-fsync", performance.now() - started);
  }

  /** All that was received has been handled. */
  #goOn(): void {
    if (this.#closed || this.session.closing || this.#parser?.error != null) return this.#end();
    this.#giveBackParser();
    this.#isIdle = true;
    if (this.#core.isStopping) this.#end();
    else this.#receive();
  }

  #end(): void {
    this.#giveBackParser();
    this.session.endTransaction(this.#core.store);
    this.close();
    this.#ended.resolve();
  }

  // --- a turn ----------------------------------------------------------------------------------------

  get pendingBytes(): number {
    return this.#parser!.pendingBytes;
  }

  get replyBytes(): number {
    return this.#replyLength;
  }

  lookAhead(): void {
    this.#aheadFrom = this.#aheadTo = this.#core.store.ahead.count;
    try {
      this.#lookAhead();
    } catch (error) {
      this.#failure = error;
    }
  }

  #lookAhead(): void {
    const { dispatcher, context, store } = this.#core;
    const parser = this.#parser!;
    if (this.#handled >= parser.count) {
      this.#handled = 0;
      parser.isLimited = this.session.owesPassword(context.server.access);
      parser.readAhead();
    }
    dispatcher.lookAhead(parser.requests, this.#handled, parser.count, parser.view);
    this.#aheadTo = store.ahead.count;
  }

  /**
   * Runs the requests that were looked ahead at, unless the replies get long or one of them has to wait:
   * then there will be another turn. Returns whether this one may go on.
   */
  runSome(): boolean {
    try {
      if (!this.#closed && this.#failure === null) return this.#runSome();
      this.#hasMore = false;
      return false;
    } catch (error) {
      this.#endReply(); // What it began with may have been given back.
      this.#failure = error;
      return false;
    }
  }

  #runSome(): boolean {
    const core = this.#core;
    const parser = this.#parser!;
    const { session } = this;
    const { reply, context, dispatcher, store } = core;
    const { timer } = dispatcher;
    this.#beginReply();
    this.#isRunning = true;
    context.session = session;
    const now = core.wallClock(timer.start(session));
    store.now = now;
    store.ahead.select(parser.bytes, parser.view, this.#aheadFrom, this.#aheadTo);
    this.#wasRefusedWrites = store.failure !== null;
    if (store.isUntouched !== session.isNoTouch) store.isUntouched = session.isNoTouch;
    session.lastActiveMs = now;
    session.batchPosition = store.position;
    while (this.#handled < parser.count && this.#mayGoOn && reply.length <= replyBytesSoftMax) {
      context.request = parser.requests[this.#handled++];
      dispatcher.run();
      if (this.#pushLength > 0) this.#takePushes();
      if (session.isPostponed) this.#handled--;
    }
    timer.pause();
    timer.command = null;
    if (store.position !== session.batchPosition) this.#hasWritten = true;
    session.noteWrites(store.position);
    const isPaused = session.isBlocked || reply.length > replyBytesSoftMax;
    this.#hasMore = !session.closing && isPaused;
    const mayGoOn = this.#mayGoOn && !isPaused && parser.mayHaveMore;
    if (
      parser.error !== null && !mayGoOn && !this.#hasMore && !session.closing && session.muted === 0
    ) {
      reply.errorQuotingBytes(parser.error);
    }
    core.noteRates(now);
    this.#endReply();
    this.#isRunning = false;
    if (this.#replyLength === 0 && !mayGoOn) {
      core.buffers.give(this.#replyBytes);
      this.#replyBytes = noBytes;
    }
    return mayGoOn;
  }

  get #mayGoOn(): boolean {
    const { session } = this;
    return !session.closing && session.wait === null && !session.isPostponed &&
      !this.#core.isStopping;
  }

  /** Sends the reply to a command that waits for something. */
  async #sendLate(write: (reply: ReplyWriter) => void): Promise<void> {
    this.session.wait = null;
    this.session.unblock = null;
    this.#beginReply();
    write(this.#core.reply);
    this.#endReply();
    await this.#send();
  }

  /** What is waited for, as long as there is a client that waits. Throws a ConnectionError. */
  async #unlessGone<T>(wait: Promise<T>): Promise<T> {
    const socket = this.#socket;
    const gone = Promise.withResolvers<never>();
    const leave = () => gone.reject(new ConnectionError("The client has gone"));
    if (socket.isGone) leave();
    socket.onGone = leave;
    try {
      return await Promise.race([wait, gone.promise]);
    } finally {
      socket.onGone = null;
    }
  }

  async #waitForRoom(bytes: number): Promise<void> {
    const started = performance.now();
    await this.#core.store.whenRoom(bytes);
    this.#core.evictionWaitMs += performance.now() - started;
  }

  /** Waits until the request that was kept back may be run. Meanwhile a stop need not wait for it. */
  async #waitForPause(): Promise<void> {
    this.#isIdle = true;
    await this.#core.context.pause.whenOver();
    this.#isIdle = false;
    this.session.isPostponed = false;
  }

  /**
   * Has the writer that all connections share write for this one, behind what waits to be sent, until
   * `#endReply`.
   */
  #beginReply(): void {
    const { reply, buffers } = this.#core;
    reply.bytes = this.#replyBytes.length > 0 ? this.#replyBytes : buffers.take();
    reply.length = this.#replyLength;
    reply.protocol = this.session.protocol;
    if (this.#pushLength > 0) this.#takePushes();
  }

  /** What was written is this connection's, to be sent. */
  #endReply(): void {
    const { reply } = this.#core;
    if (this.#pushLength > 0) this.#takePushes();
    this.#replyBytes = reply.bytes;
    this.#replyLength = reply.length;
  }

  /** Sends the replies, if nothing has to be done or waited for first. False: `#send` has to. */
  #sendNow(): boolean {
    if (this.#isOverLimit() || this.#pushing !== null) return false;
    if (!this.#wasRefusedWrites && !this.#core.store.isConfirmable) return false;
    this.#sent = this.#socket.sendNow(this.#replyBytes, this.#replyLength);
    if (this.#sent < this.#replyLength) return false;
    this.#finishSending();
    return true;
  }

  /** Sends the replies, which may tell of nothing that is not in the file, or on the disk when the policy says so. */
  async #send(): Promise<void> {
    if (this.#isOverLimit()) return this.#closeOverLimit();
    this.#isSending = true;
    if (!this.#wasRefusedWrites && !this.#core.store.isConfirmable) {
      const started = performance.now();
      // Nothing of what it wrote can be confirmed, and its next connection will be told why.
      if (!await this.#isOnDisk()) return this.close();
      this.#core.context.timer.latency.note("aof-fsync-always", performance.now() - started);
    }
    if (this.#pushing !== null) await this.#pushing;
    await this.#writeRest(this.#replyBytes, this.#sent, this.#replyLength);
    this.#finishSending();
  }

  /** The replies are sent. */
  #finishSending(): void {
    const length = this.#replyLength;
    if (length > this.#replyLengthMax) this.#replyLengthMax = length;
    this.#countWritten(length);
    this.#core.buffers.give(this.#replyBytes);
    this.#replyBytes = noBytes;
    this.#replyLength = this.#sent = 0;
    this.#isSending = false;
    if (this.#pushLength > 0) this.#core.sendSoon(this);
  }

  /** Resolves when all that was written is on the disk: true, or false when that has failed. */
  #isOnDisk(): Promise<boolean> {
    const { store } = this.#core;
    return store.whenDurable(store.position).then(() => true, () => false);
  }

  /** Writes `bytes[sent, length)`, however little is taken at a time. */
  async #writeRest(bytes: Uint8Array, sent: number, length: number): Promise<void> {
    while (sent < length) {
      sent += await this.#socket.write(bytes.subarray(sent, length));
      this.session.lastActiveMs = Date.now(); // It reads, be it slowly.
    }
  }

  #countWritten(length: number): void {
    this.session.bytesWritten += length;
    this.#core.bytesWritten += length;
    this.#core.writes++;
  }

  // --- what nobody asked for -------------------------------------------------------------------------

  push(bytes: Uint8Array, length: number): void {
    if (this.#closed || this.#isGivenUp) return;
    const needed = this.#pushLength + length;
    if (needed > this.#pushBytes.length) this.#growPushes(needed);
    copyBytes(this.#pushBytes, this.#pushLength, bytes, 0, length);
    const isFirst = this.#pushLength === 0;
    this.#pushLength = needed;
    if (this.#isOverLimit()) return this.#closeOverLimit();
    // What is under way now takes them along, or looks for them at its end.
    const isUnderWay = this.#isRunning || this.#hasReplies || this.#pushing !== null;
    if (isFirst && !isUnderWay) this.#core.sendSoon(this);
  }

  #growPushes(needed: number): void {
    const { buffers } = this.#core;
    if (this.#pushBytes.length === 0) this.#pushBytes = buffers.take();
    if (needed <= this.#pushBytes.length) return;
    this.#pushBytes = buffers.grow(this.#pushBytes, this.#pushLength, needed);
  }

  /** Puts what waits behind the replies that are being written. */
  #takePushes(): void {
    const { reply, buffers } = this.#core;
    reply.reserve(this.#pushLength);
    copyBytes(reply.bytes, reply.length, this.#pushBytes, 0, this.#pushLength);
    reply.length += this.#pushLength;
    buffers.give(this.#pushBytes);
    this.#pushBytes = noBytes;
    this.#pushLength = 0;
  }

  /** Replies are being sent, or will be when the turn is over. */
  get #hasReplies(): boolean {
    return this.#isSending || this.#replyLength > 0;
  }

  /** Sends what waits, unless replies are under way: then it goes behind them. */
  sendPushes(): void {
    if (this.#closed || this.#hasReplies || this.#pushing !== null || this.#pushLength === 0) {
      return;
    }
    this.#pushing = this.#sendPushes().catch((error) => {
      // The client is gone, which reading from it shows, too.
      if (!isConnectionError(error)) throw error;
      this.close();
    }).finally(() => this.#pushing = null);
  }

  async #sendPushes(): Promise<void> {
    const { store, buffers } = this.#core;
    // Replies that wait for this have taken along what came later.
    while (this.#pushLength > 0 && !this.#isSending && !this.#closed) {
      const bytes = this.#pushBytes;
      const length = this.#pushLength;
      this.#pushBytes = noBytes;
      this.#pushLength = 0;
      // They may tell of changes.
      const mustWait = store.failure === null && !store.isConfirmable;
      if (mustWait && !await this.#isOnDisk()) return this.close();
      this.#pushingLength = length;
      await this.#writeRest(bytes, 0, length);
      this.#countWritten(length);
      this.#pushingLength = 0;
      buffers.give(bytes);
    }
  }

  /** Whether the client has left too much unread for too long. */
  #isOverLimit(): boolean {
    const { normal, pubsub } = this.#core.settings.outputLimits;
    const pushes = this.#pushLength + this.#pushingLength;
    const isListening = this.session.subscriber !== null;
    const isNormalLimited = normal.hardBytes > 0 || normal.softBytes > 0;
    // Replies are bounded by themselves, but nothing else bounds what is not asked for.
    const countsReplies = isListening || isNormalLimited;
    const isExceeded = this.#guard.isExceeded(
      countsReplies ? pushes + this.#replyLength : pushes,
      isListening || !isNormalLimited ? pubsub : normal,
    );
    if (this.#guard.isWaiting && this.#guardTimer === undefined) {
      this.#guardTimer = setTimeout(() => this.#lookAgain(), guardMs);
    }
    return isExceeded;
  }

  #lookAgain(): void {
    this.#guardTimer = undefined;
    if (!this.#closed && this.#isOverLimit()) this.#closeOverLimit();
  }

  /** Not at once: whoever sends something to many clients goes through lists that closing changes. */
  #closeOverLimit(): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    const { session } = this;
    this.#core.onOverLimit(
      `closed client id=${session.id} addr=${session.address} name=${session.name}: it does not read ` +
        `what is sent to it (client-output-buffer-limit)`,
    );
    queueMicrotask(() => this.close());
  }

  /** Closes the connection at once if it is idle; otherwise after the replies under way. */
  stop(): void {
    if (this.#isIdle) this.close();
  }

  memory(): ConnectionMemory {
    const parser = this.#parser;
    // While requests are run, all that came with them is still there.
    const query = parser === null ? 0 : this.#isIdle ? parser.pendingBytes : parser.receivedBytes;
    const pushes = this.#pushLength + this.#pushingLength;
    return {
      query,
      queryFree: parser === null ? 0 : parser.bufferBytes - query,
      replyBuffer: this.#replyBytes.length + this.#pushBytes.length + this.#pushingLength,
      replies: this.#replyLength + pushes,
      repliesPeak: this.#replyLengthMax,
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#guardTimer);
    this.#core.context.leave(this.session);
    this.onClose();
    // Through TLS, a client is told that this is the end.
    this.#socket.closeWrite().catch(() => {}).finally(() => this.#socket.close());
  }
}

/** The other end is closed, or its TLS cannot be gone on with. */
function isConnectionError(error: unknown): boolean {
  return error instanceof ConnectionError || error instanceof TlsError;
}
