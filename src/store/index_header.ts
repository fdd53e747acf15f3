/** The header of `store.db-index`: which state of which store the index belongs to. */
import type { StoreFile } from "../sys/mapped_file.ts";
import { formatVersion, indexHeader, indexMagic } from "./format.ts";
import { segmentCountMax } from "./limits.ts";
import type { SuperblockState } from "./superblock.ts";

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
  isCurrent(store: SuperblockState, slotsPerPage: number, bootId: string): boolean {
    const i32 = this.#i32;
    return indexMagic.every((word, i) => i32[indexHeader.magicWord + i] === word) &&
      i32[indexHeader.versionWord] === formatVersion &&
      store.storeId.every((word, i) => i32[indexHeader.storeIdWord + i] === word) &&
      i32[indexHeader.slotsPerPageWord] === slotsPerPage &&
      i32[indexHeader.busyWord] === 0 &&
      this.#f64[indexHeader.openIdF64] === store.openId &&
      (this.#isClean && store.clean || bootId !== "" && this.#bootId === bootId);
  }

  /** Makes it the header of this store's index, as of this opening. */
  claim(store: SuperblockState, slotsPerPage: number, bootId: string): void {
    const i32 = this.#i32;
    i32[indexHeader.cleanWord] = 0;
    i32.set(indexMagic, indexHeader.magicWord);
    i32[indexHeader.versionWord] = formatVersion;
    i32.set(store.storeId, indexHeader.storeIdWord);
    i32[indexHeader.slotsPerPageWord] = slotsPerPage;
    this.#u8.fill(0, indexHeader.bootIdByte, indexHeader.bootIdByte + indexHeader.bootIdBytes);
    const id = new TextEncoder().encode(bootId).subarray(0, indexHeader.bootIdBytes);
    this.#u8.set(id, indexHeader.bootIdByte);
    this.#f64[indexHeader.openIdF64] = store.openId;
  }

  /** What is in the file is of no use: nothing counts until `claim`. */
  invalidate(): void {
    this.#i32.fill(0);
  }

  markClean(): void {
    this.#i32[indexHeader.cleanWord] = 1;
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
