/**
 * Where the records stand that count: a bit for each address, 1 at the start of a record that is live.
 * Compaction goes from one such record to the next, without a look at what lies between, nor at the index
 * for the sake of what is dead. It lives in memory only: of what an earlier process has written, nothing is
 * known here (see `SegmentTable.isMapped`).
 *
 * A bit for 16 bytes of records: 8 MiB for each window of 1 GiB, of which the pages are in memory that
 * were used.
 */
const addressBits = 26;
const addressMask = 2 ** addressBits - 1;
const wordsPerWindow = 2 ** addressBits / 32;
/** So many marks are taken away together. */
const unmarkedMax = 128;

export class LiveMap {
  /** One for each window. */
  readonly #maps: Int32Array[] = [];
  /**
   * Addresses that have no mark any more, but for the map: each is a cache miss, and those of a loop
   * overlap. Clearing them right away cost a SET 40 ns more.
   */
  readonly #unmarked = new Int32Array(unmarkedMax);
  #unmarkedCount = 0;

  /** Makes room for addresses of so many windows. */
  extend(windows: number): void {
    while (this.#maps.length < windows) this.#maps.push(new Int32Array(wordsPerWindow));
  }

  /** An address that had a mark before may get one again after `clear` or `settle` only. */
  mark(address: number): void {
    this.#maps[address >>> addressBits][(address & addressMask) >>> 5] |= 1 << (address & 31);
  }

  unmark(address: number): void {
    this.#unmarked[this.#unmarkedCount++] = address;
    if (this.#unmarkedCount === unmarkedMax) this.settle();
  }

  /** Takes the marks away that are still in the map. */
  settle(): void {
    const unmarked = this.#unmarked;
    const count = this.#unmarkedCount;
    this.#unmarkedCount = 0;
    for (let i = 0; i < count; i++) {
      const address = unmarked[i];
      const map = this.#maps[address >>> addressBits];
      map[(address & addressMask) >>> 5] &= ~(1 << (address & 31));
    }
  }

  /** Clears the marks of the `count` addresses from `address` on, within one window. */
  clear(address: number, count: number): void {
    this.settle();
    const map = this.#maps[address >>> addressBits];
    const start = address & addressMask;
    const end = start + count;
    const firstWord = start + 31 >>> 5;
    const lastWord = end >>> 5;
    if (firstWord > lastWord) {
      map[lastWord] &= ~(maskFrom(start) & ~maskFrom(end));
      return;
    }
    if ((start & 31) !== 0) map[firstWord - 1] &= ~maskFrom(start);
    map.fill(0, firstWord, lastWord);
    if ((end & 31) !== 0) map[lastWord] &= maskFrom(end);
  }

  /**
   * The first marked one of the `count` addresses from `address` on, within one window, as the number of
   * addresses from there; -1 when there is none.
   */
  next(address: number, count: number): number {
    if (this.#unmarkedCount > 0) this.settle();
    const map = this.#maps[address >>> addressBits];
    const start = address & addressMask;
    const end = start + count;
    let word = start >>> 5;
    let bits = map[word] & maskFrom(start);
    const lastWord = end - 1 >>> 5;
    while (bits === 0) {
      if (++word > lastWord) return -1;
      bits = map[word];
    }
    const found = (word << 5) + 31 - Math.clz32(bits & -bits);
    return found < end ? found - start : -1;
  }
}

/** The bits of a word from the place of an address on. */
function maskFrom(address: number): number {
  return -1 << (address & 31);
}
