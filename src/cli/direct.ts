/**
 * `kv get --direct KEY`, `kv scan --direct`: out of the store's files, without asking a server, be there
 * one or not.
 */
import { KeyValueReader } from "../client/key_value_reader.ts";
import { StoreError } from "../store/errors.ts";
import { SystemError } from "../sys/libc.ts";
import { exitCodes } from "./exit_codes.ts";
import { appendReply } from "./format_reply.ts";
import { type ClientSettings, type ReplyFormat, UsageError } from "./options.ts";
import type { Reply } from "../protocol/reply.ts";
import { complain, OutputSink, readInput, writeOutput } from "./output.ts";

/** Keys that are written to a pipe at a time. */
const keysAtOnce = 1000;

const optionsComeFirst = "options such as --store stand before the command's name";

const encoder = new TextEncoder();
const newline = encoder.encode("\n");

/** `args` is what stands behind the command's name, without `--direct`. Resolves with the exit status. */
export async function readDirectly(
  name: "get" | "scan",
  args: readonly string[],
  settings: ClientSettings,
): Promise<number> {
  const given: (string | Uint8Array)[] = [...args];
  if (settings.argumentFromInput) given.push(await readInput());
  const read = name === "get" ? planGet(given, settings) : planScan(given, settings);
  try {
    using reader = KeyValueReader.open(settings.store);
    return read(reader);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) complain(`There is no file ${settings.store}`);
    else if (error instanceof StoreError || error instanceof SystemError) complain(error.message);
    else throw error;
    return exitCodes.errorReply;
  }
}

type Read = (reader: KeyValueReader) => number;

function planGet(args: readonly (string | Uint8Array)[], { format }: ClientSettings): Read {
  if (args.length !== 1) {
    throw new UsageError(`kv get --direct takes one key; ${optionsComeFirst}`);
  }
  return (reader) => {
    const value = reader.get(args[0]);
    if (format !== "raw" || value !== null) show(value, format);
    return value === null ? exitCodes.nil : exitCodes.ok;
  };
}

function planScan(args: readonly (string | Uint8Array)[], { format }: ClientSettings): Read {
  const { match, count } = scanOptions(args);
  return (reader) => {
    const keys = first(reader.scan({ match }), count);
    if (format === "raw") writeLines(keys);
    else show([...keys], format);
    return exitCodes.ok;
  };
}

/** `[MATCH pattern] [COUNT n]`, in any order and case. */
function scanOptions(
  args: readonly (string | Uint8Array)[],
): { readonly match?: string | Uint8Array; readonly count: number } {
  let match: string | Uint8Array | undefined;
  let count = Infinity;
  for (let i = 0; i < args.length; i += 2) {
    const value = args[i + 1];
    const word = typeof args[i] === "string" ? String(args[i]).toUpperCase() : "";
    if (value === undefined || word !== "MATCH" && word !== "COUNT") {
      throw new UsageError(`kv scan --direct takes [MATCH pattern] [COUNT n]; ${optionsComeFirst}`);
    }
    if (word === "MATCH") match = value;
    else {
      count = Number(value);
      if (!Number.isInteger(count) || count < 1) {
        throw new UsageError(`COUNT needs a number from 1 on, not ${value}`);
      }
    }
  }
  return { match, count };
}

function* first(keys: Iterable<Uint8Array>, count: number): Generator<Uint8Array> {
  let left = count;
  for (const key of keys) {
    yield key;
    if (--left <= 0) return;
  }
}

function show(reply: Reply, format: ReplyFormat): void {
  const sink = new OutputSink();
  appendReply(sink, reply, format, []);
  sink.flush();
}

function writeLines(keys: Iterable<Uint8Array>): void {
  let chunks: Uint8Array[] = [];
  for (const key of keys) {
    chunks.push(key, newline);
    if (chunks.length < 2 * keysAtOnce) continue;
    if (!writeOutput(...chunks)) return; // Nobody wants the rest.
    chunks = [];
  }
  if (chunks.length > 0) writeOutput(...chunks);
}
