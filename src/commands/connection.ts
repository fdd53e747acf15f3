/** The commands on the connection itself. */
import { binaryText } from "../protocol/binary_text.ts";
import { clientTypeAt, clientTypeOf, unknownClientType } from "./client_control.ts";
import { describeClient, requestBytes } from "./client_description.ts";
import type { CommandContext, Handler } from "./context.ts";
import { isTheDatabase } from "./keys.ts";
import { noteDenial } from "./permission.ts";
import type { Session } from "./session.ts";

/** The version of Redis whose behaviour this is; clients look at it to see what they may use. */
export const redisVersion = "7.0.15";

const wrongPassword = "WRONGPASS invalid username-password pair or user is disabled.";
const helloUnauthenticated =
  "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH " +
  "<user> <pass> option can be used to authenticate the client and select the RESP protocol version at the " +
  "same time";
const invalidName = "ERR Client names cannot contain spaces, newlines or special characters.";

/** PING [message] */
function ping(context: CommandContext): void {
  const { reply, request, session } = context;
  if (request.argc > 2) return reply.error("ERR wrong number of arguments for 'ping' command");
  if (session.subscriber !== null && session.protocol === 2) {
    // There, everything looks like a message.
    reply.array(2);
    reply.bulkText("pong");
    if (request.argc === 1) return reply.bulkText("");
  }
  if (request.argc === 1) return reply.pong();
  reply.bulk(request.bytes, request.starts[1], request.ends[1]);
}

/** ECHO message */
function echo(context: CommandContext): void {
  const { bytes, starts, ends } = context.request;
  context.reply.bulk(bytes, starts[1], ends[1]);
}

/** QUIT */
function quit(context: CommandContext): void {
  context.session.closing = true;
  context.reply.ok();
}

/** SELECT index */
function select(context: CommandContext): void {
  if (isTheDatabase(context, 1)) context.reply.ok();
}

/** RESET */
function reset(context: CommandContext): void {
  const { session, store, reply } = context;
  session.endTransaction(store);
  context.forget(session);
  session.name = "";
  if (session.muted === Infinity) session.muted = 0; // After SKIP, this is what is skipped.
  session.isNoTouch = false;
  store.isUntouched = false;
  session.protocol = 2;
  session.signOut(context.server.access);
  reply.protocol = 2;
  reply.status("RESET");
}

/** AUTH [username] password */
function auth(context: CommandContext): void {
  const { server, reply, argc } = context;
  for (let i = 1; i < argc; i++) context.redacted.push(i);
  if (argc > 3) return context.syntaxError();
  if (argc === 2 && server.access.isOpen) {
    return reply.error(
      "ERR AUTH <password> called without any password configured for the default user. " +
        "Are you sure your configuration is correct?",
    );
  }
  const name = argc === 3 ? binaryText(context.copy(1)) : "default";
  if (signIn(context, name, context.copy(argc - 1))) reply.ok();
}

/** Whether the client is that user now; otherwise that is replied, and noted. */
function signIn(context: CommandContext, name: string, password: Uint8Array): boolean {
  const { session, server, reply } = context;
  const user = server.access.authenticate(name, password);
  if (user !== null) {
    session.signIn(user);
    return true;
  }
  noteDenial(context, { reason: "auth", object: binaryText(context.copy(0)), username: name });
  reply.error(wrongPassword);
  return false;
}

/** HELLO [protover [AUTH username password] [SETNAME clientname]] */
function hello(context: CommandContext): void {
  const { session, reply, argc } = context;
  const { protocol } = session;
  const version = argc > 1 ? context.safeInteger(1) : protocol;
  if (version !== version && context.int64(1) === null) {
    return reply.error("ERR Protocol version is not an integer or out of range");
  }
  if (version !== 2 && version !== 3) {
    return reply.error("NOPROTO unsupported protocol version");
  }
  let name: string | null = null;
  let credentials = -1;
  for (let i = 2; i < argc; i++) {
    if (context.is(i, "AUTH") && i + 2 < argc) {
      context.redacted.push(i + 1, i + 2);
      credentials = i + 1;
      i += 2;
    } else if (context.is(i, "SETNAME") && i + 1 < argc) {
      if (!isPlainText(context, ++i)) return reply.error(invalidName);
      name = context.text(i);
    } else {
      return reply.errorQuotingBytes(`ERR Syntax error in HELLO option '${context.quoted(i)}'`);
    }
  }
  if (credentials > 0) {
    const name = binaryText(context.copy(credentials));
    if (!signIn(context, name, context.copy(credentials + 1))) return;
  }
  if (!session.isAuthenticated) return reply.error(helloUnauthenticated);
  if (name !== null) session.name = name;
  session.protocol = version;
  reply.protocol = version;
  reply.map(7);
  reply.bulkText("server");
  reply.bulkText("redis");
  reply.bulkText("version");
  reply.bulkText(redisVersion);
  reply.bulkText("proto");
  reply.integer(version);
  reply.bulkText("id");
  reply.integer(session.id);
  reply.bulkText("mode");
  reply.bulkText("standalone");
  reply.bulkText("role");
  reply.bulkText("master");
  reply.bulkText("modules");
  reply.array(0);
}

/** CLIENT ID */
function clientId(context: CommandContext): void {
  context.reply.integer(context.session.id);
}

/** CLIENT GETNAME */
function clientGetname(context: CommandContext): void {
  const { session, reply } = context;
  if (session.name === "") reply.null();
  else reply.bulkText(session.name);
}

/** CLIENT SETNAME connection-name */
function clientSetname(context: CommandContext): void {
  if (!isPlainText(context, 2)) return context.reply.error(invalidName);
  context.session.name = context.text(2);
  context.reply.ok();
}

/** CLIENT SETINFO LIB-NAME libname | LIB-VER libver */
function clientSetinfo(context: CommandContext): void {
  const { session, reply } = context;
  const isName = context.is(2, "LIB-NAME");
  if (!isName && !context.is(2, "LIB-VER")) {
    return reply.errorQuotingBytes(`ERR Unrecognized option '${context.quoted(2)}'`);
  }
  if (!isPlainText(context, 3)) {
    const option = context.text(2);
    return reply.error(`ERR ${option} cannot contain spaces, newlines or special characters.`);
  }
  if (isName) session.libraryName = context.text(3);
  else session.libraryVersion = context.text(3);
  reply.ok();
}

/** CLIENT INFO */
function clientInfo(context: CommandContext): void {
  replyClients(context, [context.session]);
}

/** CLIENT LIST [TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]] */
function clientList(context: CommandContext): void {
  const { server, argc } = context;
  if (argc === 2) return replyClients(context, [...server.sessions()]);
  if (argc === 4 && context.is(2, "TYPE")) {
    const type = clientTypeAt(context, 3);
    if (type === undefined) return unknownClientType(context, 3);
    const all = [...server.sessions()];
    return replyClients(context, all.filter((session) => clientTypeOf(session) === type));
  }
  if (argc === 3 || !context.is(2, "ID")) return context.syntaxError();
  // In the order of the question, as often as asked for.
  const sessions = new Map<bigint, Session>();
  for (const session of server.sessions()) sessions.set(BigInt(session.id), session);
  const listed: Session[] = [];
  for (let i = 3; i < argc; i++) {
    const id = context.int64(i);
    if (id === null) return context.reply.error("ERR Invalid client ID");
    const session = sessions.get(id);
    if (session !== undefined) listed.push(session);
  }
  replyClients(context, listed);
}

function replyClients(context: CommandContext, sessions: readonly Session[]): void {
  const argumentBytes = requestBytes(context);
  let text = "";
  for (const session of sessions) text += `${describeClient(session, context, argumentBytes)}\n`;
  context.reply.verbatimText(text);
}

/** Whether argument `i` is printable ASCII without spaces, as names must be to keep lists readable. */
function isPlainText(context: CommandContext, i: number): boolean {
  const { bytes, starts, ends } = context.request;
  for (let at = starts[i]; at < ends[i]; at++) {
    if (bytes[at] < 0x21 || bytes[at] > 0x7e) return false;
  }
  return true;
}

export const connectionHandlers: Record<string, Handler> = {
  "client|getname": clientGetname,
  "client|id": clientId,
  "client|info": clientInfo,
  "client|list": clientList,
  "client|setinfo": clientSetinfo,
  "client|setname": clientSetname,
  echo,
  auth,
  hello,
  ping,
  quit,
  reset,
  select,
};
