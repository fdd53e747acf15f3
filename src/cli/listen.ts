/** `kv subscribe CHANNEL ...` and its kin, `kv monitor`: what the server sends, until it or the user ends it. */
import { Connection } from "../client/connection.ts";
import { ErrorReply, type Reply } from "../protocol/reply.ts";
import type { CommandArgument } from "../protocol/request_writer.ts";
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
 * Sends `args`, the command's name first, and prints what comes, until the server refuses it, which resolves to its
 * error, or until nobody reads the output, which resolves to null. Rejects with a KeyValueConnectionError when the server
 * goes, with an OutputError when the output cannot be written.
 */
export async function listen(
  args: readonly CommandArgument[],
  settings: ClientSettings,
): Promise<ErrorReply | null> {
  const { address, format } = settings;
  const words = args.map(String);
  const first = greeting(settings);
  const connection = await Connection.open(address);
  const { promise, resolve, reject } = Promise.withResolvers<ErrorReply | null>();
  connection.ended.then((reason) => reason !== null && reject(reason));
  const end = (error: ErrorReply | null) => {
    resolve(error);
    connection.close();
  };
  const show = (reply: Reply) => {
    if (reply instanceof ErrorReply) return end(reply);
    try {
      if (!writeOutput(formatReply(reply, format, words))) end(null);
    } catch (error) {
      reject(error);
      connection.close();
    }
  };
  // What a greeting is replied is nobody's business, unless it is refused: then nothing else is asked for.
  const greeted = (reply: Reply) => {
    if (reply instanceof ErrorReply) end(reply);
    else void connection.listen([args], show);
  };
  void connection.listen([first ?? args], first === null ? show : greeted);
  return await promise;
}
