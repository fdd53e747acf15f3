/**
 * The parameters of CONFIG GET and CONFIG SET: those that mean something here, and those that tools
 * of the Redis world look at or set before they start (redis-benchmark reads `save` and
 * `appendonly`, exporters read `maxmemory`, test suites set `save`).
 */
import type { Configuration } from "../commands/server_control.ts";
import type { SyncPolicy } from "../store/durability.ts";
import { evictionPolicies } from "../store/eviction.ts";
import type { SizeLimit } from "../store/store.ts";

/** What the server lets the configuration see and change. Plain fields or accessors. */
export interface ServerSettings {
  syncPolicy: SyncPolicy;
  /** Clients that may be connected at once. */
  clientsMax: number;
  /** Seconds after which an idle client is disconnected; 0 = never. */
  idleTimeoutSeconds: number;
  /** Longest argument and longest value, in bytes. */
  bulkLengthMax: number;
  /** The store's largest size in bytes, Infinity for none, and which keys go when it is reached. */
  sizeLimit: SizeLimit;
  /** The smallest size that the store can be limited to. */
  readonly sizeLimitMin: number;
  /** The TCP port, 0 for none. */
  readonly port: number;
  /** The TCP address, "" for none. */
  readonly bindAddress: string;
  /** The Unix socket's path, "" for none. */
  readonly socketPath: string;
  /** The socket's permissions, such as 0o600. */
  readonly socketMode: number;
  /** The folder of the store, and the name of its file. */
  readonly directory: string;
  readonly fileName: string;
}

/** What became of a new value: `apply` sets it, or `error` says why it cannot be. */
type Checked = { readonly apply: () => void } | { readonly error: string };

interface Parameter {
  get(): string;
  /** Missing where nothing may be set: `refusal` says how Redis calls that. */
  check?(text: string): Checked;
  readonly refusal?: "can't set immutable config" | "can't set protected config";
}

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

/** The parameters over a server's settings. */
export class ServerConfiguration implements Configuration {
  readonly #parameters: ReadonlyMap<string, Parameter>;
  readonly #names: string[];

  constructor(settings: ServerSettings) {
    const parameters = parametersOf(settings);
    this.#parameters = new Map(Object.entries(parameters));
    this.#names = Object.keys(parameters).sort();
  }

  names(): string[] {
    return this.#names;
  }

  get(name: string): string | undefined {
    return this.#parameters.get(name)?.get();
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
      const checked = this.#parameters.get(own)!.check!(value);
      if ("error" in checked) return failure(own, checked.error);
      changes.push(checked.apply);
    }
    for (const apply of changes) apply();
    return null;
  }
}

function failure(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;
}

function parametersOf(settings: ServerSettings): Record<string, Parameter> {
  return {
    "appendfsync": choice<SyncPolicy>(
      ["everysec", "always", "no"],
      () => settings.syncPolicy,
      (value) => settings.syncPolicy = value,
    ),
    "appendonly": only("yes", checkYesNo),
    "bind": immutable(() => settings.bindAddress),
    "databases": immutable(() => "1"),
    "dbfilename": guarded(() => settings.fileName),
    "dir": guarded(() => settings.directory),
    "maxclients": integer(
      1,
      2 ** 32 - 1,
      () => settings.clientsMax,
      (value) => settings.clientsMax = value,
    ),
    "maxmemory": sizeLimit(settings),
    "maxmemory-policy": evictionPolicy(settings),
    "port": immutable(() => String(settings.port)),
    "proto-max-bulk-len": memory(
      2 ** 20,
      512 * 2 ** 20,
      () => settings.bulkLengthMax,
      (value) => settings.bulkLengthMax = value,
    ),
    "save": only("", checkSavePoints),
    "timeout": integer(
      0,
      2 ** 31 - 1,
      () => settings.idleTimeoutSeconds,
      (value) => settings.idleTimeoutSeconds = value,
    ),
    "unixsocket": immutable(() => settings.socketPath),
    "unixsocketperm": immutable(() => settings.socketMode.toString(8)),
  };
}

// --- kinds of parameters ---------------------------------------------------------------------------

function immutable(get: () => string): Parameter {
  return { get, refusal: "can't set immutable config" };
}

/** What Redis guards, because it decides where files are written. */
function guarded(get: () => string): Parameter {
  return { get, refusal: "can't set protected config" };
}

/**
 * What Redis can change and kv cannot. Setting it to what it is succeeds, so that scripts that make
 * sure of it go on. `normalize` gives the value's usual form, or says why it is none.
 */
function only(value: string, normalize: (text: string) => Normalized): Parameter {
  return {
    get: () => value,
    check(text) {
      const normalized = normalize(text);
      if ("error" in normalized) return normalized;
      if (normalized.value === value) return { apply: () => {} };
      return { error: `kv supports only '${value}' here` };
    },
  };
}

function choice<T extends string>(
  values: readonly T[],
  get: () => T,
  set: (value: T) => void,
): Parameter {
  return {
    get,
    check(text) {
      const value = values.find((value) => value === text.toLowerCase());
      return value === undefined ? oneOfError(values) : { apply: () => set(value) };
    },
  };
}

function integer(
  min: number,
  max: number,
  get: () => number,
  set: (value: number) => void,
): Parameter {
  return {
    get: () => String(get()),
    check(text) {
      const value = parseInteger(text);
      if (value === null) return { error: "argument couldn't be parsed into an integer" };
      return within(min, max, value, set);
    },
  };
}

function memory(
  min: number,
  max: number,
  get: () => number,
  set: (value: number) => void,
): Parameter {
  return {
    get: () => String(get()),
    check(text) {
      const value = parseMemory(text);
      if (value === null) return { error: "argument must be a memory value" };
      return within(min, max, value, set);
    },
  };
}

/** Redis limits its memory, kv its file. */
function sizeLimit(settings: ServerSettings): Parameter {
  return {
    get() {
      const { bytesMax } = settings.sizeLimit;
      return bytesMax === Infinity ? "0" : String(bytesMax);
    },
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
    check(text) {
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

function within(min: number, max: number, value: bigint, set: (value: number) => void): Checked {
  if (value < BigInt(min) || value > BigInt(max)) {
    return { error: `argument must be between ${min} and ${max} inclusive` };
  }
  return { apply: () => set(Number(value)) };
}

// --- reading values --------------------------------------------------------------------------------

type Normalized = { readonly value: string } | { readonly error: string };

function checkYesNo(text: string): Normalized {
  const value = text.toLowerCase();
  if (value === "yes" || value === "no") return { value };
  return { error: "argument must be 'yes' or 'no'" };
}

/** `save` is a list of pairs, "seconds changes", or empty. */
function checkSavePoints(text: string): Normalized {
  const words = text === "" ? [] : text.split(" ");
  const valid = words.length % 2 === 0 &&
    words.every((word, i) => /^\d+$/.test(word) && (i % 2 === 1 || Number(word) >= 1));
  return valid ? { value: words.join(" ") } : { error: "Invalid save parameters" };
}

function oneOfError(values: readonly string[]): { error: string } {
  return { error: `argument(s) must be one of the following: ${values.join(", ")}` };
}

/** A 64-bit integer without leading zeros, a plus or spaces. */
function parseInteger(text: string): bigint | null {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return null;
  const value = BigInt(text);
  return BigInt.asIntN(64, value) === value ? value : null;
}

const memoryUnits: Record<string, bigint> = {
  "": 1n,
  "b": 1n,
  "k": 1000n,
  "kb": 2n ** 10n,
  "m": 1000n ** 2n,
  "mb": 2n ** 20n,
  "g": 1000n ** 3n,
  "gb": 2n ** 30n,
};

/**
 * A size such as `100`, `1k` (1000) or `1kb` (1024). As in Redis, digits may be missing altogether
 * (then it is 0), what exceeds 64 bits is their largest number, and products wrap around.
 */
export function parseMemory(text: string): bigint | null {
  const match = /^(\d{0,127})([a-z]*)$/i.exec(text);
  if (match === null) return null;
  const unit = memoryUnits[match[2].toLowerCase()];
  if (unit === undefined) return null;
  const digits = match[1] === "" ? 0n : BigInt(match[1]);
  const number = digits < 2n ** 64n ? digits : 2n ** 64n - 1n;
  return BigInt.asIntN(64, number * unit);
}
