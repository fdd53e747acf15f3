/**
 * A process that has one store and measures it when it is told to: for each line that it reads it runs
 * once, and prints a line of JSON.
 *
 *     deno run -A --unstable-kv scripts/bench/embedded/worker.ts '{"engine":"store", ...}'
 */
import { SeededRandom } from "../../../tests/support/seeded_random.ts";
import { keyDigits, writeDigits, writeValue } from "../key_loader.ts";
import { residentMemory } from "../process_facts.ts";
import type { EmbeddedOperation } from "../workload.ts";
import { type Engine, type EngineName, openEngine } from "./engines.ts";

export interface WorkerOptions {
  readonly engine: EngineName;
  /** An empty folder, or one of a store that has the keys already. */
  readonly folder: string;
  readonly isFilled: boolean;
  readonly root: string;
  readonly keys: number;
  readonly valueBytes: number;
  readonly operation: EmbeddedOperation;
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

const togetherKeys = 100;

const blankKey = new TextEncoder().encode(`key:${"0".repeat(keyDigits)}`);

/**
 * Keys with these numbers, as everywhere in the benchmark, of 16 bytes. They stand one behind the other, so
 * that it is the stores that wait for memory, and not who asks them.
 */
function keysOf(numbers: readonly number[]): Uint8Array[] {
  const { length } = blankKey;
  const bytes = new Uint8Array(numbers.length * length);
  return numbers.map((number, i) => {
    const key = bytes.subarray(i * length, (i + 1) * length);
    key.set(blankKey);
    writeDigits(key, length - 1, number);
    return key;
  });
}

function readTogether(engine: Engine, batch: readonly Uint8Array[]): number {
  let bytes = 0;
  for (let first = 0; first < batch.length; first += togetherKeys) {
    bytes += engine.readTogether!(batch.slice(first, first + togetherKeys));
  }
  return bytes;
}

async function work(options: WorkerOptions): Promise<void> {
  const { keys, valueBytes, operation, seconds } = options;
  const engine = await openEngine(options.engine, options.folder, options.root);
  const value = new Uint8Array(valueBytes);
  const missing = options.isFilled ? 0 : keys;
  for (let first = 0; first < missing; first += batchKeys) {
    const count = Math.min(batchKeys, missing - first);
    writeValue(value, 0, valueBytes, first);
    await engine.writeAll(keysOf(Array.from({ length: count }, (_, i) => first + i)), value);
  }
  const random = new SeededRandom(1);
  const batches = Array.from(
    { length: chosenBatches },
    () => keysOf(Array.from({ length: batchKeys }, () => random.below(keys))),
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
        const bytes = operation === "get-many" && engine.readTogether !== undefined
          ? readTogether(engine, batch)
          : await engine.readAll(batch);
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
