/** What was denied to whom: ACL LOG. The newest first; the same again within a minute is counted. */

export type DenialReason = "command" | "key" | "channel" | "auth";

export interface AclLogEntry {
  count: number;
  readonly reason: DenialReason;
  readonly context: "toplevel" | "multi";
  /** The command's name, the key, the channel; with a character for each byte. */
  readonly object: string;
  /** With a character for each byte. */
  readonly username: string;
  atMs: number;
  /** As CLIENT LIST describes the client that was denied last. */
  clientInfo: string;
}

const groupedMs = 60_000;
/** Only so many entries are compared with a new one. */
const comparedMax = 10;

export class AclLog {
  entriesMax = 128;
  #entries: AclLogEntry[] = [];

  get entries(): readonly AclLogEntry[] {
    return this.#entries;
  }

  add(entry: Omit<AclLogEntry, "count">): void {
    const same = this.#entries.slice(0, comparedMax).find((other) =>
      other.reason === entry.reason && other.context === entry.context &&
      Math.abs(entry.atMs - other.atMs) <= groupedMs && other.object === entry.object &&
      other.username === entry.username
    );
    if (same === undefined) {
      this.#entries.unshift({ ...entry, count: 1 });
      this.#entries.length = Math.min(this.#entries.length, this.entriesMax);
      return;
    }
    same.count++;
    same.atMs = entry.atMs;
    same.clientInfo = entry.clientInfo;
    this.#entries.splice(this.#entries.indexOf(same), 1);
    this.#entries.unshift(same);
  }

  clear(): void {
    this.#entries = [];
  }
}
