/** The line of CLIENT LIST and CLIENT INFO about one client: redis-server 7.0's fields in its order. */
import type { CommandContext } from "./context.ts";
import type { ConnectionMemory, Session } from "./session.ts";

/** Replies up to this size stand in Redis's `obl`, longer ones in `omem`. */
const shortRepliesMax = 16 * 1024;

const noMemory: ConnectionMemory = {
  query: 0,
  queryFree: 0,
  replyBuffer: 0,
  replies: 0,
  repliesPeak: 0,
};

/**
 * Behind Redis's fields stand those that it has from 7.2 on, the library's. There is no descriptor to
 * show: the runtime keeps it to itself. Whoever describes many clients counts `requestBytes` once.
 */
export function describeClient(
  session: Session,
  context: CommandContext,
  ownArgumentBytes = requestBytes(context),
): string {
  const { query, queryFree, replyBuffer, replies, repliesPeak } = session.connection?.memory() ??
    noMemory;
  const isShort = replies <= shortRepliesMax;
  const argumentBytes = session === context.session ? ownArgumentBytes : 0;
  const queuedBytes = (session.queue ?? []).reduce((sum, { bytes }) => sum + bytes.length, 0);
  return [
    `id=${session.id}`,
    `addr=${session.address}`,
    `laddr=${session.localAddress}`,
    "fd=-1",
    `name=${session.name}`,
    `age=${secondsBetween(session.createdMs, context.store.now)}`,
    `idle=${secondsBetween(session.lastActiveMs, context.store.now)}`,
    `flags=${flagsOf(session, context)}`,
    "db=0",
    `sub=${session.subscriber?.channels.size ?? 0}`,
    `psub=${session.subscriber?.patterns.size ?? 0}`,
    `ssub=${session.subscriber?.shardChannels.size ?? 0}`,
    `multi=${session.queue === null ? -1 : session.queue.length}`,
    `qbuf=${query}`,
    `qbuf-free=${queryFree}`,
    `argv-mem=${argumentBytes}`,
    `multi-mem=${queuedBytes}`,
    `rbs=${replyBuffer}`,
    `rbp=${repliesPeak}`,
    `obl=${isShort ? replies : 0}`,
    `oll=${isShort ? 0 : 1}`,
    `omem=${isShort ? 0 : replyBuffer}`,
    `tot-mem=${query + queryFree + argumentBytes + queuedBytes + replyBuffer}`,
    `events=${replies > 0 ? "w" : "r"}`,
    `cmd=${session.lastCommand?.name ?? "NULL"}`,
    `user=${session.user?.shownName ?? "(superuser)"}`,
    `redir=${session.tracking?.options.redirection ?? -1}`,
    `resp=${session.protocol}`,
    `lib-name=${session.libraryName}`,
    `lib-ver=${session.libraryVersion}`,
  ].join(" ");
}

/** In Redis's order. */
function flagsOf(session: Session, { store }: CommandContext): string {
  const isWatchBroken = [...session.watched ?? []].some(([key, { version }]) =>
    store.versionOf(key) !== version
  );
  const flags: readonly (readonly [string, boolean])[] = [
    ["O", session.isMonitor],
    ["P", session.subscriber !== null],
    ["x", session.queue !== null],
    ["b", session.isBlocked],
    ["t", session.tracking !== null],
    ["R", session.tracking?.isRedirectionBroken ?? false],
    ["B", session.tracking?.options.isBroadcast ?? false],
    ["d", isWatchBroken],
    ["c", session.closing],
    ["U", session.isLocal],
    ["e", session.isNoEvict],
    ["T", session.isNoTouch],
  ];
  return flags.map(([flag, isSet]) => isSet ? flag : "").join("") || "N";
}

/** Bytes of the arguments of the request that is being run. */
export function requestBytes({ request }: CommandContext): number {
  let sum = 0;
  for (let i = 0; i < request.argc; i++) sum += request.ends[i] - request.starts[i];
  return sum;
}

function secondsBetween(fromMs: number, toMs: number): number {
  return Math.max(0, Math.floor((toMs - fromMs) / 1000));
}
