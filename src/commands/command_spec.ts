/**
 * The shape of one entry of the command table: what a command is called, how it is called, and what
 * it touches. Pure data, so that the command line can read the table without loading a handler.
 */

/** Types of arguments, in the words of Redis's `COMMAND DOCS`. */
export type ArgumentType =
  | "key"
  | "string"
  | "integer"
  | "double"
  | "pattern"
  | "unix-time"
  | "pure-token"
  | "oneof"
  | "block";

/** One argument of a command's grammar, as `COMMAND DOCS`, hints and `kv help` show it. */
export interface ArgumentSpec {
  readonly name: string;
  readonly type: ArgumentType;
  /** The word that introduces the argument (`EX` in `EX seconds`), or that it is (`NX`). */
  readonly token?: string;
  /** Which key specification the argument belongs to; only with type `key`. */
  readonly keySpecIndex?: number;
  readonly optional?: boolean;
  readonly multiple?: boolean;
  /** The token is repeated before each of several values. */
  readonly multipleToken?: boolean;
  readonly since?: string;
  readonly deprecatedSince?: string;
  /** The alternatives of a `oneof`, or the parts of a `block`. */
  readonly arguments?: readonly ArgumentSpec[];
}

export type CommandGroup =
  | "string"
  | "bitmap"
  | "generic"
  | "connection"
  | "transactions"
  | "pubsub"
  | "hyperloglog"
  | "server";

/** Flags of Redis's `COMMAND INFO` that exist here. */
export type CommandFlag =
  | "write"
  | "readonly"
  | "denyoom"
  | "admin"
  | "fast"
  | "noscript"
  | "pubsub"
  | "loading"
  | "stale"
  | "skip_monitor"
  | "skip_slowlog"
  | "no_auth"
  | "no_async_loading"
  | "no_multi"
  | "allow_busy"
  | "asking"
  | "movablekeys"
  | "sentinel";

/** Where a command's keys stand: from `first` to `last` (negative: from the end), every `step`-th. */
export interface KeyPositions {
  readonly first: number;
  readonly last: number;
  readonly step: number;
  /** What is done to the keys, in the words of `COMMAND INFO`: `RW`, `access`, `update`, ... */
  readonly flags: readonly string[];
  /** What `COMMAND INFO` says about the flags. */
  readonly notes?: string;
  /** Where they stand cannot be said: no positions are right. */
  readonly isUnknown?: boolean;
}

export interface CommandSpec {
  /** Lower case. A subcommand is called `container|subcommand`, as Redis does. */
  readonly name: string;
  /** Number of arguments with the name; negative: at least that many. */
  readonly arity: number;
  readonly group: CommandGroup;
  readonly flags: readonly CommandFlag[];
  /** One per set of keys; empty for commands without keys. RENAME has two. */
  readonly keys: readonly KeyPositions[];
  /** Categories of access control, without the `@` that `COMMAND INFO` shows before them. */
  readonly categories: readonly string[];
  readonly tips: readonly string[];
  /** One sentence in Redis's words, few of which end with a full stop; own commands do without. */
  readonly summary: string;
  /** The version of Redis that brought it (of kv or Valkey, where Redis lacks the command). */
  readonly since: string;
  /** Missing where Redis says nothing. */
  readonly complexity?: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly subcommands?: readonly CommandSpec[];
  /** Set where Redis has no such command. */
  readonly ownToKv?: boolean;
  /** Set where Valkey has such a command, and Redis has not. */
  readonly ofValkey?: boolean;
  /** Set where the version of Redis that kv is compared with, 7.0, lacks the command. */
  readonly newerThanPeer?: boolean;
  /** Redis says that it is for the system itself, not for users. */
  readonly isForSystem?: boolean;
  /** What Redis recommends instead, for commands that it calls deprecated. */
  readonly replacedBy?: string;
  readonly deprecatedSince?: string;
  /** Version and change, oldest first. */
  readonly history?: readonly (readonly [string, string])[];
}
