/**
 * How fast the log takes places of its file. To make the file longer takes the file system tens of milliseconds when
 * the disk is busy, and a writer must not wait for that: it has to begin when there is still room for as long.
 *
 * It is kept as an exponentially decaying count: each place that was taken counts for less as time goes on, e times less after
 * each `leadMs`. At a steady pace that is how many are taken in so much time.
 *
 *     const pace = new TakingPace(100);
 *     pace.note(2);
 *     if (freeCount <= pace.places) growInBackground();
 */
export class TakingPace {
  readonly #leadMs: number;
  readonly #now: () => number;
  #count = 0;
  #countedMs = 0;

  /** `now` tells the time in milliseconds; with a lead of 0 there is no pace. */
  constructor(leadMs: number, now: () => number = () => performance.now()) {
    this.#leadMs = leadMs;
    this.#now = now;
  }

  /** Places were taken. */
  note(places: number): void {
    this.#count = this.places + places;
  }

  /** How many are taken in the time of the lead. */
  get places(): number {
    if (this.#leadMs === 0) return 0;
    const now = this.#now();
    this.#count *= Math.exp((this.#countedMs - now) / this.#leadMs);
    this.#countedMs = now;
    return this.#count;
  }
}
