/**
 * What a command handler gets: the request, a reply to write to, the store, and the session of the
 * client that asked. One context serves all requests of a server, one after the other; a handler is
 * synchronous and keeps nothing of it.
 */
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import { emptyRequest, type Request } from "../protocol/request.ts";
import { type ChangeListener, keyChange, type MissListener } from "../store/key_change.ts";
import type { Store } from "../store/store.ts";
import { binaryText } from "../protocol/binary_text.ts";
import { parseInt64, parseSafeInteger } from "../protocol/numbers.ts";
import { CallTimer } from "./call_timer.ts";
import { ClientPause } from "./client_pause.ts";
import type { CommandMap } from "./registry.ts";
import { KeyTracking } from "./key_tracking.ts";
import {
  type KeyspaceEvent,
  KeyspaceEvents,
  ownEvents,
  type RunningCommand,
} from "./keyspace_events.ts";
import { Monitors } from "./monitor.ts";
import type { ServerControl } from "./server_control.ts";
import type { Session } from "./session.ts";
import { Subscriptions } from "./subscriptions.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** `proto-max-bulk-len` cannot be set below this, so shorter values need no look at it. */
const bulkLengthAlwaysAllowed = 2 ** 20;

/**
 * Bytes as error texts quote them: a character for each, up to `lengthMax` or the first NUL, where C's
 * strings end.
 */
export function quotedText(bytes: Uint8Array, lengthMax = Infinity): string {
  const nul = bytes.indexOf(0);
  return binaryText(bytes.subarray(0, Math.min(nul < 0 ? bytes.length : nul, lengthMax)));
}

/** Runs one command. */
export type Handler = (context: CommandContext) => void;

export class CommandContext {
  readonly store: Store;
  readonly reply: ReplyWriter;
  readonly server: ServerControl;
  /** All commands of the server. Set by the dispatcher. */
  commands!: CommandMap;
  /** Times the commands, and knows which were slow. */
  readonly timer: CallTimer;
  request: Request;
  session: Session;
  /** Somebody monitors or tracks: what requests do is to be told. */
  isObserved = false;
  readonly subscriptions = new Subscriptions();
  readonly keyspaceEvents = new KeyspaceEvents(this.subscriptions);
  readonly keyTracking: KeyTracking;
  readonly monitors = new Monitors();
  /** What CLIENT PAUSE keeps back. */
  readonly pause = new ClientPause();
  /** Places of arguments that the slow log does not show; set by the handler of the request. */
  redacted: number[] = [];
  /** What commands that write have found, and not found, when they looked for a value to reply. */
  readHits = 0;
  readMisses = 0;
  /** The request is run by EXEC: it may not wait. */
  isInTransaction = false;
  /**
   * Runs a request that was queued by MULTI, on behalf of EXEC: its reply, or its error, is written,
   * and a failed one leaves no change. Set by the dispatcher.
   */
  execute: (request: Request) => void = () => {};

  constructor(
    store: Store,
    reply: ReplyWriter,
    server: ServerControl,
    session: Session,
    timer = new CallTimer(),
  ) {
    this.timer = timer;
    this.store = store;
    this.reply = reply;
    this.server = server;
    this.keyTracking = new KeyTracking((id) => server.session(id));
    this.session = session;
    this.request = emptyRequest();
  }

  /** The command that is being run; null between requests. */
  get command(): RunningCommand | null {
    return this.timer.command;
  }

  /** Has what happens be told if anybody wants to know, and only then. To be called when that changes. */
  observe(): void {
    const { store, keyspaceEvents: events, keyTracking: tracking, monitors } = this;
    const isTracked = tracking.clientCount > 0;
    this.isObserved = isTracked || monitors.isOn;
    store.onChange = events.isOn || isTracked ? this.#noteChange : null;
    store.onClear = isTracked ? () => tracking.noteClear() : null;
    store.onMiss = events.tellsOfMisses ? this.#noteMiss : null;
  }

  readonly #noteChange: ChangeListener = (change, bytes, start, end) => {
    const { command, keyspaceEvents: events, keyTracking: tracking } = this;
    if (tracking.clientCount > 0) {
      const author = command === null || change >= keyChange.expired ? null : this.session;
      tracking.noteChange(author, bytes, start, end);
    }
    if (events.isOn) events.noteChange(change, command, bytes, start, end);
  };

  readonly #noteMiss: MissListener = (bytes, start, end) => {
    this.keyspaceEvents.noteMiss(this.command, bytes, start, end);
  };

  /** Tells of an event of the key that is argument `i`. */
  tell(event: KeyspaceEvent, i: number): void {
    if (!this.keyspaceEvents.isOn) return;
    const { bytes, starts, ends } = this.request;
    this.keyspaceEvents.tell(event, bytes, starts[i], ends[i]);
  }

  /** A client goes, and is sent what happened while it was there. */
  leave(session: Session): void {
    this.keyTracking.broadcast();
    this.forget(session);
  }

  /** A client has gone, or wants to be as if it had just come: nothing is sent to it unasked. */
  forget(session: Session): void {
    if (!session.isListening && session.tracking === null) return;
    if (session.subscriber !== null) this.subscriptions.forget(session);
    if (session.isMonitor) this.monitors.remove(session);
    if (session.tracking !== null) this.keyTracking.disable(session);
    this.observe();
  }

  /** How many arguments, the command's name included. */
  get argc(): number {
    return this.request.argc;
  }

  /** Argument `i` as text, for what is text: options, patterns to show, names. Bytes that are not
   * UTF-8 become replacement characters. */
  text(i: number): string {
    const { bytes, starts, ends } = this.request;
    return decoder.decode(bytes.subarray(starts[i], ends[i]));
  }

  /** Argument `i` as error texts quote it (see `quotedText`), for `ReplyWriter.errorQuotingBytes`. */
  quoted(i: number, lengthMax = Infinity): string {
    return quotedText(this.view(i), lengthMax);
  }

  /** Argument `i` as a view of the request's bytes: copy it before the handler returns. */
  view(i: number): Uint8Array {
    const { bytes, starts, ends } = this.request;
    return bytes.subarray(starts[i], ends[i]);
  }

  /** Argument `i` as bytes of one's own. */
  copy(i: number): Uint8Array {
    const { bytes, starts, ends } = this.request;
    return bytes.slice(starts[i], ends[i]);
  }

  /** Length of argument `i` in bytes. */
  length(i: number): number {
    return this.request.ends[i] - this.request.starts[i];
  }

  /** Whether argument `i` is the ASCII word `upper` in any case. `upper` is upper case. */
  is(i: number, upper: string): boolean {
    const { bytes, starts, ends } = this.request;
    const start = starts[i];
    if (ends[i] - start !== upper.length) return false;
    for (let at = 0; at < upper.length; at++) {
      let byte = bytes[start + at];
      if (byte >= 0x61 && byte <= 0x7a) byte -= 0x20;
      if (byte !== upper.charCodeAt(at)) return false;
    }
    return true;
  }

  /** Argument `i` as a safe integer, NaN when it is none (or none that a double holds exactly). */
  safeInteger(i: number): number {
    return parseSafeInteger(this.request.bytes, this.request.starts[i], this.request.ends[i]);
  }

  /** Argument `i` as a signed 64-bit integer, null when it is none. */
  int64(i: number): bigint | null {
    return parseInt64(this.request.bytes, this.request.starts[i], this.request.ends[i]);
  }

  /** Looks up the key that is argument `i`: `store.found` fields tell of it. Expired keys are not
   * found. */
  find(i: number): boolean {
    return this.store.find(this.request.bytes, this.request.starts[i], this.request.ends[i]);
  }

  /**
   * `find` for commands that write, too, and read this key for the sake of its value: that it is missing is
   * told of as of what a command misses that only reads.
   */
  findToRead(i: number): boolean {
    const found = this.find(i);
    if (!this.command?.isReadOnly) this.noteRead(found, i);
    return found;
  }

  /** A command that writes has looked key `i` up for the sake of its value. */
  noteRead(found: boolean, i: number): void {
    if (found) {
      this.readHits++;
    } else {
      this.readMisses++;
      this.tell(ownEvents.miss, i);
    }
  }

  /** Whether `proto-max-bulk-len` allows a value of `size` bytes. */
  allowsLength(size: number): boolean {
    return size <= bulkLengthAlwaysAllowed ||
      size <= Number(this.server.config.get("proto-max-bulk-len"));
  }

  /** The contrary; then that is replied. */
  exceedsBulkLength(size: number): boolean {
    if (this.allowsLength(size)) return false;
    this.reply.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return true;
  }

  syntaxError(): void {
    this.reply.error("ERR syntax error");
  }

  notAnInteger(): void {
    this.reply.error("ERR value is not an integer or out of range");
  }
}
