/** Reads the options before the command and runs what is meant: a subcommand, or the server's command. */
import { exitCodes } from "./exit_codes.ts";
import { reportFailure } from "./failure.ts";
import { clientOptions, clientSettings, parseOptions, UsageError } from "./options.ts";
import { runCommand } from "./run_command.ts";
import { type Subcommand, subcommands } from "./subcommands.ts";

/** Runs `kv` with these arguments; resolves with the exit status. */
export async function dispatch(args: readonly string[]): Promise<number> {
  try {
    return await run(args);
  } catch (error) {
    return reportFailure(error);
  }
}

async function run(args: readonly string[]): Promise<number> {
  const { options, rest } = await parseOptions(clientOptions, args);
  if (options.has("help")) return await subcommand("help").run(rest, options);
  if (options.has("version")) return await subcommand("version").run([], options);
  if (rest.length === 0) {
    // Without anything: what a newcomer types. The help, but as an error for scripts.
    await subcommand("help").run([], options);
    return exitCodes.usage;
  }
  const [name, ...following] = rest;
  // Only alone: in `kv set greeting --help`, it is a value.
  if (following.length === 1 && following[0] === "--help") {
    return await subcommand("help").run([name], options);
  }
  const known = subcommands.find((subcommand) => subcommand.name === name);
  if (known) return await known.run(following, options);
  const settings = clientSettings(options);
  const reader = ["get", "scan"].find((command) => command === name.toLowerCase());
  // Where nothing else can be meant, it may stand behind the command as well.
  const isBehind = reader !== undefined && following[0] === "--direct";
  if (!options.has("direct") && !isBehind) {
    if (!options.has("store")) return await runCommand(rest, settings);
    throw new UsageError(
      "The option --store is for get and scan with --direct: a server has its own",
    );
  }
  if (reader === undefined) throw new UsageError("--direct is for get and scan");
  const { readDirectly } = await import("./direct.ts");
  return await readDirectly(
    reader as "get" | "scan",
    isBehind ? following.slice(1) : following,
    settings,
  );
}

function subcommand(name: string): Subcommand {
  return subcommands.find((subcommand) => subcommand.name === name)!;
}
