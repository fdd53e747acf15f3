/**
 * The engine's sizes, in one place. Tests open stores with tiny ones, so that every boundary is met
 * after a few records.
 */
import { assert } from "./assert.ts";
import {
  recordAlignment,
  recordHeaderBytes,
  segmentHeaderBytes,
  slotsPerPageMax,
  stageHalfBytesMax,
} from "./format.ts";

export interface StoreLimits {
  /** Length of a segment; a power of two. */
  readonly segmentBytes: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  /** Slots of an index page that entries may use; the rest of the page stays empty. */
  readonly slotsPerPage: number;
  /** Segments kept ready (allocated and faulted in) in front of the head. */
  readonly segmentsAhead: number;
  /** The file is made longer while there is room for what is written in so many milliseconds; 0: when there is none. */
  readonly growthLeadMs: number;
  /** Free segments that only deletes and compaction may take, so that a full store can be emptied. */
  readonly segmentsReserved: number;
  /** How much each of the stage's two halves holds; records of half as much and more are not staged. */
  readonly stageHalfBytes: number;
  /** Compaction leaves a store alone that holds fewer dead bytes than this. */
  readonly deadBytesMin: number;
  /** So much that is not on the disk is much: it is synced before its time, and who writes is slowed down in time. */
  readonly unsyncedBytesMuch: number;
  /**
   * An end of a file is cut off so many milliseconds after readers of other processes were told: who is
   * about to touch it then is done, since touching a mapping behind the end of its file ends a process.
   */
  readonly cutDelayMs: number;
}

export const defaultLimits: StoreLimits = {
  segmentBytes: 2 ** 20,
  keyBytesMax: 2 ** 16,
  valueBytesMax: 512 * 2 ** 20,
  slotsPerPage: slotsPerPageMax,
  segmentsAhead: 4,
  growthLeadMs: 500,
  segmentsReserved: 4,
  stageHalfBytes: stageHalfBytesMax,
  deadBytesMin: 2 ** 20,
  unsyncedBytesMuch: 2 ** 27,
  cutDelayMs: 2000,
};

/** A record's address is a 32-bit count of 16-byte units: 64 GiB. */
export const bodyBytesMax = 2 ** 36;
/** Bytes cut off a file at a time: the file system takes 0.2 to 1.5 ms for each MiB. */
export const shrinkBytesMax = 2 ** 21;
/** Segments that the index file has counters for: 64 GiB / 1 MiB. */
export const segmentCountMax = 2 ** 16;

export function checkLimits(limits: StoreLimits): void {
  const { segmentBytes, slotsPerPage, stageHalfBytes } = limits;
  assert((segmentBytes & (segmentBytes - 1)) === 0, "segmentBytes is a power of two");
  assert(
    segmentBytes >= 4096 && segmentBytes <= 2 ** 26,
    "segmentBytes is between a page and 64 MiB",
  );
  assert(segmentBytes > segmentHeaderBytes + 2 * recordHeaderBytes, "a segment holds a record");
  assert(slotsPerPage >= 4 && slotsPerPage <= slotsPerPageMax, "slotsPerPage fits a page");
  assert(
    stageHalfBytes % recordAlignment === 0 && stageHalfBytes <= stageHalfBytesMax,
    "the stage is where it was left room",
  );
  // A record never straddles two windows of 1 GiB.
  assert(
    limits.valueBytesMax + limits.keyBytesMax + 2 * segmentBytes < 2 ** 30,
    "a run fits a window",
  );
}
