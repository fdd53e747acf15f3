/**
 * The arithmetic of INCRBYFLOAT. Redis computes it in the x87's 80-bit `long double`, reads numbers
 * with `strtold` and prints them with `%.17Lf`; that shows: 0.1 + 0.2 is 0.3 there and not
 * 0.30000000000000004. This file does the same with BigInt, bit for bit: every step is exact and then
 * rounded once, half to even, to the 64 bits of a long double's significand.
 */

/** `significand * 2 ** exponent`. The sign of a zero is not kept: it never reaches the output. */
interface LongDouble {
  readonly significand: bigint;
  readonly exponent: number;
}

const significandBits = 64;
/** The smallest long double above zero is 2^-16445, the largest lies just below 2^16384. */
const exponentMin = -16445;
const magnitudeMax = 16384;
/** Redis reads numbers through a buffer of 5 KiB with a terminator. */
const textBytesMax = 5 * 1024 - 1;
/** Decimal exponents beyond this are over- or underflow, whatever the digits before them. */
const decimalExponentMax = 5000;

const fractionDigits = 17;
const fractionScale = 10n ** BigInt(fractionDigits);

const decimalForm = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:e([+-]?\d+))?$/i;
const hexadecimalForm = /^([+-]?)0x(?:([\da-f]+)(?:\.([\da-f]*))?|\.([\da-f]+))(?:p([+-]?\d+))?$/i;
const infinityForm = /^[+-]?inf(?:inity)?$/i;

/**
 * What `value` becomes by `increment`, both as text (Latin-1). Returns the new text, or why there is
 * none: `notANumber` when one of them is no number, `outOfRange` when the sum is not finite.
 */
export function incrementFloat(
  value: string,
  increment: string,
): { text: string } | { error: "notANumber" | "outOfRange" } {
  const first = parseLongDouble(value);
  if (first === null) return { error: "notANumber" };
  const second = parseLongDouble(increment);
  if (second === null) return { error: "notANumber" };
  const sum = first === infinite || second === infinite ? infinite : add(first, second);
  return sum === infinite ? { error: "outOfRange" } : { text: format(sum) };
}

/** What became too large, with either sign: every sum with it is refused. */
const infinite = "infinite";
type MaybeInfinite = LongDouble | typeof infinite;

/** `strtold` as Redis uses it: the whole text, without spaces around it, neither NaN nor out of
 * range. */
function parseLongDouble(text: string): MaybeInfinite | null {
  if (text.length > textBytesMax) return null;
  const decimal = decimalForm.exec(text);
  if (decimal !== null) return fromDecimal(decimal);
  const hexadecimal = hexadecimalForm.exec(text);
  if (hexadecimal !== null) return fromHexadecimal(hexadecimal);
  return infinityForm.test(text) ? infinite : null;
}

function fromDecimal(match: RegExpExecArray): LongDouble | null {
  const [, sign, whole = "", fractionBehindWhole, fractionAlone, exponentText = "0"] = match;
  const fraction = fractionBehindWhole ?? fractionAlone ?? "";
  const digits = (whole + fraction).replace(/^0+/, "");
  if (digits === "") return { significand: 0n, exponent: 0 };
  const exponent = Number(exponentText) - fraction.length;
  const magnitude = exponent + digits.length;
  if (magnitude > decimalExponentMax || magnitude < -decimalExponentMax) return null;
  let numerator = BigInt(digits);
  let denominator = 1n;
  if (exponent >= 0) numerator *= 10n ** BigInt(exponent);
  else denominator = 10n ** BigInt(-exponent);
  // Two bits more than needed, and one that says whether anything came after them.
  const shift = significandBits + 2 - (bitLength(numerator) - bitLength(denominator));
  if (shift > 0) numerator <<= BigInt(shift);
  else denominator <<= BigInt(-shift);
  const rest = numerator % denominator === 0n ? 0n : 1n;
  return signed(sign, numerator / denominator << 1n | rest, -shift - 1);
}

function fromHexadecimal(match: RegExpExecArray): LongDouble | null {
  const [, sign, whole = "", fractionBehindWhole, fractionAlone, exponentText = "0"] = match;
  const fraction = fractionBehindWhole ?? fractionAlone ?? "";
  const significand = BigInt(`0x${whole}${fraction}`);
  if (significand === 0n) return { significand, exponent: 0 };
  return signed(sign, significand, Number(exponentText) - 4 * fraction.length);
}

/** The nearest long double; null for what is too large, or so small that nothing is left of it. */
function signed(sign: string, significand: bigint, exponent: number): LongDouble | null {
  const rounded = round(significand, exponent);
  if (rounded === infinite || rounded.significand === 0n) return null;
  return sign === "-" ? { ...rounded, significand: -rounded.significand } : rounded;
}

function add(first: LongDouble, second: LongDouble): MaybeInfinite {
  const exponent = Math.min(first.exponent, second.exponent);
  const sum = (first.significand << BigInt(first.exponent - exponent)) +
    (second.significand << BigInt(second.exponent - exponent));
  const rounded = round(sum < 0n ? -sum : sum, exponent);
  if (rounded === infinite || sum >= 0n) return rounded;
  return { ...rounded, significand: -rounded.significand };
}

/** Rounds half to even to what a long double holds. The significand is not negative. */
function round(significand: bigint, exponent: number): MaybeInfinite {
  const length = bitLength(significand);
  if (length + exponent > magnitudeMax) return infinite;
  const excess = Math.max(length - significandBits, exponentMin - exponent);
  if (excess <= 0) return { significand, exponent };
  if (excess > length + 1) return { significand: 0n, exponent: 0 };
  let kept = shiftRightHalfEven(significand, excess);
  exponent += excess;
  if (kept === 1n << BigInt(significandBits)) {
    kept >>= 1n;
    exponent++;
  }
  return bitLength(kept) + exponent > magnitudeMax ? infinite : { significand: kept, exponent };
}

function shiftRightHalfEven(value: bigint, bits: number): bigint {
  const quotient = value >> BigInt(bits);
  const rest = value - (quotient << BigInt(bits));
  const half = 1n << BigInt(bits - 1);
  const up = rest > half || (rest === half && (quotient & 1n) === 1n);
  return up ? quotient + 1n : quotient;
}

/** `%.17Lf` without trailing zeros, and without a minus before zero. */
function format({ significand, exponent }: LongDouble): string {
  const magnitude = significand < 0n ? -significand : significand;
  const scaled = exponent >= 0
    ? (magnitude << BigInt(exponent)) * fractionScale
    : shiftRightHalfEven(magnitude * fractionScale, -exponent);
  if (scaled === 0n) return "0";
  const digits = scaled.toString().padStart(fractionDigits + 1, "0");
  const whole = digits.slice(0, -fractionDigits);
  const fraction = digits.slice(-fractionDigits).replace(/0+$/, "");
  const sign = significand < 0n ? "-" : "";
  return fraction === "" ? sign + whole : `${sign}${whole}.${fraction}`;
}

function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const hexadecimal = value.toString(16);
  return hexadecimal.length * 4 - Math.clz32(parseInt(hexadecimal[0], 16)) + 28;
}
