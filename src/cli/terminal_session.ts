/** The prompt of `kv cli` on a terminal. Lines are edited by `node:readline`. */
import { stdin, stdout } from "node:process";
import { createInterface, type Interface } from "node:readline";
import { Connection, formatAddress } from "../client/connection.ts";
import { KeyValueConnectionError } from "../client/errors.ts";
import { RequestQueue } from "../client/request_queue.ts";
import { ErrorReply, PushReply, type Reply } from "../protocol/reply.ts";
import { exitCodes } from "./exit_codes.ts";
import { greeting } from "./greeting.ts";
import { appendReply, formatForTerminal } from "./format_reply.ts";
import { helpText } from "./help.ts";
import { complete, hintFor, inColumns } from "./hints.ts";
import { hasPassword, History, historyPath } from "./history.ts";
import { quoteBytes } from "../protocol/quoted_bytes.ts";
import { splitArguments } from "../protocol/line_arguments.ts";
import { listenInstead, listens } from "./listen.ts";
import { isShutdown, noServerMessage } from "./no_server.ts";
import type { ClientSettings } from "./options.ts";
import { OutputSink, writeOutput } from "./output.ts";
import { repetition, wrongRepetition } from "./repetition.ts";
import { questionAfter } from "./suggestion.ts";

/** How often a server that has gone is looked for. */
const reconnectMs = 500;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The width of a terminal that does not tell. */
const usualColumns = 80;

const clearLineBehind = "\x1b[K";
const clearScreen = "\x1b[H\x1b[2J";
/** Faint, which is no colour: NO_COLOR does not ask for its absence. */
const faint = (text: string) => `\x1b[2m${text}\x1b[0m`;

/** What readline lets be changed, though its types say otherwise. */
interface EditedLine {
  line: string;
  cursor: number;
  history: string[];
  /** Rows above the one in which the cursor is: drawing the line anew begins that far up. */
  prevRows: number;
}

export class TerminalSession {
  readonly #settings: ClientSettings;
  readonly #history = new History(historyPath());
  readonly #readline: Interface & EditedLine;
  #connection: Connection | null = null;
  #queue = new RequestQueue();
  /** Between MULTI and EXEC. */
  #inTransaction = false;
  /** The lines so far of a command with an open quote. */
  #unfinished: string | null = null;
  /** Lines that were entered while a command ran. */
  readonly #lines: string[] = [];
  #busy = false;
  #ended = false;
  #hintShown = false;
  #reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #done = Promise.withResolvers<void>();

  constructor(settings: ClientSettings) {
    this.#settings = settings;
    // Before readline's own listener: the hint must be gone when the key does what it does.
    stdin.on("keypress", () => this.#clearHint());
    this.#readline = createInterface({
      input: stdin,
      output: stdout,
      terminal: true,
      history: this.#history.newestFirst(),
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (line: string) => {
        this.#complete(line);
        return [[], line];
      },
    }) as Interface & EditedLine;
    // Readline pauses its input while it completes; in Deno 2.6 to 2.8 the next keys are lost then.
    this.#readline.pause = () => this.#readline;
    stdin.on("keypress", () => this.#showHint());
    this.#readline.on("line", (line) => this.#entered(line));
    this.#readline.on("SIGINT", () => this.#interrupted());
    // Going to the background needs the permission to send signals, which kv does not ask for.
    this.#readline.on("SIGTSTP", () => {});
    this.#readline.on("close", () => this.#end());
  }

  /** Runs until the end of input or `exit`; resolves with the exit status. */
  async run(): Promise<number> {
    this.#busy = true;
    await this.#connect();
    this.#busy = false;
    this.#prompt();
    await this.#done.promise;
    return exitCodes.ok;
  }

  // --- Lines.

  #entered(line: string): void {
    this.#lines.push(line);
    if (!this.#busy) this.#runLines();
  }

  async #runLines(): Promise<void> {
    this.#busy = true;
    for (let line; !this.#ended && (line = this.#lines.shift()) !== undefined;) {
      await this.#runLine(line);
    }
    this.#busy = false;
    if (!this.#ended) this.#prompt();
  }

  async #runLine(line: string): Promise<void> {
    const text = this.#unfinished === null ? line : `${this.#unfinished}\n${line}`;
    const { args, state } = splitArguments(encoder.encode(text));
    this.#unfinished = state === "open" ? text : null;
    const words = args.map((arg) => decoder.decode(arg));
    if (state === "whole") this.#remember(text, args, words);
    if (state === "open") return;
    if (state === "wrong") return show("Invalid argument(s)\n");
    switch (words[0]?.toLowerCase()) {
      case undefined:
        return;
      case "exit":
      case "quit":
        return this.#readline.close();
      case "clear":
        return show(clearScreen);
      case "help":
      case "?":
        return show(helpText(words.slice(1)).text);
      default:
        return await this.#runCommand(args, words);
    }
  }

  /** Keeps the command in the history: one that took several lines, as the one line that it is. */
  #remember(text: string, args: readonly Uint8Array[], words: readonly string[]): void {
    const { history } = this.#readline;
    const secret = hasPassword(words);
    const typed = text.split("\n");
    if (typed.length === 1 && !secret) {
      if (words.length > 0) this.#history.add(text);
      return;
    }
    // Readline has its lines already, the newest first.
    for (const line of typed.toReversed()) if (history[0] === line) history.shift();
    if (secret) return;
    const whole = args.map(quoteWhereNeeded).join(" ");
    history.unshift(whole);
    this.#history.add(whole);
  }

  // --- Commands.

  async #runCommand(args: readonly Uint8Array[], words: readonly string[]): Promise<void> {
    const { times, isGiven } = repetition(words);
    if (times === 0) return show(`${wrongRepetition}\n`);
    if (isGiven) return await this.#runTimes(times, args.slice(1), words.slice(1));
    await this.#runTimes(1, args, words);
  }

  async #runTimes(
    times: number,
    args: readonly Uint8Array[],
    words: readonly string[],
  ): Promise<void> {
    if (listens(words[0])) return show(`${listenInstead(words[0])}\n`);
    if (this.#connection === null && !await this.#connect()) return;
    try {
      for (let i = 0; i < times && !this.#ended; i++) {
        const reply = await this.#queue.add(args).reply;
        const sink = new OutputSink();
        appendReply(sink, reply, this.#settings.format, words);
        sink.flush();
        const question = reply instanceof ErrorReply ? questionAfter(reply.message, words) : null;
        if (question !== null) show(`${question}\n`);
        this.#follow(words[0].toLowerCase(), reply);
      }
    } catch (error) {
      if (isShutdown(error, words[0])) return;
      if (!(error instanceof KeyValueConnectionError)) throw error;
      show(`Error: ${error.message}\n`);
    }
  }

  /** Keeps track of what the prompt shows. */
  #follow(name: string, reply: Reply): void {
    if (name === "exec") this.#inTransaction = false;
    if (reply instanceof ErrorReply) return;
    if (name === "multi") this.#inTransaction = true;
    if (name === "discard" || name === "reset") this.#inTransaction = false;
  }

  // --- The connection.

  /** Connects, and says why if that fails. */
  async #connect(): Promise<boolean> {
    try {
      await this.#open();
      return true;
    } catch (error) {
      if (!(error instanceof KeyValueConnectionError)) throw error;
      show(`${noServerMessage(error, this.#settings.address)}\n`);
      this.#reconnectLater();
      return false;
    }
  }

  async #open(): Promise<void> {
    clearTimeout(this.#reconnectTimer);
    const connection = await Connection.open(this.#settings.address);
    if (this.#ended) return connection.close();
    this.#connection = connection;
    this.#queue = new RequestQueue();
    connection.onPush = (items) => this.#pushed(items);
    connection.sendFrom(this.#queue, { isLast: true });
    connection.ended.then(() => this.#lost());
    const first = greeting(this.#settings);
    if (first !== null) {
      const reply = await this.#queue.add(first).reply;
      if (!(reply instanceof ErrorReply)) return;
      show(formatForTerminal(reply));
      if (this.#settings.password !== "") {
        show(
          "Not logged in: until AUTH succeeds, commands run as the user that needs no password\n",
        );
      }
    }
  }

  #lost(): void {
    this.#connection = null;
    this.#inTransaction = false;
    if (this.#ended) return;
    this.#reconnectLater();
    if (!this.#busy) this.#prompt();
  }

  #reconnectLater(): void {
    clearTimeout(this.#reconnectTimer);
    if (this.#ended) return;
    this.#reconnectTimer = setTimeout(async () => {
      if (this.#busy || this.#connection !== null) return this.#reconnectLater();
      try {
        await this.#open();
        if (!this.#busy) this.#prompt();
      } catch {
        this.#reconnectLater();
      }
    }, reconnectMs);
  }

  #pushed(items: readonly Reply[]): void {
    this.#clearHint();
    show(`\r${clearLineBehind}`, formatForTerminal(new PushReply(items)));
    if (!this.#busy) this.#prompt();
  }

  // --- The terminal.

  /** Shows the prompt, and behind it what is being typed. */
  #prompt(): void {
    this.#clearHint();
    this.#readline.setPrompt(this.#promptText());
    this.#readline.prompt(true);
    this.#showHint();
  }

  #promptText(): string {
    if (this.#unfinished !== null) return "... ";
    if (this.#connection === null) return "not connected> ";
    const transaction = this.#inTransaction ? "(TX)" : "";
    return `kv ${formatAddress(this.#settings.address)}${transaction}> `;
  }

  /**
   * The Tab key. All is done here and nothing left to readline, which lists words one a line, and only
   * at the second key. `before` is the text before the cursor.
   */
  #complete(before: string): void {
    const { line, choices } = complete(before);
    if (choices.length > 0) {
      this.#clearHint();
      stdout.write(`\r\n${inColumns(choices, terminalColumns()).replaceAll("\n", "\r\n")}`);
      this.#readline.prevRows = 0;
    }
    this.#readline.line = line + this.#readline.line.slice(before.length);
    this.#readline.cursor = line.length;
    this.#prompt();
  }

  /** Draws the hint behind the cursor, which stays where it is. */
  #showHint(): void {
    const { line, cursor } = this.#readline;
    if (this.#busy || this.#ended || this.#unfinished !== null || cursor !== line.length) return;
    const hint = hintFor(line);
    const room = terminalColumns() - this.#readline.getCursorPos().cols - 1;
    const shown = hint.length <= room ? hint : `${hint.slice(0, room - 3)}...`;
    if (hint === "" || room < 8) return;
    stdout.write(`${faint(shown)}\x1b[${shown.length}D`);
    this.#hintShown = true;
  }

  #clearHint(): void {
    if (!this.#hintShown) return;
    this.#hintShown = false;
    stdout.write(clearLineBehind);
  }

  /** Ctrl-C: gives up the line, or the reply that is waited for. */
  #interrupted(): void {
    this.#clearHint();
    stdout.write("^C\r\n");
    this.#unfinished = null;
    this.#lines.length = 0;
    this.#readline.line = "";
    this.#readline.cursor = 0;
    this.#readline.prevRows = 0;
    if (this.#busy) this.#connection?.close();
    else this.#prompt();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#clearHint();
    // After Ctrl-D the cursor still stands behind the prompt; after `exit`, on a line of its own.
    if (!this.#busy) stdout.write("\r\n");
    clearTimeout(this.#reconnectTimer);
    this.#connection?.close();
    this.#done.resolve();
  }
}

function show(...chunks: readonly (string | Uint8Array)[]): void {
  writeOutput(...chunks);
}

function terminalColumns(): number {
  return stdout.columns || usualColumns;
}

function quoteWhereNeeded(bytes: Uint8Array): string {
  const text = decoder.decode(bytes);
  return /^[\x21\x23-\x26\x28-\x5b\x5d-\x7e]+$/.test(text) ? text : quoteBytes(bytes);
}
