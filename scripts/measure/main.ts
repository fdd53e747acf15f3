/**
 * Measures what kv promises beside throughput: restarts, space, expiry, growth. The figures of
 * docs/reliability.md come from here.
 *
 *     deno task measure restart [--keys 10m]      time to be ready, after a stop, kill -9, without index
 *     deno task measure space [--keys 1m]         the file against what is live; it shrinks; pauses
 *     deno task measure expiry [--keys 1m]        how late keys go that expire within a minute, under load
 *     deno task measure growth [--keys 50m]       time and memory for each operation and key, from 100k keys on
 *     deno task measure reader-speed [--keys 1m]  reads of another process through shared memory, against LMDB
 *     deno task measure larger [--keys 2m]        a store of several times the memory the server may use (root)
 */
import { parseArgs } from "@std/cli/parse-args";
import { Output } from "../bench/output.ts";
import { Workplace } from "../bench/workplace.ts";
import { measureExpiry } from "./expiry.ts";
import { measureGrowth } from "./growth.ts";
import { measureLarger } from "./larger.ts";
import { measureReaderSpeed } from "./reader_speed.ts";
import { measureRestart } from "./restart.ts";
import { measureSpace } from "./space.ts";

export interface MeasureContext {
  readonly folder: string;
  readonly keys: number;
  readonly output: Output;
}

const measurements: Readonly<
  Record<string, { keys: number; run: (context: MeasureContext) => Promise<void> }>
> = {
  restart: { keys: 10_000_000, run: measureRestart },
  space: { keys: 1_000_000, run: measureSpace },
  expiry: { keys: 1_000_000, run: measureExpiry },
  growth: { keys: 50_000_000, run: measureGrowth },
  "reader-speed": { keys: 1_000_000, run: measureReaderSpeed },
  larger: { keys: 2_000_000, run: measureLarger },
};

function parseCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)([km]?)$/.exec(text);
  return match ? Number(match[1]) * { "": 1, k: 1000, m: 1_000_000 }[match[2]]! : NaN;
}

const { _: names, keys: keysText } = parseArgs(Deno.args, { string: ["keys"] });
const measurement = measurements[String(names[0])];
const keys = parseCount(keysText) ?? measurement?.keys;
if (measurement === undefined || names.length !== 1 || !(keys > 0)) {
  console.error(`Use: deno task measure ${Object.keys(measurements).join(" | ")} [--keys 10m]`);
  Deno.exit(64);
}
using workplace = await Workplace.make();
const folder = await workplace.makeFolder("measure");
await measurement.run({ folder, keys, output: new Output() });
