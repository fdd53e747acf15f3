/**
 * The text of INFO, in Redis's sections and under Redis's names, so that exporters, `redis-cli
 * --stat` and client libraries find what they look for. Fields of Redis that could only ever be
 * meaningless here are left out; those that tools rely on and that are constant here (no replicas,
 * no cluster, no eviction) are given their constants. `# Store` is kv's own section.
 */
import { redisVersion } from "../commands/connection.ts";

/** What the server measures for INFO. Times are durations or Unix times in the unit they name. */
export interface InfoFacts {
  /** Version of kv. */
  readonly version: string;
  /** "Linux 6.1.0 x86_64" */
  readonly operatingSystem: string;
  readonly processId: number;
  /** 40 hexadecimal digits, other ones with each start. */
  readonly runId: string;
  readonly executable: string;
  readonly tcpPort: number;
  readonly nowMs: number;
  readonly startedMs: number;

  readonly clients: {
    readonly connected: number;
    readonly max: number;
    /** Sessions that watch keys. */
    readonly watching: number;
    /** Largest input and output buffers among the clients now, in bytes. */
    readonly inputBufferMax: number;
    readonly outputBufferMax: number;
  };

  /** Bytes of the process; the mapped file counts in `resident` only. */
  readonly memory: {
    readonly used: number;
    readonly usedPeak: number;
    readonly resident: number;
    readonly system: number;
    /** The largest size of the store, 0 for none, and what happens then. */
    readonly limit: number;
    readonly evictionPolicy: string;
  };

  readonly persistence: {
    readonly syncPolicy: string;
    /** Records appended since the last successful sync. */
    readonly changesSinceSync: number;
    /** A sync runs now. */
    readonly syncing: boolean;
    readonly lastSyncSeconds: number;
    readonly lastSyncOk: boolean;
    readonly fileBytes: number;
    /** How far the compaction of the whole store is, 0 to 1; null when there is none. */
    readonly compactionShare: number | null;
  };

  readonly stats: {
    readonly connectionsReceived: number;
    readonly connectionsRejected: number;
    readonly commandsProcessed: number;
    readonly commandsPerSecond: number;
    readonly inputBytes: number;
    readonly outputBytes: number;
    readonly inputBytesPerSecond: number;
    readonly outputBytesPerSecond: number;
    readonly reads: number;
    readonly writes: number;
    readonly expiredKeys: number;
    readonly evictedKeys: number;
    readonly keyspaceHits: number;
    readonly keyspaceMisses: number;
  };

  /** Seconds of processor time since the start. */
  readonly cpu: { readonly system: number; readonly user: number };

  readonly keyspace: {
    readonly keys: number;
    /** Keys with a deadline. */
    readonly volatileKeys: number;
    /** Mean time that is left to those, 0 when it is not known. */
    readonly meanTtlMs: number;
  };

  /** Error replies by their first word (`ERR`, `EXECABORT` ...). */
  readonly errors: ReadonlyMap<string, number>;
  /** By full name, such as `get` or `config|get`. */
  readonly commands: ReadonlyMap<string, CommandStatistics>;
  /** Further fields of `# Store`, in this order; names in snake case. */
  readonly store: Readonly<Record<string, string | number>>;
}

/** What one command has done so far. */
export interface CommandStatistics {
  readonly calls: number;
  readonly microseconds: number;
  /** Refused before it ran: wrong number of arguments, not allowed in a transaction ... */
  readonly rejected: number;
  /** Ran, and replied with an error. */
  readonly failed: number;
}

type Fields = (readonly [string, string | number])[];

interface Section {
  readonly title: string;
  /** Shown when no section is asked for. */
  readonly isDefault: boolean;
  fields(facts: InfoFacts): Fields;
}

/** In the order of the output. */
const sections: Readonly<Record<string, Section>> = {
  server: { title: "Server", isDefault: true, fields: serverFields },
  clients: { title: "Clients", isDefault: true, fields: clientFields },
  memory: { title: "Memory", isDefault: true, fields: memoryFields },
  persistence: { title: "Persistence", isDefault: true, fields: persistenceFields },
  stats: { title: "Stats", isDefault: true, fields: statsFields },
  replication: { title: "Replication", isDefault: true, fields: replicationFields },
  cpu: { title: "CPU", isDefault: true, fields: cpuFields },
  modules: { title: "Modules", isDefault: true, fields: () => [] },
  commandstats: { title: "Commandstats", isDefault: false, fields: commandFields },
  errorstats: { title: "Errorstats", isDefault: true, fields: errorFields },
  cluster: { title: "Cluster", isDefault: true, fields: () => [["cluster_enabled", 0]] },
  keyspace: { title: "Keyspace", isDefault: true, fields: keyspaceFields },
  store: { title: "Store", isDefault: true, fields: storeFields },
};

/**
 * The text of the sections with these names (lower case; none: the default ones). `default`, `all`
 * and `everything` stand for several; names that do not exist are passed over.
 */
export function infoText(names: readonly string[], facts: InfoFacts): string {
  const all = names.includes("all") || names.includes("everything");
  const defaults = names.length === 0 || names.includes("default");
  const texts: string[] = [];
  for (const [name, section] of Object.entries(sections)) {
    if (!all && !(defaults && section.isDefault) && !names.includes(name)) continue;
    let text = `# ${section.title}\r\n`;
    for (const [field, value] of section.fields(facts)) text += `${field}:${value}\r\n`;
    texts.push(text);
  }
  return texts.join("\r\n");
}

function serverFields(facts: InfoFacts): Fields {
  const uptimeSeconds = Math.max(0, Math.floor((facts.nowMs - facts.startedMs) / 1000));
  return [
    ["redis_version", redisVersion],
    ["kv_version", facts.version],
    ["redis_mode", "standalone"],
    ["os", facts.operatingSystem],
    ["arch_bits", 64],
    ["process_id", facts.processId],
    ["run_id", facts.runId],
    ["tcp_port", facts.tcpPort],
    ["server_time_usec", facts.nowMs * 1000],
    ["uptime_in_seconds", uptimeSeconds],
    ["uptime_in_days", Math.floor(uptimeSeconds / 86400)],
    ["executable", facts.executable],
    ["config_file", ""],
  ];
}

function clientFields({ clients }: InfoFacts): Fields {
  return [
    ["connected_clients", clients.connected],
    ["cluster_connections", 0],
    ["maxclients", clients.max],
    ["client_recent_max_input_buffer", clients.inputBufferMax],
    ["client_recent_max_output_buffer", clients.outputBufferMax],
    ["blocked_clients", 0],
    ["tracking_clients", 0],
    ["watching_clients", clients.watching],
  ];
}

function memoryFields({ memory }: InfoFacts): Fields {
  const fragmentation = memory.used === 0 ? 0 : memory.resident / memory.used;
  return [
    ["used_memory", memory.used],
    ["used_memory_human", humanBytes(memory.used)],
    ["used_memory_rss", memory.resident],
    ["used_memory_rss_human", humanBytes(memory.resident)],
    ["used_memory_peak", memory.usedPeak],
    ["used_memory_peak_human", humanBytes(memory.usedPeak)],
    ["total_system_memory", memory.system],
    ["total_system_memory_human", humanBytes(memory.system)],
    ["maxmemory", memory.limit],
    ["maxmemory_human", humanBytes(memory.limit)],
    ["maxmemory_policy", memory.evictionPolicy],
    ["mem_fragmentation_ratio", fragmentation.toFixed(2)],
  ];
}

function persistenceFields({ persistence }: InfoFacts): Fields {
  const status = persistence.lastSyncOk ? "ok" : "err";
  return [
    ["loading", 0],
    ["async_loading", 0],
    ["rdb_changes_since_last_save", persistence.changesSinceSync],
    ["rdb_bgsave_in_progress", persistence.syncing ? 1 : 0],
    ["rdb_last_save_time", persistence.lastSyncSeconds],
    ["rdb_last_bgsave_status", status],
    ["aof_enabled", 1],
    ["aof_rewrite_in_progress", persistence.compactionShare === null ? 0 : 1],
    ["aof_rewrite_scheduled", 0],
    ["aof_last_bgrewrite_status", "ok"],
    ["aof_last_write_status", status],
    ["aof_current_size", persistence.fileBytes],
  ];
}

function statsFields({ stats, errors }: InfoFacts): Fields {
  let errorReplies = 0;
  for (const count of errors.values()) errorReplies += count;
  return [
    ["total_connections_received", stats.connectionsReceived],
    ["total_commands_processed", stats.commandsProcessed],
    ["instantaneous_ops_per_sec", Math.round(stats.commandsPerSecond)],
    ["total_net_input_bytes", stats.inputBytes],
    ["total_net_output_bytes", stats.outputBytes],
    ["instantaneous_input_kbps", (stats.inputBytesPerSecond / 1024).toFixed(2)],
    ["instantaneous_output_kbps", (stats.outputBytesPerSecond / 1024).toFixed(2)],
    ["rejected_connections", stats.connectionsRejected],
    ["expired_keys", stats.expiredKeys],
    ["evicted_keys", stats.evictedKeys],
    ["keyspace_hits", stats.keyspaceHits],
    ["keyspace_misses", stats.keyspaceMisses],
    ["pubsub_channels", 0],
    ["pubsub_patterns", 0],
    ["latest_fork_usec", 0],
    ["total_forks", 0],
    ["unexpected_error_replies", 0],
    ["total_error_replies", errorReplies],
    ["total_reads_processed", stats.reads],
    ["total_writes_processed", stats.writes],
  ];
}

function replicationFields({ runId }: InfoFacts): Fields {
  return [
    ["role", "master"],
    ["connected_slaves", 0],
    ["master_failover_state", "no-failover"],
    ["master_replid", runId],
    ["master_replid2", "0".repeat(40)],
    ["master_repl_offset", 0],
    ["second_repl_offset", -1],
    ["repl_backlog_active", 0],
    ["repl_backlog_size", 0],
    ["repl_backlog_first_byte_offset", 0],
    ["repl_backlog_histlen", 0],
  ];
}

function cpuFields({ cpu }: InfoFacts): Fields {
  return [
    ["used_cpu_sys", cpu.system.toFixed(6)],
    ["used_cpu_user", cpu.user.toFixed(6)],
    ["used_cpu_sys_children", "0.000000"],
    ["used_cpu_user_children", "0.000000"],
  ];
}

function commandFields({ commands }: InfoFacts): Fields {
  return [...commands].map(([name, { calls, microseconds, rejected, failed }]) => {
    const perCall = (calls === 0 ? 0 : microseconds / calls).toFixed(2);
    const usec = Math.round(microseconds);
    return [
      `cmdstat_${name}`,
      `calls=${calls},usec=${usec},usec_per_call=${perCall},` +
      `rejected_calls=${rejected},failed_calls=${failed}`,
    ] as const;
  });
}

function errorFields({ errors }: InfoFacts): Fields {
  // Redis keeps them in a tree, so they come sorted.
  return [...errors].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([word, count]) => [`errorstat_${word}`, `count=${count}`] as const);
}

function keyspaceFields({ keyspace }: InfoFacts): Fields {
  const { keys, volatileKeys, meanTtlMs } = keyspace;
  if (keys === 0) return [];
  return [["db0", `keys=${keys},expires=${volatileKeys},avg_ttl=${Math.round(meanTtlMs)}`]];
}

function storeFields({ persistence, store }: InfoFacts): Fields {
  return [
    ["store_sync", persistence.syncPolicy],
    ["store_file_bytes", persistence.fileBytes],
    ["store_compaction_percent", Math.floor((persistence.compactionShare ?? 1) * 100)],
    ...Object.entries(store),
  ];
}

/** "1.50M", as Redis writes sizes for people. */
export function humanBytes(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < 5) {
    size /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes}B` : `${size.toFixed(2)}${" KMGTP"[unit]}`;
}
