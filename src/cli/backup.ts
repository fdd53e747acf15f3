/** `kv backup FILE`: has the server copy its store, and reads the copy to see that it is whole. */
import { KeyValueConnectionError, KeyValueReplyError } from "../client/errors.ts";
import { KeyValueClient } from "../client/key_value_client.ts";
import { resolve } from "../sys/file_path.ts";
import { checkStore } from "../store/checker.ts";
import { StoreError } from "../store/errors.ts";
import { SystemError } from "../sys/libc.ts";
import { administer, humanBytes, infoFields, withServer } from "./administration.ts";
import { exitCodes } from "./exit_codes.ts";
import { backupOptions, type ClientSettings, type GivenOptions, UsageError } from "./options.ts";
import { complain, writeOutput } from "./output.ts";
import { progressBar } from "./progress_bar.ts";

const pollMs = 50;
/** Beside the usual ones: the copy is damaged, as the store is, or its owner does not let this user read it. */
const exitUnsure = 1;

/** Resolves with the exit status when the copy is made and read. */
export function backup(args: readonly string[], leading: GivenOptions): Promise<number> {
  return administer({ name: "backup", specs: backupOptions, args, leading }, run);
}

async function run(settings: ClientSettings, rest: readonly string[]): Promise<number> {
  if (rest.length !== 1) throw new UsageError("kv backup takes one argument: the file to make");
  const path = resolve(rest[0]);
  return await withServer(settings, async (client) => {
    const started = performance.now();
    const copying = progressBar("Copying");
    const copied = client.command("BACKUP", path);
    copied.catch(() => {}); // It is awaited below.
    await showProgress(settings, copied, copying);
    copying(1);
    await copied;
    const report = await checkStore(path, { onProgress: progressBar(`Checking ${rest[0]}`) })
      .catch((error) => {
        if (isExpected(error)) return error;
        throw error;
      });
    if (report instanceof Error) {
      complain(`The server has made ${rest[0]}, which cannot be checked: ${report.message}`);
      return exitUnsure;
    }
    const seconds = Math.round(performance.now() - started) / 1000;
    const { keys, fileBytes, damages } = report;
    const isWhole = damages.length === 0;
    writeOutput(
      settings.format === "json"
        ? `${JSON.stringify({ path, keys, bytes: fileBytes, whole: isWhole, seconds })}\n`
        : `${rest[0]}: ${keys} keys, ${
          humanBytes(fileBytes)
        }, copied and checked in ${seconds} s\n`,
    );
    if (isWhole) return exitCodes.ok;
    complain(`${rest[0]} has damage, as the store has: kv check ${rest[0]}`);
    return exitUnsure;
  });
}

function isExpected(error: unknown): error is Error {
  return error instanceof StoreError || error instanceof SystemError ||
    error instanceof Deno.errors.NotFound;
}

/**
 * Shows how far the copy is, until it is done, by asking on another connection. Who may not ask, or is not let in a second
 * time, sees nothing of it: the copy is made nevertheless.
 */
async function showProgress(
  { address, user, password }: ClientSettings,
  copied: Promise<unknown>,
  copying: (share: number) => void,
): Promise<void> {
  let isDone = false;
  const done = copied.then(() => isDone = true, () => isDone = true);
  try {
    await using observer = await KeyValueClient.connect({
      ...address,
      username: user,
      password,
      reconnect: false,
    });
    while (!isDone) {
      const percent = Number((await infoFields(observer)).get("store_backup_percent"));
      if (percent >= 0) copying(percent / 101);
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, pollMs))]);
    }
  } catch (error) {
    if (error instanceof KeyValueReplyError || error instanceof KeyValueConnectionError) return;
    throw error;
  }
}
