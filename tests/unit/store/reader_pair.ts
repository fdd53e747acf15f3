/** A store and a reader of its files, in one process, for tests that take one step after the other. */
import { KeyValueReader } from "../../../src/client/key_value_reader.ts";
import { indexHeaderTotalBytes, storeHeaderBytes } from "../../../src/store/format.ts";
import { IndexHeader } from "../../../src/store/index_header.ts";
import type { SharedReader } from "../../../src/store/shared_reader.ts";
import { Store } from "../../../src/store/store.ts";
import { Superblock } from "../../../src/store/superblock.ts";
import { MappedFile } from "../../../src/sys/mapped_file.ts";
import { bootId } from "../../../src/sys/process_facts.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { someTime, tinyLimits } from "./tiny_store.ts";

/** The sizes of both. */
export const pairLimits = { ...tinyLimits, cutDelayMs: 100 };

/** A store, and a reader of its files. */
export class Pair implements AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly path: string;
  now = someTime;
  /** Called when the reader asks for the time. */
  onClock: (() => void) | null = null;
  store: Store;
  reader!: KeyValueReader;
  inner!: SharedReader;

  private constructor(folder: TemporaryFolder) {
    this.folder = folder;
    this.path = folder.join("store.db");
    this.store = this.openStore();
  }

  static async make(): Promise<Pair> {
    const pair = new Pair(await TemporaryFolder.make());
    pair.openReader();
    return pair;
  }

  openStore(): Store {
    return Store.open({ path: this.path, limits: pairLimits, sync: "no", clock: () => this.now });
  }

  openReader(waitMsMax = 300): void {
    const clock = () => {
      this.onClock?.();
      return this.now;
    };
    const options = { clock, limits: pairLimits, waitMsMax };
    [this.reader, this.inner] = KeyValueReader.openWith(this.path, options);
  }

  /** What the files would be if the process were killed now: other files, which nobody has open. */
  async killed(): Promise<string> {
    const path = this.folder.join(`killed-${crypto.randomUUID()}.db`);
    await Deno.copyFile(this.path, path);
    await Deno.copyFile(`${this.path}-index`, `${path}-index`);
    // The copy is the pair's own: the index knows its store by the inode.
    const index = MappedFile.open(`${path}-index`, { headerBytes: indexHeaderTotalBytes });
    const inode = Deno.statSync(path).ino!;
    const file = MappedFile.open(path, { headerBytes: storeHeaderBytes, readOnly: true });
    const { state } = Superblock.read(file)!;
    new IndexHeader(index).claim(state, pairLimits.slotsPerPage, { bootId: bootId(), inode });
    await file.close();
    await index.close();
    return path;
  }

  contents(): Map<string, string> {
    return contentsOf(this.reader);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reader.close();
    await this.store.close();
    await this.folder[Symbol.asyncDispose]();
  }
}

export function contentsOf(reader: KeyValueReader): Map<string, string> {
  const keys = [...new Set([...reader.scan()].map((key) => new TextDecoder().decode(key)))];
  return new Map(keys.sort().map((key) => [key, reader.getText(key)!]));
}
