/**
 * Batches: what is written in one happens as a whole or, after a crash, not at all. Its records stand
 * between two marks in the log; when a write in it fails, the log is rewound and the index is put back.
 */
import { assert } from "./assert.ts";
import { recordBytes, recordFlag, recordKind } from "./format.ts";
import type { HashIndex } from "./hash_index.ts";
import type { IndexHeader } from "./index_header.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import type { LiveRecords } from "./live_records.ts";
import type { AppendPurpose, Log } from "./log.ts";
import { UndoList } from "./undo_list.ts";

/** The mark that ends a batch. */
export const batchEndBytes = recordBytes(0, 0);
/** Batches nest this deep: EXEC, a command, the command's own. */
const depthMax = 8;
const savepointFields = 6;

export class Batch {
  /** How many batches are open, one in the other; only the outermost is one unit after a crash. */
  depth = 0;
  #isTurn = false;
  readonly #log: Log;
  readonly #index: HashIndex;
  readonly #hash: KeyedHash;
  readonly #records: LiveRecords;
  readonly #indexHeader: IndexHeader;
  /** The first mark is in the log. */
  #begun = false;
  /** Every key was removed in the batch, which cannot be taken back. */
  #holdsClear = false;
  /** The depth at which a write failed, 0 for none. */
  #failedDepth = 0;
  /** For each depth: head segment, offset, next sequence, length of the undo list, live bytes of the segment and of deletes. */
  readonly #savepoints = new Float64Array((depthMax + 1) * savepointFields);
  readonly #undo = new UndoList();

  constructor(
    log: Log,
    index: HashIndex,
    indexHeader: IndexHeader,
    hash: KeyedHash,
    records: LiveRecords,
  ) {
    this.#log = log;
    this.#indexHeader = indexHeader;
    this.#index = index;
    this.#hash = hash;
    this.#records = records;
  }

  /** Records are written to the file together, be they in batches or not: at the end of the turn. */
  get isTurn(): boolean {
    return this.#isTurn;
  }

  set isTurn(isTurn: boolean) {
    this.#isTurn = isTurn;
    this.#holdRecords();
  }

  #holdRecords(): void {
    this.#log.holdsRecords = this.#isTurn || this.depth > 0;
  }

  begin(): void {
    const depth = ++this.depth;
    this.#holdRecords();
    assert(depth <= depthMax, "batches nest a few levels deep");
    this.#save(depth, this.#begun ? this.#undo.length : -1);
  }

  #save(depth: number, undoLength: number): void {
    const log = this.#log;
    const at = depth * savepointFields;
    this.#savepoints[at] = log.head;
    this.#savepoints[at + 1] = log.headOffset;
    this.#savepoints[at + 2] = log.nextSequence;
    this.#savepoints[at + 3] = undoLength;
    this.#savepoints[at + 4] = log.table.liveBytes[log.head];
    this.#savepoints[at + 5] = this.#indexHeader.tombstoneBytes;
  }

  /** A write failed: the matching `end` takes back what was written since the innermost `begin`. */
  fail(): void {
    this.#failedDepth ||= this.depth;
  }

  /**
   * Returns whether the outermost batch has ended, with anything in it. Outside of a turn, throws SYNC_FAILED when it
   * could not be written to the file; then nothing of it has happened, unless it removed every key: that is staged still.
   */
  end(): boolean {
    const depth = this.depth--;
    if (this.#failedDepth === depth) {
      this.#failedDepth = 0;
      this.#rollBack(depth);
    }
    if (!this.#begun) this.#holdRecords();
    if (depth > 1 || !this.#begun) return false;
    // There is room for it: nothing fails.
    this.#log.appendMark(recordKind.batch, recordFlag.batchEnd);
    if (!this.#isTurn) this.#writeOut();
    this.#finish();
    return true;
  }

  #writeOut(): void {
    try {
      this.#log.writeOut();
    } catch (error) {
      if (this.#holdsClear) return;
      this.#rollBack(1);
      throw error;
    }
  }

  /**
   * The flags of a record of `bytes` that is written now: a batch's member, or none. The batch's first mark goes
   * to the log with its first write.
   */
  join(purpose: AppendPurpose, bytes: number): number {
    if (this.depth === 0) return 0;
    if (this.#begun) return recordFlag.member;
    // One half of the stage is begun for both, not one for each: what was found may stand in the other one.
    const next = bytes + batchEndBytes;
    this.#log.reserveFor(purpose, batchEndBytes, this.#log.isStaged(next) ? next : 0);
    this.#log.appendMark(recordKind.batch, recordFlag.batchBegin);
    this.#begun = true;
    // Until the batch's end, the index is ahead of what a recovery would make of the log.
    this.#index.beginBatch();
    this.#index.readers.beginChange();
    return recordFlag.member;
  }

  /**
   * A key's record will be at `newAddress` instead of `oldAddress`; 0: there will be, or is, none. To be called before the
   * index is changed.
   */
  note(newAddress: number, oldAddress: number): void {
    this.#index.noteUndo(newAddress, oldAddress);
    this.#undo.push(newAddress, oldAddress);
  }

  #finish(): void {
    this.#begun = false;
    this.#holdsClear = false;
    this.#holdRecords();
    this.#undo.clear();
    this.#index.readers.endChange();
    this.#index.endBatch();
  }

  #rollBack(depth: number): void {
    if (!this.#begun) return;
    const at = depth * savepointFields;
    const undoLength = this.#savepoints[at + 3];
    for (let i = this.#undo.length - 1; i >= Math.max(0, undoLength); i--) {
      const newAddress = this.#undo.newAddress(i);
      this.#index.undo(newAddress, this.#undo.oldAddress(i), this.#hash, this.#count);
      this.#index.cutUndo(i);
    }
    this.#undo.length = Math.max(0, undoLength);
    const segment = this.#savepoints[at];
    this.#log.rewind({
      segment,
      offset: this.#savepoints[at + 1],
      nextSequence: this.#savepoints[at + 2],
    });
    // No key's entry tells of a record that deletes one.
    this.#log.table.setLive(segment, this.#savepoints[at + 4]);
    this.#indexHeader.tombstoneBytes = this.#savepoints[at + 5];
    // The savepoint is older than the batch's first mark: that is gone too.
    if (undoLength < 0) this.#finish();
  }

  /** The record counts again, or no more. */
  readonly #count = (address: number, sign: number): void => {
    if (sign > 0) this.#records.reinstate(address);
    else this.#records.retire(address);
  };

  /** Every key was deleted: what was before cannot be brought back by index entries any more. */
  forget(): void {
    this.#holdsClear = this.depth > 0;
    this.#undo.clear();
    for (let depth = 1; depth <= this.depth; depth++) this.#save(depth, 0);
  }
}
