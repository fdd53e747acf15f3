/**
 * Splits a line into arguments as `redis-cli` and Redis's configuration file do: blanks separate; `"..."` knows the escapes \n \r
 * \t \b \a \" \\ and \xHH; '...' knows only \'. Works on bytes, so that any value can be written.
 */

export interface SplitLine {
  readonly args: readonly Uint8Array[];
  /** Where each argument begins in the line. */
  readonly starts: readonly number[];
  /**
   * `open`: a quote is not closed; the last argument is what there is of it. `wrong`: something else
   * than a blank stands behind a closing quote.
   */
  readonly state: "whole" | "open" | "wrong";
}

const doubleQuote = 0x22;
const singleQuote = 0x27;
const backslash = 0x5c;

/** What the letter behind a backslash stands for; any other stands for itself. */
const escaped: Readonly<Record<number, number>> = {
  0x6e: 0x0a, // n
  0x72: 0x0d, // r
  0x74: 0x09, // t
  0x62: 0x08, // b
  0x61: 0x07, // a
};

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte >= 0x09 && byte <= 0x0d || byte === 0;
}

/** The value of a hexadecimal digit, -1 for anything else. */
function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

export function splitArguments(line: Uint8Array): SplitLine {
  const args: Uint8Array[] = [];
  const starts: number[] = [];
  // No argument is longer than what it is written as.
  const target = new Uint8Array(line.length);
  const end = line.length;
  let at = 0;
  while (true) {
    while (at < end && isBlank(line[at])) at++;
    if (at === end) return { args, starts, state: "whole" };
    starts.push(at);
    let length = 0;
    let quote = 0;
    while (at < end) {
      const byte = line[at];
      if (quote === 0) {
        if (isBlank(byte)) break;
        if (byte === doubleQuote || byte === singleQuote) quote = byte;
        else target[length++] = byte;
        at++;
      } else if (byte === quote) {
        at++;
        quote = 0;
        if (at < end && !isBlank(line[at])) return { args, starts, state: "wrong" };
        break;
      } else if (byte === backslash && at + 1 < end) {
        const next = line[at + 1];
        const high = at + 3 < end ? hexDigit(line[at + 2]) : -1;
        const low = high < 0 ? -1 : hexDigit(line[at + 3]);
        if (quote === singleQuote) {
          if (next === singleQuote) at++;
          target[length++] = next === singleQuote ? next : byte;
          at++;
        } else if (next === 0x78 && low >= 0) {
          target[length++] = high * 16 + low;
          at += 4;
        } else {
          target[length++] = escaped[next] ?? next;
          at += 2;
        }
      } else {
        target[length++] = byte;
        at++;
      }
    }
    args.push(target.slice(0, length));
    if (quote !== 0) return { args, starts, state: "open" };
  }
}
