/** What is said of an error that ends `kv`, and with which status. */
import { exitCodes } from "./exit_codes.ts";
import { UsageError } from "./options.ts";
import { complain, OutputError } from "./output.ts";

/** Says what went wrong on standard error; returns the exit status. */
export function reportFailure(error: unknown): number {
  if (error instanceof UsageError) {
    complain(`${error.message}. See: kv help`);
    return exitCodes.usage;
  }
  // Status 1, with which the runtime ends a program that fails, would be taken for nil.
  if (error instanceof OutputError) complain(error.message);
  else console.error("kv: This should not have happened:", error);
  return exitCodes.failed;
}
