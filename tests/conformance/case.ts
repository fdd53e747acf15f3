/**
 * What a case of the conformance suite consists of. A case is data: requests, and the bytes that have
 * to come back from every target. Requests and replies are text with one character for each byte.
 */

/** Text is split at spaces; arguments with spaces in them, or empty ones, need a list. */
export type RequestText = string | readonly string[];

/** The reply's bytes; a pattern or predicate only for what varies, such as ids and times. */
export type Expected = string | RegExp | ((reply: string) => boolean);

/** Each name is a connection of its own, opened when it is first used. */
export type ConnectionName = "first" | "second" | "third";

/** One request and its reply, over the connection named (without: the first). */
export type Exchange = readonly [
  request: RequestText,
  expected: Expected,
  on?: ConnectionName,
];

/** Bytes that are no well-formed request, or several, and all that comes back. */
export interface RawExchange {
  /** Several pieces arrive at the server one after the other. */
  readonly send: string | readonly string[];
  readonly expected: string;
  /** The server closes the connection behind the reply. */
  readonly closes?: boolean;
  readonly on?: ConnectionName;
  /** Lines of MONITOR: without the time and the address in them. */
  readonly withoutTimes?: boolean;
}

/** A request that is repeated until its reply is the expected one. */
export interface Waiting {
  readonly until: RequestText;
  readonly expected: string;
}

export type Step = Exchange | RawExchange | Waiting;

export interface ConformanceCase {
  /** A sentence. */
  readonly name: string;
  readonly steps: readonly Step[];
}

/** An array of these replies in any order. */
export function inAnyOrder(...elements: readonly string[]): (reply: string) => boolean {
  const expected = [...elements].sort().join("");
  return (reply) => {
    const header = `*${elements.length}\r\n`;
    if (!reply.startsWith(header) || reply.length !== header.length + expected.length) return false;
    const found = reply.slice(header.length).match(/\$\d+\r\n[^\r]*\r\n/g) ?? [];
    return found.sort().join("") === expected;
  };
}

/** The reply of a SCAN that came to its end at once, with these keys in any order. */
export function endedScan(...keys: readonly string[]): (reply: string) => boolean {
  const header = "*2\r\n$1\r\n0\r\n";
  const matches = inAnyOrder(...keys.map((key) => `$${key.length}\r\n${key}\r\n`));
  return (reply) => reply.startsWith(header) && matches(reply.slice(header.length));
}

/** An integer from `min` to `max`: for what is left of a time to live. */
export function integerBetween(min: number, max: number): (reply: string) => boolean {
  return (reply) => {
    const digits = /^:(-?\d+)\r\n$/.exec(reply)?.[1];
    return digits !== undefined && Number(digits) >= min && Number(digits) <= max;
  };
}

/** What comes on a connection without a request. */
export function arrives(on: ConnectionName, expected: string): RawExchange {
  return { send: "", expected, on };
}

/** A bulk string. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}
