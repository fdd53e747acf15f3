/**
 * The commands as access control sees them: numbered, subcommands like others, and in categories. Rules
 * name them by their own names, whatever `rename-command` calls them.
 */
import type { CommandSpec } from "./command_spec.ts";
import { commandTable } from "./command_table.ts";

/** The categories of Redis 7.0, in its order; of some of them, kv has no commands. */
export const aclCategories: readonly string[] = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "bitmap",
  "hyperloglog",
  "geo",
  "stream",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
  "scripting",
];

export interface AclCommand {
  /** Its place in `numberedCommands`. */
  readonly id: number;
  /** `config|get` for a subcommand. */
  readonly name: string;
  readonly isSubcommand: boolean;
  readonly categories: readonly string[];
  /** The ids of its subcommands. */
  readonly subcommands: readonly number[];
}

/** All commands, each behind its container. */
export const numberedCommands: readonly AclCommand[] = number(commandTable);

const commandsByName = new Map(numberedCommands.map((command) => [command.name, command]));
const commandsByCategory = new Map(
  aclCategories.map((category) => [
    category,
    numberedCommands.filter(({ categories }) => categories.includes(category)),
  ]),
);

function number(table: readonly CommandSpec[]): AclCommand[] {
  const commands: AclCommand[] = [];
  for (const { name, categories, subcommands = [] } of table) {
    const first = commands.length + 1;
    commands.push({
      id: commands.length,
      name,
      isSubcommand: false,
      categories,
      subcommands: subcommands.map((_, i) => first + i),
    });
    for (const { name, categories } of subcommands) {
      commands.push({ id: commands.length, name, isSubcommand: true, categories, subcommands: [] });
    }
  }
  return commands;
}

/** The command or, as `config|get`, subcommand of that name, in any case. */
export function findAclCommand(name: string): AclCommand | undefined {
  return commandsByName.get(name.toLowerCase());
}

/** The commands of a category, in any case; null when there is no such category. */
export function commandsInCategory(category: string): readonly AclCommand[] | null {
  return commandsByCategory.get(category.toLowerCase()) ?? null;
}
