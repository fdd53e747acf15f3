/** The folder in which all servers keep their files: on a disk, and gone when the benchmark ends. */
import { join, resolve } from "@std/path";
import { BenchError } from "./bench_error.ts";
import { fileSystemOf, isInMemory } from "./machine.ts";

/** A socket's path has 107 bytes at most; what stands behind the folder takes some of them. */
const folderLengthMax = 60;

export class Workplace implements Disposable {
  #folders = 0;

  private constructor(readonly path: string, readonly fileSystem: string) {}

  /**
   * Makes a folder in TMPDIR or else in the current folder, whichever is on a disk: where nothing is
   * ever written to a disk, syncs cost nothing and the comparison would be about something else.
   */
  static async make(): Promise<Workplace> {
    const mountinfo = await Deno.readTextFile("/proc/self/mountinfo");
    const temporary = Deno.env.get("TMPDIR");
    const candidates = new Set(temporary ? [resolve(temporary), Deno.cwd()] : [Deno.cwd()]);
    const refused: string[] = [];
    for (const folder of candidates) {
      if (folder.length > folderLengthMax) {
        refused.push(`${folder} is too long a path for sockets`);
        continue;
      }
      const fileSystem = fileSystemOf(await Deno.realPath(folder), mountinfo);
      if (isInMemory(fileSystem)) {
        refused.push(`${folder} is on ${fileSystem}`);
        continue;
      }
      const path = await Deno.makeTempDir({ dir: folder, prefix: ".kv-bench-" });
      return new Workplace(path, fileSystem);
    }
    throw new BenchError(
      `Cannot measure without a folder on a disk: ${
        refused.join(", ")
      }; name another folder in TMPDIR`,
    );
  }

  /** A new folder in it, named after what it is for. */
  async makeFolder(name: string): Promise<string> {
    const path = join(this.path, `${name}-${++this.#folders}`);
    await Deno.mkdir(path);
    return path;
  }

  /** Synchronous, because it also runs on a signal, right before the process ends. */
  [Symbol.dispose](): void {
    // A server that was killed a moment ago may still make a file, in a folder just emptied.
    for (let attempt = 1;; attempt++) {
      try {
        Deno.removeSync(this.path, { recursive: true });
        return;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return;
        if (attempt === 3) throw error;
      }
    }
  }
}
