import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  HyperLogLog,
  HyperLogLogError,
  isHyperLogLog,
  RegisterSet,
} from "../../../src/commands/hyperloglog_value.ts";
import { toBytes } from "../../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

function addAll(log: HyperLogLog, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const bytes = toBytes(`element ${i}`);
    log.add(bytes, 0, bytes.length);
  }
}

Deno.test("the estimate is within three percent, in both forms", () => {
  for (const sparseBytesMax of [0, 3000, 100_000]) {
    const log = HyperLogLog.empty(sparseBytesMax);
    let added = 0;
    for (const count of [1, 10, 100, 1000, 10_000, 100_000]) {
      addAll(log, added, count);
      added = count;
      assert(
        Math.abs(log.count() - count) <= Math.ceil(count * 0.03),
        `${log.count()} of ${count}`,
      );
      assertEquals(log.cachedCount, BigInt(log.count()));
    }
  }
});

Deno.test("sparse and dense ones hold the same registers", () => {
  const random = new SeededRandom(chooseSeed("HyperLogLog"));
  for (let round = 0; round < 20; round++) {
    const sparse = HyperLogLog.empty(1_000_000);
    const dense = HyperLogLog.empty(1_000_000);
    dense.makeDense();
    for (let left = random.below(3000); left > 0; left--) {
      const index = random.chance(0.5) ? random.below(16_384) : random.below(40);
      const value = random.between(1, 32);
      assertEquals(sparse.raise(index, value), dense.raise(index, value));
    }
    assertEquals([sparse.isDense, dense.isDense], [false, true]);
    assertEquals(sparse.count(), dense.count());
    sparse.makeDense();
    assertEquals(sparse.bytes, dense.bytes);
  }
});

Deno.test("a union counts each element once", () => {
  const [a, b] = [HyperLogLog.empty(3000), HyperLogLog.empty(3000)];
  addAll(a, 0, 6000);
  addAll(b, 4000, 10_000);
  const union = new RegisterSet();
  for (const { bytes } of [a, b]) union.merge(bytes, 0, bytes.length);
  const whole = HyperLogLog.empty(3000);
  addAll(whole, 0, 10_000);
  assertEquals(union.count(), whole.count());
});

Deno.test("random bytes behind a header are refused or counted, whatever they are", () => {
  const random = new SeededRandom(chooseSeed("odd HyperLogLogs"));
  for (let i = 0; i < 5000; i++) {
    const bytes = toBytes("HYLL\x01" + random.bytes(11 + random.below(60)));
    assert(isHyperLogLog(bytes, 0, bytes.length));
    const log = HyperLogLog.copy(bytes, 0, bytes.length, 3000);
    for (const use of [() => log.count(), () => log.raise(random.below(16_384), 7)]) {
      try {
        use();
      } catch (error) {
        assert(error instanceof HyperLogLogError, String(error));
      }
    }
  }
  const short = HyperLogLog.copy(toBytes("HYLL\x01" + "\0".repeat(12)), 0, 17, 3000);
  assertThrows(() => short.makeDense(), HyperLogLogError);
});
