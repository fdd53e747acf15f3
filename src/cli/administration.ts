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

/** Reads options that stand behind the subcommand as if they stood before it. */
export async function readArguments(
  args: readonly string[],
  leading: GivenOptions,
): Promise<{ settings: ClientSettings; rest: readonly string[]; wantsHelp: boolean }> {
  const { options, rest } = await parseOptions(administrationOptions, args);
  const all = new Map([...leading, ...options]);
  return { settings: clientSettings(all), rest, wantsHelp: all.has("help") };
}

/** Connects, runs, and says what went wrong; resolves with the exit status. */
export async function withServer(
  { address }: ClientSettings,
  use: (client: KeyValueClient) => Promise<number>,
): Promise<number> {
  try {
    await using client = await KeyValueClient.connect(address);
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
