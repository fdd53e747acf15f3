/**
 * Where a reply ends, in RESP2 and RESP3, without saying what it means: so that tests compare bytes
 * and not what some parser makes of them. Knows nothing of the parser in `src/`.
 */
import { toBytes } from "./binary_text.ts";

const cr = 0x0d;
const lf = 0x0a;

/**
 * The position behind the reply that begins at `start`, or -1 when it is not there as a whole yet.
 * Throws where no reply begins.
 */
export function endOfReply(bytes: Uint8Array, start: number, end: number): number {
  // Values that are still to come: a nested reply adds its own.
  let expected = 1;
  let at = start;
  while (expected > 0) {
    const lineEnd = endOfLine(bytes, at, end);
    if (lineEnd < 0) return -1;
    const type = String.fromCharCode(bytes[at]);
    expected--;
    switch (type) {
      case "+":
      case "-":
      case ":":
      case "_":
      case "#":
      case ",":
      case "(":
        at = lineEnd;
        break;
      case "$":
      case "=":
      case "!": {
        const length = lengthIn(bytes, at, lineEnd);
        at = length < 0 ? lineEnd : lineEnd + length + 2;
        if (at > end) return -1;
        if (length >= 0 && (bytes[at - 2] !== cr || bytes[at - 1] !== lf)) {
          throw new Error("Cannot read a reply: a string does not end in CR LF");
        }
        break;
      }
      case "*":
      case "~":
      case ">":
        expected += Math.max(0, lengthIn(bytes, at, lineEnd));
        at = lineEnd;
        break;
      case "%":
        expected += 2 * lengthIn(bytes, at, lineEnd);
        at = lineEnd;
        break;
      case "|":
        // Attributes come before the value that they are of.
        expected += 2 * lengthIn(bytes, at, lineEnd) + 1;
        at = lineEnd;
        break;
      default:
        throw new Error(`Cannot read a reply: it begins with byte ${bytes[at]}`);
    }
  }
  return at;
}

/** The elements of an array's text; null where the reply is none. */
export function elementsOf(reply: string): string[] | null {
  if (!/^\*\d/.test(reply)) return null;
  const bytes = toBytes(reply);
  const elements: string[] = [];
  for (let at = reply.indexOf("\n") + 1; at < bytes.length;) {
    const end = endOfReply(bytes, at, bytes.length);
    elements.push(reply.slice(at, end));
    at = end;
  }
  return elements;
}

/** The position behind the line that begins at `at`, or -1. */
function endOfLine(bytes: Uint8Array, at: number, end: number): number {
  const feed = bytes.subarray(0, end).indexOf(lf, at);
  if (feed < 0) return -1;
  if (feed === at || bytes[feed - 1] !== cr) {
    throw new Error("Cannot read a reply: a line does not end in CR LF");
  }
  return feed + 1;
}

function lengthIn(bytes: Uint8Array, at: number, lineEnd: number): number {
  const text = String.fromCharCode(...bytes.subarray(at + 1, lineEnd - 2));
  if (!/^(-1|\d+)$/.test(text)) throw new Error(`Cannot read a reply: its length is ${text}`);
  return Number(text);
}
