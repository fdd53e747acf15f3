/**
 * How fast something goes on: the log takes places of its file, bytes are appended.
 *
 * It is an exponentially decaying count: what was noted counts for less as time goes on, e times less after each `leadMs`. At a
 * steady pace that is how much is noted in so much time.
 *
 *     const places = new DecayingCount(100);
 *     places.note(2);
 *     if (freeCount <= places.value) growInBackground();
 */
export class DecayingCount {
  readonly #leadMs: number;
  readonly #now: () => number;
  #count = 0;
  #countedMs = 0;

  /** `now` tells the time in milliseconds; with a lead of 0 nothing counts. */
  constructor(leadMs: number, now: () => number = () => performance.now()) {
    this.#leadMs = leadMs;
    this.#now = now;
  }

  note(count: number): void {
    this.#count = this.value + count;
  }

  /** How much is noted in the time of the lead. */
  get value(): number {
    if (this.#leadMs === 0) return 0;
    const now = this.#now();
    this.#count *= Math.exp((this.#countedMs - now) / this.#leadMs);
    this.#countedMs = now;
    return this.#count;
  }
}
