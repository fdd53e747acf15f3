/** Files that the server writes for others to read: the configuration, and the users. */
import { dirname } from "../sys/file_path.ts";
import { binaryText, bytesOfBinaryText } from "../protocol/binary_text.ts";
import { closeFile, openFile, syncFile, syncPath, writeAt } from "../sys/libc.ts";

const newFileMode = 0o644;

/**
 * Rewrites a file, or makes it, in one step: whoever reads it, also after a power loss, finds the old text
 * or the new one. Texts have a character for each byte, as comments may be in any encoding. Throws a
 * SystemError, or an error of the runtime.
 */
export function rewriteFile(
  path: string,
  rewritten: (old: string) => string,
  modeOfNew = newFileMode,
): void {
  const { target, text, mode } = readFile(path, modeOfNew);
  const content = rewritten(text);
  const unfinished = `${target}.${Deno.pid}.unfinished`;
  const fd = openFile(unfinished, { isNew: true, mode });
  try {
    try {
      const bytes = bytesOfBinaryText(content);
      for (let at = 0; at < bytes.length;) at += writeAt(fd, bytes.subarray(at), at, unfinished);
      syncFile(fd, unfinished);
    } finally {
      closeFile(fd);
    }
    Deno.chmodSync(unfinished, mode); // The umask may have taken something off.
    Deno.renameSync(unfinished, target);
  } catch (error) {
    Deno.removeSync(unfinished);
    throw error;
  }
  syncPath(dirname(target));
}

interface OldFile {
  /** The file itself, if the path is a link's. */
  readonly target: string;
  readonly text: string;
  readonly mode: number;
}

function readFile(path: string, modeOfNew: number): OldFile {
  try {
    const target = Deno.realPathSync(path);
    const mode = (Deno.statSync(target).mode ?? modeOfNew) & 0o777;
    return { target, text: binaryText(Deno.readFileSync(target)), mode };
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { target: path, text: "", mode: modeOfNew };
  }
}
