/**
 * A second description of a file. The kernel tells each description of an error of the disk once: when two syncs are
 * under way through one description, one of them may succeed although the other is told that its pages were lost.
 */
export class SyncWitness {
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Of a file that is open with this inode; null: another one is at the path. To be made before what it is to tell of. */
  static of(path: string, inode: number): SyncWitness | null {
    try {
      const file = Deno.openSync(path);
      if (file.statSync().ino === inode) return new SyncWitness(file);
      file.close();
    } catch {
      // Then there is none.
    }
    return null;
  }

  /** Syncs the file; false: the disk has reported an error since it was called last, be it to others as well. */
  isSound(): boolean {
    try {
      this.#file.syncSync();
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    this.#file.close();
  }
}
