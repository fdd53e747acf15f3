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
import { ByteSink, complain, readInputInto, writeOutput } from "./output.ts";
import { repetition, wrongRepetition } from "./repetition.ts";

const decoder = new TextDecoder();
const lineFeed = 0x0a;

/** So many answers are waited for before more is asked: a command can be repeated a million times. */
const answersMax = 10_000;

/** What a server says to whom it does not serve at all, whatever is asked. */
const refusals = /^(ERR max number of clients reached$|DENIED )/;

/** The server does not let this client in. */
class RefusalError extends Error {}

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
    if (error instanceof RefusalError) {
      complain(error.message);
      return exitCodes.errorReply;
    }
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
  connection.sendFrom(link.queue, { isLast: true });
  const first = greeting(settings);
  if (first !== null) {
    const reply = await link.queue.add(first).reply;
    // Without a password it may be the version that is refused: the commands are answered nevertheless.
    if (reply instanceof ErrorReply && settings.password !== "") {
      connection.close();
      throw new RefusalError(reply.message);
    }
  }
  return link;
}

/**
 * Sends the lines and writes the replies. Resolves with true when one of them said to stop, or nobody reads what is
 * written.
 */
async function runLines(
  lines: readonly Uint8Array[],
  queue: RequestQueue,
  format: ReplyFormat,
): Promise<boolean> {
  const answers: (Promise<Uint8Array> | string)[] = [];
  const tell = (message: string) => {
    answers.push(format === "json" ? `${JSON.stringify({ error: message })}\n` : `${message}\n`);
  };
  for (const line of lines) {
    const split = splitArguments(line);
    if (split.state !== "whole") {
      tell("Invalid argument(s)");
      continue;
    }
    const { times, isGiven } = repetition(split.args.map((arg) => decoder.decode(arg)));
    const args = isGiven ? split.args.slice(1) : split.args;
    if (args.length === 0) continue;
    const words = args.map((arg) => decoder.decode(arg));
    const name = words[0].toLowerCase();
    if (name === "exit" || name === "quit") {
      await writeAnswers(answers);
      return true;
    }
    if (times === 0) {
      tell(wrongRepetition);
    } else if (name === "help" || name === "?") {
      const { helpText } = await import("./help.ts");
      const { text } = helpText(words.slice(1));
      answers.push(format === "json" ? `${JSON.stringify(text)}\n` : text);
    } else if (listens(name)) {
      tell(listenInstead(name));
    } else {
      for (let i = 0; i < times; i++) {
        if (answers.length >= answersMax && !await writeAnswers(answers)) return true;
        const answer = answerTo(words, queue.add(args).reply, format);
        // A connection that is lost rejects them all at once; they are awaited one by one.
        answer.catch(() => {});
        answers.push(answer);
      }
    }
  }
  return !await writeAnswers(answers);
}

/** Waits for the answers and writes them, after which there are none; false when nobody reads them. */
async function writeAnswers(answers: (Promise<Uint8Array> | string)[]): Promise<boolean> {
  const sink = new ByteSink();
  let hasReader = true;
  try {
    for (const answer of answers) {
      if (typeof answer === "string") sink.appendText(answer);
      else sink.append(await answer);
    }
  } finally {
    answers.length = 0;
    // What was answered before the connection was lost is shown.
    hasReader = writeOutput(sink.bytes());
  }
  return hasReader;
}

async function answerTo(
  words: readonly string[],
  reply: Promise<Reply>,
  format: ReplyFormat,
): Promise<Uint8Array> {
  try {
    const answer = await reply;
    if (answer instanceof ErrorReply && refusals.test(answer.message)) {
      throw new RefusalError(answer.message);
    }
    return formatReply(answer, format, words);
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
    const count = await readInputInto(buffer);
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
