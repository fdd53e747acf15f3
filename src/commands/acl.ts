/** ACL: users, what they may do, and what was denied to them. */
import { binaryText, bytesOfBinaryText, hexText } from "../protocol/binary_text.ts";
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import { aclCategories, commandsInCategory } from "./acl_commands.ts";
import { type AclSelector, hasSpaces } from "./acl_selector.ts";
import { type AclUser, mergeSelectors } from "./acl_user.ts";
import type { CommandContext, Handler } from "./context.ts";
import { helpHandler, wrongSubcommandArguments } from "./help_reply.ts";
import { denialOf } from "./permission.ts";
import type { Session } from "./session.ts";

const passwordBitsUsual = 256n;
const passwordBitsMax = 4096n;
const logEntriesShown = 10n;
const noUserFile =
  "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL " +
  "SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in " +
  "order to store users in the Redis configuration.";

/** Arguments as strings with a character for each byte, from argument `from` on. */
function textsFrom(context: CommandContext, from: number): string[] {
  const texts: string[] = [];
  for (let i = from; i < context.argc; i++) texts.push(binaryText(context.copy(i)));
  return texts;
}

function bulkBinary(reply: ReplyWriter, text: string): void {
  const bytes = bytesOfBinaryText(text);
  reply.bulk(bytes, 0, bytes.length);
}

/** ACL SETUSER username [rule [rule ...]] */
function setuser(context: CommandContext): void {
  const { server, reply, argc } = context;
  for (let i = 2; i < argc; i++) context.redacted.push(i);
  const [name, ...args] = textsFrom(context, 2);
  if (hasSpaces(name)) {
    return reply.error("ERR Usernames can't contain spaces or null characters");
  }
  const merged = mergeSelectors(args);
  if ("unclosed" in merged) {
    return reply.errorQuotingBytes(
      `ERR Unmatched parenthesis in acl selector starting at '${merged.unclosed}'.`,
    );
  }
  const { access } = server;
  const user = access.changed(name, merged.rules);
  if ("error" in user) {
    return reply.errorQuotingBytes(
      `ERR Error in ACL SETUSER modifier '${user.rule}': ${user.error}`,
    );
  }
  const known = access.user(name);
  const lost = known !== undefined && losesChannels(known, user);
  access.install(user);
  reply.ok();
  if (known === undefined) return;
  for (const session of [...server.sessions()]) {
    if (session.user !== known) continue;
    session.noteRights();
    if (lost && listensUnduly(session, known)) disconnect(context, session);
  }
}

/** Whether a user could use channels that he cannot use any more. */
function losesChannels(before: AclUser, after: AclUser): boolean {
  if (after.selectors.some(({ allowsAllChannels }) => allowsAllChannels)) return false;
  const kept = after.selectors.flatMap((selector) => selector.channelTexts());
  return before.selectors.some((selector) =>
    selector.allowsAllChannels || selector.channelTexts().some((text) => !kept.includes(text))
  );
}

/** Whether a client listens to something that its user may not use. */
function listensUnduly({ subscriber }: Session, { selectors }: AclUser): boolean {
  if (subscriber === null) return false;
  const isDenied = (isPattern: boolean) => ({ name }: { readonly name: Uint8Array }) =>
    !selectors.some((selector) => selector.allowsChannel(name, 0, name.length, isPattern));
  return [...subscriber.patterns].some(isDenied(true)) ||
    [...subscriber.channels, ...subscriber.shardChannels].some(isDenied(false));
}

/** A client whose request is being run gets its reply first. */
function disconnect(context: CommandContext, session: Session): void {
  if (session === context.session) session.closing = true;
  else session.connection?.close();
}

/** ACL DELUSER username [username ...] */
function deluser(context: CommandContext): void {
  const { server, reply } = context;
  const { access } = server;
  const names = textsFrom(context, 2);
  if (names.includes(access.defaultUser.name)) {
    return reply.error("ERR The 'default' user cannot be removed");
  }
  let removed = 0;
  for (const name of names) {
    const user = access.user(name);
    if (user === undefined) continue;
    access.remove(user);
    removed++;
    for (const session of [...server.sessions()]) {
      if (session.user !== user) continue;
      session.signOut(access);
      disconnect(context, session);
    }
  }
  reply.integer(removed);
}

/** ACL GETUSER username */
function getuser(context: CommandContext): void {
  const { server, reply } = context;
  const user = server.access.user(binaryText(context.copy(2)));
  if (user === undefined) return reply.null();
  reply.map(6);
  reply.bulkText("flags");
  const flags = user.flags();
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText("passwords");
  reply.array(user.passwords.length);
  for (const hash of user.passwords) reply.bulkText(hash);
  replySelector(reply, user.root);
  reply.bulkText("selectors");
  reply.array(user.selectors.length - 1);
  for (const selector of user.selectors.slice(1)) {
    reply.map(3);
    replySelector(reply, selector);
  }
}

function replySelector(reply: ReplyWriter, selector: AclSelector): void {
  reply.bulkText("commands");
  bulkBinary(reply, selector.describeCommands());
  reply.bulkText("keys");
  bulkBinary(reply, selector.describeKeys());
  reply.bulkText("channels");
  bulkBinary(reply, selector.describeChannels());
}

/** ACL LIST */
function list({ server, reply }: CommandContext): void {
  const users = server.access.users();
  reply.array(users.length);
  for (const user of users) bulkBinary(reply, `user ${user.name} ${user.describe()}`);
}

/** ACL USERS */
function users({ server, reply }: CommandContext): void {
  const users = server.access.users();
  reply.array(users.length);
  for (const { name } of users) bulkBinary(reply, name);
}

/** ACL WHOAMI */
function whoami({ session, reply }: CommandContext): void {
  if (session.user === null) reply.null();
  else bulkBinary(reply, session.user.name);
}

/** ACL CAT [category] */
function cat(context: CommandContext): void {
  const { reply, argc } = context;
  if (argc > 3) return wrongSubcommandArguments(context);
  let names: readonly string[] = aclCategories;
  if (argc === 3) {
    const commands = commandsInCategory(context.text(2));
    if (commands === null) {
      return reply.errorQuotingBytes(`ERR Unknown category '${context.quoted(2, 128)}'`);
    }
    names = commands.map(({ name }) => name);
  }
  reply.array(names.length);
  for (const name of names) reply.bulkText(name);
}

/** ACL GENPASS [bits] */
function genpass(context: CommandContext): void {
  const { reply, argc } = context;
  if (argc > 3) return wrongSubcommandArguments(context);
  const bits = argc === 3 ? context.int64(2) : passwordBitsUsual;
  if (bits === null) return context.notAnInteger();
  if (bits <= 0n || bits > passwordBitsMax) {
    return reply.error(
      "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number " +
        `up to ${passwordBitsMax}`,
    );
  }
  // A digit for each four bits.
  const digits = Math.ceil(Number(bits) / 4);
  const bytes = crypto.getRandomValues(new Uint8Array(Math.ceil(digits / 2)));
  reply.bulkText(hexText(bytes).slice(0, digits));
}

/** ACL LOG [count | RESET] */
function log(context: CommandContext): void {
  const { server, store, reply, argc } = context;
  if (argc > 3) return wrongSubcommandArguments(context);
  const { log } = server.access;
  if (argc === 3 && context.is(2, "RESET")) {
    log.clear();
    return reply.ok();
  }
  const count = argc === 3 ? context.int64(2) : logEntriesShown;
  if (count === null) return context.notAnInteger();
  const entries = count <= 0n ? [] : log.entries.slice(0, Number(count));
  reply.array(entries.length);
  for (const entry of entries) {
    reply.map(7);
    reply.bulkText("count");
    reply.integer(entry.count);
    reply.bulkText("reason");
    reply.bulkText(entry.reason);
    reply.bulkText("context");
    reply.bulkText(entry.context);
    reply.bulkText("object");
    bulkBinary(reply, entry.object);
    reply.bulkText("username");
    bulkBinary(reply, entry.username);
    reply.bulkText("age-seconds");
    reply.double(Math.max(0, store.now - entry.atMs) / 1000);
    reply.bulkText("client-info");
    reply.bulkText(entry.clientInfo);
  }
}

/** ACL DRYRUN username command [arg ...] */
function dryrun(context: CommandContext): void {
  const { server, reply, request, argc } = context;
  const user = server.access.user(binaryText(context.copy(2)));
  if (user === undefined) {
    return reply.errorQuotingBytes(`ERR User '${context.quoted(2)}' not found`);
  }
  const { bytes, starts, ends } = request;
  const container = context.commands.find(bytes, starts[3], ends[3]);
  const command = container?.subcommands && argc > 4
    ? container.subcommands.find(bytes, starts[4], ends[4])
    : container;
  if (command === undefined) {
    return reply.errorQuotingBytes(`ERR Command '${context.quoted(3)}' not found`);
  }
  const { arity, name } = command;
  const count = argc - 3;
  if (arity > 0 ? count !== arity : count < -arity) {
    return reply.error(`ERR wrong number of arguments for '${name}' command`);
  }
  const denial = denialOf(context, user, command, 3);
  if (denial === null) return reply.ok();
  const what = denial.reason === "command"
    ? `run the '${name}' command`
    : `access the '${context.quoted(denial.argument)}' ${denial.reason}`;
  bulkBinary(reply, `This user has no permissions to ${what}`);
}

/** ACL LOAD */
function load(context: CommandContext): void {
  const { server, reply } = context;
  if (!server.hasUserFile) return reply.error(noUserFile);
  const error = server.loadUsers();
  if (error !== null) return reply.error(`ERR ${error}`);
  const { access } = server;
  reply.ok();
  // All but the default user are others now, even if they are called the same.
  for (const session of [...server.sessions()]) {
    if (session.user === access.defaultUser) session.noteRights();
    else disconnect(context, session);
  }
}

/** ACL SAVE */
function save({ server, reply }: CommandContext): void {
  if (!server.hasUserFile) return reply.error(noUserFile);
  const error = server.saveUsers();
  if (error === null) reply.ok();
  else reply.error(`ERR There was an error trying to save the ACLs. ${error}`);
}

export const aclHandlers: Record<string, Handler> = {
  "acl|cat": cat,
  "acl|deluser": deluser,
  "acl|dryrun": dryrun,
  "acl|genpass": genpass,
  "acl|getuser": getuser,
  "acl|help": helpHandler("ACL", [
    "CAT [<category>]",
    "    List all commands that belong to <category>, or all command categories",
    "    when no category is specified.",
    "DELUSER <username> [<username> ...]",
    "    Delete a list of users.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Returns whether the user can execute the given command without executing the command.",
    "GETUSER <username>",
    "    Get the user's details.",
    "GENPASS [<bits>]",
    "    Generate a secure 256-bit user password. The optional `bits` argument can",
    "    be used to specify a different size.",
    "LIST",
    "    Show users details in config file format.",
    "LOAD",
    "    Reload users from the ACL file.",
    "LOG [<count> | RESET]",
    "    Show the ACL log entries.",
    "SAVE",
    "    Save the current config to the ACL file.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Create or modify a user with the specified attributes.",
    "USERS",
    "    List all the registered usernames.",
    "WHOAMI",
    "    Return the current connection username.",
  ]),
  "acl|list": list,
  "acl|load": load,
  "acl|log": log,
  "acl|save": save,
  "acl|setuser": setuser,
  "acl|users": users,
  "acl|whoami": whoami,
};
