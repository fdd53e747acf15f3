/** `kv cli`: a prompt on a terminal, and the same for commands from a pipe. */
import { exitCodes } from "./exit_codes.ts";
import {
  clientOptions,
  clientSettings,
  type GivenOptions,
  parseOptions,
  UsageError,
} from "./options.ts";
import { version } from "./version.ts";

/** `args` stand behind `cli`, the options of `leading` before it; resolves with the exit status. */
export async function interactive(
  args: readonly string[],
  leading: GivenOptions,
): Promise<number> {
  const { options, rest } = await parseOptions(clientOptions, args);
  const all = new Map([...leading, ...options]);
  if (all.has("help")) {
    const { help } = await import("./help.ts");
    return help(["cli"]);
  }
  if (all.has("version")) {
    console.log(`kv ${version}`);
    return exitCodes.ok;
  }
  if (rest.length > 0) throw new UsageError(`kv cli takes options only, not '${rest[0]}'`);
  if (all.has("x")) throw new UsageError("The option -x goes with a command, not with cli");
  const settings = clientSettings(all);
  if (Deno.stdin.isTerminal() && Deno.stdout.isTerminal()) {
    const { TerminalSession } = await import("./terminal_session.ts");
    return await new TerminalSession(settings).run();
  }
  const { runPipe } = await import("./command_pipe.ts");
  return await runPipe(settings);
}
