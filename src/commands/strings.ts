/**
 * The commands on string values, but for the counters. Handlers on the hot path read their arguments
 * in place and make no object.
 */
import { copyBytes } from "../store/copy_bytes.ts";
import type { CommandContext, Handler } from "./context.ts";
import { fromNowMilliseconds, fromNowSeconds, readFutureDeadline } from "./deadline.ts";
import { IndexRange, readPlace } from "./index_range.ts";
import { ownEvents } from "./keyspace_events.ts";
import {
  dropDeadline,
  ifExists,
  ifMissing,
  keepDeadline,
  returnOld,
  SetOptions,
} from "./set_options.ts";
import { digestOfFound, isMet, isMetByNone, valueConditionAt } from "./value_condition.ts";

const options = new SetOptions();
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
 * SET key value [NX | XX | IFEQ value | IFNE value | IFDEQ digest | IFDNE digest] [GET] [EX seconds |
 * PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]
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
  if (!options.read(context, 3, true)) return;
  let deadline = options.readDeadline(context, "set");
  if (deadline !== deadline) return;
  const found = store.find(bytes, starts[1], ends[1]);
  const withOld = (options.bits & returnOld) !== 0;
  if (withOld) context.noteRead(found, 1);
  const isAllowed = allowsSet(context, found);
  if (isAllowed === null) return;
  if (withOld && found) reply.bulk(store.foundBytes, store.foundStart, store.foundEnd);
  else if (withOld || !isAllowed) reply.null();
  if (!isAllowed) return;
  if ((options.bits & keepDeadline) !== 0 && found) deadline = store.foundExpireAt;
  store.put(bytes, starts[2], ends[2], deadline);
  if (deadline !== 0 && (options.bits & keepDeadline) === 0) context.tell(ownEvents.expire, 1);
  if (!withOld) reply.ok();
}

/** Whether the options' condition is met; null when it makes no sense, and that is replied. */
function allowsSet(context: CommandContext, found: boolean): boolean | null {
  const { bits, condition, conditionArgument } = options;
  if (condition === null) return (bits & (found ? ifMissing : ifExists)) === 0;
  return found ? isMet(context, condition, conditionArgument) : isMetByNone(condition);
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
  context.tell(ownEvents.expire, 1);
  reply.ok();
}

/** GETSET key value */
function getset(context: CommandContext): void {
  const { store, request, reply } = context;
  if (context.findToRead(1)) reply.bulk(store.foundBytes, store.foundStart, store.foundEnd);
  else reply.null();
  store.put(request.bytes, request.starts[2], request.ends[2], 0);
}

/** GETDEL key */
function getdel(context: CommandContext): void {
  const { store, reply } = context;
  if (!context.findToRead(1)) return reply.null();
  reply.bulk(store.foundBytes, store.foundStart, store.foundEnd);
  store.remove();
}

/** DELEX key [IFEQ value | IFNE value | IFDEQ digest | IFDNE digest] */
function delex(context: CommandContext): void {
  const { store, reply, argc } = context;
  if (argc !== 2 && argc !== 4) return wrongArity(context, "delex");
  if (!context.find(1)) return reply.integer(0);
  if (argc === 4) {
    const condition = valueConditionAt(context, 2);
    if (condition === null) {
      return reply.error("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
    }
    const isAllowed = isMet(context, condition, 3);
    if (isAllowed === null) return;
    if (!isAllowed) return reply.integer(0);
  }
  store.remove();
  reply.integer(1);
}

/** DELIFEQ key value */
function delifeq(context: CommandContext): void {
  const { store, reply } = context;
  if (!context.find(1) || !isMet(context, "IFEQ", 2)) return reply.integer(0);
  store.remove();
  reply.integer(1);
}

/** DIGEST key */
function digest(context: CommandContext): void {
  const { store, reply } = context;
  if (context.find(1)) reply.bulkText(digestOfFound(store));
  else reply.null();
}

/**
 * GETEX key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds |
 * PERSIST]
 */
function getex(context: CommandContext): void {
  const { store, reply } = context;
  if (!options.read(context, 2, false)) return;
  // A missing key is answered before a bad time is.
  if (!context.findToRead(1)) return reply.null();
  const deadline = options.readDeadline(context, "getex");
  if (deadline !== deadline) return;
  reply.bulk(store.foundBytes, store.foundStart, store.foundEnd);
  if (deadline > 0) {
    if (deadline <= store.now) return store.remove();
    store.setExpiry(deadline);
    context.tell(ownEvents.expire, 1);
  } else if ((options.bits & dropDeadline) !== 0 && store.foundExpireAt !== 0) {
    store.setExpiry(0);
    context.tell(ownEvents.persist, 1);
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
  delex,
  delifeq,
  digest,
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
