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

/** The error of a subcommand that takes fewer arguments than the dispatcher lets through. */
export function wrongSubcommandArguments(context: CommandContext): void {
  const container = context.text(0).toUpperCase();
  context.reply.errorQuotingBytes(
    `ERR unknown subcommand or wrong number of arguments for '${context.quoted(1, 128)}'. ` +
      `Try ${container} HELP.`,
  );
}
