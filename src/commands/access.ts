/**
 * Who may use the server: everybody who can reach it, or who knows the password (`requirepass`). Passwords
 * are compared by their SHA-256, in a time that does not tell how much of one is right.
 */
import { assert } from "../store/assert.ts";

/** The one user that there is. */
const userName = "default";

const encoder = new TextEncoder();

export class Access {
  #password = "";
  /** Of the password; null while there is none. */
  #hash: Uint8Array | null = null;

  /** No password is asked for. */
  get isOpen(): boolean {
    return this.#hash === null;
  }

  /** "" for none. Clients that are connected stay as they are. */
  get password(): string {
    return this.#password;
  }

  set password(password: string) {
    this.#password = password;
    this.#hash = password === "" ? null : sha256(encoder.encode(password));
  }

  /** Whether a user has a password; as long as none is asked for, any will do. */
  admits(user: string, password: Uint8Array): boolean {
    const isKnown = user === userName;
    if (this.#hash === null) return isKnown;
    // For an unknown user it takes as long.
    return crypto().timingSafeEqual(sha256(password), this.#hash) && isKnown;
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return crypto().createHash("sha256").update(bytes).digest();
}

/** Loaded when a password is set or given: a start without one need not wait for it. */
function crypto(): typeof import("node:crypto") {
  const module = process.getBuiltinModule("node:crypto");
  assert(module !== undefined, "the runtime has node:crypto");
  return module;
}
