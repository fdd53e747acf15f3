/** A user: how he proves to be it, and what he may do. */
import { assert } from "../store/assert.ts";
import { bytesOfBinaryText } from "../protocol/binary_text.ts";
import { AclSelector } from "./acl_selector.ts";

const wrongHash =
  "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters";
const noSuchPassword = "The password you are trying to remove from the user does not exist";
const decoder = new TextDecoder();

export class AclUser {
  /** With a character for each byte. */
  readonly name: string;
  isOn = false;
  /** Any password will do. */
  needsNoPassword = false;
  /** What `sanitize-payload` has said last, if anything: kv looks at all that RESTORE gets. */
  #sanitizing: "" | "sanitize-payload" | "skip-sanitize-payload" = "";
  /** SHA-256 of each, in hexadecimal digits. */
  #passwords: string[] = [];
  /** The user's own first. */
  #selectors: AclSelector[];
  readonly #allChannelsByDefault: boolean;

  /** Somebody who may do nothing, or use all channels. */
  constructor(name: string, allChannelsByDefault = false) {
    this.name = name;
    this.#allChannelsByDefault = allChannelsByDefault;
    this.#selectors = [new AclSelector(allChannelsByDefault)];
  }

  /** Who may do everything, and needs no password. */
  static default(): AclUser {
    const user = new AclUser("default");
    for (const rule of ["on", "nopass", "~*", "&*", "+@all"]) user.apply(rule);
    return user;
  }

  get shownName(): string {
    return decoder.decode(bytesOfBinaryText(this.name));
  }

  get root(): AclSelector {
    return this.#selectors[0];
  }

  get selectors(): readonly AclSelector[] {
    return this.#selectors;
  }

  get passwords(): readonly string[] {
    return this.#passwords;
  }

  /** Nothing has to be looked at before a request of his is run. */
  get isUnlimited(): boolean {
    return this.#selectors.some((selector) =>
      selector.allowsAllCommands && selector.allowsAllKeys && selector.allowsAllChannels
    );
  }

  /** Becomes as another user is, but for the name. */
  become(other: AclUser): void {
    this.isOn = other.isOn;
    this.needsNoPassword = other.needsNoPassword;
    this.#sanitizing = other.#sanitizing;
    this.#passwords = [...other.#passwords];
    this.#selectors = other.#selectors.map((selector) => selector.copy());
  }

  /** Applies rules up to one that is wrong: then returns that one, and what is wrong with it. */
  applyAll(rules: readonly string[]): { readonly rule: string; readonly error: string } | null {
    for (const rule of rules) {
      const error = this.apply(rule);
      if (error !== null) return { rule, error };
    }
    return null;
  }

  /** Changes the user by one rule, such as `on`, `>password`, `+get`; null, or what is wrong with it. */
  apply(rule: string): string | null {
    switch (rule.toLowerCase()) {
      case "":
        return null;
      case "on":
      case "off":
        this.isOn = rule.length === 2;
        return null;
      case "sanitize-payload":
        this.#sanitizing = "sanitize-payload";
        return null;
      case "skip-sanitize-payload":
        this.#sanitizing = "skip-sanitize-payload";
        return null;
      case "nopass":
      case "resetpass":
        this.needsNoPassword = rule.length === 6;
        this.#passwords = [];
        return null;
      case "clearselectors":
        this.#selectors.length = 1;
        return null;
      case "reset":
        this.become(new AclUser(this.name, this.#allChannelsByDefault));
        this.#sanitizing = "sanitize-payload";
        return null;
    }
    switch (rule[0]) {
      case ">":
        return this.#addPassword(hashOf(bytesOfBinaryText(rule.slice(1))));
      case "#":
        return isHash(rule.slice(1)) ? this.#addPassword(rule.slice(1)) : wrongHash;
      case "<":
        return this.#removePassword(hashOf(bytesOfBinaryText(rule.slice(1))));
      case "!":
        return isHash(rule.slice(1)) ? this.#removePassword(rule.slice(1)) : wrongHash;
    }
    if (rule.startsWith("(") && rule.endsWith(")")) {
      const selector = AclSelector.parse(rule, this.#allChannelsByDefault);
      if (typeof selector === "string") return selector;
      this.#selectors.push(selector);
      return null;
    }
    return this.root.apply(rule);
  }

  #addPassword(hash: string): null {
    if (!this.#passwords.includes(hash)) this.#passwords.push(hash);
    this.needsNoPassword = false;
    return null;
  }

  #removePassword(hash: string): string | null {
    const i = this.#passwords.indexOf(hash);
    if (i < 0) return noSuchPassword;
    this.#passwords.splice(i, 1);
    return null;
  }

  /**
   * Whether the password is one of his; it takes as long whichever is right, and however much of it. The
   * comparison is that of the hashes.
   */
  hasPassword(password: Uint8Array): boolean {
    const hash = crypto().createHash("sha256").update(password).digest();
    let isRight = false;
    for (const known of this.#passwords) {
      if (crypto().timingSafeEqual(hash, fromHex(known))) isRight = true;
    }
    return isRight;
  }

  /** His flags, in the words of rules. */
  flags(): string[] {
    return [
      this.isOn ? "on" : "off",
      ...this.needsNoPassword ? ["nopass"] : [],
      ...this.#sanitizing === "" ? [] : [this.#sanitizing],
    ];
  }

  /** The rules that make him what he is, as in `ACL LIST`. */
  describe(): string {
    const [root, ...others] = this.#selectors;
    return [
      ...this.flags(),
      ...this.#passwords.map((hash) => `#${hash}`),
      root.describe(),
      ...others.map((selector) => `(${selector.describe()})`),
    ].join(" ");
  }
}

/**
 * Rules in which selectors that stand in several arguments, as a shell makes them of `(~a +get)`, are one
 * each; the argument that opens a parenthesis which nothing closes is `unclosed`.
 */
export function mergeSelectors(
  args: readonly string[],
): { readonly rules: string[] } | { readonly unclosed: string } {
  const rules: string[] = [];
  let open: string[] | null = null;
  for (const arg of args) {
    // Redis forgets what was open.
    if (arg.startsWith("(") && !arg.endsWith(")")) open = [arg];
    else if (open === null) rules.push(arg);
    else {
      open.push(arg);
      if (!arg.endsWith(")")) continue;
      rules.push(open.join(" "));
      open = null;
    }
  }
  return open === null ? { rules } : { unclosed: open[0] };
}

function hashOf(bytes: Uint8Array): string {
  return crypto().createHash("sha256").update(bytes).digest("hex");
}

function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(
    { length: text.length / 2 },
    (_, i) => parseInt(text.substr(2 * i, 2), 16),
  );
}

/** Loaded when a password is set or given: a start without one need not wait for it. */
function crypto(): typeof import("node:crypto") {
  const module = process.getBuiltinModule("node:crypto");
  assert(module !== undefined, "the runtime has node:crypto");
  return module;
}
