/** `kv COMMAND [ARG ...]`: one command, one reply. */
import { Connection, type ServerAddress } from "../client/connection.ts";
import { KeyValueConnectionError } from "../client/errors.ts";
import { RequestQueue } from "../client/request_queue.ts";
import { ErrorReply, type Reply } from "../protocol/reply.ts";
import type { CommandArgument } from "../protocol/request_writer.ts";
import { exitCodes } from "./exit_codes.ts";
import { appendReply } from "./format_reply.ts";
import { greeting, passwordHint } from "./greeting.ts";
import { listen, listens } from "./listen.ts";
import { isShutdown, noServerMessage } from "./no_server.ts";
import { clientOptions, type ClientSettings } from "./options.ts";
import { complain, OutputSink, readInput, writeError } from "./output.ts";

/** Sends `args` (the command's name first) and prints the reply. Resolves with the exit status. */
export async function runCommand(
  args: readonly string[],
  settings: ClientSettings,
): Promise<number> {
  const request: CommandArgument[] = [...args];
  if (settings.argumentFromInput) request.push(await readInput());
  try {
    if (listens(args[0])) {
      const error = await listen(request, settings);
      return error === null ? exitCodes.ok : await showReply(args, error, settings);
    }
    const answer = await ask(request, settings);
    // The connection ends with the process: to close it takes longer than the server does to answer.
    return await showReply(args, answer, settings);
  } catch (error) {
    if (isShutdown(error, args[0])) return exitCodes.ok;
    if (!(error instanceof KeyValueConnectionError)) throw error;
    return await explainNoServer(error, args[0], settings.address);
  }
}

/** The reply to a request on a connection of its own, or what the server says to the password. */
async function ask(request: readonly CommandArgument[], settings: ClientSettings): Promise<Reply> {
  const queue = new RequestQueue();
  const connection = await Connection.open(settings.address);
  const first = greeting(settings);
  const greeted = first === null ? null : queue.add(first).reply;
  greeted?.catch(() => {}); // The command is rejected as well.
  connection.sendFrom(queue, { isLast: true });
  if (greeted !== null && settings.password !== "") {
    // Whose password is refused is another user, for whom nothing is to be run.
    const refusal = await greeted;
    if (refusal instanceof ErrorReply) return refusal;
  }
  try {
    // A server that refuses the version answers the command nevertheless, as it can.
    return await queue.add(request).reply;
  } catch (error) {
    // One that takes no clients says so to what it is asked first.
    const told = await greeted;
    if (told instanceof ErrorReply) return told;
    throw error;
  }
}

async function showReply(
  args: readonly string[],
  reply: Reply,
  { format }: ClientSettings,
): Promise<number> {
  if (reply instanceof ErrorReply) {
    writeError(format === "terminal" ? "(error) " : "", reply.message, "\n");
    if (reply.code === "NOAUTH") complain(passwordHint);
    if (reply.message.startsWith("ERR unknown ")) await suggestAnother(reply.message, args);
    const option = args.slice(1).find(isOption);
    if (option !== undefined) {
      complain(`Options of kv stand before the command: kv ${option} ${args[0]} ...`);
    }
    return exitCodes.errorReply;
  }
  if (format !== "raw" || !isNothing(reply)) {
    const sink = new OutputSink();
    appendReply(sink, reply, format, args);
    sink.flush();
  }
  return reply === null ? exitCodes.nil : exitCodes.ok;
}

/** Whether an argument is written as an option of kv: for whom typed `kv get foo --json`. */
function isOption(argument: string): boolean {
  return argument.startsWith("--") &&
    clientOptions.some(({ name }) => argument === `--${name}`);
}

/** No value, no line: neither for nil nor for an empty list. */
function isNothing(reply: Reply): boolean {
  return reply === null ||
    (Array.isArray(reply) && reply.length === 0) ||
    ((reply instanceof Set || reply instanceof Map) && reply.size === 0);
}

async function suggestAnother(message: string, args: readonly string[]): Promise<void> {
  const { questionAfter } = await import("./suggestion.ts");
  const question = questionAfter(message, args);
  if (question !== null) complain(question);
}

/** A name that no server knows is the first thing to mend; otherwise, say how to start a server. */
async function explainNoServer(
  error: KeyValueConnectionError,
  name: string,
  address: ServerAddress,
): Promise<number> {
  if (!error.mayHaveRun) {
    const { didYouMean, isKnown } = await import("./suggestion.ts");
    if (!isKnown(name)) {
      const question = didYouMean(name) ?? "`kv help` lists them all.";
      complain(`There is no command '${name}'. ${question}`);
      return exitCodes.usage;
    }
  }
  complain(noServerMessage(error, address));
  return exitCodes.noServer;
}
