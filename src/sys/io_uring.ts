/**
 * The kernel's io_uring(7), for calls that take long: the kernel makes them on threads of its own and writes down their
 * results in memory that it shares with this process, and that there are some epoll reports as it does of sockets.
 *
 * A nonblocking call of the runtime's does the same by a thread of the runtime; but while the event loop has something to do,
 * the runtime looks for the results of its threads in every 31st turn of it only (Tokio's `global_queue_interval`),
 * which is tens of milliseconds. What is made of many calls, such as a sync, then takes seconds.
 *
 * Not every system has it or allows it: containers' usual filters of system calls do not.
 */
import { type ForeignFunctions, loadFunctions } from "./foreign_functions.ts";
import { closeFile, map, type Mapping, SystemError, unmap } from "./libc.ts";

const libcFile = "libc.so.6";
const functions = {
  setUp: { name: "syscall", parameters: ["i64", "u32", "buffer"], result: "i64" },
  enter: {
    name: "syscall",
    parameters: ["i64", "i32", "u32", "u32", "u32", "pointer", "usize"],
    result: "i64",
  },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** For the end. */
const lastFunctions = {
  enterInBackground: { ...functions.enter, nonblocking: true },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** Numbers of system calls, on all architectures alike. */
const systemCalls = { setUp: 425n, enter: 426n };
const operations = { fsync: 3, syncFileRange: 8, fallocate: 17, madvise: 25 };
const dataOnly = 1; // IORING_FSYNC_DATASYNC
const getEvents = 1; // IORING_ENTER_GETEVENTS
/** IOSQE_ASYNC: it is known to take long, and not tried in place first. */
const onOtherThread = 1 << 4;
/** IORING_FEAT_SINGLE_MMAP and IORING_FEAT_NODROP, Linux 5.5. */
const featuresNeeded = 3;
/** So many calls may be begun, and be unnoticed after they have ended. */
const entries = 64;
/** `struct io_uring_params`, in 32-bit words, and where in it is what. */
const parameters = { words: 30, sqEntries: 0, cqEntries: 1, features: 5, sq: 10, cq: 20 };
/** Words of `struct io_sqring_offsets` and `struct io_cqring_offsets`. */
const sqOffsets = { tail: 1, mask: 2, array: 6 };
const cqOffsets = { head: 0, tail: 1, mask: 2, cqes: 5 };
const sqesOffset = 0x10000000;
const sqeWords = 16;
const cqeWords = 4;
const wordRange = 2 ** 32;

/** What the kernel tells of a new ring: its descriptor, and offsets in the memory that is shared. */
interface Setup {
  readonly fd: number;
  readonly words: Int32Array;
}

/** A call, as the kernel is told of it. */
interface Entry {
  readonly operation: number;
  readonly fd: number;
  readonly offset?: number;
  readonly address?: number;
  readonly length?: number;
  readonly flags?: number;
}

/**
 * Each call resolves to what the system call of its name returns, or to a negative error number; instead of a promise
 * there is null when the ring cannot take it, and it was not made.
 *
 *     const ring = IoUring.open();
 *     epoll.add(ring.fd); // and `ring.reap()` when it is reported
 *     const result = await ring.fallocate(fd, 0, 2 ** 20);
 */
export class IoUring {
  /** Readable when calls have ended that `reap` has not noticed. */
  readonly fd: number;
  readonly #mappings: readonly Mapping[];
  readonly #words: Int32Array;
  readonly #sqes: Int32Array;
  readonly #sq: { readonly tail: number; readonly mask: number; readonly array: number };
  readonly #cq: {
    readonly head: number;
    readonly tail: number;
    readonly mask: number;
    readonly cqes: number;
  };
  /** Whom to tell of the results of the calls that have begun, by their numbers. */
  readonly #begun = new Map<number, (result: number) => void>();
  #nextNumber = 0;
  #isClosed = false;

  private constructor({ fd, words }: Setup, mappings: readonly Mapping[]) {
    this.fd = fd;
    this.#mappings = mappings;
    [this.#words, this.#sqes] = mappings.map(({ buffer }) => new Int32Array(buffer));
    const inRings = (struct: number, word: number) => words[struct + word] >> 2;
    const { sq, cq } = parameters;
    this.#sq = {
      tail: inRings(sq, sqOffsets.tail),
      mask: this.#words[inRings(sq, sqOffsets.mask)],
      array: inRings(sq, sqOffsets.array),
    };
    this.#cq = {
      head: inRings(cq, cqOffsets.head),
      tail: inRings(cq, cqOffsets.tail),
      mask: this.#words[inRings(cq, cqOffsets.mask)],
      cqes: inRings(cq, cqOffsets.cqes),
    };
  }

  /** A new ring; null where the system does not have or not allow it. */
  static open(): IoUring | null {
    const words = new Int32Array(new ArrayBuffer(parameters.words * 4));
    const fd = Number(libc().setUp(systemCalls.setUp, entries, new Uint8Array(words.buffer)));
    if (fd < 0) return null;
    const setup = { fd, words };
    const mappings: Mapping[] = [];
    const mapPart = (offset: number, length: number) =>
      mappings.push(map({ fd, offset, length, readOnly: false, path: "a ring" }));
    try {
      if (isKnown(setup)) {
        mapPart(0, bytesOfRings(setup));
        mapPart(sqesOffset, words[parameters.sqEntries] * sqeWords * 4);
        return new IoUring(setup, mappings);
      }
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      mappings.forEach(unmap);
    }
    closeFile(fd);
    return null;
  }

  /** A range of a file's data, and all metadata of the file that it needs, is on the device. */
  fdatasync(fd: number, offset: number, length: number): Promise<number> | null {
    return this.#begin({ operation: operations.fsync, fd, offset, length, flags: dataOnly });
  }

  syncFileRange(fd: number, offset: number, length: number, flags: number): Promise<number> | null {
    return this.#begin({ operation: operations.syncFileRange, fd, offset, length, flags });
  }

  fallocate(fd: number, offset: number, length: number): Promise<number> | null {
    return this.#begin({ operation: operations.fallocate, fd, offset, address: length });
  }

  madvise(address: number, length: number, advice: number): Promise<number> | null {
    return this.#begin({ operation: operations.madvise, fd: -1, address, length, flags: advice });
  }

  #begin(entry: Entry): Promise<number> | null {
    if (this.#isClosed || this.#begun.size >= entries) return null;
    const number = this.#nextNumber;
    const words = this.#words;
    const { tail, mask, array } = this.#sq;
    const index = words[tail] & mask;
    this.#write(index * sqeWords, entry, number);
    words[array + index] = index;
    Atomics.store(words, tail, words[tail] + 1);
    if (libc().enter(systemCalls.enter, this.fd, 1, 0, 0, null, 0n) !== 1n) {
      Atomics.store(words, tail, words[tail] - 1);
      return null;
    }
    this.#nextNumber = (number + 1) % wordRange;
    return new Promise((resolve) => this.#begun.set(number, resolve));
  }

  #write(word: number, entry: Entry, number: number): void {
    const { operation, fd, offset = 0, address = 0, length = 0, flags = 0 } = entry;
    const words = this.#sqes;
    words.fill(0, word, word + sqeWords);
    words[word] = operation | onOtherThread << 8;
    words[word + 1] = fd;
    words[word + 2] = offset % wordRange;
    words[word + 3] = offset / wordRange;
    words[word + 4] = address % wordRange;
    words[word + 5] = address / wordRange;
    words[word + 6] = length;
    words[word + 7] = flags;
    words[word + 8] = number;
  }

  /** Tells of the calls that have ended. */
  reap(): void {
    if (this.#isClosed) return;
    const words = this.#words;
    const { head, tail, mask, cqes } = this.#cq;
    const end = Atomics.load(words, tail);
    for (let at = words[head]; at !== end; at = at + 1 | 0) {
      const word = cqes + (at & mask) * cqeWords;
      const number = words[word] >>> 0;
      this.#begun.get(number)?.(words[word + 2]);
      this.#begun.delete(number);
    }
    Atomics.store(words, head, end);
  }

  /** Waits for the calls that have begun, and gives the ring back. Whoever would begin one now must do without it. */
  async close(): Promise<void> {
    const { enterInBackground } = loadFunctions(libcFile, lastFunctions, []);
    while (this.#begun.size > 0) {
      await enterInBackground(systemCalls.enter, this.fd, 0, 1, getEvents, null, 0n);
      this.reap();
    }
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#mappings.forEach(unmap);
    closeFile(this.fd);
  }
}

let loaded: ForeignFunctions<typeof functions> | undefined;

function libc(): ForeignFunctions<typeof functions> {
  return loaded ??= loadFunctions(libcFile, functions, []);
}

function isKnown({ words }: Setup): boolean {
  return (words[parameters.features] & featuresNeeded) === featuresNeeded;
}

function bytesOfRings({ words }: Setup): number {
  const { sq, cq, sqEntries, cqEntries } = parameters;
  return Math.max(
    words[sq + sqOffsets.array] + words[sqEntries] * 4,
    words[cq + cqOffsets.cqes] + words[cqEntries] * cqeWords * 4,
  );
}
