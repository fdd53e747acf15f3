/** The slow log: what the commands were that took longer than a threshold, the latest ones. */
import type { Request } from "../protocol/request.ts";
import type { Session } from "./session.ts";

/** Of a request with more arguments, the last one kept says how many more there were. */
const argumentsMax = 32;
/** Of a longer argument, so much is kept, and how many more bytes there were. */
const argumentBytesMax = 128;

const encoder = new TextEncoder();

export interface SlowLogEntry {
  /** Counts up from 0 as long as the server runs. */
  readonly id: number;
  /** When it ended, in Unix seconds. */
  readonly seconds: number;
  readonly microseconds: number;
  /** The command's name first; trimmed. */
  readonly args: readonly Uint8Array[];
  readonly address: string;
  readonly clientName: string;
}

export class SlowLog {
  /** Commands that take so many microseconds are logged; 0: all, negative: none. */
  thresholdMicroseconds = 10_000;
  #entriesMax = 128;
  #nextId = 0;
  /** By their ids, the oldest first. */
  readonly #entries = new Map<number, SlowLogEntry>();

  get length(): number {
    return this.#entries.size;
  }

  /** How many entries are kept; the oldest ones go first. */
  get entriesMax(): number {
    return this.#entriesMax;
  }

  set entriesMax(max: number) {
    this.#entriesMax = max;
    this.#trim();
  }

  /** Logs a request; `redacted` are the places of arguments that are nobody's business. */
  add(
    request: Request,
    session: Session,
    what: { readonly microseconds: number; readonly redacted: readonly number[] },
  ): void {
    const id = this.#nextId++;
    this.#entries.set(id, {
      id,
      seconds: Math.floor(Date.now() / 1000),
      microseconds: Math.floor(what.microseconds),
      args: trimmedArguments(request, what.redacted),
      address: session.address,
      clientName: session.name,
    });
    this.#trim();
  }

  /** The last `count` entries, the latest first. */
  latest(count: number): SlowLogEntry[] {
    const entries: SlowLogEntry[] = [];
    // Their ids have no gaps.
    for (let id = this.#nextId - 1; entries.length < count; id--) {
      const entry = this.#entries.get(id);
      if (entry === undefined) break;
      entries.push(entry);
    }
    return entries;
  }

  clear(): void {
    this.#entries.clear();
  }

  #trim(): void {
    for (const id of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax) return;
      this.#entries.delete(id);
    }
  }
}

function trimmedArguments(request: Request, redacted: readonly number[]): Uint8Array[] {
  const { bytes, starts, ends, argc } = request;
  const kept: Uint8Array[] = [];
  for (let i = 0; i < argc; i++) {
    const size = ends[i] - starts[i];
    if (argc > argumentsMax && i === argumentsMax - 1) {
      kept.push(encoder.encode(`... (${argc - i} more arguments)`));
      break;
    }
    if (redacted.includes(i)) {
      kept.push(encoder.encode("(redacted)"));
    } else if (size > argumentBytesMax) {
      const more = encoder.encode(`... (${size - argumentBytesMax} more bytes)`);
      const trimmed = new Uint8Array(argumentBytesMax + more.length);
      trimmed.set(bytes.subarray(starts[i], starts[i] + argumentBytesMax));
      trimmed.set(more, argumentBytesMax);
      kept.push(trimmed);
    } else {
      kept.push(bytes.slice(starts[i], ends[i]));
    }
  }
  return kept;
}
