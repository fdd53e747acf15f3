/** `kv subscribe CHANNEL ...` and its kin, `kv monitor`: what the server sends, until it or the user ends it. */
import { Connection } from "../client/connection.ts";
import { ErrorReply, PushReply, type Reply } from "../protocol/reply.ts";
import { exitCodes } from "./exit_codes.ts";
import { formatForTerminal, formatJson, formatRaw } from "./format_reply.ts";
import { noServerMessage } from "./no_server.ts";
import type { ClientSettings } from "./options.ts";
import { complain, writeError, writeOutput } from "./output.ts";

const names = new Set(["subscribe", "psubscribe", "ssubscribe", "monitor"]);

/** Whether a command has no one reply, but goes on and on. */
export function listens(name: string): boolean {
  return names.has(name.toLowerCase());
}

/** For where such a command cannot go on: what to do instead. */
export function listenInstead(name: string): string {
  return `${name.toUpperCase()} goes on until Ctrl-C: leave the prompt, and run kv ${name.toLowerCase()} ...`;
}

/** Sends `args` and prints what comes. Resolves with the exit status when the connection has ended. */
export async function listen(args: readonly string[], settings: ClientSettings): Promise<number> {
  const connection = await Connection.open(settings.address);
  let status: number = exitCodes.ok;
  await connection.listen(settings.protocol === 3 ? [["HELLO", "3"], args] : [args], (reply) => {
    // What HELLO replies is nobody's business.
    if (reply instanceof Map) return;
    if (reply instanceof ErrorReply) {
      writeError(settings.format === "terminal" ? "(error) " : "", reply.message, "\n");
      status = exitCodes.errorReply;
      return connection.close();
    }
    show(reply, settings);
  });
  const reason = await connection.ended;
  if (reason === null) return status;
  complain(noServerMessage(reason, settings.address));
  return exitCodes.noServer;
}

function show(reply: Reply, { format }: ClientSettings): void {
  const shown = reply instanceof PushReply && format !== "terminal" ? [...reply.items] : reply;
  if (format === "json") writeOutput(formatJson(shown), "\n");
  else if (format === "terminal") writeOutput(formatForTerminal(shown));
  else writeOutput(formatRaw(shown), "\n");
}
