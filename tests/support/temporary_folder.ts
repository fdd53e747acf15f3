/** A folder of a test's own, gone when the test ends. */

/** The longest path of a Unix socket: 108 bytes in `sockaddr_un`, one of them the terminator. */
export const socketPathBytesMax = 107;

/** Room for the names that tests put behind the folder's path. */
const nameBytesMax = 24;

/**
 * Makes a folder whose path is short enough for sockets in it.
 *
 *     await using folder = await TemporaryFolder.make();
 */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<TemporaryFolder> {
    const path = await Deno.makeTempDir({ prefix: "kv-" });
    if (new TextEncoder().encode(path).length + nameBytesMax > socketPathBytesMax) {
      await Deno.remove(path);
      throw new Error(`Cannot put sockets into ${path}: the path is too long; set TMPDIR shorter`);
    }
    return new TemporaryFolder(path);
  }

  /** The path of a file in the folder. */
  join(name: string): string {
    return `${this.path}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
