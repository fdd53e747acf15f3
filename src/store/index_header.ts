/** The header of `store.db-index`: which state of which store the index belongs to. */
import type { StoreFile } from "../sys/mapped_file.ts";
import { checksum } from "./checksum.ts";
import {
  indexFormatVersion,
  indexHeader,
  indexMagic,
  recordAlignment,
  segmentHeaderBytes,
} from "./format.ts";
import { bodyBytesMax, segmentCountMax } from "./limits.ts";
import type { SuperblockState } from "./superblock.ts";

/** The words that the checksum covers, and those among them that change all the time. */
const checkedWords = 32;
const uncheckedWords: readonly number[] = [
  indexHeader.busyWord,
  // That one is compared with the machine's anyway.
  ...Array.from({ length: indexHeader.bootIdBytes / 4 }, (_, i) => indexHeader.bootIdByte / 4 + i),
  indexHeader.pageCountWord,
  ...wordsOf(indexHeader.tombstoneBytesF64),
  ...wordsOf(indexHeader.volatileKeysF64),
  indexHeader.checksumWord,
];

function wordsOf(f64: number): readonly [number, number] {
  return [2 * f64, 2 * f64 + 1];
}

/** Whether it can be what was counted: no checksum covers what changes all the time. */
function isCount(number: number, max: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= max;
}

/** What else has to be the same for an index that no clean stop has synced. */
export interface IndexSurroundings {
  /** Which boot of the machine it is; empty when that is not known. */
  readonly bootId: string;
  /** Which file the store is. */
  readonly inode: number;
}

export class IndexHeader {
  /** Live bytes of each segment, as words of the file. */
  readonly liveBytes: Int32Array;
  readonly #i32: Int32Array;
  readonly #f64: Float64Array;
  readonly #u8: Uint8Array;

  constructor(file: StoreFile) {
    const { i32, f64, u8 } = file.header;
    this.#i32 = i32;
    this.#f64 = f64;
    this.#u8 = u8;
    const { liveBytesWord } = indexHeader;
    this.liveBytes = i32.subarray(liveBytesWord, liveBytesWord + segmentCountMax);
  }

  /**
   * Whether the index is whole and belongs to the store as it was last opened. It must have been
   * synced at a clean stop, or the page cache must have survived (the same boot of the machine).
   */
  isCurrent(
    store: SuperblockState,
    slotsPerPage: number,
    surroundings: IndexSurroundings,
  ): boolean {
    const i32 = this.#i32;
    return i32[indexHeader.changingPageWord] === 0 && i32[indexHeader.imagePageWord] === 0 &&
      i32[indexHeader.undoWord] === 0 && this.isMendable(store, slotsPerPage, surroundings);
  }

  /** The same, but for what an opening takes back or puts in order. */
  isMendable(
    store: SuperblockState,
    slotsPerPage: number,
    { bootId, inode }: IndexSurroundings,
  ): boolean {
    const i32 = this.#i32;
    return this.#isOf(store) &&
      i32[indexHeader.slotsPerPageWord] === slotsPerPage &&
      i32[indexHeader.busyWord] === 0 &&
      i32[indexHeader.checksumWord] === this.#checksum() &&
      isCount(this.volatileKeys, 2 ** 32) && isCount(this.tombstoneBytes, bodyBytesMax) &&
      // A store that was stopped in order has left a clean index: this is an older one.
      (this.#isClean || !store.clean) &&
      (this.#isClean && store.clean || bootId !== "" && this.#bootId === bootId &&
          this.#f64[indexHeader.storeInodeF64] === inode);
  }

  /**
   * Whether it is the index of a process that has the store open now, or was killed when it had, under this
   * boot of the machine: what stands in the pages is what that process wrote.
   */
  isInUse(store: SuperblockState, { bootId, inode }: IndexSurroundings): boolean {
    return this.#isOf(store) && this.#f64[indexHeader.storeInodeF64] === inode &&
      this.#bootId === bootId;
  }

  /** Whether it is of this version, and was written by the opening that the superblock tells of. */
  #isOf(store: SuperblockState): boolean {
    const i32 = this.#i32;
    return indexMagic.every((word, i) => i32[indexHeader.magicWord + i] === word) &&
      i32[indexHeader.versionWord] === indexFormatVersion &&
      this.#f64[indexHeader.openIdF64] === store.openId &&
      store.storeId.every((word, i) => i32[indexHeader.storeIdWord + i] === word);
  }

  /** Of what decides whether the index is believed; it is written whenever that changes. */
  #checksum(): number {
    const words = this.#i32.slice(0, checkedWords);
    for (const word of uncheckedWords) words[word] = 0;
    // The first word counts as zero: it is a constant that is compared anyway.
    return checksum(words, 0, checkedWords, 0);
  }

  #seal(): void {
    this.#i32[indexHeader.checksumWord] = this.#checksum();
  }

  /** Makes it the header of this store's index, as of this opening. */
  claim(
    store: SuperblockState,
    slotsPerPage: number,
    { bootId, inode }: IndexSurroundings,
  ): void {
    const i32 = this.#i32;
    i32[indexHeader.cleanWord] = 0;
    i32.set(indexMagic, indexHeader.magicWord);
    i32[indexHeader.versionWord] = indexFormatVersion;
    i32.set(store.storeId, indexHeader.storeIdWord);
    i32[indexHeader.slotsPerPageWord] = slotsPerPage;
    this.#u8.fill(0, indexHeader.bootIdByte, indexHeader.bootIdByte + indexHeader.bootIdBytes);
    const id = new TextEncoder().encode(bootId).subarray(0, indexHeader.bootIdBytes);
    this.#u8.set(id, indexHeader.bootIdByte);
    this.#f64[indexHeader.openIdF64] = store.openId;
    this.#f64[indexHeader.storeInodeF64] = inode;
    this.#seal();
  }

  /** What is in the file is of no use: nothing counts until `claim`. */
  invalidate(): void {
    this.#i32.fill(0);
  }

  markClean(): void {
    this.#i32[indexHeader.cleanWord] = 1;
    this.#seal();
  }

  get #isClean(): boolean {
    return this.#i32[indexHeader.cleanWord] === 1;
  }

  get #bootId(): string {
    const { bootIdByte, bootIdBytes } = indexHeader;
    return new TextDecoder().decode(this.#u8.slice(bootIdByte, bootIdByte + bootIdBytes));
  }

  /** Every record of a segment with a lower sequence number is applied. */
  get appliedSequence(): number {
    return this.#f64[indexHeader.appliedSequenceF64];
  }

  set appliedSequence(sequence: number) {
    this.#f64[indexHeader.appliedSequenceF64] = sequence;
    this.#seal();
  }

  /**
   * Every record before this log position is applied. 0: that is not known; then `appliedSequence` tells. In a segment
   * that takes `bytes`.
   */
  appliedPositionIn(segmentBytes: number, bytes: number): number {
    const position = this.#f64[indexHeader.appliedPositionF64];
    const isWhole = this.#f64[indexHeader.appliedPositionF64 + 1] === -position;
    const inSegment = position - this.appliedSequence * segmentBytes;
    const isThere = inSegment >= segmentHeaderBytes && inSegment <= bytes &&
      inSegment % recordAlignment === 0;
    return isWhole && isThere ? position : 0;
  }

  set appliedPosition(position: number) {
    const f64 = this.#f64;
    // Whoever is killed in between leaves two that do not match.
    f64[indexHeader.appliedPositionF64] = position;
    f64[indexHeader.appliedPositionF64 + 1] = -position;
  }

  /** How many keys have a deadline; after a crash it may be too high by one, never too low. */
  get volatileKeys(): number {
    return this.#f64[indexHeader.volatileKeysF64];
  }

  set volatileKeys(count: number) {
    this.#f64[indexHeader.volatileKeysF64] = count;
  }

  /** Bytes of delete records that are still needed; a hint. */
  get tombstoneBytes(): number {
    return this.#f64[indexHeader.tombstoneBytesF64];
  }

  set tombstoneBytes(bytes: number) {
    this.#f64[indexHeader.tombstoneBytesF64] = bytes;
  }
}
