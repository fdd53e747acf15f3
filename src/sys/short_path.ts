/**
 * Sockets in deep folders. An address has room for 107 bytes of path, which a relative path fits into wherever the process
 * stands; but the runtime makes paths absolute. So the socket is reached through a link to its folder, with a short path, that
 * exists while it is needed and which nobody else can change.
 */
import { basename, dirname, join } from "./file_path.ts";

/** Where the link may be. TMPDIR could be as long as the path that is to be avoided. */
const folders = ["/tmp", "/dev/shm", "/var/tmp"];

/** Whether the runtime has refused a path because it, or what it made of it, is too long for a socket. */
export function isTooLong(error: unknown): boolean {
  return error instanceof Error && error.message.includes("SUN_LEN");
}

export class ShortPath implements Disposable {
  /** Another path of the same file. */
  readonly path: string;
  readonly #folder: string;

  /** Throws an error of the runtime when there is nowhere to put a link. */
  constructor(path: string) {
    this.#folder = makeFolder();
    const link = join(this.#folder, "d");
    try {
      Deno.symlinkSync(Deno.realPathSync(dirname(path)), link);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    this.path = join(link, basename(path));
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** A folder of this process's own, with mode 700. */
function makeFolder(): string {
  let failure: unknown;
  for (const dir of folders) {
    try {
      return Deno.makeTempDirSync({ dir, prefix: "kv-" });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
