/**
 * The text of INFO: Redis's sections and fields, all of them and in its order, so that exporters,
 * `redis-cli --stat` and client libraries find what they look for. What there is not (replicas, scripts,
 * a cluster) counts 0. `# Store` is kv's own section.
 */
import { redisVersion } from "../commands/connection.ts";
import { formatPercentile } from "./configuration.ts";
import type { InfoFacts } from "./info_facts.ts";

/** Redis's clock of seconds for LRU has 24 bits. */
const lruClockLimit = 2 ** 24;

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
  latencystats: { title: "Latencystats", isDefault: false, fields: latencyFields },
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
  const wanted = names.map((name) => name === "module_list" ? "modules" : name);
  const texts: string[] = [];
  for (const [name, section] of Object.entries(sections)) {
    if (!all && !(defaults && section.isDefault) && !wanted.includes(name)) continue;
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
    ["redis_git_sha1", "00000000"],
    ["redis_git_dirty", 0],
    ["redis_build_id", `kv-${facts.version}`],
    ["redis_mode", "standalone"],
    ["os", facts.operatingSystem],
    ["arch_bits", 64],
    ["monotonic_clock", "POSIX clock_gettime"],
    ["multiplexing_api", "epoll"],
    ["atomicvar_api", "none"],
    ["gcc_version", "0.0.0"],
    ["process_id", facts.processId],
    ["process_supervised", "no"],
    ["run_id", facts.runId],
    ["tcp_port", facts.tcpPort],
    ["server_time_usec", facts.nowMs * 1000],
    ["uptime_in_seconds", uptimeSeconds],
    ["uptime_in_days", Math.floor(uptimeSeconds / 86400)],
    // Nothing is done so often in a second: work in the background follows what there is to do.
    ...zeros("hz", "configured_hz"),
    ["lru_clock", Math.floor(facts.nowMs / 1000) % lruClockLimit],
    ["executable", facts.executable],
    ["config_file", facts.configFile],
    ...zeros("io_threads_active"),
  ];
}

function clientFields({ clients }: InfoFacts): Fields {
  return [
    ["connected_clients", clients.connected],
    ...zeros("cluster_connections"),
    ["maxclients", clients.max],
    ["client_recent_max_input_buffer", clients.inputBufferMax],
    ["client_recent_max_output_buffer", clients.outputBufferMax],
    ["blocked_clients", clients.blocked],
    ["tracking_clients", clients.tracking],
    ...zeros("clients_in_timeout_table"),
    ["watching_clients", clients.watching],
  ];
}

/**
 * In Redis, the data is in the memory that it counts. Here it is in the file, of which the kernel keeps
 * in memory what it likes: `used_memory_dataset` is what is live in the file.
 */
function memoryFields({ memory, persistence, clients }: InfoFacts): Fields {
  const { used, usedPeak, allocated, active, own, resident } = memory;
  const { liveBytes } = persistence;
  return [
    ...withHuman("used_memory", used),
    ...withHuman("used_memory_rss", resident),
    ...withHuman("used_memory_peak", usedPeak),
    ["used_memory_peak_perc", percent(used, usedPeak)],
    ["used_memory_overhead", used],
    ["used_memory_startup", memory.usedAtStart],
    ["used_memory_dataset", liveBytes],
    ["used_memory_dataset_perc", percent(liveBytes, liveBytes + used)],
    ["allocator_allocated", allocated],
    ["allocator_active", active],
    ["allocator_resident", own],
    ...withHuman("total_system_memory", memory.system),
    ...zeros("used_memory_lua", "used_memory_vm_eval"),
    ["used_memory_lua_human", humanBytes(0)],
    ...zeros("used_memory_scripts_eval", "number_of_cached_scripts", "number_of_functions"),
    ...zeros("number_of_libraries", "used_memory_vm_functions"),
    ...withHuman("used_memory_vm_total", 0),
    ...zeros("used_memory_functions"),
    ...withHuman("used_memory_scripts", 0),
    ...withHuman("maxmemory", memory.limit),
    ["maxmemory_policy", memory.evictionPolicy],
    ["allocator_frag_ratio", ratio(active, allocated)],
    ["allocator_frag_bytes", active - allocated],
    ["allocator_rss_ratio", ratio(own, active)],
    ["allocator_rss_bytes", own - active],
    ["rss_overhead_ratio", ratio(resident, own)],
    ["rss_overhead_bytes", resident - own],
    ["mem_fragmentation_ratio", ratio(resident, used)],
    ["mem_fragmentation_bytes", resident - used],
    ...zeros("mem_not_counted_for_evict", "mem_replication_backlog"),
    ...zeros("mem_total_replication_buffers", "mem_clients_slaves"),
    ["mem_clients_normal", clients.bufferBytes],
    ...zeros("mem_cluster_links", "mem_aof_buffer"),
    ["mem_allocator", "v8"],
    ...zeros("active_defrag_running", "lazyfree_pending_objects", "lazyfreed_objects"),
  ];
}

/** The log is the AOF, a sync of it a snapshot, and its compaction a rewrite. */
function persistenceFields({ persistence }: InfoFacts): Fields {
  const status = persistence.lastSyncOk ? "ok" : "err";
  return [
    ...zeros("loading", "async_loading", "current_cow_peak", "current_cow_size"),
    ...zeros("current_cow_size_age"),
    ["current_fork_perc", "0.00"],
    ...zeros("current_save_keys_processed", "current_save_keys_total"),
    ["rdb_changes_since_last_save", persistence.changesSinceSync],
    ["rdb_bgsave_in_progress", persistence.syncing ? 1 : 0],
    ["rdb_last_save_time", persistence.lastSyncSeconds],
    ["rdb_last_bgsave_status", status],
    ["rdb_last_bgsave_time_sec", persistence.lastSyncDurationSeconds],
    ["rdb_current_bgsave_time_sec", persistence.syncDurationSeconds],
    ["rdb_saves", persistence.syncs],
    ...zeros("rdb_last_cow_size", "rdb_last_load_keys_expired"),
    ["rdb_last_load_keys_loaded", persistence.keysAtStart],
    ["aof_enabled", 1],
    ["aof_rewrite_in_progress", persistence.compactionShare === null ? 0 : 1],
    ...zeros("aof_rewrite_scheduled"),
    ["aof_last_rewrite_time_sec", -1],
    ["aof_current_rewrite_time_sec", -1],
    ["aof_last_bgrewrite_status", "ok"],
    ["aof_rewrites", persistence.compactions],
    ...zeros("aof_rewrites_consecutive_failures"),
    ["aof_last_write_status", status],
    ...zeros("aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"),
    ["aof_current_size", persistence.fileBytes],
    ["aof_base_size", persistence.liveBytes],
    ...zeros("aof_pending_rewrite", "aof_buffer_length"),
    ["aof_pending_bio_fsync", persistence.syncing ? 1 : 0],
    ["aof_delayed_fsync", persistence.syncDelays],
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
    ...zeros("total_net_repl_input_bytes", "total_net_repl_output_bytes"),
    ["instantaneous_input_kbps", (stats.inputBytesPerSecond / 1024).toFixed(2)],
    ["instantaneous_output_kbps", (stats.outputBytesPerSecond / 1024).toFixed(2)],
    ["instantaneous_input_repl_kbps", "0.00"],
    ["instantaneous_output_repl_kbps", "0.00"],
    ["rejected_connections", stats.connectionsRejected],
    ...zeros("sync_full", "sync_partial_ok", "sync_partial_err"),
    ["expired_keys", stats.expiredKeys],
    // Keys are removed in the order of their deadlines: none stays behind.
    ["expired_stale_perc", "0.00"],
    ...zeros("expired_time_cap_reached_count"),
    ["expire_cycle_cpu_milliseconds", Math.floor(stats.expiryMs)],
    ["evicted_keys", stats.evictedKeys],
    ...zeros("evicted_clients"),
    ["total_eviction_exceeded_time", Math.floor(stats.evictionWaitMs)],
    ...zeros("current_eviction_exceeded_time"),
    ["keyspace_hits", stats.keyspaceHits],
    ["keyspace_misses", stats.keyspaceMisses],
    ["pubsub_channels", stats.channels],
    ["pubsub_patterns", stats.patterns],
    ["pubsubshard_channels", stats.shardChannels],
    ...zeros("latest_fork_usec", "total_forks", "migrate_cached_sockets"),
    ...zeros("slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses"),
    ...zeros("active_defrag_key_hits", "active_defrag_key_misses", "total_active_defrag_time"),
    ...zeros("current_active_defrag_time"),
    ["tracking_total_keys", stats.trackedKeys],
    ["tracking_total_items", stats.trackedItems],
    ["tracking_total_prefixes", stats.trackedPrefixes],
    ...zeros("unexpected_error_replies"),
    ["total_error_replies", errorReplies],
    ...zeros("dump_payload_sanitizations"),
    ["total_reads_processed", stats.reads],
    ["total_writes_processed", stats.writes],
    ...zeros("io_threaded_reads_processed", "io_threaded_writes_processed"),
    ...zeros("reply_buffer_shrinks", "reply_buffer_expands"),
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
    ...zeros("repl_backlog_active", "repl_backlog_size", "repl_backlog_first_byte_offset"),
    ...zeros("repl_backlog_histlen"),
  ];
}

function cpuFields({ cpu }: InfoFacts): Fields {
  return [
    ["used_cpu_sys", cpu.system.toFixed(6)],
    ["used_cpu_user", cpu.user.toFixed(6)],
    ["used_cpu_sys_children", "0.000000"],
    ["used_cpu_user_children", "0.000000"],
    ["used_cpu_sys_main_thread", cpu.mainThread.system.toFixed(6)],
    ["used_cpu_user_main_thread", cpu.mainThread.user.toFixed(6)],
  ];
}

function commandFields({ commands }: InfoFacts): Fields {
  const called = [...commands].filter(([, { calls, rejected }]) => calls + rejected > 0);
  return called.map(([name, { calls, microseconds, rejected, failed }]) => {
    const perCall = (calls === 0 ? 0 : microseconds / calls).toFixed(2);
    const usec = Math.round(microseconds);
    return [
      `cmdstat_${name}`,
      `calls=${calls},usec=${usec},usec_per_call=${perCall},` +
      `rejected_calls=${rejected},failed_calls=${failed}`,
    ] as const;
  });
}

function latencyFields({ commands, latencies }: InfoFacts): Fields {
  if (!latencies.isTracked) return [];
  return [...commands].filter(([, { histogram }]) => histogram !== null).map((
    [name, { histogram }],
  ) => {
    const shown = latencies.percentiles.map((percentile) =>
      `p${formatPercentile(percentile)}=${histogram!.percentile(percentile).toFixed(3)}`
    );
    return [`latency_percentiles_usec_${name}`, shown.join(",")] as const;
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

/** Fields of what there is not, for tools that look for them. */
function zeros(...names: readonly string[]): Fields {
  return names.map((name) => [name, 0]);
}

function withHuman(name: string, bytes: number): Fields {
  return [[name, bytes], [`${name}_human`, humanBytes(bytes)]];
}

function ratio(part: number, whole: number): string {
  return (whole === 0 ? 0 : part / whole).toFixed(2);
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 0 : part / whole * 100).toFixed(2)}%`;
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
