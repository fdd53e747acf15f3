/** Replies as `redis-cli` shows them: to people, to programs, and as JSON. */
import { quoteBytes } from "../protocol/quoted_bytes.ts";
import {
  DoubleReply,
  ErrorReply,
  PushReply,
  type Reply,
  VerbatimReply,
} from "../protocol/reply.ts";
import type { ReplyFormat } from "./options.ts";
import { ByteSink, type TextSink } from "./output.ts";

/** A string is shown in pieces of so many bytes: all of it can be longer than a string of JavaScript's. */
const pieceBytes = 192 * 1024; // Divisible by 3, so that the pieces' Base64 is that of the whole.

const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strictOptions = { ignoreBOM: true, fatal: true };
const strict = new TextDecoder("utf-8", strictOptions);

/**
 * For a terminal: types are named, strings are quoted, lists are numbered.
 *
 *     1) "foo"
 *     2) 1) (integer) 1
 *        2) (nil)
 */
export function formatForTerminal(reply: Reply): string {
  const parts: string[] = [];
  appendForTerminal(parts, reply);
  return parts.join("");
}

/** `indent` stands before all lines of the reply but its first. */
function appendForTerminal(parts: TextSink, reply: Reply, indent = ""): void {
  if (reply === null) {
    parts.push("(nil)\n");
  } else if (typeof reply === "string") {
    parts.push(reply, "\n");
  } else if (reply instanceof Uint8Array) {
    parts.push('"');
    for (const piece of piecesOf(reply)) parts.push(quoteBytes(piece).slice(1, -1));
    parts.push('"\n');
  } else if (typeof reply === "number" || typeof reply === "bigint") {
    parts.push(`(integer) ${reply}\n`);
  } else if (typeof reply === "boolean") {
    parts.push(`(${reply})\n`);
  } else if (reply instanceof ErrorReply) {
    parts.push(`(error) ${reply.message}\n`);
  } else if (reply instanceof DoubleReply) {
    parts.push(`(double) ${reply.text}\n`);
  } else if (reply instanceof VerbatimReply) {
    parts.push(lenient.decode(reply.bytes), "\n");
  } else if (reply instanceof Map) {
    appendMap(parts, reply, indent);
  } else if (reply instanceof Set) {
    appendList(parts, { items: [...reply], kind: "set", mark: "~" }, indent);
  } else if (reply instanceof PushReply) {
    appendList(parts, { items: reply.items, kind: "push", mark: ")" }, indent);
  } else {
    appendList(parts, { items: reply, kind: "array", mark: ")" }, indent);
  }
}

interface NumberedList {
  readonly items: readonly Reply[];
  readonly kind: string;
  /** What stands behind the number of an item. */
  readonly mark: string;
}

function appendList(parts: TextSink, { items, kind, mark }: NumberedList, indent: string): void {
  if (items.length === 0) {
    parts.push(`(empty ${kind})\n`);
    return;
  }
  const digits = String(items.length).length;
  // Deeper lines stand below the item: behind number, mark and space.
  const inner = indent + " ".repeat(digits + 2);
  items.forEach((item, i) => {
    parts.push(i === 0 ? "" : indent, String(i + 1).padStart(digits), mark, " ");
    appendForTerminal(parts, item, inner);
  });
}

function appendMap(parts: TextSink, map: ReadonlyMap<Reply, Reply>, indent: string): void {
  if (map.size === 0) {
    parts.push("(empty hash)\n");
    return;
  }
  const digits = String(map.size).length;
  const inner = indent + " ".repeat(digits + 2);
  let number = 0;
  for (const [key, value] of map) {
    parts.push(number === 0 ? "" : indent, String(++number).padStart(digits), "# ");
    const keyParts: string[] = [];
    appendForTerminal(keyParts, key, inner);
    parts.push(keyParts.join("").slice(0, -1), " => ");
    // A value of several items begins on a line of its own.
    if (hasSeveralItems(value)) parts.push("\n", inner);
    appendForTerminal(parts, value, inner);
  }
}

/** Whether there are several items at some level, without a choice on the way there. */
function hasSeveralItems(reply: Reply): boolean {
  if (reply instanceof Map || reply instanceof Set) {
    if (reply.size !== 1) return reply.size > 1;
    const [only] = reply.values();
    return hasSeveralItems(only);
  }
  if (!Array.isArray(reply)) return false;
  return reply.length > 1 || reply.length === 1 && hasSeveralItems(reply[0]);
}

/** For a program: strings as they are, items of lists separated by line feeds. */
export function formatRaw(reply: Reply): Uint8Array {
  if (reply instanceof Uint8Array) return reply;
  const sink = new ByteSink();
  appendRaw(sink, reply);
  return sink.bytes();
}

function appendRaw(sink: ByteSink, reply: Reply): void {
  if (reply === null) return;
  if (reply instanceof Uint8Array) sink.append(reply);
  else if (typeof reply === "string") sink.appendText(reply);
  else if (reply instanceof VerbatimReply) sink.append(reply.bytes);
  else if (typeof reply === "number" || typeof reply === "bigint") sink.appendText(String(reply));
  else if (typeof reply === "boolean") sink.appendText(`(${reply})`);
  else if (reply instanceof ErrorReply) sink.appendText(`${reply.message}\n`);
  else if (reply instanceof DoubleReply) sink.appendText(reply.text);
  else if (reply instanceof Map) {
    let first = true;
    for (const [key, value] of reply) {
      if (!first) sink.appendText("\n");
      first = false;
      appendRaw(sink, key);
      sink.appendText(" ");
      appendRaw(sink, value);
    }
  } else {
    let first = true;
    for (const item of reply instanceof PushReply ? reply.items : reply) {
      if (!first) sink.appendText("\n");
      first = false;
      appendRaw(sink, item);
    }
  }
}

/**
 * One JSON value on one line. Strings that are not UTF-8 become `{"base64": "..."}`, errors
 * `{"error": "ERR ..."}`, doubles that JSON cannot write `"inf"`, `"-inf"` and `"nan"`. Integers are
 * written in full, also beyond 2^53. A map becomes an object if all its keys are text or numbers, and
 * an array of `[key, value]` otherwise.
 */
export function formatJson(reply: Reply): string {
  const parts: string[] = [];
  appendJson(parts, reply);
  return parts.join("");
}

function appendJson(parts: TextSink, reply: Reply): void {
  if (reply === null || typeof reply === "boolean" || typeof reply === "string") {
    parts.push(JSON.stringify(reply));
  } else if (typeof reply === "number" || typeof reply === "bigint") {
    parts.push(String(reply));
  } else if (reply instanceof Uint8Array) {
    appendJsonString(parts, reply);
  } else if (reply instanceof VerbatimReply) {
    appendJsonString(parts, reply.bytes);
  } else if (reply instanceof ErrorReply) {
    parts.push(`{"error":${JSON.stringify(reply.message)}}`);
  } else if (reply instanceof DoubleReply) {
    parts.push(Number.isFinite(reply.value) ? String(reply.value) : JSON.stringify(reply.text));
  } else if (reply instanceof Map) {
    appendJsonMap(parts, reply);
  } else {
    appendJsonList(parts, reply instanceof PushReply ? reply.items : reply);
  }
}

function appendJsonList(parts: TextSink, items: Iterable<Reply>): void {
  let before = "[";
  for (const item of items) {
    parts.push(before);
    appendJson(parts, item);
    before = ",";
  }
  parts.push(before === "[" ? "[]" : "]");
}

function appendJsonString(parts: TextSink, bytes: Uint8Array): void {
  if (bytes.length <= pieceBytes) {
    const text = textOf(bytes);
    parts.push(text === null ? `{"base64":"${bytes.toBase64()}"}` : JSON.stringify(text));
  } else if (isText(bytes)) {
    const decoder = new TextDecoder("utf-8", strictOptions);
    parts.push('"');
    for (const piece of piecesOf(bytes)) {
      parts.push(JSON.stringify(decoder.decode(piece, { stream: true })).slice(1, -1));
    }
    parts.push('"');
  } else {
    parts.push('{"base64":"');
    for (const piece of piecesOf(bytes)) parts.push(piece.toBase64());
    parts.push('"}');
  }
}

function appendJsonMap(parts: TextSink, map: ReadonlyMap<Reply, Reply>): void {
  const entries: [string, Reply][] = [];
  for (const [key, value] of map) {
    const name = key instanceof Uint8Array
      ? textOf(key)
      : typeof key === "string" || typeof key === "number"
      ? String(key)
      : null;
    if (name === null) return appendJsonList(parts, [...map]);
    entries.push([name, value]);
  }
  let before = "{";
  for (const [name, value] of entries) {
    parts.push(before, JSON.stringify(name), ":");
    appendJson(parts, value);
    before = ",";
  }
  parts.push(before === "{" ? "{}" : "}");
}

function* piecesOf(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** Whether bytes of any number are UTF-8. */
function isText(bytes: Uint8Array): boolean {
  const decoder = new TextDecoder("utf-8", strictOptions);
  try {
    for (const piece of piecesOf(bytes)) decoder.decode(piece, { stream: true });
    decoder.decode();
    return true;
  } catch {
    return false;
  }
}

/** The bytes as text, or null if they are not UTF-8. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Whether the command answers with a text for people, which a terminal is shown as it is: INFO and
 * the like. `args` begins with the name.
 */
export function answersWithText(args: readonly string[]): boolean {
  const [name, sub] = args.slice(0, 2).map((arg) => arg.toLowerCase());
  switch (name) {
    case "info":
    case "lolwut":
      return true;
    case "client":
      return sub === "list" || sub === "info";
    case "memory":
      return sub === "doctor" || sub === "malloc-stats";
    case "latency":
      return sub === "doctor" || sub === "graph";
    default:
      return false;
  }
}

/** What takes texts and bytes. */
export interface ReplySink extends TextSink {
  append(bytes: Uint8Array): void;
}

/** A reply with the line feed behind it. `words` is the command. */
export function appendReply(
  sink: ReplySink,
  reply: Reply,
  format: ReplyFormat,
  words: readonly string[],
): void {
  if (format === "json") {
    appendJson(sink, reply);
    sink.push("\n");
  } else if (!(reply instanceof ErrorReply) && answersWithText(words)) {
    sink.append(formatRaw(reply));
  } else if (format === "terminal") {
    appendForTerminal(sink, reply);
  } else {
    sink.append(formatRaw(reply));
    sink.push("\n");
  }
}

/** The same, as bytes of their own. */
export function formatReply(
  reply: Reply,
  format: ReplyFormat,
  words: readonly string[],
): Uint8Array {
  const sink = new ByteSink();
  appendReply(sink, reply, format, words);
  return sink.bytes();
}
