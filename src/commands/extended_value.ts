import { copyBytes } from "../store/copy_bytes.ts";
import type { Store } from "../store/store.ts";

/**
 * Reserves `length` bytes for the key of the last find, which begin with the value it has (if it was
 * found) and go on with zeros. Returns where in `store.reservedBytes` they stand. The deadline stays.
 */
export function copyExtended(store: Store, found: boolean, length: number): number {
  const { foundBytes, foundStart } = store;
  const size = found ? store.foundEnd - foundStart : 0;
  const at = store.reserve(length, found ? store.foundExpireAt : 0);
  copyBytes(store.reservedBytes, at, foundBytes, foundStart, foundStart + size);
  if (length > size) store.reservedBytes.fill(0, at + size, at + length);
  return at;
}
