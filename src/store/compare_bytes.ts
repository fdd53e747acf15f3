/** Ranges of bytes, compared where they stand. */

/** Whether `a[aStart, aEnd)` and `b[bStart, bEnd)` hold the same. */
export function sameBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  return aEnd - aStart === bEnd - bStart && beginsWith(a, aStart, aEnd, b, bStart, bEnd);
}

/** Whether `bytes[start, end)` begins with `prefix[prefixStart, prefixEnd)`. */
export function beginsWith(
  bytes: Uint8Array,
  start: number,
  end: number,
  prefix: Uint8Array,
  prefixStart = 0,
  prefixEnd = prefix.length,
): boolean {
  if (end - start < prefixEnd - prefixStart) return false;
  for (let i = prefixStart, at = start; i < prefixEnd; i++, at++) {
    if (bytes[at] !== prefix[i]) return false;
  }
  return true;
}
