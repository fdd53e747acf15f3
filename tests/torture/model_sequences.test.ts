import { assert } from "@std/assert";
import { chooseSeed } from "../support/seeded_random.ts";
import { runSequence } from "./model_sequences.ts";

const sequences = Number(Deno.env.get("KV_MODEL_SEQUENCES") ?? 100);
const steps = 1500;

Deno.test(`${sequences} random sequences leave what a Map would hold, and whole files`, async () => {
  const seed = chooseSeed("store model");
  const started = performance.now();
  let emptied = 0;
  for (let i = 0; i < sequences; i++) {
    try {
      emptied += await runSequence(seed + i, steps);
    } catch (error) {
      throw new Error(`with KV_TEST_SEED=${seed + i}`, { cause: error });
    }
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(`${sequences} sequences of ${steps} steps in ${seconds.toFixed(1)} s`);
  assert(emptied > 0, "compaction was part of it");
});
