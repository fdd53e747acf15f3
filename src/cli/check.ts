/** `kv check`: reads everything of a store that is not being served, and says whether it is whole. */
import { type CheckReport, checkStore } from "../store/checker.ts";
import { StoreError } from "../store/errors.ts";
import { SystemError } from "../sys/libc.ts";
import { exitCodes } from "./exit_codes.ts";
import { checkOptions, type GivenOptions, subcommandOptions, UsageError } from "./options.ts";
import { complain, writeOutput } from "./output.ts";
import { progressBar } from "./progress_bar.ts";

/** Beside 0 for a store that is whole. */
const exitDamaged = 1;
const exitNotAStore = 2;
const exitInUse = 3;

/** `args` stand behind `check`, the options of `leading` before it; resolves with the exit status. */
export async function check(args: readonly string[], leading: GivenOptions): Promise<number> {
  const { options, rest } = await subcommandOptions("check", checkOptions, { args, leading });
  if (options.has("help")) {
    const { help } = await import("./help.ts");
    return help(["check"]);
  }
  if (rest.length > 1) throw new UsageError(`kv check takes one file, not also '${rest[1]}'`);
  const store = options.get("store");
  if (rest.length > 0 && store !== undefined) {
    throw new UsageError(`kv check takes one file: either ${rest[0]} or --store ${store}`);
  }
  const path = rest[0] ?? String(store ?? (Deno.env.get("KV_STORE") || "store.db"));
  const repairTo = options.has("repair") ? `${path}.repaired` : undefined;
  try {
    if (repairTo !== undefined && exists(repairTo)) {
      complain(`Cannot repair into ${repairTo}: it exists; move it away first`);
      return exitCodes.usage;
    }
    const report = await checkStore(path, {
      repairTo,
      onProgress: progressBar(`Checking ${path}`),
    });
    if (options.has("json")) writeOutput(`${JSON.stringify(forJson(report))}\n`);
    else writeOutput(describe(report, repairTo));
    return isWhole(report) ? exitCodes.ok : exitDamaged;
  } catch (error) {
    if (error instanceof StoreError) {
      complain(error.message);
      return error.code === "LOCKED" ? exitInUse : exitNotAStore;
    }
    if (error instanceof SystemError || error instanceof Deno.errors.NotFound) {
      complain(error instanceof SystemError ? error.message : `There is no file ${path}`);
      return exitNotAStore;
    }
    throw error;
  }
}

function isWhole({ damages, indexDifferencesTotal }: CheckReport): boolean {
  return damages.length === 0 && indexDifferencesTotal === 0;
}

function describe(report: CheckReport, repairTo: string | undefined): string {
  const lines: string[] = [];
  for (const { fileOffset, bytes, reason, key } of report.damages) {
    const whose = key === null ? "" : `, perhaps of the key ${JSON.stringify(decode(key))}`;
    lines.push(`damaged: ${bytes} bytes at offset ${fileOffset}: ${reason}${whose}`);
  }
  for (const difference of report.indexDifferences) lines.push(`index: ${difference}`);
  const more = report.indexDifferencesTotal - report.indexDifferences.length;
  if (more > 0) lines.push(`index: ${more} more`);
  if (report.discardedBytes > 0) {
    lines.push(`${report.discardedBytes} bytes of unfinished writes at the end do not count`);
  }
  lines.push(
    `${report.path}: ${report.keys} keys (${report.volatileKeys} with a deadline) in ` +
      `${report.records} records`,
    `  ${report.fileBytes} bytes, ${report.liveBytes} of them live; ` +
      `${report.segmentsInUse} segments in use, ${report.segmentsFree} free`,
    `  ${
      report.stoppedInOrder ? "stopped in order" : "not stopped in order"
    }; index ${report.index}`,
    isWhole(report) ? "whole" : "damaged",
  );
  if (repairTo !== undefined) lines.push(`all that is whole is copied into ${repairTo}`);
  return lines.join("\n") + "\n";
}

function forJson(report: CheckReport): unknown {
  const damages = report.damages.map((damage) => ({
    ...damage,
    key: damage.key && decode(damage.key),
  }));
  return { ...report, damages, whole: isWhole(report) };
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
