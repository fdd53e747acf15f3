/**
 * The commands on string values, but for the counters. Handlers on the hot path read their arguments
 * in place and make no object.
 */
import { copyBytes } from "../store/copy_bytes.ts";
import type { CommandContext, Handler } from "./context.ts";
import {
  fromNowMilliseconds,
  fromNowSeconds,
  readFutureDeadline,
  type TimeUnit,
  unixMilliseconds,
  unixSeconds,
} from "./deadline.ts";
import { IndexRange, readPlace } from "./index_range.ts";

// The options of SET and GETEX, as bits. The place of the time argument stands above them.
const ifMissing = 1;
const ifExists = 2;
const returnOld = 4;
const keepDeadline = 8;
const dropDeadline = 16;
const inSeconds = 32;
const inMilliseconds = 64;
const atSeconds = 128;
const atMilliseconds = 256;
const timeBits = inSeconds | inMilliseconds | atSeconds | atMilliseconds;
const timeArgumentShift = 9;

const range = new IndexRange();

/** GET key */
function get(context: CommandContext): void {
  const { store, request, reply } = context;
  if (store.find(request.bytes, request.starts[1], request.ends[1])) {
    reply.bulk(store.foundBytes, store.foundStart, store.foundEnd);
  } else {
    reply.null();
  }
}

/**
 * SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds |
 * PXAT unix-time-milliseconds | KEEPTTL]
 */
function set(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends } = request;
  if (request.argc > 3) return setWithOptions(context);
  store.find(bytes, starts[1], ends[1]);
  store.put(bytes, starts[2], ends[2], 0);
  reply.ok();
}

function setWithOptions(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends } = request;
  const options = parseOptions(context, 3, true);
  if (options < 0) return;
  let deadline = 0;
  if ((options & timeBits) !== 0) {
    deadline = readTimeOption(context, options, "set");
    if (deadline !== deadline) return;
  }
  const found = store.find(bytes, starts[1], ends[1]);
  if ((options & returnOld) !== 0) {
    if (found) reply.bulk(store.foundBytes, store.foundStart, store.foundEnd);
    else reply.null();
  }
  if ((options & (found ? ifMissing : ifExists)) !== 0) {
    if ((options & returnOld) === 0) reply.null();
    return;
  }
  if ((options & keepDeadline) !== 0 && found) deadline = store.foundExpireAt;
  store.put(bytes, starts[2], ends[2], deadline);
  if ((options & returnOld) === 0) reply.ok();
}

/**
 * Reads the options from argument `i` on; -1 when they make no sense together, and that is replied.
 * SET knows NX, XX, GET and KEEPTTL, GETEX knows PERSIST. The same time option may come twice: the
 * last one counts.
 */
function parseOptions(context: CommandContext, i: number, forSet: boolean): number {
  const { argc } = context.request;
  let options = 0;
  for (; i < argc; i++) {
    const bit = optionAt(context, i, forSet);
    const isTime = (bit & timeBits) !== 0;
    if (bit === 0 || (options & conflicting(bit)) !== 0 || (isTime && i + 1 === argc)) {
      context.syntaxError();
      return -1;
    }
    if (isTime) options = options & (1 << timeArgumentShift) - 1 | ++i << timeArgumentShift;
    options |= bit;
  }
  return options;
}

function optionAt(context: CommandContext, i: number, forSet: boolean): number {
  if (context.is(i, "EX")) return inSeconds;
  if (context.is(i, "PX")) return inMilliseconds;
  if (context.is(i, "EXAT")) return atSeconds;
  if (context.is(i, "PXAT")) return atMilliseconds;
  if (!forSet) return context.is(i, "PERSIST") ? dropDeadline : 0;
  if (context.is(i, "NX")) return ifMissing;
  if (context.is(i, "XX")) return ifExists;
  if (context.is(i, "GET")) return returnOld;
  return context.is(i, "KEEPTTL") ? keepDeadline : 0;
}

/** The options that one option cannot stand with. */
function conflicting(bit: number): number {
  if (bit === returnOld) return 0;
  if (bit === ifMissing) return ifExists;
  if (bit === ifExists) return ifMissing;
  return (timeBits | keepDeadline | dropDeadline) & ~bit;
}

/** The deadline that a time option names; NaN when it is none, and the error is replied. */
function readTimeOption(context: CommandContext, options: number, command: string): number {
  let unit: TimeUnit = fromNowSeconds;
  if ((options & inMilliseconds) !== 0) unit = fromNowMilliseconds;
  else if ((options & atSeconds) !== 0) unit = unixSeconds;
  else if ((options & atMilliseconds) !== 0) unit = unixMilliseconds;
  return readFutureDeadline(context, options >> timeArgumentShift, unit, command);
}

/** UPDATE key value: kv's own; sets only what exists. */
function update(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends } = request;
  if (!store.find(bytes, starts[1], ends[1])) return reply.null();
  store.put(bytes, starts[2], ends[2], 0);
  reply.ok();
}

/** SETNX key value */
function setnx(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends } = request;
  if (store.find(bytes, starts[1], ends[1])) return reply.integer(0);
  store.put(bytes, starts[2], ends[2], 0);
  reply.integer(1);
}

/** SETEX key seconds value */
function setex(context: CommandContext): void {
  setWithDeadline(context, readFutureDeadline(context, 2, fromNowSeconds, "setex"));
}

/** PSETEX key milliseconds value */
function psetex(context: CommandContext): void {
  setWithDeadline(context, readFutureDeadline(context, 2, fromNowMilliseconds, "psetex"));
}

function setWithDeadline(context: CommandContext, deadline: number): void {
  if (deadline !== deadline) return;
  const { store, request, reply } = context;
  const { bytes, starts, ends } = request;
  store.find(bytes, starts[1], ends[1]);
  store.put(bytes, starts[3], ends[3], deadline);
  reply.ok();
}

/** GETSET key value */
function getset(context: CommandContext): void {
  const { store, request } = context;
  get(context);
  store.put(request.bytes, request.starts[2], request.ends[2], 0);
}

/** GETDEL key */
function getdel(context: CommandContext): void {
  const { store, reply } = context;
  if (!context.find(1)) return reply.null();
  reply.bulk(store.foundBytes, store.foundStart, store.foundEnd);
  store.remove();
}

/**
 * GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds |
 * PERSIST]
 */
function getex(context: CommandContext): void {
  const { store, reply } = context;
  const options = parseOptions(context, 2, false);
  if (options < 0) return;
  // A missing key is answered before a bad time is.
  if (!context.find(1)) return reply.null();
  let deadline = 0;
  if ((options & timeBits) !== 0) {
    deadline = readTimeOption(context, options, "getex");
    if (deadline !== deadline) return;
  }
  reply.bulk(store.foundBytes, store.foundStart, store.foundEnd);
  if (deadline > 0) {
    if (deadline <= store.now) store.remove();
    else store.setExpiry(deadline);
  } else if ((options & dropDeadline) !== 0 && store.foundExpireAt !== 0) {
    store.setExpiry(0);
  }
}

/** MGET key [key ...] */
function mget(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends, argc } = request;
  reply.array(argc - 1);
  for (let i = 1; i < argc; i++) {
    if (store.find(bytes, starts[i], ends[i])) {
      reply.bulk(store.foundBytes, store.foundStart, store.foundEnd);
    } else {
      reply.null();
    }
  }
}

/** MSET key value [key value ...] */
function mset(context: CommandContext): void {
  const { reply } = context;
  if (context.request.argc % 2 === 0) return wrongArity(context, "mset");
  putPairs(context);
  reply.ok();
}

/** MSETNX key value [key value ...] */
function msetnx(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends, argc } = request;
  if (argc % 2 === 0) return wrongArity(context, "msetnx");
  for (let i = 1; i < argc; i += 2) {
    if (store.find(bytes, starts[i], ends[i])) return reply.integer(0);
  }
  putPairs(context);
  reply.integer(1);
}

function putPairs(context: CommandContext): void {
  const { store } = context;
  const { bytes, starts, ends, argc } = context.request;
  store.beginBatch();
  try {
    for (let i = 1; i < argc; i += 2) {
      store.find(bytes, starts[i], ends[i]);
      store.put(bytes, starts[i + 1], ends[i + 1], 0);
    }
  } finally {
    store.endBatch();
  }
}

function wrongArity(context: CommandContext, command: string): void {
  context.reply.error(`ERR wrong number of arguments for '${command}' command`);
}

/** STRLEN key */
function strlen(context: CommandContext): void {
  const { store, reply } = context;
  reply.integer(context.find(1) ? store.foundEnd - store.foundStart : 0);
}

/** APPEND key value */
function append(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends } = request;
  const added = ends[2] - starts[2];
  if (!store.find(bytes, starts[1], ends[1])) {
    store.put(bytes, starts[2], ends[2], 0);
    return reply.integer(added);
  }
  const size = store.foundEnd - store.foundStart;
  if (context.exceedsBulkLength(size + added)) return;
  const old = store.foundBytes;
  const oldStart = store.foundStart;
  const at = store.reserve(size + added, store.foundExpireAt);
  copyBytes(store.reservedBytes, at, old, oldStart, oldStart + size);
  copyBytes(store.reservedBytes, at + size, bytes, starts[2], ends[2]);
  store.commit();
  reply.integer(size + added);
}

/** GETRANGE key start end. SUBSTR is its old name. */
function getrange(context: CommandContext): void {
  const { store, reply } = context;
  if (!range.read(context, 2)) return;
  if (!context.find(1) || range.isReversed) return emptyBulk(context);
  range.clampTo(store.foundEnd - store.foundStart);
  const { first, last } = range;
  if (first > last) return emptyBulk(context);
  reply.bulk(store.foundBytes, store.foundStart + first, store.foundStart + last + 1);
}

function emptyBulk(context: CommandContext): void {
  context.reply.bulk(context.request.bytes, 0, 0);
}

/** SETRANGE key offset value */
function setrange(context: CommandContext): void {
  const { store, request, reply } = context;
  const { bytes, starts, ends } = request;
  const offset = readPlace(context, 2);
  if (offset !== offset) return;
  if (offset < 0) return reply.error("ERR offset is out of range");
  const added = ends[3] - starts[3];
  const found = store.find(bytes, starts[1], ends[1]);
  const size = found ? store.foundEnd - store.foundStart : 0;
  if (added === 0) return reply.integer(size);
  if (context.exceedsBulkLength(offset + added)) return;
  const total = Math.max(size, offset + added);
  const old = store.foundBytes;
  const oldStart = store.foundStart;
  const at = store.reserve(total, found ? store.foundExpireAt : 0);
  const target = store.reservedBytes;
  const headEnd = Math.min(size, offset);
  if (headEnd > 0) copyBytes(target, at, old, oldStart, oldStart + headEnd);
  if (offset > size) target.fill(0, at + size, at + offset);
  copyBytes(target, at + offset, bytes, starts[3], ends[3]);
  const tail = offset + added;
  if (tail < size) copyBytes(target, at + tail, old, oldStart + tail, oldStart + size);
  store.commit();
  reply.integer(total);
}

export const stringHandlers: Record<string, Handler> = {
  append,
  get,
  getdel,
  getex,
  getrange,
  getset,
  mget,
  mset,
  msetnx,
  psetex,
  set,
  setex,
  setnx,
  setrange,
  strlen,
  substr: getrange,
  update,
};
