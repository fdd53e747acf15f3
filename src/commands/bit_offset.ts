import { parseInt64, parseSafeInteger } from "../protocol/numbers.ts";
import type { CommandContext } from "./context.ts";

const hash = 0x23;

/**
 * The offset of a bit, argument `i`: below 2^32, as `proto-max-bulk-len` allows. `#n` counts in fields
 * of `fieldBits` bits; 0 when there are no fields. Below 0 when it is none, and that is replied.
 */
export function readBitOffset(context: CommandContext, i: number, fieldBits: number): number {
  const { bytes, starts, ends } = context.request;
  const inFields = fieldBits > 0 && bytes[starts[i]] === hash && ends[i] > starts[i];
  const offset = inFields
    ? readFieldOffset(context, starts[i] + 1, ends[i], fieldBits)
    : context.safeInteger(i);
  if (offset >= 0 && context.allowsLength(Math.floor(offset / 8) + 1)) return offset;
  context.reply.error("ERR bit offset is not an integer or out of range");
  return -1;
}

/** In 64 bits, wrapping around as Redis's product does: some fields have more than one number. */
function readFieldOffset(
  { request: { bytes } }: CommandContext,
  start: number,
  end: number,
  fieldBits: number,
): number {
  const offset = parseSafeInteger(bytes, start, end) * fieldBits;
  if (Number.isSafeInteger(offset)) return offset;
  const large = parseInt64(bytes, start, end);
  return large === null ? NaN : Number(BigInt.asIntN(64, large * BigInt(fieldBits)));
}
