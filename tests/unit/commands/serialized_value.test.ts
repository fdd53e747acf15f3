import { assertEquals, assertStrictEquals } from "@std/assert";
import { Crc64 } from "../../../src/commands/crc64.ts";
import { lzfCompress, lzfDecompress } from "../../../src/commands/lzf.ts";
import { deserialize, isSerialized, serialize } from "../../../src/commands/serialized_value.ts";
import { toBytes, toText } from "../../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

Deno.test("CRC-64 of Jones: the check value, and sums of pieces", () => {
  const sum = new Crc64();
  const bytes = toBytes("123456789");
  sum.add(bytes, 0, 4);
  sum.add(bytes, 4, 9);
  const written = new Uint8Array(8);
  sum.write(written, 0);
  assertEquals(written.toReversed().toHex(), "e9c6d914c4b8d9ca");
  assertEquals(sum.matches(written, 0), true);
  written[7] ^= 1;
  assertEquals(sum.matches(written, 0), false);
});

/** Text in which some things come again and others do not. */
function someText(random: SeededRandom): string {
  const words = Array.from({ length: random.between(1, 20) }, () => random.bytes(random.below(12)));
  let text = "";
  for (let left = random.below(3000); left > 0; left--) {
    text += random.chance(0.7) ? random.pick(words) : random.bytes(1);
  }
  return text;
}

Deno.test("what is compressed and decompressed is what it was", () => {
  const random = new SeededRandom(chooseSeed("LZF"));
  let compressed = 0;
  for (let i = 0; i < 500; i++) {
    const text = someText(random);
    const source = toBytes(`--${text}--`);
    const target = new Uint8Array(Math.max(1, text.length - 4));
    const length = lzfCompress(source, 2, source.length - 2, target);
    if (length === 0) continue;
    compressed++;
    const restored = new Uint8Array(text.length);
    assertEquals(lzfDecompress(target, 0, length, restored), true);
    assertStrictEquals(toText(restored), text);
    assertEquals(lzfDecompress(target, 0, length, new Uint8Array(text.length + 1)), false);
    assertEquals(lzfDecompress(target, 0, length, new Uint8Array(text.length - 1)), false);
  }
  assertEquals(compressed > 100, true, `${compressed} of 500`);
});

Deno.test("no bytes make the decompressor leave its bounds", () => {
  const random = new SeededRandom(chooseSeed("LZF of anything"));
  for (let i = 0; i < 20_000; i++) {
    const source = toBytes(random.bytes(random.below(40)));
    const target = new Uint8Array(random.below(200));
    lzfDecompress(source, 0, source.length, target);
  }
});

Deno.test("what is serialised is read back, and no changed byte goes unnoticed", () => {
  const random = new SeededRandom(chooseSeed("serialised values"));
  for (let i = 0; i < 500; i++) {
    const value = random.chance(0.2) ? String(random.below(2 ** 33) - 2 ** 32) : someText(random);
    const bytes = serialize(toBytes(value), 0, value.length);
    assertEquals(isSerialized(bytes, 0, bytes.length), true);
    const read = deserialize(bytes, 0, bytes.length)!;
    const content = read.read()!;
    assertEquals(read.length, value.length);
    assertStrictEquals(toText(content.bytes.subarray(content.start, content.end)), value);
    bytes[random.below(bytes.length)] ^= 1 << random.below(8);
    assertEquals(isSerialized(bytes, 0, bytes.length), false);
  }
});

Deno.test("what has a right checksum and makes no sense is refused", () => {
  const random = new SeededRandom(chooseSeed("odd serialised values"));
  for (let i = 0; i < 20_000; i++) {
    const body = toBytes("\0" + random.bytes(random.below(20)) + "\x0a\0");
    const bytes = new Uint8Array(body.length + 8);
    bytes.set(body);
    const sum = new Crc64();
    sum.add(body, 0, body.length);
    sum.write(bytes, body.length);
    assertEquals(isSerialized(bytes, 0, bytes.length), true);
    const read = deserialize(bytes, 0, bytes.length);
    if (read !== null && read.length < 2 ** 20) read.read();
  }
});
