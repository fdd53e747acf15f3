import { assertEquals } from "@std/assert";
import { LiveMap } from "../../../src/store/live_map.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

/** All marks of a range, as distances from its start. */
function marks(map: LiveMap, address: number, count: number): number[] {
  const found: number[] = [];
  let from = 0;
  while (from < count) {
    const next = map.next(address + from | 0, count - from);
    if (next < 0) break;
    found.push(from + next);
    from += next + 1;
  }
  return found;
}

Deno.test("a live map finds marks in the order of their addresses", () => {
  const map = new LiveMap();
  map.extend(1);
  for (const address of [0, 31, 32, 33, 63, 64, 4095, 65535]) map.mark(address);
  assertEquals(marks(map, 0, 65536), [0, 31, 32, 33, 63, 64, 4095, 65535]);
  assertEquals(marks(map, 32, 32), [0, 1, 31]);
  map.unmark(33);
  assertEquals(marks(map, 32, 32), [0, 31]);
});

Deno.test("a live map keeps the windows apart, the ones behind 2^31 too", () => {
  const map = new LiveMap();
  map.extend(64);
  const windows = [0, 1, 31, 32, 63];
  for (const window of windows) map.mark(window << 26 | window + 5);
  for (const window of windows) assertEquals(marks(map, window << 26, 1000), [window + 5]);
  assertEquals(map.next(2 << 26, 2 ** 26), -1);
  map.clear(63 << 26, 2 ** 26);
  assertEquals(map.next(63 << 26, 2 ** 26), -1);
});

Deno.test("clearing a range of a live map, of any bounds, leaves what stands around", () => {
  const random = new SeededRandom(chooseSeed("live map"));
  for (let round = 0; round < 300; round++) {
    const map = new LiveMap();
    map.extend(1);
    const marked = new Set<number>();
    for (let i = 0; i < 60; i++) marked.add(random.below(200));
    for (const address of marked) map.mark(address);
    const start = random.below(200);
    const count = random.below(200 - start + 1);
    map.clear(start, count);
    const left = [...marked].filter((at) => at < start || at >= start + count).sort((a, b) =>
      a - b
    );
    assertEquals(marks(map, 0, 200), left, `cleared ${count} from ${start}`);
  }
});
