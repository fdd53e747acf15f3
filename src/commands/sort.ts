/** SORT: there are no lists and sets here, so what can be sorted is what does not exist. */
import type { CommandContext, Handler } from "./context.ts";
import { mayReadAllKeys } from "./permission.ts";

const star = 0x2a;

/**
 * SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]
 * [STORE destination]. SORT_RO is the same without STORE.
 */
function sortWith(mayStore: boolean): Handler {
  return (context) => {
    const { store, reply } = context;
    const destination = readDestination(context, mayStore);
    if (destination < 0) return;
    if (context.findToRead(1)) {
      return reply.error("WRONGTYPE Operation against a key holding the wrong kind of value");
    }
    if (destination === 0) return reply.array(0);
    if (context.find(destination)) store.remove();
    reply.integer(0);
  };
}

/** Where STORE's key stands, 0 without one; -1 when the options make no sense, and that is replied. */
function readDestination(context: CommandContext, mayStore: boolean): number {
  const { argc } = context;
  let destination = 0;
  for (let i = 2; i < argc; i++) {
    const left = argc - i - 1;
    if (context.is(i, "ASC") || context.is(i, "DESC") || context.is(i, "ALPHA")) continue;
    if (context.is(i, "LIMIT") && left >= 2) {
      if (context.int64(i + 1) === null || context.int64(i + 2) === null) {
        context.notAnInteger();
        return -1;
      }
      i += 2;
    } else if (mayStore && context.is(i, "STORE") && left >= 1) destination = ++i;
    else if ((context.is(i, "BY") || context.is(i, "GET")) && left >= 1) {
      if (!mayFollow(context, i)) return -1;
      i++;
    } else {
      context.syntaxError();
      return -1;
    }
  }
  return destination;
}

/** Whether the pattern behind option `i` may be followed, to whatever key; otherwise that is replied. */
function mayFollow(context: CommandContext, i: number): boolean {
  const isGet = context.is(i, "GET");
  // Without a star, BY leads to no key.
  if (context.session.mayDoAll || !isGet && !context.copy(i + 1).includes(star)) return true;
  if (mayReadAllKeys(context, context.commands.named(context.text(0))!)) return true;
  const option = isGet ? "GET" : "BY";
  context.reply.error(`ERR ${option} option of SORT denied due to insufficient ACL permissions.`);
  return false;
}

export const sortHandlers: Record<string, Handler> = {
  sort: sortWith(true),
  sort_ro: sortWith(false),
};
