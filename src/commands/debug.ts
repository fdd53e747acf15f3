/** DEBUG: the parts of it that test suites call. */
import type { CommandContext, Handler } from "./context.ts";
import { helpHandler, wrongSubcommandArguments } from "./help_reply.ts";
import { encodingOfFound, referencesToFound } from "./object.ts";
import { serialize } from "./serialized_value.ts";

/** Of what DUMP gives, the bytes that are not the value's: the type, the version, the checksum. */
const frameBytes = 11;
const sleepSecondsMax = 3600;

export const debugNotAllowed =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it ' +
  "from a local connection, otherwise you need to set this option in the configuration file, and then " +
  "restart the server.";

/** Whether the client may call it: `enable-debug-command`. */
export function allowsDebug({ server, session }: CommandContext): boolean {
  const allowed = server.config.get("enable-debug-command");
  return allowed === "yes" || allowed === "local" && session.isLocal;
}

/** DEBUG subcommand [arg ...] */
function debug(context: CommandContext): void {
  const { reply, argc } = context;
  if (argc === 2 && context.is(1, "HELP")) return help(context);
  if (argc === 3 && context.is(1, "SLEEP")) return sleep(context);
  if (argc === 3 && context.is(1, "SET-ACTIVE-EXPIRE")) {
    context.store.removesExpired = context.safeInteger(2) !== 0;
    return reply.ok();
  }
  if (argc === 3 && context.is(1, "OBJECT")) return describeObject(context);
  if (argc === 3 && context.is(1, "ERROR")) return reply.errorQuotingBytes(context.quoted(2));
  if (argc >= 2 && context.is(1, "RELOAD")) return reload(context);
  wrongSubcommandArguments(context);
}

/** Nothing else happens meanwhile: that is what it is for. */
function sleep(context: CommandContext): void {
  const seconds = Math.min(sleepSecondsMax, Math.max(0, parseFloat(context.text(2)) || 0));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
  context.reply.ok();
}

/**
 * All that was written goes to the disk, and each record is verified when it is used next, as those of
 * another process are. Whether expired keys are removed stays as it is.
 */
function reload(context: CommandContext): void {
  const { server, store, reply, argc } = context;
  for (let i = 2; i < argc; i++) {
    const isKnown = context.is(i, "MERGE") || context.is(i, "NOFLUSH") || context.is(i, "NOSAVE");
    if (!isKnown) {
      return reply.error("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.");
    }
  }
  server.save();
  store.distrust();
  reply.ok();
}

function describeObject(context: CommandContext): void {
  const { store, reply } = context;
  if (!context.find(2)) return reply.error("ERR no such key");
  const { foundBytes, foundStart, foundEnd } = store;
  const serialized = serialize(foundBytes, foundStart, foundEnd).length - frameBytes;
  reply.status(
    `Value at:0x${store.fileOffsetOfFound.toString(16)} refcount:${referencesToFound(store)} ` +
      `encoding:${encodingOfFound(store)} serializedlength:${serialized} lru:0 lru_seconds_idle:0`,
  );
}

const help = helpHandler("DEBUG", [
  "ERROR <string>",
  "    Reply with an error of that text.",
  "OBJECT <key>",
  "    Show where and how the value of <key> is stored.",
  "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
  "    Sync everything, and verify each record anew when it is used next.",
  "SET-ACTIVE-EXPIRE <0|1>",
  "    0: expired keys are not removed any more, only not seen; 1: they are again.",
  "SLEEP <seconds>",
  "    Stop the server for <seconds>. Decimals allowed.",
]);

export const debugHandlers: Record<string, Handler> = { debug };
