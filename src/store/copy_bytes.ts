/** Copies shorter than this go byte by byte: a `subarray` for `set` costs more than the loop. */
const shortCopyBytes = 128;

/** Copies `source[start, end)` to `target` at `at`. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start < shortCopyBytes) {
    for (let i = start; i < end; i++) target[at++] = source[i];
  } else {
    target.set(source.subarray(start, end), at);
  }
}
