/**
 * TLS for the server's side of connections, by OpenSSL's library (libssl 3, the one that redis-server uses): the
 * runtime's own TLS cannot ask clients for certificates. OpenSSL sees memory only, what came from the
 * client and what is to go to it; whoever uses it reads and writes the socket.
 */

/** TLS cannot be set up, or was broken off; the message tells what OpenSSL says. */
export class TlsError extends Error {
  override readonly name = "TlsError";
  /** The configuration's directive that it comes from, such as `tls-key-file`; null for none in particular. */
  readonly directive: string | null;

  constructor(message: string, directive: string | null = null) {
    super(message);
    this.directive = directive;
  }
}

export interface TlsOptions {
  /** PEM files: the server's certificate with its chain, and its private key. */
  readonly certificate: string;
  readonly key: string;
  /** The key's passphrase; "" for none. */
  readonly keyPassphrase: string;
  /** PEM file and folder of the authorities whose clients are believed; "" for none. */
  readonly authorities: string;
  readonly authorityFolder: string;
  /** Whether clients need a certificate, may have one, or are not asked for it. */
  readonly clients: "yes" | "optional" | "no";
  /** `TLSv1.2`, `TLSv1.3`, or both: a range. */
  readonly protocols: readonly string[];
  /** OpenSSL's lists, for TLS 1.2 and for TLS 1.3; "" for its defaults. */
  readonly ciphers: string;
  readonly cipherSuites: string;
}

const sslSymbols = {
  TLS_server_method: { parameters: [], result: "pointer" },
  SSL_CTX_new: { parameters: ["pointer"], result: "pointer" },
  SSL_CTX_ctrl: { parameters: ["pointer", "i32", "i64", "pointer"], result: "i64" },
  SSL_CTX_set_options: { parameters: ["pointer", "u64"], result: "u64" },
  SSL_CTX_use_certificate_chain_file: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_CTX_use_PrivateKey_file: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_CTX_check_private_key: { parameters: ["pointer"], result: "i32" },
  SSL_CTX_set_default_passwd_cb_userdata: { parameters: ["pointer", "buffer"], result: "void" },
  SSL_CTX_load_verify_locations: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  SSL_load_client_CA_file: { parameters: ["buffer"], result: "pointer" },
  SSL_CTX_set_client_CA_list: { parameters: ["pointer", "pointer"], result: "void" },
  SSL_CTX_set_verify: { parameters: ["pointer", "i32", "pointer"], result: "void" },
  SSL_CTX_set_session_id_context: { parameters: ["pointer", "buffer", "u32"], result: "i32" },
  SSL_CTX_set_cipher_list: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_CTX_set_ciphersuites: { parameters: ["pointer", "buffer"], result: "i32" },
  SSL_new: { parameters: ["pointer"], result: "pointer" },
  SSL_free: { parameters: ["pointer"], result: "void" },
  SSL_set_bio: { parameters: ["pointer", "pointer", "pointer"], result: "void" },
  SSL_set_accept_state: { parameters: ["pointer"], result: "void" },
  SSL_do_handshake: { parameters: ["pointer"], result: "i32" },
  SSL_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  SSL_shutdown: { parameters: ["pointer"], result: "i32" },
  SSL_get_error: { parameters: ["pointer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const cryptoSymbols = {
  BIO_s_mem: { parameters: [], result: "pointer" },
  BIO_new: { parameters: ["pointer"], result: "pointer" },
  BIO_read: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_write: { parameters: ["pointer", "buffer", "i32"], result: "i32" },
  BIO_ctrl_pending: { parameters: ["pointer"], result: "usize" },
  ERR_get_error: { parameters: [], result: "u64" },
  ERR_error_string_n: { parameters: ["u64", "buffer", "usize"], result: "void" },
  ERR_clear_error: { parameters: [], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

// OpenSSL 3: openssl/ssl.h, prov_ssl.h.
const control = { mode: 33, minVersion: 123, maxVersion: 124 };
/** Idle connections keep no buffers. */
const releaseBuffersMode = 0x10n;
const noCompression = 1n << 17n;
const preferServerCiphers = 1n << 22n;
const noRenegotiation = 1n << 30n;
const pemFile = 1;
const verifyPeer = 1;
const failWithoutCertificate = 2;
const sslErrors = { wantRead: 2, zeroReturn: 6 };
const versions: Readonly<Record<string, bigint>> = { "tlsv1.2": 0x0303n, "tlsv1.3": 0x0304n };
const encoder = new TextEncoder();

interface OpenSsl {
  readonly ssl: Deno.DynamicLibrary<typeof sslSymbols>["symbols"];
  readonly crypto: Deno.DynamicLibrary<typeof cryptoSymbols>["symbols"];
}

let loaded: OpenSsl | undefined;

/** Loaded when TLS is set up: without it, nobody needs the library. */
function openSsl(): OpenSsl {
  try {
    return loaded ??= {
      crypto: Deno.dlopen("libcrypto.so.3", cryptoSymbols).symbols,
      ssl: Deno.dlopen("libssl.so.3", sslSymbols).symbols,
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TlsError(`TLS needs OpenSSL's libssl.so.3 (Debian's libssl3): ${reason}`);
  }
}

function cText(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** What OpenSSL says of the call that just failed. */
function lastError({ crypto }: OpenSsl): string {
  let code = crypto.ERR_get_error();
  if (code === 0n) return "unknown error";
  // The first one is the cause: `error:0A000416:SSL routines::sslv3 alert certificate unknown`.
  const text = new Uint8Array(256);
  crypto.ERR_error_string_n(code, text, BigInt(text.length));
  while (code !== 0n) code = crypto.ERR_get_error();
  const words = new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
  return words.split(":").at(-1) || words;
}

function isEncrypted(keyPath: string): boolean {
  try {
    return Deno.readTextFileSync(keyPath).includes("ENCRYPTED");
  } catch {
    return false;
  }
}

/** The protocols that OpenSSL is to speak; null when they are not known. */
export function protocolRange(protocols: readonly string[]): readonly [bigint, bigint] | null {
  const numbers = protocols.map((name) => versions[name.toLowerCase()]);
  if (numbers.length === 0 || numbers.includes(undefined!)) return null;
  numbers.sort((a, b) => Number(a - b));
  return [numbers[0], numbers.at(-1)!];
}

/** What a failure comes from, and what else there is to say of it. */
interface FailureOptions {
  readonly directive?: string;
  hint?(): string;
}

/** What the connections of a server share: certificates, and what is asked of clients. */
export class TlsContext {
  readonly #context: Deno.PointerObject;

  /** Reads the files. Throws a TlsError. */
  constructor(options: TlsOptions) {
    const library = openSsl();
    const { ssl, crypto } = library;
    crypto.ERR_clear_error();
    const context = ssl.SSL_CTX_new(ssl.TLS_server_method());
    if (context === null) throw new TlsError(`Cannot set up TLS: ${lastError(library)}`);
    const must = (
      result: number | bigint,
      what: string,
      { directive, hint = () => "" }: FailureOptions = {},
    ) => {
      if (Number(result) === 1) return;
      throw new TlsError(`Cannot ${what}: ${lastError(library)}${hint()}`, directive ?? null);
    };
    const [min, max] = protocolRange(options.protocols) ?? [0n, 0n];
    must(ssl.SSL_CTX_ctrl(context, control.minVersion, min, null), "set the TLS protocols");
    must(ssl.SSL_CTX_ctrl(context, control.maxVersion, max, null), "set the TLS protocols");
    ssl.SSL_CTX_ctrl(context, control.mode, releaseBuffersMode, null);
    ssl.SSL_CTX_set_options(context, noCompression | preferServerCiphers | noRenegotiation);
    // Without it, OpenSSL would ask the terminal for a passphrase.
    ssl.SSL_CTX_set_default_passwd_cb_userdata(context, cText(options.keyPassphrase));
    const { certificate, key, authorities, authorityFolder, clients } = options;
    must(
      ssl.SSL_CTX_use_certificate_chain_file(context, cText(certificate)),
      `read the certificate ${certificate}`,
      { directive: "tls-cert-file" },
    );
    must(
      ssl.SSL_CTX_use_PrivateKey_file(context, cText(key), pemFile),
      `read the key ${key}`,
      {
        directive: "tls-key-file",
        hint: () =>
          isEncrypted(key) ? "; it is encrypted: tls-key-file-pass is to give its passphrase" : "",
      },
    );
    must(ssl.SSL_CTX_check_private_key(context), `use the key ${key} with ${certificate}`, {
      directive: "tls-key-file",
    });
    if (options.ciphers !== "") {
      must(
        ssl.SSL_CTX_set_cipher_list(context, cText(options.ciphers)),
        "use the ciphers",
        { directive: "tls-ciphers" },
      );
    }
    if (options.cipherSuites !== "") {
      const suites = cText(options.cipherSuites);
      must(
        ssl.SSL_CTX_set_ciphersuites(context, suites),
        "use the cipher suites",
        { directive: "tls-ciphersuites" },
      );
    }
    if (clients !== "no") {
      const file = authorities === "" ? null : cText(authorities);
      const folder = authorityFolder === "" ? null : cText(authorityFolder);
      const what = `read the authorities ${authorities || authorityFolder}`;
      must(
        ssl.SSL_CTX_load_verify_locations(context, file, folder),
        what,
        { directive: file === null ? "tls-ca-cert-dir" : "tls-ca-cert-file" },
      );
      if (file !== null) {
        ssl.SSL_CTX_set_client_CA_list(context, ssl.SSL_load_client_CA_file(file));
      }
      const isStrict = clients === "yes" ? failWithoutCertificate : 0;
      ssl.SSL_CTX_set_verify(context, verifyPeer | isStrict, null);
    }
    const id = encoder.encode("kv");
    must(ssl.SSL_CTX_set_session_id_context(context, id, id.length), "set up TLS sessions");
    this.#context = context;
  }

  /** One connection's side of the conversation. */
  session(): TlsSession {
    return new TlsSession(openSsl(), this.#context);
  }
}

/** What came of an attempt: it was done, more has to come from the client first, or the client has ended. */
export type TlsProgress = "done" | "starved" | "ended";

export class TlsSession {
  readonly #library: OpenSsl;
  readonly #session: Deno.PointerValue;
  /** What came from the client, and what is to go to it; they belong to the session. */
  readonly #input: Deno.PointerValue;
  readonly #output: Deno.PointerValue;
  #isFree = false;
  /** How many bytes the last `read` or `write` has moved. */
  moved = 0;

  constructor(library: OpenSsl, context: Deno.PointerObject) {
    const { ssl, crypto } = library;
    this.#library = library;
    this.#session = ssl.SSL_new(context);
    this.#input = crypto.BIO_new(crypto.BIO_s_mem());
    this.#output = crypto.BIO_new(crypto.BIO_s_mem());
    if (this.#session === null || this.#input === null || this.#output === null) {
      throw new TlsError(`Cannot begin a TLS connection: ${lastError(library)}`);
    }
    ssl.SSL_set_bio(this.#session, this.#input, this.#output);
    ssl.SSL_set_accept_state(this.#session);
  }

  /** Takes bytes that have come from the client. */
  feed(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#isFree) return;
    const { crypto } = this.#library;
    for (let at = 0; at < bytes.length;) {
      const taken = crypto.BIO_write(this.#input, bytes.subarray(at), bytes.length - at);
      if (taken <= 0) throw new TlsError("Cannot go on with a TLS connection: no memory");
      at += taken;
    }
  }

  /** How many bytes are to go to the client. */
  get pending(): number {
    return this.#isFree ? 0 : Number(this.#library.crypto.BIO_ctrl_pending(this.#output));
  }

  /** Moves bytes that are to go to the client into a buffer; returns how many. */
  take(buffer: Uint8Array<ArrayBuffer>): number {
    if (this.#isFree) return 0;
    return Math.max(0, this.#library.crypto.BIO_read(this.#output, buffer, buffer.length));
  }

  /** Goes on with the handshake. Throws a TlsError when it has failed. */
  handshake(): TlsProgress {
    return this.#try((ssl) => ssl.SSL_do_handshake(this.#session));
  }

  /** Reads what the client says. Throws a TlsError when that is no TLS. */
  read(buffer: Uint8Array<ArrayBuffer>): TlsProgress {
    return this.#try((ssl) => ssl.SSL_read(this.#session, buffer, buffer.length));
  }

  /** Says something to the client. */
  write(bytes: Uint8Array<ArrayBuffer>): TlsProgress {
    return this.#try((ssl) => ssl.SSL_write(this.#session, bytes, bytes.length));
  }

  #try(call: (ssl: OpenSsl["ssl"]) => number): TlsProgress {
    if (this.#isFree) return "ended";
    const { ssl, crypto } = this.#library;
    crypto.ERR_clear_error();
    const result = call(ssl);
    this.moved = Math.max(0, result);
    if (result > 0) return "done";
    const error = ssl.SSL_get_error(this.#session, result);
    if (error === sslErrors.wantRead) return "starved";
    if (error === sslErrors.zeroReturn) return "ended";
    throw new TlsError(`TLS was broken off: ${lastError(this.#library)}`);
  }

  /** Tells the client that nothing more comes. */
  shutdown(): void {
    if (this.#isFree) return;
    this.#library.crypto.ERR_clear_error();
    this.#library.ssl.SSL_shutdown(this.#session);
  }

  free(): void {
    if (this.#isFree) return;
    this.#isFree = true;
    this.#library.ssl.SSL_free(this.#session);
  }
}
