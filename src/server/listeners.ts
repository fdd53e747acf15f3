/** Where a server listens: its Unix socket, and a TCP address if there is one. */
import { formatTcpAddress, type TcpAddress } from "./tcp_address.ts";
import { ListenError, UnixSocket } from "./unix_socket.ts";

/** How long accepting rests when the process has no file descriptors left. */
const acceptPauseMs = 100;

export interface ListenersOptions {
  readonly socket: string;
  /** Permission bits of the socket. */
  readonly socketMode: number;
  readonly tcp: TcpAddress | null;
  readonly log: (message: string) => void;
}

export class Listeners {
  /** Called with each client's socket. */
  onSocket: (socket: Deno.Conn) => void = (socket) => socket.close();
  readonly #unix: UnixSocket;
  readonly #tcp: Deno.TcpListener | null;
  readonly #log: (message: string) => void;
  #closed = false;

  private constructor(unix: UnixSocket, tcp: Deno.TcpListener | null, { log }: ListenersOptions) {
    this.#unix = unix;
    this.#tcp = tcp;
    this.#log = log;
  }

  /** Listens; nobody is accepted before `accept`. Throws a ListenError. */
  static async open(options: ListenersOptions): Promise<Listeners> {
    const unix = await UnixSocket.listen(options.socket, options.socketMode);
    try {
      return new Listeners(unix, options.tcp === null ? null : listenTcp(options.tcp), options);
    } catch (error) {
      unix.close();
      throw error;
    }
  }

  /** Begins to accept clients. */
  accept(): void {
    void this.#acceptFrom(this.#unix.listener);
    if (this.#tcp) void this.#acceptFrom(this.#tcp);
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

  /** The socket's path, and the TCP address if there is one. */
  get addresses(): string[] {
    const tcp = this.#tcp?.addr;
    return tcp ? [this.#unix.path, formatTcpAddress(tcp)] : [this.#unix.path];
  }

  /** Stops listening and removes the socket. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#tcp?.close();
    this.#unix.close();
  }
}

function listenTcp(address: TcpAddress): Deno.TcpListener {
  try {
    return Deno.listen({ transport: "tcp", ...address });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ListenError(`Cannot listen on ${formatTcpAddress(address)}: ${reason}`);
  }
}
