/**
 * Replies as the types that the client's methods promise. A reply of another type, which only a
 * server of another kind sends, is a TypeError, not a value that pretends.
 */
import {
  DoubleReply,
  ErrorReply,
  PushReply,
  type Reply,
  replyToText,
  VerbatimReply,
} from "../protocol/reply.ts";

function unexpected(reply: Reply, wanted: string): TypeError {
  return new TypeError(`The server answered with ${kindOf(reply)} instead of ${wanted}`);
}

/** Not by the names of the classes, which the executable does not keep. */
function kindOf(reply: Reply): string {
  if (reply === null) return "null";
  if (typeof reply === "string" || reply instanceof Uint8Array) return "a string";
  if (typeof reply === "number" || typeof reply === "bigint") return "an integer";
  if (typeof reply === "boolean") return "a boolean";
  if (reply instanceof DoubleReply) return "a double";
  if (reply instanceof VerbatimReply) return "a text";
  if (reply instanceof ErrorReply) return "an error";
  if (reply instanceof PushReply) return "a push";
  if (reply instanceof Map) return "a map";
  return reply instanceof Set ? "a set" : "an array";
}

/** An integer that a number holds exactly. */
export function toInteger(reply: Reply): number {
  if (typeof reply === "number") return reply;
  if (typeof reply === "bigint") {
    throw new RangeError(`${reply} is too large for a number: use command(), which gives a bigint`);
  }
  throw unexpected(reply, "an integer");
}

/** An integer as a truth: how many of one key were deleted, set, ... */
export function toBoolean(reply: Reply): boolean {
  return toInteger(reply) !== 0;
}

/** `OK` or nothing: whether it was done. */
export function toDone(reply: Reply): boolean {
  if (reply === null) return false;
  if (reply === "OK") return true;
  throw unexpected(reply, "OK");
}

export function toVoid(reply: Reply): void {
  toDone(reply);
}

export function toBytes(reply: Reply): Uint8Array {
  if (reply instanceof Uint8Array) return reply;
  throw unexpected(reply, "a string");
}

export function toBytesOrNull(reply: Reply): Uint8Array | null {
  return reply === null ? null : toBytes(reply);
}

export function toText(reply: Reply): string {
  if (typeof reply === "string") return reply;
  if (reply instanceof Uint8Array || reply instanceof VerbatimReply) {
    return replyToText(reply) as string;
  }
  throw unexpected(reply, "a string");
}

export function toTextOrNull(reply: Reply): string | null {
  return reply === null ? null : toText(reply);
}

/** A number written as text, as INCRBYFLOAT answers. */
export function toFloat(reply: Reply): number {
  const value = Number(toText(reply));
  if (Number.isNaN(value)) throw unexpected(reply, "a number");
  return value;
}

/** A list, each item converted. */
export function toList<T>(convert: (item: Reply) => T): (reply: Reply) => T[] {
  return (reply) => {
    if (!Array.isArray(reply)) throw unexpected(reply, "an array");
    return reply.map(convert);
  };
}
