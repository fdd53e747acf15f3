/** Reading a store's values straight out of its files, beside the server that writes them. */
import { matchGlob } from "../commands/glob.ts";
import { StoreError } from "../store/errors.ts";
import { defaultLimits } from "../store/limits.ts";
import { SharedReader, type SharedReaderOptions } from "../store/shared_reader.ts";

/** What `getInto` returns then. */
const noSuchKey = -1;
/** Larger values are not allocated room for before it is sure that they are there. */
const unsureBytesMax = 65536;
const slabBytes = 65_536;
const slabValueBytesMax = 1024;
/** Keys of `getMany` whose cache misses overlap. */
const groupKeys = 32;
const asterisk = 0x2a;
/** Room for the longest key as text; what takes more cannot be a key. */
const keyScratchBytes = 3 * defaultLimits.keyBytesMax + 64;
const waitMsMaxDefault = 10_000;

const encoder = new TextEncoder();
/** A mark of the byte order is a character like all others. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export interface KeyValueReaderOptions {
  /**
   * How long a call may wait, in milliseconds; 10,000 unless given. It waits while the server is within a
   * transaction or starts, microseconds as a rule; then it throws a StoreError BUSY.
   */
  readonly waitMsMax?: number;
  /** The time in Unix ms that deadlines are compared with; `Date.now` unless given. */
  readonly clock?: () => number;
}

export interface GetManyOptions {
  /**
   * Values that one transaction (or MSET, RENAME ...) has written come all or none; true unless given. Under
   * a flood of transactions that may take long, and end with StoreError BUSY; false: each key on its own.
   */
  readonly whole?: boolean;
}

export interface ReaderScanOptions {
  /** A pattern as SCAN and KEYS know it, such as `user:*`; all keys unless given. */
  readonly match?: string | Uint8Array;
}

/** What `stats` tells. */
export interface KeyValueReaderStats {
  /** Entries of the index: keys, expired ones that the server has not removed yet included. */
  readonly keys: number;
  /** Bytes of the store's file, and of the pages of its index. */
  readonly fileBytes: number;
  readonly indexBytes: number;
  /** A process has the store open for writing now. */
  readonly isServed: boolean;
  /**
   * `index`: values are found through `store.db-index`. `log`: that cannot be believed (the machine has
   * been down, or the server was killed within a change) and nobody serves the store, so that this reader has
   * read all of the log into an index of its own.
   */
  readonly source: "index" | "log";
  /** Bytes of damaged records that were met when the log was read; `kv check` tells more. */
  readonly damagedBytes: number;
  /** How often a damaged record was met since: it counts as missing. */
  readonly damagedReads: number;
  /** Another file is at the path by now: this reader reads the one that was there. Open a new one. */
  readonly isReplaced: boolean;
  /** How often something was read again since it had changed, and how often a call has slept. */
  readonly retries: number;
  readonly sleeps: number;
}

/**
 * Reads a store that another process serves, or nobody does, out of shared memory: no request, no copy
 * through a socket, no lock. It writes nothing, and holds up nobody, whatever happens to it; any number may
 * read. It sees all that was acknowledged before a call began, or something newer, also what is about to be
 * acknowledged. Keys that have expired are not seen. Who may read the files, may read.
 *
 * All methods are synchronous. They go on while the server writes, compacts, grows and shrinks the file,
 * removes all keys, is killed and started again; a call waits while a transaction is written or a store
 * is opened. Needs `--allow-ffi` and `--allow-read`; Linux on x86_64.
 *
 * @example
 * ```ts
 * import { KeyValueReader } from "@kv/kv";
 *
 * using reader = KeyValueReader.open("store.db");
 * console.log(reader.getText("greeting")); // hello, or null
 * const buffer = new Uint8Array(1024);
 * const length = reader.getInto("greeting", buffer);
 * if (length >= 0 && length <= buffer.length) console.log(buffer.subarray(0, length));
 * for (const key of reader.scan({ match: "user:*" })) console.log(key);
 * ```
 */
export class KeyValueReader implements Disposable {
  readonly #reader: SharedReader;
  /** Where a key that is text is encoded. */
  #scratch: Uint8Array = new Uint8Array(256);
  readonly #hashes = new Int32Array(groupKeys);
  /** The last buffer of `getInto`, and its words if they are aligned. */
  #buffer: Uint8Array = new Uint8Array(0);
  #bufferWords: Int32Array | null = null;
  /** One of a resizable memory may have become longer or shorter. */
  #bufferLength = 0;
  /** Short values are put one behind the other into memory that is allocated at once. */
  #slab = new ArrayBuffer(0);
  #slabWords = new Int32Array(this.#slab);
  #slabUsed = 0;
  #closed = false;

  private constructor(reader: SharedReader) {
    this.#reader = reader;
  }

  /**
   * Opens a store for reading; its index is at `PATH-index`.
   *
   * Throws a StoreError: NOT_A_STORE (something else, or of another version, or nothing that may be read), UNSUPPORTED
   * (this machine, or another version of kv has it open), BUSY (it has been within a change for too long);
   * `Deno.errors.NotFound` when there is no such file; a SystemError when one cannot be mapped.
   */
  static open(path: string, options: KeyValueReaderOptions = {}): KeyValueReader {
    const { waitMsMax = waitMsMaxDefault, clock = Date.now } = options;
    return new KeyValueReader(new SharedReader(path, { waitMsMax, clock }));
  }

  /** For tests: with sizes of their own, and hooks.
   * @internal
   */
  static openWith(path: string, options: SharedReaderOptions): [KeyValueReader, SharedReader] {
    const reader = new SharedReader(path, options);
    return [new KeyValueReader(reader), reader];
  }

  /** The store's path, as it was given. */
  get path(): string {
    return this.#reader.path;
  }

  /**
   * The value of a key, as bytes of the caller's own; null when there is none. Short values have their
   * `buffer` in common with others: `slice()` makes one that can be transferred.
   */
  get(key: string | Uint8Array): Uint8Array | null {
    const reader = this.#reader;
    const bytes = typeof key === "string" ? this.#scratchFor(key) : key;
    const end = typeof key === "string" ? encodeKey(key, bytes) : key.length;
    const hash = reader.hashOf(bytes, 0, end);
    return this.#get(hash, bytes, end);
  }

  #get(hash: number, bytes: Uint8Array, end: number): Uint8Array | null {
    const reader = this.#reader;
    while (reader.find(hash, bytes, 0, end)) {
      if (reader.valueLength > unsureBytesMax && !reader.isStill()) continue;
      const value = this.#room(reader.valueLength);
      const words = value.length <= slabValueBytesMax ? this.#slabWords : null;
      if (reader.copyTo(value, words, value.byteOffset >> 2)) return value;
    }
    return null;
  }

  /** As `get`, for values that are UTF-8. */
  getText(key: string | Uint8Array): string | null {
    const value = this.get(key);
    return value === null ? null : decoder.decode(value);
  }

  /**
   * Copies the value of a key to the start of `buffer`, without allocating anything. Returns the value's
   * length in bytes; -1: there is no such key. A length above `buffer.length` says that the buffer is too
   * small: nothing was copied then.
   */
  getInto(key: string | Uint8Array, buffer: Uint8Array): number {
    const reader = this.#reader;
    const bytes = typeof key === "string" ? this.#scratchFor(key) : key;
    const end = typeof key === "string" ? encodeKey(key, bytes) : key.length;
    const hash = reader.hashOf(bytes, 0, end);
    if (buffer !== this.#buffer || buffer.length !== this.#bufferLength) this.#noteBuffer(buffer);
    while (reader.find(hash, bytes, 0, end)) {
      const length = reader.valueLength;
      if (length > buffer.length ? reader.isStill() : reader.copyTo(buffer, this.#bufferWords, 0)) {
        return length;
      }
    }
    return noSuchKey;
  }

  #noteBuffer(buffer: Uint8Array): void {
    const { byteOffset, length } = buffer;
    this.#buffer = buffer;
    this.#bufferLength = length;
    this.#bufferWords = byteOffset % 4 === 0
      ? new Int32Array(buffer.buffer, byteOffset, length >> 2)
      : null;
  }

  /** New bytes. The runtime takes a microsecond for an ArrayBuffer of its own for each of them. */
  #room(length: number): Uint8Array {
    if (length > slabValueBytesMax) return new Uint8Array(length);
    // Who was given some of it may have transferred all of it: then it has no bytes.
    if (this.#slabUsed + length >= this.#slabWords.byteLength) {
      this.#slab = new ArrayBuffer(slabBytes);
      this.#slabWords = new Int32Array(this.#slab);
      this.#slabUsed = 0;
    }
    const bytes = new Uint8Array(this.#slab, this.#slabUsed, length);
    this.#slabUsed += length + 7 & ~7;
    return bytes;
  }

  /** Whether there is such a key. */
  has(key: string | Uint8Array): boolean {
    const reader = this.#reader;
    const bytes = typeof key === "string" ? this.#scratchFor(key) : key;
    const end = typeof key === "string" ? encodeKey(key, bytes) : key.length;
    const hash = reader.hashOf(bytes, 0, end);
    while (reader.find(hash, bytes, 0, end)) if (reader.isStill()) return true;
    return false;
  }

  /**
   * The values of many keys, in their order; null where there is none. What one transaction has written is
   * among them as a whole or not at all. Quicker than calls of `get`: the memory is waited for once for
   * many keys.
   */
  getMany(
    keys: readonly (string | Uint8Array)[],
    options: GetManyOptions = {},
  ): (Uint8Array | null)[] {
    const { whole = true } = options;
    const encoded = keys.map((key) => typeof key === "string" ? encoder.encode(key) : key);
    const values = new Array<Uint8Array | null>(keys.length);
    const reader = this.#reader;
    let triesUntilMs = 0;
    while (!this.#getAll(encoded, values, whole)) {
      const now = performance.now();
      if (triesUntilMs === 0) triesUntilMs = now + reader.waitMsMax;
      else if (now > triesUntilMs) {
        throw new StoreError(
          "BUSY",
          `Cannot read ${keys.length} keys of ${this.path} between two transactions; ask for fewer, ` +
            "or for each on its own (whole: false)",
        );
      }
    }
    return values;
  }

  /** False: a transaction came in between. */
  #getAll(keys: readonly Uint8Array[], values: (Uint8Array | null)[], whole: boolean): boolean {
    const reader = this.#reader;
    const hashes = this.#hashes;
    let changes = 0;
    for (let from = 0; from < keys.length; from += groupKeys) {
      const count = Math.min(groupKeys, keys.length - from);
      for (let i = 0; i < count; i++) {
        hashes[i] = reader.hashOf(keys[from + i], 0, keys[from + i].length);
      }
      reader.prefetch(hashes, count);
      for (let i = 0; i < count; i++) {
        const key = keys[from + i];
        values[from + i] = this.#get(hashes[i], key, key.length);
        if (from + i === 0) changes = reader.changes;
        else if (whole && reader.changes !== changes) return false;
      }
    }
    return true;
  }

  /**
   * All keys, as bytes, in no order that means anything. A key that is there all the time while a scan goes
   * on comes at least once; one that comes or goes meanwhile, perhaps.
   */
  *scan(options: ReaderScanOptions = {}): Generator<Uint8Array, void, void> {
    const { match = "*" } = options;
    // An empty key matches no pattern, in Redis as well, but it is one of all keys.
    const isAll = match === "*" || match.length === 1 && match[0] === asterisk;
    const pattern = typeof match === "string" ? encoder.encode(match) : match;
    const keys: Uint8Array[] = [];
    let from = 0;
    do {
      from = this.#reader.readPage(from, (key) => {
        if (isAll || matchGlob(pattern, key)) keys.push(key);
      });
      yield* keys;
      keys.length = 0;
    } while (from !== 0);
  }

  /** What there is, and how it is read. Takes longer than a lookup: it looks at a word of each page of the index. */
  stats(): KeyValueReaderStats {
    const reader = this.#reader;
    const keys = reader.countEntries();
    return {
      keys,
      fileBytes: reader.fileBytes,
      indexBytes: reader.indexBytes,
      isServed: reader.isServed,
      source: reader.source.kind,
      damagedBytes: reader.source.damagedBytes,
      damagedReads: reader.damagedReads,
      isReplaced: inodeAt(reader.path) !== reader.inode,
      retries: reader.retries,
      sleeps: reader.sleeps,
    };
  }

  /** Lets go of the files. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Room for a key that is text: a UTF-16 unit takes three bytes at most. */
  #scratchFor(key: string): Uint8Array {
    const needed = key.length * 3;
    if (needed > this.#scratch.length) {
      if (needed > keyScratchBytes) return encoder.encode(key); // Longer than any key there is.
      this.#scratch = new Uint8Array(2 * needed);
    }
    return this.#scratch;
  }
}

/** Encodes a key; returns where it ends. Most are ASCII, for which this loop is quicker than a call. */
function encodeKey(key: string, bytes: Uint8Array): number {
  const length = key.length;
  for (let i = 0; i < length; i++) {
    const unit = key.charCodeAt(i);
    if (unit > 127) return encoder.encodeInto(key, bytes).written;
    bytes[i] = unit;
  }
  return length;
}

function inodeAt(path: string): number {
  try {
    return Deno.statSync(path).ino ?? 0;
  } catch {
    return -1;
  }
}
