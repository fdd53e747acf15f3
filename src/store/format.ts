/**
 * The constants of `store.db` and `store.db-index`, as docs/store_format.md specifies them. All
 * numbers are little endian. The engine reads them through typed arrays, which have the byte order of
 * the machine: big-endian machines are refused.
 */
import { assert } from "./assert.ts";

/** Bump with every change that an older program would misread. */
export const formatVersion = 1;
/** The same for the index, which is rebuilt then. */
export const indexFormatVersion = 4;

// --- store.db: header of two superblock slots -------------------------------------------------

/** Length of the header; the slots stand on pages of their own, so one torn page spares the other. */
export const storeHeaderBytes = 8192;
export const superblockSlotOffsets: readonly number[] = [0, 4096];
/** "KVSTORE1" as two words. */
export const storeMagic: readonly [number, number] = [0x5453564b, 0x3145524f];

/** Word (i32) offsets in a superblock slot; f64 fields are given in units of 8 bytes. */
export const superblock = {
  checksumWord: 0,
  versionWord: 1,
  magicWord: 2, // two words
  storeIdWord: 4, // four words
  hashKeyWord: 8, // two words
  segmentBytesWord: 10,
  cleanWord: 11,
  counterF64: 6,
  durablePositionF64: 7,
  createdMsF64: 8,
  lastSyncMsF64: 9,
  /** Changes with every opening; the index file carries the same one. */
  openIdF64: 10,
  /** Every segment sequence ever used is below this one. */
  nextSequenceF64: 11,
  bytes: 128,
} as const;

/** The process that has the store open, for the message of a second one; outside of the slots. */
export const ownerPidWord = 1024 / 4;

/**
 * What readers of other processes go by; outside of the slots. The words that change stand on cache lines
 * of their own.
 */
export const readerWords = {
  /** The superblock's, of the opening that keeps these words. */
  openIdF64: 2048 / 8,
  /** Which rules the words follow. */
  versionWord: 2056 / 4,
  /** Segments from this sequence number on were written by this opening's process, and not read from a disk. */
  firstSequenceF64: 2064 / 8,
  /** Odd while what stands in the index may not be read: within a batch, a clearing, an opening. */
  changesWord: 2112 / 4,
  /** Raised before places of the body get other bytes than a reader may have found there. */
  reusesWord: 2116 / 4,
  /** Raised when the index's pages lose their meaning. */
  layoutsWord: 2120 / 4,
  /** Where the body ends for readers, in pages of 4096 bytes. */
  endPagesWord: 2124 / 4,
} as const;
export const readerWordsVersion = 3;

// --- store.db: segments ------------------------------------------------------------------------

export const segmentHeaderBytes = 64;
/** "KVSG". */
export const segmentMagic = 0x4753564b;
export const segmentHeader = {
  checksumWord: 0,
  magicWord: 1,
  sequenceF64: 1,
  runLengthWord: 4,
  versionWord: 5,
  storeIdWord: 6, // four words
  /** The sequence of the segment before it in the log when it was begun; 0 for the first. */
  previousF64: 5,
  /** Combined (xor) with the sequence, it seeds the records' checksums; 0 but for copied runs. */
  seedWord: 12,
} as const;

// --- store.db: records -------------------------------------------------------------------------

export const recordAlignment = 16;
export const recordHeaderBytes = 24;
export const record = {
  checksumWord: 0,
  /** kind | type << 8 | flags << 16 */
  kindWord: 1,
  keyLengthWord: 2,
  valueLengthWord: 3,
  expireAtF64: 2,
} as const;

export const recordKind = {
  put: 1,
  delete: 2,
  /** Begins or ends a batch, by its flag. */
  batch: 3,
  /** Ends the records of a segment: what lies behind it means nothing. */
  seal: 4,
} as const;

export const recordFlag = {
  /** On a delete with an empty key: deletes every key. */
  all: 1,
  /** On every record between a batch's begin and end. */
  member: 2,
  batchBegin: 4,
  batchEnd: 8,
} as const;

/** The only type of value so far. */
export const typeString = 0;

/** Length in the log of a record with these lengths: 16-byte aligned. */
export function recordBytes(keyLength: number, valueLength: number): number {
  return recordHeaderBytes + keyLength + valueLength + (recordAlignment - 1) &
    ~(recordAlignment - 1);
}

// --- store.db-index ------------------------------------------------------------------------------

export const indexPageBytes = 4096;
export const indexPageHeaderBytes = 16;
/** 4096 B page - 16 B header = 510 slots of 8 B. */
export const slotsPerPageMax = (indexPageBytes - indexPageHeaderBytes) / 8;
/** "KVINDEX1" as two words. */
export const indexMagic: readonly [number, number] = [0x4e49564b, 0x31584544];
export const indexHeader = {
  magicWord: 0, // two words
  versionWord: 2,
  /** 1 while a change is under way that cannot be taken back: whoever finds it set rebuilds. 2: `indexGivenUp`. */
  busyWord: 3,
  storeIdWord: 4, // four words
  /** 36 ASCII bytes. */
  bootIdByte: 32,
  bootIdBytes: 36,
  /** 1 after a clean stop that synced the index: valid under any boot id. */
  cleanWord: 17,
  pageCountWord: 18,
  slotsPerPageWord: 19,
  /** Every record before this segment is applied. */
  appliedSequenceF64: 10,
  /** The superblock's, at the last opening. */
  openIdF64: 11,
  /** Bytes of delete records that are still needed; a hint for compaction. */
  tombstoneBytesF64: 12,
  /** Keys with a deadline; 0 tells a restart that there is no need to look for them. */
  volatileKeysF64: 13,
  /** The inode of the store's file: a copy of both files made while they were in use is no pair. */
  storeInodeF64: 14,
  /** XXH32 of the words before, `busy` and the hints as zero. */
  checksumWord: 30,
  /** How many entries there are; behind what the checksum covers, as all that follows. */
  keysF64: 16,
  /**
   * A log position: every record before it is applied, if it is in the segment `appliedSequence` and if the word behind
   * it is the same, negative.
   */
  appliedPositionF64: 17,
  /**
   * The page whose entries are being moved, to insert one, or with a negative sign, to remove one; 0: none is. Whoever finds
   * it set looks at them again.
   */
  changingPageWord: 38,
  /** A page that is being split, of which there is an image; 0: none is. And how many pages there were. */
  imagePageWord: 39,
  imagePageCountWord: 40,
  /** 0: no batch is open; otherwise one more than the changes by which it can be taken back. */
  undoWord: 41,
  /** Live bytes of each segment: 65536 words behind the first page. A hint, never exact by promise. */
  liveBytesWord: 4096 / 4,
  /** The stage: two halves, behind the counters. */
  stageByte: 4096 + 65536 * 4,
  /** What an open batch has changed: pairs of new and old addresses. */
  undoByte: 4096 + 65536 * 4 + 2 * 65536,
  /** A page as it was before it was split. */
  imageByte: 4096 + 65536 * 4 + 2 * 65536 + 16384,
} as const;
/** The disk has failed: pages of the index may be lost, and the next opening makes another file. */
export const indexGivenUp = 2;
export const stageHalfBytesMax = 65536;
/** A batch that has changed more cannot be taken back by the next opening, which rebuilds the index. */
export const undoPairsMax = 16384 / 8;
export const indexHeaderTotalBytes = indexHeader.imageByte + indexPageBytes;

/** Which records are staged: words of the index's header, on a cache line of their own. */
export const stageWords = {
  /** Odd while the others change: then nothing is staged that is not in the log. */
  versionWord: 2048 / 4,
  /** The address of the first record that may be staged. */
  fromWord: 2052 / 4,
  /** How many units from there on may be; 0: nothing is. */
  unitsWord: 2056 / 4,
  /** Where the first one stands: a byte offset in the file. */
  startWord: 2060 / 4,
  /** The first place of their segment, and its sequence number. */
  placeWord: 2064 / 4,
  sequenceF64: 2072 / 8,
} as const;

/**
 * Page 0 and every 1024th that follows has no entries: it is a table with a word for each of the pages up to the next
 * one, so that an opening does not have to touch them all. The word is the page's prefix, as in its header, then a bit
 * that is set, then zeros.
 */
export const pagesPerTable = 1024;

/** Word offsets in an index page. */
export const indexPage = {
  /** The hash bits that all entries share, from the top; the others are zero. */
  prefixWord: 0,
  /** How many bits of the prefix count, plus 1 (0: the page is not in use). */
  depthWord: 1,
  countWord: 2,
  /** Odd while entries move; another one after they have. */
  versionWord: 3,
  slotWord: 4,
} as const;

assert(new Uint8Array(new Uint32Array([1]).buffer)[0] === 1, "the machine is little endian");
assert(
  recordBytes(0, 0) === 32 && recordBytes(4, 4) === 32 && recordBytes(4, 5) === 48,
  "records align",
);
assert(superblock.nextSequenceF64 * 8 + 8 <= superblock.bytes, "the superblock's fields fit");
assert(superblock.bytes <= 512, "a superblock slot is within a sector");
assert(slotsPerPageMax === 510, "a page has 510 slots");
assert(pagesPerTable * 4 === indexPageBytes, "a table is a page");
assert(indexHeader.stageByte + 2 * stageHalfBytesMax === indexHeader.undoByte, "they abut");
assert(indexHeader.undoByte + undoPairsMax * 8 === indexHeader.imageByte, "they abut");
assert((indexHeader.storeIdWord + 4) * 4 === indexHeader.bootIdByte, "index header fields abut");
assert(indexHeader.bootIdByte + indexHeader.bootIdBytes === indexHeader.cleanWord * 4, "they abut");
assert(indexHeader.slotsPerPageWord * 4 + 4 === indexHeader.appliedSequenceF64 * 8, "they abut");
assert(indexHeaderTotalBytes % 4096 === 0 && storeHeaderBytes % 4096 === 0, "headers are pages");
