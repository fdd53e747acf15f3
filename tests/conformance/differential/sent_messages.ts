/** What a client was sent, replies and messages that came unasked, and whether two servers sent the same. */
import { withoutId } from "./reply_comparison.ts";

export interface Sent {
  /** One character for each byte. */
  readonly text: string;
  /** The server has closed the connection. */
  readonly closed: boolean;
}

/**
 * Whether two servers have sent the same replies in the same order, and the same messages in any order
 * and at any place: redis-server 7.0 puts what a transaction causes into the array of its replies.
 * `inAnyOrder`: a client has unsubscribed from all channels, which has as many replies in no order.
 */
export function sameMessages(sent: Sent, reference: Sent, inAnyOrder: boolean): boolean {
  if (sent.closed !== reference.closed) return false;
  if (sent.text === reference.text) return true;
  const ours = split(withoutWhatDiffers(sent.text));
  const theirs = split(withoutWhatDiffers(reference.text));
  if (ours === null || theirs === null) return false;
  if (inAnyOrder) {
    ours.replies = withoutOrder(ours.replies);
    theirs.replies = withoutOrder(theirs.replies);
    ours.messages = withoutOrder(ours.messages);
    theirs.messages = withoutOrder(theirs.messages);
  }
  return ours.replies.join("") === theirs.replies.join("") &&
    ours.messages.sort().join("") === theirs.messages.sort().join("");
}

function withoutWhatDiffers(text: string): string {
  // An unknown command's arguments may be the number of a client, cut.
  return withoutId(text).replace(/with args beginning with: [^\r]*/g, "");
}

/** The count of what one is still subscribed to goes with the order. */
function withoutOrder(messages: readonly string[]): string[] {
  return messages.map((message) =>
    message.includes("unsubscribe") ? message.replace(/:\d+\r\n$/, "") : message
  ).sort();
}

interface Parts {
  replies: string[];
  messages: string[];
}

/** null: the text ends within a reply. */
function split(text: string): Parts | null {
  const parts: Parts = { replies: [], messages: [] };
  const splitter = new Splitter(text, parts.messages);
  while (!splitter.atEnd) {
    const value = splitter.next();
    if (value === null) return null;
    const isMessage = value.startsWith(">") || /^\*[34]\r\n\$[78]\r\np?message\r\n/.test(value);
    (isMessage ? parts.messages : parts.replies).push(value);
  }
  return parts;
}

class Splitter {
  readonly #text: string;
  readonly #nested: string[];
  #at = 0;

  /** Messages within a reply are put into `nested`. */
  constructor(text: string, nested: string[]) {
    this.#text = text;
    this.#nested = nested;
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** The next value, without messages in it. */
  next(): string | null {
    const lineEnd = this.#text.indexOf("\r\n", this.#at) + 2;
    if (lineEnd < 2) return null;
    const line = this.#text.slice(this.#at, lineEnd);
    this.#at = lineEnd;
    const length = Number(line.slice(1, -2));
    if ("$=!".includes(line[0])) {
      if (length < 0) return line;
      const end = lineEnd + length + 2;
      if (end > this.#text.length) return null;
      this.#at = end;
      return line + this.#text.slice(lineEnd, end);
    }
    if (!"*~>%".includes(line[0])) return line;
    let value = line;
    for (let left = line[0] === "%" ? 2 * length : length; left > 0;) {
      const isMessage = this.#text[this.#at] === ">" && line[0] !== ">";
      const element = this.next();
      if (element === null) return null;
      if (isMessage) {
        this.#nested.push(element);
      } else {
        value += element;
        left--;
      }
    }
    return value;
  }
}
