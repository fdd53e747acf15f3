/** How often something took how long, in a few classes: pauses of the event loop, lateness of expiry. */

/** Upper bounds of the classes, in milliseconds; longer ones make one more class. */
export const durationBoundsMs: readonly number[] = [0.25, 0.5, 1, 2, 5, 10, 20, 50, 100];

export class DurationHistogram {
  /** How many there were in each class. */
  readonly counts = new Float64Array(durationBoundsMs.length + 1);
  longestMs = 0;

  note(ms: number): void {
    if (ms > this.longestMs) this.longestMs = ms;
    let i = 0;
    while (i < durationBoundsMs.length && ms >= durationBoundsMs[i]) i++;
    this.counts[i]++;
  }

  /** How many there were in all. */
  get total(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Calls `visit` with the upper bound of each class in milliseconds and the number of those that were
   * shorter; classes with no more than the one before are left out. The last one's bound is the longest.
   */
  eachBound(visit: (ms: number, count: number) => void): void {
    let seen = 0;
    for (const [i, count] of this.counts.entries()) {
      if (count === 0) continue;
      seen += count;
      visit(durationBoundsMs[i] ?? this.longestMs, seen);
    }
  }

  reset(): void {
    this.counts.fill(0);
    this.longestMs = 0;
  }
}
