/** Against HalfSipHash as its authors publish it, in BigInt, with 1 and 3 rounds. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { KeyedHash } from "../../../src/store/keyed_hash.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

const encoder = new TextEncoder();

class HalfSipHash {
  readonly #v: bigint[];

  constructor(key0: bigint, key1: bigint) {
    this.#v = [key0, key1, 0x6c796765n ^ key0, 0x74656462n ^ key1];
  }

  #add(to: number, from: number): void {
    this.#v[to] = BigInt.asUintN(32, this.#v[to] + this.#v[from]);
  }

  #rotate(i: number, bits: bigint): void {
    const value = this.#v[i];
    this.#v[i] = BigInt.asUintN(32, value << bits) | value >> (32n - bits);
  }

  #xor(to: number, from: number): void {
    this.#v[to] ^= this.#v[from];
  }

  #rounds(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#add(0, 1);
      this.#rotate(1, 5n);
      this.#xor(1, 0);
      this.#rotate(0, 16n);
      this.#add(2, 3);
      this.#rotate(3, 8n);
      this.#xor(3, 2);
      this.#add(0, 3);
      this.#rotate(3, 7n);
      this.#xor(3, 0);
      this.#add(2, 1);
      this.#rotate(1, 13n);
      this.#xor(1, 2);
      this.#rotate(2, 16n);
    }
  }

  /** The 32-bit hash, with so many rounds for each word and at the end. */
  of(bytes: Uint8Array, roundsPerWord: number, roundsAtEnd: number): bigint {
    const padded = new Uint8Array((bytes.length >> 2) * 4 + 4);
    padded.set(bytes);
    padded[padded.length - 1] = bytes.length & 0xff;
    const view = new DataView(padded.buffer);
    for (let at = 0; at < padded.length; at += 4) {
      const word = BigInt(view.getUint32(at, true));
      this.#v[3] ^= word;
      this.#rounds(roundsPerWord);
      this.#v[0] ^= word;
    }
    this.#v[2] ^= 0xffn;
    this.#rounds(roundsAtEnd);
    return this.#v[1] ^ this.#v[3];
  }
}

function reference(key: readonly [number, number], bytes: Uint8Array): number {
  const [key0, key1] = key.map((word) => BigInt.asUintN(32, BigInt(word)));
  return Number(BigInt.asIntN(32, new HalfSipHash(key0, key1).of(bytes, 1, 3)));
}

Deno.test("the reference gives the vectors that are published for HalfSipHash-2-4", () => {
  // Key 00 01 .. 07, messages of 0, 1 and 2 bytes: 00, 00 01 (vectors.h, 32-bit output).
  const hashOf = (length: number) =>
    new HalfSipHash(0x03020100n, 0x07060504n).of(Uint8Array.from({ length }, (_, i) => i), 2, 4);
  const published = [[0xa9, 0x35, 0x9f, 0x5b], [0x27, 0x47, 0x5a, 0xb8], [0xfa, 0x62, 0xa6, 0x03]];
  published.forEach((bytes, length) => {
    const value = new DataView(Uint8Array.from(bytes).buffer).getUint32(0, true);
    assertEquals(hashOf(length), BigInt(value), `${length} bytes`);
  });
});

Deno.test("KeyedHash is HalfSipHash-1-3 for keys of every length up to 300 bytes", () => {
  const random = new SeededRandom(3);
  for (let length = 0; length <= 300; length++) {
    const bytes = Uint8Array.from({ length }, () => random.below(256));
    const key = [random.next() | 0, random.next() | 0] as const;
    assertEquals(new KeyedHash(...key).of(bytes, 0, length), reference(key, bytes), `${length}`);
  }
});

Deno.test("KeyedHash looks at its range only, wherever that stands", () => {
  const hash = new KeyedHash(0x12345678, -5);
  const bytes = encoder.encode("..key:17..");
  assertEquals(hash.of(bytes, 2, 8), hash.of(encoder.encode("key:17"), 0, 6));
  assertEquals(hash.of(bytes, 4, 4), hash.of(encoder.encode(""), 0, 0));
});

Deno.test("KeyedHash gives other hashes under another key", () => {
  const name = encoder.encode("key:17");
  const first = new KeyedHash(1, 2).of(name, 0, 6);
  assertNotEquals(new KeyedHash(1, 3).of(name, 0, 6), first);
  assertNotEquals(new KeyedHash(2, 2).of(name, 0, 6), first);
});
