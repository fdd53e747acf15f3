/** The errors that a `KeyValueClient` throws or rejects with. */

import type { ErrorReply } from "../protocol/reply.ts";

/**
 * The server answered with an error, such as `ERR value is not an integer or out of range`. The
 * connection is fine, and so are the other commands.
 */
export class KeyValueReplyError extends Error {
  override readonly name = "KeyValueReplyError";
  /** The first word of the message: `ERR`, `WRONGTYPE`, `NOAUTH`, `EXECABORT`, ... */
  readonly code: string;
  /** The name of the command that failed, without its arguments. */
  readonly command: string;

  constructor(reply: ErrorReply, command: string) {
    super(reply.message);
    this.code = reply.code;
    this.command = command;
  }
}

/** As for any error, and what is known of the command. */
export interface KeyValueConnectionErrorOptions extends ErrorOptions {
  readonly mayHaveRun?: boolean;
}

/** There is no connection to the server, or it was lost before the reply came. */
export class KeyValueConnectionError extends Error {
  override readonly name = "KeyValueConnectionError";
  /**
   * Whether the command had left for the server, which may have run it: only the reply is missing.
   * False means that it was never sent.
   */
  readonly mayHaveRun: boolean;

  constructor(message: string, options: KeyValueConnectionErrorOptions = {}) {
    super(message, options);
    this.mayHaveRun = options.mayHaveRun ?? false;
  }
}

/**
 * A transaction was not run, because a key that it watched was changed meanwhile. Nothing of it
 * happened: read again, and try again. {@linkcode KeyValueClient.watch} does so by itself.
 */
export class KeyValueConflictError extends Error {
  override readonly name = "KeyValueConflictError";
}
