/**
 * A program that does nothing but look at the clock, and tells how long it did not get to it: then its processor was
 * somebody else's, or the whole machine stood still.
 *
 *     deno run scripts/bench/load/clock_watcher.ts SECONDS
 */
export interface Gaps {
  readonly longestMs: number;
  /** Gaps of more than 5 ms. */
  readonly aboveFiveMs: number;
  /** What all gaps of a millisecond and more are of the time. */
  readonly share: number;
}

const shortestMs = 1;

/** Looks at the clock for so many seconds. */
export function watchClock(seconds: number): Gaps {
  const started = performance.now();
  const end = started + seconds * 1000;
  let longestMs = 0;
  let aboveFiveMs = 0;
  let sumMs = 0;
  for (let last = started; last < end;) {
    const now = performance.now();
    const gapMs = now - last;
    last = now;
    if (gapMs < shortestMs) continue;
    sumMs += gapMs;
    if (gapMs > 5) aboveFiveMs++;
    if (gapMs > longestMs) longestMs = gapMs;
  }
  return { longestMs, aboveFiveMs, share: sumMs / (seconds * 1000) };
}

if (import.meta.main) {
  const seconds = Number(Deno.args[0]);
  watchClock(0.05); // Compiled, and at its pace.
  console.log(JSON.stringify(watchClock(seconds)));
}
