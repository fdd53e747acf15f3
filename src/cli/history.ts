/** The lines typed at the prompt, kept in a file; those with passwords are not. */

import { repetition } from "./repetition.ts";

const linesMax = 1000;
const encoder = new TextEncoder();

/**
 * Where the history is kept: `KV_HISTORY`; or where programs keep their state, if the environment says
 * so; or ~/.kv_history. Null when it is not to be kept.
 */
export function historyPath(): string | null {
  const path = Deno.env.get("KV_HISTORY");
  if (path !== undefined) return path === "" || path === "/dev/null" ? null : path;
  const state = Deno.env.get("XDG_STATE_HOME");
  if (state?.startsWith("/")) return `${state}/kv_history`;
  const home = Deno.env.get("HOME");
  return home ? `${home}/.kv_history` : null;
}

/** Whether the command, name first, has a password in it. */
export function hasPassword(args: readonly string[]): boolean {
  const words = repetition(args).isGiven ? args.slice(1) : args;
  const [name, ...rest] = words.map((arg) => arg.toLowerCase());
  switch (name) {
    case "auth":
      return true;
    case "hello":
    case "migrate":
      return rest.some((arg) => arg === "auth" || arg === "auth2");
    case "config":
      return rest[0] === "set" && rest.some((arg) => /^(requirepass|master(auth|user))$/.test(arg));
    case "acl":
      return rest[0] === "setuser";
    default:
      return false;
  }
}

export class History {
  readonly #path: string | null;
  /** Newest last. */
  #lines: string[] = [];

  /** Reads the history; one that cannot be read is taken for empty. */
  constructor(path: string | null) {
    this.#path = path;
    if (path === null) return;
    try {
      const lines = Deno.readTextFileSync(path).split("\n").filter((line) => line !== "");
      this.#lines = lines.slice(-linesMax);
      // Appending alone would let it grow for ever.
      if (lines.length > 2 * linesMax) this.#rewrite(path);
    } catch {
      // There is none yet, or it is not ours.
    }
  }

  /** Newest first, as readline wants them. */
  newestFirst(): string[] {
    return this.#lines.toReversed();
  }

  /** Adds a line, also to the file: what is typed in two sessions at once is all kept. */
  add(line: string): void {
    if (this.#lines.at(-1) === line) return;
    this.#lines.push(line);
    if (this.#path === null) return;
    try {
      const folder = this.#path.slice(0, this.#path.lastIndexOf("/"));
      if (folder !== "") Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
      const file = Deno.openSync(this.#path, { append: true, create: true, mode: 0o600 });
      file.writeSync(encoder.encode(`${line}\n`));
      file.close();
    } catch {
      // A history that cannot be written is no reason to stop.
    }
  }

  #rewrite(path: string): void {
    const temporary = `${path}.${Deno.pid}`;
    Deno.writeTextFileSync(temporary, this.#lines.join("\n") + "\n", { mode: 0o600 });
    Deno.renameSync(temporary, path);
  }
}
