import { assertEquals } from "@std/assert";
import {
  integerLength,
  isInt64,
  parseInt64,
  parseSafeInteger,
  writeInteger,
} from "../../../src/protocol/numbers.ts";
import { toBytes, toText } from "../../support/binary_text.ts";
import { SeededRandom } from "../../support/seeded_random.ts";

function safeInteger(text: string): number {
  // Something stands around it that must not be read.
  return parseSafeInteger(toBytes(`9${text}9`), 1, 1 + text.length);
}

function int64(text: string): bigint | null {
  return parseInt64(toBytes(`9${text}9`), 1, 1 + text.length);
}

const none = ["", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "a", "1a"];

Deno.test("what Redis does not take for an integer is none", () => {
  for (const text of [...none, "--1", "\0", "1\0", "1_000"]) {
    assertEquals(safeInteger(text), NaN, JSON.stringify(text));
    assertEquals(int64(text), null, JSON.stringify(text));
  }
});

Deno.test("integers are read up to their limits", () => {
  for (const text of ["0", "7", "-7", "10", "2147483648", "-2147483649", "9007199254740991"]) {
    assertEquals(safeInteger(text), Number(text));
    assertEquals(int64(text), BigInt(text));
  }
  assertEquals(safeInteger("-9007199254740991"), -9007199254740991);
  for (const text of ["9007199254740992", "-9007199254740992", "9".repeat(16), "9".repeat(30)]) {
    assertEquals(safeInteger(text), NaN, text);
  }
  assertEquals(int64("9223372036854775807"), 2n ** 63n - 1n);
  assertEquals(int64("-9223372036854775808"), -(2n ** 63n));
  for (const text of ["9223372036854775808", "-9223372036854775809", "9".repeat(20)]) {
    assertEquals(int64(text), null, text);
  }
});

Deno.test("isInt64 knows the limits", () => {
  assertEquals([2n ** 63n - 1n, -(2n ** 63n), 0n].map(isInt64), [true, true, true]);
  assertEquals([2n ** 63n, -(2n ** 63n) - 1n].map(isInt64), [false, false]);
});

Deno.test("integers are written as they are read, and as long as integerLength says", () => {
  const random = new SeededRandom(9);
  const values = [0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER];
  for (let i = 0; i < 5000; i++) {
    values.push(Math.floor(random.next() * 2 ** random.below(22) / 2 ** random.below(32)));
  }
  for (let digits = 1; digits <= 15; digits++) values.push(10 ** digits, 10 ** digits - 1);
  for (const value of values.flatMap((value) => value === 0 ? [0] : [value, -value])) {
    const target = new Uint8Array(30).fill(0x2e);
    const end = writeInteger(target, 3, value);
    const text = String(value);
    assertEquals(toText(target), "...".concat(text).padEnd(30, "."));
    assertEquals([end, integerLength(value)], [3 + text.length, text.length]);
    assertEquals(safeInteger(text), value);
  }
});
