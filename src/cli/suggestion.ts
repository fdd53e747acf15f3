/** What somebody may have meant who typed a name that does not exist. */
import { findCommand, suggest } from "../commands/command_table.ts";
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

/** Whether one letter was left out, added, changed or swapped; two in longer names. */
function isNear(typed: string, name: string): boolean {
  return editDistance(typed, name) <= (name.length > 5 ? 2 : 1);
}

/** Letters to insert, delete, change or swap with their neighbour (optimal string alignment). */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = from[i - 1] === to[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + changed);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
      }
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length];
}
