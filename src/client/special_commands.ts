/**
 * The commands that are not what a connection goes by that many callers share: one reply for each request, in their order.
 * Subscriptions are confirmed by pushes; what changes how, or whether, the server replies is refused, since every caller
 * after it would get what another one has asked for.
 */
import type { CommandArgument } from "../protocol/request_writer.ts";

/**
 * The commands that are confirmed by pushes (in version 3 of the protocol), each with the one that makes subscriptions of its
 * kind.
 */
const subscribing = {
  SUBSCRIBE: "SUBSCRIBE",
  UNSUBSCRIBE: "SUBSCRIBE",
  PSUBSCRIBE: "PSUBSCRIBE",
  PUNSUBSCRIBE: "PSUBSCRIBE",
  SSUBSCRIBE: "SSUBSCRIBE",
  SUNSUBSCRIBE: "SSUBSCRIBE",
} as const;

export type SubscriptionCommand = keyof typeof subscribing;

const otherNames = [
  "CLIENT",
  "DISCARD",
  "EXEC",
  "HELLO",
  "MONITOR",
  "MULTI",
  "PSYNC",
  "REPLCONF",
  "RESET",
  "SYNC",
] as const;

/** The name, in capitals, of a command that needs a look. */
export type SpecialName = SubscriptionCommand | typeof otherNames[number];

const names = new Map<string, SpecialName>(
  [...Object.keys(subscribing) as SubscriptionCommand[], ...otherNames].map((name) => [name, name]),
);
const nameLengthMax = Math.max(...Array.from(names.keys(), (name) => name.length));

const decoder = new TextDecoder();

/** The name as the server reads it, in whatever case and type it is given; null for a usual command. */
export function specialNameOf(args: readonly CommandArgument[]): SpecialName | null {
  const [name] = args;
  if (typeof name !== "string" && !(name instanceof Uint8Array)) return null;
  return name.length > nameLengthMax ? null : names.get(wordOf(name)) ?? null;
}

function wordOf(argument: CommandArgument): string {
  const text = argument instanceof Uint8Array ? decoder.decode(argument) : String(argument);
  return text.toUpperCase();
}

export function isSubscription(name: SpecialName | null): name is SubscriptionCommand {
  return name !== null && name in subscribing;
}

/** The command that makes the subscriptions that this one makes or ends. */
export function makerOf(name: SubscriptionCommand): SubscriptionCommand {
  return subscribing[name];
}

/** Whether the server only collects what is sent behind this command; null when that is as it was. */
export function collectsAfter(name: SpecialName | null): boolean | null {
  if (name === "MULTI") return true;
  return name === "EXEC" || name === "DISCARD" ? false : null;
}

/** Throws a TypeError for a command that the server would not answer with one reply, now or later. */
export function assertAnswered(args: readonly CommandArgument[], protocol: 2 | 3): void {
  const name = specialNameOf(args);
  if (name === null) return;
  const refusal = refusalOf(name, args, protocol);
  if (refusal !== null) throw new TypeError(`Cannot send ${refusal}`);
}

function refusalOf(
  name: SpecialName,
  args: readonly CommandArgument[],
  protocol: 2 | 3,
): string | null {
  const words = args.slice(1, 3).map(wordOf);
  if (isSubscription(name)) {
    if (protocol === 3) return null;
    return `${name} in version 2 of the protocol: messages could not be told from replies; connect ` +
      "with `protocol: 3`";
  }
  switch (name) {
    case "CLIENT":
      if (words[0] !== "REPLY" || words.length < 2 || words[1] === "ON") return null;
      return `CLIENT REPLY ${
        words[1]
      }: replies that do not come are waited for; to ignore a reply, do ` +
        "not wait for it";
    case "HELLO":
      if (words.length === 0 || words[0] === String(protocol)) return null;
      return `HELLO ${
        words[0]
      }: a client keeps the version of the protocol that it has connected with ` +
        "(the option `protocol`)";
    case "RESET":
      if (protocol === 2) return null;
      return "RESET: it ends version 3 of the protocol and the subscriptions; connect another client";
    case "MONITOR":
      return "MONITOR: what it shows could not be told from replies; `kv monitor` shows it";
    case "PSYNC":
    case "REPLCONF":
    case "SYNC":
      return `${name}: it is for replicas, and is not answered by a reply`;
    default:
      return null;
  }
}

/** Throws a TypeError for a command that may not stand between MULTI and EXEC. */
export function assertCollectable(args: readonly CommandArgument[]): void {
  const name = specialNameOf(args);
  if (isSubscription(name)) {
    throw new TypeError(
      `Cannot send ${name} within a transaction: its confirmations could not be told from replies`,
    );
  }
  if (name === "EXEC" || name === "DISCARD" || name === "RESET") {
    throw new TypeError(`Cannot send ${name} within a transaction: it would end it`);
  }
}
