/**
 * The typed methods for the common commands: shared by the client, which sends them, and by a
 * transaction, which collects them.
 */
import { ErrorReply, type Reply } from "../protocol/reply.ts";
import { KeyValueReplyError } from "./errors.ts";
import {
  toBoolean,
  toBytes,
  toBytesOrNull,
  toDone,
  toFloat,
  toInteger,
  toList,
  toText,
  toTextOrNull,
  toVoid,
} from "./reply_conversion.ts";

/** A key or a value: text goes as UTF-8, numbers in decimal, bytes as they are. */
export type KeyValueArgument = string | Uint8Array | number | bigint;

/**
 * Several keys: as arguments, or in one array. There is no limit to an array, while a call of JavaScript
 * takes about a hundred thousand arguments.
 */
export type KeyValueKeys =
  | readonly KeyValueArgument[]
  | readonly [readonly KeyValueArgument[]];

/** When a key expires: at most one of these. */
export interface ExpiryOptions {
  /** After so many seconds. */
  readonly ex?: number;
  /** After so many milliseconds. */
  readonly px?: number;
  /** At this Unix time in seconds. */
  readonly exat?: number;
  /** At this Unix time in milliseconds, or at this date. */
  readonly pxat?: number | Date;
}

/** Conditions and deadline of `set`. */
export interface SetOptions extends ExpiryOptions {
  /** Keep the deadline that the key has. */
  readonly keepttl?: boolean;
  /** Only when the key does not exist. */
  readonly nx?: boolean;
  /** Only when the key exists. */
  readonly xx?: boolean;
  /** Only when the key has this value. */
  readonly ifeq?: KeyValueArgument;
  /** Only when the key has another value, or none. */
  readonly ifne?: KeyValueArgument;
  /** Answer with the value that was there. */
  readonly get?: boolean;
}

/** What `getEx` does to the deadline; nothing without options. */
export interface GetExOptions extends ExpiryOptions {
  /** Take the key's deadline away. */
  readonly persist?: boolean;
}

/**
 * When a deadline is set: only if the key has none (`nx`), only if it has one (`xx`), only if the new
 * one is later (`gt`) or earlier (`lt`).
 */
export type ExpireCondition = "nx" | "xx" | "gt" | "lt";

const decoder = new TextDecoder();

/** The command's name as text. */
export function nameOf(args: readonly KeyValueArgument[]): string {
  const [name] = args;
  return name instanceof Uint8Array ? decoder.decode(name) : String(name);
}

/** The commands that {@linkcode KeyValueClient} and its transactions have in common. */
export abstract class KeyValueCommands {
  /** Sends one command; resolves with its reply, errors being replies. */
  protected abstract request(args: readonly KeyValueArgument[]): Promise<Reply>;

  /**
   * Sends any command. Strings come as `Uint8Array`, see {@linkcode Reply} for all; `replyToText`
   * turns them into text. Rejects with a `KeyValueReplyError` when the server answers with an error.
   *
   * SUBSCRIBE, UNSUBSCRIBE and their kin resolve when all their channels are confirmed, with the last
   * confirmation: kind, channel, number of subscriptions. Messages go to `onPush`; any other command may
   * follow. That needs version 3 of the protocol.
   *
   * What would give later callers the replies of others is refused with a TypeError, and not sent:
   * subscriptions in version 2 or within a transaction, MONITOR, CLIENT REPLY OFF or SKIP, HELLO with
   * another version, RESET in version 3, what replicas send; within a transaction also what ends it.
   *
   * ```ts ignore
   * const reply = await client.command("SET", "key", new Uint8Array([0, 255]), "EX", 60); // "OK"
   * const text = replyToText(await client.command("CONFIG", "GET", "max*")); // a Map of strings
   * ```
   */
  command(...args: readonly KeyValueArgument[]): Promise<Reply> {
    return this.send(args);
  }

  /** As `command`, for any number of arguments: those of a JavaScript call have to fit onto the stack. */
  protected async send(args: readonly KeyValueArgument[]): Promise<Reply> {
    const reply = await this.request(args);
    if (reply instanceof ErrorReply) throw new KeyValueReplyError(reply, nameOf(args));
    return reply;
  }

  async #call<T>(convert: (reply: Reply) => T, ...args: readonly KeyValueArgument[]): Promise<T> {
    return convert(await this.send(args));
  }

  /** For any number of keys: nothing is passed on as arguments again. */
  async #callWithKeys<T>(
    convert: (reply: Reply) => T,
    name: string,
    keys: KeyValueKeys,
  ): Promise<T> {
    const [first] = keys;
    const list = Array.isArray(first) ? first : keys as readonly KeyValueArgument[];
    return convert(await this.send([name, ...list]));
  }

  async #callWithPairs<T>(
    convert: (reply: Reply) => T,
    name: string,
    entries:
      | Readonly<Record<string, KeyValueArgument>>
      | Iterable<readonly [KeyValueArgument, KeyValueArgument]>,
  ): Promise<T> {
    const pairs = Symbol.iterator in entries ? entries : Object.entries(entries);
    const args: KeyValueArgument[] = [name];
    for (const [key, value] of pairs) args.push(key, value);
    return convert(await this.send(args));
  }

  // --- Strings.

  /** The value of `key` as text, or null. */
  get(key: KeyValueArgument): Promise<string | null> {
    return this.#call(toTextOrNull, "GET", key);
  }

  /** The value of `key`, byte for byte, or null. */
  getBytes(key: KeyValueArgument): Promise<Uint8Array | null> {
    return this.#call(toBytesOrNull, "GET", key);
  }

  /**
   * Sets `key`. Resolves with whether it was set, which only `nx`, `xx`, `ifeq` and `ifne` can prevent; with
   * the option `get`, with the value that was there before, or null.
   */
  set(
    key: KeyValueArgument,
    value: KeyValueArgument,
    options: SetOptions & { readonly get: true },
  ): Promise<string | null>;
  set(
    key: KeyValueArgument,
    value: KeyValueArgument,
    options?: SetOptions & { readonly get?: false },
  ): Promise<boolean>;
  set(
    key: KeyValueArgument,
    value: KeyValueArgument,
    options: SetOptions = {},
  ): Promise<string | boolean | null> {
    const words: KeyValueArgument[] = expiryWords(options);
    if (options.keepttl) words.push("KEEPTTL");
    if (options.nx) words.push("NX");
    if (options.xx) words.push("XX");
    if (options.ifeq !== undefined) words.push("IFEQ", options.ifeq);
    if (options.ifne !== undefined) words.push("IFNE", options.ifne);
    if (!options.get) return this.#call(toDone, "SET", key, value, ...words);
    return this.#call(toTextOrNull, "SET", key, value, "GET", ...words);
  }

  /** Sets `key` only when it exists (a command of kv's own). Resolves with whether it did. */
  update(key: KeyValueArgument, value: KeyValueArgument): Promise<boolean> {
    return this.#call(toDone, "UPDATE", key, value);
  }

  /** Deletes `key` and resolves with what it held, or null. */
  getDel(key: KeyValueArgument): Promise<string | null> {
    return this.#call(toTextOrNull, "GETDEL", key);
  }

  /** Deletes `key` if it holds this value, as the owner of a lock does. Resolves with whether it did. */
  delIfEq(key: KeyValueArgument, value: KeyValueArgument): Promise<boolean> {
    return this.#call(toBoolean, "DELIFEQ", key, value);
  }

  /** The value of `key`, whose deadline is changed on the way. */
  getEx(key: KeyValueArgument, options: GetExOptions = {}): Promise<string | null> {
    const words: KeyValueArgument[] = expiryWords(options);
    if (options.persist) words.push("PERSIST");
    return this.#call(toTextOrNull, "GETEX", key, ...words);
  }

  /** The values of several keys as text, null where there is none. */
  mget(...keys: KeyValueKeys): Promise<(string | null)[]> {
    return this.#callWithKeys(toList(toTextOrNull), "MGET", keys);
  }

  /** The values of several keys, byte for byte. */
  mgetBytes(...keys: KeyValueKeys): Promise<(Uint8Array | null)[]> {
    return this.#callWithKeys(toList(toBytesOrNull), "MGET", keys);
  }

  /** Sets several keys at once: all or, after a crash, none. */
  mset(
    entries:
      | Readonly<Record<string, KeyValueArgument>>
      | Iterable<readonly [KeyValueArgument, KeyValueArgument]>,
  ): Promise<void> {
    return this.#callWithPairs(toVoid, "MSET", entries);
  }

  /** Sets several keys at once, unless one of them exists. Resolves with whether it did. */
  msetNx(
    entries:
      | Readonly<Record<string, KeyValueArgument>>
      | Iterable<readonly [KeyValueArgument, KeyValueArgument]>,
  ): Promise<boolean> {
    return this.#callWithPairs(toBoolean, "MSETNX", entries);
  }

  /** Appends to the value of `key`. Resolves with the new length in bytes. */
  append(key: KeyValueArgument, value: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "APPEND", key, value);
  }

  /** Length of the value in bytes; 0 when there is none. */
  strlen(key: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "STRLEN", key);
  }

  /** Bytes `start` to `end` of the value, both included; negative ones count from its end. */
  getRange(key: KeyValueArgument, start: number, end: number): Promise<Uint8Array> {
    return this.#call(toBytes, "GETRANGE", key, start, end);
  }

  /** Writes over the value from byte `offset` on. Resolves with the new length in bytes. */
  setRange(key: KeyValueArgument, offset: number, value: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "SETRANGE", key, offset, value);
  }

  /** Sets a bit, the highest one of the first byte being 0. Resolves with what it was. */
  setBit(key: KeyValueArgument, offset: number, bit: 0 | 1): Promise<number> {
    return this.#call(toInteger, "SETBIT", key, offset, bit);
  }

  /** A bit of the value, 0 behind its end. */
  getBit(key: KeyValueArgument, offset: number): Promise<number> {
    return this.#call(toInteger, "GETBIT", key, offset);
  }

  /** How many bits of the value are 1. */
  bitCount(key: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "BITCOUNT", key);
  }

  /**
   * Adds 1. Resolves with the new value. This and its siblings reject with a RangeError when the value,
   * which is set nevertheless, goes beyond 2^53 - 1: `command("INCR", key)` gives a bigint then.
   */
  incr(key: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "INCR", key);
  }

  /** Adds an integer. Resolves with the new value. */
  incrBy(key: KeyValueArgument, increment: number | bigint): Promise<number> {
    return this.#call(toInteger, "INCRBY", key, increment);
  }

  /** Adds a number that need not be an integer. Resolves with the new value. */
  incrByFloat(key: KeyValueArgument, increment: number): Promise<number> {
    return this.#call(toFloat, "INCRBYFLOAT", key, increment);
  }

  /** Subtracts 1. Resolves with the new value. */
  decr(key: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "DECR", key);
  }

  /** Subtracts an integer. Resolves with the new value. */
  decrBy(key: KeyValueArgument, decrement: number | bigint): Promise<number> {
    return this.#call(toInteger, "DECRBY", key, decrement);
  }

  // --- Keys.

  /** Deletes keys. Resolves with how many there were. */
  del(...keys: KeyValueKeys): Promise<number> {
    return this.#callWithKeys(toInteger, "DEL", keys);
  }

  /** How many of these keys exist; one that is named twice counts twice. */
  exists(...keys: KeyValueKeys): Promise<number> {
    return this.#callWithKeys(toInteger, "EXISTS", keys);
  }

  /** `string`, or `none`. */
  type(key: KeyValueArgument): Promise<string> {
    return this.#call(toText, "TYPE", key);
  }

  /** Gives a key another name, and takes the place of a key of that name. */
  rename(key: KeyValueArgument, newKey: KeyValueArgument): Promise<void> {
    return this.#call(toVoid, "RENAME", key, newKey);
  }

  /** Gives a key another name, unless there is one. Resolves with whether it did. */
  renameNx(key: KeyValueArgument, newKey: KeyValueArgument): Promise<boolean> {
    return this.#call(toBoolean, "RENAMENX", key, newKey);
  }

  /** Copies a key with its deadline. Resolves with whether it did. */
  copy(
    source: KeyValueArgument,
    destination: KeyValueArgument,
    options: { readonly replace?: boolean } = {},
  ): Promise<boolean> {
    return this.#call(
      toBoolean,
      ...["COPY", source, destination, ...(options.replace ? ["REPLACE"] : [])],
    );
  }

  /** Any of the keys, or null when there is none. */
  randomKey(): Promise<string | null> {
    return this.#call(toTextOrNull, "RANDOMKEY");
  }

  /** All keys that match a glob pattern. A large store is better read by `scan`. */
  keys(pattern: KeyValueArgument = "*"): Promise<string[]> {
    return this.#call(toList(toText), "KEYS", pattern);
  }

  /** How many keys there are. */
  dbsize(): Promise<number> {
    return this.#call(toInteger, "DBSIZE");
  }

  /** Deletes everything. */
  flushall(): Promise<void> {
    return this.#call(toVoid, "FLUSHALL");
  }

  // --- Deadlines.

  /** Sets a deadline in seconds from now. Resolves with whether it was set. */
  expire(key: KeyValueArgument, seconds: number, condition?: ExpireCondition): Promise<boolean> {
    return this.#expire("EXPIRE", key, seconds, condition);
  }

  /** Sets a deadline in milliseconds from now. */
  pexpire(
    key: KeyValueArgument,
    milliseconds: number,
    condition?: ExpireCondition,
  ): Promise<boolean> {
    return this.#expire("PEXPIRE", key, milliseconds, condition);
  }

  /** Sets the deadline to a Unix time in seconds. */
  expireAt(
    key: KeyValueArgument,
    unixSeconds: number,
    condition?: ExpireCondition,
  ): Promise<boolean> {
    return this.#expire("EXPIREAT", key, unixSeconds, condition);
  }

  /** Sets the deadline to a Unix time in milliseconds, or to a date. */
  pexpireAt(
    key: KeyValueArgument,
    unixMilliseconds: number | Date,
    condition?: ExpireCondition,
  ): Promise<boolean> {
    return this.#expire("PEXPIREAT", key, Number(unixMilliseconds), condition);
  }

  #expire(
    command: string,
    key: KeyValueArgument,
    when: number,
    condition?: ExpireCondition,
  ): Promise<boolean> {
    const words = condition ? [condition.toUpperCase()] : [];
    return this.#call(toBoolean, command, key, when, ...words);
  }

  /** Seconds left; -1 without a deadline, -2 without the key. */
  ttl(key: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "TTL", key);
  }

  /** Milliseconds left; -1 without a deadline, -2 without the key. */
  pttl(key: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "PTTL", key);
  }

  /** The deadline as a Unix time in seconds; -1 without one, -2 without the key. */
  expireTime(key: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "EXPIRETIME", key);
  }

  /** The deadline as a Unix time in milliseconds; -1 without one, -2 without the key. */
  pexpireTime(key: KeyValueArgument): Promise<number> {
    return this.#call(toInteger, "PEXPIRETIME", key);
  }

  /** Takes the deadline away. Resolves with whether there was one. */
  persist(key: KeyValueArgument): Promise<boolean> {
    return this.#call(toBoolean, "PERSIST", key);
  }

  // --- The server.

  /** Resolves with `PONG`, or with the message. */
  ping(message?: KeyValueArgument): Promise<string> {
    return this.#call(toText, "PING", ...(message === undefined ? [] : [message]));
  }

  /** The server's statistics as text, for people; only these sections, if any are named. */
  info(...sections: readonly string[]): Promise<string> {
    return this.#call(toText, "INFO", ...sections);
  }
}

function expiryWords(options: ExpiryOptions): KeyValueArgument[] {
  const { ex, px, exat, pxat } = options;
  const words: KeyValueArgument[] = [];
  // More than one of them is sent as it is: the server says what is wrong with it.
  if (ex !== undefined) words.push("EX", ex);
  if (px !== undefined) words.push("PX", px);
  if (exat !== undefined) words.push("EXAT", exat);
  if (pxat !== undefined) words.push("PXAT", Number(pxat));
  return words;
}
