/**
 * Which keys a request names, and what it does to them, where that hangs on its options: SET reads the old
 * value with GET or IFEQ, DELEX with IFEQ, BITFIELD writes with SET and INCRBY, and SORT has a second key
 * with STORE. COMMAND GETKEYS tells it, and access control asks.
 */
import { isOfKeys, visitKeys } from "./command_keys.ts";
import type { CommandSpec } from "./command_spec.ts";
import type { CommandContext } from "./context.ts";
import { valueConditionAt } from "./value_condition.ts";

/**
 * Calls `visit` for each key of the request that stands behind the first `skipped` arguments: the key is
 * argument `i` of the context's request.
 */
export function visitRequestKeys(
  context: CommandContext,
  { name, keys }: CommandSpec,
  skipped: number,
  visit: (i: number, flags: readonly string[]) => void,
): void {
  const positions = keys.filter(isOfKeys);
  if (positions.length === 0) return;
  visitKeys(positions, context.argc - skipped, (i, flags) => {
    visit(i + skipped, keyFlagsInUse(context, name, flags, skipped));
  });
  if (name !== "sort") return;
  const destination = sortDestination(context, skipped);
  if (destination > 0) visit(destination, ["OW", "update"]);
}

/** Where the key behind SORT's last STORE stands; 0 without one. */
function sortDestination(context: CommandContext, skipped: number): number {
  let destination = 0;
  for (let i = skipped + 2; i < context.argc; i++) {
    if (context.is(i, "LIMIT")) i += 2;
    else if (context.is(i, "GET") || context.is(i, "BY")) i++;
    else if (context.is(i, "STORE") && i + 1 < context.argc) destination = ++i;
  }
  return destination;
}

/** The flags for the request that stands behind the first `skipped` arguments. */
type FlagsOf = (context: CommandContext, skipped: number) => readonly string[];

const flagsOfCommands: Readonly<Record<string, FlagsOf>> = { bitfield, delex, set };

/** The flags of a command's key as that request uses it; `declared` are those of the command table. */
function keyFlagsInUse(
  context: CommandContext,
  name: string,
  declared: readonly string[],
  skipped: number,
): readonly string[] {
  if (!declared.includes("variable_flags")) return declared;
  return flagsOfCommands[name](context, skipped);
}

function set(context: CommandContext, skipped: number): readonly string[] {
  let isCompared = false;
  for (let i = skipped + 3; i < context.argc; i++) {
    if (context.is(i, "GET")) return ["RW", "access", "update"];
    isCompared ||= valueConditionAt(context, i) !== null;
  }
  return [isCompared ? "RW" : "OW", "update"];
}

function delex(context: CommandContext, skipped: number): readonly string[] {
  for (let i = skipped + 2; i < context.argc; i++) {
    if (valueConditionAt(context, i) !== null) return ["RW", "delete"];
  }
  return ["RM", "delete"];
}

/** Whatever is no whole GET or OVERFLOW counts as writing. */
function bitfield(context: CommandContext, skipped: number): readonly string[] {
  const { argc } = context;
  for (let i = skipped + 2; i < argc; i++) {
    const left = argc - i - 1;
    if (left >= 2 && context.is(i, "GET")) i += 2;
    else if (left >= 1 && context.is(i, "OVERFLOW")) i++;
    else return ["RW", "access", "update"];
  }
  return ["RO", "access"];
}
