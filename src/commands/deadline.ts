/**
 * From the numbers that clients give (seconds or milliseconds, from now or since 1970) to the
 * deadline that the store keeps: Unix time in milliseconds. Redis computes in signed 64-bit integers
 * and refuses what overflows them. A safe integer never does, in no unit: 2^53 s = 9.007e18 ms, plus
 * now, stays below 2^63 = 9.22e18. So only larger numbers take the way through BigInt.
 *
 * The store keeps a double: deadlines beyond 2^53 ms, the year 287396, lose their last digits.
 */
import { isInt64 } from "../protocol/numbers.ts";
import type { CommandContext } from "./context.ts";

/** How a number is meant. */
export interface TimeUnit {
  readonly milliseconds: number;
  /** Counted from now; otherwise since 1970. */
  readonly relative: boolean;
}

export const fromNowSeconds: TimeUnit = { milliseconds: 1000, relative: true };
export const fromNowMilliseconds: TimeUnit = { milliseconds: 1, relative: true };
export const unixSeconds: TimeUnit = { milliseconds: 1000, relative: false };
export const unixMilliseconds: TimeUnit = { milliseconds: 1, relative: false };

const int64Max = 2n ** 63n - 1n;

/**
 * The deadline that argument `i` means, negative ones included. When there is none, NaN, and the
 * error is replied: `command` is named in it.
 */
export function readDeadline(
  context: CommandContext,
  i: number,
  unit: TimeUnit,
  command: string,
): number {
  const value = context.safeInteger(i);
  if (value !== value) return readLargeDeadline(context, i, unit, command);
  const time = value * unit.milliseconds;
  return unit.relative ? time + context.store.now : time;
}

/** The same for commands to which only a number above zero means anything. */
export function readFutureDeadline(
  context: CommandContext,
  i: number,
  unit: TimeUnit,
  command: string,
): number {
  const value = context.safeInteger(i);
  if (value <= 0) return invalidExpireTime(context, command);
  if (value !== value) {
    const deadline = readLargeDeadline(context, i, unit, command);
    return deadline <= 0 ? invalidExpireTime(context, command) : deadline;
  }
  const time = value * unit.milliseconds;
  return unit.relative ? time + context.store.now : time;
}

function readLargeDeadline(
  context: CommandContext,
  i: number,
  unit: TimeUnit,
  command: string,
): number {
  const value = context.int64(i);
  if (value === null) {
    context.notAnInteger();
    return NaN;
  }
  let time = value * BigInt(unit.milliseconds);
  if (!isInt64(time)) return invalidExpireTime(context, command);
  if (unit.relative) time += BigInt(context.store.now);
  return time > int64Max ? invalidExpireTime(context, command) : Number(time);
}

function invalidExpireTime(context: CommandContext, command: string): number {
  context.reply.error(`ERR invalid expire time in '${command}' command`);
  return NaN;
}

/** Replies with a time, which may be beyond the safe integers. */
export function replyTime(context: CommandContext, time: number): void {
  if (Number.isSafeInteger(time)) return context.reply.integer(time);
  const exact = BigInt(time);
  context.reply.bigInteger(exact > int64Max ? int64Max : exact);
}
