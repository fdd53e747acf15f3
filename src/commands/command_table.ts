/**
 * Every command that there is, as data. The server dispatches by this table, and the command line
 * helps and completes with it, so nothing here may import a handler.
 */
import type { CommandSpec } from "./command_spec.ts";
import { aclCommands } from "./tables/acl.ts";
import { bitmapCommands } from "./tables/bitmap.ts";
import { connectionCommands } from "./tables/connection.ts";
import { diagnosticCommands } from "./tables/diagnostics.ts";
import { genericCommands } from "./tables/generic.ts";
import { hyperloglogCommands } from "./tables/hyperloglog.ts";
import { pubsubCommands } from "./tables/pubsub.ts";
import { serverCommands } from "./tables/server.ts";
import { storedFormCommands } from "./tables/stored_form.ts";
import { stringCommands } from "./tables/string.ts";
import { transactionCommands } from "./tables/transactions.ts";

/** More names than this are no help to somebody who mistyped one. */
const suggestionsMax = 4;

/** Fewer letters than this begin too many names. */
const prefixLengthMin = 2;

/** All commands, sorted by name; subcommands are inside of theirs. */
export const commandTable: readonly CommandSpec[] = [
  ...aclCommands,
  ...bitmapCommands,
  ...connectionCommands,
  ...diagnosticCommands,
  ...genericCommands,
  ...hyperloglogCommands,
  ...pubsubCommands,
  ...serverCommands,
  ...storedFormCommands,
  ...stringCommands,
  ...transactionCommands,
].sort((a, b) => (a.name < b.name ? -1 : 1));

const specsByName = new Map<string, CommandSpec>();
for (const spec of commandTable) {
  specsByName.set(spec.name, spec);
  for (const subcommand of spec.subcommands ?? []) specsByName.set(subcommand.name, subcommand);
}

/** The command of that name, in any case; `config|get` finds a subcommand. */
export function findCommand(name: string): CommandSpec | undefined {
  return specsByName.get(name.toLowerCase());
}

/**
 * Names, in lower case, that may be meant by a name that does not exist: those in which one letter
 * was left out, added, changed or swapped with its neighbour, then those that begin with it.
 */
export function suggest(name: string): string[] {
  const typed = name.toLowerCase();
  const near: string[] = [];
  const longer: string[] = [];
  for (const { name: known } of commandTable) {
    if (known === typed) continue;
    if (isOneEditAway(typed, known)) near.push(known);
    else if (typed.length >= prefixLengthMin && known.startsWith(typed)) longer.push(known);
  }
  longer.sort((a, b) => a.length - b.length);
  return [...near, ...longer].slice(0, suggestionsMax);
}

/** Whether one edit makes one word of the other: what lies between their common ends tells. */
function isOneEditAway(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < shorter - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const restOfA = a.slice(head, a.length - tail);
  const restOfB = b.slice(head, b.length - tail);
  if (restOfA.length <= 1 && restOfB.length <= 1) return true;
  return restOfB.length === 2 && restOfA === restOfB[1] + restOfB[0];
}
