import type { Access } from "./access.ts";
import type { Session } from "./session.ts";

/** The parameters that CONFIG GET and CONFIG SET know. */
export interface Configuration {
  /** Every parameter's name, lower case, sorted. */
  names(): string[];
  /** The value as CONFIG GET shows it; undefined for a name that does not exist. */
  get(name: string): string | undefined;
  /** What is set is nobody's business: a password. The name may be in any case, or none that exists. */
  isSecret(name: string): boolean;
  /**
   * Sets several parameters, all or none. Returns null, or the text of the error as Redis words it
   * (`ERR CONFIG SET failed (possibly related to argument 'x') - ...`).
   */
  set(pairs: readonly (readonly [string, string])[]): string | null;
}

export type MemoryField = readonly [
  name: string,
  value: number | readonly (readonly [name: string, bytes: number])[],
];

/** What commands ask of the server they run in; the server implements it. */
export interface ServerControl {
  readonly config: Configuration;
  readonly access: Access;
  /** All connected clients, in the order in which they came. */
  sessions(): Iterable<Session>;
  /** The connected client with that id. */
  session(id: number): Session | undefined;
  /** The text of INFO for these sections (lower case; none: the default ones). */
  info(sections: readonly string[]): string;
  /** What MEMORY STATS shows, in its order: bytes, ratios and, for a database, fields of its own. */
  memory(): readonly MemoryField[];
  /** Begins the end: no further requests are read; the process exits with status 0. `save` is false
   * after SHUTDOWN NOSAVE. */
  shutdown(save: boolean): void;
  /** SAVE: returns when all is on disk; throws when that fails. */
  save(): void;
  /** BGSAVE: starts the same in the background. */
  saveInBackground(): void;
  /** BGREWRITEAOF: starts to compact the whole store; false when that is going on already. */
  compact(): boolean;
  /** BACKUP: copies the store to a new file; resolves when that is on the disk. */
  backUp(path: string): Promise<void>;
  /** Unix time in seconds of the last successful save or sync. */
  lastSaveSeconds(): number;
  /** CONFIG REWRITE: writes the configuration to its file. Returns null, or what is wrong. */
  rewriteConfiguration(): string | null;
  /** Users are in a file of their own, for ACL LOAD and SAVE. */
  readonly hasUserFile: boolean;
  /** ACL LOAD: has the users of their file and no others. Returns null, or what is wrong with it. */
  loadUsers(): string | null;
  /** ACL SAVE: writes the users to their file. Returns null, or what is wrong. */
  saveUsers(): string | null;
  /** CONFIG RESETSTAT. */
  resetStatistics(): void;
}
