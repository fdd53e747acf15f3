/** A TCP connection with TLS around it, used as any socket. */
import type { TlsContext, TlsSession } from "../sys/openssl.ts";
import { ConnectionError } from "../sys/sockets.ts";
import type { ClientSocket, Receiver } from "./client_socket.ts";

/** A TLS record has at most 16 KiB, and a little. */
const inputBytes = 17 * 1024;
/** So much is encrypted at once: replies of many MiB need not be there twice. */
const writeBytesMax = 256 * 1024;
const outputBytes = 64 * 1024;
/** That a connection ends may take so long to send. */
const farewellLimitMs = 100;

export class TlsSocket implements ClientSocket {
  readonly #socket: ClientSocket;
  readonly #session: TlsSession;
  readonly #input = new Uint8Array(inputBytes);
  /** The handshake, once it has begun: reading and writing wait for it. */
  #ready: Promise<boolean> | null = null;
  /** What is being sent: one after the other. */
  #sending: Promise<void> = Promise.resolve();
  /** Calls that use the session, which may not be freed before their end. */
  #users = 0;
  #isClosed = false;

  constructor(socket: ClientSocket, context: TlsContext) {
    this.#socket = socket;
    this.#session = context.session();
  }

  get localAddr(): Deno.Addr {
    return this.#socket.localAddr;
  }

  get remoteAddr(): Deno.Addr {
    return this.#socket.remoteAddr;
  }

  get isGone(): boolean {
    return this.#socket.isGone;
  }

  get onGone(): (() => void) | null {
    return this.#socket.onGone;
  }

  set onGone(onGone: (() => void) | null) {
    this.#socket.onGone = onGone;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    return await this.#using(async () => {
      if (!await this.#handshake()) return null;
      while (true) {
        const progress = this.#session.read(buffer as Uint8Array<ArrayBuffer>);
        const { moved } = this.#session;
        if (this.#session.pending > 0) await this.#flush();
        if (progress === "done") return moved;
        if (progress === "ended" || !await this.#receive()) return null;
      }
    });
  }

  receive(receiver: Receiver): void {
    this.read(receiver.space()).then(
      (length) => receiver.received(length),
      (error) => receiver.failed(error),
    );
  }

  /** Sending what is encrypted may have to wait: `write` does. */
  sendNow(): number {
    return 0;
  }

  /** Returns how many bytes were sent, which may be fewer. */
  async write(bytes: Uint8Array): Promise<number> {
    return await this.#using(async () => {
      if (!await this.#handshake()) throw new ConnectionError("The client has gone");
      const part = bytes.subarray(0, writeBytesMax) as Uint8Array<ArrayBuffer>;
      if (part.length === 0) return 0;
      // It can be encrypted at once: since TLS 1.3 there is nothing to wait for, and no renegotiation before.
      if (this.#session.write(part) !== "done") {
        throw new ConnectionError("The client has ended the connection");
      }
      const { moved } = this.#session;
      await this.#flush();
      return moved;
    });
  }

  /** Whether there is a client behind it. Throws a TlsError when it cannot be agreed with. */
  #handshake(): Promise<boolean> {
    return this.#ready ??= this.#shakeHands();
  }

  async #shakeHands(): Promise<boolean> {
    while (true) {
      let progress;
      try {
        progress = this.#session.handshake();
      } finally {
        // When it has failed, the client is told why.
        await this.#flush();
      }
      if (progress === "done") return true;
      if (progress === "ended" || !await this.#receive()) return false;
    }
  }

  /** Has the session have what comes next from the client; false: nothing more does. */
  async #receive(): Promise<boolean> {
    const length = await this.#socket.read(this.#input);
    if (length === null || this.#isClosed) return false;
    this.#session.feed(this.#input.subarray(0, length));
    return true;
  }

  #flush(): Promise<void> {
    const sending = this.#sending.then(() => this.#send());
    this.#sending = sending.catch(() => {});
    return sending;
  }

  async #send(): Promise<void> {
    while (this.#session.pending > 0) {
      const bytes = new Uint8Array(Math.min(outputBytes, this.#session.pending));
      const length = this.#session.take(bytes);
      for (let at = 0; at < length;) at += await this.#socket.write(bytes.subarray(at, length));
    }
  }

  async #using<T>(work: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await work();
    } finally {
      this.#users--;
      this.#freeIfUnused();
    }
  }

  /** Says that nothing more is sent; what the client sends is still read. */
  async closeWrite(): Promise<void> {
    await this.#using(async () => {
      this.#session.shutdown();
      // A client that does not read is not waited for.
      let timer: ReturnType<typeof setTimeout> | undefined;
      const limit = new Promise<void>((resolve) => timer = setTimeout(resolve, farewellLimitMs));
      await Promise.race([this.#flush().catch(() => {}), limit]);
      clearTimeout(timer);
      await this.#socket.closeWrite();
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
    this.#freeIfUnused();
  }

  #freeIfUnused(): void {
    if (this.#isClosed && this.#users === 0) this.#session.free();
  }
}
