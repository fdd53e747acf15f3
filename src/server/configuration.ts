/**
 * The parameters of CONFIG GET and CONFIG SET and of the configuration file: those that mean something
 * here, and those that tools of the Redis world look at or set before they start (redis-benchmark
 * reads `save` and `appendonly`, exporters read `maxmemory`, test suites set `save`).
 */
import { resolve } from "../sys/file_path.ts";
import { formatEventClasses, parseEventClasses } from "../commands/keyspace_events.ts";
import type { Configuration } from "../commands/server_control.ts";
import type { SyncPolicy } from "../store/durability.ts";
import { evictionPolicies } from "../store/eviction.ts";
import { openFilesMax } from "../sys/process_facts.ts";
import { protocolRange, type TlsOptions } from "../sys/openssl.ts";
import type { ConfigDirective } from "./config_file.ts";
import { fixedParameters } from "./fixed_parameters.ts";
import { formatOutputLimits, parseOutputLimits } from "./output_limits.ts";
import {
  type Checked,
  choice,
  formatMemory,
  guarded,
  immutable,
  integer,
  memory,
  octal,
  oneOfError,
  type Parameter,
  parseMemory,
  text,
  yesNo,
} from "./parameter.ts";
import { ServerSettings } from "./settings.ts";
import { parseTcpAddress } from "./tcp_address.ts";
import { userLines } from "./user_file.ts";

/** Redis's, in its order. */
const redisEvictionPolicies = [
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "noeviction",
];

/** File descriptors for all but clients: the store, the listeners, the runtime. */
const reservedFiles = 32;
const int64Max = 2n ** 63n - 1n;

/** The parameters over a server's settings. */
export class ServerConfiguration implements Configuration {
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #names: string[];
  readonly #settings: ServerSettings;
  readonly #onChange: () => void;

  /** `onChange` is called when settings were changed. */
  constructor(settings: ServerSettings, onChange: () => void = () => {}) {
    this.#settings = settings;
    const parameters = { ...fixedParameters(), ...parametersOf(settings) };
    this.#parameters = new Map(Object.entries(parameters));
    this.#names = Object.keys(parameters).sort();
    this.#onChange = onChange;
  }

  names(): string[] {
    return this.#names;
  }

  get(name: string): string | undefined {
    return this.#parameters.get(name)?.get();
  }

  isSecret(name: string): boolean {
    return this.#parameters.get(name.toLowerCase())?.isSecret ?? false;
  }

  set(pairs: readonly (readonly [string, string])[]): string | null {
    const seen = new Set<Parameter>();
    for (const [name] of pairs) {
      const parameter = this.#parameters.get(name.toLowerCase());
      if (parameter === undefined) {
        return `ERR Unknown option or number of arguments for CONFIG SET - '${name}'`;
      }
      if (parameter.refusal !== undefined) return failure(name, parameter.refusal);
      if (seen.has(parameter)) return failure(name, "duplicate parameter");
      seen.add(parameter);
    }
    const changes: (() => void)[] = [];
    for (const [name, value] of pairs) {
      // Redis names the parameter as it was typed above, and by its own name from here on.
      const own = name.toLowerCase();
      const checked = this.#parameters.get(own)!.check(value);
      if ("error" in checked) return failure(own, checked.error);
      changes.push(checked.apply);
    }
    for (const apply of changes) apply();
    this.#onChange();
    return null;
  }

  /** Whether there is a parameter of that name, lower case. */
  has(name: string): boolean {
    return this.#parameters.has(name);
  }

  /** Sets a parameter that exists, as the configuration file wants it. Returns null, or what is wrong. */
  load({ name, args }: ConfigDirective): string | null {
    const { isList, check } = this.#parameters.get(name)!;
    if (isList ? args.length === 0 : args.length !== 1) return "wrong number of arguments";
    const checked = check(args.join(" "));
    if ("error" in checked) return checked.error;
    checked.apply();
    return null;
  }

  /**
   * For the configuration file, each parameter's line, and whether its value is another than without
   * a file.
   */
  *lines(): Iterable<{ name: string; line: string; isDefault: boolean }> {
    const defaults = new ServerConfiguration(new ServerSettings());
    for (const name of this.#names) {
      const parameter = this.#parameters.get(name)!;
      const value = parameter.get();
      const shown = parameter.inFile?.() ?? (value === "" ? '""' : value);
      yield { name, line: `${name} ${shown}`, isDefault: value === defaults.get(name) };
    }
    if (this.#settings.userFile !== "") return;
    for (const line of userLines(this.#settings.access)) {
      yield { name: "user", line, isDefault: false };
    }
  }
}

function failure(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;
}

function parametersOf(settings: ServerSettings): Record<string, Parameter> {
  return {
    "acl-pubsub-default": choice<"allchannels" | "resetchannels">(
      ["allchannels", "resetchannels"],
      () => settings.access.newUsersHaveAllChannels ? "allchannels" : "resetchannels",
      (value) => settings.access.newUsersHaveAllChannels = value === "allchannels",
    ),
    "aclfile": immutable(text(() => settings.userFile, (path) => ({
      apply: () => settings.userFile = path === "" ? "" : resolve(path),
    }))),
    "acllog-max-len": integer(
      [0, 2 ** 53 - 1],
      () => settings.access.log.entriesMax,
      (value) => settings.access.log.entriesMax = value,
    ),
    "appendfsync": choice<SyncPolicy>(
      ["everysec", "always", "no"],
      () => settings.syncPolicy,
      (value) => settings.syncPolicy = value,
    ),
    "bind": immutable(bindAddresses(settings)),
    "client-output-buffer-limit": {
      get: () => formatOutputLimits(settings.outputLimits),
      check(text) {
        const limits = parseOutputLimits(text, settings.outputLimits);
        if (typeof limits === "string") return { error: limits };
        return { apply: () => settings.outputLimits = limits };
      },
      isList: true,
      inFile: () => formatOutputLimits(settings.outputLimits, true),
    },
    "client-query-buffer-limit": memory(
      // Places in it are 32-bit numbers.
      [2 ** 20, 2 ** 31 - 1],
      () => settings.queryBufferBytesMax,
      (value) => settings.queryBufferBytesMax = value,
    ),
    "dbfilename": guarded(text(() => settings.fileName, (name) => {
      if (name === "" || name.includes("/")) {
        return { error: "dbfilename can't be a path, just a filename" };
      }
      return { apply: () => settings.fileName = name };
    })),
    "dir": guarded(text(() => resolve(settings.directory), (path) => ({
      apply: () => settings.directory = path,
    }))),
    "latency-monitor-threshold": integer(
      [0, int64Max],
      () => settings.latencyThresholdMs,
      (value) => settings.latencyThresholdMs = value,
    ),
    "enable-debug-command": immutable(choice<"no" | "yes" | "local">(
      ["no", "yes", "local"],
      () => settings.allowsDebug,
      (value) => settings.allowsDebug = value,
    )),
    "hll-sparse-max-bytes": memory(
      [0, int64Max],
      () => settings.hyperLogLogSparseBytesMax,
      (value) => settings.hyperLogLogSparseBytesMax = value,
    ),
    "notify-keyspace-events": text(() => formatEventClasses(settings.keyspaceEventMask), (text) => {
      const mask = parseEventClasses(text);
      if (mask !== null) return { apply: () => settings.keyspaceEventMask = mask };
      return { error: "Invalid event class character. Use 'Ag$lshzxeKEtmdn'." };
    }),
    "tracking-table-max-keys": integer(
      [0, 2 ** 53 - 1],
      () => settings.trackedKeysMax,
      (value) => settings.trackedKeysMax = value,
    ),
    "latency-tracking": yesNo(
      () => settings.tracksLatency,
      (value) => settings.tracksLatency = value,
    ),
    "latency-tracking-info-percentiles": latencyPercentiles(settings),
    "maxclients": clientsMax(settings),
    "maxmemory": sizeLimit(settings),
    "maxmemory-policy": evictionPolicy(settings),
    "port": immutable(integer([0, 65535], () => settings.port, (value) => settings.port = value)),
    "proto-max-bulk-len": memory(
      [2 ** 20, 512 * 2 ** 20],
      () => settings.bulkLengthMax,
      (value) => settings.bulkLengthMax = value,
    ),
    "protected-mode": yesNo(
      () => settings.isProtected,
      (value) => settings.isProtected = value,
    ),
    "requirepass": {
      ...text(() => settings.access.password, (password) => {
        // What is no UTF-8 has come as this, and nobody could ever give it.
        if (password.includes("\ufffd")) return { error: "a password has to be UTF-8" };
        return { apply: () => settings.access.password = password };
      }),
      isSecret: true,
    },
    "slowlog-log-slower-than": integer(
      [-1, int64Max],
      () => settings.slowLogThresholdMicroseconds,
      (value) => settings.slowLogThresholdMicroseconds = value,
    ),
    "slowlog-max-len": integer(
      [0, int64Max],
      () => settings.slowLogEntriesMax,
      (value) => settings.slowLogEntriesMax = value,
    ),
    "tcp-keepalive": integer(
      [0, 2 ** 31 - 1],
      () => settings.keepAliveSeconds,
      (value) => settings.keepAliveSeconds = value,
    ),
    ...tlsParameters(settings),
    "timeout": integer(
      [0, 2 ** 31 - 1],
      () => settings.idleTimeoutSeconds,
      (value) => settings.idleTimeoutSeconds = value,
    ),
    "unixsocket": immutable(text(() => resolve(settings.socketPath), (path) => {
      if (path === "") return { error: "kv listens on a Unix socket always" };
      return { apply: () => settings.socketPath = path };
    })),
    "unixsocketgroup": immutable(
      text(() => settings.socketGroup, (group) => ({ apply: () => settings.socketGroup = group })),
    ),
    "unixsocketperm": immutable(
      octal(0o777, () => settings.socketMode, (value) => settings.socketMode = value),
    ),
  };
}

function tlsParameters(settings: ServerSettings): Record<string, Parameter> {
  const change = (changed: Partial<TlsOptions>) => () => {
    settings.tls = { ...settings.tls, ...changed };
  };
  type Texts =
    | "certificate"
    | "key"
    | "keyPassphrase"
    | "authorities"
    | "authorityFolder"
    | "ciphers"
    | "cipherSuites";
  const ofText = (name: Texts) =>
    text(() => settings.tls[name], (value) => ({ apply: change({ [name]: value }) }));
  return {
    "tls-port": immutable(
      integer([0, 65535], () => settings.tlsPort, (value) => settings.tlsPort = value),
    ),
    "tls-cert-file": immutable(ofText("certificate")),
    "tls-key-file": immutable(ofText("key")),
    "tls-key-file-pass": immutable({ ...ofText("keyPassphrase"), isSecret: true }),
    "tls-ca-cert-file": immutable(ofText("authorities")),
    "tls-ca-cert-dir": immutable(ofText("authorityFolder")),
    "tls-auth-clients": immutable(choice<TlsOptions["clients"]>(
      ["no", "yes", "optional"],
      () => settings.tls.clients,
      (clients) => change({ clients })(),
    )),
    "tls-protocols": immutable({
      ...text(() => settings.tls.protocols.join(" "), (value) => {
        const protocols = value.split(" ").filter((name) => name !== "");
        if (protocolRange(protocols) !== null) return { apply: change({ protocols }) };
        return { error: "kv speaks TLSv1.2 and TLSv1.3" };
      }),
      isList: true,
    }),
    "tls-ciphers": immutable(ofText("ciphers")),
    "tls-ciphersuites": immutable(ofText("cipherSuites")),
  };
}

// --- parameters of their own kind ------------------------------------------------------------------

function bindAddresses(settings: ServerSettings): Parameter {
  return {
    get: () => settings.bindAddresses.join(" "),
    isList: true,
    check(text) {
      const addresses = text.split(" ").filter((address) => address !== "");
      try {
        for (const address of addresses) parseTcpAddress(`[${address.replace(/^-/, "")}]:0`);
      } catch (error) {
        return { error: error instanceof Error ? error.message : String(error) };
      }
      return { apply: () => settings.bindAddresses = addresses };
    },
  };
}

function latencyPercentiles(settings: ServerSettings): Parameter {
  return {
    get: () => settings.latencyPercentiles.map(formatPercentile).join(" "),
    isList: true,
    check(text) {
      const percentiles: number[] = [];
      for (const word of text === "" ? [] : text.split(" ")) {
        const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(word) ? Number(word) : NaN;
        if (Number.isNaN(value)) {
          return { error: "Invalid latency-tracking-info-percentiles parameters" };
        }
        if (value < 0 || value > 100) {
          return {
            error: "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
          };
        }
        percentiles.push(value);
      }
      return { apply: () => settings.latencyPercentiles = percentiles };
    },
  };
}

/** With six digits behind the point at most, as C's `%f`, and no zeros at the end. */
export function formatPercentile(value: number): string {
  return value.toFixed(6).replace(/\.?0+$/, "");
}

/** Clients, no more than the process can have files open. */
function clientsMax(settings: ServerSettings): Parameter {
  const parameter = integer(
    [1, 2 ** 32 - 1],
    () => settings.clientsMax,
    (value) => settings.clientsMax = value,
  );
  return {
    ...parameter,
    check(text) {
      const checked = parameter.check(text);
      const possible = openFilesMax() - reservedFiles;
      if ("error" in checked || Number(text) <= possible) return checked;
      return {
        error: "The operating system is not able to handle the specified number of clients, " +
          `try with ${possible}`,
      };
    },
  };
}

/** `maxmemory` limits the memory in Redis; here it limits the store's file. */
function sizeLimit(settings: ServerSettings): Parameter {
  const get = () => {
    const { bytesMax } = settings.sizeLimit;
    return bytesMax === Infinity ? 0 : bytesMax;
  };
  return {
    get: () => String(get()),
    inFile: () => formatMemory(get()),
    check(text) {
      const value = parseMemory(text);
      if (value === null) return { error: "argument must be a memory value" };
      const bytesMax = value === 0n ? Infinity : Number(BigInt.asUintN(64, value));
      if (bytesMax < settings.sizeLimitMin) {
        return { error: `kv needs ${settings.sizeLimitMin} bytes at least, or 0 for no limit` };
      }
      return { apply: () => settings.sizeLimit = { ...settings.sizeLimit, bytesMax } };
    },
  };
}

function evictionPolicy(settings: ServerSettings): Parameter {
  return {
    get: () => settings.sizeLimit.policy,
    check(text): Checked {
      const name = text.toLowerCase();
      if (!redisEvictionPolicies.includes(name)) return oneOfError(redisEvictionPolicies);
      const policy = evictionPolicies.find((own) => own === name);
      if (policy === undefined) {
        return { error: `kv has no ${name}, but ${evictionPolicies.join(", ")}` };
      }
      return { apply: () => settings.sizeLimit = { ...settings.sizeLimit, policy } };
    },
  };
}
