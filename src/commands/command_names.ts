/** Under which names the commands are called: their own, unless `rename-command` says otherwise. */
import type { CommandSpec } from "./command_spec.ts";
import { commandTable } from "./command_table.ts";

export class CommandNames {
  /** By the names that they are called with, lower case. */
  readonly #specs = new Map(commandTable.map((spec) => [spec.name, spec]));

  /** Commands by the names that they are called with. */
  entries(): Iterable<[string, CommandSpec]> {
    return this.#specs;
  }

  /**
   * Gives the command that is called `from` another name, or, with an empty one, none. Returns null, or
   * what is wrong, in Redis's words.
   */
  rename(from: string, to: string): string | null {
    const [name, newName] = [from.toLowerCase(), to.toLowerCase()];
    const spec = this.#specs.get(name);
    if (spec === undefined) return "No such command in rename-command";
    this.#specs.delete(name);
    if (newName === "") return null;
    if (this.#specs.has(newName)) return "Target command name already exists";
    this.#specs.set(newName, spec);
    return null;
  }
}
