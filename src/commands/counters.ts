/**
 * Counters: strings that hold a number. Integers are 64-bit; those that a double holds exactly never
 * leave the number type, the others go through BigInt.
 */
import {
  integerLength,
  isInt64,
  parseInt64,
  parseSafeInteger,
  writeInteger,
} from "../protocol/numbers.ts";
import type { CommandContext, Handler } from "./context.ts";
import { incrementFloat } from "./float_increment.ts";

const int64Min = -(2n ** 63n);
/** Longer text is no number to INCRBYFLOAT, whatever it says. */
const floatTextBytesMax = 5 * 1024;

const encoder = new TextEncoder();

/** INCR key */
function incr(context: CommandContext): void {
  addToKey(context, 1);
}

/** DECR key */
function decr(context: CommandContext): void {
  addToKey(context, -1);
}

/** INCRBY key increment */
function incrby(context: CommandContext): void {
  const increment = context.safeInteger(2);
  if (increment === increment) return addToKey(context, increment);
  const large = context.int64(2);
  if (large === null) return context.notAnInteger();
  addLarge(context, context.find(1), large);
}

/** DECRBY key decrement */
function decrby(context: CommandContext): void {
  const decrement = context.safeInteger(2);
  if (decrement === decrement) return addToKey(context, -decrement);
  const large = context.int64(2);
  if (large === null) return context.notAnInteger();
  if (large === int64Min) return context.reply.error("ERR decrement would overflow");
  addLarge(context, context.find(1), -large);
}

function addToKey(context: CommandContext, increment: number): void {
  const { store, request, reply } = context;
  const found = store.find(request.bytes, request.starts[1], request.ends[1]);
  const value = found ? parseSafeInteger(store.foundBytes, store.foundStart, store.foundEnd) : 0;
  const sum = value + increment;
  if (!Number.isSafeInteger(sum)) return addLarge(context, found, BigInt(increment));
  const at = store.reserve(integerLength(sum), found ? store.foundExpireAt : 0);
  writeInteger(store.reservedBytes, at, sum);
  store.commit();
  reply.integer(sum);
}

/** Adds to the key of the last find, beyond what a double holds. */
function addLarge(context: CommandContext, found: boolean, increment: bigint): void {
  const { store, reply } = context;
  const value = found ? parseInt64(store.foundBytes, store.foundStart, store.foundEnd) : 0n;
  if (value === null) return context.notAnInteger();
  const sum = value + increment;
  if (!isInt64(sum)) return reply.error("ERR increment or decrement would overflow");
  const text = encoder.encode(sum.toString());
  store.put(text, 0, text.length, found ? store.foundExpireAt : 0);
  reply.bigInteger(sum);
}

/** INCRBYFLOAT key increment */
function incrbyfloat(context: CommandContext): void {
  const { store, request, reply } = context;
  const found = context.find(1);
  const value = found ? latin1(store.foundBytes, store.foundStart, store.foundEnd) : "0";
  const sum = incrementFloat(value, latin1(request.bytes, request.starts[2], request.ends[2]));
  if ("error" in sum) {
    return reply.error(
      sum.error === "notANumber"
        ? "ERR value is not a valid float"
        : "ERR increment would produce NaN or Infinity",
    );
  }
  const text = encoder.encode(sum.text);
  store.put(text, 0, text.length, found ? store.foundExpireAt : 0);
  reply.bulk(text, 0, text.length);
}

/** One character per byte: what is no number must not become one by decoding. */
function latin1(bytes: Uint8Array, start: number, end: number): string {
  const shown = Math.min(end, start + floatTextBytesMax);
  let text = "";
  for (let i = start; i < shown; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

export const counterHandlers: Record<string, Handler> = {
  decr,
  decrby,
  incr,
  incrby,
  incrbyfloat,
};
