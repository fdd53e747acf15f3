/** The commands on deadlines. */
import type { CommandContext, Handler } from "./context.ts";
import {
  fromNowMilliseconds,
  fromNowSeconds,
  readDeadline,
  replyTime,
  type TimeUnit,
  unixMilliseconds,
  unixSeconds,
} from "./deadline.ts";

// The conditions of EXPIRE, as bits.
const ifNone = 1;
const ifAny = 2;
const ifLater = 4;
const ifEarlier = 8;

/** EXPIRE key seconds [NX | XX | GT | LT] */
function expire(context: CommandContext): void {
  setDeadline(context, fromNowSeconds, "expire");
}

/** PEXPIRE key milliseconds [NX | XX | GT | LT] */
function pexpire(context: CommandContext): void {
  setDeadline(context, fromNowMilliseconds, "pexpire");
}

/** EXPIREAT key unix-time-seconds [NX | XX | GT | LT] */
function expireat(context: CommandContext): void {
  setDeadline(context, unixSeconds, "expireat");
}

/** PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT] */
function pexpireat(context: CommandContext): void {
  setDeadline(context, unixMilliseconds, "pexpireat");
}

function setDeadline(context: CommandContext, unit: TimeUnit, command: string): void {
  const { store, request, reply } = context;
  const conditions = request.argc > 3 ? parseConditions(context) : 0;
  if (conditions < 0) return;
  const deadline = readDeadline(context, 2, unit, command);
  if (deadline !== deadline) return;
  if (!store.find(request.bytes, request.starts[1], request.ends[1])) return reply.integer(0);
  if (conditions !== 0 && !holds(conditions, deadline, store.foundExpireAt)) {
    return reply.integer(0);
  }
  if (deadline <= store.now) store.remove();
  else store.setExpiry(deadline);
  reply.integer(1);
}

/** Reads the options behind the time; -1 when they cannot be, and that is replied. */
function parseConditions(context: CommandContext): number {
  const { reply } = context;
  let conditions = 0;
  for (let i = 3; i < context.argc; i++) {
    if (context.is(i, "NX")) conditions |= ifNone;
    else if (context.is(i, "XX")) conditions |= ifAny;
    else if (context.is(i, "GT")) conditions |= ifLater;
    else if (context.is(i, "LT")) conditions |= ifEarlier;
    else {
      reply.errorQuotingBytes(`ERR Unsupported option ${context.quoted(i)}`);
      return -1;
    }
  }
  if ((conditions & ifNone) !== 0 && conditions !== ifNone) {
    reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return -1;
  }
  if ((conditions & ifLater) !== 0 && (conditions & ifEarlier) !== 0) {
    reply.error("ERR GT and LT options at the same time are not compatible");
    return -1;
  }
  return conditions;
}

/** Whether the conditions let `deadline` take the place of `current`, where 0 is "never". */
function holds(conditions: number, deadline: number, current: number): boolean {
  if ((conditions & ifNone) !== 0 && current !== 0) return false;
  if ((conditions & ifAny) !== 0 && current === 0) return false;
  if ((conditions & ifLater) !== 0 && (current === 0 || deadline <= current)) return false;
  return (conditions & ifEarlier) === 0 || current === 0 || deadline < current;
}

/** TTL key */
function ttl(context: CommandContext): void {
  const { store, request, reply } = context;
  if (!store.find(request.bytes, request.starts[1], request.ends[1])) return reply.integer(-2);
  if (store.foundExpireAt === 0) return reply.integer(-1);
  replyTime(context, inSeconds(Math.max(0, store.foundExpireAt - store.now)));
}

/** PTTL key */
function pttl(context: CommandContext): void {
  const { store, reply } = context;
  if (!context.find(1)) return reply.integer(-2);
  if (store.foundExpireAt === 0) return reply.integer(-1);
  replyTime(context, Math.max(0, store.foundExpireAt - store.now));
}

/** EXPIRETIME key */
function expiretime(context: CommandContext): void {
  const { store, reply } = context;
  if (!context.find(1)) return reply.integer(-2);
  if (store.foundExpireAt === 0) return reply.integer(-1);
  replyTime(context, inSeconds(store.foundExpireAt));
}

/** PEXPIRETIME key */
function pexpiretime(context: CommandContext): void {
  const { store, reply } = context;
  if (!context.find(1)) return reply.integer(-2);
  if (store.foundExpireAt === 0) return reply.integer(-1);
  replyTime(context, store.foundExpireAt);
}

/** Redis rounds to the nearest second. */
function inSeconds(milliseconds: number): number {
  return Math.floor((milliseconds + 500) / 1000);
}

/** PERSIST key */
function persist(context: CommandContext): void {
  const { store, reply } = context;
  if (!context.find(1) || store.foundExpireAt === 0) return reply.integer(0);
  store.setExpiry(0);
  reply.integer(1);
}

export const expiryHandlers: Record<string, Handler> = {
  expire,
  expireat,
  expiretime,
  persist,
  pexpire,
  pexpireat,
  pexpiretime,
  pttl,
  ttl,
};
