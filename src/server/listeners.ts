/** Where a server listens: its Unix socket, and TCP addresses if there are any. */
import { keepClientsAlive } from "../sys/keep_alive.ts";
import type { TlsContext } from "../sys/openssl.ts";
import type { ClientSocket } from "./client_socket.ts";
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

export class Listeners {
  /** Called with each client's socket. */
  onSocket: (socket: ClientSocket) => void = (socket) => socket.close();
  readonly #unix: UnixSocket;
  readonly #tcp: readonly Deno.TcpListener[];
  /** Of those in `#tcp`, where TLS is spoken, and how. */
  readonly #tls: ReadonlyMap<Deno.TcpListener, TlsContext>;
  readonly #log: (message: string) => void;
  #closed = false;

  private constructor(
    unix: UnixSocket,
    tcp: readonly Deno.TcpListener[],
    tls: ReadonlyMap<Deno.TcpListener, TlsContext>,
    { log }: ListenersOptions,
  ) {
    this.#unix = unix;
    this.#tcp = tcp;
    this.#tls = tls;
    this.#log = log;
  }

  /** Listens; nobody is accepted before `accept`. Throws a ListenError. */
  static async open(options: ListenersOptions): Promise<Listeners> {
    const unix = await UnixSocket.listen(options.socket);
    const tcp: Deno.TcpListener[] = [];
    const tls = new Map<Deno.TcpListener, TlsContext>();
    try {
      for (const address of [...options.tcp, ...options.tls?.addresses ?? []]) {
        const listener = listenTcp(address);
        if (listener === null) continue;
        tcp.push(listener);
        if (!options.tcp.includes(address)) tls.set(listener, options.tls!.context);
      }
      return new Listeners(unix, tcp, tls, options);
    } catch (error) {
      for (const listener of tcp) listener.close();
      unix.close();
      throw error;
    }
  }

  /** Begins to accept clients. */
  accept(): void {
    void this.#acceptFrom(this.#unix.listener);
    for (const listener of this.#tcp) {
      const context = this.#tls.get(listener);
      void this.#acceptFrom(listener, context && ((socket) => new TlsSocket(socket, context)));
    }
  }

  async #acceptFrom<T extends Deno.Conn>(
    listener: { accept(): Promise<T> },
    wrap: (socket: T) => ClientSocket = (socket) => socket,
  ): Promise<void> {
    while (!this.#closed) {
      try {
        const socket = await listener.accept();
        this.onSocket(wrap(socket)); // Not the one of before it came.
      } catch (error) {
        if (this.#closed) return;
        this.#log(`Cannot accept a connection: ${error instanceof Error ? error.message : error}`);
        await new Promise((resolve) => setTimeout(resolve, acceptPauseMs));
      }
    }
  }

  /** The socket's path, and the TCP addresses if there are any. */
  get addresses(): string[] {
    return [
      this.#unix.path,
      ...this.#tcp.map((listener) =>
        formatTcpAddress(listener.addr) + (this.#tls.has(listener) ? " (TLS)" : "")
      ),
    ];
  }

  /** Asks TCP clients that come from now on whether they live when they are silent for so long; 0: not. */
  keepAlive(seconds: number): void {
    for (const { addr } of this.#tcp) keepClientsAlive(addr.port, seconds);
  }

  /** Stops listening and removes the socket. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#tcp) listener.close();
    this.#unix.close();
  }
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
