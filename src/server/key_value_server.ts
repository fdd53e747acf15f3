/** The server: sockets, connections, and what commands ask of the server they run in. */
import type { ClientSocket } from "./client_socket.ts";
import { join, resolve } from "../sys/file_path.ts";
import type { Access } from "../commands/access.ts";
import { allCommands, type CommandMap } from "../commands/registry.ts";
import type { MemoryField } from "../commands/server_control.ts";
import { Session } from "../commands/session.ts";
import { Store } from "../store/store.ts";
import { memoryFields } from "./memory_fields.ts";
import { rewriteConfigFile } from "./config_rewriting.ts";
import { isStandardInput } from "./config_file.ts";
import { ServerConfiguration } from "./configuration.ts";
import { Connection, type ConnectionStart } from "./connection.ts";
import { infoText } from "./info.ts";
import { Listeners } from "./listeners.ts";
import { Poller } from "./poller.ts";
import { LoadingClients } from "./loading_clients.ts";
import { ServerCore } from "./server_core.ts";
import { type ServerCounters, ServerFacts } from "./server_facts.ts";
import { type KeyValueServerOptions, settingsOf, tlsContextOf, usesTls } from "./server_options.ts";
import type { ServerSettings } from "./settings.ts";
import { boundAddresses, formatTcpAddress, isLoopback } from "./tcp_address.ts";
import { loadUserFile, saveUserFile } from "./user_file.ts";

/** How long a stop waits for clients that do not take their replies. */
const stopGraceMs = 3000;
/** How often a stop looks whether they have. */
const stopPollMs = 5;
const tooManyClients = "-ERR max number of clients reached\r\n";
const onlyFromHere =
  "-DENIED kv is in protected mode, since it asks for no password: only clients of the " +
  "machine that it runs on are served. To serve others, set a password, by CONFIG SET requirepass or " +
  "requirepass in the configuration file; or, where nobody else can reach the port, CONFIG SET " +
  "protected-mode no.\r\n";
/** How long a client that is not served may take to be told. */
const refusalLimitMs = 1000;
/** How often idle clients are looked for, when there is a limit. */
const idleCheckMs = 1000;

/** What a server is made of. */
interface ServerParts {
  readonly store: Store;
  readonly settings: ServerSettings;
  readonly commands: CommandMap;
  readonly poller: Poller;
  readonly listeners: Listeners;
}

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
export class KeyValueServer {
  /** The store that it serves. */
  readonly store: Store;
  /** @internal */
  readonly config: ServerConfiguration;
  /** @internal */
  readonly access: Access;
  /** Resolves when the server has stopped, also by SHUTDOWN; rejects when stopping it failed. */
  readonly finished: Promise<void>;
  readonly #core: ServerCore;
  readonly #settings: ServerSettings;
  readonly #configFile: string | null;
  /** Absolute. */
  readonly #socketPath: string;
  readonly #connections = new Map<number, Connection>();
  readonly #startedMs = Date.now();
  readonly #log: (message: string) => void;
  readonly #poller: Poller;
  readonly #listeners: Listeners;
  readonly #facts: ServerFacts;
  readonly #counters: ServerCounters = { received: 0, rejected: 0, compactions: 0 };
  #lastId = 0;
  #reportedFailure = false;
  #idleTimer: ReturnType<typeof setInterval> | undefined;
  #stopping: Promise<void> | null = null;
  #settleFinished!: { resolve: () => void; reject: (error: unknown) => void };

  private constructor(parts: ServerParts, options: KeyValueServerOptions) {
    const { store, settings, poller, listeners } = parts;
    this.store = store;
    this.#settings = settings;
    settings.sizeLimitMin = store.sizeLimitMin;
    const { configFile } = options;
    const isFile = configFile !== undefined && !isStandardInput(configFile);
    this.#configFile = isFile ? resolve(configFile) : null;
    this.#socketPath = resolve(settings.socketPath);
    this.#poller = poller;
    this.#listeners = listeners;
    this.#log = options.log ?? (() => {});
    this.access = settings.access;
    this.config = new ServerConfiguration(settings, () => this.#applySettings());
    this.#core = new ServerCore(store, this, settings, parts.commands);
    this.#core.dispatcher.onBug = (error, command) => {
      this.#log(`bug in '${command}', please report it: ${traceOf(error)}`);
    };
    this.#core.dispatcher.onWarning = this.#log;
    this.#core.onOverLimit = this.#log;
    this.#facts = new ServerFacts(this.#core, settings, {
      version: options.version ?? "",
      configFile: this.#configFile ?? "",
      startedMs: this.#startedMs,
    });
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
    const { context } = this.#core;
    context.keyspaceEvents.mask = settings.keyspaceEventMask;
    context.keyTracking.keysMax = settings.trackedKeysMax || Infinity;
    context.observe();
    store.onSlice = settings.latencyThresholdMs === 0
      ? null
      : (kind, ms) => timer.latency.note(kind, ms);
    this.#listeners.keepAlive(settings.keepAliveSeconds);
    this.#watchIdle();
  }

  /**
   * Opens the store and listens. Throws a StoreError or SystemError when the store cannot be opened,
   * a ListenError when an address cannot be listened on, a TlsError when certificates or keys cannot be
   * used, a ConfigFileError.
   */
  static async start(options: KeyValueServerOptions): Promise<KeyValueServer> {
    const log = options.log ?? (() => {});
    const settings = settingsOf(options);
    const { port, bindAddresses, tlsPort } = settings;
    const isListening = options.listen !== undefined;
    const listeners = await Listeners.open({
      socket: {
        path: settings.socketPath,
        mode: settings.socketMode,
        group: settings.socketGroup,
      },
      // A port of 0 is none, unless it was asked for: then it is any that is free.
      tcp: port > 0 || isListening && !usesTls(options) ? boundAddresses(bindAddresses, port) : [],
      tls: tlsPort > 0 || isListening && usesTls(options)
        ? {
          addresses: boundAddresses(bindAddresses, tlsPort),
          context: tlsContextOf(settings),
        }
        : null,
      log,
    });
    const commands = allCommands(settings.commandNames);
    const loading = new LoadingClients(commands, settings.access);
    let poller: Poller | null = null;
    try {
      poller = new Poller();
      let server: KeyValueServer | null = null;
      const admitted = (socket: ClientSocket, start: ConnectionStart | null) => {
        if (start !== null) server!.#begin(socket, start);
      };
      listeners.onSocket = (socket) => {
        if (isFromOutside(socket, settings)) void refuse(socket, onlyFromHere);
        else if (loading.count >= settings.clientsMax) void refuse(socket, tooManyClients);
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
      }, () => listeners.accept(poller!));
      server = new KeyValueServer({ store, settings, commands, poller, listeners }, options);
      // Not before: reading the store is not to wait for clients that look whether it has been read.
      poller.waitsInPlace = options.waitsInPlace ?? false;
      loading.end();
      return server;
    } catch (error) {
      listeners.close();
      loading.close();
      await poller?.close();
      throw error;
    }
  }

  /** Where the server listens: the socket's path, and the TCP address if there is one. */
  get addresses(): string[] {
    return this.#listeners.addresses;
  }

  // --- connections -------------------------------------------------------------------------------

  #admit(socket: ClientSocket): void {
    this.#counters.received++;
    if (isFromOutside(socket, this.#settings)) {
      this.#counters.rejected++;
      void refuse(socket, onlyFromHere);
    } else if (this.#connections.size >= this.#settings.clientsMax) {
      this.#counters.rejected++;
      void refuse(socket, tooManyClients);
    } else {
      this.#begin(socket);
    }
  }

  #begin(socket: ClientSocket, start?: ConnectionStart): void {
    const id = ++this.#lastId;
    const peer = describeAddress(socket.remoteAddr, this.#socketPath);
    const local = describeAddress(socket.localAddr, this.#socketPath);
    const session = new Session(id, peer, local, Date.now());
    session.isLocal = socket.localAddr.transport === "unix";
    session.signOut(this.access);
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
        const { lastActiveMs, isBlocked, isListening } = connection.session;
        // It asks for nothing, or does not read what it is sent.
        if (lastActiveMs < limitMs && !isBlocked && !isListening) connection.close();
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
    this.#core.context.pause.end(); // Nothing is to wait for it any more.
    // Those that are left are sending replies.
    const deadline = performance.now() + stopGraceMs;
    while (this.#connections.size > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, stopPollMs));
    }
    for (const connection of [...this.#connections.values()]) connection.close();
    await this.#poller.close();
    this.#core.buffers.close();
    await this.store.close();
    if (this.store.failure !== null) throw this.store.failure;
  }

  // --- ServerControl: what commands ask of the server, which `ServerCore` takes it for -----------

  /** @internal */
  *sessions(): Iterable<Session> {
    for (const { session } of this.#connections.values()) yield session;
  }

  /** @internal */
  session(id: number): Session | undefined {
    return this.#connections.get(id)?.session;
  }

  /** @internal */
  rewriteConfiguration(): string | null {
    if (this.#configFile === null) return "The server is running without a config file";
    try {
      rewriteConfigFile(this.#configFile, this.config.lines());
      return null;
    } catch (error) {
      return `Rewriting config file: ${error instanceof Error ? error.message : error}`;
    }
  }

  /** @internal */
  get hasUserFile(): boolean {
    return this.#settings.userFile !== "";
  }

  /** @internal */
  loadUsers(): string | null {
    return loadUserFile(this.#settings.userFile, this.access);
  }

  /** @internal */
  saveUsers(): string | null {
    return saveUserFile(this.#settings.userFile, this.access);
  }

  /** @internal */
  shutdown(_save: boolean): void {
    // NOSAVE too ends in order: there is nothing to gain from losing data.
    this.stop().catch((error) => this.#log(String(error?.message ?? error)));
  }

  /** @internal */
  save(): void {
    this.store.syncNow();
  }

  /** @internal */
  saveInBackground(): void {
    this.store.sync().catch((error) => {
      if (!this.#reportedFailure) this.#log(error.message);
      this.#reportedFailure = true;
    });
  }

  /** @internal */
  compact(): boolean {
    const begins = this.store.compact();
    if (begins) this.#counters.compactions++;
    return begins;
  }

  /** @internal */
  async backUp(path: string): Promise<void> {
    await this.store.backUp(path);
  }

  /** @internal */
  lastSaveSeconds(): number {
    return Math.floor((this.store.statistics.lastSyncMs || this.#startedMs) / 1000);
  }

  /** @internal */
  resetStatistics(): void {
    const core = this.#core;
    const { dispatcher, context } = core;
    dispatcher.processed = 0;
    dispatcher.hits = context.readHits = 0;
    dispatcher.misses = context.readMisses = 0;
    for (const command of dispatcher.commands.all()) command.resetStatistics();
    core.reply.errorCounts.clear();
    this.store.pauses.reset();
    this.store.expiryLateness.reset();
    core.bytesRead =
      core.bytesWritten =
      core.reads =
      core.writes =
        0;
    this.#counters.received = this.#counters.rejected = 0;
    const now = Date.now();
    for (const meter of [core.commandRate, core.inputRate, core.outputRate]) meter.reset(now);
  }

  /** @internal */
  info(sections: readonly string[]): string {
    const sessions = [...this.sessions()];
    return infoText(sections, this.#facts.gather(sessions, this.#counters));
  }

  /** @internal */
  memory(): readonly MemoryField[] {
    return memoryFields(this.#facts.gather([...this.sessions()], this.#counters));
  }
}

/** A client of another machine, though nothing keeps it from doing everything. */
function isFromOutside(
  { remoteAddr }: ClientSocket,
  { access, isProtected }: ServerSettings,
): boolean {
  return isProtected && access.isOpen && "hostname" in remoteAddr &&
    !isLoopback(remoteAddr.hostname);
}

/** As CLIENT LIST shows it. */
function describeAddress(address: Deno.Addr, socketPath: string): string {
  return "hostname" in address ? formatTcpAddress(address) : `${socketPath}:0`;
}

/** Tells a client why it is not served. One that does not take it, or its part in a handshake, is left. */
async function refuse(socket: ClientSocket, reply: string): Promise<void> {
  const timer = setTimeout(() => socket.close(), refusalLimitMs);
  try {
    await socket.write(new TextEncoder().encode(reply));
  } catch {
    // It is gone already.
  } finally {
    clearTimeout(timer);
    socket.close();
  }
}

function traceOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
