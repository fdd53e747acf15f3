/** DUMP and RESTORE: values in Redis's serialisation. */
import type { CommandContext, Handler } from "./context.ts";
import { refuse } from "./refuse.ts";
import { deserialize, isSerialized, serialize } from "./serialized_value.ts";

/** DUMP key */
function dump(context: CommandContext): void {
  const { store, reply } = context;
  if (!context.find(1)) return reply.null();
  const bytes = serialize(store.foundBytes, store.foundStart, store.foundEnd);
  reply.bulk(bytes, 0, bytes.length);
}

/**
 * RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]. How recently
 * and how often a key was used is not kept for single keys: that is checked, and forgotten.
 */
function restore(context: CommandContext): void {
  const { store, reply, request } = context;
  const { bytes, starts, ends } = request;
  const options = readOptions(context);
  if (options === null) return;
  const found = context.find(1);
  if (found && !options.replaces) {
    return reply.error("BUSYKEY Target key name already exists.");
  }
  const ttl = context.int64(2);
  if (ttl === null) return context.notAnInteger();
  if (ttl < 0n) return reply.error("ERR Invalid TTL value, must be >= 0");
  if (!isSerialized(bytes, starts[3], ends[3])) {
    return reply.error("ERR DUMP payload version or checksum are wrong");
  }
  const value = deserialize(bytes, starts[3], ends[3]);
  if (value === null) return reply.error("ERR Bad data format");
  if (context.exceedsBulkLength(value.length)) return;
  const content = value.read();
  if (content === null) return reply.error("ERR Bad data format");
  let deadline = Number(ttl);
  if (deadline > 0 && !options.isAbsolute) deadline += store.now;
  if (deadline > 0 && deadline <= store.now) {
    if (found) store.remove();
    return reply.ok();
  }
  store.put(content.bytes, content.start, content.end, deadline);
  reply.ok();
}

/** Null when they make no sense, and that is replied. */
function readOptions(context: CommandContext): { replaces: boolean; isAbsolute: boolean } | null {
  const { reply, argc } = context;
  const options = { replaces: false, isAbsolute: false };
  let hasIdleTime = false;
  let hasFrequency = false;
  for (let i = 4; i < argc; i++) {
    const hasMore = i + 1 < argc;
    if (context.is(i, "REPLACE")) options.replaces = true;
    else if (context.is(i, "ABSTTL")) options.isAbsolute = true;
    else if (context.is(i, "IDLETIME") && hasMore && !hasFrequency) {
      const seconds = context.int64(++i);
      if (seconds === null) return refuse(() => context.notAnInteger());
      if (seconds < 0n) {
        return refuse(() => reply.error("ERR Invalid IDLETIME value, must be >= 0"));
      }
      hasIdleTime = true;
    } else if (context.is(i, "FREQ") && hasMore && !hasIdleTime) {
      const frequency = context.int64(++i);
      if (frequency === null) return refuse(() => context.notAnInteger());
      if (frequency < 0n || frequency > 255n) {
        return refuse(() => reply.error("ERR Invalid FREQ value, must be >= 0 and <= 255"));
      }
      hasFrequency = true;
    } else return refuse(() => context.syntaxError());
  }
  return options;
}

export const dumpHandlers: Record<string, Handler> = { dump, restore };
