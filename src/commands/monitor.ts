/** MONITOR: a client sees what all clients do. */
import { ReplyWriter } from "../protocol/reply_writer.ts";
import type { Request } from "../protocol/request.ts";
import type { CommandContext, Handler } from "./context.ts";
import type { Session } from "./session.ts";

const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;
const hexDigits = new TextEncoder().encode("0123456789abcdef");
const redactedText = new TextEncoder().encode('"(redacted)"');

/** What stands behind a backslash, by byte; 0 for bytes that need none. */
const escapes = new Uint8Array(256);
for (const [byte, letter] of [[quote, '"'], [backslash, "\\"], [0x0a, "n"], [0x0d, "r"]] as const) {
  escapes[byte] = letter.charCodeAt(0);
}
for (const [byte, letter] of [[0x09, "t"], [0x07, "a"], [0x08, "b"]] as const) {
  escapes[byte] = letter.charCodeAt(0);
}

/** The clients that monitor. */
export class Monitors {
  /** Whether there are any. */
  isOn = false;
  readonly #sessions = new Set<Session>();
  readonly #writer = new ReplyWriter();

  add(session: Session): void {
    session.isMonitor = session.isListening = true;
    this.#sessions.add(session);
    this.isOn = true;
  }

  remove(session: Session): void {
    session.isMonitor = false;
    session.isListening = session.subscriber !== null;
    this.#sessions.delete(session);
    this.isOn = this.#sessions.size > 0;
  }

  /**
   * Shows them a request; `redacted` are the places of arguments that are nobody's business. The line
   * is redis-server's: `+1700000000.123456 [0 127.0.0.1:4711] "get" "key"`.
   */
  show(request: Request, { address, isLocal }: Session, redacted: readonly number[]): void {
    const writer = this.#writer;
    const { bytes, starts, ends, argc } = request;
    const microseconds = Math.floor((performance.timeOrigin + performance.now()) * 1000);
    const seconds = Math.floor(microseconds / 1_000_000);
    const rest = String(microseconds % 1_000_000).padStart(6, "0");
    const shown = isLocal ? `unix:${address.replace(/:0$/, "")}` : address;
    writer.length = 0;
    writer.status(`${seconds}.${rest} [0 ${shown}]`);
    writer.length -= 2; // Without the end of the line, which is not its end yet.
    for (let i = 0; i < argc; i++) {
      writer.reserve((ends[i] - starts[i]) * 4 + redactedText.length + 8);
      writer.bytes[writer.length++] = space;
      if (redacted.includes(i)) writer.raw(redactedText);
      else writer.length = writeQuoted(writer.bytes, writer.length, bytes, starts[i], ends[i]);
    }
    writer.reserve(2);
    writer.bytes[writer.length++] = 0x0d;
    writer.bytes[writer.length++] = 0x0a;
    for (const session of this.#sessions) session.connection?.push(writer.bytes, writer.length);
  }
}

/** Writes `bytes[start, end)` in quotes, so that it is one line of ASCII; returns where it ends. */
function writeQuoted(
  target: Uint8Array,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  target[at++] = quote;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (escapes[byte] !== 0) {
      target[at++] = backslash;
      target[at++] = escapes[byte];
    } else if (byte >= 0x20 && byte < 0x7f) {
      target[at++] = byte;
    } else {
      target[at++] = backslash;
      target[at++] = 0x78;
      target[at++] = hexDigits[byte >> 4];
      target[at++] = hexDigits[byte & 15];
    }
  }
  target[at++] = quote;
  return at;
}

/** MONITOR */
function monitor(context: CommandContext): void {
  const { session, reply, monitors } = context;
  if (context.isInTransaction) {
    return reply.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  }
  if (session.isMonitor) return; // Which redis-server does not reply to either.
  monitors.add(session);
  context.observe();
  reply.ok();
}

export const monitorHandlers: Record<string, Handler> = { monitor };
