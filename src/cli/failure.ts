/** What is said of an error that ends `kv`, and with which status. */
import { exitCodes } from "./exit_codes.ts";
import { UsageError } from "./options.ts";
import { complain, InputError, OutputError, writeError } from "./output.ts";

/** Says what went wrong on standard error; returns the exit status. */
export function reportFailure(error: unknown): number {
  if (error instanceof UsageError) {
    complain(`${error.message}. See: kv help`);
    return exitCodes.usage;
  }
  // Status 1, with which the runtime ends a program that fails, would be taken for nil.
  if (error instanceof OutputError || error instanceof InputError) complain(error.message);
  else writeError(`kv: This should not have happened: ${Deno.inspect(error)}\n`);
  return exitCodes.failed;
}
