import { assert } from "@std/assert";
import { chooseSeed } from "../support/seeded_random.ts";
import { powerCuts } from "./power_cuts.ts";

const images = Number(Deno.env.get("KV_POWER_CUT_STATES") ?? 10_000);

Deno.test(`what ${images} power cuts leave is a state since the last sync`, async () => {
  const seed = chooseSeed("power cuts");
  const started = performance.now();
  const result = await powerCuts(seed, images);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${result.images} images in ${seconds} s; ${result.nested} cuts during recovery; ` +
      `${result.lost} changes lost, ${result.emptied} segments emptied`,
  );
  assert(result.nested > images / 20, "the power failed during recovery too");
  assert(result.lost > 0, "some changes were lost");
  assert(result.emptied > 0, "compaction was part of it");
});
