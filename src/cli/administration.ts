/** What `kv compact`, `kv backup` and `kv info` share: a client for their work, and INFO's fields. */
import { KeyValueClient } from "../client/key_value_client.ts";
import { KeyValueConnectionError, KeyValueReplyError } from "../client/errors.ts";
import { replyToText } from "../protocol/reply.ts";
import { exitCodes } from "./exit_codes.ts";
import { passwordHint } from "./greeting.ts";
import { noServerMessage } from "./no_server.ts";
import {
  type ClientSettings,
  clientSettings,
  type GivenOptions,
  type OptionSpec,
  subcommandOptions,
} from "./options.ts";
import { complain } from "./output.ts";

/** A subcommand, the options it has, and how it was called. */
export interface Administration {
  readonly name: string;
  readonly specs: readonly OptionSpec[];
  readonly args: readonly string[];
  readonly leading: GivenOptions;
}

/**
 * Runs a subcommand: options behind its name count as those before it, and `--help` shows its help.
 * Resolves with what `use` resolves with, or the exit status of the help.
 */
export async function administer<T>(
  { name, specs, args, leading }: Administration,
  use: (settings: ClientSettings, rest: readonly string[]) => Promise<T>,
): Promise<T | number> {
  const { options, rest } = await subcommandOptions(name, specs, { args, leading });
  if (options.has("help")) {
    const { help } = await import("./help.ts");
    return help([name]);
  }
  return await use(clientSettings(options), rest);
}

/** Connects, runs, and says what went wrong; resolves with the exit status. */
export async function withServer(
  { address, user, password }: ClientSettings,
  use: (client: KeyValueClient) => Promise<number>,
): Promise<number> {
  try {
    await using client = await KeyValueClient.connect({ ...address, username: user, password });
    return await use(client);
  } catch (error) {
    if (error instanceof KeyValueReplyError) {
      complain(error.code === "NOAUTH" ? passwordHint : error.message);
      return exitCodes.errorReply;
    }
    if (!(error instanceof KeyValueConnectionError)) throw error;
    complain(noServerMessage(error, address));
    return exitCodes.noServer;
  }
}

/** The fields of INFO, by name: those of all its usual sections, or of these. */
export async function infoFields(
  client: KeyValueClient,
  sections: readonly string[] = [],
): Promise<Map<string, string>> {
  const text = String(replyToText(await client.command("INFO", ...sections)));
  return new Map(
    [...text.matchAll(/^([^#:\r\n][^:\r\n]*):(.*)\r$/gm)].map(([, name, value]) => [name, value]),
  );
}

/** "1.5 MiB" */
export function humanBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
