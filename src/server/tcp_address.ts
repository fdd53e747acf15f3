/** Addresses for `--listen` and `bind`. */
import { ListenError } from "./unix_socket.ts";

export interface TcpAddress {
  readonly hostname: string;
  readonly port: number;
  /** It is no error when this machine has no such address. */
  readonly isOptional?: boolean;
}

const defaultHostname = "127.0.0.1";

/** Reads `HOST:PORT`, `[HOST]:PORT` or `:PORT`. Throws ListenError for anything else. */
export function parseTcpAddress(text: string): TcpAddress {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? NaN);
  if (match === null || !(port <= 65535)) {
    throw new ListenError(`Cannot listen on '${text}': write HOST:PORT, such as 127.0.0.1:6379`);
  }
  return { hostname: match[1] || match[2] || defaultHostname, port };
}

/** Whether a peer's address is of this machine, whatever its network. */
export function isLoopback(hostname: string): boolean {
  return hostname === "::1" || /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/i.test(hostname);
}

/** What `bind` and `port` say: an address with a `-` before it is optional. */
export function boundAddresses(bind: readonly string[], port: number): TcpAddress[] {
  return bind.map((address) => ({
    ...parseTcpAddress(`[${address.replace(/^-/, "")}]:${port}`),
    isOptional: address.startsWith("-"),
  }));
}

/** As clients write it. */
export function formatTcpAddress({ hostname, port }: TcpAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
