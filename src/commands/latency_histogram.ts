/**
 * How long the calls of one command took, from a nanosecond to a second with two significant digits:
 * an HDR histogram (https://github.com/HdrHistogram/HdrHistogram), of the shape that redis-server 7.0
 * uses, so that LATENCY HISTOGRAM and INFO latencystats have the same classes.
 *
 * Below 256 ns each class is 1 ns wide; from there on each doubling of the time has 128 classes.
 */
const classesPerDoubling = 128;
const doublingBits = 7;
/** The times below this have classes of their own. */
const unitTimes = 2 * classesPerDoubling;
/** Longer ones count as this: a second. */
const nanosecondsMax = 1e9;
/** From 2^8 to 2^30, the first power of two above the longest time, there are 22 doublings. */
const classCount = unitTimes + 22 * classesPerDoubling;
const lastClassEnd = 2 ** 30 - 1;
/** Where the first class of LATENCY HISTOGRAM ends; the others are twice as long each. */
const reportedNanosecondsMin = 1024;

export class LatencyHistogram {
  /** How many calls there were. */
  total = 0;
  readonly #counts = new Float64Array(classCount);

  /** Counts `calls` calls that took `microseconds` each. */
  record(microseconds: number, calls: number): void {
    const nanoseconds = Math.min(Math.max(1, Math.round(microseconds * 1000)), nanosecondsMax);
    this.#counts[classOf(nanoseconds)] += calls;
    this.total += calls;
  }

  /** The time in microseconds that `percentile` percent of the calls did not exceed. */
  percentile(percentile: number): number {
    const wanted = Math.max(1, Math.floor(Math.min(percentile, 100) / 100 * this.total + 0.5));
    let seen = 0;
    let i = -1;
    while (seen < wanted && i < classCount - 1) seen += this.#counts[++i];
    return (percentile === 0 ? startOf(i) : endOf(i)) / 1000;
  }

  /**
   * Calls `visit` with microseconds and the number of calls that took no longer, for doubling times,
   * those left out at which there are no more calls than before.
   */
  eachDoubling(visit: (microseconds: number, calls: number) => void): void {
    let seen = 0;
    let visited = 0;
    let i = 0;
    for (let level = reportedNanosecondsMin; visited < this.total; level *= 2) {
      const end = Math.min(classOf(level), classCount - 1);
      while (i <= end) seen += this.#counts[i++];
      if (seen > visited) visit(Math.floor(Math.min(endOf(end), lastClassEnd) / 1000), seen);
      visited = seen;
    }
  }
}

function classOf(nanoseconds: number): number {
  const doubling = doublingOf(nanoseconds);
  return doubling * classesPerDoubling + (nanoseconds >>> doubling);
}

/** How often a time was doubled since 256 ns: 0 below 512 ns. */
function doublingOf(nanoseconds: number): number {
  return 31 - Math.clz32(nanoseconds | unitTimes - 1) - doublingBits;
}

/** The shortest time of a class in nanoseconds. */
function startOf(i: number): number {
  const doubling = Math.max(0, (i >>> doublingBits) - 1);
  return (i - doubling * classesPerDoubling) * 2 ** doubling;
}

/** The longest. */
function endOf(i: number): number {
  return startOf(i) + 2 ** Math.max(0, (i >>> doublingBits) - 1) - 1;
}
