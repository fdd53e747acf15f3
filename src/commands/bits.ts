/** The commands on single bits of a value, and on all of them. BITFIELD is in bitfield.ts. */
import { copyBytes } from "../store/copy_bytes.ts";
import type { Store } from "../store/store.ts";
import { readBitOffset } from "./bit_offset.ts";
import {
  type BitOperation,
  combineBits,
  countOnes,
  countOnesInBits,
  findBit,
  invertBits,
} from "./bitmap.ts";
import type { ByteRange } from "./byte_range.ts";
import type { CommandContext, Handler } from "./context.ts";
import { copyExtended } from "./extended_value.ts";
import { IndexRange, readPlace } from "./index_range.ts";

const range = new IndexRange();

/** SETBIT key offset value */
function setbit(context: CommandContext): void {
  const { store, reply } = context;
  const offset = readBitOffset(context, 2, 0);
  if (offset < 0) return;
  const bit = context.safeInteger(3);
  if (bit !== 0 && bit !== 1) return reply.error("ERR bit is not an integer or out of range");
  const found = context.find(1);
  const size = found ? store.foundEnd - store.foundStart : 0;
  const place = Math.floor(offset / 8);
  const mask = 0x80 >> (offset & 7);
  const old = place < size && (store.foundBytes[store.foundStart + place] & mask) !== 0 ? 1 : 0;
  // A bit that stays as it is changes nothing, also for who watches the key.
  if (place < size && old === bit) return reply.integer(old);
  const at = copyExtended(store, found, Math.max(size, place + 1));
  if (bit === 1) store.reservedBytes[at + place] |= mask;
  else store.reservedBytes[at + place] &= ~mask;
  store.commit();
  reply.integer(old);
}

/** GETBIT key offset */
function getbit(context: CommandContext): void {
  const { store, reply } = context;
  const offset = readBitOffset(context, 2, 0);
  if (offset < 0) return;
  if (!context.find(1)) return reply.integer(0);
  const at = store.foundStart + Math.floor(offset / 8);
  const isOne = at < store.foundEnd && (store.foundBytes[at] & 0x80 >> (offset & 7)) !== 0;
  reply.integer(isOne ? 1 : 0);
}

/** BITCOUNT key [start end [BYTE | BIT]] */
function bitcount(context: CommandContext): void {
  const { store, reply, argc } = context;
  if (!context.find(1)) return reply.integer(0);
  const { foundBytes, foundStart, foundEnd } = store;
  if (argc === 2) return reply.integer(countOnes(foundBytes, foundStart, foundEnd));
  if (argc !== 4 && argc !== 5) return context.syntaxError();
  if (!range.read(context, 2)) return;
  if (range.isReversed) return reply.integer(0);
  const inBits = argc === 5 && context.is(4, "BIT");
  if (argc === 5 && !inBits && !context.is(4, "BYTE")) return context.syntaxError();
  const size = foundEnd - foundStart;
  range.clampTo(inBits ? size * 8 : size);
  const { first, last } = range;
  if (first > last) return reply.integer(0);
  reply.integer(
    inBits
      ? countOnesInBits(foundBytes, foundStart, range)
      : countOnes(foundBytes, foundStart + first, foundStart + last + 1),
  );
}

/** BITPOS key bit [start [end [BYTE | BIT]]] */
function bitpos(context: CommandContext): void {
  const { store, reply, argc } = context;
  const bit = context.safeInteger(2);
  if (bit !== 0 && bit !== 1) {
    if (bit !== bit && context.int64(2) === null) return context.notAnInteger();
    return reply.error("ERR The bit argument must be 1 or 0.");
  }
  // What does not exist is an endless row of zeros.
  if (!context.find(1)) return reply.integer(-bit);
  const { foundBytes, foundStart } = store;
  const size = store.foundEnd - foundStart;
  if (argc > 6) return context.syntaxError();
  range.first = 0;
  range.last = Number.MAX_SAFE_INTEGER;
  if (argc > 3 && Number.isNaN(range.first = readPlace(context, 3))) return;
  const inBits = argc === 6 && context.is(5, "BIT");
  if (argc === 6 && !inBits && !context.is(5, "BYTE")) return context.syntaxError();
  if (argc > 4 && Number.isNaN(range.last = readPlace(context, 4))) return;
  range.clampTo(inBits ? size * 8 : size);
  if (range.first > range.last) return reply.integer(-1);
  if (!inBits) {
    range.first *= 8;
    range.last = range.last * 8 + 7;
  }
  let found = findBit(foundBytes, foundStart, bit, range);
  // Behind a value there are zeros, unless the range ends before.
  if (found < 0 && bit === 0 && argc <= 4) found = size * 8;
  reply.integer(found);
}

/** BITOP <AND | OR | XOR | NOT> destkey key [key ...] */
function bitop(context: CommandContext): void {
  const { store, reply, argc } = context;
  const operation = readOperation(context);
  if (operation === null) return context.syntaxError();
  if (operation === "NOT" && argc !== 4) {
    return reply.error("ERR BITOP NOT must be called with a single source key.");
  }
  const sources: ByteRange[] = [];
  let size = 0;
  for (let i = 3; i < argc; i++) {
    const found = context.findToRead(i);
    const start = store.foundStart;
    const end = found ? store.foundEnd : start;
    sources.push({ bytes: store.foundBytes, start, end });
    size = Math.max(size, end - start);
  }
  const exists = context.find(2);
  if (size === 0) {
    if (exists) store.remove();
    return reply.integer(0);
  }
  const at = store.reserve(size, 0);
  if (operation === "NOT") {
    copyPadded(store, at, size, sources[0]);
    invertBits(store.reservedBytes, at, at + size);
  } else {
    combine(store, at, size, operation, sources);
  }
  store.commit();
  reply.integer(size);
}

function readOperation(context: CommandContext): BitOperation | "NOT" | null {
  if (context.is(1, "AND")) return "AND";
  if (context.is(1, "OR")) return "OR";
  if (context.is(1, "XOR")) return "XOR";
  return context.is(1, "NOT") ? "NOT" : null;
}

/** The values joined into the `size` reserved bytes; the shorter ones go on with zeros. */
function combine(
  store: Store,
  at: number,
  size: number,
  operation: BitOperation,
  sources: readonly ByteRange[],
): void {
  const target = store.reservedBytes;
  copyPadded(store, at, size, sources[0]);
  for (let i = 1; i < sources.length; i++) {
    const source = sources[i];
    combineBits(operation, target, at, source);
    if (operation === "AND") target.fill(0, at + source.end - source.start, at + size);
  }
}

function copyPadded(
  store: Store,
  at: number,
  size: number,
  { bytes, start, end }: ByteRange,
): void {
  copyBytes(store.reservedBytes, at, bytes, start, end);
  store.reservedBytes.fill(0, at + end - start, at + size);
}

export const bitHandlers: Record<string, Handler> = {
  bitcount,
  bitop,
  bitpos,
  getbit,
  setbit,
};
