/**
 * A process that has one store and measures it when it is told to: for each line that it reads it runs
 * once, and prints a line of JSON.
 *
 *     deno run -A --unstable-kv scripts/bench/embedded/worker.ts '{"engine":"store", ...}'
 */
import { SeededRandom } from "../../../tests/support/seeded_random.ts";
import { keyDigits, writeDigits, writeValue } from "../key_loader.ts";
import { residentMemory } from "../process_facts.ts";
import { type EngineName, openEngine } from "./engines.ts";

export interface WorkerOptions {
  readonly engine: EngineName;
  /** An empty folder; for a reader, that of the server, which has the keys already. */
  readonly folder: string;
  readonly root: string;
  readonly keys: number;
  readonly valueBytes: number;
  readonly operation: "get" | "set";
  readonly seconds: number;
}

export interface WorkerReport {
  readonly callsPerSecond: number;
  readonly ownBytes: number;
  readonly settings: string;
}

const batchKeys = 1000;
/** Keys that are chosen ahead, so that choosing them is not measured; then they begin anew. */
const chosenBatches = 200;

/** The key with a number, as everywhere in the benchmark: 16 bytes. */
function keyOf(number: number): Uint8Array {
  const key = new TextEncoder().encode(`key:${"0".repeat(keyDigits)}`);
  writeDigits(key, key.length - 1, number);
  return key;
}

async function work(options: WorkerOptions): Promise<void> {
  const { keys, valueBytes, operation, seconds } = options;
  const engine = await openEngine(options.engine, options.folder, options.root);
  const value = new Uint8Array(valueBytes);
  const missing = options.engine === "reader" ? 0 : keys;
  for (let first = 0; first < missing; first += batchKeys) {
    const count = Math.min(batchKeys, missing - first);
    writeValue(value, 0, valueBytes, first);
    await engine.writeAll(Array.from({ length: count }, (_, i) => keyOf(first + i)), value);
  }
  const random = new SeededRandom(1);
  const batches = Array.from(
    { length: chosenBatches },
    () => Array.from({ length: batchKeys }, () => keyOf(random.below(keys))),
  );
  console.log("ready");
  for await (const _ of Deno.stdin.readable) {
    const started = performance.now();
    let calls = 0;
    let elapsed = 0;
    while (elapsed < seconds * 1000) {
      const batch = batches[calls / batchKeys % chosenBatches];
      if (operation === "set") {
        writeValue(value, 0, valueBytes, calls);
        await engine.writeAll(batch, value);
      } else {
        const bytes = await engine.readAll(batch);
        if (bytes !== batchKeys * valueBytes) throw new Error(`${bytes} bytes were read`);
      }
      calls += batchKeys;
      elapsed = performance.now() - started;
    }
    const report: WorkerReport = {
      callsPerSecond: calls / elapsed * 1000,
      ownBytes: residentMemory(Deno.pid).anonymous,
      settings: engine.settings,
    };
    console.log(JSON.stringify(report));
  }
  await engine.close();
}

if (import.meta.main) await work(JSON.parse(Deno.args[0]));
