/**
 * The kernel's readiness list (epoll(7)), edge-triggered: a descriptor is reported when something new has
 * happened to it, so whoever was told reads until there is nothing left, or remembers that there is.
 */
import { loadFunctions } from "./foreign_functions.ts";

const functions = {
  close: { parameters: ["i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  epollWaitInBackground: {
    name: "epoll_wait",
    parameters: ["i32", "pointer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  ppoll: { parameters: ["buffer", "u64", "buffer", "pointer"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
} as const satisfies Record<string, Deno.ForeignFunction>;

const often = ["epoll_ctl", "epoll_wait", "ppoll", "write"] as const;

/** Bits of what has happened. */
export const readiness = { readable: 1, writable: 4, error: 8, hangUp: 0x10, peerEnded: 0x2000 };

const edgeTriggered = 1 << 31;
/** What is told of every descriptor. */
const watchedBits = readiness.readable | readiness.peerEnded | edgeTriggered;
const closeOnExec = 0o2000000;
const operations = { add: 1, remove: 2, change: 3 };
/** `struct epoll_event`: the bits and 64 bits of the caller's, without padding on x86-64 alone. */
const eventWords = Deno.build.arch === "x86_64" ? 3 : 4;
const descriptorWord = eventWords - 2;
/** More that is ready is reported the next time. */
const eventsMax = 256;
const forEver = -1;

export class Epoll {
  readonly #libc = loadFunctions("libc.so.6", functions, often);
  readonly #fd = this.#libc.epoll_create1(closeOnExec);
  /** Written to end a wait on another thread. */
  readonly #waker = this.#libc.eventfd(0, closeOnExec);
  readonly #events = new Int32Array(new ArrayBuffer(eventsMax * eventWords * 4));
  readonly #eventBytes = new Uint8Array(this.#events.buffer);
  readonly #eventsAddress = Deno.UnsafePointer.of(this.#eventBytes);
  /** `struct pollfd`: the descriptor, and that it becomes readable. */
  readonly #pollRequest = new Uint8Array(Int32Array.of(this.#fd, readiness.readable).buffer);

  constructor() {
    if (this.#fd < 0 || this.#waker < 0) {
      throw new Error("Cannot create an epoll instance: too many open files? raise ulimit -n");
    }
    this.add(this.#waker);
  }

  /** Begins to report that a descriptor is readable, or that its other end is gone. False: it was refused. */
  add(fd: number): boolean {
    return this.#control(operations.add, fd, watchedBits);
  }

  /** The same, and that it is writable, or no more of that. */
  change(fd: number, isForWriting: boolean): void {
    const writing = isForWriting ? readiness.writable : 0;
    this.#control(operations.change, fd, watchedBits | writing);
  }

  /** One that is closed needs not be removed. */
  remove(fd: number): void {
    this.#control(operations.remove, fd, 0);
  }

  #control(operation: number, fd: number, bits: number): boolean {
    const event = new Int32Array(eventWords);
    event[0] = bits;
    event[descriptorWord] = fd;
    return this.#libc.epoll_ctl(this.#fd, operation, fd, new Uint8Array(event.buffer)) === 0;
  }

  /** How many descriptors something has happened to; does not wait. `fdAt` and `bitsAt` tell of them. */
  poll(): number {
    return Math.max(0, this.#libc.epoll_wait(this.#fd, this.#eventBytes, eventsMax, 0));
  }

  /** The same, after waiting for `microseconds` at most, in which nothing else of this thread runs. */
  pollFor(microseconds: number): number {
    const time = new BigInt64Array([0n, BigInt(microseconds) * 1000n]); // `struct timespec`
    const ready = this.#libc.ppoll(this.#pollRequest, 1n, new Uint8Array(time.buffer), null);
    return ready > 0 ? this.poll() : 0;
  }

  /** The same, after waiting on another thread for as long as it takes, or until `wake`. */
  async pollInBackground(): Promise<number> {
    const count = await this.#libc
      .epollWaitInBackground(this.#fd, this.#eventsAddress, eventsMax, forEver);
    return Math.max(0, count);
  }

  /** Ends the `pollInBackground` that goes on, or else the next one. */
  wake(): void {
    this.#libc.write(this.#waker, new Uint8Array(BigInt64Array.of(1n).buffer), 8n);
  }

  fdAt(index: number): number {
    return this.#events[index * eventWords + descriptorWord];
  }

  bitsAt(index: number): number {
    return this.#events[index * eventWords];
  }

  close(): void {
    this.#libc.close(this.#waker);
    this.#libc.close(this.#fd);
  }
}
