/**
 * Bytes in double quotes, each but printable ASCII as an escape, as `line_arguments.ts` reads them: in
 * redis-cli's output, in lines of MONITOR and in the configuration file.
 */

const quote = 0x22;
const backslash = 0x5c;
/** The letter behind a backslash that stands for a byte; 0 where there is none. */
const escapes = new Uint8Array(256);
for (
  const [byte, letter] of [
    [0x07, "a"],
    [0x08, "b"],
    [0x09, "t"],
    [0x0a, "n"],
    [0x0d, "r"],
    [quote, '"'],
    [backslash, "\\"],
  ] as const
) {
  escapes[byte] = letter.charCodeAt(0);
}

const encoder = new TextEncoder();
const hexDigits = encoder.encode("0123456789abcdef");
const decoder = new TextDecoder();

/** The most bytes that `writeQuoted` writes for `length` bytes. */
export function quotedBytesMax(length: number): number {
  return length * 4 + 2;
}

/** Writes `bytes[start, end)` in quotes to `target` at `at`; returns where that ends. */
export function writeQuoted(
  target: Uint8Array,
  at: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  target[at++] = quote;
  for (let i = start; i < end; i++) {
    const byte = bytes[i];
    if (escapes[byte] !== 0) {
      target[at++] = backslash;
      target[at++] = escapes[byte];
    } else if (byte >= 0x20 && byte < 0x7f) {
      target[at++] = byte;
    } else {
      target[at++] = backslash;
      target[at++] = 0x78;
      target[at++] = hexDigits[byte >> 4];
      target[at++] = hexDigits[byte & 15];
    }
  }
  target[at++] = quote;
  return at;
}

/** The same as text. */
export function quoteBytes(bytes: Uint8Array): string {
  const target = new Uint8Array(quotedBytesMax(bytes.length));
  return decoder.decode(target.subarray(0, writeQuoted(target, 0, bytes, 0, bytes.length)));
}
