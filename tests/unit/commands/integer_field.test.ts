import { assert, assertEquals } from "@std/assert";
import { IntegerField, type Overflow } from "../../../src/commands/integer_field.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

const rounds = 5000;
const overflows: readonly Overflow[] = ["WRAP", "SAT", "FAIL"];

function fieldOf(form: string, offset = 0): IntegerField {
  const field = new IntegerField();
  field.isSigned = form[0] === "i";
  field.bits = Number(form.slice(1));
  field.offset = offset;
  return field;
}

function bitsOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
}

/** A field anywhere in twenty random bytes, of which the first and the last are not its row's. */
function someField(random: SeededRandom): { field: IntegerField; bytes: Uint8Array } {
  const bytes = Uint8Array.from({ length: 20 }, () => random.below(256));
  const isSigned = random.chance(0.5);
  const bits = random.between(1, isSigned ? 64 : 63);
  const field = fieldOf(`${isSigned ? "i" : "u"}${bits}`, random.below(18 * 8 - bits + 1));
  field.setRow(bytes, 1, 19);
  return { field, bytes };
}

function inside(field: IntegerField, value: bigint): bigint {
  return field.isSigned ? BigInt.asIntN(field.bits, value) : BigInt.asUintN(field.bits, value);
}

Deno.test("a field is read where it stands, highest bit first", () => {
  const random = new SeededRandom(chooseSeed("fields that are read"));
  for (let round = 0; round < rounds; round++) {
    const { field, bytes } = someField(random);
    const { offset, bits } = field;
    const expected = inside(field, BigInt(`0b${bitsOf(bytes).slice(8 + offset).slice(0, bits)}`));
    assertEquals(field.readLong(), expected);
    if (!field.isLongWith(0)) assertEquals(field.read(), Number(expected));
  }
});

Deno.test("behind its row a field reads zeros", () => {
  const bytes = new Uint8Array(8).fill(0xff);
  for (
    const [form, offset, expected] of [["u8", 12, 0xf0], ["i8", 12, -16], ["u8", 16, 0]] as const
  ) {
    const field = fieldOf(form, offset);
    field.setRow(bytes, 1, 3);
    assertEquals(field.read(), expected, form);
    assertEquals(field.readLong(), BigInt(expected), form);
  }
});

Deno.test("writing a field changes nothing beside it", () => {
  const random = new SeededRandom(chooseSeed("fields that are written"));
  for (let round = 0; round < rounds; round++) {
    const { field, bytes } = someField(random);
    const { offset, bits } = field;
    const before = bitsOf(bytes);
    const value = inside(field, BigInt(random.next()) << 32n | BigInt(random.next()));
    const digits = BigInt.asUintN(bits, value).toString(2).padStart(bits, "0");
    if (!field.isLongWith(0) && random.chance(0.5)) field.write(Number(value));
    else field.writeLong(value);
    assertEquals(
      bitsOf(bytes),
      before.slice(0, 8 + offset) + digits + before.slice(8 + offset + bits),
    );
    assertEquals(field.readLong(), value);
  }
});

Deno.test("numbers and BigInt fit values alike", () => {
  const random = new SeededRandom(chooseSeed("values that are fitted"));
  for (let round = 0; round < rounds; round++) {
    const { field } = someField(random);
    if (field.isLongWith(0)) continue;
    const old = field.read();
    const span = 2 ** field.bits;
    const operand = random.chance(0.5)
      ? random.between(-3, 3)
      : random.pick([1, -1, 0.5, -0.5]) * span + random.between(-2, 2);
    const whole = Math.trunc(operand);
    if (field.isLongWith(whole)) continue;
    for (const overflow of overflows) {
      for (const [value, increment] of [[old, whole], [whole, 0]]) {
        const long = field.fitLong(BigInt(value), BigInt(increment), overflow);
        const fitted = field.fit(value, increment, overflow);
        const what = `${field.isSigned} ${field.bits} ${value} ${increment} ${overflow}`;
        assertEquals(Number.isNaN(fitted) ? null : BigInt(fitted), long, what);
        if (long !== null) assertEquals(inside(field, long), long, what);
      }
    }
  }
});

Deno.test("what does not fit wraps, becomes the nearest value, or fails", () => {
  const unsigned = fieldOf("u8");
  assertEquals(overflows.map((overflow) => unsigned.fit(250, 10, overflow)), [4, 255, NaN]);
  assertEquals(overflows.map((overflow) => unsigned.fit(5, -10, overflow)), [251, 0, NaN]);
  const signed = fieldOf("i64");
  const max = 2n ** 63n - 1n;
  assertEquals(overflows.map((overflow) => signed.fitLong(max, 1n, overflow)), [
    -max - 1n,
    max,
    null,
  ]);
  assert(overflows.every((overflow) => signed.fitLong(max, -1n, overflow) === max - 1n));
});

Deno.test("a negative value is too large for an unsigned field, not too small", () => {
  assertEquals(fieldOf("u8").fit(-1, 0, "SAT"), 255);
  assertEquals(fieldOf("u63").fitLong(-1n, 0n, "SAT"), 2n ** 63n - 1n);
});
