import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { DecayingCount } from "../../../src/store/decaying_count.ts";

const leadMs = 100;

Deno.test("at a steady pace it is what is taken in the time of the lead, and it comes to rest", () => {
  let now = 5000;
  const count = new DecayingCount(leadMs, () => now);
  assertEquals(count.value, 0);
  for (let i = 0; i < 200; i++) {
    now += 10;
    count.note(3);
  }
  assertAlmostEquals(count.value, 3 * leadMs / 10, 2);
  now += leadMs;
  assertAlmostEquals(count.value, 30 / Math.E, 1);
  now += 20 * leadMs;
  assert(count.value < 1e-6);
});

Deno.test("what is taken at one time counts as a whole", () => {
  const count = new DecayingCount(leadMs, () => 1);
  count.note(2);
  count.note(40);
  assertEquals(count.value, 42);
});

Deno.test("without a lead there is no pace", () => {
  let now = 0;
  const count = new DecayingCount(0, () => now);
  for (; now < 10; now++) count.note(5);
  assertEquals(count.value, 0);
});
