import type { LatencyHistogram } from "../commands/latency_histogram.ts";
import type { ProcessorSeconds } from "../sys/process_facts.ts";

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
  /** The configuration file, "" without one. */
  readonly configFile: string;
  readonly tcpPort: number;
  readonly nowMs: number;
  readonly startedMs: number;

  readonly clients: {
    readonly connected: number;
    readonly max: number;
    /** Clients whose request waits for something. */
    readonly blocked: number;
    /** Sessions that watch keys. */
    readonly watching: number;
    /** Clients that track keys. */
    readonly tracking: number;
    /** Bytes of buffers of all of them. */
    readonly bufferBytes: number;
    /** Largest input and output buffers among the clients now, in bytes. */
    readonly inputBufferMax: number;
    readonly outputBufferMax: number;
  };

  /** Bytes of the process; the mapped files count in `resident` only. */
  readonly memory: {
    readonly used: number;
    readonly usedPeak: number;
    /** When the server had started. */
    readonly usedAtStart: number;
    /** Of the JavaScript heap and what belongs to it: in use, taken, and in memory of their own. */
    readonly allocated: number;
    readonly active: number;
    readonly own: number;
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
    /** How long the last sync took, and the one that runs has taken; -1 when there is none. */
    readonly lastSyncDurationSeconds: number;
    readonly syncDurationSeconds: number;
    /** Syncs that ended well. */
    readonly syncs: number;
    /** Syncs that writers had to wait for, since the disk was too far behind. */
    readonly syncDelays: number;
    /** Keys that were there when the store was opened. */
    readonly keysAtStart: number;
    /** Bytes of the file that are live. */
    readonly liveBytes: number;
    /** Compactions of the whole store that are over. */
    readonly compactions: number;
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
    /** Time that it took to remove them. */
    readonly expiryMs: number;
    /** Time for which writers waited for eviction to make room. */
    readonly evictionWaitMs: number;
    readonly evictedKeys: number;
    readonly keyspaceHits: number;
    readonly keyspaceMisses: number;
    /** Channels, patterns and shard channels that somebody listens to. */
    readonly channels: number;
    readonly patterns: number;
    readonly shardChannels: number;
    /** Keys that clients cache, how many times in all, and prefixes that they are told of. */
    readonly trackedKeys: number;
    readonly trackedItems: number;
    readonly trackedPrefixes: number;
  };

  /** Seconds of processor time since the start. */
  readonly cpu: ProcessorSeconds & { readonly mainThread: ProcessorSeconds };

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
  /** Whether latencies are kept, and which percentiles are to be shown. */
  readonly latencies: { readonly isTracked: boolean; readonly percentiles: readonly number[] };
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
  /** How long its calls took; null without any. */
  readonly histogram: LatencyHistogram | null;
}
