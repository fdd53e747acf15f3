/** The load generator's parts: which keys it asks for, its requests, and how it counts replies. */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  keyChooser,
  zipfianConstant,
  ZipfianKeys,
} from "../../../scripts/bench/load/key_chooser.ts";
import { mixes } from "../../../scripts/bench/load/mixes.ts";
import { ReplyCounter } from "../../../scripts/bench/load/reply_counter.ts";
import { makeBatches } from "../../../scripts/bench/load/request_batches.ts";
import type { Protocol } from "../../../scripts/bench/key_loader.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

Deno.test("uniform keys come equally often", () => {
  const keys = keyChooser("uniform", 10, 1);
  const counts = new Array(10).fill(0);
  for (let i = 0; i < 100_000; i++) counts[keys.next()]++;
  for (const count of counts) assertAlmostEquals(count / 100_000, 0.1, 0.005);
});

Deno.test("zipfian ranks come as often as Zipf's law says", () => {
  const keys = 1000;
  const draws = 400_000;
  const zipfian = new ZipfianKeys(keys, new SeededRandom(1));
  const counts = new Array(keys).fill(0);
  for (let i = 0; i < draws; i++) counts[zipfian.nextRank()]++;
  let zeta = 0;
  for (let rank = 1; rank <= keys; rank++) zeta += 1 / rank ** zipfianConstant;
  const expected = (rank: number) => 1 / (rank + 1) ** zipfianConstant / zeta;
  // The first two are exact; the method's curve is near the law for the rest.
  for (const rank of [0, 1]) assertAlmostEquals(counts[rank] / draws, expected(rank), 0.002);
  const upTo = (end: number) => counts.slice(0, end).reduce((sum, n) => sum + n, 0) / draws;
  for (const end of [10, 100, 500]) {
    let share = 0;
    for (let rank = 0; rank < end; rank++) share += expected(rank);
    assertAlmostEquals(upTo(end), share, 0.02, `the first ${end}`);
  }
  assertEquals(upTo(keys), 1);
});

Deno.test("zipfian keys are scattered, within bounds, and the same for the same seed", () => {
  const some = (seed: number) => {
    const keys = keyChooser("zipfian", 1_000_000, seed);
    return Array.from({ length: 2000 }, () => keys.next());
  };
  const first = some(1);
  assertEquals(first, some(1));
  assert(first.every((key) => key >= 0 && key < 1_000_000));
  assert(Math.max(...first) > 900_000 && Math.min(...first) < 100_000);
});

function batchesOf(
  mix: keyof typeof mixes,
  protocol: Protocol,
  pipeline: number,
  requests: number,
) {
  const batches = makeBatches({
    ...{ protocol, mix: mixes[mix], keys: keyChooser("uniform", 1000, 1), valueBytes: 4 },
    ...{ pipeline, requests, bytesMax: 1 << 24, seed: 1 },
  });
  const text = (i: number) =>
    new TextDecoder().decode(batches.bytes.subarray(batches.starts[i], batches.starts[i + 1]));
  return { batches, text };
}

Deno.test("a mix has its share of writes", () => {
  const { batches } = batchesOf("ycsbA", "redis", 16, 20_000);
  const all = new TextDecoder().decode(batches.bytes);
  const gets = all.split("$3\r\nGET\r\n").length - 1;
  const sets = all.split("$3\r\nSET\r\n").length - 1;
  assertEquals(gets + sets, 20_000);
  assertAlmostEquals(sets / 20_000, 0.5, 0.02);
  assertEquals([...batches.requests].every((count) => count === 16), true);
});

Deno.test("a read-modify-write writes the key in the batch after the one that reads it", () => {
  const { batches, text } = batchesOf("ycsbF", "redis", 8, 80);
  assertEquals(batches.stride, 2);
  const keysOf = (i: number, command: string) =>
    [...text(i).matchAll(/\$3\r\n(GET|SET)\r\n\$16\r\n(key:\d{12})/g)]
      .filter(([, name]) => name === command).map(([, , key]) => key);
  for (let i = 0; i < batches.requests.length; i += 2) {
    const written = keysOf(i + 1, "SET");
    assertEquals(written.every((key) => keysOf(i, "GET").includes(key)), true, `${i}`);
    assert(batches.requests[i + 1] > 0);
  }
});

Deno.test("batches end where the bytes do", () => {
  const batches = makeBatches({
    ...{ protocol: "redis", mix: mixes.set, keys: keyChooser("uniform", 10, 1), pipeline: 1 },
    ...{ valueBytes: 1 << 20, requests: 1000, bytesMax: 4 << 20, seed: 1 },
  });
  assert(batches.requests.length <= 5 && batches.bytes.length < 6 << 20);
});

Deno.test("memcached is asked in its own words", () => {
  const { text } = batchesOf("get", "memcached", 1, 2);
  assertEquals(/^get key:\d{12}\r\n$/.test(text(0)), true, text(0));
});

/** Counts the replies in `text`, given in pieces of each length. */
function assertCounted(
  protocol: Protocol,
  text: string,
  expected: { readonly replies: number; readonly missing?: number; readonly errors?: number },
): void {
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size <= bytes.length; size++) {
    const counter = new ReplyCounter(protocol);
    let replies = 0;
    for (let at = 0; at < bytes.length; at += size) {
      const piece = bytes.subarray(at, at + size);
      replies += counter.take(piece, piece.length);
    }
    const { missing, errors } = counter;
    assertEquals({ missing: 0, errors: 0, ...expected }, { replies, missing, errors }, `${size}`);
  }
}

Deno.test("replies of redis are counted, however they are cut", () => {
  const text = "+OK\r\n$5\r\na\r\nb\n\r\n$-1\r\n:12\r\n$0\r\n\r\n_\r\n+OK\r\n";
  assertCounted("redis", text, { replies: 7, missing: 2 });
  assertCounted("redis", "-ERR no\r\n+OK\r\n", { replies: 2, errors: 1 });
});

Deno.test("replies of memcached are counted, however they are cut", () => {
  const text = "STORED\r\nVALUE key:000000000001 0 4\r\nEND\r\r\nEND\r\nEND\r\nSTORED\r\n";
  assertCounted("memcached", text, { replies: 4, missing: 1 });
  assertCounted("memcached", "SERVER_ERROR out of memory\r\nERROR\r\n", { replies: 2, errors: 2 });
});

Deno.test("the first error is kept to be told", () => {
  const counter = new ReplyCounter("redis");
  const bytes = new TextEncoder().encode("-ERR no such thing\r\n");
  counter.take(bytes, bytes.length);
  assertEquals(counter.firstError.trim(), "ERR no such thing");
});
