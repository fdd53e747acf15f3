/** What a server asks of a client's socket, whatever stands between it and the client. */
export type ClientSocket = Pick<
  Deno.Conn,
  "read" | "write" | "close" | "closeWrite" | "localAddr" | "remoteAddr"
>;

/** Closes a socket that may be closed already. */
export function closeSocket(socket: ClientSocket): void {
  try {
    socket.close();
  } catch {
    // It was.
  }
}
