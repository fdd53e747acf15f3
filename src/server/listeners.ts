/** Where a server listens: its Unix socket, and TCP addresses if there are any. */
import type { TlsContext } from "../sys/openssl.ts";
import {
  accept,
  addressOf,
  keepClientsAlive,
  listeningDescriptor,
  setNoDelay,
} from "../sys/sockets.ts";
import type { ClientSocket } from "./client_socket.ts";
import { PolledSocket } from "./polled_socket.ts";
import type { Poller, PollSource } from "./poller.ts";
import { formatTcpAddress, type TcpAddress } from "./tcp_address.ts";
import { TlsSocket } from "./tls_socket.ts";
import { ListenError, UnixSocket, type UnixSocketOptions } from "./unix_socket.ts";

/** How long accepting rests when the process has no file descriptors left. */
const acceptPauseMs = 100;

export interface ListenersOptions {
  readonly socket: UnixSocketOptions;
  readonly tcp: readonly TcpAddress[];
  /** Where TLS is spoken, and how. */
  readonly tls: { readonly addresses: readonly TcpAddress[]; readonly context: TlsContext } | null;
  readonly log: (message: string) => void;
}

/** One listening socket. */
interface Listening {
  readonly listener: Deno.Listener;
  readonly fd: number;
  /** How TLS is spoken there; null: it is not. */
  readonly tls: TlsContext | null;
}

export class Listeners {
  /** Called with each client's socket. */
  onSocket: (socket: ClientSocket) => void = (socket) => socket.close();
  readonly #unix: UnixSocket;
  readonly #all: readonly Listening[];
  /** Set while clients are accepted. */
  #poller: Poller | null = null;
  readonly #log: (message: string) => void;
  #closed = false;

  private constructor(unix: UnixSocket, all: readonly Listening[], options: ListenersOptions) {
    this.#unix = unix;
    this.#all = all;
    this.#log = options.log;
  }

  /** Listens; nobody is accepted before `accept`. Throws a ListenError. */
  static async open(options: ListenersOptions): Promise<Listeners> {
    const { tcp, tls } = options;
    const unix = await UnixSocket.listen(options.socket);
    const all: Listening[] = [];
    try {
      all.push(listening(unix.listener, null));
      for (const address of [...tcp, ...tls?.addresses ?? []]) {
        const listener = listenTcp(address);
        if (listener === null) continue;
        all.push(listening(listener, tcp.includes(address) ? null : tls!.context));
      }
      return new Listeners(unix, all, options);
    } catch (error) {
      for (const { listener } of all.slice(1)) listener.close();
      unix.close();
      throw error;
    }
  }

  /** Begins to accept clients, whose sockets `poller` will watch. Throws a ListenError. */
  accept(poller: Poller): void {
    this.#poller = poller;
    for (const one of this.#all) {
      if (poller.watch(one.fd, this.#acceptor(one, poller))) continue;
      throw new ListenError(
        `Cannot listen on ${this.addresses.join(", ")}: the system watches no more; raise ` +
          `fs.epoll.max_user_watches`,
      );
    }
  }

  /** What accepts from one listening socket. When that fails it rests, and says why once. */
  #acceptor(one: Listening, poller: Poller): PollSource {
    let isResting = false;
    let hasComplained = false;
    const source = {
      onReady: () => {
        if (!isResting) poller.enqueue(source);
      },
      readNow: () => {
        try {
          while (!this.#closed && this.#acceptFrom(one, poller)) hasComplained = false;
        } catch (error) {
          if (!hasComplained) this.#log(error instanceof Error ? error.message : String(error));
          hasComplained = isResting = true;
          setTimeout(() => {
            isResting = false;
            poller.enqueue(source);
          }, acceptPauseMs);
        }
        return 0;
      },
    };
    return source;
  }

  /** Accepts a client; false when nobody waits. Throws a SystemError or ConnectionError. */
  #acceptFrom({ listener, fd, tls }: Listening, poller: Poller): boolean {
    const accepted = accept(fd);
    if (accepted === null) return false;
    const isUnix = listener === this.#unix.listener;
    const localAddr = isUnix ? listener.addr : addressOf(accepted.fd) ?? listener.addr;
    if (!isUnix) setNoDelay(accepted.fd);
    const socket = new PolledSocket(poller, accepted.fd, accepted.remoteAddr, localAddr);
    this.onSocket(tls === null ? socket : new TlsSocket(socket, tls));
    return true;
  }

  /** The socket's path, and the TCP addresses if there are any. */
  get addresses(): string[] {
    return this.#all.map(({ listener: { addr }, tls }) =>
      "hostname" in addr ? formatTcpAddress(addr) + (tls === null ? "" : " (TLS)") : this.#unix.path
    );
  }

  /** Asks TCP clients that come from now on whether they live when they are silent for so long; 0: not. */
  keepAlive(seconds: number): void {
    for (const { listener: { addr }, fd } of this.#all) {
      if ("hostname" in addr) keepClientsAlive(fd, seconds);
    }
  }

  /** Stops listening and removes the socket. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { listener, fd } of this.#all) {
      this.#poller?.forget(fd);
      if (listener !== this.#unix.listener) listener.close();
    }
    this.#unix.close();
  }
}

/** Throws a ListenError. */
function listening(listener: Deno.Listener, tls: TlsContext | null): Listening {
  const fd = listeningDescriptor(listener.addr);
  if (fd >= 0) return { listener, fd, tls };
  throw new ListenError(
    `Cannot listen on ${
      JSON.stringify(listener.addr)
    }: its descriptor is not in /proc/self/fd; mount /proc`,
  );
}

/** Null for an address that this machine has not got and need not have. */
function listenTcp({ hostname, port, isOptional }: TcpAddress): Deno.TcpListener | null {
  const address = { hostname, port };
  try {
    return Deno.listen({ transport: "tcp", ...address });
  } catch (error) {
    if (isOptional && error instanceof Deno.errors.AddrNotAvailable) return null;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ListenError(`Cannot listen on ${formatTcpAddress(address)}: ${reason}`);
  }
}
