/**
 * The server's Unix socket: private from its first moment, never another server's, never left behind.
 */
import { dirname } from "@std/path";
import { closeFile, openFile, setUmask, tryLock } from "../sys/libc.ts";

/** sun_path has 108 bytes, the last one a NUL. */
export const socketPathBytesMax = 107;

const lockTries = 100;
const lockPauseMs = 20;

/** The socket cannot be listened on; the message says why and what to do. */
export class ListenError extends Error {
  override readonly name = "ListenError";
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
   * Listens on `path`, with these permission bits. A file that an ended server left is replaced; one
   * that a server listens on is not. Throws ListenError.
   */
  static async listen(path: string, mode: number): Promise<UnixSocket> {
    const bytes = new TextEncoder().encode(path).length;
    if (bytes > socketPathBytesMax) {
      throw new ListenError(
        `Cannot listen on ${path}: a socket's path has at most ${socketPathBytesMax} bytes, this one ` +
          `has ${bytes}; name a shorter one, or a relative one`,
      );
    }
    const lock = await lockFolder(dirname(path), path);
    try {
      await removeStale(path);
      return new UnixSocket(path, bind(path, mode));
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
    try {
      Deno.removeSync(this.path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #isOurs(): boolean {
    try {
      return Deno.lstatSync(this.path).ino === this.#inode;
    } catch {
      return false;
    }
  }
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
    found = await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw new ListenError(`Cannot listen on ${path}: ${messageOf(error)}`);
  }
  if (!found.isSocket) {
    throw new ListenError(
      `Cannot listen on ${path}: a file that is no socket is there; name another path or remove it`,
    );
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) {
      throw new ListenError(`Cannot listen on ${path}: ${messageOf(error)}`);
    }
    await Deno.remove(path); // Nobody listens any more.
    return;
  }
  throw new ListenError(
    `Cannot listen on ${path}: another server does; stop it, or name another path with --socket`,
  );
}

/** The mask is set before the bind, so that there is no moment in which others may connect. */
function bind(path: string, mode: number): Deno.UnixListener {
  const mask = setUmask(0o777 & ~mode);
  try {
    return Deno.listen({ transport: "unix", path });
  } catch (error) {
    throw new ListenError(`Cannot listen on ${path}: ${messageOf(error)}`);
  } finally {
    setUmask(mask);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
