/**
 * The superblock: what a store is, and how far it is known to be durable. Two slots on pages of their
 * own are written in turn, each with a checksum and a counter, so one of them is always whole.
 */
import type { StoreFile } from "../sys/mapped_file.ts";
import { checksum } from "./checksum.ts";
import { StoreError } from "./errors.ts";
import {
  formatVersion,
  ownerPidWord,
  storeMagic,
  superblock,
  superblockSlotOffsets,
} from "./format.ts";

export interface SuperblockState {
  storeId: Int32Array;
  hashKey: readonly [number, number];
  segmentBytes: number;
  /** The store was stopped in order: the log has no torn end. */
  clean: boolean;
  /** Everything before this log position was synced. */
  durablePosition: number;
  /** Every segment sequence ever used is below this one. */
  nextSequence: number;
  openId: number;
  createdMs: number;
  lastSyncMs: number;
}

export class Superblock {
  readonly state: SuperblockState;
  readonly #file: StoreFile;
  #counter: number;

  private constructor(file: StoreFile, state: SuperblockState, counter: number) {
    this.#file = file;
    this.state = state;
    this.#counter = counter;
  }

  /** Reads the newer valid slot; null when the file is new (nothing but zeros). Throws StoreError
   * NOT_A_STORE for anything else. */
  static read(file: StoreFile): Superblock | null {
    let newest: { state: SuperblockState; counter: number } | null = null;
    for (const offset of superblockSlotOffsets) {
      const slot = readSlot(file, offset);
      if (slot && (!newest || slot.counter > newest.counter)) newest = slot;
    }
    if (newest) return new Superblock(file, newest.state, newest.counter);
    if (file.header.i32.every((word) => word === 0)) return null;
    const started = superblockSlotOffsets.some((offset) => hasMagic(file, offset));
    const reason = started
      ? "both of its superblock slots are damaged; restore it from a backup"
      : "it is something else; name another file";
    throw new StoreError("NOT_A_STORE", `Cannot open ${file.path} as a store: ${reason}`);
  }

  static create(file: StoreFile, segmentBytes: number, nowMs: number): Superblock {
    const random = crypto.getRandomValues(new Int32Array(6));
    const state: SuperblockState = {
      storeId: random.slice(0, 4),
      hashKey: [random[4], random[5]],
      segmentBytes,
      clean: false,
      durablePosition: 0,
      nextSequence: 1,
      openId: 0,
      createdMs: nowMs,
      lastSyncMs: 0,
    };
    return new Superblock(file, state, 0);
  }

  /** Writes the state to the slot that is not the newest; it is durable after the next header sync. */
  write(): void {
    const { header } = this.#file;
    this.#counter++;
    const offset = superblockSlotOffsets[this.#counter % superblockSlotOffsets.length];
    const { i32, f64 } = header;
    const word = offset >> 2;
    const double = offset >> 3;
    const { state } = this;
    // Invalid until the checksum is there again, should the process die in between.
    i32[word + superblock.checksumWord] = 0;
    i32[word + superblock.versionWord] = formatVersion;
    i32.set(storeMagic, word + superblock.magicWord);
    i32.set(state.storeId, word + superblock.storeIdWord);
    i32.set(state.hashKey, word + superblock.hashKeyWord);
    i32[word + superblock.segmentBytesWord] = state.segmentBytes;
    i32[word + superblock.cleanWord] = state.clean ? 1 : 0;
    f64[double + superblock.counterF64] = this.#counter;
    f64[double + superblock.durablePositionF64] = state.durablePosition;
    f64[double + superblock.createdMsF64] = state.createdMs;
    f64[double + superblock.lastSyncMsF64] = state.lastSyncMs;
    f64[double + superblock.openIdF64] = state.openId;
    f64[double + superblock.nextSequenceF64] = state.nextSequence;
    i32.fill(0, word + (superblock.nextSequenceF64 + 1) * 2, word + superblock.bytes / 4);
    i32[word + superblock.checksumWord] = checksum(i32, word, superblock.bytes / 4, 0);
  }

  set ownerPid(pid: number) {
    this.#file.header.i32[ownerPidWord] = pid;
  }
}

/** The id of an opening: an index file is believed only beside the superblock that has the same one. */
export function newOpenId(): number {
  return Math.floor(Math.random() * 2 ** 52) + 1;
}

/** The process that last opened the store; only for messages. */
export function ownerPid(file: StoreFile): number {
  return file.header.i32[ownerPidWord];
}

function hasMagic(file: StoreFile, offset: number): boolean {
  const word = (offset >> 2) + superblock.magicWord;
  return storeMagic.every((value, i) => file.header.i32[word + i] === value);
}

function readSlot(
  file: StoreFile,
  offset: number,
): { state: SuperblockState; counter: number } | null {
  if (!hasMagic(file, offset)) return null;
  const { i32, f64 } = file.header;
  const word = offset >> 2;
  const double = offset >> 3;
  if (i32[word] !== checksum(i32, word, superblock.bytes / 4, 0)) return null;
  const version = i32[word + superblock.versionWord];
  if (version !== formatVersion) {
    throw new StoreError(
      "NOT_A_STORE",
      `Cannot open ${file.path}: it has format version ${version}, this program reads version ` +
        `${formatVersion}; use the program that wrote it`,
    );
  }
  const state: SuperblockState = {
    storeId: i32.slice(word + superblock.storeIdWord, word + superblock.storeIdWord + 4),
    hashKey: [i32[word + superblock.hashKeyWord], i32[word + superblock.hashKeyWord + 1]],
    segmentBytes: i32[word + superblock.segmentBytesWord],
    clean: i32[word + superblock.cleanWord] === 1,
    durablePosition: f64[double + superblock.durablePositionF64],
    nextSequence: f64[double + superblock.nextSequenceF64],
    openId: f64[double + superblock.openIdF64],
    createdMs: f64[double + superblock.createdMsF64],
    lastSyncMs: f64[double + superblock.lastSyncMsF64],
  };
  return { state, counter: f64[double + superblock.counterF64] };
}
