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
