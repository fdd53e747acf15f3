/**
 * The server's Unix socket: private from its first moment, never another server's, never left behind.
 */
import { dirname } from "../sys/file_path.ts";
import { closeConnection } from "../sys/close_connection.ts";
import { groupId } from "../sys/group_names.ts";
import { closeFile, openFile, setUmask, tryLock } from "../sys/libc.ts";
import { isTooLong, ShortPath } from "../sys/short_path.ts";

/** sun_path has 108 bytes, the last one a NUL. */
export const socketPathBytesMax = 107;

const lockTries = 100;
const lockPauseMs = 20;
/** Who listens on a socket and does not answer for so long, nor end, is a server all the same. */
const answerMsMax = 1000;

/** The socket cannot be listened on; the message says why and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

export interface UnixSocketOptions {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  /** The name or number of the group that it belongs to; "" for the process's own. */
  readonly group: string;
}

export class UnixSocket {
  readonly path: string;
  readonly listener: Deno.UnixListener;
  /** Which file the socket is. */
  readonly #inode: number | null;

  private constructor(path: string, listener: Deno.UnixListener) {
    this.path = path;
    this.listener = listener;
    this.#inode = Deno.lstatSync(path).ino;
  }

  /**
   * Listens on a path. A file that an ended server left is replaced; one that a server listens on is not.
   * Throws ListenError.
   */
  static async listen(options: UnixSocketOptions): Promise<UnixSocket> {
    const { path } = options;
    const error = socketPathError(path);
    if (error !== null) throw new ListenError(`Cannot listen on ${path}: ${error}`);
    const lock = await lockFolder(dirname(path), path);
    try {
      await removeStale(path);
      return new UnixSocket(path, bind(options));
    } finally {
      closeFile(lock);
    }
  }

  /** Stops listening, and removes the socket's file if it is still this socket's. */
  close(): void {
    if (!this.#isOurs()) {
      // Somebody put another file there, and some versions of the runtime remove the path of a
      // listener that closes, whatever is there: so this one ends with the process.
      this.listener.unref();
      return;
    }
    this.listener.close();
    removeIfThere(this.path);
  }

  #isOurs(): boolean {
    try {
      return Deno.lstatSync(this.path).ino === this.#inode;
    } catch {
      return false;
    }
  }
}

/** Why there can be no socket at a path; null when it is not too long. */
export function socketPathError(path: string): string | null {
  const bytes = new TextEncoder().encode(path).length;
  if (bytes <= socketPathBytesMax) return null;
  return `a socket's path has at most ${socketPathBytesMax} bytes, this one has ${bytes}; name a shorter one, or a ` +
    "relative one";
}

/** Only one server at a time may look at what is there and replace it. Returns the descriptor. */
async function lockFolder(folder: string, socketPath: string): Promise<number> {
  let fd = -1;
  try {
    fd = openFile(folder, { readOnly: true });
    for (let i = 0; i < lockTries; i++) {
      if (tryLock(fd, folder)) return fd;
      await new Promise((resolve) => setTimeout(resolve, lockPauseMs));
    }
  } catch (error) {
    if (fd >= 0) closeFile(fd);
    throw new ListenError(`Cannot listen on ${socketPath}: ${messageOf(error)}`);
  }
  closeFile(fd);
  throw new ListenError(
    `Cannot listen on ${socketPath}: another process holds a lock on ${folder}`,
  );
}

async function removeStale(path: string): Promise<void> {
  let found: Deno.FileInfo;
  try {
    found = Deno.lstatSync(path); // Another thread would take longer to begin.
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw new ListenError(`Cannot listen on ${path}: ${messageOf(error)}`);
  }
  if (!found.isSocket) {
    throw new ListenError(
      `Cannot listen on ${path}: a file that is no socket is there; name another path or remove it`,
    );
  }
  if (await isServed(path)) {
    throw new ListenError(
      `Cannot listen on ${path}: another server does; stop it, or name another path with --socket`,
    );
  }
  removeIfThere(path);
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Whether a server listens on a socket. One that is being killed, which accepts connections as long as the kernel has
 * something of its to finish, is waited for.
 */
async function isServed(path: string): Promise<boolean> {
  const deadline = performance.now() + answerMsMax;
  while (performance.now() < deadline) {
    let connection: Deno.UnixConn;
    try {
      connection = await connectTo(path);
    } catch (error) {
      const isLeft = error instanceof Deno.errors.ConnectionRefused ||
        error instanceof Deno.errors.NotFound;
      if (isLeft) return false;
      throw new ListenError(`Cannot listen on ${path}: ${messageOf(error)}`);
    }
    if (await answers(connection, deadline - performance.now())) return true;
  }
  return true;
}

/** Whether the other end answers a PING, with whatever; false when it has ended without, or after `msMax`. */
async function answers(connection: Deno.UnixConn, msMax: number): Promise<boolean> {
  const { promise: late, resolve: tell } = Promise.withResolvers<null>();
  const timer = setTimeout(() => tell(null), msMax);
  try {
    await connection.write(new TextEncoder().encode("PING\r\n"));
    return await Promise.race([connection.read(new Uint8Array(1)), late]) !== null;
  } catch {
    return false; // It was reset.
  } finally {
    clearTimeout(timer);
    closeConnection(connection);
  }
}

/**
 * The mask is set before the bind, so that there is no moment in which others may connect; nor does the
 * process's own group, when it is another one that may.
 */
function bind({ path, mode, group }: UnixSocketOptions): Deno.UnixListener {
  const gid = group === "" ? null : groupId(group);
  if (group !== "" && gid === null) {
    throw new ListenError(`Cannot listen on ${path}: there is no group '${group}'`);
  }
  const mask = setUmask(0o777 & ~(gid === null ? mode : mode & 0o700));
  let listener: Deno.UnixListener;
  try {
    listener = listenAt(path);
  } catch (error) {
    throw new ListenError(`Cannot listen on ${path}: ${messageOf(error)}`);
  } finally {
    setUmask(mask);
  }
  if (gid === null) return listener;
  try {
    Deno.chownSync(path, null, gid);
    Deno.chmodSync(path, mode);
    return listener;
  } catch (error) {
    listener.close();
    removeIfThere(path); // Some versions of the runtime have done that.
    throw new ListenError(
      `Cannot give ${path} to the group ${group}: ${
        messageOf(error)
      }; the server's user has to be a member`,
    );
  }
}

function listenAt(path: string): Deno.UnixListener {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    if (!isTooLong(error)) throw error;
    using short = new ShortPath(path);
    return Deno.listen({ transport: "unix", path: short.path });
  }
}

async function connectTo(path: string): Promise<Deno.UnixConn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    if (!isTooLong(error)) throw error;
    using short = new ShortPath(path);
    return await Deno.connect({ transport: "unix", path: short.path });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
