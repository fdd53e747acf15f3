/** What somebody may have meant who typed a name that does not exist. */
import { findCommand, suggest } from "../commands/command_table.ts";
import { isNear } from "../commands/near_names.ts";
import { subcommands } from "./subcommands.ts";

/** Whether `name` is a command of the server, as far as this program knows. */
export function isKnown(name: string): boolean {
  return findCommand(name) !== undefined;
}

/** `Did you mean 'get'?`, or null when nothing is near. */
export function didYouMean(name: string): string | null {
  const lower = name.toLowerCase();
  return question([
    ...subcommands.map((subcommand) => subcommand.name).filter((other) => isNear(lower, other)),
    ...suggest(name),
  ]);
}

/** `Did you mean 'config get'?` for `config gte`, or null when nothing is near. */
export function didYouMeanWithin(name: string, subcommand: string): string | null {
  const known = findCommand(name)?.subcommands ?? [];
  const lower = subcommand.toLowerCase();
  const words = known.map((spec) => spec.name.split("|")).filter(([, word]) => isNear(lower, word));
  return question(words.map((pair) => pair.join(" ")));
}

/**
 * What to ask somebody who typed these words, the command's name first, and got this error; null for
 * an error of another kind, or when nothing is near.
 */
export function questionAfter(message: string, words: readonly string[]): string | null {
  if (message.startsWith("ERR unknown command")) return didYouMean(words[0]);
  if (message.startsWith("ERR unknown subcommand")) return didYouMeanWithin(words[0], words[1]);
  return null;
}

function question(names: readonly string[]): string | null {
  if (names.length === 0) return null;
  return `Did you mean ${names.map((name) => `'${name.toLowerCase()}'`).join(" or ")}?`;
}
