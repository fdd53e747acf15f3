/** The exit statuses of `kv`, as `kv help` lists them; it knows those of some subcommands as well. */
export const exitCodes = {
  /** Done. */
  ok: 0,
  /** The reply is nil: there is no such key, a condition was not met. */
  nil: 1,
  /** The server answered with an error, which is on standard error. */
  errorReply: 2,
  /** No server could be reached, or the connection to it was lost. */
  noServer: 3,
  /** The command line is wrong; EX_USAGE of sysexits.h. */
  usage: 64,
  /** Something that should not happen, or input or output that fails; EX_SOFTWARE. */
  failed: 70,
} as const;
