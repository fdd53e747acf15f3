/** `kv compact`: has the server compact the whole store, and shows how far it is. */
import { KeyValueReplyError } from "../client/errors.ts";
import { administer, humanBytes, infoFields, withServer } from "./administration.ts";
import { exitCodes } from "./exit_codes.ts";
import {
  administrationOptions,
  type ClientSettings,
  type GivenOptions,
  UsageError,
} from "./options.ts";
import { writeOutput } from "./output.ts";
import { progressBar } from "./progress_bar.ts";

const pollMs = 50;

/** Resolves with the exit status when the store is compact, whoever asked for it. */
export function compact(args: readonly string[], leading: GivenOptions): Promise<number> {
  return administer({ name: "compact", specs: administrationOptions, args, leading }, run);
}

async function run(settings: ClientSettings, rest: readonly string[]): Promise<number> {
  if (rest.length > 0) throw new UsageError(`kv compact takes options only, not '${rest[0]}'`);
  return await withServer(settings, async (client) => {
    const started = performance.now();
    const before = await infoFields(client);
    const bar = progressBar("Compacting");
    // That it is going on already is no error: it is what was wanted.
    await client.command("BGREWRITEAOF").catch((error) => {
      if (!(error instanceof KeyValueReplyError && / in progress/.test(error.message))) throw error;
    });
    let now = await infoFields(client);
    while (now.get("aof_rewrite_in_progress") === "1") {
      // The syncs behind the last segment take a moment too.
      bar(Number(now.get("store_compaction_percent")) / 101);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      now = await infoFields(client);
    }
    bar(1);
    const [bytesBefore, bytesAfter] = [before, now].map((fields) =>
      Number(fields.get("store_file_bytes"))
    );
    const seconds = Math.round(performance.now() - started) / 1000;
    writeOutput(
      settings.format === "json"
        ? `${JSON.stringify({ bytesBefore, bytesAfter, seconds })}\n`
        : `${humanBytes(bytesBefore)} before, ${humanBytes(bytesAfter)} after ${seconds} s\n`,
    );
    return exitCodes.ok;
  });
}
