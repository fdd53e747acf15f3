/**
 * What Redis's configuration can say and kv's cannot: parameters that have one value here, which
 * describes what kv does, and directives for what there is not, with the reason.
 */
import { checkYesNo, immutable, type Normalized, only, type Parameter } from "./parameter.ts";

const noBackgroundFreeing = "nothing is freed in the background: the log's space is reused";

/** Parameters with the one value that they can have, and why. */
const fixed: Readonly<Record<string, readonly [value: string, reason: string]>> = {
  "activerehashing": ["yes", "the index grows a page at a time"],
  "aof-load-truncated": ["yes", "a log ends at its first bad record"],
  "aof-timestamp-enabled": ["no", "records have no times"],
  "appendonly": ["yes", "every write is in the file"],
  "cluster-enabled": ["no", "there is no cluster"],
  "daemonize": ["no", "use a service manager, or & in a shell"],
  "databases": ["1", "one store, one keyspace"],
  "io-threads": ["1", "one thread runs all commands"],
  "io-threads-do-reads": ["no", "one thread runs all commands"],
  "lazyfree-lazy-eviction": ["no", noBackgroundFreeing],
  "lazyfree-lazy-expire": ["no", noBackgroundFreeing],
  "lazyfree-lazy-server-del": ["no", noBackgroundFreeing],
  "lazyfree-lazy-user-del": ["no", noBackgroundFreeing],
  "lazyfree-lazy-user-flush": ["no", noBackgroundFreeing],
  "logfile": ["", "what an administrator should know goes to standard error"],
  "no-appendfsync-on-rewrite": ["no", "syncs go on while the store is compacted"],
  "pidfile": ["", "INFO tells the process, and a second one cannot open the store"],
  "rdbchecksum": ["yes", "each record has a checksum"],
  "rdbcompression": ["no", "values are stored as they are"],
  "save": ["", "there are no snapshots: every write is in the file"],
  "set-proc-title": ["no", "the process keeps its name"],
  "stop-writes-on-bgsave-error": ["yes", "nothing is written after a failed sync"],
  "supervised": ["no", "a service manager sees the process itself"],
  "syslog-enabled": ["no", "what an administrator should know goes to standard error"],
};

/** In Redis, these cannot be set while the server runs, not even to what they are. */
const immutableNames = [
  "cluster-enabled",
  "daemonize",
  "databases",
  "io-threads",
  "io-threads-do-reads",
  "logfile",
  "pidfile",
  "rdbchecksum",
  "set-proc-title",
  "supervised",
  "syslog-enabled",
];

export function fixedParameters(): Record<string, Parameter> {
  const parameters = Object.entries(fixed).map(([name, [value, reason]]) => {
    const fixed = only(value, reason, normalizerOf(name, value));
    const parameter = { ...fixed, isList: name === "save" };
    return [name, immutableNames.includes(name) ? immutable(parameter) : parameter] as const;
  });
  return Object.fromEntries(parameters);
}

function normalizerOf(name: string, value: string): ((text: string) => Normalized) | undefined {
  if (name === "save") return checkSavePoints;
  return (value === "yes" || value === "no") && name !== "supervised" ? checkYesNo : undefined;
}

/** `save` is a list of pairs, "seconds changes", or empty. */
function checkSavePoints(text: string): Normalized {
  const words = text === "" ? [] : text.split(" ");
  const valid = words.length % 2 === 0 &&
    words.every((word, i) => /^\d+$/.test(word) && (i % 2 === 1 || Number(word) >= 1));
  return valid ? { value: words.join(" ") } : { error: "Invalid save parameters" };
}

/** Directives of redis-server 7.0 that nothing here answers to: why, and the patterns of their names. */
const absent: readonly (readonly [reason: string, names: RegExp])[] = [
  ["there is no replication", /^(replica|slave|repl-|min-(replicas|slaves)-|master(auth|user)$)/],
  ["there is no cluster", /^cluster-/],
  ["there are no modules", /^(loadmodule$|enable-module-command$)/],
  ["there are no scripts", /^(lua-|busy-reply-threshold$)/],
  [
    "values are strings only",
    /^((hash|set|zset)-max-|list-(max|compress)-|stream-node-)/,
  ],
  [
    "there are no snapshots and no second log; compaction has no settings",
    /^(rdb-|aof-|append(dirname|filename)$|auto-aof-rewrite-|propagation-error-behavior$)/,
  ],
  ["memory is not defragmented", /^(active-?defrag|jemalloc-bg-thread$)/],
  [
    "expiry has a queue of deadlines and needs no tuning",
    /^(hz|dynamic-hz|active-expire-effort)$/,
  ],
  [
    "eviction has no such settings",
    /^(maxmemory-(samples|eviction-tenacity|clients)|lfu-(log-factor|decay-time))$/,
  ],
  [
    "the process is left as it was started: a service manager can set that",
    /^(oom-score-adj|disable-thp$|.*_cpulist$|proc-title-template$|crash-|watchdog-period$|syslog-)/,
  ],
  [
    "the sockets have no such settings here",
    /^(tcp-backlog|socket-mark-id|bind-source-addr)$/,
  ],
  ["TLS has no such settings here", /^tls-/],
  ["messages have no levels", /^(loglevel|always-show-logo|ignore-warnings)$/],
  ["SHUTDOWN and signals always end in order", /^shutdown-/],
  ["kv is no sentinel", /^sentinel$/],
  ["these parameters are always guarded", /^enable-protected-configs$/],
];

/** Why kv has nothing of a directive that Redis knows; null when Redis does not know it either. */
export function reasonOfAbsence(name: string): string | null {
  return absent.find(([, names]) => names.test(name))?.[0] ?? null;
}
