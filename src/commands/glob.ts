/**
 * Glob patterns exactly as KEYS, SCAN and CONFIG GET understand them, on bytes.
 *
 *     *        any bytes, none included     [a-z]    one byte of a class
 *     ?        any one byte                 [^a-z]   one byte outside of it
 *     \x       the byte x itself            [\]]     escapes work in a class, too
 *
 * No recursion, and time at most pattern length times text length: after a mismatch only the last
 * star has to give, because whatever an earlier star could take, the last one can take as well.
 */

const star = 0x2a;
const question = 0x3f;
const open = 0x5b;
const backslash = 0x5c;
const close = 0x5d;
const caret = 0x5e;
const hyphen = 0x2d;

/** Whether all of `text` matches `pattern`. */
export function matchGlob(pattern: Uint8Array, text: Uint8Array, ignoreCase = false): boolean {
  return matchGlobRange(pattern, text, 0, text.length, ignoreCase);
}

/** `matchGlob` for the range of `bytes` from `start` to `end`. */
export function matchGlobRange(
  pattern: Uint8Array,
  bytes: Uint8Array,
  start: number,
  end: number,
  ignoreCase = false,
): boolean {
  const length = pattern.length;
  // Redis lets nothing but the empty pattern match the empty text, not even a star.
  if (start === end) return length === 0;
  let at = 0;
  let text = start;
  // Where to go on after a mismatch: behind the last star, which then takes one byte more.
  let retryAt = -1;
  let retryText = 0;
  while (text < end) {
    if (at < length && pattern[at] === star) {
      while (at < length && pattern[at] === star) at++;
      if (at === length) return true;
      retryAt = at;
      retryText = text;
      continue;
    }
    const next = at < length ? matchOne(pattern, at, bytes[text], ignoreCase) : -1;
    if (next >= 0) {
      at = next;
      text++;
    } else {
      if (retryAt < 0) return false;
      at = retryAt;
      text = ++retryText;
    }
  }
  while (at < length && pattern[at] === star) at++;
  return at === length;
}

/** Matches the pattern's element at `at` with one byte: where the next element starts, or -1. */
function matchOne(pattern: Uint8Array, at: number, byte: number, ignoreCase: boolean): number {
  let expected = pattern[at];
  if (expected === question) return at + 1;
  if (expected === open) return matchClass(pattern, at + 1, byte, ignoreCase);
  if (expected === backslash && at + 1 < pattern.length) expected = pattern[++at];
  if (expected === byte || (ignoreCase && lower(expected) === lower(byte))) return at + 1;
  return -1;
}

/**
 * Matches a class whose bracket stands before `at`. Redis's ways with odd ones: a class without end
 * reaches to the end of the pattern, a range may run backwards, `[]` matches nothing and `[^]`
 * everything, and an escaped byte heeds case even where the rest does not.
 */
function matchClass(pattern: Uint8Array, at: number, byte: number, ignoreCase: boolean): number {
  const length = pattern.length;
  const negated = at < length && pattern[at] === caret;
  if (negated) at++;
  let matches = false;
  for (; at < length && pattern[at] !== close; at++) {
    const first = pattern[at];
    if (first === backslash && at + 1 < length) {
      if (pattern[++at] === byte) matches = true;
    } else if (at + 2 < length && pattern[at + 1] === hyphen) {
      at += 2;
      if (inRange(first, pattern[at], byte, ignoreCase)) matches = true;
    } else if (first === byte || (ignoreCase && lower(first) === lower(byte))) {
      matches = true;
    }
  }
  if (matches === negated) return -1;
  return at < length ? at + 1 : length;
}

function inRange(first: number, last: number, byte: number, ignoreCase: boolean): boolean {
  // Redis compares `char`, which is signed on x86: bytes from 0x80 come before all others.
  first = first << 24 >> 24;
  last = last << 24 >> 24;
  byte = byte << 24 >> 24;
  let low = Math.min(first, last);
  let high = Math.max(first, last);
  if (ignoreCase) {
    low = lower(low);
    high = lower(high);
    byte = lower(byte);
  }
  return byte >= low && byte <= high;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}
