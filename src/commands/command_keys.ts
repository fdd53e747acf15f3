import type { KeyPositions } from "./command_spec.ts";

/** Whether what stands there are keys: shard channels stand in such places, too. */
export function isOfKeys({ flags, isUnknown }: KeyPositions): boolean {
  return !flags.includes("not_key") && !isUnknown;
}

/**
 * Calls `visit` for each argument of a request that stands in one of the positions. `argc` counts the
 * command's name; places count from it.
 */
export function visitKeys(
  positions: readonly KeyPositions[],
  argc: number,
  visit: (i: number, flags: readonly string[]) => void,
): void {
  for (const { first, last, step, flags, isUnknown } of positions) {
    if (isUnknown) continue;
    const end = last < 0 ? argc + last : last;
    for (let i = first; i <= end; i += step) visit(i, flags);
  }
}
