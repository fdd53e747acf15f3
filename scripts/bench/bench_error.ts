/** What ends the benchmark with a line for people instead of a stack trace. */

/** Statuses with which `deno task bench` ends. A goal that is missed is a result, too: 0. */
export const exitStatus = {
  measured: 0,
  failed: 1,
  /** A program that kv is measured against, or measured with, is not installed. */
  toolMissing: 2,
  /** With `--strict`: measured, and not as it should be. */
  goalMissed: 3,
  /** As sysexits.h has it, and as kv itself does. */
  usage: 64,
} as const;

export type ExitStatus = typeof exitStatus[keyof typeof exitStatus];

/** Something outside of this program is not as it has to be; the message names the way out. */
export class BenchError extends Error {
  constructor(
    message: string,
    readonly status: ExitStatus = exitStatus.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "BenchError";
  }
}
