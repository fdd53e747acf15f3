/**
 * After a boot, nothing of a store is in memory, and each page that is touched is waited for. A store that
 * has room in memory is brought there in the background, from the disk's point of view in one go; of a
 * larger one the index, and the rest comes as it is asked for.
 */
import type { StoreFile } from "../sys/mapped_file.ts";
import { availableMemoryBytes } from "../sys/process_facts.ts";

/** One call asks for this much: between them the store may be closed. */
const pieceBytes = 8 * 2 ** 20;
/** A smaller store is there as soon as it is used. */
const storeBytesMin = 2 * pieceBytes;
/** What may be taken of the memory that nobody uses. */
const memoryShareMax = 0.5;

/** Resolves when all was asked for, or `goesOn` says no more. */
export async function warmUp(
  index: StoreFile,
  log: StoreFile,
  goesOn: () => boolean,
  memoryBytes: () => number = availableMemoryBytes,
): Promise<void> {
  if (index.bodyBytes + log.bodyBytes < storeBytesMin) return;
  let left = memoryBytes() * memoryShareMax;
  for (const file of [index, log]) {
    left -= file.bodyBytes;
    if (left < 0) return;
    for (let at = 0; at < file.bodyBytes && goesOn(); at += pieceBytes) {
      await file.readAheadInBackground(at, pieceBytes);
    }
  }
}
