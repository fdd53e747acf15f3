/** The subcommands of CLIENT that act on connections, this one or others. */
import { binaryText } from "../protocol/binary_text.ts";
import type { AclUser } from "./acl_user.ts";
import { pauseMode } from "./client_pause.ts";
import type { CommandContext, Handler } from "./context.ts";
import { helpHandler, wrongSubcommandArguments } from "./help_reply.ts";
import { refuse } from "./refuse.ts";
import type { Session } from "./session.ts";

/** What CLIENT KILL looks for; what is not set fits all. */
interface KillFilter {
  readonly id?: bigint;
  readonly type?: ClientType;
  readonly user?: AclUser;
  readonly address?: string;
  readonly localAddress?: string;
  readonly skipsOwn: boolean;
}

export type ClientType = "normal" | "replica" | "pubsub" | "master";

/** The type of clients that argument `i` names, undefined when it names none. */
export function clientTypeAt(context: CommandContext, i: number): ClientType | undefined {
  if (context.is(i, "NORMAL")) return "normal";
  if (context.is(i, "SLAVE") || context.is(i, "REPLICA")) return "replica";
  if (context.is(i, "PUBSUB")) return "pubsub";
  return context.is(i, "MASTER") ? "master" : undefined;
}

/** The type of a client. There are no replicas; and who monitors counts as normal. */
export function clientTypeOf({ subscriber }: Session): ClientType {
  return subscriber === null ? "normal" : "pubsub";
}

export function unknownClientType(context: CommandContext, i: number): void {
  context.reply.errorQuotingBytes(`ERR Unknown client type '${context.quoted(i)}'`);
}

/**
 * CLIENT KILL ip:port
 * CLIENT KILL [ID client-id] [TYPE NORMAL | MASTER | SLAVE | REPLICA | PUBSUB] [USER username]
 * [ADDR ip:port] [LADDR ip:port] [SKIPME YES | NO]
 */
function clientKill(context: CommandContext): void {
  const { reply, argc, server } = context;
  const isOldForm = argc === 3;
  // In the old form, one may kill oneself.
  const filter = isOldForm
    ? { address: context.text(2), skipsOwn: false }
    : readKillFilter(context);
  if (filter === null) return;
  let count = 0;
  let killsOwn = false;
  for (const session of [...server.sessions()]) {
    const isOwn = session === context.session;
    if (!fits(session, filter) || isOwn && filter.skipsOwn) continue;
    count++;
    if (isOwn) killsOwn = true;
    else session.connection?.close();
  }
  if (!isOldForm) reply.integer(count);
  else if (count === 0) reply.error("ERR No such client");
  else reply.ok();
  // After the reply.
  if (killsOwn) context.session.closing = true;
}

function fits(session: Session, filter: KillFilter): boolean {
  const { id, type, user, address, localAddress } = filter;
  return (address === undefined || session.address === address) &&
    (localAddress === undefined || session.localAddress === localAddress) &&
    (type === undefined || clientTypeOf(session) === type) &&
    (user === undefined || session.user === user) &&
    (id === undefined || BigInt(session.id) === id);
}

/** Null when it makes no sense, and that is replied. */
function readKillFilter(context: CommandContext): KillFilter | null {
  const { reply, argc, server } = context;
  let filter: KillFilter = { skipsOwn: true };
  for (let i = 2; i < argc; i += 2) {
    const value = i + 1;
    if (value === argc) return refuse(() => context.syntaxError());
    if (context.is(i, "ID")) {
      const id = context.int64(value);
      if (id === null || id < 1n) {
        return refuse(() => reply.error("ERR client-id should be greater than 0"));
      }
      filter = { ...filter, id };
    } else if (context.is(i, "TYPE")) {
      const type = clientTypeAt(context, value);
      if (type === undefined) return refuse(() => unknownClientType(context, value));
      filter = { ...filter, type };
    } else if (context.is(i, "ADDR")) {
      filter = { ...filter, address: context.text(value) };
    } else if (context.is(i, "LADDR")) {
      filter = { ...filter, localAddress: context.text(value) };
    } else if (context.is(i, "USER")) {
      const user = server.access.user(binaryText(context.copy(value)));
      if (user === undefined) {
        const name = context.quoted(value);
        return refuse(() => reply.errorQuotingBytes(`ERR No such user '${name}'`));
      }
      filter = { ...filter, user };
    } else if (context.is(i, "SKIPME") && (context.is(value, "YES") || context.is(value, "NO"))) {
      filter = { ...filter, skipsOwn: context.is(value, "YES") };
    } else {
      return refuse(() => context.syntaxError());
    }
  }
  return filter;
}

/** CLIENT PAUSE timeout [WRITE | ALL] */
function clientPause(context: CommandContext): void {
  const { reply, argc } = context;
  if (argc > 4) return wrongSubcommandArguments(context);
  const isWrite = argc === 4 && context.is(3, "WRITE");
  if (argc === 4 && !isWrite && !context.is(3, "ALL")) {
    return reply.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
  }
  const milliseconds = context.int64(2);
  if (milliseconds === null) {
    return reply.error("ERR timeout is not an integer or out of range");
  }
  if (milliseconds < 0n) return reply.error("ERR timeout is negative");
  context.pause.begin(isWrite ? pauseMode.write : pauseMode.all, Number(milliseconds));
  reply.ok();
}

/** CLIENT UNPAUSE */
function clientUnpause(context: CommandContext): void {
  context.pause.end();
  context.reply.ok();
}

/** CLIENT REPLY ON | OFF | SKIP. Only ON is replied to. */
function clientReply(context: CommandContext): void {
  const { session, reply } = context;
  if (context.is(2, "ON")) {
    session.muted = 0;
    reply.ok();
  } else if (context.is(2, "OFF")) {
    session.muted = Infinity;
  } else if (context.is(2, "SKIP")) {
    session.muted++; // The next request; Infinity stays.
  } else {
    context.syntaxError();
  }
}

/** CLIENT NO-EVICT ON | OFF */
function clientNoEvict(context: CommandContext): void {
  const on = readOnOff(context);
  if (on === null) return;
  context.session.isNoEvict = on;
  context.reply.ok();
}

/** CLIENT NO-TOUCH ON | OFF */
function clientNoTouch(context: CommandContext): void {
  const on = readOnOff(context);
  if (on === null) return;
  context.session.isNoTouch = on;
  context.store.isUntouched = on;
  context.reply.ok();
}

/** What argument 2 says; null when it is neither, and that is replied. */
function readOnOff(context: CommandContext): boolean | null {
  if (context.is(2, "ON")) return true;
  if (context.is(2, "OFF")) return false;
  context.syntaxError();
  return null;
}

/** CLIENT UNBLOCK client-id [TIMEOUT | ERROR] */
function clientUnblock(context: CommandContext): void {
  const { reply, argc, server } = context;
  if (argc > 4) return wrongSubcommandArguments(context);
  const asError = argc === 4 && context.is(3, "ERROR");
  if (argc === 4 && !asError && !context.is(3, "TIMEOUT")) {
    return reply.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  const id = context.int64(2);
  if (id === null) return context.notAnInteger();
  for (const session of server.sessions()) {
    if (BigInt(session.id) !== id) continue;
    return reply.integer(session.unblock?.(asError) ? 1 : 0);
  }
  reply.integer(0);
}

export const clientControlHandlers: Record<string, Handler> = {
  "client|help": helpHandler("CLIENT", [
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
  ]),
  "client|kill": clientKill,
  "client|no-evict": clientNoEvict,
  "client|no-touch": clientNoTouch,
  "client|pause": clientPause,
  "client|reply": clientReply,
  "client|unblock": clientUnblock,
  "client|unpause": clientUnpause,
};
