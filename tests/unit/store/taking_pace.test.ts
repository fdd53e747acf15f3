import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { TakingPace } from "../../../src/store/taking_pace.ts";

const leadMs = 100;

Deno.test("at a steady pace it is what is taken in the time of the lead, and it comes to rest", () => {
  let now = 5000;
  const pace = new TakingPace(leadMs, () => now);
  assertEquals(pace.places, 0);
  for (let i = 0; i < 200; i++) {
    now += 10;
    pace.note(3);
  }
  assertAlmostEquals(pace.places, 3 * leadMs / 10, 2);
  now += leadMs;
  assertAlmostEquals(pace.places, 30 / Math.E, 1);
  now += 20 * leadMs;
  assert(pace.places < 1e-6);
});

Deno.test("what is taken at one time counts as a whole", () => {
  const pace = new TakingPace(leadMs, () => 1);
  pace.note(2);
  pace.note(40);
  assertEquals(pace.places, 42);
});

Deno.test("without a lead there is no pace", () => {
  let now = 0;
  const pace = new TakingPace(0, () => now);
  for (; now < 10; now++) pace.note(5);
  assertEquals(pace.places, 0);
});
