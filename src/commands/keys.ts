/** The commands on keys, whatever their values. */
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import { sameBytes } from "../store/compare_bytes.ts";
import type { CommandContext, Handler } from "./context.ts";
import { matchGlobRange } from "./glob.ts";
import { ownEvents } from "./keyspace_events.ts";

const star = 0x2a;
/** Slots that KEYS visits in one go. */
const slotsPerScan = 2 ** 16;
const scanCountDefault = 10;
const scanCountMax = 2 ** 31 - 1;
const int32Min = -(2 ** 31);
const int32Max = 2 ** 31 - 1;

/** DEL key [key ...]. UNLINK is the same here: there is nothing to free in the background. */
function del(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends, argc } = request;
  if (argc === 2) {
    if (!store.find(bytes, starts[1], ends[1])) return reply.integer(0);
    store.remove();
    return reply.integer(1);
  }
  let removed = 0;
  store.beginBatch();
  try {
    for (let i = 1; i < argc; i++) {
      if (!store.find(bytes, starts[i], ends[i])) continue;
      store.remove();
      removed++;
    }
  } finally {
    store.endBatch();
  }
  reply.integer(removed);
}

/** EXISTS key [key ...]. A key that is named twice counts twice. */
function exists(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends, argc } = request;
  let count = 0;
  for (let i = 1; i < argc; i++) {
    if (store.find(bytes, starts[i], ends[i])) count++;
  }
  reply.integer(count);
}

/** TOUCH key [key ...]: that counts as use also for a client that said CLIENT NO-TOUCH. */
function touch(context: CommandContext): void {
  const { store } = context;
  const { isUntouched } = store;
  if (isUntouched) store.isUntouched = false;
  exists(context);
  if (isUntouched) store.isUntouched = true;
}

/** TYPE key */
function type(context: CommandContext): void {
  context.reply.status(context.find(1) ? "string" : "none");
}

/** RENAME key newkey */
function rename(context: CommandContext): void {
  moveKey(context, false);
}

/** RENAMENX key newkey */
function renamenx(context: CommandContext): void {
  moveKey(context, true);
}

function moveKey(context: CommandContext, ifMissing: boolean): void {
  const { store, reply } = context;
  if (!context.find(1)) return reply.error("ERR no such key");
  if (sameArguments(context, 1, 2)) return ifMissing ? reply.integer(0) : reply.ok();
  const { foundBytes, foundStart, foundEnd, foundExpireAt } = store;
  if (context.find(2) && ifMissing) return reply.integer(0);
  store.beginBatch();
  try {
    store.put(foundBytes, foundStart, foundEnd, foundExpireAt);
    context.find(1);
    store.remove();
  } finally {
    store.endBatch();
  }
  context.tell(ownEvents.renameTo, 2);
  if (ifMissing) reply.integer(1);
  else reply.ok();
}

/** COPY source destination [DB destination-db] [REPLACE] */
function copy(context: CommandContext): void {
  const { store, reply, argc } = context;
  let replace = false;
  for (let i = 3; i < argc; i++) {
    if (context.is(i, "REPLACE")) replace = true;
    else if (context.is(i, "DB") && i + 1 < argc) {
      if (!isTheDatabase(context, ++i)) return;
    } else return context.syntaxError();
  }
  if (sameArguments(context, 1, 2)) {
    return reply.error("ERR source and destination objects are the same");
  }
  if (!context.findToRead(1)) return reply.integer(0);
  const { foundBytes, foundStart, foundEnd, foundExpireAt } = store;
  if (context.find(2) && !replace) return reply.integer(0);
  store.put(foundBytes, foundStart, foundEnd, foundExpireAt);
  reply.integer(1);
}

/** Whether argument `i` names database 0, the only one; if not, the error is replied. */
export function isTheDatabase(context: CommandContext, i: number): boolean {
  const database = context.safeInteger(i);
  if (database === 0) return true;
  if (database !== database && context.int64(i) === null) {
    context.notAnInteger();
  } else if (database >= int32Min && database <= int32Max) {
    context.reply.error("ERR DB index is out of range");
  } else {
    context.reply.error(
      `ERR value is out of range, value must between ${int32Min} and ${int32Max}`,
    );
  }
  return false;
}

function sameArguments(context: CommandContext, i: number, j: number): boolean {
  const { bytes, starts, ends } = context.request;
  return sameBytes(bytes, starts[i], ends[i], bytes, starts[j], ends[j]);
}

/** RANDOMKEY */
function randomkey(context: CommandContext): void {
  const { store, reply } = context;
  if (store.randomKey()) {
    reply.bulk(store.foundKeyBytes, store.foundKeyStart, store.foundKeyEnd);
  } else {
    reply.null();
  }
}

/** KEYS pattern */
function keys(context: CommandContext): void {
  const { store, reply } = context;
  const visitor = new KeyReplier(reply, context.view(1));
  const start = reply.length;
  let cursor = 0;
  do cursor = store.scan(cursor, slotsPerScan, visitor.visit); while (cursor !== 0);
  const end = reply.length;
  reply.array(visitor.count);
  moveBefore(reply, start, end);
}

/** SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] */
function scan(context: CommandContext): void {
  const { store, reply, argc } = context;
  const cursor = parseCursor(context, 1);
  if (cursor !== cursor) return reply.error("ERR invalid cursor");
  let count = scanCountDefault;
  let pattern: Uint8Array | null = null;
  let typeExists = true;
  for (let i = 2; i < argc; i += 2) {
    if (i + 1 === argc) return context.syntaxError();
    if (context.is(i, "COUNT")) {
      const large = context.int64(i + 1);
      if (large === null) return context.notAnInteger();
      if (large < 1n) return context.syntaxError();
      count = Math.min(scanCountMax, Number(large));
    } else if (context.is(i, "MATCH")) pattern = context.view(i + 1);
    else if (context.is(i, "TYPE")) typeExists = context.is(i + 1, "STRING");
    else return context.syntaxError();
  }
  const visitor = new KeyReplier(reply, pattern);
  const start = reply.length;
  const next = store.scan(cursor, count, typeExists ? visitor.visit : () => {});
  const end = reply.length;
  reply.array(2);
  reply.bulkInteger(next);
  reply.array(visitor.count);
  moveBefore(reply, start, end);
}

/** Replies with each visited key that matches, and counts them. */
class KeyReplier {
  count = 0;
  readonly #reply: ReplyWriter;
  readonly #pattern: Uint8Array | null;

  constructor(reply: ReplyWriter, pattern: Uint8Array | null) {
    this.#reply = reply;
    const matchesAll = pattern?.length === 1 && pattern[0] === star;
    this.#pattern = matchesAll ? null : pattern;
  }

  readonly visit = (bytes: Uint8Array, keyStart: number, keyEnd: number): void => {
    if (this.#pattern !== null && !matchGlobRange(this.#pattern, bytes, keyStart, keyEnd)) return;
    this.#reply.bulk(bytes, keyStart, keyEnd);
    this.count++;
  };
}

/**
 * Moves what was written from `middle` on to before what was written from `start` on: for headers
 * that say how much follows, which is known afterwards only.
 */
function moveBefore(reply: ReplyWriter, start: number, middle: number): void {
  const { bytes, length } = reply;
  const header = bytes.slice(middle, length);
  bytes.copyWithin(start + header.length, start, middle);
  bytes.set(header, start);
}

/**
 * A cursor as C's `strtoul` reads it, which Redis uses: a sign is allowed, empty text is 0, and what
 * is negative counts from 2^64 down. NaN when it is none. Cursors that SCAN never gave out may
 * become inexact; the scan just ends there.
 */
function parseCursor(context: CommandContext, i: number): number {
  const cursor = context.safeInteger(i);
  if (cursor >= 0) return cursor;
  const text = context.text(i);
  if (text === "") return 0;
  if (!/^[+-]?\d+$/.test(text)) return NaN;
  const large = BigInt(text.replace("+", ""));
  if (large >= 2n ** 64n || large <= -(2n ** 64n)) return NaN;
  return Math.min(Number.MAX_SAFE_INTEGER, Number(BigInt.asUintN(64, large)));
}

export const keyHandlers: Record<string, Handler> = {
  copy,
  del,
  exists,
  keys,
  randomkey,
  rename,
  renamenx,
  scan,
  touch,
  type,
  unlink: del,
};
