/** `kv cli`: a prompt on a terminal, and the same for commands from a pipe. */
import { exitCodes } from "./exit_codes.ts";
import {
  clientSettings,
  type GivenOptions,
  promptOptions,
  subcommandOptions,
  UsageError,
} from "./options.ts";
import { writeOutput } from "./output.ts";
import { version } from "./version.ts";

/** `args` stand behind `cli`, the options of `leading` before it; resolves with the exit status. */
export async function interactive(
  args: readonly string[],
  leading: GivenOptions,
): Promise<number> {
  const { options, rest } = await subcommandOptions("cli", promptOptions, { args, leading });
  if (options.has("help")) {
    const { help } = await import("./help.ts");
    return help(["cli"]);
  }
  if (options.has("version")) {
    writeOutput(`kv ${version}\n`);
    return exitCodes.ok;
  }
  if (rest.length > 0) throw new UsageError(`kv cli takes options only, not '${rest[0]}'`);
  const settings = clientSettings(options);
  if (Deno.stdin.isTerminal() && Deno.stdout.isTerminal()) {
    const { TerminalSession } = await import("./terminal_session.ts");
    return await new TerminalSession(settings).run();
  }
  const { runPipe } = await import("./command_pipe.ts");
  return await runPipe(settings);
}
