import { basename, dirname } from "../sys/file_path.ts";
import type { SyncPolicy } from "../store/durability.ts";
import type { SizeLimit } from "../store/store.ts";
import { groupId } from "../sys/group_names.ts";
import { TlsContext, TlsError } from "../sys/openssl.ts";
import { ConfigFileError, loadConfigFile } from "./config_file.ts";
import { fileError, folderError } from "./file_error.ts";
import { privateSocketMode, ServerSettings } from "./settings.ts";
import { parseTcpAddress } from "./tcp_address.ts";
import { socketPathError } from "./unix_socket.ts";

const groupSocketMode = 0o660;

export interface KeyValueServerOptions {
  /**
   * A file with directives in Redis's syntax; without one, CONFIG REWRITE fails. The other options win
   * over it.
   */
  readonly configFile?: string;
  /** The store's file; created when it does not exist. `store.db` unless given. */
  readonly store?: string;
  /** Path of the Unix socket to listen on: `kv.sock` unless given. */
  readonly socket?: string;
  /** Permission bits of the socket: 0o600 unless given, 0o660 with a group. */
  readonly socketMode?: number;
  /** The name or number of the group that the socket belongs to: the process's own unless given. */
  readonly socketGroup?: string;
  /**
   * A TCP address to listen on too, such as `127.0.0.1:6379`. Whichever it is, only clients of this machine are
   * served unless there is a password, or `protected-mode no` in the configuration.
   */
  readonly listen?: string;
  /**
   * PEM files of the server's certificate and of its key: with them, TLS is spoken at `listen`. `tlsCa` is one of
   * authorities: clients then need a certificate by one of them.
   */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
  /** When data is synced to the disk: `everysec` unless given. */
  readonly sync?: SyncPolicy;
  /** The store's largest size, and which keys go when it is reached; none unless given. */
  readonly sizeLimit?: Partial<SizeLimit>;
  /**
   * The server may keep the thread to itself, for a tenth of a millisecond at a time, while it waits for clients:
   * they are answered sooner, and all else in the program comes later by so much. For a program that does nothing
   * else; false unless given.
   */
  readonly waitsInPlace?: boolean;
  /** Shown by INFO. */
  readonly version?: string;
  /** Called while the store is read after a crash, with the share that is done. */
  readonly onProgress?: (share: number) => void;
  /** Told what an administrator should know: damage, failed syncs, bugs. */
  readonly log?: (message: string) => void;
}

/**
 * The settings that a server begins with. Throws a ConfigFileError or, for a TCP address that is none, a
 * ListenError.
 */
export function settingsOf(options: KeyValueServerOptions): ServerSettings {
  const settings = new ServerSettings();
  const { places } = settings;
  if (options.configFile !== undefined) loadConfigFile(options.configFile, settings);
  if (options.store !== undefined) {
    settings.directory = dirname(options.store);
    settings.fileName = basename(options.store);
    places.delete("dir");
  }
  if (options.socket !== undefined) {
    settings.socketPath = options.socket;
    places.delete("unixsocket");
  }
  if (options.socketGroup !== undefined) {
    settings.socketGroup = options.socketGroup;
    places.delete("unixsocketgroup");
  }
  // A group that may do nothing is nobody's wish.
  const isForGroup = settings.socketGroup !== "" && settings.socketMode === privateSocketMode;
  settings.socketMode = options.socketMode ?? (isForGroup ? groupSocketMode : settings.socketMode);
  settings.syncPolicy = options.sync ?? settings.syncPolicy;
  settings.sizeLimit = { ...settings.sizeLimit, ...options.sizeLimit };
  if (options.listen !== undefined) {
    const { hostname, port } = parseTcpAddress(options.listen);
    settings.bindAddresses = [hostname];
    if (usesTls(options)) {
      settings.tlsPort = port;
      places.delete("tls-port");
    } else {
      settings.port = port;
    }
  }
  const { tlsCert, tlsKey, tlsCa } = options;
  if (usesTls(options)) {
    settings.tls = {
      ...settings.tls,
      certificate: tlsCert ?? settings.tls.certificate,
      key: tlsKey ?? settings.tls.key,
      authorities: tlsCa ?? settings.tls.authorities,
      clients: tlsCa === undefined && settings.tls.authorities === "" ? "no" : settings.tls.clients,
    };
    if (tlsCert !== undefined) places.delete("tls-cert-file");
    if (tlsKey !== undefined) places.delete("tls-key-file");
    if (tlsCa !== undefined) places.delete("tls-ca-cert-file");
  }
  checkPlaces(settings);
  return settings;
}

/** Whether TLS is to be spoken where `listen` says. */
export function usesTls({ tlsCert, tlsKey, tlsCa }: KeyValueServerOptions): boolean {
  return tlsCert !== undefined || tlsKey !== undefined || tlsCa !== undefined;
}

/**
 * What the configuration file says that is well-formed and cannot be nevertheless, before anything is opened. Throws a
 * ConfigFileError; what options say is found out where it is used, and told with other words.
 */
function checkPlaces(settings: ServerSettings): void {
  const { socketPath, socketGroup, directory } = settings;
  const check = (name: string, error: () => string | null) => {
    const place = settings.places.get(name);
    const found = place === undefined ? null : error();
    if (found !== null) throw new ConfigFileError(`${place}: ${name}: ${found}`);
  };
  check("dir", () => folderError(directory));
  check("unixsocket", () => socketPathError(socketPath));
  check(
    "unixsocketgroup",
    () => socketGroup === "" || groupId(socketGroup) !== null ? null : "there is no such group",
  );
}

/** Certificates and keys as the settings name them. Throws a TlsError or, with the line, a ConfigFileError. */
export function tlsContextOf(settings: ServerSettings): TlsContext {
  try {
    checkTls(settings);
    return new TlsContext(settings.tls);
  } catch (error) {
    if (!(error instanceof TlsError) || error.directive === null) throw error;
    const place = settings.places.get(error.directive);
    if (place === undefined) throw error;
    throw new ConfigFileError(`${place}: ${error.directive}: ${error.message}`);
  }
}

/** Throws a TlsError when something is missing, or is there and no file. */
function checkTls({ tls }: ServerSettings): void {
  if (tls.certificate === "" || tls.key === "") {
    const missing = tls.certificate === "" ? "certificate (tls-cert-file)" : "key (tls-key-file)";
    throw new TlsError(`Cannot set up TLS: the server's ${missing} is missing`, "tls-port");
  }
  if (tls.clients !== "no" && tls.authorities === "" && tls.authorityFolder === "") {
    throw new TlsError(
      "Cannot set up TLS: clients are to have certificates, and tls-ca-cert-file does not say whose; name them, or " +
        "set tls-auth-clients no",
      "tls-port",
    );
  }
  const isAsked = tls.clients !== "no";
  const files = [
    ["tls-cert-file", "the certificate", tls.certificate],
    ["tls-key-file", "the key", tls.key],
    ["tls-ca-cert-file", "the authorities", isAsked ? tls.authorities : ""],
  ];
  for (const [directive, what, path] of files) {
    const error = path === "" ? null : fileError(path);
    if (error !== null) throw new TlsError(`Cannot read ${what} ${path}: ${error}`, directive);
  }
}
