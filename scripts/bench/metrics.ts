/** What is measured: each figure by its name, with its title, its unit and which way is better. */

export interface Metric {
  /** For the head of a column. */
  readonly title: string;
  readonly unit: Unit;
  readonly better: "more" | "less";
}

export type Unit = "1/s" | "ms" | "s" | "ns" | "bytes" | "share" | "times" | "count";

const more = (title: string, unit: Unit): Metric => ({ title, unit, better: "more" });
const less = (title: string, unit: Unit): Metric => ({ title, unit, better: "less" });

export const metrics = {
  /** Requests (or, in the process, calls) a second. */
  rate: more("requests/s", "1/s"),
  p50Ms: less("p50", "ms"),
  p99Ms: less("p99", "ms"),
  p999Ms: less("p99.9", "ms"),
  maxMs: less("longest", "ms"),
  /** Processor time of the server, all threads, until all is synced, for a million requests. */
  processorPerMillion: less("processor s per M", "s"),
  /** How much of a processor the load generator took: near 1, it may be what limits the rate. */
  generatorShare: less("load generator", "share"),
  /** The longest stretch in which the event loop did nothing else, and how many took more than 5 ms. */
  pauseMs: less("longest pause", "ms"),
  pausesAbove5: less("pauses above 5 ms", "count"),
  /** The longest one without the time in which another thread had its processor. */
  ownPauseMs: less("own pause", "ms"),
  /** How much of the time a program that wanted to run did not, 1 ms and more at a time. */
  stillShare: less("stood still", "share"),
  /** Memory of the process, VmRSS, and the part that is its own (RssAnon). */
  residentBytes: less("resident", "bytes"),
  ownBytes: less("of its own", "bytes"),
  /** What INFO calls `used_memory`. */
  usedBytes: less("used_memory", "bytes"),
  residentPerKey: less("resident per key", "bytes"),
  /** For kv, what is resident; for redis-server, its used_memory, which leaves out what it wastes. */
  memoryPerKey: less("memory per key", "bytes"),
  indexPerKey: less("index per key", "bytes"),
  fileBytes: less("files", "bytes"),
  filePerKey: less("file per key", "bytes"),
  /** The store's file against what is live in it: in the end, and at most meanwhile. */
  fileRatio: less("file / live", "times"),
  fileRatioMax: less("at most", "times"),
  /** From the start of the process until it answers. */
  readyMs: less("ready after", "ms"),
  wallMs: less("wall time", "ms"),
  wakeups: less("wake-ups of the main thread", "1/s"),
  wakeupsInAll: less("of all threads", "1/s"),
  /** Processor time of the server for one request. */
  setNs: less("SET", "ns"),
  getNs: less("GET", "ns"),
  setRate: more("SET/s", "1/s"),
  getRate: more("GET/s", "1/s"),
  /** How long after their deadlines keys were gone. */
  lateP50Ms: less("late, p50", "ms"),
  lateP99Ms: less("late, p99", "ms"),
  lateMaxMs: less("late, longest", "ms"),
  loadSeconds: less("time to load", "s"),
  taskMs: less("time of the task", "ms"),
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;

/** Figures that are the worst of a run already: of several runs, again the worst counts. */
const worstOnes: ReadonlySet<MetricName> = new Set([
  ...["pauseMs", "ownPauseMs", "pausesAbove5", "maxMs", "fileRatioMax", "lateMaxMs"] as const,
]);

export function isWorst(name: MetricName): boolean {
  return worstOnes.has(name);
}

/** Figures of one run of one side. */
export type Figures = Readonly<Partial<Record<MetricName, number>>>;

/** "1,234,567/s", "0.123 ms", "80.1 MiB": as people read it; "-" of what was not measured. */
export function formatFigure(name: MetricName, value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "-";
  return formatUnit(metrics[name].unit, value);
}

function formatUnit(unit: Unit, value: number): string {
  switch (unit) {
    case "1/s":
      return value < 100 ? digits(value) : thousands(value);
    case "count":
      return thousands(value);
    case "bytes":
      return value < 4096 ? `${value.toFixed(1)} B` : mebibytes(value);
    case "share":
      return `${Math.round(value * 100)}%`;
    case "times":
      return value.toFixed(2);
    default:
      return `${digits(value)} ${unit}`;
  }
}

/** Three digits that say something, as a plain number. */
function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** "1,234,567" */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** "45.7 MiB" */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
