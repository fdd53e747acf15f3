/**
 * Whether a user may make a request: the command, its keys and its channels have to be allowed by one of his
 * selectors.
 */
import { binaryText } from "../protocol/binary_text.ts";
import type { AclLogEntry, DenialReason } from "./acl_log.ts";
import type { AclSelector } from "./acl_selector.ts";
import type { AclUser } from "./acl_user.ts";
import { describeClient } from "./client_description.ts";
import type { CommandContext } from "./context.ts";
import type { Command } from "./registry.ts";
import { visitRequestKeys } from "./request_keys.ts";

/** What is not allowed. */
export interface Denial {
  readonly reason: Exclude<DenialReason, "auth">;
  /** Which argument it is that is denied: a key, a channel; 0 for the command. */
  readonly argument: number;
}

/** What is nearer to being allowed is told rather than what is further away. */
const order: readonly DenialReason[] = ["command", "key", "channel"];

/** Commands with channels behind their names, or with one. */
const channelCommands: Readonly<Record<string, { isPattern?: true; isOne?: true }>> = {
  psubscribe: { isPattern: true },
  publish: { isOne: true },
  spublish: { isOne: true },
  ssubscribe: {},
  subscribe: {},
};

interface KeyUse {
  readonly argument: number;
  readonly reads: boolean;
  readonly writes: boolean;
}

/**
 * Why a user may not make the request that stands behind the first `skipped` arguments of the context's;
 * null when he may.
 */
export function denialOf(
  context: CommandContext,
  user: AclUser,
  command: Command,
  skipped = 0,
): Denial | null {
  let denial: Denial = { reason: "command", argument: 0 };
  // The same for each selector, and asked for by most of them.
  let keys: readonly KeyUse[] | null = null;
  for (const selector of user.selectors) {
    if (!allowsCommand(context, selector, command, skipped)) continue;
    keys ??= keysOf(context, command, skipped);
    const next = deniedKey(context, selector, keys) ??
      deniedPrefix(context, selector, command, skipped) ??
      deniedChannel(context, selector, command, skipped);
    if (next === null) return null;
    const difference = order.indexOf(next.reason) - order.indexOf(denial.reason);
    if (difference > 0 || difference === 0 && next.argument > denial.argument) denial = next;
  }
  return denial;
}

function allowsCommand(
  context: CommandContext,
  selector: AclSelector,
  command: Command,
  skipped: number,
): boolean {
  if (command.isForAnybody) return true;
  return selector.allowsCommand(command.aclId, () => {
    const i = skipped + (command.name.includes("|") ? 2 : 1);
    return i < context.argc ? binaryText(context.copy(i)) : null;
  });
}

function keysOf(context: CommandContext, { spec }: Command, skipped: number): KeyUse[] {
  const keys: KeyUse[] = [];
  visitRequestKeys(context, spec, skipped, (argument, flags) => {
    const reads = flags.includes("access");
    const writes = flags.includes("insert") || flags.includes("delete") || flags.includes("update");
    keys.push({ argument, reads, writes });
  });
  return keys;
}

function deniedKey(
  { request }: CommandContext,
  selector: AclSelector,
  keys: readonly KeyUse[],
): Denial | null {
  if (selector.allowsAllKeys) return null;
  const { bytes, starts, ends } = request;
  for (const use of keys) {
    const i = use.argument;
    if (!selector.allowsKey(bytes, starts[i], ends[i], use)) return { reason: "key", argument: i };
  }
  return null;
}

/** DELPREFIX names no key, and removes many. */
function deniedPrefix(
  context: CommandContext,
  selector: AclSelector,
  { name }: Command,
  skipped: number,
): Denial | null {
  if (name !== "delprefix" || selector.allowsAllKeys) return null;
  const argument = skipped + 1;
  const isAllowed = selector.mayWriteAllWithPrefix(binaryText(context.copy(argument)));
  return isAllowed ? null : { reason: "key", argument };
}

function deniedChannel(
  { request, argc }: CommandContext,
  selector: AclSelector,
  { name }: Command,
  skipped: number,
): Denial | null {
  const channels = channelCommands[name];
  if (selector.allowsAllChannels || channels === undefined) return null;
  const { bytes, starts, ends } = request;
  const end = channels.isOne ? skipped + 2 : argc;
  for (let i = skipped + 1; i < end; i++) {
    if (!selector.allowsChannel(bytes, starts[i], ends[i], channels.isPattern ?? false)) {
      return { reason: "channel", argument: i };
    }
  }
  return null;
}

/** Whether the client's user may make the request and read any key: what SORT's patterns lead to is not known before. */
export function mayReadAllKeys(context: CommandContext, command: Command): boolean {
  const { user } = context.session;
  return user === null ||
    user.selectors.some((selector) =>
      selector.mayReadAllKeys && allowsCommand(context, selector, command, 0) &&
      deniedKey(context, selector, keysOf(context, command, 0)) === null
    );
}

/** Writes it to the log that something was denied to the context's client. */
export function noteDenial(
  context: CommandContext,
  { reason, object, username }: Pick<AclLogEntry, "reason" | "object" | "username">,
): void {
  const { session, server, isInTransaction } = context;
  server.access.log.add({
    reason,
    context: session.queue !== null || isInTransaction ? "multi" : "toplevel",
    object,
    username,
    atMs: Date.now(),
    clientInfo: describeClient(session, context),
  });
}

/** Why the context's client may not make its request, which is then noted; null when it may. */
export function denyRequest(context: CommandContext, command: Command): Denial | null {
  const { user } = context.session;
  const denial = user === null ? null : denialOf(context, user, command);
  if (denial === null) return null;
  const { reason, argument } = denial;
  const object = reason === "command" ? command.name : binaryText(context.copy(argument));
  noteDenial(context, { reason, object, username: user!.name });
  return denial;
}
