import { assertEquals } from "@std/assert";
import { incrementFloat } from "../../../src/commands/float_increment.ts";

// All sums are what redis-server 7.0 answers on x86-64, where a long double has 80 bits.
const sums: [value: string, increment: string, sum: string][] = [
  ["10.50", "0.1", "10.6"],
  ["3.0e3", "200", "3200"],
  ["0.1", "0.2", "0.3"],
  ["5.0e3", "-200", "4800"],
  ["1.1", "-0.1", "1"],
  ["0", "0", "0"],
  ["+5", ".5", "5.5"],
  ["5.", "0", "5"],
  ["0x10", "0x1.8p1", "19"],
  ["0e99999999999", "1", "1"],
  ["123456789.123456789", "0.000000001", "123456789.12345678999554366"],
];

Deno.test("a sum is rounded to a long double and printed with 17 decimals", () => {
  for (const [value, increment, text] of sums) {
    assertEquals(incrementFloat(value, increment), { text }, `${value} + ${increment}`);
  }
});

Deno.test("what is smaller than 17 decimals show counts, but is not shown", () => {
  assertEquals(incrementFloat("1", "1e-17"), { text: "1.00000000000000001" });
  assertEquals(incrementFloat("1", "1e-18"), { text: "1" });
  assertEquals(incrementFloat("1e-4950", "0"), { text: "0" });
});

Deno.test("zero has no sign", () => {
  assertEquals(incrementFloat("-0", "-0"), { text: "0" });
  assertEquals(incrementFloat("0", "-0.00000000000000000001"), { text: "0" });
});

Deno.test("beyond 64 bits the last digits are lost, half to even", () => {
  assertEquals(incrementFloat("9007199254740993", "0.5"), { text: "9007199254740993.5" });
  assertEquals(incrementFloat("18446744073709551615", "1"), { text: "18446744073709551616" });
  assertEquals(incrementFloat("18446744073709551616", "1"), { text: "18446744073709551616" });
  assertEquals(incrementFloat("18446744073709551616", "3"), { text: "18446744073709551620" });
});

Deno.test("infinity is a number, but no sum", () => {
  for (const infinity of ["inf", "-INF", "+Infinity"]) {
    assertEquals(incrementFloat(infinity, "1"), { error: "outOfRange" });
    assertEquals(incrementFloat("1", infinity), { error: "outOfRange" });
  }
  assertEquals(incrementFloat("1.18e4932", "1e4932"), { error: "outOfRange" });
});

Deno.test("text that strtold does not take whole is no number", () => {
  const wrong = [
    "",
    " 1",
    "1 ",
    "1\n",
    "1\0",
    "1,5",
    "1.5.5",
    "1e",
    "1e+",
    ".",
    "--1",
    "0x",
    "0xp3",
  ];
  for (const text of [...wrong, "nan", "e5", "1_0", "١"]) {
    assertEquals(incrementFloat(text, "1"), { error: "notANumber" }, JSON.stringify(text));
    assertEquals(incrementFloat("1", text), { error: "notANumber" }, JSON.stringify(text));
  }
});

Deno.test("over- and underflow of one number is no number, whatever its length", () => {
  const far = ["1e5000", "-1e5000", "1e-5000", "1e99999999999999999999", "0x1p16384", "0x1p-16447"];
  for (const text of [...far, "9".repeat(5119)]) {
    assertEquals(incrementFloat(text, "1"), { error: "notANumber" }, text.slice(0, 30));
  }
  assertEquals(incrementFloat("0x1p-16445", "0"), { text: "0" });
  assertEquals(incrementFloat("1." + "0".repeat(5117), "0"), { text: "1" });
  assertEquals(incrementFloat("1." + "0".repeat(5118), "0"), { error: "notANumber" });
});
