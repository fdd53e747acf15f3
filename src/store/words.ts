/**
 * Bytes that begin anywhere, read as words of 32 bits: a `DataView` does that in one instruction, where a
 * byte array takes four. It matters twice where a record is written: what is stored by bytes cannot be read
 * back as words, for its checksum, before all of it has left the processor's store buffer.
 */

/** What the processor loads at once. */
export const lineBytes = 64;

/** How to see the words of an array of bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Writes `source[start, end)` to `target` from byte `at` on, in whole words: bytes before `at` in its word
 * stay, and those behind the end, up to a whole word, become zero.
 */
export function writeBytes(
  target: Int32Array,
  at: number,
  source: DataView,
  start: number,
  end: number,
): void {
  let word = at >> 2;
  let from = start;
  if ((at & 3) !== 0) {
    let filled = target[word] & (1 << (at & 3) * 8) - 1;
    for (let shift = (at & 3) * 8; shift < 32 && from < end; shift += 8) {
      filled |= source.getUint8(from++) << shift;
    }
    target[word++] = filled;
  }
  while (from + 4 <= end) {
    target[word++] = source.getInt32(from, true);
    from += 4;
  }
  if (from < end) {
    let rest = 0;
    for (let shift = 0; from < end; shift += 8) rest |= source.getUint8(from++) << shift;
    target[word] = rest;
  }
}

/** Whether `words` have the bytes `source[start, end)` from a word on. */
export function hasBytes(
  words: Int32Array,
  word: number,
  source: DataView,
  start: number,
  end: number,
): boolean {
  let from = start;
  while (from + 4 <= end) {
    if (words[word++] !== source.getInt32(from, true)) return false;
    from += 4;
  }
  if (from === end) return true;
  let rest = 0;
  for (let shift = 0; from < end; shift += 8) rest |= source.getUint8(from++) << shift;
  return (words[word] & (1 << (end - start & 3) * 8) - 1) === rest;
}

/**
 * Loads the words at the first `count` of `places`, and those `behind` words further on, into the processor's caches,
 * in as few instructions as can be: so more of the loads are under way at a time. Returns a number that means
 * nothing, but needs the loads.
 */
export function loadAt(
  words: Int32Array,
  places: Int32Array,
  count: number,
  behind: number,
): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum ^= words[places[i]] ^ words[places[i] + behind];
  return sum;
}
