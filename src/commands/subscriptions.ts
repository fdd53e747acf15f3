/**
 * Who listens to what: channels, patterns of channels, and shard channels, which here are channels of
 * another kind, as there is one shard.
 */
import { ReplyWriter } from "../protocol/reply_writer.ts";
import { ByteMap } from "../store/byte_map.ts";
import type { ByteRange } from "./byte_range.ts";
import { matchGlobRange } from "./glob.ts";
import type { Session } from "./session.ts";

/** A channel or pattern that somebody listens to. */
export interface Topic {
  readonly name: Uint8Array;
  /** In the order in which they came. */
  readonly subscribers: Set<Session>;
}

/** What one client listens to. */
export class Subscriber {
  readonly channels = new Set<Topic>();
  readonly patterns = new Set<Topic>();
  readonly shardChannels = new Set<Topic>();

  /** Channels and patterns: what the replies to SUBSCRIBE and its kin count. */
  get count(): number {
    return this.channels.size + this.patterns.size;
  }

  get isIdle(): boolean {
    return this.count + this.shardChannels.size === 0;
  }
}

/** The kinds of topics, by the names of the sets of a `Subscriber`. */
export type TopicKind = "channels" | "patterns" | "shardChannels";

const words = {
  channels: new TextEncoder().encode("message"),
  patterns: new TextEncoder().encode("pmessage"),
  shardChannels: new TextEncoder().encode("smessage"),
};

export class Subscriptions {
  readonly channels = new ByteMap<Topic>();
  readonly patterns = new ByteMap<Topic>();
  readonly shardChannels = new ByteMap<Topic>();
  /** A message as each version of the protocol has it; empty while nobody needed it. */
  readonly #messages = [new ReplyWriter(), new ReplyWriter()];

  constructor() {
    this.#messages[1].protocol = 3;
  }

  /** Whether nobody listens to anything that PUBLISH reaches. */
  get isIdle(): boolean {
    return this.channels.size === 0 && this.patterns.size === 0;
  }

  /** Has a client listen to a topic; false when it does so already. */
  subscribe(session: Session, kind: TopicKind, name: Uint8Array): boolean {
    const topics = this[kind];
    let topic = topics.get(name);
    if (topic?.subscribers.has(session)) return false;
    if (topic === undefined) topics.set(topic = { name, subscribers: new Set() }, name);
    topic.subscribers.add(session);
    session.subscriber ??= new Subscriber();
    session.subscriber[kind].add(topic);
    return true;
  }

  /** The contrary; false when it does not listen to it. */
  unsubscribe(session: Session, kind: TopicKind, name: Uint8Array): boolean {
    const topic = this[kind].get(name);
    if (topic === undefined || !topic.subscribers.delete(session)) return false;
    const subscriber = session.subscriber!;
    subscriber[kind].delete(topic);
    if (subscriber.isIdle) session.subscriber = null;
    if (topic.subscribers.size === 0) this[kind].delete(name);
    return true;
  }

  /** The client listens to nothing any more. */
  forget(session: Session): void {
    for (const kind of ["channels", "patterns", "shardChannels"] as const) {
      for (const { name } of session.subscriber?.[kind] ?? []) {
        this.unsubscribe(session, kind, name);
      }
    }
  }

  /** Sends a message to all who listen to `channel`; returns how many times it was sent. */
  publish(channel: ByteRange, message: ByteRange): number {
    let receivers = this.#send("channels", this.channels, channel, message);
    for (const [pattern, topic] of this.patterns) {
      if (!matchGlobRange(pattern, channel.bytes, channel.start, channel.end)) continue;
      receivers += this.#sendTo(topic, "patterns", channel, message);
    }
    return receivers;
  }

  /** The same for a shard channel. */
  publishToShard(channel: ByteRange, message: ByteRange): number {
    return this.#send("shardChannels", this.shardChannels, channel, message);
  }

  #send(
    kind: TopicKind,
    topics: ByteMap<Topic>,
    channel: ByteRange,
    message: ByteRange,
  ): number {
    const topic = topics.get(channel.bytes, channel.start, channel.end);
    return topic === undefined ? 0 : this.#sendTo(topic, kind, channel, message);
  }

  #sendTo(topic: Topic, kind: TopicKind, channel: ByteRange, message: ByteRange): number {
    for (const writer of this.#messages) writer.length = 0;
    const { size } = topic.subscribers;
    for (const session of topic.subscribers) {
      const writer = this.#messages[session.protocol - 2];
      if (writer.length === 0) writeMessage(writer, topic, kind, channel, message);
      session.connection?.push(writer.bytes, writer.length);
    }
    for (const writer of this.#messages) writer.release();
    return size;
  }
}

function writeMessage(
  writer: ReplyWriter,
  { name }: Topic,
  kind: TopicKind,
  channel: ByteRange,
  message: ByteRange,
): void {
  const isPattern = kind === "patterns";
  writer.push(isPattern ? 4 : 3);
  writer.bulk(words[kind], 0, words[kind].length);
  if (isPattern) writer.bulk(name, 0, name.length);
  writer.bulk(channel.bytes, channel.start, channel.end);
  writer.bulk(message.bytes, message.start, message.end);
}
