/** Whether the executable is older than anything that it is made of. */
import { join } from "@std/path";

/**
 * The newest modification time below `paths`, in ms since 1970; paths that do not exist are passed over.
 * Folders count too: theirs changes when a file in them is removed.
 */
export async function newestChangeMs(paths: readonly string[]): Promise<number> {
  let newest = 0;
  for (const path of paths) {
    const info = await statIfThere(path);
    if (info === undefined) continue;
    newest = Math.max(newest, info.mtime?.getTime() ?? 0);
    if (!info.isDirectory) continue;
    for await (const entry of Deno.readDir(path)) {
      newest = Math.max(newest, await newestChangeMs([join(path, entry.name)]));
    }
  }
  return newest;
}

/** True when `product` exists and nothing below `sources` was changed after it. */
export async function isFresh(product: string, sources: readonly string[]): Promise<boolean> {
  const made = (await statIfThere(product))?.mtime?.getTime();
  return made !== undefined && made >= await newestChangeMs(sources);
}

async function statIfThere(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
