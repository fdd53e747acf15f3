/**
 * A client of which can be asked what has come until now, without waiting for more: for what a server
 * sends unasked, or does not send. Its calls are plain system calls.
 */
import { encodeRequest, toBytes, toText } from "./binary_text.ts";

const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  __errno_location: { parameters: [], result: "pointer" },
}).symbols;

// Linux's numbers: sys/socket.h, asm-generic/errno.h.
const addressFamilyUnix = 1;
const streamSocket = 1;
const doNotWait = 0x40;
const noSignal = 0x4000;
const errors = { wouldBlock: 11, brokenPipe: 32, reset: 104 };
/** sockaddr_un: the family, and a path of at most 107 bytes with a zero behind it. */
const addressBytes = 110;
const readBytes = 64 * 1024;

/**
 *     using connection = InstantConnection.open(server.socketPath);
 *     connection.send([["SUBSCRIBE", "news"]]);
 */
export class InstantConnection implements Disposable {
  readonly #descriptor: number;
  readonly #buffer = new Uint8Array(readBytes);
  #closed = false;
  #disposed = false;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  static open(path: string): InstantConnection {
    const address = new Uint8Array(addressBytes);
    address[0] = addressFamilyUnix;
    address.set(new TextEncoder().encode(path), 2);
    const descriptor = libc.socket(addressFamilyUnix, streamSocket, 0);
    if (descriptor < 0) throw new Error(`Cannot make a socket: error ${errno()}`);
    if (libc.connect(descriptor, address, addressBytes) !== 0) {
      const error = errno();
      libc.close(descriptor);
      throw new Error(`Cannot connect to ${path}: error ${error}`);
    }
    return new InstantConnection(descriptor);
  }

  /** Whether the server has closed the connection, as far as `received` has come. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Sends requests in one write, which a server takes that has read the ones before. */
  send(requests: readonly (readonly string[])[]): void {
    const bytes = toBytes(requests.map(encodeRequest).join(""));
    const count = Number(
      libc.send(
        this.#descriptor,
        bytes as Uint8Array<ArrayBuffer>,
        BigInt(bytes.length),
        noSignal | doNotWait,
      ),
    );
    if (count === bytes.length) return;
    const error = count < 0 ? errno() : errors.wouldBlock;
    // Whoever has closed is sent nothing; what it sent before can still be read.
    if (error === errors.brokenPipe || error === errors.reset) return;
    throw new Error(`Cannot send ${bytes.length} bytes at once: error ${error}`);
  }

  /** All that has come since the last call: one character for each byte. */
  received(): string {
    let text = "";
    while (!this.#closed) {
      const count = Number(
        libc.recv(this.#descriptor, this.#buffer, BigInt(readBytes), doNotWait),
      );
      if (count > 0) {
        text += toText(this.#buffer.subarray(0, count));
        continue;
      }
      const error = count < 0 ? errno() : errors.reset;
      if (error === errors.wouldBlock) break;
      if (error !== errors.reset) throw new Error(`Cannot read from the server: error ${error}`);
      this.#closed = true;
    }
    return text;
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    libc.close(this.#descriptor);
  }
}

function errno(): number {
  return new Deno.UnsafePointerView(libc.__errno_location()!).getInt32();
}
