/** A part of some bytes: `bytes[start, end)`. */
export interface ByteRange {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}
