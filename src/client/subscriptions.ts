/** What a connection is subscribed to, as far as the server has confirmed it. */
import { binaryText, bytesOfBinaryText } from "../protocol/binary_text.ts";
import type { Reply } from "../protocol/reply.ts";
import type { CommandArgument } from "../protocol/request_writer.ts";
import { toBytes } from "./reply_conversion.ts";
import { makerOf, type SubscriptionCommand } from "./special_commands.ts";

export class Subscriptions {
  /** The channels, a character for each byte, by the command that makes such a subscription. */
  readonly #channels = new Map<SubscriptionCommand, Set<string>>();

  /**
   * Takes note of a confirmation. Returns how many subscriptions of that kind there are now; the channel
   * is null when there was none to end.
   */
  confirm(command: SubscriptionCommand, channel: Reply): number {
    const maker = makerOf(command);
    let channels = this.#channels.get(maker);
    if (channels === undefined) this.#channels.set(maker, channels = new Set());
    if (channel === null) channels.clear();
    else if (command === maker) channels.add(binaryText(toBytes(channel)));
    else channels.delete(binaryText(toBytes(channel)));
    return channels.size;
  }

  /** The commands that make them anew: one for each, since a cluster may refuse several together. */
  commands(): CommandArgument[][] {
    const commands: CommandArgument[][] = [];
    for (const [maker, channels] of this.#channels) {
      for (const channel of channels) commands.push([maker, bytesOfBinaryText(channel)]);
    }
    return commands;
  }
}
