import type { CommandContext, Handler } from "./context.ts";

/**
 * The handler of a container's HELP: Redis's lines (7.0) about the subcommands, between the heading and
 * the ending that all of them share.
 */
export function helpHandler(container: string, lines: readonly string[]): Handler {
  const all = [
    `${container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...lines,
    "HELP",
    "    Prints this help.",
  ];
  return ({ reply }: CommandContext) => {
    reply.array(all.length);
    for (const line of all) reply.status(line);
  };
}
