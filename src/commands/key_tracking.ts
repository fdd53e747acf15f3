/**
 * Which clients have which keys in caches of their own, so that they can be told when a key changes.
 * https://redis.io/docs/latest/develop/reference/client-side-caching/
 *
 * In the default mode, the server remembers for each key who read it, and tells each of them once. In
 * broadcasting mode it remembers nothing: clients name prefixes, and are told of every change below them.
 */
import { ReplyWriter } from "../protocol/reply_writer.ts";
import { ByteMap } from "../store/byte_map.ts";
import { beginsWith } from "../store/compare_bytes.ts";
import { visitKeys } from "./command_keys.ts";
import type { CommandSpec } from "./command_spec.ts";
import type { Request } from "../protocol/request.ts";
import type { Session } from "./session.ts";

export interface TrackingOptions {
  /** The client that is told instead, 0 for none. */
  redirection: number;
  isBroadcast: boolean;
  isOptIn: boolean;
  isOptOut: boolean;
  /** It need not be told of its own changes. */
  isNoLoop: boolean;
}

/** The tracking of one client, while it is on. */
export class ClientTracking {
  options: TrackingOptions;
  /** CLIENT CACHING was said: the next command is tracked (opt in), or is not (opt out). */
  isCachingGiven = false;
  /** The client that is to be told is gone. */
  isRedirectionBroken = false;
  /** In the order of their bytes. */
  readonly prefixes: Uint8Array[] = [];

  constructor(options: TrackingOptions) {
    this.options = options;
  }

  /** A command has run or was refused: what CLIENT CACHING said was for that one, or the transaction. */
  noteCommand(name: string, isInTransaction: boolean): void {
    if (!isInTransaction && !name.startsWith("client|")) this.isCachingGiven = false;
  }

  /** Whether what the client reads now is remembered. */
  get remembers(): boolean {
    const { isBroadcast, isOptIn, isOptOut } = this.options;
    if (isBroadcast) return false;
    return !(isOptIn && !this.isCachingGiven) && !(isOptOut && this.isCachingGiven);
  }
}

/** A prefix that clients are told of, and what changed below it since they were told last. */
interface Prefix {
  readonly bytes: Uint8Array;
  readonly clients: Set<number>;
  /** Who changed each key, 0 for nobody. */
  readonly changed: ByteMap<number>;
}

const encoder = new TextEncoder();
const invalidate = encoder.encode("invalidate");
const message = encoder.encode("message");
const invalidationChannel = encoder.encode("__redis__:invalidate");

export class KeyTracking {
  /** More keys than these are not remembered: then others are forgotten, and their readers told. */
  keysMax = 1_000_000;
  /** Clients with tracking on, by their ids. */
  readonly #clients = new Map<number, Session>();
  /** Who has read a key: an id, or several. */
  readonly #readers = new ByteMap<number | Set<number>>();
  #readings = 0;
  readonly #prefixes = new ByteMap<Prefix>();
  readonly #findSession: (id: number) => Session | undefined;
  readonly #writer = new ReplyWriter();
  #isBroadcastDue = false;

  /** `findSession` finds the connected client with an id. */
  constructor(findSession: (id: number) => Session | undefined) {
    this.#findSession = findSession;
  }

  /** Clients with tracking on. */
  get clientCount(): number {
    return this.#clients.size;
  }

  /** Keys that are remembered, and how many times in all. */
  get keyCount(): number {
    return this.#readers.size;
  }

  get readingCount(): number {
    return this.#readings;
  }

  get prefixCount(): number {
    return this.#prefixes.size;
  }

  /** Turns a client's tracking on, or changes it. In broadcasting mode, `prefixes` are added to it. */
  enable(session: Session, options: TrackingOptions, prefixes: readonly Uint8Array[]): void {
    const tracking = session.tracking ??= new ClientTracking(options);
    tracking.options = options;
    tracking.isRedirectionBroken = false;
    this.#clients.set(session.id, session);
    if (!options.isBroadcast) return;
    for (const bytes of prefixes.length > 0 ? prefixes : [new Uint8Array(0)]) {
      let prefix = this.#prefixes.get(bytes);
      if (prefix === undefined) {
        prefix = { bytes, clients: new Set(), changed: new ByteMap() };
        this.#prefixes.set(prefix, bytes);
      }
      if (prefix.clients.has(session.id)) continue;
      prefix.clients.add(session.id);
      tracking.prefixes.push(bytes);
    }
    tracking.prefixes.sort(compareBytes);
  }

  /** Turns it off. What the client has read is forgotten with time, and all at once when nobody is told of changes any more. */
  disable(session: Session): void {
    for (const bytes of session.tracking?.prefixes ?? []) {
      const prefix = this.#prefixes.get(bytes)!;
      prefix.clients.delete(session.id);
      if (prefix.clients.size === 0) this.#prefixes.delete(bytes);
    }
    session.tracking = null;
    this.#clients.delete(session.id);
    if (this.#clients.size === 0) this.#forgetReaders();
  }

  /** Remembers the keys of a request that the client has read them. */
  remember({ id, tracking }: Session, spec: CommandSpec, request: Request): void {
    if (!tracking!.remembers) return;
    const { bytes, starts, ends, argc } = request;
    visitKeys(spec.keys, argc, (i) => this.#rememberKey(id, bytes, starts[i], ends[i]));
    while (this.#readers.size > this.keysMax) {
      const key = this.#readers.anyKey()!;
      this.#invalidate(key, 0, key.length, null);
    }
  }

  #rememberKey(id: number, bytes: Uint8Array, start: number, end: number): void {
    const readers = this.#readers.get(bytes, start, end);
    if (readers === id) return;
    if (readers instanceof Set) {
      this.#readings += readers.has(id) ? 0 : 1;
      readers.add(id);
      return;
    }
    this.#readings++;
    this.#readers.set(readers === undefined ? id : new Set([readers, id]), bytes, start, end);
  }

  /** A key has changed, in whatever way; `author` is the client that did it, if one did. */
  noteChange(author: Session | null, bytes: Uint8Array, start: number, end: number): void {
    this.#invalidate(bytes, start, end, author);
    if (this.#prefixes.size === 0) return;
    for (const [prefix, { changed }] of this.#prefixes) {
      if (!beginsWith(bytes, start, end, prefix)) continue;
      changed.set(author?.id ?? 0, bytes, start, end);
      this.#broadcastSoon();
    }
  }

  /** All keys are gone. */
  noteClear(): void {
    for (const session of [...this.#clients.values()]) this.#tell(session, null);
    this.#forgetReaders();
  }

  #forgetReaders(): void {
    this.#readers.clear();
    this.#readings = 0;
  }

  #invalidate(bytes: Uint8Array, start: number, end: number, author: Session | null): void {
    const readers = this.#readers.get(bytes, start, end);
    if (readers === undefined) return;
    const ids = readers instanceof Set ? [...readers] : [readers];
    this.#readers.delete(bytes, start, end);
    this.#readings -= ids.length;
    for (const id of ids) {
      const session = this.#clients.get(id);
      const tracking = session?.tracking;
      if (session === undefined || !tracking || tracking.options.isBroadcast) continue;
      if (tracking.options.isNoLoop && session === author) continue;
      this.#tell(session, [bytes.subarray(start, end)]);
    }
  }

  /** All that changes in one turn of the event loop is told at once. */
  #broadcastSoon(): void {
    if (this.#isBroadcastDue) return;
    this.#isBroadcastDue = true;
    queueMicrotask(() => this.broadcast());
  }

  /** Tells what is to be told at the end of the turn, before that: while those who are told by others are there. */
  broadcast(): void {
    if (!this.#isBroadcastDue) return;
    this.#isBroadcastDue = false;
    for (const [, { clients, changed }] of this.#prefixes) {
      if (changed.size === 0) continue;
      const entries = [...changed].sort(([a], [b]) => compareBytes(a, b));
      const keys = entries.map(([key]) => key);
      changed.clear();
      for (const id of clients) {
        const session = this.#clients.get(id)!;
        const told = session.tracking!.options.isNoLoop
          ? entries.filter(([, author]) => author !== id).map(([key]) => key)
          : keys;
        if (told.length > 0) this.#tell(session, told);
      }
    }
  }

  /** Tells a client, or who is told instead, that keys have changed; null: all of them. */
  #tell(session: Session, keys: readonly Uint8Array[] | null): void {
    const writer = this.#writer;
    const { redirection } = session.tracking!.options;
    let receiver: Session | undefined = session;
    if (redirection !== 0) {
      receiver = this.#findSession(redirection);
      if (receiver === undefined) return this.#tellOfBrokenRedirection(session, redirection);
    }
    writer.length = 0;
    writer.protocol = receiver.protocol;
    if (receiver.protocol === 3) {
      writer.push(2);
      writer.bulk(invalidate, 0, invalidate.length);
    } else if (redirection !== 0 && receiver.subscriber !== null) {
      writer.push(3);
      writer.bulk(message, 0, message.length);
      writer.bulk(invalidationChannel, 0, invalidationChannel.length);
    } else {
      return; // In RESP2 nothing can come unasked.
    }
    if (keys === null) {
      writer.protocol = session.protocol;
      writer.null();
    } else {
      writer.array(keys.length);
      for (const key of keys) writer.bulk(key, 0, key.length);
    }
    receiver.connection?.push(writer.bytes, writer.length);
    writer.release();
  }

  #tellOfBrokenRedirection(session: Session, redirection: number): void {
    session.tracking!.isRedirectionBroken = true;
    if (session.protocol !== 3) return;
    const writer = this.#writer;
    writer.length = 0;
    writer.protocol = 3;
    writer.push(2);
    writer.bulkText("tracking-redir-broken");
    writer.integer(redirection);
    session.connection?.push(writer.bytes, writer.length);
  }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return a[i] - b[i];
  }
  return a.length - b.length;
}
