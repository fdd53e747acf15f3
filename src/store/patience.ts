/** Waiting without an event loop: for what another process finishes within microseconds, as a rule. */
import { StoreError } from "./errors.ts";

/** So often it is just looked again: some microseconds. */
const looksMax = 200;
const sleepMsMin = 0.05;
const sleepMsMax = 2;

export class Patience {
  /** How often somebody slept. */
  sleeps = 0;
  readonly #msMax: number;
  readonly #word = new Int32Array(new SharedArrayBuffer(4));
  #looks = 0;
  #deadline = 0;

  constructor(msMax: number) {
    this.#msMax = msMax;
  }

  /** What was waited for is there. */
  reset(): void {
    this.#looks = 0;
  }

  /** It was waited for longer than a moment. */
  get isLong(): boolean {
    return this.#looks > looksMax;
  }

  /** Waits a little. Throws StoreError BUSY when that was tried for too long. */
  pause(what: string): void {
    this.#looks++;
    if (!this.isLong) return;
    const now = performance.now();
    if (this.#looks === looksMax + 1) this.#deadline = now + this.#msMax;
    else if (now > this.#deadline) {
      this.reset();
      throw new StoreError("BUSY", `Cannot read ${what} for ${this.#msMax} ms; try again later`);
    }
    this.sleeps++;
    const sleepMs = Math.min(sleepMsMax, sleepMsMin * (this.#looks - looksMax));
    // Nobody ever wakes it: it is a sleep.
    Atomics.wait(this.#word, 0, 0, sleepMs);
  }
}
