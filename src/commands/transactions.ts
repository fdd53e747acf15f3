/**
 * MULTI, EXEC and their kin. The dispatcher queues requests while `session.queue` is an array; EXEC
 * runs them in one batch of the store, so that after a crash all of their changes are there or none.
 */
import { ByteMap } from "../store/byte_map.ts";
import type { CommandContext, Handler } from "./context.ts";

/** MULTI */
function multi(context: CommandContext): void {
  const { session, reply } = context;
  if (session.queue !== null) return reply.error("ERR MULTI calls can not be nested");
  session.queue = [];
  session.queueFailed = false;
  reply.ok();
}

/** EXEC */
function exec(context: CommandContext): void {
  const { session, store, reply } = context;
  const { queue } = session;
  if (queue === null) return reply.error("ERR EXEC without MULTI");
  const failed = session.queueFailed;
  if (failed || watchedKeyChanged(context)) {
    session.endTransaction(store);
    if (failed) reply.error("EXECABORT Transaction discarded because of previous errors.");
    else reply.nullArray();
    return;
  }
  session.unwatch(store);
  reply.array(queue.length);
  store.beginBatch();
  try {
    // The queue stays in the session meanwhile: CLIENT LIST shows it.
    for (const request of queue) context.execute(request);
  } finally {
    session.endTransaction(store);
    store.endBatch();
  }
}

/** DISCARD */
function discard(context: CommandContext): void {
  const { session, store, reply } = context;
  if (session.queue === null) return reply.error("ERR DISCARD without MULTI");
  session.endTransaction(store);
  reply.ok();
}

/** WATCH key [key ...] */
function watch(context: CommandContext): void {
  const { session, store, reply, argc } = context;
  if (session.queue !== null) return reply.error("ERR WATCH inside MULTI is not allowed");
  for (let i = 1; i < argc; i++) {
    const key = context.copy(i);
    session.watched ??= new ByteMap();
    if (session.watched.get(key) !== undefined) continue;
    const live = context.find(i);
    session.watched.set({ version: store.watch(key), expired: !live }, key);
  }
  reply.ok();
}

/** UNWATCH */
function unwatch(context: CommandContext): void {
  context.session.unwatch(context.store);
  context.reply.ok();
}

/**
 * Whether a watched key was written to, or passed its deadline since WATCH. One that had passed it
 * before was no key then and is none now: that is no change.
 */
function watchedKeyChanged(context: CommandContext): boolean {
  const { session, store } = context;
  for (const [key, { version, expired }] of session.watched ?? []) {
    if (store.versionOf(key) !== version) return true;
    if (!expired && !store.find(key, 0, key.length)) return true;
  }
  return false;
}

export const transactionHandlers: Record<string, Handler> = {
  discard,
  exec,
  multi,
  unwatch,
  watch,
};
