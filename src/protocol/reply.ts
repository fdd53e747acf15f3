/**
 * What a server can answer, as values of JavaScript. Where a type of the protocol has a natural
 * counterpart it is that; the others are small classes, so that nothing of what was sent is lost.
 *
 * | protocol                                   | value                                      |
 * |--------------------------------------------|--------------------------------------------|
 * | simple string `+OK`                        | `string`                                   |
 * | bulk string `$3 foo`                       | `Uint8Array`                               |
 * | integer `:1`                               | `number`, or `bigint` beyond 2^53 - 1      |
 * | big number `(349...`                       | `bigint`                                   |
 * | null `_`, `$-1`, `*-1`                     | `null`                                     |
 * | boolean `#t`                               | `boolean`                                  |
 * | double `,3.14`                             | {@linkcode DoubleReply}                    |
 * | verbatim string `=7 txt:foo`               | {@linkcode VerbatimReply}                  |
 * | simple error `-ERR ...`, bulk error `!3`   | {@linkcode ErrorReply}                     |
 * | array `*`                                  | `Reply[]`                                  |
 * | map `%`                                    | `Map<Reply, Reply>`                        |
 * | set `~`                                    | `Set<Reply>`                               |
 * | push `>`                                   | {@linkcode PushReply}                      |
 */
export type Reply =
  | string
  | Uint8Array
  | number
  | bigint
  | boolean
  | null
  | DoubleReply
  | VerbatimReply
  | ErrorReply
  | PushReply
  | Reply[]
  | Map<Reply, Reply>
  | Set<Reply>;

/** A floating-point number, with the text in which it was sent. */
export class DoubleReply {
  readonly text: string;
  readonly value: number;

  constructor(text: string, value: number) {
    this.text = text;
    this.value = value;
  }
}

/** A text for people, with its format: `txt` or `mkd`. */
export class VerbatimReply {
  readonly format: string;
  readonly bytes: Uint8Array;

  constructor(format: string, bytes: Uint8Array) {
    this.format = format;
    this.bytes = bytes;
  }
}

/** An error as it was sent: `ERR value is not an integer or out of range`. */
export class ErrorReply {
  /** The whole text, code first. */
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }

  /** The first word: `ERR`, `WRONGTYPE`, `NOAUTH`, ... */
  get code(): string {
    const space = this.message.indexOf(" ");
    return space < 0 ? this.message : this.message.slice(0, space);
  }
}

/** What a server sends unasked: the first item names the kind. */
export class PushReply {
  readonly items: readonly Reply[];

  constructor(items: readonly Reply[]) {
    this.items = items;
  }
}

/** A reply with all byte strings as text: what {@linkcode replyToText} makes. */
export type TextReply =
  | string
  | number
  | bigint
  | boolean
  | null
  | ErrorReply
  | TextReply[]
  | Map<TextReply, TextReply>
  | Set<TextReply>;

// A byte order mark at the start of a value belongs to the value.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The reply with every byte string decoded as UTF-8, at any depth, doubles as numbers and pushes as
 * arrays. Bytes that are not UTF-8 become replacement characters.
 *
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { replyToText } from "./reply.ts";
 *
 * const bytes = new TextEncoder().encode("foo");
 * assertEquals(replyToText([bytes, 1, null]), ["foo", 1, null]);
 * ```
 */
export function replyToText(reply: Reply): TextReply {
  if (reply instanceof Uint8Array) return decoder.decode(reply);
  if (reply === null || typeof reply !== "object" || reply instanceof ErrorReply) return reply;
  if (reply instanceof DoubleReply) return reply.value;
  if (reply instanceof VerbatimReply) return decoder.decode(reply.bytes);
  if (reply instanceof PushReply) return reply.items.map(replyToText);
  if (Array.isArray(reply)) return reply.map(replyToText);
  if (reply instanceof Set) return new Set([...reply].map(replyToText));
  return new Map([...reply].map(([key, value]) => [replyToText(key), replyToText(value)]));
}
