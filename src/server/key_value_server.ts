/** The server: sockets, connections, and what commands ask of the server they run in. */
import { join, resolve } from "@std/path";
import { allCommands } from "../commands/registry.ts";
import type { ServerControl } from "../commands/server_control.ts";
import { Session } from "../commands/session.ts";
import { Store } from "../store/store.ts";
import { durationBoundsMs, type DurationHistogram } from "../store/duration_histogram.ts";
import { operatingSystem, processorSeconds, systemMemoryBytes } from "../sys/process_facts.ts";
import { rewriteConfigFile } from "./config_rewriting.ts";
import { ServerConfiguration } from "./configuration.ts";
import { Connection, type ConnectionStart } from "./connection.ts";
import { type InfoFacts, infoText } from "./info.ts";
import { Listeners } from "./listeners.ts";
import { LoadingClients } from "./loading_clients.ts";
import { ServerCore } from "./server_core.ts";
import { type KeyValueServerOptions, settingsOf } from "./server_options.ts";
import type { ServerSettings } from "./settings.ts";
import { boundAddresses, formatTcpAddress } from "./tcp_address.ts";

/** How long a stop waits for clients that do not take their replies. */
const stopGraceMs = 3000;
/** How often a stop looks whether they have. */
const stopPollMs = 5;
const tooManyClients = "-ERR max number of clients reached\r\n";
/** How often idle clients are looked for, when there is a limit. */
const idleCheckMs = 1000;

/**
 * A server for one store.
 *
 * @example
 * ```ts
 * import { KeyValueClient, KeyValueServer } from "@kv/kv";
 *
 * const folder = await Deno.makeTempDir();
 * const socket = `${folder}/kv.sock`;
 * const server = await KeyValueServer.start({ store: `${folder}/store.db`, socket });
 * const client = await KeyValueClient.connect({ socket });
 * await client.set("greeting", "hello");
 * client.close();
 * await server.stop();
 * ```
 */
export class KeyValueServer implements ServerControl {
  readonly store: Store;
  readonly config: ServerConfiguration;
  /** Resolves when the server has stopped, also by SHUTDOWN; rejects when stopping it failed. */
  readonly finished: Promise<void>;
  readonly #core: ServerCore;
  readonly #settings: ServerSettings;
  readonly #configFile: string | null;
  /** Absolute. */
  readonly #socketPath: string;
  readonly #connections = new Map<number, Connection>();
  readonly #startedMs = Date.now();
  readonly #runId: string;
  readonly #version: string;
  readonly #log: (message: string) => void;
  readonly #listeners: Listeners;
  #lastId = 0;
  #received = 0;
  #rejected = 0;
  #usedPeak = 0;
  #reportedFailure = false;
  #idleTimer: ReturnType<typeof setInterval> | undefined;
  #stopping: Promise<void> | null = null;
  #settleFinished!: { resolve: () => void; reject: (error: unknown) => void };

  private constructor(
    store: Store,
    settings: ServerSettings,
    listeners: Listeners,
    options: KeyValueServerOptions,
  ) {
    this.store = store;
    this.#settings = settings;
    settings.sizeLimitMin = store.sizeLimitMin;
    this.#configFile = options.configFile === undefined ? null : resolve(options.configFile);
    this.#socketPath = resolve(settings.socketPath);
    this.#listeners = listeners;
    this.#version = options.version ?? "";
    this.#log = options.log ?? (() => {});
    const random = crypto.getRandomValues(new Uint8Array(20));
    this.#runId = Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.config = new ServerConfiguration(settings, () => this.#applySettings());
    this.#core = new ServerCore(store, this, settings, allCommands(settings.commandNames));
    this.#core.dispatcher.onBug = (error, command) => {
      this.#log(`bug in '${command}', please report it: ${traceOf(error)}`);
    };
    this.finished = new Promise((resolve, reject) => this.#settleFinished = { resolve, reject });
    this.finished.catch(() => {}); // Whoever is interested awaits it.
    listeners.onSocket = (socket) => this.#admit(socket);
    this.#applySettings();
  }

  /** Tells the parts of the server what is set now. */
  #applySettings(): void {
    const { store } = this;
    const settings = this.#settings;
    const { bytesMax, policy } = settings.sizeLimit;
    store.syncPolicy = settings.syncPolicy;
    if (bytesMax !== store.sizeLimit.bytesMax || policy !== store.sizeLimit.policy) {
      store.sizeLimit = settings.sizeLimit;
    }
    const { timer } = this.#core.context;
    timer.slowLog.thresholdMicroseconds = settings.slowLogThresholdMicroseconds;
    timer.slowLog.entriesMax = settings.slowLogEntriesMax;
    timer.latency.thresholdMs = settings.latencyThresholdMs;
    timer.isTracking = settings.tracksLatency;
    this.#listeners.keepAlive(settings.keepAliveSeconds);
    this.#watchIdle();
  }

  /**
   * Opens the store and listens. Throws a StoreError or SystemError when the store cannot be opened,
   * a ListenError when an address cannot be listened on, a ConfigFileError.
   */
  static async start(options: KeyValueServerOptions): Promise<KeyValueServer> {
    const log = options.log ?? (() => {});
    const settings = settingsOf(options);
    const { port, bindAddresses } = settings;
    const listeners = await Listeners.open({
      socket: settings.socketPath,
      socketMode: settings.socketMode,
      // A port of 0 is none, unless it was asked for: then it is any that is free.
      tcp: port > 0 || options.listen !== undefined ? boundAddresses(bindAddresses, port) : [],
      log,
    });
    const loading = new LoadingClients(allCommands(settings.commandNames));
    try {
      let server: KeyValueServer | null = null;
      const admitted = (socket: Deno.Conn, start: ConnectionStart | null) => {
        if (start !== null) server!.#begin(socket, start);
      };
      listeners.onSocket = (socket) => {
        if (loading.count >= settings.clientsMax) void refuse(socket, tooManyClients);
        else void loading.serve(socket).then((start) => admitted(socket, start));
      };
      const store = await Store.openInSteps({
        path: join(settings.directory, settings.fileName),
        sync: settings.syncPolicy,
        sizeLimit: settings.sizeLimit,
        onProgress(share) {
          loading.share = share;
          options.onProgress?.(share);
        },
      }, () => listeners.accept());
      server = new KeyValueServer(store, settings, listeners, options);
      loading.end();
      return server;
    } catch (error) {
      listeners.close();
      loading.close();
      throw error;
    }
  }

  /** Where the server listens: the socket's path, and the TCP address if there is one. */
  get addresses(): string[] {
    return this.#listeners.addresses;
  }

  // --- connections -------------------------------------------------------------------------------

  #admit(socket: Deno.Conn): void {
    this.#received++;
    if (this.#connections.size >= this.#settings.clientsMax) {
      this.#rejected++;
      void refuse(socket, tooManyClients);
    } else {
      this.#begin(socket);
    }
  }

  #begin(socket: Deno.Conn, start?: ConnectionStart): void {
    const id = ++this.#lastId;
    const peer = describeAddress(socket.remoteAddr, this.#socketPath);
    const local = describeAddress(socket.localAddr, this.#socketPath);
    if ("setNoDelay" in socket) (socket as Deno.TcpConn).setNoDelay(true);
    const session = new Session(id, peer, local, Date.now());
    session.isLocal = socket.localAddr.transport === "unix";
    const connection = new Connection(this.#core, socket, session, start);
    this.#connections.set(id, connection);
    connection.onClose = () => this.#connections.delete(id);
    connection.serve().catch((error) => {
      this.#log(`bug in a connection, please report it: ${traceOf(error)}`);
    });
  }

  /** Looks for idle clients every second while there is a limit. */
  #watchIdle(): void {
    clearInterval(this.#idleTimer);
    if (this.#settings.idleTimeoutSeconds === 0 || this.#core.isStopping) return;
    this.#idleTimer = setInterval(() => {
      const limitMs = Date.now() - this.#settings.idleTimeoutSeconds * 1000;
      for (const connection of [...this.#connections.values()]) {
        if (connection.session.lastActiveMs < limitMs) connection.stop();
      }
    }, idleCheckMs);
  }

  // --- the end -----------------------------------------------------------------------------------

  /**
   * Stops in order: no more requests are read, replies under way are sent, the store is synced and
   * marked clean, the socket removed. Resolves when all is done.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop().then(
      () => this.#settleFinished.resolve(),
      (error) => {
        this.#settleFinished.reject(error);
        throw error;
      },
    );
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#core.isStopping = true;
    clearInterval(this.#idleTimer);
    this.#listeners.close();
    for (const connection of [...this.#connections.values()]) connection.stop();
    // Those that are left are sending replies.
    const deadline = performance.now() + stopGraceMs;
    while (this.#connections.size > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, stopPollMs));
    }
    for (const connection of [...this.#connections.values()]) connection.close();
    await this.store.close();
    if (this.store.failure !== null) throw this.store.failure;
  }

  // --- ServerControl -----------------------------------------------------------------------------

  *sessions(): Iterable<Session> {
    for (const { session } of this.#connections.values()) yield session;
  }

  rewriteConfiguration(): string | null {
    if (this.#configFile === null) return "The server is running without a config file";
    try {
      rewriteConfigFile(this.#configFile, this.config.lines());
      return null;
    } catch (error) {
      return `Rewriting config file: ${error instanceof Error ? error.message : error}`;
    }
  }

  shutdown(_save: boolean): void {
    // NOSAVE too ends in order: there is nothing to gain from losing data.
    this.stop().catch((error) => this.#log(String(error?.message ?? error)));
  }

  save(): void {
    this.store.syncNow();
  }

  saveInBackground(): void {
    this.store.sync().catch((error) => {
      if (!this.#reportedFailure) this.#log(error.message);
      this.#reportedFailure = true;
    });
  }

  compact(): boolean {
    return this.store.compact();
  }

  async backUp(path: string): Promise<void> {
    await this.store.backUp(path);
  }

  lastSaveSeconds(): number {
    return Math.floor((this.store.statistics.lastSyncMs || this.#startedMs) / 1000);
  }

  resetStatistics(): void {
    const core = this.#core;
    const { dispatcher } = core;
    dispatcher.processed = 0;
    dispatcher.hits = 0;
    dispatcher.misses = 0;
    for (const command of dispatcher.commands.all()) command.resetStatistics();
    core.reply.errorCounts.clear();
    this.store.pauses.reset();
    this.store.expiryLateness.reset();
    core.bytesRead =
      core.bytesWritten =
      core.reads =
      core.writes =
        0;
    this.#received = this.#rejected = 0;
    const now = Date.now();
    for (const meter of [core.commandRate, core.inputRate, core.outputRate]) meter.reset(now);
  }

  info(sections: readonly string[]): string {
    return infoText(sections, this.#facts());
  }

  #facts(): InfoFacts {
    const { store } = this;
    const core = this.#core;
    const { dispatcher } = core;
    const statistics = store.statistics;
    const nowMs = Date.now();
    const memory = Deno.memoryUsage();
    // The mapped windows count as external, most of them without a page behind.
    const used = Math.max(0, memory.heapTotal + memory.external - store.mappedBytes) +
      statistics.indexBytes;
    this.#usedPeak = Math.max(this.#usedPeak, used);
    const sessions = [...this.sessions()];
    core.noteRates(nowMs);
    return {
      version: this.#version,
      operatingSystem: operatingSystem(),
      processId: Deno.pid,
      runId: this.#runId,
      executable: Deno.execPath(),
      tcpPort: this.#settings.port,
      nowMs,
      startedMs: this.#startedMs,
      clients: {
        connected: sessions.length,
        max: this.#settings.clientsMax,
        watching: sessions.filter((session) => session.watched.length > 0).length,
        inputBufferMax: largest(sessions.map((session) => session.queryBufferBytes)),
        outputBufferMax: largest(sessions.map((session) => session.outputBufferBytes)),
      },
      memory: {
        used,
        usedPeak: this.#usedPeak,
        resident: memory.rss,
        system: systemMemoryBytes(),
        limit: store.sizeLimit.bytesMax === Infinity ? 0 : store.sizeLimit.bytesMax,
        evictionPolicy: store.sizeLimit.policy,
      },
      persistence: {
        syncPolicy: store.syncPolicy,
        changesSinceSync: statistics.unsyncedRecords,
        syncing: statistics.syncing,
        lastSyncSeconds: this.lastSaveSeconds(),
        lastSyncOk: store.failure === null,
        fileBytes: statistics.fileBytes,
        compactionShare: store.compactionShare,
      },
      stats: {
        connectionsReceived: this.#received,
        connectionsRejected: this.#rejected,
        commandsProcessed: dispatcher.processed,
        commandsPerSecond: core.commandRate.rate(nowMs, dispatcher.processed),
        inputBytes: core.bytesRead,
        outputBytes: core.bytesWritten,
        inputBytesPerSecond: core.inputRate.rate(nowMs, core.bytesRead),
        outputBytesPerSecond: core.outputRate.rate(nowMs, core.bytesWritten),
        reads: core.reads,
        writes: core.writes,
        expiredKeys: statistics.expiredKeys,
        evictedKeys: statistics.evictedKeys,
        keyspaceHits: dispatcher.hits,
        keyspaceMisses: dispatcher.misses,
      },
      cpu: processorSeconds(),
      keyspace: { keys: statistics.keys, volatileKeys: statistics.volatileKeys, meanTtlMs: 0 },
      errors: core.reply.errorCounts,
      commands: new Map(
        dispatcher.commands.all()
          .filter(({ calls, rejected }) => calls + rejected > 0)
          .map((command) => [command.name, command]),
      ),
      store: {
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
        store_pauses: describeDurations(store.pauses),
        store_expiry_lateness: describeDurations(store.expiryLateness),
        store_longest_expiry_lateness_ms: store.expiryLateness.longestMs.toFixed(0),
        store_longest_pause_ms: store.pauses.longestMs.toFixed(2),
        store_damages: statistics.damages,
        store_opened_by: store.opening.kind,
        store_opening_ms: Math.round(store.opening.milliseconds),
      },
    };
  }
}

/** "<0.25ms:1234,<0.5ms:7,...,>=100ms:0": how many took how long. */
function describeDurations({ counts }: DurationHistogram): string {
  const labels = durationBoundsMs.map((bound) => `<${bound}ms`);
  return [...labels, `>=${durationBoundsMs.at(-1)}ms`].map((label, i) => `${label}:${counts[i]}`)
    .join(",");
}

/** As CLIENT LIST shows it. */
function describeAddress(address: Deno.Addr, socketPath: string): string {
  return "hostname" in address ? formatTcpAddress(address) : `${socketPath}:0`;
}

async function refuse(socket: Deno.Conn, reply: string): Promise<void> {
  try {
    await socket.write(new TextEncoder().encode(reply));
  } catch {
    // It is gone already.
  } finally {
    socket.close();
  }
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function traceOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
