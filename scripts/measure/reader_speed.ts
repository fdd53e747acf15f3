/**
 * How quickly another process reads out of the store's files: against LMDB in the same loop, by turns, with
 * the server at rest and while it writes at full speed; and how that grows with the number of processes.
 */
import { fromFileUrl } from "@std/path";
import { median } from "../bench/statistics.ts";
import { type MeasuredServer, withLoadedServer } from "./client.ts";
import type { MeasureContext } from "./main.ts";

const rounds = 5;
const seconds = 1;
const processCounts = [1, 2, 4];
const loop = fromFileUrl(new URL("reader_loop.ts", import.meta.url));
const filler = fromFileUrl(new URL("lmdb_filler.ts", import.meta.url));

type Kind = "getInto" | "getMany" | "lmdb";
const kinds: readonly Kind[] = ["getInto", "lmdb", "getMany"];

interface Databases {
  readonly store: string;
  readonly lmdb: string;
  readonly keys: number;
}

export async function measureReaderSpeed({ folder, keys, output }: MeasureContext): Promise<void> {
  const print = output.print.bind(output);
  const lmdb = `${folder}/lmdb.mdb`;
  await withLoadedServer(folder, keys, output, async (server) => {
    output.progress("loading LMDB");
    await runScript(filler, lmdb, String(keys));
    const databases = { store: server.store, lmdb, keys };
    output.progress("reading");
    print(`${keys} keys of 16 bytes, values of 32; million random reads a second, one process,`);
    print(`medians of ${rounds} rounds by turns (least to most)`);
    await compare("nobody writes", databases, print);
    const stop = writeAtFullSpeed(server, keys);
    try {
      await compare("redis-benchmark -P 64 overwrites beside it", databases, print);
    } finally {
      await stop();
    }
    print("processes that read at the same time, million reads a second in all, nobody writes");
    for (const processes of processCounts) {
      const sums: Record<string, number[]> = { getInto: [], lmdb: [] };
      for (let round = 0; round < rounds; round++) {
        for (const kind of ["getInto", "lmdb"] as const) {
          sums[kind].push(await readAtOnce(kind, databases, processes, round));
        }
      }
      print(`  ${processes}: getInto ${spread(sums.getInto)}, lmdb ${spread(sums.lmdb)}`);
    }
  });
}

async function compare(
  what: string,
  databases: Databases,
  print: (line: string) => void,
): Promise<void> {
  const rates: Record<Kind, number[]> = { getInto: [], getMany: [], lmdb: [] };
  for (let round = 0; round < rounds; round++) {
    for (const kind of kinds) rates[kind].push(await readAtOnce(kind, databases, 1, round));
  }
  const ratio = median(rates.getInto) / median(rates.lmdb);
  print(`${what}:`);
  print(`  KeyValueReader.getInto ${spread(rates.getInto)}`);
  print(
    `  lmdb getBinaryFast     ${spread(rates.lmdb)}; getInto is ${ratio.toFixed(2)} times as fast`,
  );
  print(`  KeyValueReader.getMany ${spread(rates.getMany)}, 100 keys at a time`);
}

/** The sum of the rates of so many processes. */
async function readAtOnce(
  kind: Kind,
  { store, lmdb, keys }: Databases,
  processes: number,
  round: number,
): Promise<number> {
  const path = kind === "lmdb" ? lmdb : store;
  const runs = Array.from(
    { length: processes },
    (_, i) =>
      runScript(loop, kind, path, String(keys), String(seconds), String(1 + round * 10 + i)),
  );
  const texts = await Promise.all(runs);
  return texts.reduce((sum, text) => sum + Number(text), 0);
}

async function runScript(script: string, ...args: readonly string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", script, ...args],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${script} failed`);
  return new TextDecoder().decode(stdout).trim();
}

/** Returns what ends it. */
function writeAtFullSpeed(server: MeasuredServer, keys: number): () => Promise<void> {
  const args = [
    "-s",
    server.socket,
    "-c",
    "50",
    "-P",
    "64",
    "-r",
    `${keys}`,
    "-d",
    "32",
    "-t",
    "set",
  ];
  const child = new Deno.Command("redis-benchmark", {
    args: [...args, "-n", "1000000000", "-q"],
    stdout: "null",
    stderr: "null",
  }).spawn();
  return async () => {
    child.kill("SIGTERM");
    await child.status;
  };
}

function spread(rates: readonly number[]): string {
  const millions = (rate: number) => (rate / 1e6).toFixed(2);
  const least = millions(Math.min(...rates));
  return `${millions(median(rates))} (${least} to ${millions(Math.max(...rates))})`;
}
