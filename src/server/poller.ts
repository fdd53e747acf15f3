/**
 * Tells sockets that something has happened to them. All of a server are watched by one epoll instance, so
 * that one call finds all that are ready; those are read in the order in which they became so.
 *
 * Waiting goes in three steps. While there is traffic, what is ready is asked for between turns of the event
 * loop, without waiting. When there was none for a moment, the program may wait in place for a tenth of a
 * millisecond at a time: whoever asks then is answered soonest, and all else that the event loop does
 * comes late by no more than that. After a millisecond of silence the wait goes to another thread: an idle
 * server costs nothing.
 *
 * Calls on other threads are made through a ring of the kernel's, where it has one, which the poller watches like a
 * socket: it would take the runtime tens of milliseconds to tell of their ends.
 */
import { Epoll } from "../sys/epoll.ts";
import { IoUring } from "../sys/io_uring.ts";
import { callThrough } from "../sys/libc.ts";

/** What something can happen to. */
export interface PollSource {
  /** Told what has happened, in the bits of `readiness`. Puts itself in the poller's line if it is to be read. */
  onReady(bits: number): void;
  /** Its turn has come: reads what there is, and returns how many bytes that was. Never throws. */
  readNow(): number;
}

/** How long one wait in place is, in microseconds. */
const waitMicroseconds = 100;
/** So many of them in a row without a result end the traffic. */
const waitsMax = 10;
/** When so much has been read, it is handled before more is: the event loop gets about 2 ms late. */
const roundBytesEnough = 256 * 1024;

export class Poller {
  readonly #epoll = new Epoll();
  /** By descriptor. */
  readonly #sources: (PollSource | undefined)[] = [];
  /** Sources to be read, from `#next` on. */
  readonly #line: PollSource[] = [];
  #next = 0;
  /** It may keep the thread to itself while nothing is ready, as above. */
  waitsInPlace = false;
  /** Waits in place in a row that ended without a result. */
  #waits = 0;
  /** Another thread waits. */
  #isAway = false;
  #isClosed = false;
  readonly #ring = IoUring.open();
  readonly #leaveRing: () => void;
  readonly #ended: Promise<void>;

  constructor() {
    const ring = this.#ring;
    const isWatched = ring !== null &&
      this.watch(ring.fd, { onReady: () => ring.reap(), readNow: () => 0 });
    this.#leaveRing = isWatched ? callThrough(ring) : () => {};
    this.#ended = this.#run();
  }

  /** Begins to watch a descriptor. False: the system refused it. */
  watch(fd: number, source: PollSource): boolean {
    if (this.#isClosed) return false;
    this.#sources[fd] = source;
    return this.#epoll.add(fd);
  }

  /** Watches, too, whether there is room to write. */
  watchWriting(fd: number, isWatched: boolean): void {
    if (!this.#isClosed) this.#epoll.change(fd, isWatched);
  }

  /** Watches it no more; to be called before it is closed. */
  forget(fd: number): void {
    if (this.#isClosed) return;
    this.#sources[fd] = undefined;
    this.#epoll.remove(fd);
  }

  /** Has a source be read when all that stand in line have been. */
  enqueue(source: PollSource): void {
    this.#line.push(source);
    if (this.#isAway) this.#epoll.wake();
  }

  /** Ends all watching. */
  async close(): Promise<void> {
    if (this.#isClosed) return await this.#ended;
    this.#isClosed = true;
    this.#leaveRing();
    this.#epoll.wake();
    await this.#ended;
    await this.#ring?.close();
    this.#epoll.close();
  }

  async #run(): Promise<void> {
    await afterOthers();
    while (!this.#isClosed) {
      this.#tell(this.#epoll.poll());
      if (this.#next === this.#line.length) this.#tell(await this.#wait());
      else this.#waits = 0;
      this.#readSome();
      await afterOthers();
    }
  }

  /** Resolves to how many descriptors something has happened to, after waiting in place or on another thread. */
  async #wait(): Promise<number> {
    if (this.waitsInPlace && this.#waits++ < waitsMax) {
      return this.#epoll.pollFor(waitMicroseconds);
    }
    this.#waits = 0;
    this.#isAway = true;
    const count = await this.#epoll.pollInBackground();
    this.#isAway = false;
    return count;
  }

  #tell(count: number): void {
    const epoll = this.#epoll;
    for (let i = 0; i < count; i++) this.#sources[epoll.fdAt(i)]?.onReady(epoll.bitsAt(i));
  }

  #readSome(): void {
    const line = this.#line;
    let bytes = 0;
    while (this.#next < line.length && bytes < roundBytesEnough) {
      bytes += line[this.#next++].readNow();
    }
    if (this.#next < line.length) return;
    line.length = 0;
    this.#next = 0;
  }
}

/** Resolves when all else that can run now has run. */
function afterOthers(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
