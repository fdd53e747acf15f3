/** What LATENCY DOCTOR says. The findings are worded as Redis's; the advice is about kv. */
import type { LatencyMonitor, LatencySample } from "./latency_monitor.ts";

export interface LatencyReportFacts {
  readonly monitor: LatencyMonitor;
  /** Negative when the slow log is off. */
  readonly slowLogThresholdMicroseconds: number;
  readonly syncPolicy: string;
  /** Unix time. */
  readonly nowSeconds: number;
}

const disabled =
  "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You " +
  'may use "CONFIG SET latency-monitor-threshold <milliseconds>." in order to enable it. If we ' +
  "weren't in a deep space mission I'd suggest to take a look at " +
  "https://redis.io/topics/latency-monitor.\n";

const nothing =
  "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the " +
  "slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think " +
  "things over.\n";

const heading =
  "Dave, I have observed latency spikes in this Redis instance. You don't mind talking about it, " +
  "do you Dave?\n\n";

export function latencyReport(facts: LatencyReportFacts): string {
  const { series, thresholdMs } = facts.monitor;
  if (series.size === 0) return thresholdMs === 0 ? disabled : nothing;
  const advice = [...series.keys()].flatMap((event) => adviceOn(event, facts));
  const lines = [...series].map(([event, { samples, longestMs }], i) =>
    `${i + 1}. ${event}: ${describe(samples, facts.nowSeconds)}. ` +
    `Worst all time event ${longestMs}ms.\n`
  );
  return `${heading}${lines.join("")}\nI have a few advices for you:\n\n` +
    [...new Set(advice)].map((text) => `- ${text}\n`).join("");
}

function describe(samples: readonly LatencySample[], nowSeconds: number): string {
  const count = samples.length;
  const sum = samples.reduce((total, { milliseconds }) => total + milliseconds, 0);
  const average = Math.floor(sum / count);
  const deviations = samples.map(({ milliseconds }) => Math.abs(average - milliseconds));
  const deviation = Math.floor(deviations.reduce((total, value) => total + value, 0) / count);
  const period = Math.max(1, nowSeconds - samples[0].seconds) / count;
  return `${count} latency spikes (average ${average}ms, mean deviation ${deviation}ms, ` +
    `period ${period.toFixed(2)} sec)`;
}

/** What may help against events of a kind. */
function adviceOn(event: string, facts: LatencyReportFacts): string[] {
  switch (event) {
    case "command":
      return [...slowLogAdvice(facts), adviceTexts.largeValues];
    case "fast-command":
      return [adviceTexts.machine, adviceTexts.memory];
    case "aof-write-pending-fsync":
      return [adviceTexts.disk];
    case "aof-fsync-always":
      return facts.syncPolicy === "always" ? [adviceTexts.syncPolicy] : [adviceTexts.disk];
    case "event-loop":
      return [adviceTexts.pipelines, adviceTexts.machine];
    case "eviction-cycle":
      return [adviceTexts.limit, adviceTexts.machine];
    default:
      return [adviceTexts.machine, adviceTexts.disk];
  }
}

function slowLogAdvice({ monitor, slowLogThresholdMicroseconds }: LatencyReportFacts): string[] {
  const wanted = monitor.thresholdMs * 1000;
  const set = `'CONFIG SET slowlog-log-slower-than ${wanted}'`;
  if (slowLogThresholdMicroseconds < 0) {
    return [`The slow log is off: ${set} makes it tell which commands take long.`];
  }
  const look = "SLOWLOG GET shows which commands took long.";
  if (Math.floor(slowLogThresholdMicroseconds / 1000) <= monitor.thresholdMs) return [look];
  return [`The slow log leaves out some of what is seen here: ${set} makes it show all.`, look];
}

const adviceTexts = {
  largeValues:
    "Values of many MiB, DEL of very many keys and KEYS hold up everybody: use smaller values, " +
    "several requests, SCAN.",
  pipelines:
    "The requests of a pipeline are run in one go while the others wait: long pipelines of costly " +
    "requests hold up everybody. LATENCY HISTOGRAM event-loop shows how often, for how long; " +
    "event-loop-own without waits for a processor.",
  machine:
    "The machine gives the server too little processor time: lower its load, or look for others " +
    "on the same host; 'redis-cli --intrinsic-latency 100' measures what is left without a server.",
  memory:
    "Data that is not in memory is read from the disk: `kv info` shows how much there is; more " +
    "memory, or a faster disk, helps.",
  disk: "The disk is slow or busy: use a local one, and move other writers away from it.",
  syncPolicy:
    "With appendfsync always, each reply waits for the disk: everysec does not, and a power loss " +
    "may then cost about a second.",
  limit:
    "Keys are removed to make room: raise maxmemory, or let keys expire before there is need to.",
} as const;
