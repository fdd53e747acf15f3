/**
 * What a store can meet that is no bug. Each has a `code` for programs and says the way out.
 */
import type { SystemError } from "../sys/mapped_file.ts";

export type StoreErrorCode =
  /** The path holds something that is not a store of this version. */
  | "NOT_A_STORE"
  /** Another process has the store open. */
  | "LOCKED"
  /** No room for a write; reads and deletes go on. */
  | "NO_SPACE"
  /** A sync failed: nothing is written until a restart, reads go on. */
  | "SYNC_FAILED"
  /** A key, a value or a batch is larger than the format allows. */
  | "TOO_LARGE"
  /** A limit of the store's size leaves no room to work in. */
  | "TOO_SMALL"
  /** A file to be made exists. */
  | "EXISTS"
  /** One of a kind is going on already; a reader has waited in vain for the end of a change. */
  | "BUSY"
  /** This machine, or the program that has the store open, cannot do it. */
  | "UNSUPPORTED"
  /** The store was closed. */
  | "CLOSED";

export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** `Cannot grow WHAT: ...`, because the system refuses. */
export function cannotGrow(what: string, cause: SystemError): StoreError {
  const message = `Cannot grow ${what}: ${cause.message}${cause.remedy ? " or" : ";"} delete keys`;
  return new StoreError("NO_SPACE", message, { cause });
}
