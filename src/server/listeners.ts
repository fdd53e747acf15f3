/** Where a server listens: its Unix socket, and TCP addresses if there are any. */
import { keepClientsAlive } from "../sys/keep_alive.ts";
import { formatTcpAddress, type TcpAddress } from "./tcp_address.ts";
import { ListenError, UnixSocket, type UnixSocketOptions } from "./unix_socket.ts";

/** How long accepting rests when the process has no file descriptors left. */
const acceptPauseMs = 100;

export interface ListenersOptions {
  readonly socket: UnixSocketOptions;
  readonly tcp: readonly TcpAddress[];
  readonly log: (message: string) => void;
}

export class Listeners {
  /** Called with each client's socket. */
  onSocket: (socket: Deno.Conn) => void = (socket) => socket.close();
  readonly #unix: UnixSocket;
  readonly #tcp: readonly Deno.TcpListener[];
  readonly #log: (message: string) => void;
  #closed = false;

  private constructor(
    unix: UnixSocket,
    tcp: readonly Deno.TcpListener[],
    { log }: ListenersOptions,
  ) {
    this.#unix = unix;
    this.#tcp = tcp;
    this.#log = log;
  }

  /** Listens; nobody is accepted before `accept`. Throws a ListenError. */
  static async open(options: ListenersOptions): Promise<Listeners> {
    const unix = await UnixSocket.listen(options.socket);
    const tcp: Deno.TcpListener[] = [];
    try {
      for (const address of options.tcp) {
        const listener = listenTcp(address);
        if (listener !== null) tcp.push(listener);
      }
      return new Listeners(unix, tcp, options);
    } catch (error) {
      for (const listener of tcp) listener.close();
      unix.close();
      throw error;
    }
  }

  /** Begins to accept clients. */
  accept(): void {
    void this.#acceptFrom(this.#unix.listener);
    for (const listener of this.#tcp) void this.#acceptFrom(listener);
  }

  async #acceptFrom(listener: Deno.Listener): Promise<void> {
    while (!this.#closed) {
      try {
        this.onSocket(await listener.accept());
      } catch (error) {
        if (this.#closed) return;
        this.#log(`Cannot accept a connection: ${error instanceof Error ? error.message : error}`);
        await new Promise((resolve) => setTimeout(resolve, acceptPauseMs));
      }
    }
  }

  /** The socket's path, and the TCP addresses if there are any. */
  get addresses(): string[] {
    return [this.#unix.path, ...this.#tcp.map(({ addr }) => formatTcpAddress(addr))];
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
