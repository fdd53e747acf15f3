import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { BufferPool } from "../../../src/server/buffer_pool.ts";

Deno.test("a pool hands out what was given back, grown or not", () => {
  const pool = new BufferPool(1024, 1_000_000);
  const first = pool.take();
  assertEquals(first.length, 1024);
  const grown = new Uint8Array(100_000);
  pool.give(grown);
  assertStrictEquals(pool.take(), grown);
  pool.give(first);
  assertStrictEquals(pool.take(), first);
});

Deno.test("a buffer grows into another one, and goes back", () => {
  const pool = new BufferPool(1000, 10_000);
  const first = pool.take();
  first.set([1, 2, 3]);
  const grown = pool.grow(first, 2, 1500);
  assertEquals([grown.length, ...grown.subarray(0, 4)], [2000, 1, 2, 0, 0]);
  assertStrictEquals(pool.take(), first);
  assertEquals(pool.grow(grown, 2, 5000).length, 5000);
});

Deno.test("long buffers are kept for replies of about their length", () => {
  const pool = new BufferPool(1000, 10_000);
  const long = pool.grow(pool.take(), 0, 2 ** 20 + 20);
  assertEquals(long.length, 5 * 2 ** 18);
  pool.give(long);
  // Neither for short replies, nor for those that it is too short or much too long for.
  assertEquals(pool.take().length, 1000);
  assertNotStrictEquals(pool.grow(pool.take(), 0, 2 ** 21), long);
  assertNotStrictEquals(pool.grow(pool.take(), 0, 2 ** 19), long);
  assertStrictEquals(pool.grow(pool.take(), 0, 2 ** 20), long);
  assertNotStrictEquals(pool.grow(pool.take(), 0, 2 ** 20), long);
});

Deno.test("a pool keeps no more than its limit in all, and no very long buffer", () => {
  const pool = new BufferPool(1000, 10_000);
  const given = Array.from({ length: 20 }, () => new Uint8Array(1000));
  for (const buffer of given) pool.give(buffer);
  const kept = Array.from({ length: 20 }, () => pool.take()).filter((one) =>
    given.some((buffer) => buffer === one)
  );
  assertEquals(kept.length, 10);
  const long = new Uint8Array(2 ** 20);
  const large = new BufferPool(1000, 2 ** 30);
  large.give(long);
  assertNotStrictEquals(large.take(), long);
  assert(large.take().length === 1000);
});
