/**
 * Numbers as Redis writes and reads them, on bytes: no string is built for an integer that a double
 * holds exactly. Integers beyond 2^53 go through BigInt, off the hot path.
 */

const minus = 0x2d;
const zero = 0x30;

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

/**
 * Reads a decimal integer that is safe (|n| <= 2^53 - 1) and written the way Redis insists on: no
 * sign but a leading minus, no leading zeros, no spaces. Returns NaN for anything else.
 */
export function parseSafeInteger(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = at < end && bytes[at] === minus;
  if (negative) at++;
  const digits = end - at;
  if (digits < 1 || digits > 16) return NaN;
  let value = bytes[at] - zero;
  if (value < 0 || value > 9) return NaN;
  if (value === 0 && (digits > 1 || negative)) return NaN;
  for (at++; at < end; at++) {
    const digit = bytes[at] - zero;
    if (digit < 0 || digit > 9) return NaN;
    value = value * 10 + digit;
  }
  if (value > Number.MAX_SAFE_INTEGER) return NaN;
  return negative ? -value : value;
}

/** Reads a signed 64-bit integer with the same strictness; `null` when it is not one. */
export function parseInt64(bytes: Uint8Array, start: number, end: number): bigint | null {
  const length = end - start;
  if (length < 1 || length > 20) return null;
  let at = start;
  if (bytes[at] === minus) at++;
  if (at === end) return null;
  if (bytes[at] === zero && length > 1) return null;
  let text = bytes[start] === minus ? "-" : "";
  for (; at < end; at++) {
    const digit = bytes[at] - zero;
    if (digit < 0 || digit > 9) return null;
    text += String.fromCharCode(bytes[at]);
  }
  const value = BigInt(text);
  return value < int64Min || value > int64Max ? null : value;
}

/** Whether `value` fits a signed 64-bit integer. */
export function isInt64(value: bigint): boolean {
  return value >= int64Min && value <= int64Max;
}

/** How many bytes `writeInteger` takes for a safe integer. */
export function integerLength(value: number): number {
  let length = value < 0 ? 2 : 1;
  for (let rest = Math.abs(value); rest >= 10; rest = Math.floor(rest / 10)) length++;
  return length;
}

/** Writes a safe integer in decimal at `offset`; returns the offset behind it. */
export function writeInteger(target: Uint8Array, offset: number, value: number): number {
  if (value >= 0 && value < 10) {
    target[offset] = zero + value;
    return offset + 1;
  }
  const end = offset + integerLength(value);
  let at = end;
  let rest = value;
  if (rest < 0) {
    target[offset] = minus;
    rest = -rest;
  }
  // Doubles divide slowly: come down to 32 bits first.
  while (rest > 0x7fffffff) {
    const quotient = Math.floor(rest / 10);
    target[--at] = zero + (rest - quotient * 10);
    rest = quotient;
  }
  let small = rest | 0;
  do {
    const quotient = (small / 10) | 0;
    target[--at] = zero + (small - quotient * 10);
    small = quotient;
  } while (small > 0);
  return end;
}
