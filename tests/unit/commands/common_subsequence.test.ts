import { assertEquals } from "@std/assert";
import type { ByteRange } from "../../../src/commands/byte_range.ts";
import { commonLength, commonParts } from "../../../src/commands/common_subsequence.ts";
import { toBytes } from "../../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

const rounds = 1000;

/** The text's bytes, with others around them. */
function rangeOf(text: string): ByteRange {
  const bytes = toBytes(`ab${text}a`);
  return { bytes, start: 2, end: bytes.length - 1 };
}

/** The table of lengths as a table, and the way back through it as Redis goes. */
function partsByTable(first: string, second: string): { length: number; parts: number[] } {
  const table = [new Array<number>(second.length + 1).fill(0)];
  for (let i = 1; i <= first.length; i++) {
    table.push([0]);
    for (let j = 1; j <= second.length; j++) {
      const longest = Math.max(table[i - 1][j], table[i][j - 1]);
      table[i].push(first[i - 1] === second[j - 1] ? table[i - 1][j - 1] + 1 : longest);
    }
  }
  const parts: number[] = [];
  let i = first.length;
  let j = second.length;
  let length = 0;
  const endPart = () => {
    if (length > 0) parts.push(i, j, length);
    length = 0;
  };
  while (i > 0 && j > 0) {
    if (first[i - 1] === second[j - 1]) {
      i--;
      j--;
      length++;
      continue;
    }
    endPart();
    if (table[i - 1][j] > table[i][j - 1]) i--;
    else j--;
  }
  endPart();
  return { length: table[first.length][second.length], parts };
}

Deno.test("parts and length are those of the table of lengths", () => {
  const random = new SeededRandom(chooseSeed("common subsequences"));
  // At both sides of the columns that go into a byte, two bytes, one word, two words.
  const sizes = [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100];
  for (let round = 0; round < rounds; round++) {
    const letters = random.pick(["a", "ab", "abc", "abcdefghijklmnopqrstuvwxyz"]);
    const text = (size: number) =>
      Array.from({ length: size }, () => letters[random.below(letters.length)]).join("");
    const first = text(random.pick(sizes));
    const second = random.chance(0.2) ? first.slice(random.below(5)) : text(random.pick(sizes));
    const { length, parts } = partsByTable(first, second);
    const what = `${first} and ${second}`;
    assertEquals(commonLength(rangeOf(first), rangeOf(second)), length, what);
    assertEquals(commonParts(rangeOf(first), rangeOf(second)), parts, what);
  }
});

Deno.test("a sum is carried from word to word", () => {
  const second = "a".repeat(200);
  assertEquals(commonLength(rangeOf("a".repeat(150)), rangeOf(second)), 150);
  assertEquals(commonParts(rangeOf("a".repeat(150)), rangeOf(second)), [0, 50, 150]);
});
