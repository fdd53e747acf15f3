/**
 * For bytes of which the first `length` are in use, and that are too short: others of `needed` length at least that begin
 * with those. They are twice as long at least, so that what grows byte by byte is copied a few times only.
 *
 *     if (needed > bytes.length) bytes = lengthen(bytes, length, needed);
 */
export function lengthen(
  bytes: Uint8Array,
  length: number,
  needed: number,
): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(Math.max(needed, bytes.length * 2));
  longer.set(bytes.subarray(0, length));
  return longer;
}
