/**
 * The calls to libc that the storage needs, through Deno's FFI, with typed wrappers. This folder is
 * the only place that knows an address or an errno.
 *
 * Two rules come from the runtime:
 * - errno is one word per thread, and it is read right behind a synchronous call, before anything else
 *   runs. A nonblocking call runs on another thread, so its errno is lost: it tells only that it
 *   failed (posix_fallocate returns its error number, so it can be called either way).
 * - a nonblocking call gets addresses, never JavaScript buffers, which could move or be freed
 *   while it runs.
 */

import { type ForeignFunctions, loadFunctions } from "./foreign_functions.ts";
import type { IoUring } from "./io_uring.ts";

/** A call to the system that failed. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** The call: `mmap`, `msync`, ... */
  readonly call: string;
  /** The name of the error number: `ENOSPC`, `EIO`, ...; `UNKNOWN` after a nonblocking call of the runtime's. */
  readonly code: string;
  readonly path: string;
  /** What may help, or nothing; the message ends with it. */
  readonly remedy: string;

  constructor(call: string, errno: number, path: string) {
    const { code, meaning, remedy } = describeErrno(errno);
    super(`Cannot ${call} ${path}: ${meaning} (${code})${remedy ? `; ${remedy}` : ""}`);
    this.call = call;
    this.code = code;
    this.path = path;
    this.remedy = remedy;
  }
}

interface ErrnoDescription {
  readonly code: string;
  readonly meaning: string;
  readonly remedy: string;
}

/** Linux's numbers (asm-generic/errno-base.h), for the errors that these calls can meet. */
const errnoTable: Readonly<Record<number, ErrnoDescription>> = {
  1: { code: "EPERM", meaning: "operation not permitted", remedy: "" },
  2: { code: "ENOENT", meaning: "no such file or folder", remedy: "create the folder first" },
  4: { code: "EINTR", meaning: "interrupted", remedy: "try again" },
  5: { code: "EIO", meaning: "the device reported an error", remedy: "check the disk" },
  9: { code: "EBADF", meaning: "bad file descriptor", remedy: "" },
  11: { code: "EAGAIN", meaning: "locked or busy", remedy: "" },
  12: { code: "ENOMEM", meaning: "out of memory or address space", remedy: "raise ulimit -v" },
  13: { code: "EACCES", meaning: "permission denied", remedy: "check owner and mode" },
  17: { code: "EEXIST", meaning: "exists already", remedy: "" },
  19: { code: "ENODEV", meaning: "the file system cannot map files", remedy: "use another one" },
  21: { code: "EISDIR", meaning: "is a folder", remedy: "name a file" },
  22: { code: "EINVAL", meaning: "invalid argument", remedy: "" },
  23: { code: "ENFILE", meaning: "too many open files in the system", remedy: "" },
  24: { code: "EMFILE", meaning: "too many open files", remedy: "raise ulimit -n" },
  26: { code: "ETXTBSY", meaning: "file is being executed", remedy: "" },
  27: { code: "EFBIG", meaning: "file too large", remedy: "raise ulimit -f" },
  28: { code: "ENOSPC", meaning: "no space left on the device", remedy: "free disk space" },
  30: { code: "EROFS", meaning: "read-only file system", remedy: "name a store elsewhere" },
  40: { code: "ELOOP", meaning: "too many symbolic links", remedy: "" },
  95: { code: "EOPNOTSUPP", meaning: "not supported by the file system", remedy: "" },
  122: { code: "EDQUOT", meaning: "disk quota exceeded", remedy: "free disk space" },
};

function describeErrno(errno: number): ErrnoDescription {
  return errnoTable[errno] ??
    (errno > 0
      ? { code: `E${errno}`, meaning: "the call failed", remedy: "" }
      : { code: "UNKNOWN", meaning: "the call failed", remedy: "check the disk" });
}

const functions = {
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  umask: { parameters: ["u32"], result: "u32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  ftruncateInBackground: {
    name: "ftruncate",
    parameters: ["i32", "i64"],
    result: "i32",
    nonblocking: true,
  },
  fsync: { parameters: ["i32"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  msync: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  msyncInBackground: {
    name: "msync",
    parameters: ["pointer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  madviseInBackground: {
    name: "madvise",
    parameters: ["pointer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  posix_fallocate: { parameters: ["i32", "i64", "i64"], result: "i32" },
  fallocateInBackground: {
    name: "posix_fallocate",
    parameters: ["i32", "i64", "i64"],
    result: "i32",
    nonblocking: true,
  },
  copyFileRangeInBackground: {
    name: "copy_file_range",
    parameters: ["i32", "pointer", "i32", "pointer", "usize", "u32"],
    result: "isize",
    nonblocking: true,
  },
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  pwrite: { parameters: ["i32", "pointer", "usize", "i64"], result: "isize" },
  pwritev: { parameters: ["i32", "buffer", "i32", "i64"], result: "isize" },
  pwriteInBackground: {
    name: "pwrite",
    parameters: ["i32", "pointer", "usize", "i64"],
    result: "isize",
    nonblocking: true,
  },
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  sync_file_range: { parameters: ["i32", "i64", "i64", "u32"], result: "i32" },
  syncFileRangeInBackground: {
    name: "sync_file_range",
    parameters: ["i32", "i64", "i64", "u32"],
    result: "i32",
    nonblocking: true,
  },
  fdatasyncInBackground: {
    name: "fdatasync",
    parameters: ["i32"],
    result: "i32",
    nonblocking: true,
  },
  fsyncInBackground: { name: "fsync", parameters: ["i32"], result: "i32", nonblocking: true },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** Called many times a second, or when a store is opened. */
const often = ["madvise", "pread", "pwrite", "pwritev"] as const;

/** The functions of libc that are called here. */
export type Libc = ForeignFunctions<typeof functions>;

let library: Libc | undefined;
let errnoWord: Int32Array | undefined;

/** Loads libc at first use, so that a program that only talks over the socket never does. */
function libc(): Libc {
  if (library) return library;
  library = loadFunctions("libc.so.6", functions, often);
  // errno is one word per thread, and JavaScript stays on its thread.
  const address = library.__errno_location()!;
  errnoWord = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(address, 4));
  return library;
}

/**
 * For tests, which make calls fail: puts what `wrap` returns in the library's place. Returns what takes
 * it away again. A function that is put there sets errno itself.
 */
export function interceptLibc(wrap: (library: Libc) => Libc): () => void {
  const before = libc();
  library = wrap(before);
  interceptions++;
  return () => {
    library = before;
    interceptions--;
  };
}

let interceptions = 0;
let ring: IoUring | null = null;

/**
 * From now on a ring makes calls on other threads, as far as it can, instead of threads of the runtime: whoever gives
 * it here sees to it that it is reaped. Returns what ends that. The last one that was given makes them.
 */
export function callThrough(given: IoUring): () => void {
  ring = given;
  return () => {
    if (ring === given) ring = null;
  };
}

/** So many of the same kind keep a disk busy, where the end of one comes to light late. */
const callsOfRuntime = 4;
const callsOfRing = 2;

/** How many calls of the same kind had better be under way at a time on other threads. */
export function callsAtATime(): number {
  return callingRing() === null ? callsOfRuntime : callsOfRing;
}

/** What makes calls on other threads; null: the runtime. Calls that tests intercept are libc's. */
function callingRing(): IoUring | null {
  return interceptions === 0 ? ring : null;
}

/**
 * Makes a call on another thread: through the ring, where there is one that takes it and has a thread for it; otherwise,
 * and then at once, by the runtime.
 */
async function onOtherThread(
  throughRing: (ring: IoUring) => Promise<number> | null,
  byRuntime: () => Promise<number>,
): Promise<number> {
  const ring = callingRing();
  const called = ring === null ? null : throughRing(ring);
  const result = called === null ? -canceled : await called;
  return result === -canceled ? await byRuntime() : result;
}

// Linux, x86-64 and arm64 alike.
const openFlags = {
  readOnly: 0,
  readWrite: 2,
  create: 0o100,
  exclusive: 0o200,
  closeOnExec: 0o2000000,
};
const protectRead = 1;
const protectWrite = 2;
const mapShared = 1;
const syncNow = 4;
/** SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE and _WAIT_AFTER: returns when all has been written. */
const writeAndWait = 7;
/** SYNC_FILE_RANGE_WRITE alone: does not wait for it, nor tell of errors, which a sync then tells of. */
const beginWriting = 2;
/** What `fstatfs` calls ext2, ext3 and ext4, and XFS. */
const syncedByAnyRange = new Set([0xef53n, 0x58465342n]);
/** More than `struct statfs` takes; the type comes first. */
const fileSystemWords = 32;
const lockExclusive = 2;
const lockNonblocking = 4;
const lockRelease = 8;
const ownRecordLock = { get: 36, set: 37 }; // F_OFD_GETLK, F_OFD_SETLK
const recordLock = { write: 1, none: 2 }; // F_WRLCK, F_UNLCK
const seekEnd = 2;
const randomAccess = 1;
const willNeed = 3;
const populateRead = 22;
const populateWrite = 23;
const interrupted = 4;
const wouldBlock = 11;
const notSupported = 95;
const canceled = 125;
/** So often may signals interrupt a call before it counts as failed. */
const interruptionsMax = 100;

function fail(call: string, path: string): never {
  throw new SystemError(call, errnoWord![0], path);
}

/** Makes a call, again while signals interrupt it. Its result; -1: it failed. */
function uninterrupted(call: (library: Libc) => number | bigint): number {
  let result = -1;
  for (let i = 0; i <= interruptionsMax; i++) {
    result = Number(call(libc()));
    if (result !== -1 || errnoWord![0] !== interrupted) break;
  }
  return result;
}

export interface OpenOptions {
  readonly readOnly?: boolean;
  /** The file must not exist yet (SystemError EEXIST otherwise). */
  readonly isNew?: boolean;
  /** Permission bits of a file that is created, before the umask. */
  readonly mode?: number;
}

/** Opens a file, creating it unless `readOnly`; returns its descriptor. */
export function openFile(path: string, options: OpenOptions = {}): number {
  const name = new TextEncoder().encode(path + "\0");
  const flags = options.readOnly
    ? openFlags.readOnly | openFlags.closeOnExec
    : openFlags.readWrite | openFlags.create | openFlags.closeOnExec |
      (options.isNew ? openFlags.exclusive : 0);
  const mode = options.mode ?? 0o600;
  const fd = uninterrupted((library) => library.open(name, flags, mode));
  if (fd < 0) fail(options.isNew ? "create" : "open", path);
  return fd;
}

/** Whatever the call says, the descriptor is closed: it must not be called again. */
export function closeFile(fd: number): void {
  libc().close(fd);
}

/** The first bytes of a small file, 4096 at most. */
export function readStart(fd: number, path: string): Uint8Array {
  const buffer = new Uint8Array(4096);
  const length = uninterrupted((library) => library.read(fd, buffer, BigInt(buffer.length)));
  if (length < 0) fail("read", path);
  return buffer.subarray(0, length);
}

/** Takes the file's exclusive lock (flock); false when another process holds it. */
export function tryLock(fd: number, path: string): boolean {
  const operation = lockExclusive | lockNonblocking;
  if (uninterrupted((library) => library.flock(fd, operation)) === 0) return true;
  if (errnoWord![0] === wouldBlock) return false;
  return fail("lock", path);
}

/**
 * Marks the file as being in use, for `isMarked` of other processes, as long as this descriptor is open
 * and its process lives. It is another kind of lock than the one above: that can only be asked for by
 * taking it, which would be in the way of who wants it.
 */
export function markInUse(fd: number, path: string): boolean {
  const lock = firstByteLock(recordLock.write);
  if (uninterrupted((library) => library.fcntl(fd, ownRecordLock.set, lock)) === 0) return true;
  if (errnoWord![0] === wouldBlock) return false;
  return fail("lock", path);
}

/** Whether another descriptor has marked the file; nothing is taken, and nobody notices. */
export function isMarked(fd: number, path: string): boolean {
  const lock = firstByteLock(recordLock.write);
  if (uninterrupted((library) => library.fcntl(fd, ownRecordLock.get, lock)) !== 0) {
    fail("look at the lock of", path);
  }
  return lock[0] !== recordLock.none;
}

/** `struct flock` of Linux with 64-bit offsets: type, whence, start, length, process; byte 0 alone. */
function firstByteLock(type: number): Int16Array {
  const lock = new Int16Array(16);
  lock[0] = type;
  lock[8] = 1; // The low half of l_len.
  return lock;
}

/** Gives lock and mark back. Closing does too, unless something of the file is still mapped. */
export function unlock(fd: number): void {
  const mark = firstByteLock(recordLock.none);
  uninterrupted((library) => library.fcntl(fd, ownRecordLock.set, mark));
  uninterrupted((library) => library.flock(fd, lockRelease));
}

/** The file's length in bytes. */
export function fileBytes(fd: number, path: string): number {
  const length = uninterrupted((library) => library.lseek(fd, 0n, seekEnd));
  if (length < 0) fail("measure", path);
  return length;
}

export function truncateFile(fd: number, bytes: number, path: string): void {
  const length = BigInt(bytes);
  if (uninterrupted((library) => library.ftruncate(fd, length)) !== 0) fail("truncate", path);
}

/** The same on another thread; resolves to whether it succeeded. */
export async function truncateInBackground(fd: number, bytes: number): Promise<boolean> {
  const length = BigInt(bytes);
  // The first one may have been interrupted: nobody knows.
  return await libc().ftruncateInBackground(fd, length) === 0 ||
    await libc().ftruncateInBackground(fd, length) === 0;
}

/** Writes a file's data and metadata to the device. */
export function syncFile(fd: number, path: string): void {
  if (uninterrupted((library) => library.fsync(fd)) !== 0) fail("sync", path);
}

/** Writes a file to the device, or a folder's names: that of a file that was just renamed. */
export function syncPath(path: string): void {
  const fd = openFile(path, { readOnly: true });
  try {
    syncFile(fd, path);
  } finally {
    closeFile(fd);
  }
}

/** The same on another thread. Not made again to learn the error: that is told once, then all is well. */
export async function syncFileInBackground(fd: number, path: string): Promise<void> {
  if (await libc().fsyncInBackground(fd) !== 0) throw new SystemError("sync", 0, path);
}

/**
 * Copies a range from file to file on another thread, by sharing blocks where the file system can.
 * Resolves to the bytes copied, 0 or less when the system refuses.
 */
export async function copyRangeInBackground(
  from: number,
  fromOffset: number,
  to: number,
  toOffset: number,
  length: number,
): Promise<number> {
  const offsets = new BigInt64Array([BigInt(fromOffset), BigInt(toOffset)]);
  const first = Deno.UnsafePointer.of(offsets);
  const second = Deno.UnsafePointer.of(offsets.subarray(1));
  const bytes = BigInt(length);
  const done = await libc().copyFileRangeInBackground(from, first, to, second, bytes, 0);
  // The call read the offsets until now.
  return offsets.length === 2 ? Number(done) : 0;
}

/** Writes bytes at an offset of the file; returns how many. Throws a SystemError. */
export function writeAt(fd: number, bytes: Uint8Array, offset: number, path: string): number {
  const pointer = Deno.UnsafePointer.of(bytes as BufferSource);
  const done = Number(libc().pwrite(fd, pointer, BigInt(bytes.length), BigInt(offset)));
  if (done < 0 && errnoWord![0] !== interrupted) fail("write", path);
  return Math.max(0, done);
}

/**
 * Reads bytes at an offset of the file; what the file does not have is left as it is. Throws a SystemError. The memory of
 * `bytes` must be one that does not move: an `ArrayBuffer` of their own.
 */
export function readRange(fd: number, bytes: Uint8Array, offset: number, path: string): void {
  let vainCalls = 0;
  for (let at = 0; at < bytes.length;) {
    const rest = at === 0 ? bytes : bytes.subarray(at);
    const done = Number(
      libc().pread(fd, rest as BufferSource, BigInt(rest.length), BigInt(offset + at)),
    );
    if (done === 0) return;
    if (done > 0) at += done;
    else if (errnoWord![0] !== interrupted) fail("read", path);
    else if (++vainCalls > interruptionsMax) throw new SystemError("read", interrupted, path);
  }
}

/** `struct iovec`, of one range: its address and length, 64 bits each. */
const vector = new Uint32Array(4);
const vectorBytes = new Uint8Array(vector.buffer);
/** The memory that was written from last, and its address, which a number holds exactly. */
let vectorBuffer: ArrayBufferLike | null = null;
let vectorAddress = 0;

/**
 * Writes all of `bytes[start, end)`, less than 4 GiB, at an offset of the file; throws a SystemError. Makes nearly no
 * object, as it is called for each turn, which at `-P 1` is for three requests. Their memory must be one that does not
 * move: mapped, or more than some bytes.
 */
export function writeRange(
  fd: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
  path: string,
): void {
  if (bytes.buffer !== vectorBuffer) {
    const pointer = Deno.UnsafePointer.of(bytes as BufferSource);
    vectorBuffer = bytes.buffer;
    vectorAddress = Number(Deno.UnsafePointer.value(pointer)) - bytes.byteOffset;
  }
  let vainCalls = 0;
  for (let at = start; at < end;) {
    const address = vectorAddress + bytes.byteOffset + at;
    vector[0] = address % 2 ** 32;
    vector[1] = address / 2 ** 32;
    vector[2] = end - at;
    const done = Number(libc().pwritev(fd, vectorBytes, 1, BigInt(offset + at - start)));
    if (done < 0 && errnoWord![0] !== interrupted) fail("write", path);
    if (done > 0) at += done;
    else if (++vainCalls > interruptionsMax) throw new SystemError("write", interrupted, path);
  }
}

/** The same as `writeAt` on another thread, from bytes of a mapping; resolves to how many, or less than 0. */
export async function writeAtInBackground(
  fd: number,
  mapped: Uint8Array,
  offset: number,
): Promise<number> {
  const pointer = Deno.UnsafePointer.of(mapped as BufferSource);
  const bytes = BigInt(mapped.length);
  return Number(await libc().pwriteInBackground(fd, pointer, bytes, BigInt(offset)));
}

/** Gives `[from, from + length)` blocks on the disk, so that touching it never is SIGBUS. */
export function allocate(fd: number, from: number, length: number, path: string): void {
  let errno = interrupted;
  for (let i = 0; i <= interruptionsMax && errno === interrupted; i++) {
    errno = libc().posix_fallocate(fd, BigInt(from), BigInt(length));
  }
  if (errno !== 0) throw new SystemError("extend", errno, path);
}

/** The same on another thread; resolves to the error number, 0 for success. */
export async function allocateInBackground(
  fd: number,
  from: number,
  length: number,
): Promise<number> {
  const byLibc = () => libc().fallocateInBackground(fd, BigInt(from), BigInt(length));
  let errno = interrupted;
  for (let i = 0; i <= interruptionsMax && errno === interrupted; i++) {
    // libc returns the error number, the ring a negative one.
    errno = Math.abs(await onOtherThread((ring) => ring.fallocate(fd, from, length), byLibc));
    // Where a file system has no such call, libc does what it can.
    if (errno === notSupported) errno = await byLibc();
  }
  return errno;
}

/** A mapping: where it is, and its bytes. No view may be used after `unmap`. */
export interface Mapping {
  readonly pointer: Deno.PointerObject;
  readonly address: bigint;
  readonly buffer: ArrayBuffer;
  /** The file, and where in it the mapping begins. */
  readonly fd: number;
  readonly fileOffset: number;
}

export interface MapOptions {
  readonly fd: number;
  readonly offset: number;
  readonly length: number;
  readonly readOnly: boolean;
  readonly path: string;
}

/** Maps a part of a file, shared. It may reach past the end of the file: do not touch that part. */
export function map({ fd, offset, length, readOnly, path }: MapOptions): Mapping {
  const protection = readOnly ? protectRead : protectRead | protectWrite;
  const pointer = libc().mmap(null, BigInt(length), protection, mapShared, fd, BigInt(offset));
  const errno = errnoWord![0];
  const address = Deno.UnsafePointer.value(pointer);
  if (pointer === null || BigInt.asIntN(64, address) === -1n) {
    throw new SystemError("map", errno, path);
  }
  const buffer = Deno.UnsafePointerView.getArrayBuffer(pointer, length);
  return { pointer, address, buffer, fd, fileOffset: offset };
}

export function unmap(mapping: Mapping): void {
  const length = BigInt(mapping.buffer.byteLength);
  uninterrupted((library) => library.munmap(mapping.pointer, length));
}

function at(mapping: Mapping, offset: number): Deno.PointerObject {
  return Deno.UnsafePointer.create(mapping.address + BigInt(offset))!;
}

/** Writes a range of pages (offset a multiple of 4096) to the device; returns when it is there. */
export function sync(mapping: Mapping, offset: number, length: number, path: string): void {
  const start = at(mapping, offset);
  const bytes = BigInt(length);
  if (uninterrupted((library) => library.msync(start, bytes, syncNow)) !== 0) fail("sync", path);
}

/**
 * The same on another thread; resolves to whether it succeeded. Never made again, whatever the reason:
 * that is not known, and after an error of the disk a second call would succeed without the data.
 */
export async function syncInBackground(
  mapping: Mapping,
  offset: number,
  length: number,
): Promise<boolean> {
  const from = mapping.fileOffset + offset;
  return await onOtherThread(
    (ring) => ring.fdatasync(mapping.fd, from, length),
    () => libc().msyncInBackground(at(mapping, offset), BigInt(length), syncNow),
  ) === 0;
}

/** Writes all of a file that is dirty to the device, on another thread; resolves to whether it succeeded. */
export async function syncDataInBackground(fd: number): Promise<boolean> {
  return await onOtherThread(
    (ring) => ring.fdatasync(fd, 0, 0),
    () => libc().fdatasyncInBackground(fd),
  ) === 0;
}

/**
 * Whether what `writeBack` has written is on the disk after a sync of any range of the file. So it
 * is where files are overwritten in place and a sync of a part takes all of the file's metadata along and empties
 * the disk's cache: with ext4 and XFS. Elsewhere that is not known, and with overlayfs nothing would be written.
 */
export function canWriteBack(fd: number): boolean {
  const words = new BigInt64Array(fileSystemWords);
  return libc().fstatfs(fd, words) === 0 && syncedByAnyRange.has(words[0]) &&
    libc().sync_file_range(fd, 0n, 0n, 0) === 0;
}

/**
 * Writes a range of a file, in bytes, out of the kernel's memory; returns when all is written. That is not a sync yet:
 * see `canWriteBack`.
 */
export function writeBack(fd: number, offset: number, length: number, path: string): void {
  const [from, bytes] = [BigInt(offset), BigInt(length)];
  if (libc().sync_file_range(fd, from, bytes, writeAndWait) !== 0) fail("sync", path);
}

/** The same on another thread; resolves to whether it succeeded. */
export async function writeBackInBackground(
  fd: number,
  offset: number,
  length: number,
): Promise<boolean> {
  return await syncRangeInBackground(fd, offset, length, writeAndWait);
}

/** Begins to write a range back on another thread; resolves to whether that was done. Errors are a later sync's. */
export async function beginWriteBackInBackground(
  fd: number,
  offset: number,
  length: number,
): Promise<boolean> {
  return await syncRangeInBackground(fd, offset, length, beginWriting);
}

async function syncRangeInBackground(
  fd: number,
  offset: number,
  length: number,
  flags: number,
): Promise<boolean> {
  return await onOtherThread(
    (ring) => ring.syncFileRange(fd, offset, length, flags),
    () => libc().syncFileRangeInBackground(fd, BigInt(offset), BigInt(length), flags),
  ) === 0;
}

/**
 * Pages of the mapping will be touched one here, one there: the kernel then reads those alone. Otherwise it
 * reads up to megabytes around each, which throws out of memory what is in use when memory is short. What
 * cannot be advised works all the same, here and below.
 */
export function adviseRandom(mapping: Mapping): void {
  libc().madvise(mapping.pointer, BigInt(mapping.buffer.byteLength), randomAccess);
}

/** A range will be read as a whole: begins to bring it into memory, and does not wait for that. */
export function readAhead(mapping: Mapping, offset: number, length: number): void {
  libc().madvise(at(mapping, offset), BigInt(length), willNeed);
}

/** The same on another thread, since asking the disk for much takes long. Resolves to whether it was done. */
export async function readAheadInBackground(
  mapping: Mapping,
  offset: number,
  length: number,
): Promise<boolean> {
  return await adviseInBackground(mapping, offset, length, willNeed);
}

/**
 * Faults pages in for writing, on another thread (Linux 5.14; older kernels refuse, which is only
 * slower). Resolves to whether it was done.
 */
export async function populate(
  mapping: Mapping,
  offset: number,
  length: number,
): Promise<boolean> {
  return await adviseInBackground(mapping, offset, length, populateWrite);
}

/** The same for reading. */
export async function populateForReading(
  mapping: Mapping,
  offset: number,
  length: number,
): Promise<boolean> {
  return await adviseInBackground(mapping, offset, length, populateRead);
}

async function adviseInBackground(
  mapping: Mapping,
  offset: number,
  length: number,
  advice: number,
): Promise<boolean> {
  return await onOtherThread(
    (ring) => ring.madvise(Number(mapping.address) + offset, length, advice),
    () => libc().madviseInBackground(at(mapping, offset), BigInt(length), advice),
  ) === 0;
}

/** Sets the process's file mode mask; returns the one before. */
export function setUmask(mask: number): number {
  return libc().umask(mask);
}
