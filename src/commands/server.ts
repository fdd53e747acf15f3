/** The commands on the server and on all of its keys. */
import type { ReplyWriter } from "../protocol/reply_writer.ts";
import type { CommandContext, Handler } from "./context.ts";
import { matchGlob } from "./glob.ts";
import { helpHandler } from "./help_reply.ts";
import type { Session } from "./session.ts";

const encoder = new TextEncoder();
/** The longest that a timer can wait. */
const timerMsMax = 2 ** 31 - 1;
const unblocked = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

/** INFO [section [section ...]] */
function info(context: CommandContext): void {
  const sections: string[] = [];
  for (let i = 1; i < context.argc; i++) sections.push(context.text(i).toLowerCase());
  context.reply.verbatimText(context.server.info(sections));
}

/** CONFIG GET parameter [parameter ...] */
function configGet(context: CommandContext): void {
  const { reply, argc } = context;
  const { config } = context.server;
  // By lower-case name: what to show. Redis shows a name that was asked for as it was asked for.
  const matches = new Map<string, string>();
  const names = config.names();
  for (let i = 2; i < argc; i++) {
    const text = context.text(i);
    if (/[[*?]/.test(text)) {
      const pattern = context.view(i);
      for (const name of names) {
        const matched = !matches.has(name) && matchGlob(pattern, encoder.encode(name), true);
        if (matched) matches.set(name, name);
      }
    } else {
      const name = text.toLowerCase();
      if (!matches.has(name) && config.get(name) !== undefined) matches.set(name, text);
    }
  }
  reply.map(matches.size);
  for (const [name, shown] of matches) {
    reply.bulkText(shown);
    reply.bulkText(config.get(name) ?? "");
  }
}

/** CONFIG SET parameter value [parameter value ...] */
function configSet(context: CommandContext): void {
  const { reply, argc } = context;
  if (argc % 2 === 1) return context.syntaxError();
  const pairs: [string, string][] = [];
  const { config } = context.server;
  for (let i = 2; i < argc; i += 2) {
    const name = context.text(i);
    pairs.push([name, context.text(i + 1)]);
    if (config.isSecret(name)) context.redacted.push(i + 1);
  }
  const error = config.set(pairs);
  if (error === null) reply.ok();
  else reply.error(error);
}

/** CONFIG RESETSTAT */
function configResetstat(context: CommandContext): void {
  context.server.resetStatistics();
  context.reply.ok();
}

/** CONFIG REWRITE */
function configRewrite(context: CommandContext): void {
  const error = context.server.rewriteConfiguration();
  if (error === null) context.reply.ok();
  else context.reply.error(`ERR ${error}`);
}

/** TIME */
function time(context: CommandContext): void {
  const { reply } = context;
  const microseconds = microsecondsNow();
  reply.array(2);
  reply.bulkInteger(Math.floor(microseconds / 1e6));
  reply.bulkInteger(microseconds % 1e6);
}

let clockStart = NaN;

/** The clock of the day counts milliseconds; the monotonic one fills in the digits between. */
function microsecondsNow(): number {
  const milliseconds = Date.now();
  const elapsed = performance.now();
  const drift = clockStart + elapsed - milliseconds;
  if (!(drift >= 0 && drift < 1)) clockStart = milliseconds - elapsed;
  return Math.floor((clockStart + elapsed) * 1000);
}

/** SAVE */
function save(context: CommandContext): void {
  context.server.save();
  context.reply.ok();
}

/** BGSAVE [SCHEDULE] */
function bgsave(context: CommandContext): void {
  const { argc } = context;
  if (argc > 2 || (argc === 2 && !context.is(1, "SCHEDULE"))) return context.syntaxError();
  context.server.saveInBackground();
  context.reply.status("Background saving started");
}

/** BGREWRITEAOF: what Redis's rewriting of its log is good for, compaction is here. */
function bgrewriteaof(context: CommandContext): void {
  const { reply } = context;
  if (context.server.compact()) reply.status("Background append only file rewriting started");
  else reply.error("ERR Background append only file rewriting already in progress");
}

/**
 * WAIT numreplicas timeout: replies how many replicas have what this client wrote, which is none. A call that wants some
 * waits for its timeout; without one, it does not wait.
 */
function wait(context: CommandContext): void {
  const { reply, session } = context;
  const replicas = context.safeInteger(1);
  if (Number.isNaN(replicas)) return context.notAnInteger();
  const timeoutMs = readTimeout(context, 2);
  if (timeoutMs === null) return;
  if (replicas <= 0 || timeoutMs === 0 || context.isInTransaction) return reply.integer(0);
  session.wait = ending(session, timeoutMs).promise.then((how) => (reply) => {
    if (how === "error") reply.error(unblocked);
    else reply.integer(0);
  });
}

/** The end of a wait, which comes after its timeout (0: there is none), by CLIENT UNBLOCK, or by who resolves it. */
function ending(session: Session, timeoutMs: number): PromiseWithResolvers<"done" | "error"> {
  const end = Promise.withResolvers<"done" | "error">();
  const timer = timeoutMs === 0
    ? undefined
    : setTimeout(() => end.resolve("done"), Math.min(timeoutMs, timerMsMax));
  session.unblock = (asError) => {
    end.resolve(asError ? "error" : "done");
    return true;
  };
  return { ...end, promise: end.promise.finally(() => clearTimeout(timer)) };
}

/** A time to wait in milliseconds; null when it is none, and that is replied. */
function readTimeout(context: CommandContext, i: number): number | null {
  const timeoutMs = context.safeInteger(i);
  if (timeoutMs >= 0) return timeoutMs;
  context.reply.error(
    timeoutMs < 0 ? "ERR timeout is negative" : "ERR timeout is not an integer or out of range",
  );
  return null;
}

/**
 * WAITAOF numlocal numreplicas timeout: replies, when all that this client wrote is on the disk, how
 * many disks that is: [1, 0]. There are no replicas to wait for, so a call that wants some waits for
 * its timeout; without one, it does not wait for them.
 */
function waitaof(context: CommandContext): void {
  const { reply, session, store } = context;
  const local = context.safeInteger(1);
  if (Number.isNaN(local)) return context.notAnInteger();
  if (local < 0 || local > 1) {
    return reply.error("ERR value is out of range, value must between 0 and 1");
  }
  const replicas = context.safeInteger(2);
  if (!(replicas >= 0)) return reply.error("ERR value is out of range, must be positive");
  const timeoutMs = readTimeout(context, 3);
  if (timeoutMs === null) return;
  const { position } = session.noteWrites(store.position);
  const waitsForReplicas = replicas > 0 && timeoutMs > 0;
  const wantsMore = local > 0 && store.durablePosition < position || waitsForReplicas;
  if (!wantsMore || context.isInTransaction) {
    return writeDurability(reply, store.durablePosition >= position);
  }
  const end = ending(session, timeoutMs);
  if (local > 0) {
    const enough = waitsForReplicas ? () => {} : () => end.resolve("done");
    store.whenDurable(position).then(enough, end.reject);
  }
  session.wait = end.promise.then(
    (how) => (reply) => {
      if (how === "error") reply.error(unblocked);
      else writeDurability(reply, store.durablePosition >= position);
    },
    (error) => (reply) => reply.error(`MISCONF ${error.message}`),
  );
}

function writeDurability(reply: ReplyWriter, isDurable: boolean): void {
  reply.array(2);
  reply.integer(isDurable ? 1 : 0);
  reply.integer(0);
}

/**
 * BACKUP path: replies when a copy of the store, as it was when the command came, is on the disk. It
 * writes a new file as the server's user, so only who may use the Unix socket may ask for it.
 */
function backup(context: CommandContext): void {
  const { reply, session, server } = context;
  const path = context.text(1);
  if (!session.isLocal) return reply.error("ERR BACKUP is for clients of the Unix socket");
  if (!path.startsWith("/") || path.includes("\0")) {
    return reply.error("ERR BACKUP needs an absolute path");
  }
  session.wait = server.backUp(path).then(
    () => (reply) => reply.ok(),
    (error) => (reply) => reply.error(`ERR ${error instanceof Error ? error.message : error}`),
  );
}

/** ROLE */
function role(context: CommandContext): void {
  const { reply } = context;
  reply.array(3);
  reply.bulkText("master");
  reply.integer(0);
  reply.array(0); // No replicas.
}

/** LASTSAVE */
function lastsave(context: CommandContext): void {
  context.reply.integer(context.server.lastSaveSeconds());
}

/**
 * SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]. There are no replicas to wait for and nothing that
 * could refuse, so NOW and FORCE change nothing, and there is never a shutdown to abort.
 */
function shutdown(context: CommandContext): void {
  let nosave = false;
  let withSave = false;
  let abort = false;
  for (let i = 1; i < context.argc; i++) {
    if (context.is(i, "NOSAVE")) nosave = true;
    else if (context.is(i, "SAVE")) withSave = true;
    else if (context.is(i, "ABORT")) abort = true;
    else if (!context.is(i, "NOW") && !context.is(i, "FORCE")) return context.syntaxError();
  }
  const abortIsAlone = !abort || context.argc === 2;
  if ((nosave && withSave) || !abortIsAlone) return context.syntaxError();
  if (abort) return context.reply.error("ERR No shutdown in progress.");
  context.server.shutdown(!nosave);
}

/** DBSIZE */
function dbsize(context: CommandContext): void {
  context.reply.integer(context.store.count);
}

/** FLUSHALL [ASYNC | SYNC]. FLUSHDB is the same: there is one database. */
function flushall(context: CommandContext): void {
  const { argc } = context;
  if (argc > 2 || (argc === 2 && !context.is(1, "ASYNC") && !context.is(1, "SYNC"))) {
    return context.syntaxError();
  }
  context.store.clear();
  context.reply.ok();
}

export const serverHandlers: Record<string, Handler> = {
  backup,
  bgrewriteaof,
  bgsave,
  "config|get": configGet,
  "config|help": helpHandler("CONFIG", [
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
  ]),
  "config|resetstat": configResetstat,
  "config|rewrite": configRewrite,
  "config|set": configSet,
  dbsize,
  flushall,
  flushdb: flushall,
  info,
  lastsave,
  role,
  save,
  shutdown,
  time,
  wait,
  waitaof,
};
