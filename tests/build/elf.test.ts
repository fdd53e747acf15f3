import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { cutAppended, elfLength } from "../../scripts/build/elf.ts";

interface ElfOptions {
  readonly tableOffset?: number;
  readonly entryBytes?: number;
  readonly entries?: number;
}

/** An ELF file of zeros but for the fields that tell its length, and `appended` more bytes behind it. */
function elf(appended: number, options: ElfOptions = {}): Uint8Array<ArrayBuffer> {
  const { tableOffset = 128, entryBytes = 64, entries = 3 } = options;
  const bytes = new Uint8Array(128 + 64 * 3 + appended);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(40, BigInt(tableOffset), true);
  view.setUint16(58, entryBytes, true);
  view.setUint16(60, entries, true);
  return bytes;
}

Deno.test("an ELF file ends behind its table of section headers", () => {
  assertEquals(elfLength(elf(0)), 128 + 64 * 3);
  assertEquals(elfLength(elf(1000)), 128 + 64 * 3);
});

Deno.test("a program appended to an ELF file is cut off", () => {
  assertEquals(cutAppended(elf(1000)), elf(0));
  assertEquals(cutAppended(elf(0)), elf(0));
});

Deno.test("the length is found in a view that does not begin at its buffer's start", () => {
  const shifted = new Uint8Array(5 + 1000 + 320);
  shifted.set(elf(1000), 5);
  assertEquals(elfLength(shifted.subarray(5)), 320);
});

Deno.test("kv itself ends before the program that was appended to it", async () => {
  const file = await Deno.readFile("kv");
  assertLess(elfLength(file), file.length);
});

Deno.test("what is no ELF file has no end to be found", () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(63), new Uint8Array(1000)]) {
    assertThrows(() => elfLength(bytes), RangeError, "no ELF file");
  }
  assertThrows(() => elfLength(elf(0).subarray(0, 63)), RangeError, "no ELF file");
});

Deno.test("a 32-bit or big-endian ELF file is refused", () => {
  for (const [at, value] of [[4, 1], [5, 2]]) {
    const bytes = elf(0);
    bytes[at] = value;
    assertThrows(() => elfLength(bytes), RangeError, "not 64-bit little-endian");
  }
});

Deno.test("an ELF file cut short, or without section headers, is refused", () => {
  assertThrows(() => elfLength(elf(0).subarray(0, 319)), RangeError, "byte 320 of 319");
  assertThrows(() => elfLength(elf(0, { tableOffset: 0, entries: 0 })), RangeError, "byte 0 of");
  assertThrows(() => elfLength(elf(0, { tableOffset: 2 ** 60 })), RangeError, "header says");
});
