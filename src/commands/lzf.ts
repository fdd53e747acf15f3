/**
 * LZF, the compression of strings in Redis's serialisation. The format is Marc Lehmann's LibLZF
 * (http://oldhome.schmorp.de/marc/liblzf.html):
 *
 *     000lllll                      l + 1 bytes follow as they are
 *     lllooooo oooooooo             l + 2 bytes (l < 7) from o + 1 bytes back
 *     111ooooo llllllll oooooooo    l + 9 bytes from there
 *
 * The compressor finds the same matches as redis-server's, so that equal values are serialised alike.
 */

const literalsMax = 32;
const distanceMax = 2 ** 13;
const matchMax = 2 ** 8 + 2 ** 3;
const hashBits = 16;

/** Where three bytes stood last, by their hash: positions plus one. */
let places: Int32Array | null = null;

/** The place in the table for three bytes. */
function placeOf(three: number): number {
  return (three >>> 24 - hashBits) - Math.imul(three, 5) & 2 ** hashBits - 1;
}

/**
 * Compresses `source[start, end)` to `target`, from its beginning. Returns the length, 0 when it does not
 * get shorter than `target` is.
 */
export function lzfCompress(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): number {
  places ??= new Int32Array(2 ** hashBits);
  places.fill(0);
  const limit = target.length;
  let from = start;
  let literals = 0;
  let to = 1; // Room for the length of the literals.
  let three = source[from] << 8 | source[from + 1];
  while (from < end - 2) {
    three = (three << 8 | source[from + 2]) & 0xffffff;
    const place = placeOf(three);
    const earlier = places[place] - 1 + start;
    places[place] = from - start + 1;
    const distance = from - earlier - 1;
    // What stands at the very beginning is never referred to.
    const isMatch = earlier > start && distance < distanceMax &&
      source[earlier] === source[from] && source[earlier + 1] === source[from + 1] &&
      source[earlier + 2] === source[from + 2];
    if (!isMatch) {
      if (to >= limit) return 0;
      literals++;
      target[to++] = source[from++];
      if (literals === literalsMax) {
        target[to - literals - 1] = literals - 1;
        literals = 0;
        to++;
      }
      continue;
    }
    const undone = literals === 0 ? 1 : 0;
    if (to + 4 >= limit && to - undone + 4 >= limit) return 0;
    target[to - literals - 1] = literals - 1;
    to -= undone;
    const length = matchLength(source, earlier, from, end) - 2;
    target[to++] = distance >> 8 | Math.min(length, 7) << 5;
    if (length >= 7) target[to++] = length - 7;
    target[to++] = distance;
    literals = 0;
    to++;
    from += length + 2;
    if (from >= end - 2) break;
    // The last two positions of the match can be found later, too.
    from -= 2;
    three = source[from] << 8 | source[from + 1];
    for (let i = 0; i < 2; i++) {
      three = (three << 8 | source[from + 2]) & 0xffffff;
      places[placeOf(three)] = from - start + 1;
      from++;
    }
  }
  if (to + 3 > limit) return 0;
  while (from < end) {
    literals++;
    target[to++] = source[from++];
    if (literals < literalsMax) continue;
    target[to - literals - 1] = literals - 1;
    literals = 0;
    to++;
  }
  target[to - literals - 1] = literals - 1;
  return literals === 0 ? to - 1 : to;
}

/** How many bytes at `from` are those at `earlier`; the first three are. */
function matchLength(source: Uint8Array, earlier: number, from: number, end: number): number {
  const max = Math.min(matchMax, end - from - 2);
  let length = 2;
  if (max > 16) {
    for (let i = 0; i < 16; i++) {
      length++;
      if (source[earlier + length] !== source[from + length]) return length;
    }
  }
  do length++; while (length < max && source[earlier + length] === source[from + length]);
  return length;
}

/** Decompresses `source[start, end)` to all of `target`; false when that is not what it gives. */
export function lzfDecompress(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): boolean {
  const targetEnd = target.length;
  let from = start;
  let to = 0;
  while (from < end) {
    const control = source[from++];
    if (control < literalsMax) {
      const count = control + 1;
      if (from + count > end || to + count > targetEnd) return false;
      for (let i = 0; i < count; i++) target[to++] = source[from++];
      continue;
    }
    let count = (control >> 5) + 2;
    if (count === 9) {
      if (from >= end) return false;
      count += source[from++];
    }
    if (from >= end) return false;
    let earlier = to - ((control & 0x1f) << 8) - source[from++] - 1;
    if (earlier < 0 || to + count > targetEnd) return false;
    for (let i = 0; i < count; i++) target[to++] = target[earlier++];
  }
  return to === targetEnd;
}
