/** LCS: what two values have in common. */
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import type { ByteRange } from "./byte_range.ts";
import { commonLength, commonParts } from "./common_subsequence.ts";
import type { CommandContext, Handler } from "./context.ts";
import { readPlace } from "./index_range.ts";

/** Redis has a table of numbers of so many bytes, and limits it. */
const cellBytes = 4;

/**
 * LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]. It takes a 16th of the memory that Redis
 * limits to `proto-max-bulk-len`, and is limited alike: that bounds the time, too.
 */
function lcs(context: CommandContext): void {
  const { reply, argc } = context;
  const first = valueOf(context, 1);
  const second = valueOf(context, 2);
  let onlyLength = false;
  let withPlaces = false;
  let withLengths = false;
  let lengthMin = 0;
  for (let i = 3; i < argc; i++) {
    if (context.is(i, "IDX")) withPlaces = true;
    else if (context.is(i, "LEN")) onlyLength = true;
    else if (context.is(i, "WITHMATCHLEN")) withLengths = true;
    else if (context.is(i, "MINMATCHLEN") && i + 1 < argc) {
      lengthMin = readPlace(context, ++i);
      if (Number.isNaN(lengthMin)) return;
    } else return context.syntaxError();
  }
  if (withPlaces && onlyLength) {
    return reply.error(
      "ERR If you want both the length and indexes, please just use IDX.",
    );
  }
  const cells = (first.end - first.start + 1) * (second.end - second.start + 1);
  if (!context.allowsLength(cells * cellBytes)) {
    return reply.error(
      "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
    );
  }
  if (onlyLength) return reply.integer(commonLength(first, second));
  const parts = commonParts(first, second);
  if (withPlaces) replyPlaces(reply, parts, { lengthMin, withLengths });
  else replyCommonBytes(reply, parts, first);
}

/** The value of argument `i`'s key; what does not exist is empty. */
function valueOf(context: CommandContext, i: number): ByteRange {
  const { store } = context;
  const found = context.find(i);
  const start = store.foundStart;
  return { bytes: store.foundBytes, start, end: found ? store.foundEnd : start };
}

function replyPlaces(
  reply: ReplyWriter,
  parts: readonly number[],
  { lengthMin, withLengths }: { readonly lengthMin: number; readonly withLengths: boolean },
): void {
  let shown = 0;
  for (let i = 2; i < parts.length; i += 3) {
    if (parts[i] >= lengthMin) shown++;
  }
  reply.map(2);
  reply.bulkText("matches");
  reply.array(shown);
  for (let i = 0; i < parts.length; i += 3) {
    const length = parts[i + 2];
    if (length < lengthMin) continue;
    reply.array(withLengths ? 3 : 2);
    for (const start of [parts[i], parts[i + 1]]) {
      reply.array(2);
      reply.integer(start);
      reply.integer(start + length - 1);
    }
    if (withLengths) reply.integer(length);
  }
  reply.bulkText("len");
  reply.integer(lengthOf(parts));
}

function replyCommonBytes(
  reply: ReplyWriter,
  parts: readonly number[],
  { bytes, start }: ByteRange,
): void {
  const common = new Uint8Array(lengthOf(parts));
  let end = common.length;
  for (let i = 0; i < parts.length; i += 3) {
    const from = start + parts[i];
    end -= parts[i + 2];
    common.set(bytes.subarray(from, from + parts[i + 2]), end);
  }
  reply.bulk(common, 0, common.length);
}

function lengthOf(parts: readonly number[]): number {
  let length = 0;
  for (let i = 2; i < parts.length; i += 3) length += parts[i];
  return length;
}

export const lcsHandlers: Record<string, Handler> = { lcs };
