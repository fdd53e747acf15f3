import { formatAddress, type ServerAddress } from "../client/connection.ts";
import { KeyValueConnectionError } from "../client/errors.ts";

/** Whether the loss of the connection is what the command asked for: SHUTDOWN has no other reply. */
export function isShutdown(error: unknown, name: string): error is KeyValueConnectionError {
  return error instanceof KeyValueConnectionError && error.mayHaveRun &&
    name.toLowerCase() === "shutdown";
}

/** What is wrong, and if a server would mend it, how to start one. */
export function noServerMessage(error: KeyValueConnectionError, address: ServerAddress): string {
  const { cause } = error;
  if (!(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.ConnectionRefused)) {
    return error.message;
  }
  const where = formatAddress(address);
  if ("socket" in address && isOther(address.socket)) {
    return `Cannot connect to ${where}: that is no socket; name the server's with --socket or KV_SOCKET`;
  }
  const start = !("socket" in address)
    ? `kv serve --listen ${where}`
    : where === "kv.sock"
    ? "kv serve"
    : `kv serve --socket ${where}`;
  return `${error.message}. Start a server with: ${start}`;
}

/** Whether there is something at a path that is no socket: no server could listen there either. */
function isOther(path: string): boolean {
  try {
    return !Deno.statSync(path).isSocket;
  } catch {
    return false;
  }
}
