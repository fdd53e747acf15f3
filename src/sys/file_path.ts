/**
 * Paths of files, as POSIX has them. Own functions, not a package's: `mod.ts` can be imported by its path from any
 * folder, where this project's `deno.json` does not say what a bare name means; and the server's script loads no modules.
 */

/** The folder that a path is in. */
export function dirname(path: string): string {
  const end = endOf(path);
  const slash = path.lastIndexOf("/", end - 1);
  if (slash < 0) return end === 0 && path !== "" ? "/" : ".";
  return path.slice(0, endOf(path.slice(0, slash))) || "/";
}

/** What a path is called in its folder. */
export function basename(path: string): string {
  const end = endOf(path);
  return path.slice(path.lastIndexOf("/", end - 1) + 1, end) || (path === "" ? "" : "/");
}

/** The path of a name (or path) in a folder. */
export function join(folder: string, name: string): string {
  return normalize(folder === "" ? name : `${folder}/${name}`);
}

/** The absolute path. */
export function resolve(path: string): string {
  return normalize(path.startsWith("/") ? path : `${Deno.cwd()}/${path}`);
}

/** Where the slashes at the end begin. */
function endOf(path: string): number {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end--;
  return end;
}

function normalize(path: string): string {
  const isAbsolute = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isAbsolute) parts.push(part);
  }
  return isAbsolute ? `/${parts.join("/")}` : parts.join("/") || ".";
}
