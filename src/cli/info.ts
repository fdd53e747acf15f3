/** `kv info` for people: what a store holds, how its space is used, how far behind the disk is. */
import { administer, humanBytes, infoFields, withServer } from "./administration.ts";
import { exitCodes } from "./exit_codes.ts";
import { isColoured } from "./help.ts";
import { administrationOptions, type ClientSettings, type GivenOptions } from "./options.ts";
import { writeOutput } from "./output.ts";

const barCells = 30;

type Fields = ReadonlyMap<string, string>;

/**
 * On a terminal, or as JSON with every field of INFO or of some of its sections; anything else is left to the command INFO, whose
 * text scripts know. Resolves with the exit status.
 */
export function info(args: readonly string[], leading: GivenOptions): Promise<number> {
  return administer({ name: "info", specs: administrationOptions, args, leading }, run);
}

async function run(settings: ClientSettings, rest: readonly string[]): Promise<number> {
  if (settings.format === "raw" || rest.length > 0 && settings.format !== "json") {
    const { runCommand } = await import("./run_command.ts");
    return await runCommand(["info", ...rest], settings);
  }
  return await withServer(settings, async (client) => {
    const fields = await infoFields(client, rest);
    writeOutput(
      settings.format === "json"
        ? `${JSON.stringify(Object.fromEntries(fields))}\n`
        : describe(fields, isColoured()),
    );
    return exitCodes.ok;
  });
}

/** The sections, as lines of text. */
function describe(fields: Fields, coloured: boolean): string {
  const title = (text: string) => coloured ? `\x1b[1m${text}\x1b[22m` : text;
  const number = (name: string) => Number(fields.get(name) ?? 0);
  const text = (name: string) => fields.get(name) ?? "?";
  const bytes = (name: string) => humanBytes(number(name));
  const count = (name: string) => number(name).toLocaleString("en-US");
  const lines: string[] = [];
  const section = (name: string, rows: readonly (readonly [string, string])[]) => {
    if (lines.length > 0) lines.push("");
    lines.push(title(name));
    for (const [label, value] of rows) lines.push(`  ${label.padEnd(18)}${value}`);
  };
  const live = number("store_live_bytes");
  const used = number("store_used_bytes");
  const file = number("store_file_bytes");
  const limit = number("maxmemory");
  section("Server", [
    ["version", `kv ${text("kv_version")}, process ${text("process_id")}`],
    ["up", duration(number("uptime_in_seconds"))],
    ["clients", `${count("connected_clients")} of ${count("maxclients")} at most`],
    [
      "commands",
      `${count("total_commands_processed")}, ${count("instantaneous_ops_per_sec")}/s now`,
    ],
    ["memory", `${bytes("used_memory_rss")} resident, the cached part of the files included`],
  ]);
  section("Keys", [
    ["keys", count("store_keys")],
    ["with a deadline", count("store_volatile_keys")],
    ["expired", count("expired_keys")],
    ["evicted", count("evicted_keys")],
    ["found", share(number("keyspace_hits"), number("keyspace_misses"))],
  ]);
  section("Space", [
    ["live", `${humanBytes(live)}`],
    ["dead", `${humanBytes(Math.max(0, used - live))}, which compaction will free`],
    ["file", `${humanBytes(file)}, ${(file / Math.max(1, live)).toFixed(1)} times what is live`],
    ["limit", limit === 0 ? "none" : `${humanBytes(limit)}, ${text("maxmemory_policy")}`],
    [
      "compacted",
      `${count("store_segments_compacted")} segments, ${bytes("store_compaction_bytes")} copied`,
    ],
  ]);
  const fill = text("store_segments_by_fill").split(",").map(Number);
  lines.push(
    "",
    title("Segments by how much of them is live"),
    ...chart(fill, fillLabels, coloured),
  );
  section("Index", [
    [
      "size",
      `${bytes("store_index_bytes")}, ${perKey(number("store_index_bytes"), number("store_keys"))}`,
    ],
    ["depth", `${text("store_index_depth")} bits of the hash lead to a page`],
    ["fill", `${text("store_index_fill_percent")}% of the slots`],
  ]);
  section("Durability", [
    ["policy", text("store_sync")],
    ["not yet on disk", `${bytes("store_unsynced_bytes")}, for ${text("store_unsynced_ms")} ms`],
    ["last sync", text("rdb_last_bgsave_status") === "ok" ? "ok" : "failed: nothing is written"],
    [
      "damage",
      number("store_damages") === 0 ? "none" : `${count("store_damages")} places: kv check`,
    ],
    ["came up", `${text("store_opened_by")}, in ${text("store_opening_ms")} ms`],
  ]);
  const histogram = (name: string) => {
    const classes = text(name).split(",").map((part) => part.split(":"));
    return chart(classes.map(([, n]) => Number(n)), classes.map(([label]) => label), coloured);
  };
  lines.push("", title("Expired keys, by how long after their deadlines they were removed"));
  lines.push(...histogram("store_expiry_lateness"));
  lines.push(`  longest ${text("store_longest_expiry_lateness_ms")} ms`);
  lines.push("", title("Stretches in which one client's work kept the others waiting"));
  lines.push(...histogram("store_pauses"));
  lines.push(
    `  longest ${text("store_longest_pause_ms")} ms; without waits for a processor ` +
      `${text("store_longest_own_pause_ms")} ms`,
  );
  return `${lines.join("\n")}\n`;
}

const fillLabels = Array.from({ length: 10 }, (_, i) => `${i * 10}-${i * 10 + 10}%`);

/** A bar for each count, the largest one of full length. */
function chart(
  counts: readonly number[],
  labels: readonly string[],
  coloured: boolean,
): string[] {
  const most = Math.max(1, ...counts);
  return counts.map((count, i) => {
    const cells = count === 0 ? 0 : Math.max(1, Math.round(count / most * barCells));
    const bar = "#".repeat(cells).padEnd(barCells);
    const shown = coloured ? `\x1b[36m${bar}\x1b[39m` : bar;
    return `  ${labels[i].padStart(10)}  ${shown} ${count.toLocaleString("en-US")}`;
  });
}

function duration(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const clock = new Date(seconds % 86_400 * 1000).toISOString().slice(11, 19);
  return days === 0 ? clock : `${days} d ${clock}`;
}

function share(hits: number, misses: number): string {
  if (hits + misses === 0) return "nothing was looked for";
  return `${(hits / (hits + misses) * 100).toFixed(1)}% of what was looked for`;
}

function perKey(bytes: number, keys: number): string {
  return keys === 0 ? "no keys" : `${(bytes / keys).toFixed(1)} bytes a key`;
}
