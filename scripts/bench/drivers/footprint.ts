/** What keys cost in memory and on the disk: a server that was loaded once. */
import { join } from "@std/path";
import { type Driver, measurement } from "../context.ts";
import { infoNumber } from "../process_facts.ts";
import { resized } from "../quick.ts";
import type { Run } from "../workload.ts";

/** st_blocks counts in these, whatever the file system's own blocks are. */
const statBlockBytes = 512;

export const measureFootprint: Driver<Run & { kind: "footprint" }> = async (run, side, context) => {
  const dataset = resized(run.dataset, context.isQuick);
  const loaded = await context.pool.acquire(side, dataset, "everysec");
  const { server, emptyMemory, emptyUsedMemory, loadSeconds } = loaded;
  return measurement(async () => {
    const { keys } = dataset;
    const info = await server.info();
    const memory = server.residentMemory();
    const usedBytes = infoNumber(info, "used_memory") ?? NaN;
    const indexBytes = infoNumber(info, "store_index_bytes");
    const fileBytes = await diskBytes(server.folder);
    const residentPerKey = (memory.resident - emptyMemory.resident) / keys;
    return {
      figures: {
        residentPerKey,
        // Ours counts all that is resident; theirs is what they say that they use.
        memoryPerKey: server.peer === "kv"
          ? residentPerKey
          : (usedBytes - (emptyUsedMemory ?? 0)) / keys,
        ...(indexBytes === undefined ? { usedBytes } : { indexPerKey: indexBytes / keys }),
        filePerKey: fileBytes / keys,
        fileBytes,
        residentBytes: memory.resident,
        ownBytes: memory.anonymous,
        loadSeconds,
      },
    };
  });
};

/** What the files in a folder, and in the folders in it, take on the disk. */
export async function diskBytes(folder: string): Promise<number> {
  let sum = 0;
  for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) sum += await diskBytes(path);
    if (isFile) sum += ((await Deno.lstat(path)).blocks ?? 0) * statBlockBytes;
  }
  return sum;
}
