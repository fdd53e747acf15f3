/** How many requests a run needs to take as long as it should: found by runs that get longer. */

/**
 * A trial that took this long tells the rate well enough; and a server whose code is compiled as it runs
 * has compiled what it needs.
 */
const trialSecondsMin = 0.35;
const trialGrowth = 6;

/** `rateOf` runs so many requests and tells how many there were in a second. */
export async function requestsFor(
  seconds: number,
  first: number,
  rateOf: (requests: number) => Promise<number>,
): Promise<number> {
  let requests = first;
  while (true) {
    const rate = await rateOf(requests);
    if (requests / rate >= Math.min(trialSecondsMin, seconds / 3)) return twoDigits(rate * seconds);
    requests *= trialGrowth;
  }
}

/** Two digits, so that the command lines of a row are few. */
export function twoDigits(value: number): number {
  return Math.max(1, Number(value.toPrecision(2)));
}
