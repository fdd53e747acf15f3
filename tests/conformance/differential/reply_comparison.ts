/** Whether two servers gave the same reply, but for what no two servers have in common. */
import { elementsOf } from "../../support/reply_framing.ts";

/** How far apart two servers may be that got the same request one after the other. */
const toleranceMs = 5000;

/** Follows one connection, because what EXEC replies depends on what was queued before it. */
export class ReplyComparison {
  #queue: (readonly string[])[] = [];

  /** Compares the replies to the next request. */
  same(args: readonly string[], reply: string, reference: string): boolean {
    const name = args[0].toUpperCase();
    if (reference === "+QUEUED\r\n") this.#queue.push(args);
    const isSame = name === "EXEC"
      ? this.#sameExec(reply, reference)
      : same(args, reply, reference);
    const ends = name === "EXEC" || name === "DISCARD" || name === "RESET";
    if (ends && !reference.startsWith("+QUEUED")) this.#queue = [];
    return isSame;
  }

  #sameExec(reply: string, reference: string): boolean {
    if (reply === reference) return true;
    const ours = elementsOf(reply);
    const theirs = elementsOf(reference);
    if (ours === null || theirs === null) return false;
    if (ours.length !== theirs.length || theirs.length !== this.#queue.length) return false;
    return theirs.every((element, i) => same(this.#queue[i], ours[i], element));
  }
}

function same(args: readonly string[], reply: string, reference: string): boolean {
  if (reply === reference) return true;
  if (isError(reply) || isError(reference)) return false;
  switch (args[0].toUpperCase()) {
    case "TTL":
    case "EXPIRETIME":
      return close(reply, reference, toleranceMs / 1000);
    case "PTTL":
    case "PEXPIRETIME":
      return close(reply, reference, toleranceMs);
    case "KEYS":
      return sorted(reply) === sorted(reference);
    case "SCAN": {
      const ours = elementsOf(reply);
      const theirs = elementsOf(reference);
      return ours?.length === 2 && theirs?.length === 2 && ours[0] === theirs[0] &&
        sorted(ours[1]) === sorted(theirs[1]);
    }
    case "RANDOMKEY":
      // Any key will do, but none when there is none.
      return isNull(reply) === isNull(reference) && reply[0] === reference[0];
    case "LASTSAVE":
      return reply[0] === reference[0];
    case "TIME":
      return /^\*2\r\n\$10\r\n\d{10}\r\n\$\d\r\n\d{1,6}\r\n$/.test(reply);
    case "HELLO":
      return withoutId(reply) === withoutId(reference);
    case "CLIENT":
      return args[1]?.toUpperCase() === "ID" && reply[0] === reference[0];
    default:
      return false;
  }
}

function isError(reply: string): boolean {
  return reply.startsWith("-");
}

function isNull(reply: string): boolean {
  return reply === "$-1\r\n" || reply === "_\r\n";
}

function close(reply: string, reference: string, tolerance: number): boolean {
  const ours = Number(/^:(\d+)\r\n$/.exec(reply)?.[1]);
  const theirs = Number(/^:(\d+)\r\n$/.exec(reference)?.[1]);
  return Math.abs(ours - theirs) <= tolerance;
}

/** What HELLO replies, but for the number and the version, which count for each server alone. */
export function withoutId(reply: string): string {
  return reply.replace(/(\bid\r\n):\d+/g, "$1").replace(
    /\$\d+\r\n\d+\.\d+\.\d+\r\n/g,
    "+version\r\n",
  );
}

function sorted(reply: string): string {
  return elementsOf(reply)?.sort().join("") ?? reply;
}
