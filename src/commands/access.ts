/**
 * Who may use the server, and what for: the users, and the log of what was denied. Without any rule there is
 * one user, `default`, who may do everything and needs no password; `requirepass` gives him one.
 */
import { binaryText } from "../protocol/binary_text.ts";
import { AclLog } from "./acl_log.ts";
import { hasSpaces } from "./acl_selector.ts";
import { AclUser, mergeSelectors } from "./acl_user.ts";

/** Users as a file of them, or the configuration, has them. */
export interface UserDefinition {
  readonly name: string;
  readonly args: readonly string[];
  /** Where it stands, for messages: `users.acl:3`. */
  readonly place: string;
}

export class Access {
  /** Who every client is that has not said otherwise. It stays the same one, whatever it may do. */
  readonly defaultUser = AclUser.default();
  readonly log = new AclLog();
  /** Whether new users may use all channels: `acl-pubsub-default`. */
  newUsersHaveAllChannels = false;
  #users = new Map([[this.defaultUser.name, this.defaultUser]]);
  #password = "";
  /** Compared with what is given for users that do not exist, so that this takes as long. */
  readonly #nobody = new AclUser("nobody");

  constructor() {
    this.#nobody.apply(`#${"0".repeat(64)}`);
  }

  /** No password is asked for. */
  get isOpen(): boolean {
    return this.defaultUser.needsNoPassword && this.defaultUser.isOn;
  }

  /** `requirepass`, "" for none: the default user's password. Clients that are connected stay as they are. */
  get password(): string {
    return this.#password;
  }

  set password(password: string) {
    this.#password = password;
    const bytes = new TextEncoder().encode(password);
    this.defaultUser.apply("resetpass");
    this.defaultUser.apply(password === "" ? "nopass" : `>${binaryText(bytes)}`);
  }

  /** The users, by their names. */
  users(): AclUser[] {
    return [...this.#users.values()].sort((a, b) => a.name < b.name ? -1 : 1);
  }

  user(name: string): AclUser | undefined {
    return this.#users.get(name);
  }

  /** The user that proves to be it with that password; null for a wrong one, or somebody who is off. */
  authenticate(name: string, password: Uint8Array): AclUser | null {
    const user = this.#users.get(name);
    if (user?.isOn && user.needsNoPassword) return user;
    const isRight = (user ?? this.#nobody).hasPassword(password);
    return user?.isOn && isRight ? user : null;
  }

  /**
   * A user as he is, or new, with some rules more; what is wrong with them otherwise. He becomes it with
   * `install`.
   */
  changed(name: string, rules: readonly string[]): AclUser | { rule: string; error: string } {
    const user = this.#newUser(name);
    const known = this.#users.get(name);
    if (known !== undefined) user.become(known);
    return user.applyAll(rules) ?? user;
  }

  install(user: AclUser): void {
    const known = this.#users.get(user.name);
    if (known === undefined) this.#users.set(user.name, user);
    else known.become(user);
  }

  /** Returns whether there was such a user. */
  remove(user: AclUser): boolean {
    return this.#users.delete(user.name);
  }

  /** Has these users and no others: the default user stays, as new as ever if there is no other word of him. */
  replace(users: readonly AclUser[]): void {
    this.#users = new Map(users.map((user) => [user.name, user]));
    this.defaultUser.become(this.#users.get("default") ?? AclUser.default());
    this.#users.set("default", this.defaultUser);
  }

  /** Users that are defined somewhere; or all that is wrong with them. */
  read(definitions: Iterable<UserDefinition>): AclUser[] | { readonly errors: string[] } {
    const users = new Map<string, AclUser>();
    const errors: string[] = [];
    for (const { name, args, place } of definitions) {
      const merged = mergeSelectors(args);
      if (hasSpaces(name)) errors.push(`${place}: username '${name}' contains invalid characters`);
      else if (users.has(name)) errors.push(`${place}: Duplicate user '${name}' found`);
      else if ("unclosed" in merged) {
        errors.push(`${place}: Unmatched parenthesis in selector definition`);
      } else {
        const user = this.#newUser(name);
        const wrong = user.applyAll(merged.rules);
        // A rule may be a password: only names of commands are repeated.
        const isNameable = wrong !== null && /^[+-]/.test(wrong.rule);
        const where = isNameable ? `Error in applying operation '${wrong.rule}': ` : "";
        if (wrong !== null) errors.push(`${place}: ${where}${wrong.error}`);
        users.set(name, user);
      }
    }
    return errors.length > 0 ? { errors } : [...users.values()];
  }

  #newUser(name: string): AclUser {
    return new AclUser(name, this.newUsersHaveAllChannels);
  }
}
