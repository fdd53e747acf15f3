/** `kv serve`: opens the store, listens, and stops in order when asked to. */
import { ConfigFileError } from "../server/config_file.ts";
import { KeyValueServer } from "../server/key_value_server.ts";
import { ListenError } from "../server/unix_socket.ts";
import { formatMemory, parseMemory } from "../server/parameter.ts";
import type { SyncPolicy } from "../store/durability.ts";
import { StoreError } from "../store/errors.ts";
import { evictionPolicies, sizeLimitMin } from "../store/eviction.ts";
import { defaultLimits } from "../store/limits.ts";
import type { OpeningReport } from "../store/opening.ts";
import type { SizeLimit } from "../store/store.ts";
import { SystemError } from "../sys/libc.ts";
import { TlsError } from "../sys/openssl.ts";
import { reportFailure } from "./failure.ts";
import { type GivenOptions, parseOptions, serveOptions, UsageError } from "./options.ts";
import { complain, writeOutput } from "./output.ts";
import { progressBar } from "./progress_bar.ts";
import { version } from "./version.ts";

const syncPolicies = ["everysec", "always", "no"];
/** It could not start, or not stop in order. There is no nil that this could be taken for. */
const exitFailure = 1;

/**
 * Runs until the server is stopped; resolves with the exit status, and never rejects. `showHelp` is called when the help is
 * asked for. The executable has this module, with all that it imports, apart from the others (scripts/build/server_script.ts):
 * no class of theirs is one of its own.
 */
export async function serve(
  args: readonly string[],
  showHelp: () => Promise<number>,
): Promise<number> {
  try {
    return await run(args, showHelp);
  } catch (error) {
    if (!isExpected(error)) return reportFailure(error);
    complain(error.message);
    return exitFailure;
  }
}

async function run(args: readonly string[], showHelp: () => Promise<number>): Promise<number> {
  const { options, rest } = await parseOptions(serveOptions, args, { isRepeatable: false });
  if (options.has("help")) return await showHelp();
  if (rest.length > 0) throw new UsageError(`kv serve takes options only, not '${rest[0]}'`);
  const value = (name: string) => options.get(name) as string | undefined;
  const sync = value("sync");
  if (sync !== undefined && !syncPolicies.includes(sync)) {
    throw new UsageError(`The option --sync is one of ${syncPolicies.join(", ")}, not '${sync}'`);
  }
  const sizeLimit = readSizeLimit(options);
  const socketMode = readMode(value("socket-mode"));
  const tls = { tlsCert: value("tls-cert"), tlsKey: value("tls-key"), tlsCa: value("tls-ca") };
  const isTls = Object.values(tls).some((file) => file !== undefined);
  if (isTls && !options.has("listen") && !options.has("config")) {
    throw new UsageError("The options --tls-cert, --tls-key and --tls-ca need --listen");
  }
  const started = performance.now();
  const server = await KeyValueServer.start({
    configFile: value("config"),
    store: value("store") ?? (Deno.env.get("KV_STORE") || undefined),
    socket: value("socket") ?? (Deno.env.get("KV_SOCKET") || undefined),
    socketMode,
    socketGroup: value("socket-group"),
    listen: value("listen"),
    ...tls,
    sync: sync as SyncPolicy | undefined,
    sizeLimit,
    waitsInPlace: true,
    version,
    onProgress: progressBar("Reading the store"),
    log: complain,
  });
  reportDamage(server);
  stopOnSignals(server); // Before anybody is told that there is a server to stop.
  try {
    writeOutput(`${readyLine(server, performance.now() - started)}\n`);
  } catch (error) {
    // Whoever waits for that line would wait for ever.
    await server.stop();
    throw error;
  }
  await server.finished;
  return 0;
}

function readMode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^0?[0-7]{3}$/.test(text)) return parseInt(text, 8);
  throw new UsageError(`The option --socket-mode is three octal digits such as 660, not '${text}'`);
}

function readSizeLimit(options: GivenOptions): Partial<SizeLimit> {
  const size = options.get("max-size");
  const evict = options.get("evict");
  const policy = evictionPolicies.find((policy) => policy === evict);
  if (evict !== undefined && policy === undefined) {
    const policies = evictionPolicies.join(", ");
    throw new UsageError(`The option --evict is one of ${policies}, not '${evict}'`);
  }
  const evicting = policy === undefined ? {} : { policy };
  if (size === undefined) {
    const isEnough = (policy ?? "noeviction") === "noeviction" || options.has("config");
    if (isEnough) return evicting;
    throw new UsageError(
      `The option --evict ${policy} needs --max-size: without, no key has to go`,
    );
  }
  const bytesMax = Number(parseMemory(String(size)) ?? NaN);
  if (!(bytesMax > 0)) {
    throw new UsageError(`The option --max-size needs a size such as 512mb or 4gb, not '${size}'`);
  }
  const least = sizeLimitMin(defaultLimits);
  if (bytesMax < least) {
    throw new UsageError(
      `The option --max-size needs ${formatMemory(least)} at least, not '${size}'`,
    );
  }
  return { bytesMax, ...evicting };
}

function isExpected(error: unknown): error is Error {
  return error instanceof StoreError || error instanceof SystemError ||
    error instanceof ListenError || error instanceof ConfigFileError || error instanceof TlsError;
}

function readyLine(server: KeyValueServer, milliseconds: number): string {
  const { opening, count, path } = server.store;
  const keys = `${count} ${count === 1 ? "key" : "keys"}`;
  const where = server.addresses.join(" and ");
  return `kv ${version} listens on ${where}; store ${path}: ${keys}, ${describe(opening)}; ` +
    `ready in ${Math.round(milliseconds)} ms`;
}

function describe({ kind, records, discardedBytes, milliseconds }: OpeningReport): string {
  const discarded = discardedBytes > 0 ? `, ${discardedBytes} bytes of unfinished writes cut` : "";
  const time = `in ${Math.round(milliseconds)} ms`;
  switch (kind) {
    case "created":
      return "new";
    case "clean":
      return "stopped in order";
    case "replayed":
      return `not stopped in order: ${records} records replayed ${time}${discarded}`;
    case "rebuilt":
      return `index rebuilt from ${records} records ${time}${discarded}`;
  }
}

function reportDamage({ store: { opening, path } }: KeyValueServer): void {
  for (const { fileOffset, bytes, reason } of opening.damages) {
    complain(
      `${path} is damaged: ${bytes} bytes at offset ${fileOffset}: ${reason}; they are left alone, ` +
        `all else is served. Restore from a backup, or go on without them`,
    );
  }
}

/** The first signal stops the server in order; more of them, as a terminal may send, change nothing. */
function stopOnSignals(server: KeyValueServer): void {
  const signals: Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const stop = () => {
    server.stop().catch(() => {}); // `finished` tells.
  };
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  const forget = () => {
    for (const signal of signals) Deno.removeSignalListener(signal, stop);
  };
  server.finished.then(forget, forget);
}
