/**
 * What the processes of the readers' proof know in common: for each key the newest version that was sent
 * and the newest that was acknowledged, in a mapped file, and what a version is.
 */
import { checksum } from "../../src/store/checksum.ts";
import { MappedFile } from "../../src/sys/mapped_file.ts";
import { SeededRandom } from "../support/seeded_random.ts";

/** Keys that are written alone, then keys that are written in pairs. */
export const singleKeys = 1000;
export const pairs = 100;
export const keysTotal = singleKeys + 2 * pairs;

const stopWord = 0;
const lossesWord = 1;
const progressWord = 16;
const sentWord = 1024;
const acknowledgedWord = 4096;
const headerBytes = 65_536;

export class ReaderRecord {
  readonly #file: MappedFile;
  readonly #i32: Int32Array;

  constructor(path: string) {
    this.#file = MappedFile.open(path, { headerBytes });
    this.#i32 = this.#file.header.i32;
  }

  sent(key: number): number {
    return Atomics.load(this.#i32, sentWord + key);
  }

  acknowledged(key: number): number {
    return Atomics.load(this.#i32, acknowledgedWord + key);
  }

  send(key: number, version: number): void {
    Atomics.store(this.#i32, sentWord + key, version);
  }

  acknowledge(key: number, version: number): void {
    Atomics.store(this.#i32, acknowledgedWord + key, version);
  }

  /**
   * Odd while the server is down without its index, raised before and after: then what was read and is not acknowledged
   * may be lost, since nothing leads to what was staged.
   */
  get losses(): number {
    return Atomics.load(this.#i32, lossesWord);
  }

  beginLoss(): void {
    Atomics.add(this.#i32, lossesWord, 1);
  }

  endLoss(): void {
    Atomics.add(this.#i32, lossesWord, 1);
  }

  /** Thousands of reads that a reader has made. */
  progress(reader: number): number {
    return Atomics.load(this.#i32, progressWord + reader);
  }

  setProgress(reader: number, thousands: number): void {
    Atomics.store(this.#i32, progressWord + reader, thousands);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#i32, stopWord) !== 0;
  }

  stop(): void {
    Atomics.store(this.#i32, stopWord, 1);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

export function nameOf(key: number): string {
  return `key:${String(key).padStart(6, "0")}`;
}

// --- versions --------------------------------------------------------------------------------------

/** What a version of a key is: a removal, a value with a deadline in the next moments, a value. */
export type VersionKind = "removal" | "volatile" | "value";

const versionKinds = 8;

export function kindOf(version: number): VersionKind {
  const kind = version % versionKinds;
  return kind === 0 ? "removal" : kind === 1 ? "volatile" : "value";
}

/** The first removal behind a version. */
export function nextRemoval(version: number): number {
  return version - version % versionKinds + versionKinds;
}

/** Whether a key may be missing if its version is one of `first` to `last`. */
export function mayBeMissing(first: number, last: number): boolean {
  if (last - first >= versionKinds) return true;
  for (let version = first; version <= last; version++) {
    if (kindOf(version) !== "value") return true;
  }
  return false;
}

// --- values ----------------------------------------------------------------------------------------

const keyWord = 1;
const versionWord = 2;
const deadlineF64 = 2;
const fillerWord = 6;
/** Most values are short, some take pages, a few a segment or two. */
export const valueBytesMax = 2 ** 21;

/** Length of a value in bytes: a multiple of 16. */
export function lengthOf(key: number, version: number): number {
  const random = new SeededRandom(Math.imul(key, 0x9e3779b1) ^ Math.imul(version, 0x85ebca77));
  const kind = random.below(1000);
  if (kind === 0) return 16 * (6000 + random.below(120_000));
  if (kind < 20) return 16 * (50 + random.below(1000));
  return 16 * (2 + random.below(20));
}

/** The value of a version, which says itself whose it is and whether it is whole. */
export function valueOf(key: number, version: number, deadlineMs: number): Uint8Array {
  const bytes = new Uint8Array(lengthOf(key, version));
  const words = new Int32Array(bytes.buffer);
  words[keyWord] = key;
  words[versionWord] = version;
  new Float64Array(bytes.buffer)[deadlineF64] = deadlineMs;
  let filler = Math.imul(key + 1, 0x9e3779b1) ^ version;
  for (let i = fillerWord; i < words.length; i++) {
    words[i] = filler = Math.imul(filler, 0x343fd) + 1;
  }
  words[0] = checksum(words, 0, words.length, key ^ version);
  return bytes;
}

export interface ReadValue {
  readonly version: number;
  readonly deadlineMs: number;
}

/** What a value says of itself, at the start of a buffer. Throws when it is not a whole value of this key. */
export function readValue(key: number, buffer: ArrayBuffer, length: number): ReadValue {
  const words = new Int32Array(buffer, 0, length >> 2);
  const version = words[versionWord];
  const isWhole = length % 16 === 0 && length >= 32 && words[keyWord] === key &&
    checksum(words, 0, words.length, key ^ version) === words[0] &&
    length === lengthOf(key, version);
  if (!isWhole) {
    const start = [...words.subarray(0, 8)].join(" ");
    throw new Error(`Torn: ${nameOf(key)} has ${length} bytes that begin with ${start}`);
  }
  return { version, deadlineMs: new Float64Array(buffer, 0, 3)[deadlineF64] };
}
