import type { ByteMap } from "../store/byte_map.ts";
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import { copyRequest, type Request } from "../protocol/request.ts";
import type { Store } from "../store/store.ts";
import type { Access } from "./access.ts";
import type { AclUser } from "./acl_user.ts";
import type { ClientTracking } from "./key_tracking.ts";
import type { Subscriber } from "./subscriptions.ts";

/** What was there of a key that WATCH guards. */
export interface WatchedKey {
  /** `Store.versionOf` at the time of WATCH. */
  readonly version: number;
  /** The key had passed its deadline already when it was watched. */
  readonly expired: boolean;
}

/** What a connection holds in memory, in bytes. */
export interface ConnectionMemory {
  /** Of requests: what has come and is not handled, and what there is room for. */
  readonly query: number;
  readonly queryFree: number;
  /** Of replies: the buffer, what is in it and not sent, and the most that was. */
  readonly replyBuffer: number;
  readonly replies: number;
  readonly repliesPeak: number;
}

/** What commands ask of a client's connection; the server's connections implement it. */
export interface ClientConnection {
  /** Closes it at once: what was not sent is lost. */
  close(): void;
  /**
   * Sends `bytes[0, length)`, which are copied, without having been asked: behind what was sent so far,
   * and not within the reply to a request.
   */
  push(bytes: Uint8Array, length: number): void;
  memory(): ConnectionMemory;
}

/** The state of one client between its requests. */
export class Session {
  readonly id: number;
  /** The peer's address as CLIENT LIST shows it: `path:0` or `host:port`. */
  readonly address: string;
  readonly localAddress: string;
  /** Null for what is no client. */
  connection: ClientConnection | null = null;
  /** It came by the Unix socket. */
  isLocal = false;
  readonly createdMs: number;
  name = "";
  libraryName = "";
  libraryVersion = "";
  protocol: 2 | 3 = 2;
  /** Who it is; null for what is no client. Changed by `signIn` and `signOut`. */
  user: AclUser | null = null;
  /** It has given the password, or there was none when it came. */
  isAuthenticated = true;
  /** Nothing has to be looked at before its requests are run. */
  mayDoAll = true;
  /** What the last request named, `config|get` for a subcommand; undefined for no command. */
  lastCommand: { readonly name: string } | undefined;
  lastActiveMs: number;
  /** Requests since MULTI, or null outside of a transaction. */
  queue: Request[] | null = null;
  /** A request was refused while queueing: EXEC will be too. */
  queueFailed = false;
  watched: ByteMap<WatchedKey> | null = null;
  /**
   * Set by a command that cannot reply at once. The client's next request is run when it has resolved
   * to what writes the reply, and that was sent. It never rejects.
   */
  wait: Promise<(reply: ReplyWriter) => void> | null = null;
  /** The log position behind the client's last write, or some way behind it. */
  position = 0;
  /** Where the log stood when the batch of requests that is being run began. */
  batchPosition = 0;
  /**
   * Set by a command that waits and may be told to wait no longer: `asError` says how its reply is to
   * end. Returns whether that was possible.
   */
  unblock: ((asError: boolean) => boolean) | null = null;
  /** CLIENT PAUSE keeps its request back: it will be run when the pause is over. */
  isPostponed = false;
  /** Set by QUIT: the connection closes when its replies are sent. */
  closing = false;
  /** Requests that are not replied to: Infinity after CLIENT REPLY OFF, 1 after SKIP. */
  muted = 0;
  /** CLIENT NO-EVICT. There is no limit to clients' memory in all, so nothing follows from it. */
  isNoEvict = false;
  /** CLIENT NO-TOUCH: what it reads is not kept from eviction by that. */
  isNoTouch = false;
  /** What it listens to; null when that is nothing. */
  subscriber: Subscriber | null = null;
  /** Its tracking of keys that it caches; null while that is off. */
  tracking: ClientTracking | null = null;
  /** MONITOR shows it what others do. */
  isMonitor = false;
  bytesRead = 0;
  bytesWritten = 0;

  constructor(id: number, address: string, localAddress: string, nowMs: number) {
    this.id = id;
    this.address = address;
    this.localAddress = localAddress;
    this.createdMs = nowMs;
    this.lastActiveMs = nowMs;
  }

  /** It has proved to be a user. */
  signIn(user: AclUser): void {
    this.user = user;
    this.isAuthenticated = true;
    this.noteRights();
  }

  /** It is nobody in particular any more; that is enough where no password is asked for. */
  signOut({ defaultUser, isOpen }: Access): void {
    this.user = defaultUser;
    this.isAuthenticated = isOpen;
    this.noteRights();
  }

  /** It has given no password, and one is asked for. */
  owesPassword(access: Access): boolean {
    return !this.isAuthenticated && !access.isOpen;
  }

  /** To be called when what its user may do has changed. */
  noteRights(): void {
    this.mayDoAll = this.isAuthenticated && (this.user?.isUnlimited ?? true);
  }

  /** It has subscriptions, or monitors: there are commands that it may not run. */
  get isListening(): boolean {
    return this.subscriber !== null || this.isMonitor;
  }

  /** It has a request that is not replied to yet, and nothing to do for it. */
  get isBlocked(): boolean {
    return this.wait !== null || this.isPostponed;
  }

  /** Takes note of the client's writes: in a batch of requests, only its own move the log. */
  noteWrites(position: number): this {
    if (position !== this.batchPosition) this.position = this.batchPosition = position;
    return this;
  }

  enqueue(request: Request): void {
    this.queue!.push(copyRequest(request));
  }

  /** Leaves a transaction and forgets the watched keys. */
  endTransaction(store: Store): void {
    this.queue = null;
    this.queueFailed = false;
    this.unwatch(store);
  }

  unwatch(store: Store): void {
    if (this.watched === null) return;
    for (const [key] of this.watched) store.unwatch(key);
    this.watched = null;
  }
}
