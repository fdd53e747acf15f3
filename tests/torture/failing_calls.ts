/**
 * A libc whose n-th call fails: without doing what it is for, with an error number of one's choice, once
 * or from then on. Calls that run on other threads run here, so that the same run makes the same calls
 * in the same order; and syncs that succeed wait for no disk, since no power fails in these tests.
 */
import { interceptLibc, type Libc } from "../../src/sys/libc.ts";

/** Linux's numbers. */
export const errnoNumbers = { EINTR: 4, EIO: 5, ENOMEM: 12, ENOSPC: 28 } as const;
export type ErrnoName = keyof typeof errnoNumbers;

/** What each function that a store calls may fail with in earnest. */
export const likelyErrors = {
  open: "ENOSPC",
  close: "EIO",
  read: "EIO",
  flock: "EIO",
  fcntl: "EIO",
  ftruncate: "EIO",
  ftruncateInBackground: "EIO",
  fsync: "EIO",
  fdatasyncInBackground: "EIO",
  sync_file_range: "EIO",
  syncFileRangeInBackground: "EIO",
  fstatfs: "EIO",
  lseek: "EIO",
  mmap: "ENOMEM",
  munmap: "ENOMEM",
  msync: "EIO",
  msyncInBackground: "EIO",
  madvise: "ENOMEM",
  madviseInBackground: "ENOMEM",
  posix_fallocate: "ENOSPC",
  fallocateInBackground: "ENOSPC",
  pread: "EIO",
  pwritev: "EIO",
} as const satisfies Partial<Record<keyof Libc, ErrnoName>>;
export type CallName = keyof typeof likelyErrors;

/** Functions that a signal may interrupt; for Linux, those are not `mmap` and `msync`. */
const interruptible = new Set<CallName>([
  "open",
  "close",
  "read",
  "flock",
  "fcntl",
  "ftruncate",
  "ftruncateInBackground",
  "fsync",
  "fstatfs",
  "lseek",
  "munmap",
  "madvise",
  "madviseInBackground",
  "posix_fallocate",
  "fallocateInBackground",
  "pread",
  "pwritev",
]);

/** Functions whose results are of 64 bits. */
const resultsAre64Bits = new Set<CallName>(["read", "lseek", "pread", "pwritev"]);

/** Functions that fail together when a failure lasts. */
const sameCause: readonly (readonly CallName[])[] = [
  ["posix_fallocate", "fallocateInBackground"],
  ["ftruncate", "ftruncateInBackground"],
  [
    "msync",
    "msyncInBackground",
    "fsync",
    "fdatasyncInBackground",
    "syncFileRangeInBackground",
  ],
];

export interface Fault {
  /** Which call fails, counted from 1 over all functions. */
  readonly nth: number;
  /** With what; `likely`: what that function may well fail with. */
  readonly errno: ErrnoName | "likely";
  /** All later calls of the function fail too, until `lift`. */
  readonly isLasting: boolean;
}

/** Every call that a signal may interrupt is interrupted every other time. */
export const interruptions = "interruptions";

type Arguments = readonly (number | bigint | null | Deno.PointerObject)[];

/**
 *     using libc = new FailingLibc({ nth: 7, errno: "EIO", isLasting: false });
 *     libc.arm();
 */
export class FailingLibc implements Disposable {
  /** Calls made since `arm`. */
  calls = 0;
  /** The call that failed first, or null. */
  failed: CallName | null = null;
  /** Which file system it is, nobody finds out. */
  hidesFileSystem = false;
  /** How many calls of each function came to be interrupted, or would have if it were their turn. */
  readonly #interruptible = new Map<CallName, number>();
  readonly #fault: Fault | typeof interruptions;
  readonly #real: Libc;
  readonly #errno: Int32Array;
  readonly #restore: () => void;
  #isArmed = false;
  /** Mappings whose `munmap` failed: their addresses, and what unmaps them. */
  readonly #leftMapped = new Map<bigint, () => void>();

  constructor(fault: Fault | typeof interruptions) {
    this.#fault = fault;
    let real!: Libc;
    this.#restore = interceptLibc((library) => {
      real = library;
      const failing: Record<string, unknown> = { ...real };
      for (const name of Object.keys(likelyErrors) as CallName[]) {
        failing[name] = (...args: Arguments) => this.#call(name, args);
      }
      return failing as unknown as Libc;
    });
    this.#real = real;
    const address = real.__errno_location()!;
    this.#errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(address, 4));
  }

  /** From now on calls are counted, and may fail. */
  arm(): void {
    this.#isArmed = true;
  }

  /** From now on nothing fails. */
  lift(): void {
    this.#isArmed = false;
  }

  [Symbol.dispose](): void {
    this.#restore();
    for (const unmap of this.#leftMapped.values()) unmap();
  }

  #call(name: CallName, args: Arguments): unknown {
    const errno = this.#isArmed ? this.#errorOf(name) : null;
    return errno === null ? this.#succeed(name, args) : this.#fail(name, args, errno);
  }

  #errorOf(name: CallName): number | null {
    this.calls++;
    const fault = this.#fault;
    if (fault === interruptions) return this.#interruptionOf(name);
    const { failed } = this;
    const isFirst = this.calls === fault.nth;
    if (isFirst) this.failed = name;
    else if (!fault.isLasting || failed === null) return null;
    else if (failed !== name && !areFailingTogether(failed, name)) return null;
    return errnoNumbers[fault.errno === "likely" ? likelyErrors[name] : fault.errno];
  }

  #interruptionOf(name: CallName): number | null {
    if (!interruptible.has(name)) return null;
    const count = this.#interruptible.get(name) ?? 0;
    this.#interruptible.set(name, count + 1);
    return count % 2 === 0 ? errnoNumbers.EINTR : null;
  }

  #succeed(name: CallName, args: Arguments): unknown {
    const real = this.#real as unknown as Record<string, (...args: Arguments) => unknown>;
    switch (name) {
      case "msync":
      case "fsync":
      case "sync_file_range":
        return 0;
      case "msyncInBackground":
      case "madviseInBackground":
      case "fdatasyncInBackground":
      case "syncFileRangeInBackground":
        return Promise.resolve(0);
      case "fstatfs":
        return this.hidesFileSystem ? 0 : real.fstatfs(...args);
      case "fallocateInBackground":
        return Promise.resolve(real.posix_fallocate(...args));
      case "ftruncateInBackground":
        return Promise.resolve(real.ftruncate(...args));
      case "munmap":
        this.#leftMapped.delete(Deno.UnsafePointer.value(args[0] as Deno.PointerObject));
        return real.munmap(...args);
      default:
        return real[name](...args);
    }
  }

  #fail(name: CallName, args: Arguments, errno: number): unknown {
    const real = this.#real;
    const [fd, from, length] = args as [number, bigint, bigint];
    switch (name) {
      case "fallocateInBackground":
      case "posix_fallocate":
        // On a disk that is nearly full, ext4 leaves behind what it did find.
        if (errno === errnoNumbers.ENOSPC) real.posix_fallocate(fd, from, length / 2n + 1n);
        return name === "posix_fallocate" ? errno : Promise.resolve(errno);
      case "ftruncateInBackground":
      case "msyncInBackground":
      case "madviseInBackground":
      case "fdatasyncInBackground":
      case "syncFileRangeInBackground":
        return Promise.resolve(-1);
      case "close":
        real.close(fd); // Linux closes the descriptor whatever it says.
        break;
      case "munmap": {
        const [pointer, bytes] = args as unknown as [Deno.PointerObject, bigint];
        this.#leftMapped.set(Deno.UnsafePointer.value(pointer), () => real.munmap(pointer, bytes));
        break;
      }
    }
    this.#errno[0] = errno;
    if (name === "mmap") return Deno.UnsafePointer.create(2n ** 64n - 1n);
    return resultsAre64Bits.has(name) ? -1n : -1;
  }
}

function areFailingTogether(one: CallName, other: CallName): boolean {
  return sameCause.some((names) => names.includes(one) && names.includes(other));
}

/** More calls than any run may make. */
const callsMax = 2000;

/**
 * Has the first call fail, then the second, and so on, a run for each, until a run ends without its
 * fault: then each of its calls has failed once. Returns how often each function did.
 */
export async function failEachCall(
  way: (nth: number) => Omit<Fault, "nth">,
  run: (libc: FailingLibc) => Promise<void>,
): Promise<Map<CallName, number>> {
  const failures = new Map<CallName, number>();
  for (let nth = 1; nth <= callsMax; nth++) {
    const fault = { nth, ...way(nth) };
    using libc = new FailingLibc(fault);
    try {
      await run(libc);
    } catch (cause) {
      const message = `Not as it should be with ${JSON.stringify(fault)}, which met ${libc.failed}`;
      throw new Error(message, { cause });
    }
    if (libc.failed === null) return failures;
    failures.set(libc.failed, (failures.get(libc.failed) ?? 0) + 1);
  }
  throw new Error(`A run makes more than ${callsMax} calls`);
}
