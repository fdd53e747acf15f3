/**
 * The engine: keys and values in one mapped file. docs/architecture.md tells how its parts work
 * together; here they are joined.
 *
 * There are two ways in. The *cursor interface* (`find`, then `put`, `reserve` and `commit`, `remove`
 * or `setExpiry`) works on ranges of bytes and makes no object: the server's commands use it. The
 * *simple interface* (`get`, `set`, `delete`, `has`, `keys`) copies, and takes text as well.
 */
import { type StoreFile, windowBytes } from "../sys/mapped_file.ts";
import { Backups } from "./backup.ts";
import { Batch, batchEndBytes } from "./batch.ts";
import { checksum } from "./checksum.ts";
import { Compaction } from "./compaction.ts";
import { copyBytes } from "./copy_bytes.ts";
import { Durability, type SyncPolicy } from "./durability.ts";
import { StoreError } from "./errors.ts";
import { Eviction, type EvictionPolicy } from "./eviction.ts";
import { Expiry } from "./expiry.ts";
import { record, recordBytes, recordFlag, recordHeaderBytes, recordKind } from "./format.ts";
import type { HashIndex } from "./hash_index.ts";
import { Housekeeping, type SliceKind } from "./housekeeping.ts";
import type { IndexHeader } from "./index_header.ts";
import { type ChangeListener, keyChange, type MissListener } from "./key_change.ts";
import type { KeyedHash } from "./keyed_hash.ts";
import { KeysAhead } from "./keys_ahead.ts";
import type { StoreLimits } from "./limits.ts";
import { LiveRecords } from "./live_records.ts";
import type { Log } from "./log.ts";
import {
  indexBytes,
  type OpeningReport,
  openingSteps,
  runSteps,
  type StoreParts,
} from "./opening.ts";
import type { DurationHistogram } from "./duration_histogram.ts";
import { Pauses } from "./pauses.ts";
import { expireAtOf, keyEndAt, offsetOf, recordBytesAt, recordSeed } from "./record.ts";
import type { Damage } from "./recovery.ts";
import { segmentState, type SegmentTable } from "./segment_table.ts";
import type { Stage } from "./stage.ts";
import type { Superblock } from "./superblock.ts";
import { warmUp } from "./warm_up.ts";
import { viewOf, writeBytes } from "./words.ts";
import { WatchedKeys } from "./watched_keys.ts";

/** Entries looked at in one go by `scan`. */
const scanEntriesMax = 65536;
/** Longer records are verified once, so many of them. */
const verifiedBytesMin = 4096;
const verifiedMax = 4096;
/** Values of so many bytes are asked for as a whole before they are read. */
const readAheadBytesMin = 64 * 1024;
/** Longer values are copied by a call, which costs as much as some words. */
const shortValueBytes = 256;
/** What a key takes in the index, in the mean: 8 bytes, in pages that are half full or more. */
const indexBytesPerKey = 16;
/** So many places with damage are told of. */
const damagesMax = 1000;
/** While a store is opened in steps, the event loop waits so long at most. */
const stepMs = 20;

/** What is told of an index that leads to no record; see `HashIndex.isDamaged`. */
const damagedIndex: Damage = {
  fileOffset: 0,
  bytes: 0,
  reason: "the index leads to places that hold no record; the next start rebuilds it",
};

const encoder = new TextEncoder();
const noBytes = new Uint8Array(0);

export interface StoreOptions {
  /** The file; it is created when it does not exist. Its index stands beside it, at `path-index`. */
  readonly path: string;
  /** When changes are synced to the disk: `everysec` unless given. */
  readonly sync?: SyncPolicy;
  /** The time in Unix ms; for tests. */
  readonly clock?: () => number;
  /** Sizes; for tests. A store keeps the segment size that it was created with. */
  readonly limits?: Partial<StoreLimits>;
  /** None unless given; may be changed later. */
  readonly sizeLimit?: SizeLimit;
  /** Called while the log is read after a crash, with the share that is done. */
  readonly onProgress?: (share: number) => void;
  /** Opens a file; for tests. */
  readonly openFile?: (path: string, headerBytes: number) => StoreFile;
}

/** How large the file may become, and what happens then. */
export interface SizeLimit {
  /** Bytes of the file; the index, about 16 bytes a key, comes on top. */
  readonly bytesMax: number;
  readonly policy: EvictionPolicy;
}

export interface SetOptions {
  /** When the key ceases to exist, in Unix ms; unless given, never. */
  readonly expireAt?: number;
}

/** Sees a key: `bytes[keyStart, keyEnd)`, valid until it returns. */
export type KeyVisitor = (bytes: Uint8Array, keyStart: number, keyEnd: number) => void;

/** What INFO and `kv info` show of a store. */
export interface StoreStatistics {
  readonly keys: number;
  readonly volatileKeys: number;
  /** Entries of the queue of deadlines, outdated ones included. */
  readonly queuedDeadlines: number;
  readonly expiredKeys: number;
  readonly evictedKeys: number;
  readonly fileBytes: number;
  readonly liveBytes: number;
  readonly usedBytes: number;
  readonly indexBytes: number;
  readonly segmentsEmptied: number;
  readonly copiedBytes: number;
  /** Bytes of the large record that compaction is copying, 0 when there is none. */
  readonly movingBytes: number;
  readonly syncRounds: number;
  readonly syncing: boolean;
  /** Bytes appended that are not known to be on the disk. */
  readonly unsyncedBytes: number;
  /** The same in records. */
  readonly unsyncedRecords: number;
  /** How long the oldest of them has waited, in milliseconds. */
  readonly unsyncedMs: number;
  /** How many syncs writers had to wait for, since the disk was too far behind. */
  readonly syncDelays: number;
  /** How many segments are live to a tenth, to two tenths, ... of their bytes. */
  readonly segmentsByFill: readonly number[];
  /** Bits of a hash that lead to a page of the index, and the share of slots that are taken. */
  readonly indexDepth: number;
  readonly indexFill: number;
  readonly lastSyncMs: number;
  /** How long the last sync took, and how long the one that runs has; -1 when there is none. */
  readonly lastSyncDurationMs: number;
  readonly syncDurationMs: number;
  /** How long keys with a deadline have left in the mean, estimated. */
  readonly meanTtlMs: number;
  /** Time that removing expired keys has taken. */
  readonly expiryMs: number;
  readonly damages: number;
}

/**
 * A store.
 *
 * @example
 * ```ts
 * import { Store } from "@kv/kv";
 *
 * const path = await Deno.makeTempDir() + "/store.db";
 * const store = Store.open({ path });
 * store.set("greeting", "hello", { expireAt: Date.now() + 60_000 });
 * console.log(new TextDecoder().decode(store.get("greeting")!)); // hello
 * await store.close();
 * ```
 */
export class Store {
  /** The time that deadlines are compared with, in Unix ms. The server sets it once per batch. */
  now: number;
  readonly path: string;
  readonly opening: OpeningReport;
  /** How long after their deadlines keys were removed. */
  get expiryLateness(): DurationHistogram {
    return this.#expiry.lateness;
  }

  /** How long the event loop was busy in one go, with commands and in the background. */
  readonly pauses = new Pauses();
  /** Whether expired keys are removed; otherwise they are only not seen. For tests of clients. */
  get removesExpired(): boolean {
    return this.#housekeeping.removesExpired;
  }

  set removesExpired(removes: boolean) {
    this.#housekeeping.removesExpired = removes;
    this.#housekeeping.arm();
  }

  /**
   * Keys that `find` will be asked for soon: telling it makes their cache misses overlap.
   *
   * @internal
   */
  readonly ahead: KeysAhead;
  /** What was found damaged, at the opening and since. */
  readonly damages: Damage[];

  // What `find` found: a range of the value's bytes, valid until the next write is done and within this turn of the event
  // loop: a second write may put its record where the value stands.
  foundBytes: Uint8Array = noBytes;
  foundStart = 0;
  foundEnd = 0;
  /** The deadline in Unix ms, 0 for none. */
  foundExpireAt = 0;
  // What `randomKey` found.
  foundKeyBytes: Uint8Array = noBytes;
  foundKeyStart = 0;
  foundKeyEnd = 0;
  /** How many calls of `find` found something, and how many did not. */
  hits = 0;
  misses = 0;
  /** Told what happens to keys, as soon as it has; null when nobody wants to know. */
  onChange: ChangeListener | null = null;
  /** Told that all keys are gone. */
  onClear: (() => void) | null = null;
  /** Told of keys that `find` does not find. */
  onMiss: MissListener | null = null;
  /** Where to write the value after `reserve`. */
  reservedBytes: Uint8Array = noBytes;

  readonly #file: StoreFile;
  readonly #indexFile: StoreFile;
  readonly #limits: StoreLimits;
  readonly #log: Log;
  readonly #stage: Stage;
  readonly #table: SegmentTable;
  readonly #index: HashIndex;
  readonly #indexHeader: IndexHeader;
  readonly #hash: KeyedHash;
  readonly #superblock: Superblock;
  readonly #durability: Durability;
  readonly #compaction: Compaction;
  readonly #expiry: Expiry;
  readonly #eviction: Eviction;
  readonly #housekeeping: Housekeeping;
  readonly #backups: Backups;
  /** Keys that are new, and those that are found, are told to `#eviction`. */
  #touchesNew = false;
  #touchesFound = false;
  #isUntouched = false;
  readonly #watched = new WatchedKeys();
  readonly #clock: () => number;
  #closed = false;
  #closing: Promise<void> | null = null;

  // The key of the last `find`, and what is needed to write it.
  #key: Uint8Array = noBytes;
  #keyView = viewOf(noBytes);
  #keyStart = 0;
  #keyEnd = 0;
  #keyHash = 0;
  /** Its record's address, of an expired one too; 0 for none. */
  #address = 0;
  // The record between `reserve` and `commit`.
  #reservedOffset = 0;
  #reservedLength = 0;
  #reservedExpireAt = 0;

  readonly #records: LiveRecords;
  readonly #batch: Batch;
  /** Segments with lower sequence numbers were emptied by `clear`; 0 when there are none. */
  #clearedBefore = 0;

  /** Records that were verified, of those that take long. */
  readonly #verified = new Set<number>();

  private constructor(options: StoreOptions, parts: StoreParts) {
    this.path = options.path;
    this.#clock = options.clock ?? Date.now;
    this.now = this.#clock();
    this.#file = parts.file;
    this.#indexFile = parts.indexFile;
    this.#limits = parts.limits;
    this.#superblock = parts.superblock;
    this.#log = parts.log;
    this.#stage = parts.log.stage;
    this.#table = parts.log.table;
    this.#index = parts.index;
    this.#indexHeader = parts.indexHeader;
    this.#hash = parts.hash;
    this.ahead = new KeysAhead(parts.hash, parts.index);
    this.opening = parts.report;
    this.damages = [...parts.report.damages];
    this.#durability = new Durability(this.#log, this.#file, this.#superblock, {
      policy: options.sync ?? "everysec",
      clock: this.#clock,
      unsyncedBytesMuch: parts.limits.unsyncedBytesMuch,
    });
    this.#durability.onFailure = () => this.#endTrust();
    this.#compaction = new Compaction(this.#log, this.#index, this.#indexHeader, parts);
    this.#compaction.onDamage = (damage) => this.damages.push(damage);
    this.#log.onCut = () => this.#index.noteCut();
    this.#index.onDamage = () => this.damages.push(damagedIndex);
    if (this.#table.hasUnverified) this.#index.onOtherKey = this.#checkOtherKey;
    this.#expiry = new Expiry(this.#index, this.#stage, this.#indexHeader);
    this.#records = new LiveRecords(this.#stage, this.#table, this.#expiry, this.#hash);
    this.#batch = new Batch(
      this.#log,
      this.#index,
      this.#indexHeader,
      this.#hash,
      this.#records,
    );
    this.#eviction = new Eviction(
      this.#log,
      this.#index,
      this.#indexHeader,
      this.#expiry,
      this.#limits,
    );
    this.#housekeeping = new Housekeeping({
      log: this.#log,
      index: this.#index,
      durability: this.#durability,
      compaction: this.#compaction,
      expiry: this.#expiry,
      eviction: this.#eviction,
      clock: this.#clock,
      pauses: this.pauses,
      time: this,
      store: this,
      expire: this.#removeExpired,
      evict: this.#evictAt,
    });
    this.#backups = new Backups(this.#log, this.#durability, this.#superblock.state);
    if (options.sizeLimit !== undefined) this.sizeLimit = options.sizeLimit;
    this.#log.prepareAhead();
    // What was recovered goes to the disk at once: it has waited long enough.
    if (this.#durability.policy !== "no" && this.#log.hasDirty) this.#durability.start();
    this.#housekeeping.arm();
    void warmUp(this.#indexFile, this.#file, () => !this.#closed);
  }

  /**
   * Opens a store, or creates it. When the last process was killed, this reads the end of the log; if
   * the machine went down, all of it.
   *
   * Throws a StoreError: LOCKED (another process has it open), NOT_A_STORE, NO_SPACE; a SystemError
   * when a call to the system fails.
   */
  static open(options: StoreOptions): Store {
    const steps = openingSteps({ ...options, clock: options.clock ?? Date.now });
    return Store.#of(options, runSteps(steps, options.onProgress));
  }

  /**
   * The same in steps: the event loop goes on in between. `onLocked` is called when the store is this
   * process's, before anything of it was read.
   */
  static async openInSteps(
    options: StoreOptions,
    onLocked: () => void = () => {},
  ): Promise<Store> {
    const { onProgress = () => {} } = options;
    const steps = openingSteps({ ...options, clock: options.clock ?? Date.now });
    try {
      let step = steps.next();
      onLocked();
      let pauseAt = performance.now() + stepMs;
      while (!step.done) {
        onProgress(step.value);
        if (performance.now() > pauseAt) {
          await new Promise((resolve) => setTimeout(resolve));
          pauseAt = performance.now() + stepMs;
        }
        step = steps.next();
      }
      return Store.#of(options, step.value);
    } finally {
      // It may be the caller who has failed: nothing stays open.
      steps.return(undefined as never);
    }
  }

  /** The store of these parts; when there is none, they are closed. */
  static #of(options: StoreOptions, parts: StoreParts): Store {
    try {
      options.onProgress?.(1);
      return new Store(options, parts);
    } catch (error) {
      void parts.file.close();
      void parts.indexFile.close();
      throw error;
    }
  }

  // --- the cursor interface: reading -----------------------------------------------------------

  /** How many keys there are, expired ones that are not removed yet included. */
  get count(): number {
    return this.#index.count;
  }

  /**
   * Looks up the key `bytes[start, end)`: the `found` fields tell of its value. False when it does
   * not exist or has expired. The writing methods then work on this key; `bytes` must stay as they are
   * until then.
   */
  find(bytes: Uint8Array, start: number, end: number): boolean {
    const hash = this.ahead.of(bytes, start, end);
    const view = this.ahead.viewOf(bytes);
    const address = this.#index.find(hash, view, start, end);
    this.#key = bytes;
    this.#keyView = view;
    this.#keyStart = start;
    this.#keyEnd = end;
    this.#keyHash = hash;
    this.#address = address;
    if (address === 0) {
      this.misses++;
      if (this.onMiss !== null) this.#tellOfMiss();
      return false;
    }
    const window = this.#stage.windowOf(address);
    const offset = this.#stage.offsetOf(address);
    const expireAt = expireAtOf(window, offset);
    const length = window.i32[(offset >> 2) + record.valueLengthWord];
    if (length >= readAheadBytesMin) this.#readAhead(address, length);
    const isUsable = !this.#table.hasUnverified || this.#isIntact(address);
    if (!isUsable || expireAt !== 0 && expireAt < this.now) {
      this.misses++;
      if (this.onMiss !== null) this.#tellOfMiss();
      return false;
    }
    this.hits++;
    if (this.#touchesFound) this.#eviction.touch(hash, this.now);
    const valueStart = offset + recordHeaderBytes + (end - start);
    this.foundBytes = window.u8;
    this.foundStart = valueStart;
    this.foundEnd = valueStart + length;
    this.foundExpireAt = expireAt;
    return true;
  }

  /** A large value may be on the disk: asked for as a whole, it comes sooner than page by page. */
  #readAhead(address: number, length: number): void {
    const windowStart = (address >>> 26) * windowBytes;
    this.#file.readAhead(windowStart + offsetOf(address), length);
  }

  /** Bytes that the key of the last `find`, which found it, takes in the file and the index. */
  get bytesOfFound(): number {
    const record = recordBytes(this.#keyEnd - this.#keyStart, this.foundEnd - this.foundStart);
    return record + indexBytesPerKey;
  }

  /** Where the record of the key of the last `find`, which found it, stands in the file, in bytes. */
  get fileOffsetOfFound(): number {
    const table = this.#table;
    const segment = table.firstOf[this.#address >>> table.addressShift];
    return this.#fileOffsetOf(segment, offsetOf(this.#address));
  }

  #fileOffsetOf(segment: number, offset: number): number {
    return this.#file.header.u8.length + this.#log.bodyOffset(segment, offset);
  }

  /** Has every record be verified when it is used next, as if another process had written it. */
  distrust(): void {
    this.#assertOpen();
    this.#log.unstage();
    this.#distrustAll();
  }

  /**
   * The disk has failed: pages that it did not take are lost as soon as the kernel needs their memory, and what was there
   * before is read instead. The next opening reads the log, and goes by nothing that the index says.
   */
  #endTrust(): void {
    this.#distrustAll();
    this.#index.giveUp();
    // That mark may be lost as well; it comes to the disk if anything does.
    void this.#indexFile.syncInBackground([]);
  }

  #distrustAll(): void {
    const table = this.#table;
    const { head, sealed } = segmentState;
    for (let i = 0; i < table.count; i++) {
      if (table.state[i] === head || table.state[i] === sealed) {
        table.setUnverified(i, this.#log.seedOf(i));
      }
    }
    this.#verified.clear();
    this.#index.onOtherKey = this.#checkOtherKey;
  }

  #tellOfMiss(): void {
    this.onMiss?.(this.#key, this.#keyStart, this.#keyEnd);
  }

  /**
   * Whether a record is what was written. What another process has left is verified when it is used:
   * a damaged record counts as missing, and is reported.
   */
  #isIntact(address: number): boolean {
    const table = this.#table;
    const segment = table.firstOf[address >>> table.addressShift];
    if (table.unverified[segment] === 0 || this.#verified.has(address)) return true;
    const window = this.#stage.windowOf(address);
    const offset = offsetOf(address);
    const place = this.#stage.offsetOf(address);
    const bytes = recordBytesAt(window, place);
    const left = this.#log.endOf(segment) - offset;
    const word = place >> 2;
    const { i32 } = window;
    const seed = recordSeed(table.seeds[segment], offset);
    if (
      bytes > 0 && bytes <= left &&
      checksum(i32, word, bytes >> 2, seed) === i32[word + record.checksumWord]
    ) {
      // Once is enough for what takes long.
      if (bytes > verifiedBytesMin && this.#verified.size < verifiedMax) {
        this.#verified.add(address);
      }
      return true;
    }
    this.#reportDamaged(segment, offset, Math.min(left, Math.max(bytes, recordHeaderBytes)));
    return false;
  }

  /** An entry with a hash leads to a key that has it as well, or something is damaged. */
  readonly #checkOtherKey = (address: number, hash: number): void => {
    if (!this.#isIntact(address)) return;
    const window = this.#stage.windowOf(address);
    const offset = this.#stage.offsetOf(address);
    const found = this.#hash.ofView(
      window.view,
      offset + recordHeaderBytes,
      keyEndAt(window, offset),
    );
    if (found !== hash) this.#index.reportDamage();
  };

  #reportDamaged(segment: number, offset: number, bytes: number): void {
    const fileOffset = this.#fileOffsetOf(segment, offset);
    const isKnown = this.damages.some((damage) => damage.fileOffset === fileOffset);
    if (isKnown || this.damages.length >= damagesMax) return;
    this.damages.push({ fileOffset, bytes, reason: "a record cannot be read" });
    this.#table.damaged[segment] = 1;
    // The next start reads everything, and says all that there is to say.
    this.#index.reportDamage();
  }

  /**
   * Visits about `count` keys, in the order of their hashes, from where `cursor` stands (0: from the
   * start). Returns the cursor to go on with, 0 at the end. A key that exists all the time while a
   * scan goes on is visited; one that comes or goes meanwhile, perhaps; one in many is visited twice.
   */
  scan(cursor: number, count: number, visit: KeyVisitor): number {
    let left = count;
    let from = cursor < 2 ** 32 ? cursor : 0;
    if (from !== cursor) return 0;
    this.#assertOpen();
    do {
      const entries = this.#index.collect(from, Math.min(left, scanEntriesMax));
      const { collected } = this.#index;
      for (let i = 0; i < entries; i++) this.#visit(collected[i], visit);
      from = this.#index.nextHash;
      left -= entries;
    } while (left > 0 && from !== 0);
    return from;
  }

  #visit(address: number, visit: KeyVisitor): void {
    const window = this.#stage.windowOf(address);
    const offset = this.#stage.offsetOf(address);
    if (this.#table.hasUnverified && !this.#isIntact(address)) return;
    if (this.#isExpired(address)) return;
    visit(window.u8, offset + recordHeaderBytes, keyEndAt(window, offset));
  }

  #isExpired(address: number): boolean {
    const expireAt = expireAtOf(this.#stage.windowOf(address), this.#stage.offsetOf(address));
    return expireAt !== 0 && expireAt < this.now;
  }

  /** Picks some key: the `foundKey` fields tell which. False when there is none. */
  randomKey(): boolean {
    this.#assertOpen();
    const start = Math.floor(Math.random() * 2 ** 32);
    // From a random hash on, and around once: the keys there may all have expired.
    return this.#randomKeyFrom(start) || this.#randomKeyFrom(0);
  }

  #randomKeyFrom(start: number): boolean {
    const candidates = 32;
    let from = start;
    do {
      const entries = this.#index.collect(from, candidates);
      // Not just the first one: a key behind a large gap of hashes would come up too often.
      const first = Math.floor(Math.random() * entries);
      for (let i = 0; i < entries; i++) {
        const address = this.#index.collected[(first + i) % entries];
        const window = this.#stage.windowOf(address);
        const offset = this.#stage.offsetOf(address);
        if (this.#table.hasUnverified && !this.#isIntact(address)) continue;
        if (this.#isExpired(address)) continue;
        this.foundKeyBytes = window.u8;
        this.foundKeyStart = offset + recordHeaderBytes;
        this.foundKeyEnd = keyEndAt(window, offset);
        return true;
      }
      from = this.#index.nextHash;
    } while (from !== 0);
    return false;
  }

  // --- the cursor interface: writing -----------------------------------------------------------

  /** Sets the key of the last `find` to `value[start, end)`; `expireAt` in Unix ms, 0 for never. */
  put(value: Uint8Array, start: number, end: number, expireAt: number): void {
    const at = this.reserve(end - start, expireAt);
    if (value === this.ahead.bytes && end - start < shortValueBytes) {
      writeBytes(this.#log.headWindow.i32, at, this.ahead.view, start, end);
    } else {
      copyBytes(this.reservedBytes, at, value, start, end);
    }
    this.commit();
  }

  /**
   * The same in two steps, for a value that is computed: returns where in `reservedBytes` to write
   * its `length` bytes; `commit` then makes it the key's value. What `find` found stays readable in
   * between. Throws StoreError NO_SPACE, TOO_LARGE, SYNC_FAILED; then nothing has changed.
   */
  reserve(length: number, expireAt: number): number {
    try {
      return this.#reserve(length, expireAt);
    } catch (error) {
      this.#batch.fail();
      throw error;
    }
  }

  #reserve(length: number, expireAt: number): number {
    const keyLength = this.#keyEnd - this.#keyStart;
    if (this.#durability.failure !== null || this.#closed) this.#refuseWrite();
    if (keyLength > this.#limits.keyBytesMax || length > this.#limits.valueBytesMax) {
      this.#refuseSize(keyLength, length);
    }
    const log = this.#log;
    const bytes = recordBytes(keyLength, length);
    const flags = this.#batch.join("write", bytes);
    if (this.#address === 0) {
      this.#index.prepareInsert(this.#keyHash, this.#keyView, this.#keyStart, this.#keyEnd);
    }
    const offset = log.reserve(bytes, flags === 0 ? 0 : batchEndBytes);
    log.writeHeader(offset, recordKind.put | flags << 16, keyLength, length);
    log.headWindow.f64[(offset >> 3) + record.expireAtF64] = expireAt;
    const at = this.#writeKey(offset);
    this.#reservedOffset = offset;
    this.#reservedLength = bytes;
    this.#reservedExpireAt = expireAt;
    this.reservedBytes = log.headWindow.u8;
    return at;
  }

  /** Copies the key behind a record's header; returns where it ends. */
  #writeKey(offset: number): number {
    const at = offset + recordHeaderBytes;
    writeBytes(this.#log.headWindow.i32, at, this.#keyView, this.#keyStart, this.#keyEnd);
    return at + this.#keyEnd - this.#keyStart;
  }

  /** Completes the write that `reserve` began. Throws StoreError SYNC_FAILED; then nothing has changed. */
  commit(): void {
    const log = this.#log;
    const address = log.addressOf(this.#reservedOffset);
    const old = this.#address;
    const expireAt = this.#reservedExpireAt;
    try {
      log.append(this.#reservedLength);
    } catch (error) {
      this.#batch.fail();
      throw error;
    }
    if (this.#batch.depth > 0) this.#batch.note(address, old);
    if (expireAt !== 0) this.#noteDeadline(expireAt, old);
    this.#table.addLive(address, this.#reservedLength);
    if (old !== 0) {
      this.#index.replace(address);
      this.#records.retire(old);
    } else {
      this.#index.insert(this.#keyHash, address);
      if (this.#touchesNew) this.#eviction.touch(this.#keyHash, this.now);
    }
    if (this.#watched.size > 0) this.#watched.touch(this.#key, this.#keyStart, this.#keyEnd);
    this.#address = address;
    if (this.onChange !== null) this.#tellOfWrite(old);
  }

  /** The key of the last `find` has a new record with a deadline; the one at `old` may have had one, too. */
  #noteDeadline(expireAt: number, old: number): void {
    const before = old === 0 ? 0 : expireAtOf(this.#stage.windowOf(old), this.#stage.offsetOf(old));
    if (before === 0) this.#expiry.added(expireAt, this.#keyHash, this.now);
    else this.#expiry.renewed(expireAt, this.#keyHash, before, this.now);
  }

  /** The key of the last `find` has a new record, after the one at `old`. */
  #tellOfWrite(old: number): void {
    const wasExpired = old !== 0 && this.#isExpired(old);
    if (wasExpired) this.#tell(keyChange.expired);
    this.#tell(old === 0 || wasExpired ? keyChange.added : keyChange.changed);
  }

  #tell(change: number): void {
    this.onChange?.(change, this.#key, this.#keyStart, this.#keyEnd);
  }

  /** Removes the key of the last `find`, which found it. */
  remove(): void {
    try {
      this.#remove();
    } catch (error) {
      this.#batch.fail();
      throw error;
    }
    if (this.#watched.size > 0) this.#watched.touch(this.#key, this.#keyStart, this.#keyEnd);
    if (this.onChange !== null) this.#tell(keyChange.removed);
  }

  #remove(): void {
    if (this.#durability.failure !== null || this.#closed) this.#refuseWrite();
    const log = this.#log;
    const keyLength = this.#keyEnd - this.#keyStart;
    const bytes = recordBytes(keyLength, 0);
    const flags = this.#batch.join("delete", bytes);
    const offset = log.reserveFor("delete", bytes, flags === 0 ? 0 : batchEndBytes);
    log.writeHeader(offset, recordKind.delete | flags << 16, keyLength, 0);
    this.#writeKey(offset);
    const address = log.addressOf(offset);
    log.append(bytes);
    if (this.#batch.depth > 0) this.#batch.note(0, this.#address);
    this.#index.remove();
    this.#records.retire(this.#address);
    this.#table.addLive(address, bytes);
    this.#indexHeader.tombstoneBytes += bytes;
    this.#address = 0;
  }

  /** Gives the key of the last `find`, which found it, another deadline (Unix ms; 0: none). */
  setExpiry(expireAt: number): void {
    this.put(this.foundBytes, this.foundStart, this.foundEnd, expireAt);
  }

  /** Removes every key. */
  clear(): void {
    if (this.#durability.failure !== null || this.#closed) this.#refuseWrite();
    if (this.#watched.size > 0) {
      this.#watched.touchAll((key) => this.find(key, 0, key.length));
    }
    const log = this.#log;
    const bytes = recordBytes(0, 0);
    const flags = this.#batch.join("compaction", bytes);
    const offset = log.reserveFor("compaction", bytes, flags === 0 ? 0 : batchEndBytes);
    log.writeHeader(offset, recordKind.delete | (flags | recordFlag.all) << 16, 0, 0);
    const address = log.addressOf(offset);
    log.append(bytes);
    this.#index.clear();
    this.#expiry.clear();
    this.#indexHeader.tombstoneBytes = 0;
    const { table } = log;
    for (let i = 0; i < table.count; i++) {
      table.liveTotal -= table.liveBytes[i];
      table.liveBytes[i] = 0;
    }
    table.addLive(address, bytes);
    table.holdsClear[log.head] = 1;
    this.#batch.forget();
    this.#clearedBefore = table.sequence[log.head];
    if (this.#batch.depth === 0) this.#letClearedGo();
    this.onClear?.();
  }

  /** Segments of which nothing counts since `clear` are freed as soon as that is durable. */
  #letClearedGo(): void {
    const { table, position } = this.#log;
    this.#compaction.reset();
    for (let i = 0; i < table.count; i++) {
      if (table.state[i] !== segmentState.sealed || table.damaged[i] === 1) continue;
      if (table.sequence[i] < this.#clearedBefore) table.evacuate(i, position, false);
    }
    this.#clearedBefore = 0;
  }

  #refuseWrite(): never {
    if (this.#closed) throw new StoreError("CLOSED", `Cannot write ${this.path}: it is closed`);
    throw this.#durability.failure;
  }

  #refuseSize(keyLength: number, valueLength: number): never {
    const { keyBytesMax, valueBytesMax } = this.#limits;
    const what = keyLength > keyBytesMax
      ? `key of ${keyLength} bytes: at most ${keyBytesMax} are allowed`
      : `value of ${valueLength} bytes: at most ${valueBytesMax} are allowed`;
    throw new StoreError("TOO_LARGE", `Cannot store a ${what}`);
  }

  // --- batches ---------------------------------------------------------------------------------

  /**
   * What is written until the matching `endBatch` happens as a whole or, after a crash, not at all.
   * Batches nest; only the outermost one is one unit after a crash. Nothing is done in the background until it ends: neither
   * are keys that have expired removed, nor is space made. When a write in a batch throws,
   * its `endBatch` takes back all that the batch wrote. So does `endBatch` of the outermost one when it throws
   * SYNC_FAILED, which it does outside of turns only.
   */
  beginBatch(): void {
    this.#batch.begin();
  }

  /** Takes back what the open batch has written: `endBatch` will. */
  failBatch(): void {
    this.#batch.fail();
  }

  endBatch(): void {
    if (this.#batch.end() && this.#clearedBefore > 0) this.#letClearedGo();
  }

  // --- watching --------------------------------------------------------------------------------

  /** Begins to watch a key; returns its version, which every write to it raises. */
  watch(key: Uint8Array): number {
    return this.#watched.watch(key);
  }

  /** The version of a watched key. */
  versionOf(key: Uint8Array): number {
    return this.#watched.versionOf(key);
  }

  /** Ends one `watch` of the key. */
  unwatch(key: Uint8Array): void {
    this.#watched.unwatch(key);
  }

  // --- the simple interface --------------------------------------------------------------------

  /** The value of a key, or null. */
  get(key: Uint8Array | string): Uint8Array | null {
    if (!this.#findNow(key)) return null;
    return this.foundBytes.slice(this.foundStart, this.foundEnd);
  }

  /** Whether there is such a key. */
  has(key: Uint8Array | string): boolean {
    return this.#findNow(key);
  }

  /**
   * Sets a key. Throws StoreError NO_SPACE, TOO_LARGE, SYNC_FAILED, CLOSED; RangeError when the deadline is no whole number.
   */
  set(key: Uint8Array | string, value: Uint8Array | string, options: SetOptions = {}): void {
    const { expireAt = 0 } = options;
    if (!Number.isSafeInteger(expireAt)) {
      throw new RangeError(`Cannot set a key to expire at ${expireAt}: not a time in Unix ms`);
    }
    this.#findNow(key);
    const bytes = toBytes(value);
    this.put(bytes, 0, bytes.length, expireAt);
    this.tick();
  }

  /** Removes a key; returns whether it existed. */
  delete(key: Uint8Array | string): boolean {
    if (!this.#findNow(key)) return false;
    this.remove();
    this.tick();
    return true;
  }

  /** Every key, as bytes of its own. Keys that come or go meanwhile may be missing. */
  *keys(): Generator<Uint8Array> {
    const batch: Uint8Array[] = [];
    let cursor = 0;
    do {
      this.now = this.#clock();
      cursor = this.scan(cursor, 256, (bytes, start, end) => batch.push(bytes.slice(start, end)));
      yield* batch;
      batch.length = 0;
    } while (cursor !== 0);
  }

  #findNow(key: Uint8Array | string): boolean {
    this.#assertOpen();
    this.now = this.#clock();
    const bytes = toBytes(key);
    return this.find(bytes, 0, bytes.length);
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreError("CLOSED", `Cannot read ${this.path}: it is closed`);
  }

  // --- in the background -----------------------------------------------------------------------

  /** Within a batch, nothing is done in the background: it would be taken back with what the batch has written. */
  get isWithinBatch(): boolean {
    return this.#batch.depth > 0;
  }

  /** A slice of the work in the background; to be called after each batch of writes. */
  tick(): void {
    const isWithinTurn = this.#batch.isTurn;
    this.#batch.isTurn = true;
    this.#housekeeping.tick();
    if (!isWithinTurn) this.endTurn();
  }

  /**
   * Until `endTurn`, what is written is not written to the file each by itself, but together at the end: nobody may be
   * told of it before, since it may be lost with this process.
   */
  beginTurn(): void {
    this.#batch.isTurn = true;
  }

  /** The end of a turn. When its writes cannot be written to the file, `failure` says so, and `isConfirmable` is false. */
  endTurn(): void {
    this.#batch.isTurn = false;
    if (this.#durability.failure !== null || this.#closed) return;
    try {
      this.#log.writeOut();
      // What a batch has written may be taken back.
      if (this.#batch.depth === 0) this.#indexHeader.appliedPosition = this.#log.position;
    } catch (error) {
      if (this.#durability.failure === null) throw error;
    }
  }

  readonly #removeExpired = (address: number): void => this.#removeAt(address, keyChange.expired);

  #removeAt(address: number, change: number): void {
    const window = this.#stage.windowOf(address);
    const offset = this.#stage.offsetOf(address);
    const { onMiss } = this;
    this.onMiss = null; // Nobody asked for it.
    this.find(window.u8, offset + recordHeaderBytes, keyEndAt(window, offset));
    this.onMiss = onMiss;
    // A damaged record is not its key's: it stays, and is not found.
    if (this.#address !== address) return;
    this.#remove();
    if (this.onChange !== null) this.#tell(change);
  }

  /** As `#removeAt`, for a key that exists: whoever watches it has to know. */
  readonly #evictAt = (address: number): void => {
    this.#removeAt(address, keyChange.evicted);
    if (this.#watched.size > 0) this.#watched.touch(this.#key, this.#keyStart, this.#keyEnd);
  };

  /**
   * Begins to go through the whole log in the background, to leave nothing in it that does not count,
   * and to make the file as short as it can be. False when that is going on already.
   */
  compact(): boolean {
    return this.#housekeeping.beginFullPass();
  }

  /**
   * Copies the store, as it is now, to a new file, while it goes on being written. Resolves to the bytes
   * of the log that were copied, when they are on the disk. Rejects with StoreError EXISTS, BUSY, CLOSED
   * (the store was closed meanwhile) or a SystemError; then there is no such file.
   */
  async backUp(path: string): Promise<number> {
    this.#assertOpen();
    return await this.#backups.make(path);
  }

  /** How far `backUp` has come, 0 to 1; null when none is going on. */
  get backupShare(): number | null {
    return this.#backups.share;
  }

  /** How far `compact` has come, 0 to 1; null when it is not going on. */
  get compactionShare(): number | null {
    return this.#housekeeping.fullPassShare;
  }

  /** Told how long each slice of work in the background took, in ms; null when nobody wants to know. */
  set onSlice(onSlice: ((kind: SliceKind, ms: number) => void) | null) {
    this.#housekeeping.onSlice = onSlice;
  }

  /** The largest size of the file in bytes, Infinity for none; and what happens when it is reached. */
  get sizeLimit(): SizeLimit {
    return { bytesMax: this.#eviction.bytesMax, policy: this.#eviction.policy };
  }

  /** Throws StoreError TOO_SMALL when there would not be room to work in. */
  set sizeLimit({ bytesMax, policy }: SizeLimit) {
    const least = this.#eviction.bytesMaxMin;
    if (bytesMax < least) {
      throw new StoreError(
        "TOO_SMALL",
        `Cannot limit a store to ${bytesMax} bytes: ${least} at least`,
      );
    }
    this.#eviction.configure(bytesMax, policy, this.#clock());
    this.#touchesNew = this.#eviction.wantsTouches;
    this.isUntouched = this.#isUntouched;
    this.#housekeeping.arm();
  }

  /**
   * For how many seconds the key that was found last was not used, about: keys share what remembers it. -1
   * unless the eviction policy wants to know. To be looked for with `isUntouched` set.
   */
  get idleSecondsOfFound(): number {
    return this.#eviction.idleSeconds(this.#keyHash, this.now);
  }

  /** While it is set, to find a key does not count as using it: its turn to be evicted stays. */
  get isUntouched(): boolean {
    return this.#isUntouched;
  }

  set isUntouched(isUntouched: boolean) {
    this.#isUntouched = isUntouched;
    this.#touchesFound = this.#touchesNew && !isUntouched;
  }

  /** The smallest size that the store can be limited to, in bytes. */
  get sizeLimitMin(): number {
    return this.#eviction.bytesMaxMin;
  }

  /**
   * Writers await this when `isShortOfRoomFor` about so many bytes: it resolves when there is
   * room again, or when there will be none.
   */
  whenRoom(bytes = 0): Promise<void> {
    return this.#housekeeping.whenRoom(bytes);
  }

  /**
   * There is little room in a store that evicts keys; or, in any store, no neighbouring segments for a record of so many bytes
   * that needs some, though there may be room for them.
   */
  isShortOfRoomFor(bytes: number): boolean {
    return this.#housekeeping.isShortOfRoomFor(bytes);
  }

  get isShortOfRoom(): boolean {
    return this.isShortOfRoomFor(0);
  }

  // --- durability ------------------------------------------------------------------------------

  /** When changes are synced to the disk; may be set at any time. */
  get syncPolicy(): SyncPolicy {
    return this.#durability.policy;
  }

  set syncPolicy(policy: SyncPolicy) {
    this.#durability.policy = policy;
    this.#durability.schedule();
  }

  /**
   * More was changed than the disk takes, with the policy `everysec`: writers await `whenDiskCaughtUp`, so that
   * no more than some two seconds of changes can be lost, however slow the disk is. Where much is written, this begins
   * after one second, with waits of milliseconds.
   */
  get isDiskBehind(): boolean {
    return this.#durability.isBehind;
  }

  /** Resolves when the disk has caught up, or had a little time to, or has failed: then the next change says so. */
  whenDiskCaughtUp(): Promise<void> {
    return this.#durability.whenCaughtUp();
  }

  /** Where the log ends: what was written so far is before it. */
  get position(): number {
    return this.#log.position;
  }

  /** Everything before this position is on the disk. */
  get durablePosition(): number {
    return this.#durability.durablePosition;
  }

  /** What was written so far may be told of: it survives this process, and with the policy `always` the machine. */
  get isConfirmable(): boolean {
    return this.#durability.policy === "always"
      ? this.durablePosition >= this.position
      : this.#log.isWrittenOut;
  }

  /** Why nothing can be written any more, or null. */
  get failure(): StoreError | null {
    return this.#durability.failure;
  }

  /**
   * Resolves when all that was written before is on the disk, but for the batch that is open. Rejects with StoreError
   * SYNC_FAILED.
   */
  sync(): Promise<void> {
    return this.#durability.whenDurable(this.#log.settledPosition);
  }

  /** The same for a position. */
  whenDurable(position: number): Promise<void> {
    return this.#durability.whenDurable(position);
  }

  /**
   * With the policy `always`: syncs what was written, if that will be brief. Returns how many milliseconds
   * that took, 0 when nothing was done: then `whenDurable` has to be awaited.
   */
  syncBriefly(): number {
    if (this.#durability.policy !== "always") return 0;
    return this.durablePosition < this.position ? this.#durability.syncBriefly() : 0;
  }

  /** Returns when all that was written before is on the disk, but for the batch that is open. Throws StoreError SYNC_FAILED. */
  syncNow(): void {
    this.#durability.syncNow();
  }

  /** Bytes of address space that are mapped, backed by the files or not. */
  get mappedBytes(): number {
    return [this.#file, this.#indexFile]
      .flatMap(({ header, windows }) => [header, ...windows])
      .reduce((sum, { u8 }) => sum + u8.length, 0);
  }

  /** Throws StoreError CLOSED, as all does that reads. */
  get statistics(): StoreStatistics {
    this.#assertOpen();
    const { state } = this.#superblock;
    return {
      keys: this.count,
      volatileKeys: this.#expiry.volatileKeys,
      queuedDeadlines: this.#expiry.queue.size,
      expiredKeys: this.#expiry.expiredKeys,
      evictedKeys: this.#eviction.evictedKeys,
      fileBytes: this.#file.header.u8.length + this.#file.bodyBytes,
      liveBytes: this.#table.liveTotal,
      usedBytes: this.#compaction.usedBytes,
      indexBytes: this.#index.bytes,
      segmentsEmptied: this.#compaction.emptied,
      copiedBytes: this.#compaction.copiedBytes,
      movingBytes: this.#compaction.movingBytes,
      syncRounds: this.#durability.rounds,
      syncing: this.#durability.running,
      unsyncedBytes: this.#log.position - this.#durability.durablePosition,
      unsyncedRecords: this.#log.appendedRecords - this.#durability.syncedRecords,
      unsyncedMs: Math.ceil(this.#durability.lagMs),
      syncDelays: this.#durability.delays,
      segmentsByFill: this.#table.countByFill(10, this.#limits.segmentBytes),
      indexDepth: this.#index.directoryBits,
      indexFill: this.#index.count / (this.#index.pageCount * this.#limits.slotsPerPage),
      lastSyncMs: state.lastSyncMs,
      lastSyncDurationMs: this.#durability.lastRoundMs,
      syncDurationMs: this.#durability.roundMs,
      meanTtlMs: this.#expiry.meanTtlMs(this.now),
      expiryMs: this.#housekeeping.expiryMs,
      damages: this.damages.length,
    };
  }

  /** Nothing of it may be read or written any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Syncs everything, marks the store as closed in order, and lets go of the files. Resolves when that is done. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#housekeeping.close();
    await this.#backups.close();
    this.#log.close();
    await this.#durability.close();
    try {
      if (this.#durability.failure === null) this.#closeInOrder();
    } finally {
      await this.#indexFile.close();
      await this.#file.close();
    }
  }

  #closeInOrder(): void {
    this.#durability.syncNow();
    // A batch that is open has not happened: the next opening takes it back.
    if (this.isWithinBatch) return;
    if (!this.#index.isDamaged) {
      this.#syncIndex();
    }
    const { state } = this.#superblock;
    state.clean = true;
    state.durablePosition = this.#log.position;
    state.nextSequence = this.#log.nextSequence;
    this.#superblock.write();
    this.#file.syncHeader();
  }

  #syncIndex(): void {
    try {
      this.#indexFile.sync(0, indexBytes(this.#index));
      this.#indexHeader.markClean();
      this.#indexFile.syncHeader();
    } catch (error) {
      // A later sync would succeed without the pages that were lost.
      this.#index.giveUp();
      throw error;
    }
  }
}

function toBytes(text: Uint8Array | string): Uint8Array {
  return typeof text === "string" ? encoder.encode(text) : text;
}
