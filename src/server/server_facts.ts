/** What INFO tells: gathered from the parts of a server when it is asked for. */
import { hexText } from "../protocol/binary_text.ts";
import type { Session } from "../commands/session.ts";
import { durationBoundsMs, type DurationHistogram } from "../store/duration_histogram.ts";
import type { StoreStatistics } from "../store/store.ts";
import {
  mainThreadSeconds,
  operatingSystem,
  ownMemoryBytes,
  processorSeconds,
  systemMemoryBytes,
} from "../sys/process_facts.ts";
import type { InfoFacts } from "./info_facts.ts";
import type { ServerCore } from "./server_core.ts";
import type { ServerSettings } from "./settings.ts";

/** What the server itself counts. */
export interface ServerCounters {
  /** Connections that came, and those of them that were one too many. */
  received: number;
  rejected: number;
  /** Compactions of the whole store that were begun. */
  compactions: number;
}

export interface ServerIdentity {
  readonly version: string;
  /** "" without one. */
  readonly configFile: string;
  /** Unix time. */
  readonly startedMs: number;
}

export class ServerFacts {
  readonly #core: ServerCore;
  readonly #settings: ServerSettings;
  readonly #identity: ServerIdentity;
  readonly #runId: string;
  readonly #keysAtStart: number;
  readonly #usedAtStart: number;
  #usedPeak = 0;

  constructor(core: ServerCore, settings: ServerSettings, identity: ServerIdentity) {
    this.#core = core;
    this.#settings = settings;
    this.#identity = identity;
    const random = crypto.getRandomValues(new Uint8Array(20));
    this.#runId = hexText(random);
    this.#keysAtStart = core.store.count;
    this.#usedAtStart = this.#memory(core.store.statistics).used;
  }

  gather(sessions: readonly Session[], counters: ServerCounters): InfoFacts {
    const core = this.#core;
    const { store, dispatcher } = core;
    const statistics = store.statistics;
    const nowMs = Date.now();
    core.noteRates(nowMs);
    return {
      ...this.#identity,
      operatingSystem: operatingSystem(),
      processId: Deno.pid,
      runId: this.#runId,
      executable: Deno.execPath(),
      tcpPort: this.#settings.port,
      nowMs,
      clients: this.#clients(sessions),
      memory: this.#memory(statistics),
      persistence: this.#persistence(statistics, counters),
      stats: this.#stats(statistics, counters),
      cpu: { ...processorSeconds(), mainThread: mainThreadSeconds() },
      keyspace: {
        keys: statistics.keys,
        volatileKeys: statistics.volatileKeys,
        meanTtlMs: statistics.meanTtlMs,
      },
      errors: core.reply.errorCounts,
      commands: new Map(dispatcher.commands.all().map((command) => [command.name, command])),
      latencies: {
        isTracked: this.#settings.tracksLatency,
        percentiles: this.#settings.latencyPercentiles,
      },
      store: this.#store(statistics),
    };
  }

  #clients(sessions: readonly Session[]): InfoFacts["clients"] {
    const memories = sessions.flatMap(({ connection }) => connection?.memory() ?? []);
    const buffers = memories.map(({ query, queryFree, replyBuffer }) =>
      query + queryFree + replyBuffer
    );
    return {
      connected: sessions.length,
      max: this.#settings.clientsMax,
      blocked: sessions.filter((session) => session.isBlocked).length,
      watching: sessions.filter((session) => session.watched !== null).length,
      tracking: this.#core.context.keyTracking.clientCount,
      bufferBytes: buffers.reduce((sum, bytes) => sum + bytes, 0),
      inputBufferMax: largest(memories.map(({ query }) => query)),
      outputBufferMax: largest(memories.map(({ replies }) => replies)),
    };
  }

  #memory({ indexBytes }: StoreStatistics): InfoFacts["memory"] {
    const { store } = this.#core;
    const { bytesMax, policy } = store.sizeLimit;
    const { heapUsed, heapTotal, external, rss } = Deno.memoryUsage();
    // The mapped windows count as external, most of them without a page behind.
    const buffers = Math.max(0, external - store.mappedBytes);
    const used = heapTotal + buffers + indexBytes;
    this.#usedPeak = Math.max(this.#usedPeak, used);
    return {
      used,
      usedPeak: this.#usedPeak,
      usedAtStart: this.#usedAtStart,
      allocated: heapUsed + buffers,
      active: heapTotal + buffers,
      own: ownMemoryBytes(),
      resident: rss,
      system: systemMemoryBytes(),
      limit: bytesMax === Infinity ? 0 : bytesMax,
      evictionPolicy: policy,
    };
  }

  #persistence(statistics: StoreStatistics, counters: ServerCounters): InfoFacts["persistence"] {
    const { store } = this.#core;
    const lastSyncMs = statistics.lastSyncMs || this.#identity.startedMs;
    const isCompacting = store.compactionShare !== null;
    return {
      syncPolicy: store.syncPolicy,
      changesSinceSync: statistics.unsyncedRecords,
      syncing: statistics.syncing,
      lastSyncSeconds: Math.floor(lastSyncMs / 1000),
      lastSyncOk: store.failure === null,
      lastSyncDurationSeconds: wholeSeconds(statistics.lastSyncDurationMs),
      syncDurationSeconds: wholeSeconds(statistics.syncDurationMs),
      syncs: statistics.syncRounds,
      syncDelays: statistics.syncDelays,
      keysAtStart: this.#keysAtStart,
      liveBytes: statistics.liveBytes,
      compactions: counters.compactions - (isCompacting ? 1 : 0),
      fileBytes: statistics.fileBytes,
      compactionShare: store.compactionShare,
    };
  }

  #stats(statistics: StoreStatistics, counters: ServerCounters): InfoFacts["stats"] {
    const core = this.#core;
    const { dispatcher, context } = core;
    const { subscriptions, keyTracking } = core.context;
    const nowMs = Date.now();
    return {
      connectionsReceived: counters.received,
      connectionsRejected: counters.rejected,
      commandsProcessed: dispatcher.processed,
      commandsPerSecond: core.commandRate.rate(nowMs, dispatcher.processed),
      inputBytes: core.bytesRead,
      outputBytes: core.bytesWritten,
      inputBytesPerSecond: core.inputRate.rate(nowMs, core.bytesRead),
      outputBytesPerSecond: core.outputRate.rate(nowMs, core.bytesWritten),
      reads: core.reads,
      writes: core.writes,
      expiredKeys: statistics.expiredKeys,
      expiryMs: statistics.expiryMs,
      evictionWaitMs: core.evictionWaitMs,
      evictedKeys: statistics.evictedKeys,
      keyspaceHits: dispatcher.hits + context.readHits,
      keyspaceMisses: dispatcher.misses + context.readMisses,
      channels: subscriptions.channels.size,
      patterns: subscriptions.patterns.size,
      shardChannels: subscriptions.shardChannels.size,
      trackedKeys: keyTracking.keyCount,
      trackedItems: keyTracking.readingCount,
      trackedPrefixes: keyTracking.prefixCount,
    };
  }

  #store(statistics: StoreStatistics): InfoFacts["store"] {
    const { store } = this.#core;
    return {
      store_keys: statistics.keys,
      store_volatile_keys: statistics.volatileKeys,
      store_backup_percent: store.backupShare === null ? -1 : Math.floor(store.backupShare * 100),
      store_live_bytes: statistics.liveBytes,
      store_used_bytes: statistics.usedBytes,
      store_index_bytes: statistics.indexBytes,
      store_index_depth: statistics.indexDepth,
      store_index_fill_percent: Math.round(statistics.indexFill * 100),
      store_segments_by_fill: statistics.segmentsByFill.join(","),
      store_unsynced_bytes: statistics.unsyncedBytes,
      store_unsynced_ms: statistics.unsyncedMs,
      store_sync_rounds: statistics.syncRounds,
      store_segments_compacted: statistics.segmentsEmptied,
      store_compaction_bytes: statistics.copiedBytes,
      store_pauses: describeDurations(store.pauses.all),
      store_own_pauses: describeDurations(store.pauses.own),
      store_expiry_lateness: describeDurations(store.expiryLateness),
      store_longest_expiry_lateness_ms: store.expiryLateness.longestMs.toFixed(0),
      store_longest_pause_ms: store.pauses.all.longestMs.toFixed(2),
      store_longest_own_pause_ms: store.pauses.own.longestMs.toFixed(2),
      store_damages: statistics.damages,
      store_opened_by: store.opening.kind,
      store_opening_ms: Math.round(store.opening.milliseconds),
    };
  }
}

/** "<0.25ms:1234,<0.5ms:7,...,>=100ms:0": how many took how long. */
function describeDurations({ counts }: DurationHistogram): string {
  const labels = durationBoundsMs.map((bound) => `<${bound}ms`);
  return [...labels, `>=${durationBoundsMs.at(-1)}ms`].map((label, i) => `${label}:${counts[i]}`)
    .join(",");
}

/** -1 stays. */
function wholeSeconds(milliseconds: number): number {
  return milliseconds < 0 ? -1 : Math.floor(milliseconds / 1000);
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
