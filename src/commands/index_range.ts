/** A range of a value, as GETRANGE and the bit commands take it. */
import type { CommandContext } from "./context.ts";

/**
 * The first and the last place of a range, both included; negative ones count from the value's end.
 * One serves all requests, one after the other: `read` its arguments, then `clampTo` the value's size.
 */
export class IndexRange {
  first = 0;
  last = 0;
  /** Both count from the end, the last one from further away: no value has such a range. */
  isReversed = false;

  /** Reads arguments `i` and `i + 1`; false when they are no integers, and that is replied. */
  read(context: CommandContext, i: number): boolean {
    this.first = context.safeInteger(i);
    this.last = context.safeInteger(i + 1);
    if (this.first !== this.first || this.last !== this.last) return this.#readLarge(context, i);
    this.isReversed = this.first < 0 && this.last < 0 && this.first > this.last;
    return true;
  }

  #readLarge(context: CommandContext, i: number): boolean {
    const first = context.int64(i);
    const last = context.int64(i + 1);
    if (first === null || last === null) {
      context.notAnInteger();
      return false;
    }
    // Decided here, where clamping cannot make the two equal.
    this.isReversed = first < 0n && last < 0n && first > last;
    this.first = clampToSafe(first);
    this.last = clampToSafe(last);
    return true;
  }

  /** Turns both into places of a value of `size` places; the range is empty when `first > last`. */
  clampTo(size: number): void {
    if (this.first < 0) this.first = Math.max(0, this.first + size);
    if (this.last < 0) this.last = Math.max(0, this.last + size);
    if (this.last >= size) this.last = size - 1;
  }
}

/**
 * A place in a value, argument `i`: a 64-bit integer, clamped to what a double holds exactly, since no
 * value is so long that it matters. NaN when it is none, and that is replied.
 */
export function readPlace(context: CommandContext, i: number): number {
  const place = context.safeInteger(i);
  if (place === place) return place;
  const large = context.int64(i);
  if (large !== null) return clampToSafe(large);
  context.notAnInteger();
  return NaN;
}

function clampToSafe(value: bigint): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}
