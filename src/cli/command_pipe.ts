/**
 * `kv cli` with commands from a pipe: one a line, replies in order, as `redis-cli` does it. The
 * commands that arrive together are sent together.
 */
import { Connection } from "../client/connection.ts";
import { KeyValueConnectionError } from "../client/errors.ts";
import { RequestQueue } from "../client/request_queue.ts";
import { ErrorReply, type Reply } from "../protocol/reply.ts";
import { exitCodes } from "./exit_codes.ts";
import { greeting } from "./greeting.ts";
import { formatReply } from "./format_reply.ts";
import { splitArguments } from "../protocol/line_arguments.ts";
import { listenInstead, listens } from "./listen.ts";
import { isShutdown, noServerMessage } from "./no_server.ts";
import type { ClientSettings, ReplyFormat } from "./options.ts";
import { ByteSink, complain, writeOutput } from "./output.ts";

const decoder = new TextDecoder();
const lineFeed = 0x0a;

/** Runs the commands on standard input; resolves with the exit status. */
export async function runPipe(settings: ClientSettings): Promise<number> {
  let link: Link | null = null;
  try {
    link = await connect(settings);
    for await (const lines of readLines()) {
      // The server has gone while there was nothing to send: it may have come back.
      if (link.isLost) link = await connect(settings);
      if (await runLines(lines, link.queue, settings.format)) break;
    }
    return exitCodes.ok;
  } catch (error) {
    if (!(error instanceof KeyValueConnectionError)) throw error;
    complain(noServerMessage(error, settings.address));
    return exitCodes.noServer;
  } finally {
    link?.connection.close();
  }
}

interface Link {
  readonly connection: Connection;
  readonly queue: RequestQueue;
  isLost: boolean;
}

async function connect(settings: ClientSettings): Promise<Link> {
  const connection = await Connection.open(settings.address);
  const link: Link = { connection, queue: new RequestQueue(), isLost: false };
  connection.ended.then(() => link.isLost = true);
  connection.sendFrom(link.queue);
  const first = greeting(settings);
  if (first !== null) {
    const reply = await link.queue.add(first).reply;
    if (reply instanceof ErrorReply) writeOutput(formatReply(reply, settings.format, []));
  }
  return link;
}

/** Sends the lines and writes the replies. Resolves with true when one of them said to stop. */
async function runLines(
  lines: readonly Uint8Array[],
  queue: RequestQueue,
  format: ReplyFormat,
): Promise<boolean> {
  const answers: (Promise<Uint8Array> | string)[] = [];
  let stop = false;
  for (const line of lines) {
    const { args, state } = splitArguments(line);
    if (state !== "whole") {
      answers.push("Invalid argument(s)\n");
      continue;
    }
    if (args.length === 0) continue;
    const name = decoder.decode(args[0]).toLowerCase();
    if (name === "exit" || name === "quit") {
      stop = true;
      break;
    }
    if (name === "help" || name === "?") {
      const { helpText } = await import("./help.ts");
      answers.push(helpText(args.slice(1).map((arg) => decoder.decode(arg))).text);
      continue;
    }
    if (listens(name)) {
      answers.push(`${listenInstead(name)}\n`);
      continue;
    }
    const answer = answerTo(args.map((arg) => decoder.decode(arg)), queue.add(args).reply, format);
    // A connection that is lost rejects them all at once; they are awaited one by one.
    answer.catch(() => {});
    answers.push(answer);
  }
  // What was answered before the connection was lost is shown.
  const sink = new ByteSink();
  try {
    for (const answer of answers) {
      if (typeof answer === "string") sink.appendText(answer);
      else sink.append(await answer);
    }
  } finally {
    writeOutput(sink.bytes());
  }
  return stop;
}

async function answerTo(
  words: readonly string[],
  reply: Promise<Reply>,
  format: ReplyFormat,
): Promise<Uint8Array> {
  try {
    return formatReply(await reply, format, words);
  } catch (error) {
    if (isShutdown(error, words[0])) return new Uint8Array(0);
    throw error;
  }
}

/** The lines of standard input, as many at a time as there are. */
async function* readLines(): AsyncGenerator<Uint8Array[], void, void> {
  const buffer = new Uint8Array(64 * 1024);
  // The start of a line whose end is not there yet.
  let partial = new ByteSink();
  while (true) {
    const count = await Deno.stdin.read(buffer);
    if (count === null) break;
    const lines: Uint8Array[] = [];
    let start = 0;
    for (
      let end = buffer.indexOf(lineFeed);
      end >= 0 && end < count;
      end = buffer.indexOf(lineFeed, start)
    ) {
      partial.append(buffer.subarray(start, end));
      lines.push(partial.bytes());
      partial = new ByteSink();
      start = end + 1;
    }
    partial.append(buffer.subarray(start, count));
    if (lines.length > 0) yield lines;
  }
  if (partial.bytes().length > 0) yield [partial.bytes()];
}
