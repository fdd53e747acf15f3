/**
 * The options of the command line: tables, from which they are read and shown by `kv help`. Options
 * of `kv` stand before the command: what follows its name belongs to the command.
 */
import type { ServerAddress } from "../client/connection.ts";

export interface OptionSpec {
  /** Without the dashes: one letter for `-x`, more for `--socket`. */
  readonly name: string;
  /** Another, shorter name. */
  readonly alias?: string;
  /** What the option's value is called in the help; an option without this takes none. */
  readonly value?: string;
  readonly summary: string;
}

const help = { name: "help", alias: "h", summary: "Show what can be written here" };

/** Options of `kv COMMAND`, those of `kv cli` among them. */
export const clientOptions: readonly OptionSpec[] = [
  {
    name: "socket",
    alias: "s",
    value: "PATH",
    summary: "The server's socket; otherwise the environment's KV_SOCKET, or kv.sock",
  },
  { name: "host", value: "HOST", summary: "Connect by TCP; 127.0.0.1 with --port alone" },
  { name: "port", alias: "p", value: "PORT", summary: "Connect by TCP; 6379 with --host alone" },
  {
    name: "password",
    alias: "a",
    value: "PASSWORD",
    summary: "The server's password; better the environment's KV_PASSWORD, which nobody else sees",
  },
  { name: "user", value: "NAME", summary: "The user whose password that is; default unless given" },
  { name: "raw", summary: "Show replies as they are: what a pipe gets" },
  { name: "no-raw", summary: "Show replies with types and quotes: what a terminal gets" },
  {
    name: "json",
    summary: 'Show each reply as one JSON value; bytes that are not UTF-8 as {"base64": "..."}',
  },
  { name: "x", summary: "Take the last argument from standard input: any bytes, up to its end" },
  { name: "2", summary: "Speak version 2 of the protocol (so it is without --json)" },
  { name: "3", summary: "Speak version 3 of the protocol, which knows maps and sets" },
  {
    name: "direct",
    summary: "With get and scan: read the store's files, without asking a server",
  },
  {
    name: "store",
    value: "PATH",
    summary: "The file that --direct reads; otherwise the environment's KV_STORE, or store.db",
  },
  help,
  { name: "version", summary: "Show the version" },
];

const onlyWithACommand = ["x", "direct", "store"];

/** Options of `kv cli`. */
export const promptOptions: readonly OptionSpec[] = without(clientOptions, onlyWithACommand);

/** Options of `kv info` and `kv compact`: those that make sense there. */
export const administrationOptions: readonly OptionSpec[] = without(promptOptions, ["version"]);

/** Options of `kv backup`, which the server makes for clients of its socket only. */
export const backupOptions: readonly OptionSpec[] = without(administrationOptions, [
  "host",
  "port",
]);

/** Options of `kv serve`. */
export const serveOptions: readonly OptionSpec[] = [
  {
    name: "config",
    alias: "c",
    value: "FILE",
    summary:
      "A file with directives as in redis.conf, or - for standard input; options and environment win " +
      "over it",
  },
  {
    name: "store",
    value: "PATH",
    summary: "The file with the data; otherwise the environment's KV_STORE, or store.db",
  },
  {
    name: "socket",
    alias: "s",
    value: "PATH",
    summary: "The socket to listen on; otherwise the environment's KV_SOCKET, or kv.sock",
  },
  {
    name: "socket-mode",
    value: "MODE",
    summary: "Who may open the socket, such as 600 (the owner; unless given), 660 (its group), 666",
  },
  {
    name: "socket-group",
    value: "GROUP",
    summary:
      "The name or number of the socket's group, which may open it unless --socket-mode says no",
  },
  { name: "listen", value: "HOST:PORT", summary: "Listen on TCP too" },
  { name: "tls-cert", value: "FILE", summary: "The certificate (PEM) for TLS where --listen says" },
  { name: "tls-key", value: "FILE", summary: "Its private key (PEM)" },
  {
    name: "tls-ca",
    value: "FILE",
    summary: "Authorities (PEM): clients then need a certificate by one of them",
  },
  {
    name: "sync",
    value: "everysec|always|no",
    summary: "When data is forced to disk; everysec unless given",
  },
  {
    name: "max-size",
    value: "SIZE",
    summary: "The largest size of the file, such as 512mb or 4gb; no limit unless given",
  },
  {
    name: "evict",
    value: "POLICY",
    summary:
      "With --max-size, the keys that make room for new ones: noeviction (none), allkeys-lru, " +
      "allkeys-random, volatile-ttl, volatile-lru",
  },
  help,
];

/** Options of `kv check`. */
export const checkOptions: readonly OptionSpec[] = [
  {
    name: "store",
    value: "PATH",
    summary: "The same as FILE; otherwise the environment's KV_STORE, or store.db",
  },
  { name: "repair", summary: "Copy all that is whole into FILE.repaired; FILE stays as it is" },
  { name: "json", summary: "Show the report as one JSON value" },
  help,
];

function without(specs: readonly OptionSpec[], names: readonly string[]): OptionSpec[] {
  return specs.filter(({ name }) => !names.includes(name));
}

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

/** An option as it is typed: `-x`, `--socket`. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** The options that were given: their values, or true for those that take none. */
export type GivenOptions = ReadonlyMap<string, string | true>;

export interface ParsedArguments {
  readonly options: GivenOptions;
  /** What begins with the first argument that is no option. */
  readonly rest: readonly string[];
}

/**
 * The options of a subcommand: those before its name and those behind it, which win. Throws a UsageError when one of the
 * former is for others.
 */
export async function subcommandOptions(
  name: string,
  specs: readonly OptionSpec[],
  { leading, args }: { leading: GivenOptions; args: readonly string[] },
): Promise<ParsedArguments> {
  for (const given of leading.keys()) {
    if (specs.some((spec) => spec.name === given)) continue;
    throw new UsageError(`The option ${dashed(given)} is not for kv ${name}`);
  }
  const { options, rest } = await parseOptions(specs, args);
  return { options: new Map([...leading, ...options]), rest };
}

export interface ParseOptionsOptions {
  /** Whether an option with a value may be given again, as after an alias of the shell; then the last one counts. */
  readonly isRepeatable?: boolean;
}

/** Reads the options at the start of `args`. Throws a UsageError for unknown or unfinished ones. */
export async function parseOptions(
  specs: readonly OptionSpec[],
  args: readonly string[],
  { isRepeatable = true }: ParseOptionsOptions = {},
): Promise<ParsedArguments> {
  const plain = parsePlainOptions(specs, args, isRepeatable);
  if (plain !== null) return plain;
  const options = new Map<string, string | true>();
  const { parseArgs } = await import("@std/cli/parse-args");
  const alias: Record<string, string> = {};
  for (const spec of specs) if (spec.alias) alias[spec.name] = spec.alias;
  const parsed = parseArgs(args, {
    alias,
    boolean: specs.filter((spec) => spec.value === undefined).map((spec) => spec.name),
    string: [...specs.filter((spec) => spec.value).map((spec) => spec.name), "_"],
    collect: specs.filter((spec) => spec.value).map((spec) => spec.name),
    stopEarly: true,
    unknown: (argument, key) => {
      if (key === undefined) return true;
      throw new UsageError(`There is no option ${argument.split("=")[0]}`);
    },
  });
  for (const { name, value } of specs) {
    const given: unknown = parsed[name];
    if (value === undefined) {
      if (given === true) options.set(name, true);
    } else if (Array.isArray(given) && given.length > 0) {
      if (given.length > 1 && !isRepeatable) throw givenTwice(name);
      const last = String(given.at(-1));
      if (last === "") throw new UsageError(`The option --${name} needs a value: ${value}`);
      options.set(name, last);
    }
  }
  // A `--` behind the command's name, an argument like any other, was dropped.
  const start = args.length - parsed._.length;
  const isWhole = parsed._.every((word, i) => args[start + i] === word);
  const rest = args.slice(isWhole ? start : start - 1);
  refuseUnread(specs, args.slice(0, args.length - rest.length), options);
  return { options, rest };
}

/**
 * Reads options that stand alone, with their value behind them: `--json`, `--socket PATH`, `-s PATH`.
 * Null when there are others, joined or wrong ones, for which more has to be loaded: 1 ms, which most
 * calls need not wait for.
 */
function parsePlainOptions(
  specs: readonly OptionSpec[],
  args: readonly string[],
  isRepeatable: boolean,
): ParsedArguments | null {
  const options = new Map<string, string | true>();
  let at = 0;
  while (at < args.length && args[at].startsWith("-")) {
    const argument = args[at++];
    const spec = specs.find(({ name, alias }) =>
      argument === dashed(name) || alias !== undefined && argument === dashed(alias)
    );
    if (spec === undefined) return null;
    if (spec.value === undefined) {
      options.set(spec.name, true);
      continue;
    }
    const value = args[at++] ?? "";
    if (value === "" || value !== "-" && value.startsWith("-")) return null;
    if (options.has(spec.name) && !isRepeatable) throw givenTwice(spec.name);
    options.set(spec.name, value);
  }
  return { options, rest: args.slice(at) };
}

function givenTwice(name: string): UsageError {
  return new UsageError(`The option --${name} is given twice: one value counts`);
}

/**
 * Refuses what was read as an option with a value that takes none, such as `-x3` for `-x -3`, and would
 * be without effect.
 */
function refuseUnread(
  specs: readonly OptionSpec[],
  given: readonly string[],
  options: GivenOptions,
): void {
  for (const argument of given) {
    if (!/^-[^-]/.test(argument)) continue;
    const first = specs.find(({ name, alias }) => [name, alias].includes(argument[1]));
    if (first && first.value === undefined && !options.has(first.name)) {
      throw new UsageError(`The option -${argument[1]} takes no value: ${argument} gives it one`);
    }
  }
}

export type ReplyFormat = "terminal" | "raw" | "json";

/** What the options of `kv COMMAND` and `kv cli` come to. */
export interface ClientSettings {
  readonly address: ServerAddress;
  readonly user: string;
  /** "" for none. */
  readonly password: string;
  readonly format: ReplyFormat;
  readonly protocol: 2 | 3;
  /** `-x`: the last argument comes from standard input. */
  readonly argumentFromInput: boolean;
  /** The file that `--direct` reads. */
  readonly store: string;
}

export function clientSettings(options: GivenOptions): ClientSettings {
  const exclusive = (first: string, second: string) => {
    if (options.has(first) && options.has(second)) {
      throw new UsageError(
        `The options ${dashed(first)} and ${dashed(second)} exclude each other`,
      );
    }
  };
  for (const other of ["raw", "no-raw"]) exclusive("json", other);
  exclusive("raw", "no-raw");
  exclusive("2", "3");
  exclusive("socket", "host");
  exclusive("socket", "port");
  const password = String(options.get("password") ?? Deno.env.get("KV_PASSWORD") ?? "");
  if (options.has("user") && password === "") {
    throw new UsageError(
      "The option --user needs a password, which the environment's KV_PASSWORD or --password gives",
    );
  }
  const json = options.has("json");
  const raw = options.has("raw") || !options.has("no-raw") && !Deno.stdout.isTerminal();
  return {
    address: serverAddress(options),
    user: String(options.get("user") ?? "default"),
    password,
    format: json ? "json" : raw ? "raw" : "terminal",
    protocol: options.has("3") || json && !options.has("2") ? 3 : 2,
    argumentFromInput: options.has("x"),
    store: String(options.get("store") ?? (Deno.env.get("KV_STORE") || "store.db")),
  };
}

function serverAddress(options: GivenOptions): ServerAddress {
  const host = options.get("host");
  const port = options.get("port");
  if (host === undefined && port === undefined) {
    return { socket: String(options.get("socket") ?? (Deno.env.get("KV_SOCKET") || "kv.sock")) };
  }
  const number = Number(port ?? 6379);
  if (!Number.isInteger(number) || number < 1 || number > 65535) {
    throw new UsageError(`The option --port needs a number from 1 to 65535, not ${port}`);
  }
  return { hostname: String(host ?? "127.0.0.1"), port: number };
}
