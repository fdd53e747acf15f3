/**
 * Conditions on the value that a key has, as SET and DELEX of Redis 8.4 know them. The digest of a value
 * is its XXH3 hash in 16 hexadecimal digits.
 */
import { sameBytes } from "../store/compare_bytes.ts";
import type { Store } from "../store/store.ts";
import type { CommandContext } from "./context.ts";
import { xxh3 } from "./xxh3.ts";

export type ValueCondition = "IFEQ" | "IFNE" | "IFDEQ" | "IFDNE";

const digestLength = 16;

/** The condition that argument `i` names, null for none. */
export function valueConditionAt(context: CommandContext, i: number): ValueCondition | null {
  if (context.is(i, "IFEQ")) return "IFEQ";
  if (context.is(i, "IFNE")) return "IFNE";
  if (context.is(i, "IFDEQ")) return "IFDEQ";
  return context.is(i, "IFDNE") ? "IFDNE" : null;
}

/** Whether a key without a value meets it: its value is not the one compared with. */
export function isMetByNone(condition: ValueCondition): boolean {
  return condition === "IFNE" || condition === "IFDNE";
}

/**
 * Whether the value of the last find meets the condition with argument `i`; null when that is no digest
 * but should be, and it is replied. As in Redis, only a digest's length is looked at.
 */
export function isMet(
  context: CommandContext,
  condition: ValueCondition,
  i: number,
): boolean | null {
  if (condition === "IFEQ") return equals(context, i);
  if (condition === "IFNE") return !equals(context, i);
  if (context.length(i) !== digestLength) {
    context.reply.error(`ERR must be exactly ${digestLength} hexadecimal characters`);
    return null;
  }
  const isSame = context.is(i, digestOfFound(context.store).toUpperCase());
  return condition === "IFDEQ" ? isSame : !isSame;
}

/** The digest of the value of the last find, in lower case. */
export function digestOfFound({ foundBytes, foundStart, foundEnd }: Store): string {
  return xxh3(foundBytes, foundStart, foundEnd).toString(16).padStart(digestLength, "0");
}

/** Whether the value of the last find is argument `i`. */
function equals({ store, request }: CommandContext, i: number): boolean {
  const { bytes, starts, ends } = request;
  const { foundBytes, foundStart, foundEnd } = store;
  return sameBytes(foundBytes, foundStart, foundEnd, bytes, starts[i], ends[i]);
}
