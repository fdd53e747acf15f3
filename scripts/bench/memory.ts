/** What a million keys cost in memory and on disk: a new kv, and after it a new redis-server. */
import { join } from "@std/path";
import { BenchServer, type ServerKind } from "./bench_server.ts";
import { keyCount, loadKeys } from "./key_loader.ts";
import type { Output } from "./output.ts";
import { infoNumber, type ResidentMemory } from "./process_facts.ts";
import type { Processes } from "./processes.ts";

/** Bytes, unless the name says otherwise. */
export interface ServerCost {
  readonly keys: number;
  /** Before the first key, and with all of them. */
  readonly emptyMemory: ResidentMemory;
  readonly memory: ResidentMemory;
  /** What INFO calls `used_memory`, of the empty server and of the full one. */
  readonly emptyUsedMemory: number | undefined;
  readonly usedMemory: number | undefined;
  /** Files by name: length, and what they take on the disk. */
  readonly files: Readonly<Record<string, FileSize>>;
  /** Only kv has these. */
  readonly indexBytes: number | undefined;
  readonly liveBytes: number | undefined;
  readonly loadSeconds: number;
}

export interface FileSize {
  readonly bytes: number;
  readonly diskBytes: number;
}

export type MemoryCosts = Readonly<Record<ServerKind, ServerCost>>;

/** st_blocks counts in these, whatever the file system's own blocks are. */
const statBlockBytes = 512;

export interface MemoryOptions {
  /** An empty folder for each server. */
  readonly folders: Readonly<Record<ServerKind, string>>;
  readonly kvPath: string;
  readonly output: Output;
}

/** One after the other, so that neither has less of the machine's memory than the other. */
export async function measureMemory(
  processes: Processes,
  options: MemoryOptions,
): Promise<MemoryCosts> {
  const kv = await measureServer("kv", processes, options);
  const redis = await measureServer("redis", processes, options);
  return { kv, redis };
}

async function measureServer(
  kind: ServerKind,
  processes: Processes,
  { folders, kvPath, output }: MemoryOptions,
): Promise<ServerCost> {
  const folder = folders[kind];
  await using server = await BenchServer.start(kind, processes, { folder, kvPath });
  await server.settle();
  const emptyUsedMemory = infoNumber(await server.info(), "used_memory");
  const emptyMemory = server.residentMemory();
  output.progress(`memory: loading ${kind}`);
  const started = performance.now();
  await loadKeys(server);
  const loadSeconds = (performance.now() - started) / 1000;
  await server.settle();
  const info = await server.info();
  return {
    keys: keyCount,
    emptyMemory,
    memory: server.residentMemory(),
    emptyUsedMemory,
    usedMemory: infoNumber(info, "used_memory"),
    files: await fileSizes(folder),
    indexBytes: infoNumber(info, "store_index_bytes"),
    liveBytes: infoNumber(info, "store_live_bytes"),
    loadSeconds,
  };
}

/** Files in a folder and the folders in it, by name; sockets are none. */
async function fileSizes(folder: string): Promise<Record<string, FileSize>> {
  const sizes: Record<string, FileSize> = {};
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) Object.assign(sizes, await fileSizes(path));
    if (!isFile) continue;
    const { size, blocks } = await Deno.lstat(path);
    sizes[name] = { bytes: size, diskBytes: (blocks ?? 0) * statBlockBytes };
  }
  return sizes;
}

/** Of all files whose names begin and end so: redis-server keeps its log in several. */
export function filesTotal(cost: ServerCost, prefix: string, suffix = ""): FileSize {
  let bytes = 0;
  let diskBytes = 0;
  for (const [name, size] of Object.entries(cost.files)) {
    if (!name.startsWith(prefix) || !name.endsWith(suffix)) continue;
    bytes += size.bytes;
    diskBytes += size.diskBytes;
  }
  return { bytes, diskBytes };
}
