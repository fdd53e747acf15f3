/** OBJECT: in which form redis-server would keep a value. */
import { parseInt64 } from "../protocol/numbers.ts";
import type { Store } from "../store/store.ts";
import type { CommandContext, Handler } from "./context.ts";
import { helpHandler } from "./help_reply.ts";

/** Up to this length, Redis keeps text beside its header. */
const embeddedBytesMax = 44;
const integerTextMax = 20;
/** Redis has one object for each of these numbers, which all keys share. */
const sharedIntegers = 10_000n;
/** What it tells as the number of references to such an object. */
const sharedReferences = 2 ** 31 - 1;

const notByFrequency =
  "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when " +
  "switching between policies at runtime LRU and LFU data will take some time to adjust.";
const notByTime =
  "ERR when keys were used is kept for the policies allkeys-lru and volatile-lru only: CONFIG SET maxmemory " +
  "and maxmemory-policy";

/** How redis-server would encode the value that was found, had SET just written it. */
export function encodingOfFound(store: Store): "int" | "embstr" | "raw" {
  const size = store.foundEnd - store.foundStart;
  if (integerOfFound(store) !== null) return "int";
  return size <= embeddedBytesMax ? "embstr" : "raw";
}

export function referencesToFound(store: Store): number {
  const value = integerOfFound(store);
  return value !== null && value >= 0n && value < sharedIntegers ? sharedReferences : 1;
}

function integerOfFound({ foundBytes, foundStart, foundEnd }: Store): bigint | null {
  if (foundEnd - foundStart > integerTextMax) return null;
  return parseInt64(foundBytes, foundStart, foundEnd);
}

/** The handler of a subcommand about the key that is its argument, which does not count as used by that. */
function ofKey(reply: (context: CommandContext) => void): Handler {
  return (context) => {
    const { store } = context;
    const wasUntouched = store.isUntouched;
    store.isUntouched = true;
    const isFound = context.find(2);
    store.isUntouched = wasUntouched;
    if (isFound) reply(context);
    else context.reply.null();
  };
}

function idletime({ store, reply }: CommandContext): void {
  const seconds = store.idleSecondsOfFound;
  if (seconds < 0) reply.error(notByTime);
  else reply.integer(seconds);
}

export const objectHandlers: Record<string, Handler> = {
  "object|encoding": ofKey(({ reply, store }) => reply.bulkText(encodingOfFound(store))),
  "object|freq": ofKey(({ reply }) => reply.error(notByFrequency)),
  "object|help": helpHandler("OBJECT", [
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
  ]),
  "object|idletime": ofKey(idletime),
  "object|refcount": ofKey(({ reply, store }) => reply.integer(referencesToFound(store))),
};
