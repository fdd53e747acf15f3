/** Files and folders that the configuration names, looked at before anything waits for them. */

/** Why a file cannot be read, or null. To open a pipe would wait for whoever writes to it. */
export function fileError(path: string): string | null {
  return errorOf(() => {
    if (!Deno.statSync(path).isFile) return "it is no file";
    Deno.openSync(path, { read: true }).close();
    return null;
  });
}

/** Why there is no folder at a path, or null. */
export function folderError(path: string): string | null {
  return errorOf(() => Deno.statSync(path).isDirectory ? null : "it is no folder");
}

function errorOf(look: () => string | null): string | null {
  try {
    return look();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
    if (error instanceof Deno.errors.NotCapable) {
      return "kv opens nothing in /dev, /proc and /sys; name another file";
    }
    return error instanceof Error ? error.message : String(error);
  }
}
