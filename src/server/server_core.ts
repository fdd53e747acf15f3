/** What all connections of a server share: the store, the commands, the buffers, the counters. */
import { CommandContext } from "../commands/context.ts";
import { Dispatcher } from "../commands/dispatcher.ts";
import { allCommands } from "../commands/registry.ts";
import type { ServerControl } from "../commands/server_control.ts";
import { Session } from "../commands/session.ts";
import { ReplyWriter } from "../protocol/reply_writer.ts";
import type { Store } from "../store/store.ts";
import { BufferPool } from "./buffer_pool.ts";
import { ParserPool } from "./parser_pool.ts";
import type { Connection } from "./connection.ts";
import type { OutputLimits } from "./output_limits.ts";
import { RateMeter } from "./rate_meter.ts";
import { Turns } from "./turns.ts";

const replyBufferBytes = 16 * 1024;
const replyPoolBytesMax = 8 * 1024 * 1024;
const parserPoolBytesMax = 8 * 1024 * 1024;

/** Reading the clock takes as long as a tenth of a GET: what was read counts for so long. */
const nowValidMicroseconds = 100;

/** Settings that connections look at while they run. */
export interface ConnectionSettings {
  /** Longest argument, in bytes. */
  bulkLengthMax: number;
  /** Of what is no whole request yet, in bytes. */
  queryBufferBytesMax: number;
  /** How much may wait to be sent to a client. */
  outputLimits: OutputLimits;
}

export class ServerCore {
  readonly store: Store;
  readonly settings: ConnectionSettings;
  readonly reply = new ReplyWriter(new Uint8Array(0));
  readonly buffers = new BufferPool(replyBufferBytes, replyPoolBytesMax);
  readonly parsers = new ParserPool(parserPoolBytesMax);
  readonly context: CommandContext;
  readonly dispatcher: Dispatcher;
  readonly turns: Turns;
  /** Told of clients that were closed for not reading. */
  onOverLimit: (message: string) => void = () => {};
  /** Connections with something to send that nobody asked for. */
  readonly #pushing: Connection[] = [];
  /** No more requests are read. */
  isStopping = false;
  // Counters for INFO.
  bytesRead = 0;
  bytesWritten = 0;
  reads = 0;
  writes = 0;
  /** Time for which clients waited for eviction to make room. */
  evictionWaitMs = 0;
  readonly commandRate = new RateMeter(Date.now());
  readonly inputRate = new RateMeter(Date.now());
  readonly outputRate = new RateMeter(Date.now());
  #ratesNotedMs = Date.now();
  #nowMs = Date.now();
  /** By the monotonic clock. */
  #nowReadAt = -Infinity;

  constructor(
    store: Store,
    control: ServerControl,
    settings: ConnectionSettings,
    commands = allCommands(),
  ) {
    this.store = store;
    this.settings = settings;
    this.reply.grow = (bytes, length, needed) => this.buffers.grow(bytes, length, needed);
    const nobody = new Session(0, "", "", 0);
    this.context = new CommandContext(store, this.reply, control, nobody);
    this.dispatcher = new Dispatcher(this.context, commands);
    this.turns = new Turns(store, this.context.timer.latency);
  }

  /** Has a connection send its pushes when what is going on now is over: many in one write. */
  sendSoon(connection: Connection): void {
    if (this.#pushing.push(connection) > 1) return;
    queueMicrotask(() => {
      for (const connection of this.#pushing.splice(0)) connection.sendPushes();
    });
  }

  /** Unix milliseconds, read again when the monotonic clock, in microseconds, has gone on a little. */
  wallClock(monotonicMicroseconds: number): number {
    if (monotonicMicroseconds - this.#nowReadAt > nowValidMicroseconds) {
      this.#nowReadAt = monotonicMicroseconds;
      this.#nowMs = Date.now();
    }
    return this.#nowMs;
  }

  /** Takes note of the counters, about every second; called for each batch. */
  noteRates(nowMs: number): void {
    if (nowMs - this.#ratesNotedMs < 1000) return;
    this.#ratesNotedMs = nowMs;
    this.commandRate.note(nowMs, this.dispatcher.processed);
    this.inputRate.note(nowMs, this.bytesRead);
    this.outputRate.note(nowMs, this.bytesWritten);
  }
}
