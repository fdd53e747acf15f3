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
import { ByteSink } from "./output.ts";

const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/**
 * For a terminal: types are named, strings are quoted, lists are numbered.
 *
 *     1) "foo"
 *     2) 1) (integer) 1
 *        2) (nil)
 */
export function formatForTerminal(reply: Reply): string {
  const parts: string[] = [];
  appendForTerminal(parts, reply, "");
  return parts.join("");
}

/** `indent` stands before all lines of the reply but its first. */
function appendForTerminal(parts: string[], reply: Reply, indent: string): void {
  if (reply === null) {
    parts.push("(nil)\n");
  } else if (typeof reply === "string") {
    parts.push(reply, "\n");
  } else if (reply instanceof Uint8Array) {
    parts.push(quoteBytes(reply), "\n");
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

function appendList(parts: string[], { items, kind, mark }: NumberedList, indent: string): void {
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

function appendMap(parts: string[], map: ReadonlyMap<Reply, Reply>, indent: string): void {
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
  if (reply === null || typeof reply === "boolean" || typeof reply === "string") {
    return JSON.stringify(reply);
  }
  if (typeof reply === "number" || typeof reply === "bigint") return String(reply);
  if (reply instanceof Uint8Array) return jsonString(reply);
  if (reply instanceof VerbatimReply) return jsonString(reply.bytes);
  if (reply instanceof ErrorReply) return `{"error":${JSON.stringify(reply.message)}}`;
  if (reply instanceof DoubleReply) {
    return Number.isFinite(reply.value) ? String(reply.value) : JSON.stringify(reply.text);
  }
  if (reply instanceof Map) return jsonMap(reply);
  const items = reply instanceof PushReply ? reply.items : [...reply];
  return `[${items.map(formatJson).join(",")}]`;
}

function jsonString(bytes: Uint8Array): string {
  const text = textOf(bytes);
  return text === null ? `{"base64":"${bytes.toBase64()}"}` : JSON.stringify(text);
}

function jsonMap(map: ReadonlyMap<Reply, Reply>): string {
  const entries: [string, Reply][] = [];
  for (const [key, value] of map) {
    const name = key instanceof Uint8Array
      ? textOf(key)
      : typeof key === "string" || typeof key === "number"
      ? String(key)
      : null;
    if (name === null) {
      return `[${[...map].map((pair) => `[${pair.map(formatJson).join(",")}]`).join(",")}]`;
    }
    entries.push([name, value]);
  }
  return `{${
    entries.map(([name, value]) => `${JSON.stringify(name)}:${formatJson(value)}`).join(",")
  }}`;
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

/** A reply with the line feed behind it. `words` is the command. */
export function formatReply(
  reply: Reply,
  format: ReplyFormat,
  words: readonly string[],
): Uint8Array {
  const sink = new ByteSink();
  if (format === "json") sink.appendText(`${formatJson(reply)}\n`);
  else if (!(reply instanceof ErrorReply) && answersWithText(words)) sink.append(formatRaw(reply));
  else if (format === "terminal") sink.appendText(formatForTerminal(reply));
  else {
    sink.append(formatRaw(reply));
    sink.appendText("\n");
  }
  return sink.bytes();
}
