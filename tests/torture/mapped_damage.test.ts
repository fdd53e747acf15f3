import { assert } from "@std/assert";
import { chooseSeed } from "../support/seeded_random.ts";
import { examineMapped } from "./mapped_damage.ts";

const cases = Number(Deno.env.get("KV_MAPPED_DAMAGES") ?? 300);

Deno.test(`${cases} damaged files, mapped: no access behind their ends, no hang`, async () => {
  const seed = chooseSeed("mapped damage");
  const started = performance.now();
  const { refused, lossy, unharmed } = await examineMapped(seed, cases);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${lossy} opened with losses, ${unharmed} without, ${refused} refused; ${seconds} s`);
  assert(lossy > 0 && unharmed > 0);
});
