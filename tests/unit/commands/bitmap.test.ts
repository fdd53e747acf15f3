import { assertEquals } from "@std/assert";
import {
  type BitOperation,
  combineBits,
  countOnes,
  countOnesInBits,
  findBit,
  invertBits,
} from "../../../src/commands/bitmap.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

const rounds = 2000;
/** Behind the lengths from which on words are used, and not a multiple of one. */
const lengthMax = 203;

/** Bytes that begin anywhere in a word of their buffer. */
function bytesAnywhere(random: SeededRandom, length: number, byte: () => number): Uint8Array {
  const offset = random.below(4);
  const bytes = new Uint8Array(new ArrayBuffer(offset + length), offset, length);
  for (let i = 0; i < length; i++) bytes[i] = byte();
  return bytes;
}

/** Many runs of equal bits, as searches skip them, and some noise. */
function somePattern(random: SeededRandom): () => number {
  const common = random.pick([0x00, 0xff]);
  return () => random.chance(0.99) ? common : random.below(256);
}

function bitsOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
}

function countIn(bits: string): number {
  return bits.replaceAll("0", "").length;
}

function randomBytes(random: SeededRandom, length = random.between(1, lengthMax)): Uint8Array {
  const byte = random.chance(0.5) ? somePattern(random) : () => random.below(256);
  return bytesAnywhere(random, length, byte);
}

/** A range that is not empty. */
function someRange(random: SeededRandom, size: number): { first: number; last: number } {
  const first = random.below(size);
  return { first, last: random.between(first, size - 1) };
}

Deno.test("ones are counted in any range, as one by one", () => {
  const random = new SeededRandom(chooseSeed("bits that are counted"));
  for (let round = 0; round < rounds; round++) {
    const bytes = randomBytes(random);
    const bits = bitsOf(bytes);
    const { first, last } = someRange(random, bytes.length);
    assertEquals(
      countOnes(bytes, first, last + 1),
      countIn(bits.slice(first * 8, last * 8 + 8)),
      "bytes",
    );
    const start = random.below(bytes.length);
    const range = someRange(random, (bytes.length - start) * 8);
    assertEquals(
      countOnesInBits(bytes, start, range),
      countIn(bits.slice(start * 8 + range.first, start * 8 + range.last + 1)),
      `bits ${range.first} to ${range.last} from byte ${start} on`,
    );
  }
  assertEquals(countOnes(new Uint8Array(0), 0, 0), 0);
});

Deno.test("all ones in a long range are counted without an overflow", () => {
  const bytes = new Uint8Array(100_000).fill(0xff);
  assertEquals(countOnes(bytes, 1, 99_999), 8 * 99_998);
});

Deno.test("the first bit is found in any range, as one by one", () => {
  const random = new SeededRandom(chooseSeed("bits that are found"));
  for (let round = 0; round < rounds; round++) {
    const bytes = randomBytes(random);
    const bits = bitsOf(bytes);
    const start = random.below(bytes.length);
    const range = someRange(random, (bytes.length - start) * 8);
    const { first, last } = range;
    for (const bit of [0, 1]) {
      const place = bits.slice(start * 8, start * 8 + last + 1).indexOf(String(bit), first);
      assertEquals(
        findBit(bytes, start, bit, range),
        place,
        `${bit} in ${bits}, ${first}..${last}`,
      );
    }
  }
});

Deno.test("bits are combined and inverted, wherever source and target begin", () => {
  const random = new SeededRandom(chooseSeed("bits that are combined"));
  const byByte: Record<BitOperation, (a: number, b: number) => number> = {
    AND: (a, b) => a & b,
    OR: (a, b) => a | b,
    XOR: (a, b) => a ^ b,
  };
  for (let round = 0; round < rounds; round++) {
    const operation = random.pick(["AND", "OR", "XOR"] as const);
    const bytes = randomBytes(random);
    const { first: start, last } = someRange(random, bytes.length);
    const length = last + 1 - start;
    const before = random.below(8);
    const target = randomBytes(random, before + length + random.below(8));
    const expected = target.slice();
    for (let i = 0; i < length; i++) {
      expected[before + i] = byByte[operation](target[before + i], bytes[start + i]);
    }
    combineBits(operation, target, before, { bytes, start, end: last + 1 });
    assertEquals(target, expected, operation);
    for (let i = 0; i < length; i++) expected[before + i] ^= 0xff;
    invertBits(target, before, before + length);
    assertEquals(target, expected, "NOT");
  }
});
