/** What the counts and the expiry queue are told when a record comes to count, or counts no more. */
import type { Expiry } from "./expiry.ts";
import { recordHeaderBytes } from "./format.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import { expireAtOf, keyEndAt, recordBytesAt } from "./record.ts";
import type { SegmentTable } from "./segment_table.ts";
import type { Stage } from "./stage.ts";

export class LiveRecords {
  readonly #stage: Stage;
  readonly #table: SegmentTable;
  readonly #expiry: Expiry;
  readonly #hash: KeyedHash;

  constructor(
    stage: Stage,
    table: SegmentTable,
    expiry: Expiry,
    hash: KeyedHash,
  ) {
    this.#stage = stage;
    this.#table = table;
    this.#expiry = expiry;
    this.#hash = hash;
  }

  /** The record at `address` counts no more. */
  retire(address: number): void {
    const window = this.#stage.windowOf(address);
    const offset = this.#stage.offsetOf(address);
    this.#table.dropLive(address, recordBytesAt(window, offset));
    if (expireAtOf(window, offset) !== 0) this.#expiry.dropped();
  }

  /** The record at `address` counts again. */
  reinstate(address: number): void {
    const window = this.#stage.windowOf(address);
    const offset = this.#stage.offsetOf(address);
    this.#table.live.settle(); // It has just lost its mark.
    this.#table.addLive(address, recordBytesAt(window, offset));
    const expireAt = expireAtOf(window, offset);
    if (expireAt !== 0) {
      const hash = this.#hash.ofView(
        window.view,
        offset + recordHeaderBytes,
        keyEndAt(window, offset),
      );
      this.#expiry.added(expireAt, hash);
    }
  }
}
