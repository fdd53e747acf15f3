/**
 * How long the event loop was kept busy in one go: while it is, no other client is served. Whoever
 * runs such a stretch notes its length here.
 */

/** Upper bounds of the histogram's classes, in milliseconds; longer ones make one more class. */
export const pauseBoundsMs: readonly number[] = [0.25, 0.5, 1, 2, 5, 10, 20, 50, 100];

export class PauseMeter {
  /** How many stretches were so long, by `pauseBoundsMs`. */
  readonly counts = new Float64Array(pauseBoundsMs.length + 1);
  longestMs = 0;

  /** A stretch of `ms` is over. */
  note(ms: number): void {
    if (ms > this.longestMs) this.longestMs = ms;
    let i = 0;
    while (i < pauseBoundsMs.length && ms >= pauseBoundsMs[i]) i++;
    this.counts[i]++;
  }

  reset(): void {
    this.counts.fill(0);
    this.longestMs = 0;
  }
}
