/**
 * What commands do to their keys, where that hangs on the options: SET reads the old value with GET or
 * IFEQ, DELEX with IFEQ, and BITFIELD writes with SET and INCRBY. COMMAND GETKEYSANDFLAGS tells it.
 */
import type { CommandContext } from "./context.ts";
import { valueConditionAt } from "./value_condition.ts";

/** The flags for the request that stands behind the first `skipped` arguments. */
type FlagsOf = (context: CommandContext, skipped: number) => readonly string[];

const flagsOfCommands: Readonly<Record<string, FlagsOf>> = { bitfield, delex, set };

/** The flags of a command's key as that request uses it; `declared` are those of the command table. */
export function keyFlagsInUse(
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
