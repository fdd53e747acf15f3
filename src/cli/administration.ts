/** What `kv compact`, `kv backup` and `kv info` share: a client for their work, and INFO's fields. */
import { KeyValueClient } from "../client/key_value_client.ts";
import { KeyValueConnectionError, KeyValueReplyError } from "../client/errors.ts";
import { replyToText } from "../protocol/reply.ts";
import { exitCodes } from "./exit_codes.ts";
import { noServerMessage } from "./no_server.ts";
import {
  administrationOptions,
  type ClientSettings,
  clientSettings,
  type GivenOptions,
  parseOptions,
} from "./options.ts";
import { complain } from "./output.ts";

/**
 * Runs a subcommand: options behind its name count as those before it, and `--help` shows its help.
 * Resolves with what `use` resolves with, or the exit status of the help.
 */
export async function administer<T>(
  name: string,
  args: readonly string[],
  leading: GivenOptions,
  use: (settings: ClientSettings, rest: readonly string[]) => Promise<T>,
): Promise<T | number> {
  const { options, rest } = await parseOptions(administrationOptions, args);
  if (options.has("help")) {
    const { help } = await import("./help.ts");
    return help([name]);
  }
  return await use(clientSettings(new Map([...leading, ...options])), rest);
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
      complain(error.message);
      return exitCodes.errorReply;
    }
    if (!(error instanceof KeyValueConnectionError)) throw error;
    complain(noServerMessage(error, address));
    return exitCodes.noServer;
  }
}

/** The fields of INFO, by name. */
export async function infoFields(client: KeyValueClient): Promise<Map<string, string>> {
  const text = String(replyToText(await client.command("INFO")));
  return new Map(
    [...text.matchAll(/^([a-z_0-9]+):(.*)\r$/gm)].map(([, name, value]) => [name, value]),
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
