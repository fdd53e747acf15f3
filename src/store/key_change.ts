/** What happens to keys, as `Store.onChange` tells it. */
export const keyChange = { added: 0, changed: 1, removed: 2, expired: 3, evicted: 4 } as const;

/** Told of a change (a value of `keyChange`) to the key `bytes[start, end)`. Must not use the store. */
export type ChangeListener = (
  change: number,
  bytes: Uint8Array,
  start: number,
  end: number,
) => void;

/** Told of a key that was looked for and is not there. Must not use the store. */
export type MissListener = (bytes: Uint8Array, start: number, end: number) => void;
