import { assert, assertEquals } from "@std/assert";
import { LatencyHistogram } from "../../../src/commands/latency_histogram.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

function histogramOf(...microseconds: number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const time of microseconds) histogram.record(time, 1);
  return histogram;
}

function doublings(histogram: LatencyHistogram): [number, number][] {
  const classes: [number, number][] = [];
  histogram.eachDoubling((microseconds, calls) => classes.push([microseconds, calls]));
  return classes;
}

Deno.test("an empty histogram has no classes", () => {
  assertEquals(doublings(new LatencyHistogram()), []);
});

Deno.test("classes double from 1024 ns on, and end where redis-server's do", () => {
  // The ends are the class of two digits that the power of two is in: 32768 ns is in one to 33023.
  const classes = [1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113, 4227, 8454, 16908, 33816];
  for (const end of classes) {
    assertEquals(doublings(histogramOf(end * 0.9)), [[end, 1]]);
  }
});

Deno.test("the calls of a class are those that took no longer, and equal ones are left out", () => {
  const histogram = histogramOf(0.5, 1.5, 1.6, 100);
  histogram.record(7, 1000);
  assertEquals(histogram.total, 1004);
  assertEquals(doublings(histogram), [[1, 1], [2, 3], [8, 1003], [132, 1004]]);
});

Deno.test("times outside of what is kept count as its ends", () => {
  assertEquals(doublings(histogramOf(0, -1, NaN)).length, 1);
  const long = histogramOf(5e6);
  assertEquals(doublings(long), [[1073741, 1]]);
  assertEquals(long.percentile(100).toFixed(3), "1002438.655");
});

Deno.test("a percentile is exact to two digits", () => {
  const random = new SeededRandom(5);
  const times = Array.from({ length: 5000 }, () => 10 ** (random.below(1e6) / 1e6 * 6 - 1));
  const histogram = histogramOf(...times);
  times.sort((a, b) => a - b);
  for (const percentile of [1, 10, 50, 90, 99, 99.9, 100]) {
    const exact = times[Math.max(0, Math.floor(percentile / 100 * times.length + 0.5) - 1)];
    const found = histogram.percentile(percentile);
    assert(found >= exact * 0.999 && found <= exact * 1.01, `${percentile}: ${found}, ${exact}`);
  }
});

Deno.test("percentiles of one call are all that call", () => {
  const histogram = histogramOf(1.5);
  assertEquals(histogram.percentile(0), 1.496);
  assertEquals(histogram.percentile(50).toFixed(3), "1.503");
  assertEquals(histogram.percentile(100).toFixed(3), "1.503");
});
