import { assert } from "@std/assert";
import { chooseSeed } from "../support/seeded_random.ts";
import { powerCuts, type PowerCutsResult } from "./power_cuts.ts";

const images = Number(Deno.env.get("KV_POWER_CUT_STATES") ?? 10_000);
const nestedCuts = Number(Deno.env.get("KV_NESTED_CUTS") ?? 500);

function report(result: PowerCutsResult, started: number): void {
  const seconds = (performance.now() - started) / 1000;
  const { images, nested, deepest, withIndex, inBatch, inTurn, killed, lost, ...others } = result;
  const { emptied, shrunk, expired, evicted, refused } = others;
  console.log(
    `${images} states in ${seconds.toFixed(1)} s, ${Math.round(images / seconds)}/s; ` +
      `${nested} failures during recovery, ${deepest} states behind three of them; ` +
      `${killed} behind a kill only, ${withIndex} with an index, ${inBatch} within a batch, ` +
      `${inTurn} within a turn; ` +
      `${lost} changes lost, ${emptied} segments emptied, ${shrunk} times a shorter file, ` +
      `${expired} keys expired, ${evicted} evicted, ${refused} writes refused`,
  );
}

Deno.test(`what ${images} power cuts and kills leave is a state since the last sync`, async () => {
  const seed = chooseSeed("power cuts");
  const started = performance.now();
  const isEnough = (result: PowerCutsResult) => result.images >= images;
  const result = await powerCuts({ seed, nestedShare: 0.1, isEnough });
  report(result, started);
  for (const [what, count] of Object.entries(result)) {
    assert(count > 0 || images < 10_000, `${what}: it happens`);
  }
});

Deno.test(`the same after ${nestedCuts} times three failures during recovery`, async () => {
  const seed = chooseSeed("nested power cuts");
  const started = performance.now();
  const isEnough = (result: PowerCutsResult) => result.deepest >= nestedCuts;
  report(await powerCuts({ seed, nestedShare: 1, isEnough }), started);
});
