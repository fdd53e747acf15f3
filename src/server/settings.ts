/** Everything that the configuration can show and change, with its defaults. Plain data. */
import { Access } from "../commands/access.ts";
import { CommandNames } from "../commands/command_names.ts";
import type { SyncPolicy } from "../store/durability.ts";
import { sizeLimitMin } from "../store/eviction.ts";
import { defaultLimits } from "../store/limits.ts";
import type { SizeLimit } from "../store/store.ts";
import type { TlsOptions } from "../sys/openssl.ts";
import { defaultOutputLimits, type OutputLimits } from "./output_limits.ts";

/** Of the socket, unless it is said otherwise: for its owner alone. */
export const privateSocketMode = 0o600;

export class ServerSettings {
  /** Where the configuration file says what, such as `kv.conf:3`, by the parameter's name. */
  readonly places = new Map<string, string>();
  // Where the server is, and its store. Read at the start.
  /** The folder of the store, and the name of its file. */
  directory = ".";
  fileName = "store.db";
  /** The Unix socket's path, its permissions, and its group: a name, a number, or "" for the process's. */
  socketPath = "kv.sock";
  socketMode = privateSocketMode;
  socketGroup = "";
  /** The TCP port, 0 for none, and the addresses to listen on. */
  port = 0;
  bindAddresses: readonly string[] = ["127.0.0.1"];
  /** The TCP port where TLS is spoken, 0 for none, and how. */
  tlsPort = 0;
  tls: TlsOptions = {
    certificate: "",
    key: "",
    keyPassphrase: "",
    authorities: "",
    authorityFolder: "",
    clients: "yes",
    protocols: ["TLSv1.2", "TLSv1.3"],
    ciphers: "",
    cipherSuites: "",
  };
  /** Under which names the commands are called. */
  readonly commandNames = new CommandNames();
  /** Who may use the server. */
  readonly access = new Access();
  /** The file of the users; "" when they are defined in the configuration. */
  userFile = "";
  /** Without a password, TCP clients from other machines are sent away. */
  isProtected = true;

  // The store.
  syncPolicy: SyncPolicy = "everysec";
  /** The largest size in bytes, Infinity for none, and which keys go when it is reached. */
  sizeLimit: SizeLimit = { bytesMax: Infinity, policy: "noeviction" };
  /** The smallest size that the store can be limited to. */
  sizeLimitMin = sizeLimitMin(defaultLimits);

  // Clients.
  /** Clients that may be connected at once. */
  clientsMax = 10_000;
  /** Seconds after which an idle client is disconnected; 0 = never. */
  idleTimeoutSeconds = 0;
  /** A TCP client that is silent for so many seconds is asked whether it lives; 0 = never. */
  keepAliveSeconds = 300;
  /** Longest argument and longest value, in bytes. */
  bulkLengthMax = 512 * 2 ** 20;
  /** A client that sends more bytes without a whole request is disconnected. */
  queryBufferBytesMax = 2 ** 30;
  outputLimits: OutputLimits = defaultOutputLimits;
  /** Keys that are remembered for clients that cache; see `KeyTracking`. */
  trackedKeysMax = 1_000_000;
  /** What is told of what happens to keys; see `KeyspaceEvents`. */
  keyspaceEventMask = 0;
  /** Who may call DEBUG. Read at the start. */
  allowsDebug: "no" | "yes" | "local" = "no";

  // Values.
  /** A HyperLogLog that would be longer becomes a dense one. */
  hyperLogLogSparseBytesMax = 3000;

  // Diagnosis.
  /** See `SlowLog`. */
  slowLogThresholdMicroseconds = 10_000;
  slowLogEntriesMax = 128;
  /** See `LatencyMonitor`. */
  latencyThresholdMs = 0;
  /** Whether latencies are kept for each command, and what INFO shows of them. */
  tracksLatency = true;
  latencyPercentiles: readonly number[] = [50, 99, 99.9];
}
