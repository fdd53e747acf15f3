/**
 * Latency events: when something held up the server for longer than a threshold. For each kind of event
 * the worst of each second is kept, for the last seconds that had one.
 */

/** Seconds that are kept of each kind. */
const samplesMax = 160;

export interface LatencySample {
  /** Unix time in seconds. */
  readonly seconds: number;
  milliseconds: number;
}

/** What happened of one kind. */
export interface LatencySeries {
  /** The oldest first. */
  readonly samples: LatencySample[];
  /** The worst ever, also of samples that are gone. */
  longestMs: number;
}

export class LatencyMonitor {
  /** What takes so many milliseconds is an event; 0: nothing is. */
  thresholdMs = 0;
  /** By the kinds' names, such as `command`. */
  readonly series = new Map<string, LatencySeries>();
  readonly #clock: () => number;
  /** When the last event was noted, by the monotonic clock. */
  #notedMs = -Infinity;

  /** `clock` tells the Unix time in ms. */
  constructor(clock: () => number = Date.now) {
    this.#clock = clock;
  }

  /** The same threshold in microseconds, Infinity when nothing is an event. */
  get thresholdMicroseconds(): number {
    return this.thresholdMs === 0 ? Infinity : this.thresholdMs * 1000;
  }

  /** Takes note of an event, if it is one. */
  note(event: string, milliseconds: number): void {
    const whole = Math.floor(milliseconds);
    if (this.thresholdMs === 0 || whole < this.thresholdMs) return;
    this.#notedMs = performance.now();
    const seconds = Math.floor(this.#clock() / 1000);
    let series = this.series.get(event);
    if (series === undefined) this.series.set(event, series = { samples: [], longestMs: 0 });
    series.longestMs = Math.max(series.longestMs, whole);
    const last = series.samples.at(-1);
    if (last?.seconds === seconds) {
      last.milliseconds = Math.max(last.milliseconds, whole);
      return;
    }
    series.samples.push({ seconds, milliseconds: whole });
    if (series.samples.length > samplesMax) series.samples.shift();
  }

  /**
   * Takes note of a stretch that ends now, in which the event loop did one thing only: an event of its own,
   * `event-loop`, unless another one within it says what took so long.
   */
  noteStretch(milliseconds: number): void {
    if (this.thresholdMs === 0 || milliseconds < this.thresholdMs) return;
    if (this.#notedMs < performance.now() - milliseconds) this.note("event-loop", milliseconds);
  }

  /** Forgets the events of a kind, its name in any case; without a name, of all. Returns how many
   * kinds there were. */
  reset(name?: string): number {
    let count = 0;
    for (const event of this.series.keys()) {
      if (name !== undefined && event.toLowerCase() !== name.toLowerCase()) continue;
      this.series.delete(event);
      count++;
    }
    return count;
  }
}
