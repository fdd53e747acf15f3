/**
 * Sockets through libc, without a Promise for each call: they are nonblocking, and a call that would have
 * to wait says so. The runtime listens; what it accepts would cost 1.5 us more for each pair of a read and a
 * write, so clients are accepted here, from the listening socket's descriptor.
 */
import { type ForeignFunctions, loadFunctions } from "./foreign_functions.ts";
import { SystemError } from "./libc.ts";

const functions = {
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  inet_ntop: { parameters: ["i32", "buffer", "buffer", "u32"], result: "pointer" },
  // Lengths stay below 2 GiB: as 32-bit numbers they need no BigInt for each call.
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Record<string, Deno.ForeignFunction>;

// Linux's numbers, x86-64 and arm64 alike: sys/socket.h, netinet/in.h, netinet/tcp.h, asm-generic/errno.h.
const families = { unix: 1, inet: 2, inet6: 10 };
const socketLevel = 1;
const socketOptions = { keepAlive: 9, acceptsConnections: 30 };
const tcpLevel = 6;
const tcpOptions = { noDelay: 1, keepIdle: 4, keepInterval: 5, keepCount: 6 };
const acceptFlags = 0o4000 | 0o2000000; // SOCK_NONBLOCK, SOCK_CLOEXEC
const noSignal = 0x4000; // MSG_NOSIGNAL
const shutWriting = 1;
/** More than that is not sent by one call. */
const callBytesMax = 2 ** 30;
const errors = { interrupted: 4, wouldBlock: 11, aborted: 103 };
/** The longest address is a Unix socket's: 2 bytes and 108 of path. */
const addressBytes = 128;
/** Probes without an answer before a silent TCP connection is given up. */
const probes = 3;

/** The other end of a connection is gone, or cannot be reached any more. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** A client's socket, and where it comes from. */
export interface AcceptedSocket {
  readonly fd: number;
  readonly remoteAddr: Deno.Addr;
}

let library: ForeignFunctions<typeof functions> | undefined;
let errnoWord: Int32Array;

function libc() {
  if (library !== undefined) return library;
  library = loadFunctions("libc.so.6", functions, ["accept4", "recv", "send"]);
  const address = library.__errno_location()!;
  errnoWord = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(address, 4));
  return library;
}

/** The descriptor of a listening socket of this process, which the runtime does not tell; -1: there is none. */
export function listeningDescriptor(address: Deno.Addr): number {
  const wanted = nameOf(address);
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (numberOption(fd, socketLevel, socketOptions.acceptsConnections) !== 1) continue;
    const found = addressOf(fd);
    if (found !== null && nameOf(found) === wanted) return fd;
  }
  return -1;
}

function nameOf(address: Deno.Addr): string {
  return "hostname" in address
    ? `${address.hostname} ${address.port}`
    : (address as Deno.UnixAddr).path;
}

/** A client that waits at a listening socket; null: nobody does. Throws a SystemError. */
export function accept(listeningFd: number): AcceptedSocket | null {
  const { accept4 } = libc();
  const address = new Uint8Array(addressBytes);
  const length = new Uint32Array([addressBytes]);
  while (true) {
    const fd = accept4(listeningFd, address, asBytes(length), acceptFlags);
    if (fd >= 0) return { fd, remoteAddr: decodeAddress(address, length[0]) };
    const errno = errnoWord[0];
    if (errno === errors.wouldBlock) return null;
    // Whoever had come has gone again; the next one may be there.
    if (errno !== errors.interrupted && errno !== errors.aborted) {
      throw new SystemError("accept", errno, "a connection");
    }
  }
}

/** Takes what has been received: how many bytes, 0 at the end of it, -1 when there is nothing yet. */
export function receive(fd: number, bytes: Uint8Array): number {
  const length = libc().recv(fd, bytes as Uint8Array<ArrayBuffer>, bytes.length, 0);
  return length >= 0 ? length : orLater("read from");
}

/** Sends the first `length` bytes, or as many as are taken at once; 0: none, for now. */
export function send(fd: number, bytes: Uint8Array, length: number): number {
  const count = length < callBytesMax ? length : callBytesMax;
  const sent = libc().send(fd, bytes as Uint8Array<ArrayBuffer>, count, noSignal);
  return sent >= 0 ? sent : orLater("write to") + 1;
}

/** -1 when the last call has to be made again later; otherwise throws. */
function orLater(what: string): -1 {
  const errno = errnoWord[0];
  if (errno === errors.wouldBlock || errno === errors.interrupted) return -1;
  throw new ConnectionError(`Cannot ${what} a client: error ${errno}`);
}

/** Says that nothing more is sent; what comes can still be read. */
export function endSending(fd: number): void {
  libc().shutdown(fd, shutWriting);
}

export function closeSocketDescriptor(fd: number): void {
  libc().close(fd);
}

/** Has small writes to a TCP client leave at once. */
export function setNoDelay(fd: number): void {
  setNumberOption(fd, tcpLevel, tcpOptions.noDelay, 1);
}

/**
 * Has TCP clients that a listening socket accepts from now on be asked whether they live when they were
 * silent for `seconds`; 0: never. Accepted sockets take over what the listening one is set to.
 */
export function keepClientsAlive(listeningFd: number, seconds: number): void {
  setNumberOption(listeningFd, socketLevel, socketOptions.keepAlive, seconds > 0 ? 1 : 0);
  if (seconds === 0) return;
  // As Redis: the first probe after the whole time, the others after a third of it each.
  setNumberOption(listeningFd, tcpLevel, tcpOptions.keepIdle, seconds);
  const interval = Math.max(1, Math.floor(seconds / 3));
  setNumberOption(listeningFd, tcpLevel, tcpOptions.keepInterval, interval);
  setNumberOption(listeningFd, tcpLevel, tcpOptions.keepCount, probes);
}

/** The socket's own address; null for what is no socket with one. */
export function addressOf(fd: number): Deno.Addr | null {
  const address = new Uint8Array(addressBytes);
  const length = new Uint32Array([addressBytes]);
  if (libc().getsockname(fd, address, asBytes(length)) !== 0) return null;
  return decodeAddress(address, length[0]);
}

/** Reads a `struct sockaddr`; a Unix client has no path. */
function decodeAddress(bytes: Uint8Array<ArrayBuffer>, length: number): Deno.Addr {
  const family = bytes[0] | bytes[1] << 8;
  if (family !== families.inet && family !== families.inet6) {
    const path = bytes.subarray(2, Math.max(2, length));
    const end = path.indexOf(0);
    return { transport: "unix", path: textOf(end < 0 ? path : path.subarray(0, end)) };
  }
  const port = bytes[2] << 8 | bytes[3];
  const text = new Uint8Array(64);
  const host = family === families.inet ? bytes.subarray(4, 8) : bytes.subarray(8, 24);
  libc().inet_ntop(family, host, text, text.length);
  return { transport: "tcp", hostname: textOf(text.subarray(0, text.indexOf(0))), port };
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A numeric option of a socket; -1 for what is none. */
function numberOption(fd: number, level: number, option: number): number {
  const value = new Int32Array(1);
  const size = new Uint32Array([4]);
  return libc().getsockopt(fd, level, option, asBytes(value), asBytes(size)) === 0 ? value[0] : -1;
}

function setNumberOption(fd: number, level: number, option: number, value: number): void {
  libc().setsockopt(fd, level, option, asBytes(new Int32Array([value])), 4);
}

function asBytes({ buffer }: { buffer: ArrayBuffer }): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}
