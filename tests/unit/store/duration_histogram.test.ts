/** How often something took how long. */
import { assertEquals } from "@std/assert";
import { DurationHistogram } from "../../../src/store/duration_histogram.ts";

function bounds(histogram: DurationHistogram): (readonly [number, number])[] {
  const classes: [number, number][] = [];
  histogram.eachBound((ms, count) => classes.push([ms, count]));
  return classes;
}

Deno.test("classes tell how many were shorter, those without any left out", () => {
  const histogram = new DurationHistogram();
  assertEquals(bounds(histogram), []);
  for (const ms of [0.1, 0.24, 0.25, 1.5, 1.9]) histogram.note(ms);
  assertEquals(bounds(histogram), [[0.25, 2], [0.5, 3], [2, 5]]);
  assertEquals(histogram.total, 5);
});

Deno.test("the class of the longest ends with the longest", () => {
  const histogram = new DurationHistogram();
  for (const ms of [4, 100, 250.5]) histogram.note(ms);
  assertEquals(bounds(histogram), [[5, 1], [250.5, 3]]);
  histogram.reset();
  assertEquals([bounds(histogram), histogram.total, histogram.longestMs], [[], 0, 0]);
});
