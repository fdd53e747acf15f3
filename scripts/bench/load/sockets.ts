/**
 * Sockets through libc: a load generator that waits for all its connections with one call, and reads and
 * writes with one call each. The runtime's own would take several times as long, and the generator would
 * be what is measured. All calls block: nothing else runs in its process.
 */

const symbols = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "pointer", "usize"], result: "isize" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const addressFamilyUnix = 1;
const streamSocket = 1;
const controlAdd = 1;
const readable = 1;
/** sockaddr_un: the family, and a path of at most 107 bytes with a zero behind it. */
const pathBytesMax = 107;
const addressBytes = 2 + pathBytesMax + 1;

/** struct epoll_event is packed on x86-64 only. */
const eventBytes = Deno.build.arch === "x86_64" ? 12 : 16;
const eventDataAt = Deno.build.arch === "x86_64" ? 4 : 8;
const eventsMax = 512;
const readBytes = 256 * 1024;

export class Sockets implements Disposable {
  /** What was read last. */
  readonly buffer = new Uint8Array(readBytes);
  readonly #libc = Deno.dlopen("libc.so.6", symbols);
  readonly #epoll: number;
  readonly #descriptors: number[] = [];
  readonly #events = new Uint8Array(eventBytes * eventsMax);
  readonly #view = new DataView(this.#events.buffer);

  constructor() {
    this.#epoll = this.#libc.symbols.epoll_create1(0);
    if (this.#epoll < 0) throw new Error("Cannot wait for sockets: epoll_create1 failed");
  }

  /** Connects to a Unix socket; returns the connection's number, 0 for the first. */
  connect(path: string): number {
    const bytes = new TextEncoder().encode(path);
    if (bytes.length > pathBytesMax) throw new Error(`Cannot connect to ${path}: too long a path`);
    const address = new Uint8Array(addressBytes);
    address[0] = addressFamilyUnix;
    address.set(bytes, 2);
    const { socket, connect, epoll_ctl } = this.#libc.symbols;
    const descriptor = socket(addressFamilyUnix, streamSocket, 0);
    if (descriptor < 0 || connect(descriptor, address, addressBytes) !== 0) {
      throw new Error(`Cannot connect to ${path}`);
    }
    const number = this.#descriptors.push(descriptor) - 1;
    const event = new Uint8Array(eventBytes);
    const view = new DataView(event.buffer);
    view.setUint32(0, readable, true);
    view.setUint32(eventDataAt, number, true);
    if (epoll_ctl(this.#epoll, controlAdd, descriptor, event) !== 0) {
      throw new Error(`Cannot wait for ${path}: epoll_ctl failed`);
    }
    return number;
  }

  /** Waits until some connections can be read, and returns how many; `at` tells which. */
  wait(limitMs: number): number {
    return this.#libc.symbols.epoll_wait(this.#epoll, this.#events, eventsMax, limitMs);
  }

  /** The number of the i-th connection that can be read. */
  at(i: number): number {
    return this.#view.getUint32(i * eventBytes + eventDataAt, true);
  }

  /** Reads what is there into `buffer`; returns how many bytes, 0 at the end of the connection. */
  read(number: number): number {
    const length = Number(
      this.#libc.symbols.read(this.#descriptors[number], this.buffer, BigInt(readBytes)),
    );
    if (length < 0) throw new Error("Cannot read from the server: the connection was lost");
    return length;
  }

  /** Writes all of a range of memory. */
  write(number: number, address: bigint, length: number): void {
    for (let done = 0; done < length;) {
      const from = Deno.UnsafePointer.create(address + BigInt(done));
      const descriptor = this.#descriptors[number];
      const count = Number(this.#libc.symbols.write(descriptor, from, BigInt(length - done)));
      if (count <= 0) throw new Error("Cannot write to the server: the connection was lost");
      done += count;
    }
  }

  [Symbol.dispose](): void {
    for (const descriptor of [...this.#descriptors, this.#epoll]) {
      this.#libc.symbols.close(descriptor);
    }
    this.#libc.close();
  }
}
