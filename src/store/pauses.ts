/**
 * How long the event loop was busy in one go, during which nobody else was served: a histogram of all such stretches, and another
 * one without the time in which another thread had the processor. What the first has and the second has not is the machine's: too
 * many programs for its cores.
 */
import { monotonicMicroseconds } from "../sys/monotonic_clock.ts";
import { processorWaitMicroseconds } from "../sys/processor_wait.ts";
import { DurationHistogram } from "./duration_histogram.ts";

/** The wait for a processor is asked for so often at most; one that ended less than this before a stretch counts as its own. */
const askedEveryMicroseconds = 500;
/** In a shorter stretch it is not looked at. */
const lookedAtMicroseconds = 500;

export class Pauses {
  readonly all = new DurationHistogram();
  /** Without waits for a processor, to half a millisecond. */
  readonly own = new DurationHistogram();
  #began = 0;
  #askedAt = -Infinity;
  /** The wait in all when it was asked for last. */
  #waited = 0;
  readonly #now: () => number;
  readonly #waitedInAll: () => number;

  /** `now` and `waitedInAll` tell microseconds: the time, and for how long this thread has waited for a processor since it began. */
  constructor(now = monotonicMicroseconds, waitedInAll = processorWaitMicroseconds) {
    this.#now = now;
    this.#waitedInAll = waitedInAll;
  }

  /** A stretch begins. */
  begin(): void {
    this.#began = this.#now();
    if (this.#began - this.#askedAt >= askedEveryMicroseconds) this.#ask(this.#began);
  }

  /** For how many microseconds it has lasted. */
  lasted(): number {
    return this.#now() - this.#began;
  }

  /** It is over; returns how long it was, in milliseconds. */
  end(): number {
    const now = this.#now();
    const length = now - this.#began;
    let own = length;
    if (length >= lookedAtMicroseconds) {
      const before = this.#waited;
      this.#ask(now);
      own = Math.max(0, length - (this.#waited - before));
    }
    this.all.note(length / 1000);
    this.own.note(own / 1000);
    return length / 1000;
  }

  #ask(now: number): void {
    this.#waited = this.#waitedInAll();
    this.#askedAt = now;
  }

  reset(): void {
    this.all.reset();
    this.own.reset();
  }
}
