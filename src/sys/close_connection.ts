/**
 * Closes a connection of the runtime's on which a read may be waiting. In Deno 2.8.3 `close` alone neither ends that
 * read nor closes the descriptor (2.6 did both), and the program would never end: so the other end is told first,
 * whose closing ends the read, and the read no longer keeps the program alive.
 */
export function closeConnection(connection: Deno.Conn): void {
  connection.unref();
  connection.closeWrite().catch(() => {});
  connection.close();
}
