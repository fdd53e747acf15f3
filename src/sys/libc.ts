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

/** A call to the system that failed. */
export class SystemError extends Error {
  override readonly name = "SystemError";
  /** The call: `mmap`, `msync`, ... */
  readonly call: string;
  /** The name of the error number: `ENOSPC`, `EIO`, ...; `UNKNOWN` after a nonblocking call. */
  readonly code: string;
  readonly path: string;

  constructor(call: string, errno: number, path: string) {
    const { code, meaning, remedy } = describeErrno(errno);
    super(`Cannot ${call} ${path}: ${meaning} (${code})${remedy ? `; ${remedy}` : ""}`);
    this.call = call;
    this.code = code;
    this.path = path;
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
  28: { code: "ENOSPC", meaning: "no space left on the device", remedy: "free some" },
  30: { code: "EROFS", meaning: "read-only file system", remedy: "name a store elsewhere" },
  40: { code: "ELOOP", meaning: "too many symbolic links", remedy: "" },
  95: { code: "EOPNOTSUPP", meaning: "not supported by the file system", remedy: "" },
  122: { code: "EDQUOT", meaning: "disk quota exceeded", remedy: "free some" },
};

function describeErrno(errno: number): ErrnoDescription {
  return errnoTable[errno] ??
    { code: errno > 0 ? `E${errno}` : "UNKNOWN", meaning: "the call failed", remedy: "" };
}

const symbols = {
  open: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  umask: { parameters: ["u32"], result: "u32" },
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
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
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

type Libc = Deno.DynamicLibrary<typeof symbols>["symbols"];

let library: Libc | undefined;
let errnoWord: Int32Array | undefined;

/** Loads libc at first use, so that a program that only talks over the socket never does. */
function libc(): Libc {
  if (library) return library;
  library = Deno.dlopen("libc.so.6", symbols).symbols;
  // errno is one word per thread, and JavaScript stays on its thread.
  const address = library.__errno_location()!;
  errnoWord = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(address, 4));
  return library;
}

// Linux, x86-64 and arm64 alike.
const openFlags = { readOnly: 0, readWrite: 2, create: 0o100, closeOnExec: 0o2000000 };
const protectRead = 1;
const protectWrite = 2;
const mapShared = 1;
const syncNow = 4;
const lockExclusive = 2;
const lockNonblocking = 4;
const seekEnd = 2;
const populateWrite = 23;
const interrupted = 4;

function fail(call: string, path: string): never {
  throw new SystemError(call, errnoWord![0], path);
}

export interface OpenOptions {
  readonly readOnly?: boolean;
  /** Permission bits of a file that is created, before the umask. */
  readonly mode?: number;
}

/** Opens a file, creating it unless `readOnly`; returns its descriptor. */
export function openFile(path: string, options: OpenOptions = {}): number {
  const name = new TextEncoder().encode(path + "\0");
  const flags = options.readOnly
    ? openFlags.readOnly | openFlags.closeOnExec
    : openFlags.readWrite | openFlags.create | openFlags.closeOnExec;
  const fd = libc().open(name, flags, options.mode ?? 0o600);
  if (fd < 0) fail("open", path);
  return fd;
}

export function closeFile(fd: number): void {
  libc().close(fd);
}

/** The first bytes of a small file, 4096 at most. */
export function readStart(fd: number, path: string): Uint8Array {
  const buffer = new Uint8Array(4096);
  const length = Number(libc().read(fd, buffer, BigInt(buffer.length)));
  if (length < 0) fail("read", path);
  return buffer.subarray(0, length);
}

/** Takes the file's exclusive lock (flock); false when another process holds it. */
export function tryLock(fd: number, path: string): boolean {
  if (libc().flock(fd, lockExclusive | lockNonblocking) === 0) return true;
  if (errnoWord![0] === 11) return false;
  return fail("lock", path);
}

/** The file's length in bytes. */
export function fileBytes(fd: number, path: string): number {
  const length = libc().lseek(fd, 0n, seekEnd);
  if (length < 0n) fail("measure", path);
  return Number(length);
}

export function truncateFile(fd: number, bytes: number, path: string): void {
  if (libc().ftruncate(fd, BigInt(bytes)) !== 0) fail("truncate", path);
}

/** Writes a file's data and metadata to the device. */
export function syncFile(fd: number, path: string): void {
  if (libc().fsync(fd) !== 0) fail("sync", path);
}

/** Gives `[from, from + length)` blocks on the disk, so that touching it never is SIGBUS. */
export function allocate(fd: number, from: number, length: number, path: string): void {
  let errno = interrupted;
  for (let tries = 0; errno === interrupted && tries < 100; tries++) {
    errno = libc().posix_fallocate(fd, BigInt(from), BigInt(length));
  }
  if (errno !== 0) throw new SystemError("extend", errno, path);
}

/** The same on another thread; resolves to the error number, 0 for success. */
export function allocateInBackground(fd: number, from: number, length: number): Promise<number> {
  return libc().fallocateInBackground(fd, BigInt(from), BigInt(length));
}

/** A mapping: where it is, and its bytes. No view may be used after `unmap`. */
export interface Mapping {
  readonly pointer: Deno.PointerObject;
  readonly address: bigint;
  readonly buffer: ArrayBuffer;
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
  return { pointer, address, buffer };
}

export function unmap(mapping: Mapping): void {
  libc().munmap(mapping.pointer, BigInt(mapping.buffer.byteLength));
}

function at(mapping: Mapping, offset: number): Deno.PointerObject {
  return Deno.UnsafePointer.create(mapping.address + BigInt(offset))!;
}

/** Writes a range of pages (offset a multiple of 4096) to the device; returns when it is there. */
export function sync(mapping: Mapping, offset: number, length: number, path: string): void {
  if (libc().msync(at(mapping, offset), BigInt(length), syncNow) !== 0) fail("sync", path);
}

/** The same on another thread; resolves to whether it succeeded. */
export async function syncInBackground(
  mapping: Mapping,
  offset: number,
  length: number,
): Promise<boolean> {
  return await libc().msyncInBackground(at(mapping, offset), BigInt(length), syncNow) === 0;
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
  return await libc().madviseInBackground(at(mapping, offset), BigInt(length), populateWrite) === 0;
}

/** Sets the process's file mode mask; returns the one before. */
export function setUmask(mask: number): number {
  return libc().umask(mask);
}
