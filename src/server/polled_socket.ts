/** A client's socket, read and written when the poller says that it can be. */
import { readiness } from "../sys/epoll.ts";
import {
  closeSocketDescriptor,
  ConnectionError,
  endSending,
  receive,
  send,
} from "../sys/sockets.ts";
import type { ClientSocket, Receiver } from "./client_socket.ts";
import type { Poller, PollSource } from "./poller.ts";

const endedBits = readiness.error | readiness.hangUp | readiness.peerEnded;
const goneBits = readiness.error | readiness.hangUp;
const readableBits = readiness.readable | endedBits;
const writableBits = readiness.writable | readiness.error | readiness.hangUp;

export class PolledSocket implements ClientSocket, PollSource {
  readonly remoteAddr: Deno.Addr;
  readonly localAddr: Deno.Addr;
  readonly #poller: Poller;
  readonly #fd: number;
  /** There may be something to be read: the poller will not say so again. */
  #isReadable = false;
  /** The client sends no more: it has to be read to its end, of which nothing is said. */
  #isEnded = false;
  #isGone = false;
  onGone: (() => void) | null = null;
  #isInLine = false;
  #isClosed = false;
  /** Who takes what comes next; null: nobody wants it yet. */
  #receiver: Receiver | null = null;
  /** The write that waits for room. */
  #room: PromiseWithResolvers<void> | null = null;

  /** Throws a ConnectionError when the system refuses to watch it. */
  constructor(poller: Poller, fd: number, remoteAddr: Deno.Addr, localAddr: Deno.Addr) {
    this.#poller = poller;
    this.#fd = fd;
    this.remoteAddr = remoteAddr;
    this.localAddr = localAddr;
    if (poller.watch(fd, this)) return;
    this.close();
    throw new ConnectionError(
      "Cannot accept a connection: the system watches no more; raise fs.epoll.max_user_watches",
    );
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  read(bytes: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.receive({
        space: () => bytes,
        received: resolve,
        nothingReceived: () => {},
        failed: reject,
      });
    });
  }

  receive(receiver: Receiver): void {
    this.#receiver = receiver;
    if (this.#isReadable || this.#isClosed) this.#getInLine();
  }

  onReady(bits: number): void {
    if ((bits & endedBits) !== 0) {
      this.#isEnded = true;
      this.#isGone ||= (bits & goneBits) !== 0 || this.remoteAddr.transport !== "unix";
      if (this.#isGone) this.onGone?.();
    }
    if ((bits & writableBits) !== 0 && this.#room !== null) this.#endWait(this.#room);
    if ((bits & readableBits) === 0) return;
    this.#isReadable = true;
    if (this.#receiver !== null) this.#getInLine();
  }

  #getInLine(): void {
    if (this.#isInLine) return;
    this.#isInLine = true;
    this.#poller.enqueue(this);
  }

  readNow(): number {
    this.#isInLine = false;
    const receiver = this.#receiver;
    if (receiver === null) return 0;
    let length = 0;
    if (!this.#isClosed) {
      const space = receiver.space();
      try {
        length = receive(this.#fd, space);
      } catch (error) {
        this.#receiver = null;
        receiver.failed(error);
        return 0;
      }
      // A stream that had less than was asked for is empty.
      this.#isReadable = length === space.length || length >= 0 && this.#isEnded;
      if (length < 0) {
        receiver.nothingReceived();
        return 0;
      }
    }
    this.#receiver = null;
    receiver.received(length === 0 ? null : length);
    return length;
  }

  sendNow(bytes: Uint8Array, length: number): number {
    if (this.#isClosed) throw new ConnectionError("The connection is closed");
    return send(this.#fd, bytes, length);
  }

  async write(bytes: Uint8Array): Promise<number> {
    while (true) {
      const sent = this.sendNow(bytes, bytes.length);
      if (sent > 0 || bytes.length === 0) return sent;
      this.#room = Promise.withResolvers();
      // There may be room by now: that is told, too.
      this.#poller.watchWriting(this.#fd, true);
      await this.#room.promise;
    }
  }

  #endWait(room: PromiseWithResolvers<void>): void {
    this.#room = null;
    if (!this.#isClosed) this.#poller.watchWriting(this.#fd, false);
    room.resolve();
  }

  closeWrite(): Promise<void> {
    if (!this.#isClosed) endSending(this.#fd);
    return Promise.resolve();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#poller.forget(this.#fd);
    closeSocketDescriptor(this.#fd);
    if (this.#receiver !== null) this.#getInLine(); // To be told that nothing comes.
    if (this.#room !== null) this.#endWait(this.#room);
  }
}
