/**
 * What commands do to their keys, where that hangs on the options: SET reads the old value with GET,
 * BITFIELD writes with SET and INCRBY. COMMAND GETKEYSANDFLAGS tells it.
 */
import type { CommandContext } from "./context.ts";

/** The flags for the request that stands behind the first `skipped` arguments. */
type FlagsOf = (context: CommandContext, skipped: number) => readonly string[];

const flagsOfCommands: Readonly<Record<string, FlagsOf>> = { bitfield, set };

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
  for (let i = skipped + 3; i < context.argc; i++) {
    if (context.is(i, "GET")) return ["RW", "access", "update"];
  }
  return ["OW", "update"];
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
