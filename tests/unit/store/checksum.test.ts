/** Against XXH32 as its specification words it, in BigInt, one step per line. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { checksum, copyResealed, RunningChecksum } from "../../../src/store/checksum.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

const prime1 = 0x9e3779b1n;
const prime2 = 0x85ebca77n;
const prime3 = 0xc2b2ae3dn;
const prime4 = 0x27d4eb2fn;
const prime5 = 0x165667b1n;

function u32(value: bigint): bigint {
  return BigInt.asUintN(32, value);
}

function rotateLeft(value: bigint, bits: bigint): bigint {
  return u32(value << bits) | value >> (32n - bits);
}

function xxh32(bytes: Uint8Array, seed: bigint): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let hash = u32(seed + prime5);
  if (bytes.length >= 16) {
    const lanes = [seed + prime1 + prime2, seed + prime2, seed, seed - prime1].map(u32);
    for (; at + 16 <= bytes.length; at += 16) {
      for (let i = 0; i < 4; i++) {
        const lane = BigInt(view.getUint32(at + 4 * i, true));
        lanes[i] = u32(rotateLeft(u32(lanes[i] + lane * prime2), 13n) * prime1);
      }
    }
    const [a, b, c, d] = lanes;
    hash = u32(rotateLeft(a, 1n) + rotateLeft(b, 7n) + rotateLeft(c, 12n) + rotateLeft(d, 18n));
  }
  hash = u32(hash + BigInt(bytes.length));
  for (; at + 4 <= bytes.length; at += 4) {
    const lane = BigInt(view.getUint32(at, true));
    hash = u32(rotateLeft(u32(hash + lane * prime3), 17n) * prime4);
  }
  for (; at < bytes.length; at++) {
    hash = u32(rotateLeft(u32(hash + BigInt(bytes[at]) * prime5), 11n) * prime1);
  }
  hash = u32((hash ^ hash >> 15n) * prime2);
  hash = u32((hash ^ hash >> 13n) * prime3);
  return hash ^ hash >> 16n;
}

/** What `checksum` should say: XXH32 of the words with the first one zero. */
function expected(words: Int32Array, seed: number): number {
  const copy = words.slice();
  copy[0] = 0;
  return Number(BigInt.asIntN(32, xxh32(new Uint8Array(copy.buffer), u32(BigInt(seed)))));
}

Deno.test("the reference gives the hashes that are published for XXH32", () => {
  const encoder = new TextEncoder();
  assertEquals(xxh32(new Uint8Array(0), 0n), 0x02cc5d05n);
  assertEquals(xxh32(new Uint8Array(0), prime1), 0x36b78ae7n);
  assertEquals(xxh32(encoder.encode("a"), 0n), 0x550d7456n);
  assertEquals(xxh32(encoder.encode("abc"), 0n), 0x32d153ffn);
  assertEquals(
    xxh32(encoder.encode("Nobody inspects the spammish repetition"), 0n),
    0xe2293b2fn,
  );
});

Deno.test("checksum is XXH32 of the words, whatever their number and the seed", () => {
  const random = new SeededRandom(1);
  for (let stripes = 1; stripes <= 70; stripes++) {
    const words = Int32Array.from({ length: stripes * 4 }, () => random.next());
    for (const seed of [0, 1, -1, 0x7fffffff, -0x80000000, random.next() | 0]) {
      assertEquals(checksum(words, 0, words.length, seed), expected(words, seed), `${stripes}`);
    }
  }
});

Deno.test("checksum counts its own word as zero", () => {
  const words = Int32Array.of(1, 2, 3, 4);
  const sum = checksum(words, 0, 4, 7);
  words[0] = sum;
  assertEquals(checksum(words, 0, 4, 7), sum);
});

Deno.test("checksum looks at its range only", () => {
  const random = new SeededRandom(2);
  const words = Int32Array.from({ length: 64 }, () => random.next());
  assertEquals(checksum(words, 20, 24, 5), expected(words.slice(20, 44), 5));
});

Deno.test("checksum changes with every bit, and with the seed", () => {
  const words = Int32Array.from({ length: 12 }, (_, i) => i * 0x01234567);
  const sum = checksum(words, 0, 12, 3);
  for (let bit = 32; bit < 12 * 32; bit++) {
    const changed = words.slice();
    changed[bit >> 5] ^= 1 << (bit & 31);
    assertNotEquals(checksum(changed, 0, 12, 3), sum, `bit ${bit}`);
  }
  assertNotEquals(checksum(words, 0, 12, 4), sum);
});

Deno.test("a running checksum is that of all that was added", () => {
  const random = new SeededRandom(11);
  for (let count = 4; count < 200; count += 4) {
    const words = Int32Array.from({ length: count }, () => random.next() | 0);
    words[0] = 0;
    const seed = random.next() | 0;
    const running = new RunningChecksum(seed);
    for (let at = 0; at < count;) {
      const some = Math.min(count - at, 4 * (1 + random.below(5)));
      running.add(words, at, some);
      at += some;
    }
    assertEquals(running.value, checksum(words, 0, count, seed));
  }
});

Deno.test("a copy has the words of what was copied, its own second word and the checksum for its seed", () => {
  const random = new SeededRandom(chooseSeed("copies"));
  for (const count of [4, 8, 20, 268]) {
    const source = Int32Array.from({ length: count + 8 }, () => random.next() | 0);
    const [seed, newSeed, second] = [1, 2, 3].map(() => random.next() | 0);
    source[4] = checksum(source, 4, count, seed);
    const target = new Int32Array(count + 16).fill(7);
    assertEquals(copyResealed(source, 4, seed, target, 8, newSeed, second, count), true);
    const expected = source.slice(4, 4 + count);
    expected[1] = second;
    expected[0] = checksum(expected, 0, count, newSeed);
    assertEquals(target.slice(8, 8 + count), expected);
    assertEquals([target[7], target[8 + count]], [7, 7]);
    const damaged = 4 + random.below(count);
    source[damaged] ^= 1 << random.below(32);
    assertEquals(copyResealed(source, 4, seed, target, 8, newSeed, second, count), false);
    assertEquals(target[8], 0, "what is damaged is not made good");
  }
});
