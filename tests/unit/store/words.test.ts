import { assert, assertEquals } from "@std/assert";
import { hasBytes, viewOf, writeBytes } from "../../../src/store/words.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

Deno.test("writeBytes writes what a copy by bytes does, at any place and of any length", () => {
  const random = new SeededRandom(chooseSeed("words"));
  for (let round = 0; round < 3000; round++) {
    const source = Uint8Array.from({ length: 80 }, () => random.below(256));
    const target = new Int32Array(32).fill(-1);
    const bytes = new Uint8Array(target.buffer);
    const at = random.below(30);
    const start = random.below(20);
    const length = random.below(50);
    const before = bytes.slice(0, at);
    writeBytes(target, at, viewOf(source), start, start + length);
    assertEquals(bytes.slice(0, at), before);
    assertEquals(bytes.slice(at, at + length), source.slice(start, start + length));
    // Nothing behind the last word that was begun.
    const end = length === 0 && at % 4 === 0 ? at : Math.ceil((at + length) / 4) * 4;
    const isTouched = length > 0 || at % 4 > 0;
    if (isTouched) assert(bytes.slice(at + length, end).every((byte) => byte === 0));
    assert(bytes.slice(end).every((byte) => byte === 255), `${at} ${length}`);
  }
});

Deno.test("hasBytes sees a difference in any byte, and none behind the last", () => {
  const source = Uint8Array.from({ length: 40 }, (_, i) => i * 7 + 1);
  for (let start = 0; start < 5; start++) {
    for (let length = 0; length < 20; length++) {
      const words = new Int32Array(8).fill(-1);
      new Uint8Array(words.buffer).set(source.subarray(start, start + length), 4);
      assert(hasBytes(words, 1, viewOf(source), start, start + length));
      for (let i = 0; i < length; i++) {
        const other = words.slice();
        new Uint8Array(other.buffer)[4 + i] ^= 0x80;
        assert(!hasBytes(other, 1, viewOf(source), start, start + length), `${length} ${i}`);
      }
    }
  }
});

Deno.test("a view is of the range of bytes that it was made of", () => {
  const bytes = Uint8Array.from([9, 9, 1, 2, 3, 4, 9]).subarray(2, 6);
  assertEquals(viewOf(bytes).getInt32(0, true), 0x04030201);
  assertEquals(viewOf(bytes).byteLength, 4);
});
