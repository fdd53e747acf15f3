/** Pub/sub: messages to who listens at the moment. Nothing of them is stored. */
import { ReplyWriter } from "../protocol/reply_writer.ts";
import { ByteMap } from "../store/byte_map.ts";
import type { CommandContext, Handler } from "./context.ts";
import { matchGlob } from "./glob.ts";
import { helpHandler, wrongSubcommandArguments } from "./help_reply.ts";
import type { Topic, TopicKind } from "./subscriptions.ts";

/** What a client is told of its own subscriptions, by kind of topic. */
const confirmations = {
  channels: { subscribe: "subscribe", unsubscribe: "unsubscribe" },
  patterns: { subscribe: "psubscribe", unsubscribe: "punsubscribe" },
  shardChannels: { subscribe: "ssubscribe", unsubscribe: "sunsubscribe" },
} as const;

/** SUBSCRIBE channel [channel ...] and its kin */
function subscribeTo(kind: TopicKind): Handler {
  return (context) => {
    const { session, subscriptions, argc } = context;
    if (kind === "shardChannels" && context.isInTransaction) {
      return context.reply.error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    }
    for (let i = 1; i < argc; i++) {
      const name = context.copy(i);
      subscriptions.subscribe(session, kind, name);
      confirm(context, kind, "subscribe", name);
    }
  };
}

/** UNSUBSCRIBE [channel [channel ...]] and its kin: without names, from all. */
function unsubscribeFrom(kind: TopicKind): Handler {
  return (context) => {
    const { session, subscriptions, argc } = context;
    const names: (Uint8Array | null)[] = [];
    for (let i = 1; i < argc; i++) names.push(context.copy(i));
    if (argc === 1) {
      for (const { name } of session.subscriber?.[kind] ?? []) names.push(name);
      if (names.length === 0) names.push(null);
    }
    for (const name of names) {
      if (name !== null) subscriptions.unsubscribe(session, kind, name);
      confirm(context, kind, "unsubscribe", name);
    }
  };
}

const ownWriter = new ReplyWriter();

/**
 * Tells a client that it does or does not listen to a topic any more, and to how many it does. That is
 * no reply but a message: CLIENT REPLY OFF does not keep it back.
 */
function confirm(
  { session, reply }: CommandContext,
  kind: TopicKind,
  change: "subscribe" | "unsubscribe",
  name: Uint8Array | null,
): void {
  const isMuted = session.muted > 0;
  const writer = isMuted ? ownWriter : reply;
  if (isMuted) {
    writer.length = 0;
    writer.protocol = session.protocol;
  }
  writer.push(3);
  writer.bulkText(confirmations[kind][change]);
  if (name === null) writer.null();
  else writer.bulk(name, 0, name.length);
  const { subscriber } = session;
  const isShard = kind === "shardChannels";
  writer.integer((isShard ? subscriber?.shardChannels.size : subscriber?.count) ?? 0);
  if (isMuted) session.connection?.push(writer.bytes, writer.length);
}

/** PUBLISH channel message */
function publish(context: CommandContext): void {
  const { subscriptions, reply } = context;
  reply.integer(subscriptions.publish(argument(context, 1), argument(context, 2)));
}

/** SPUBLISH shardchannel message */
function spublish(context: CommandContext): void {
  const { subscriptions, reply } = context;
  reply.integer(subscriptions.publishToShard(argument(context, 1), argument(context, 2)));
}

function argument({ request }: CommandContext, i: number) {
  return { bytes: request.bytes, start: request.starts[i], end: request.ends[i] };
}

/** PUBSUB CHANNELS [pattern], PUBSUB SHARDCHANNELS [pattern] */
function listTopics(kind: "channels" | "shardChannels"): Handler {
  return (context) => {
    const { reply, subscriptions, argc } = context;
    if (argc > 3) return wrongSubcommandArguments(context);
    const pattern = argc === 3 ? context.view(2) : null;
    const names: Uint8Array[] = [];
    for (const [name] of subscriptions[kind]) {
      if (pattern === null || matchGlob(pattern, name)) names.push(name);
    }
    reply.array(names.length);
    for (const name of names) reply.bulk(name, 0, name.length);
  };
}

/** PUBSUB NUMSUB [channel [channel ...]], PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]] */
function countSubscribers(kind: "channels" | "shardChannels"): Handler {
  return (context) => {
    const { reply, subscriptions, argc } = context;
    const topics: ByteMap<Topic> = subscriptions[kind];
    const { bytes, starts, ends } = context.request;
    reply.array((argc - 2) * 2);
    for (let i = 2; i < argc; i++) {
      reply.bulk(bytes, starts[i], ends[i]);
      reply.integer(topics.get(bytes, starts[i], ends[i])?.subscribers.size ?? 0);
    }
  };
}

/** PUBSUB NUMPAT */
function countPatterns({ reply, subscriptions }: CommandContext): void {
  reply.integer(subscriptions.patterns.size);
}

export const pubsubHandlers: Record<string, Handler> = {
  psubscribe: subscribeTo("patterns"),
  publish,
  "pubsub|channels": listTopics("channels"),
  "pubsub|help": helpHandler("PUBSUB", [
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
  ]),
  "pubsub|numpat": countPatterns,
  "pubsub|numsub": countSubscribers("channels"),
  "pubsub|shardchannels": listTopics("shardChannels"),
  "pubsub|shardnumsub": countSubscribers("shardChannels"),
  punsubscribe: unsubscribeFrom("patterns"),
  spublish,
  ssubscribe: subscribeTo("shardChannels"),
  subscribe: subscribeTo("channels"),
  sunsubscribe: unsubscribeFrom("shardChannels"),
  unsubscribe: unsubscribeFrom("channels"),
};
