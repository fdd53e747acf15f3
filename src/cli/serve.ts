/** `kv serve`: opens the store, listens, and stops in order when asked to. */
import { KeyValueServer } from "../server/key_value_server.ts";
import { ListenError } from "../server/unix_socket.ts";
import { parseMemory } from "../server/configuration.ts";
import type { SyncPolicy } from "../store/durability.ts";
import { StoreError } from "../store/errors.ts";
import { evictionPolicies } from "../store/eviction.ts";
import type { OpeningReport } from "../store/opening.ts";
import type { SizeLimit } from "../store/store.ts";
import { SystemError } from "../sys/libc.ts";
import { type GivenOptions, parseOptions, serveOptions, UsageError } from "./options.ts";
import { complain } from "./output.ts";
import { progressBar } from "./progress_bar.ts";
import { version } from "./version.ts";

const syncPolicies = ["everysec", "always", "no"];
const exitFailure = 1;

/** Runs until the server is stopped; resolves with the exit status. */
export async function serve(args: readonly string[]): Promise<number> {
  const { options, rest } = await parseOptions(serveOptions, args);
  if (options.has("help")) {
    const { help } = await import("./help.ts");
    return help(["serve"]);
  }
  if (rest.length > 0) throw new UsageError(`kv serve takes options only, not '${rest[0]}'`);
  const value = (name: string, variable: string, fallback: string) =>
    String(options.get(name) ?? (Deno.env.get(variable) || fallback));
  const sync = String(options.get("sync") ?? "everysec");
  if (!syncPolicies.includes(sync)) {
    throw new UsageError(`The option --sync is one of ${syncPolicies.join(", ")}, not '${sync}'`);
  }
  const sizeLimit = readSizeLimit(options);
  const listen = options.get("listen");
  const store = value("store", "KV_STORE", "store.db");
  try {
    const started = performance.now();
    const server = await KeyValueServer.start({
      store,
      socket: value("socket", "KV_SOCKET", "kv.sock"),
      listen: listen === undefined ? undefined : String(listen),
      sync: sync as SyncPolicy,
      sizeLimit,
      version,
      onProgress: progressBar(`Reading ${store}`),
      log: complain,
    });
    reportDamage(server, store);
    stopOnSignals(server); // Before anybody is told that there is a server to stop.
    console.log(readyLine(server, store, performance.now() - started));
    await server.finished;
    return 0;
  } catch (error) {
    if (!isExpected(error)) throw error;
    complain(error.message);
    return exitFailure;
  }
}

function readSizeLimit(options: GivenOptions): SizeLimit | undefined {
  const size = options.get("max-size");
  const policy = evictionPolicies.find((policy) =>
    policy === (options.get("evict") ?? "noeviction")
  );
  if (policy === undefined) {
    const policies = evictionPolicies.join(", ");
    throw new UsageError(`The option --evict is one of ${policies}, not '${options.get("evict")}'`);
  }
  if (size === undefined) {
    if (policy === "noeviction") return undefined;
    throw new UsageError(
      `The option --evict ${policy} needs --max-size: without, no key has to go`,
    );
  }
  const bytesMax = Number(parseMemory(String(size)) ?? NaN);
  if (!(bytesMax > 0)) {
    throw new UsageError(`The option --max-size needs a size such as 512mb or 4gb, not '${size}'`);
  }
  return { bytesMax, policy };
}

function isExpected(error: unknown): error is Error {
  return error instanceof StoreError || error instanceof SystemError ||
    error instanceof ListenError;
}

function readyLine(server: KeyValueServer, path: string, milliseconds: number): string {
  const { opening, count } = server.store;
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

function reportDamage(server: KeyValueServer, path: string): void {
  for (const { fileOffset, bytes, reason } of server.store.opening.damages) {
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
