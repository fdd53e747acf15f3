/** `kv subscribe CHANNEL ...` and its kin, `kv monitor`: what the server sends, until it or the user ends it. */
import { Connection } from "../client/connection.ts";
import { ErrorReply } from "../protocol/reply.ts";
import { greeting } from "./greeting.ts";
import { formatReply } from "./format_reply.ts";
import type { ClientSettings } from "./options.ts";
import { writeOutput } from "./output.ts";

const names = new Set(["subscribe", "psubscribe", "ssubscribe", "monitor"]);

/** Whether a command has no one reply, but goes on and on. */
export function listens(name: string): boolean {
  return names.has(name.toLowerCase());
}

/** For where such a command cannot go on: what to do instead. */
export function listenInstead(name: string): string {
  return `${name.toUpperCase()} goes on until Ctrl-C: leave the prompt, and run kv ${name.toLowerCase()} ...`;
}

/**
 * Sends `args` and prints what comes, until the server refuses it: resolves to its error. Rejects with a
 * KeyValueConnectionError when the server goes.
 */
export async function listen(
  args: readonly string[],
  settings: ClientSettings,
): Promise<ErrorReply> {
  const { address, format } = settings;
  const first = greeting(settings);
  const connection = await Connection.open(address);
  const refused = Promise.withResolvers<ErrorReply>();
  connection.ended.then((reason) => reason !== null && refused.reject(reason));
  let isGreeted = first === null;
  await connection.listen(first === null ? [args] : [first, args], (reply) => {
    // What a greeting is replied is nobody's business, unless it is refused.
    const isAnswer = isGreeted;
    isGreeted = true;
    if (!isAnswer && !(reply instanceof ErrorReply)) return;
    if (reply instanceof ErrorReply) {
      refused.resolve(reply);
      connection.close();
    } else {
      writeOutput(formatReply(reply, format, args));
    }
  });
  return await refused.promise;
}
