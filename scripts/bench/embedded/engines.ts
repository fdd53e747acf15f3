/**
 * Stores without a server, each behind the same few methods. They load their packages when they are
 * opened, so that a process has one of them only.
 *
 * All write in batches, each of which is on the disk before the next begins: that is what all of them can
 * promise alike.
 */
import { join } from "@std/path";
import { BenchError } from "../bench_error.ts";

export type EngineName = "store" | "reader" | "lmdb" | "deno-kv" | "sqlite";

export interface Engine {
  /** How it was set up, for people. */
  readonly settings: string;
  /** Reads keys one after the other; returns how many bytes their values had. */
  readAll(keys: readonly Uint8Array[]): number | Promise<number>;
  /** The same in one call, where there is such a call. */
  readTogether?(keys: Uint8Array[]): number;
  /** Writes values of these keys, and returns when they are durable. */
  writeAll(keys: readonly Uint8Array[], value: Uint8Array): void | Promise<void>;
  close(): void | Promise<void>;
}

/** Opens a new store in a folder. `root` has the sources of kv: this checkout's or another's. */
export function openEngine(name: EngineName, folder: string, root: string): Promise<Engine> {
  return engines[name](folder, root);
}

/** Longer values than these are not read here. */
const readBytesMax = 1 << 20;

type Opener = (folder: string, root: string) => Promise<Engine>;

const engines: Readonly<Record<EngineName, Opener>> = {
  "store": openStore,
  "reader": openReader,
  "lmdb": openLmdb,
  "deno-kv": openDenoKv,
  "sqlite": openSqlite,
};

async function openStore(folder: string, root: string): Promise<Engine> {
  const { Store }: typeof import("../../../mod.ts") = await import(join(root, "mod.ts"));
  const store = Store.open({ path: join(folder, "store.db"), sync: "always" });
  return {
    settings: "Store, sync always, one wait for each batch",
    readAll(keys) {
      let bytes = 0;
      for (const key of keys) bytes += store.get(key)?.length ?? NaN;
      return bytes;
    },
    async writeAll(keys, value) {
      for (const key of keys) store.set(key, value);
      await store.whenDurable(store.position);
    },
    close: () => store.close(),
  };
}

/** Reads the store of a server, which has filled it. */
async function openReader(folder: string, root: string): Promise<Engine> {
  const { KeyValueReader }: typeof import("../../../mod.ts") = await import(join(root, "mod.ts"));
  // Another checkout may be older than its reader.
  if (KeyValueReader === undefined) {
    throw new BenchError("Cannot measure the reader: mod.ts does not export KeyValueReader");
  }
  const reader = KeyValueReader.open(join(folder, "store.db"));
  const buffer = new Uint8Array(readBytesMax);
  return {
    settings: "KeyValueReader.getInto",
    readAll(keys) {
      let bytes = 0;
      for (const key of keys) bytes += reader.getInto(key, buffer);
      return bytes;
    },
    readTogether(keys) {
      let bytes = 0;
      for (const value of reader.getMany(keys)) bytes += value?.length ?? NaN;
      return bytes;
    },
    writeAll() {
      throw new BenchError("Cannot write through a reader");
    },
    close: () => reader.close(),
  };
}

async function openLmdb(folder: string): Promise<Engine> {
  const { open } = await import("lmdb");
  const db = open<Uint8Array, Uint8Array>({
    path: join(folder, "lmdb"),
    ...{ encoding: "binary", keyEncoding: "binary" },
  });
  return {
    settings:
      "lmdb, default sync (each transaction is flushed), getBinaryFast, one wait for a batch",
    readAll(keys) {
      let bytes = 0;
      for (const key of keys) bytes += db.getBinaryFast(key)?.length ?? NaN;
      return bytes;
    },
    async writeAll(keys, value) {
      let last: Promise<boolean> | undefined;
      for (const key of keys) last = db.put(key, value);
      await last;
      await db.flushed;
    },
    close: () => db.close(),
  };
}

/** A transaction of Deno KV has 1000 changes at most. */
async function openDenoKv(folder: string): Promise<Engine> {
  const kv = await Deno.openKv(join(folder, "deno.kv"));
  return {
    settings: "Deno.openKv, a transaction for each batch",
    async readAll(keys) {
      let bytes = 0;
      for (const key of keys) bytes += (await kv.get<Uint8Array>([key])).value?.length ?? NaN;
      return bytes;
    },
    async writeAll(keys, value) {
      const transaction = kv.atomic();
      for (const key of keys) transaction.set([key], value);
      await transaction.commit();
    },
    close: () => kv.close(),
  };
}

async function openSqlite(folder: string): Promise<Engine> {
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(join(folder, "sqlite.db"));
  db.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
  db.exec("CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID");
  const read = db.prepare("SELECT value FROM entries WHERE key = ?");
  const write = db.prepare("INSERT OR REPLACE INTO entries VALUES (?, ?)");
  return {
    settings: "node:sqlite, WAL, synchronous=FULL, a transaction for each batch",
    readAll(keys) {
      let bytes = 0;
      for (const key of keys) {
        const value = read.get(key)?.value;
        bytes += value instanceof Uint8Array ? value.length : NaN;
      }
      return bytes;
    },
    writeAll(keys, value) {
      db.exec("BEGIN");
      for (const key of keys) write.run(key, value);
      db.exec("COMMIT");
    },
    close: () => db.close(),
  };
}
