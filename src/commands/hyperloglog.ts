/** HyperLogLog: how many different elements there were, in 12 KiB at most. */
import { StoreError } from "../store/errors.ts";
import type { CommandContext, Handler } from "./context.ts";
import {
  HyperLogLog,
  HyperLogLogError,
  isDense,
  isHyperLogLog,
  RegisterSet,
} from "./hyperloglog_value.ts";

interface OpenedValue {
  readonly value: HyperLogLog;
  /** The key does not exist. */
  readonly isNew: boolean;
}

/** PFADD key [element [element ...]] */
function pfadd(context: CommandContext): void {
  const { reply, request, argc } = context;
  const log = openFirst(context);
  if (log === null) return;
  let hasChanged = log.isNew;
  for (let i = 2; i < argc; i++) {
    if (log.value.add(request.bytes, request.starts[i], request.ends[i])) hasChanged = true;
  }
  if (hasChanged) {
    log.value.forgetCount();
    write(context, log);
  }
  reply.integer(hasChanged ? 1 : 0);
}

/** PFCOUNT key [key ...] */
function pfcount(context: CommandContext): void {
  const { reply, argc } = context;
  if (argc > 2) {
    const union = mergeKeys(context);
    if (union !== null) reply.integer(union.registers.count());
    return;
  }
  const log = openFirst(context);
  if (log === null) return;
  if (log.isNew) return reply.integer(0);
  const cached = log.value.cachedCount;
  if (cached !== null) return reply.bigInteger(cached);
  const count = log.value.count();
  try {
    // The next time it need not be computed.
    write(context, log);
  } catch (error) {
    // Without room it will be.
    if (!(error instanceof StoreError)) throw error;
  }
  reply.integer(count);
}

/** PFMERGE destkey [sourcekey [sourcekey ...]] */
function pfmerge(context: CommandContext): void {
  const union = mergeKeys(context);
  if (union === null) return;
  const log = openFirst(context)!;
  const { value } = log;
  if (union.isAnyDense) value.makeDense();
  union.registers.visit((index, count) => value.raise(index, count));
  value.forgetCount();
  write(context, log);
  context.reply.ok();
}

/** The union of all keys; null when one is no HyperLogLog, and that is replied. */
function mergeKeys(
  context: CommandContext,
): { registers: RegisterSet; isAnyDense: boolean } | null {
  const { store, argc } = context;
  const registers = new RegisterSet();
  let isAnyDense = false;
  for (let i = 1; i < argc; i++) {
    if (!context.findToRead(i)) continue;
    const { foundBytes, foundStart, foundEnd } = store;
    if (!isHyperLogLog(foundBytes, foundStart, foundEnd)) return wrongType(context);
    registers.merge(foundBytes, foundStart, foundEnd);
    isAnyDense ||= isDense(foundBytes, foundStart);
  }
  return { registers, isAnyDense };
}

/** A copy of the first key's value, or an empty one; null when it is another value: that is replied. */
function openFirst(context: CommandContext): OpenedValue | null {
  const { store, server } = context;
  const sparseBytesMax = Number(server.config.get("hll-sparse-max-bytes"));
  if (!context.find(1)) return { value: HyperLogLog.empty(sparseBytesMax), isNew: true };
  const { foundBytes, foundStart, foundEnd } = store;
  if (!isHyperLogLog(foundBytes, foundStart, foundEnd)) return wrongType(context);
  const value = HyperLogLog.copy(foundBytes, foundStart, foundEnd, sparseBytesMax);
  return { value, isNew: false };
}

/** Writes the key of the last find; its deadline stays. */
function write({ store }: CommandContext, { value, isNew }: OpenedValue): void {
  const { bytes } = value;
  store.put(bytes, 0, bytes.length, isNew ? 0 : store.foundExpireAt);
}

function wrongType({ reply }: CommandContext): null {
  reply.error("WRONGTYPE Key is not a valid HyperLogLog string value.");
  return null;
}

/** Replies what is wrong with a value that cannot be read to its end. */
function guarded(handler: Handler): Handler {
  return (context) => {
    try {
      handler(context);
    } catch (error) {
      if (!(error instanceof HyperLogLogError)) throw error;
      context.reply.error("INVALIDOBJ Corrupted HLL object detected");
    }
  };
}

export const hyperloglogHandlers: Record<string, Handler> = {
  pfadd: guarded(pfadd),
  pfcount: guarded(pfcount),
  pfmerge: guarded(pfmerge),
};
