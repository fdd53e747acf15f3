/** MONITOR: a client sees what all clients do. */
import { quotedBytesMax, writeQuoted } from "../protocol/quoted_bytes.ts";
import { ReplyWriter } from "../protocol/reply_writer.ts";
import type { Request } from "../protocol/request.ts";
import type { CommandContext, Handler } from "./context.ts";
import type { Session } from "./session.ts";

const space = 0x20;
const redactedText = new TextEncoder().encode('"(redacted)"');

/** The clients that monitor. */
export class Monitors {
  readonly #sessions = new Set<Session>();
  readonly #writer = new ReplyWriter();

  /** Whether there are any. */
  get isOn(): boolean {
    return this.#sessions.size > 0;
  }

  add(session: Session): void {
    session.isMonitor = true;
    this.#sessions.add(session);
  }

  remove(session: Session): void {
    session.isMonitor = false;
    this.#sessions.delete(session);
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
      writer.reserve(1 + quotedBytesMax(ends[i] - starts[i]) + redactedText.length);
      writer.bytes[writer.length++] = space;
      if (redacted.includes(i)) writer.raw(redactedText);
      else writer.length = writeQuoted(writer.bytes, writer.length, bytes, starts[i], ends[i]);
    }
    writer.reserve(2);
    writer.bytes[writer.length++] = 0x0d;
    writer.bytes[writer.length++] = 0x0a;
    for (const session of this.#sessions) session.connection?.push(writer.bytes, writer.length);
    writer.release();
  }
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
