/** SLOWLOG: reads what `SlowLog` keeps. */
import type { CommandContext, Handler } from "./context.ts";
import { helpHandler, wrongSubcommandArguments } from "./help_reply.ts";

const countDefault = 10;

/** SLOWLOG GET [count] */
function slowlogGet(context: CommandContext): void {
  const { reply, argc } = context;
  if (argc > 3) return wrongSubcommandArguments(context);
  const { slowLog } = context.timer;
  let count = countDefault;
  if (argc === 3) {
    const asked = context.int64(2);
    if (asked === null || asked < -1n) {
      return reply.error("ERR count should be greater than or equal to -1");
    }
    count = asked === -1n ? slowLog.length : Number(asked);
  }
  const entries = slowLog.latest(count);
  reply.array(entries.length);
  for (const { id, seconds, microseconds, args, address, clientName } of entries) {
    reply.array(6);
    reply.integer(id);
    reply.integer(seconds);
    reply.integer(microseconds);
    reply.array(args.length);
    for (const arg of args) reply.bulk(arg, 0, arg.length);
    reply.bulkText(address);
    reply.bulkText(clientName);
  }
}

/** SLOWLOG LEN */
function slowlogLen(context: CommandContext): void {
  context.reply.integer(context.timer.slowLog.length);
}

/** SLOWLOG RESET */
function slowlogReset(context: CommandContext): void {
  context.timer.slowLog.clear();
  context.reply.ok();
}

export const slowlogHandlers: Record<string, Handler> = {
  "slowlog|get": slowlogGet,
  "slowlog|help": helpHandler("SLOWLOG", [
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
  ]),
  "slowlog|len": slowlogLen,
  "slowlog|reset": slowlogReset,
};
