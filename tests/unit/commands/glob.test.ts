import { assert, assertEquals, assertLess } from "@std/assert";
import { matchGlob, matchGlobRange } from "../../../src/commands/glob.ts";

/** Latin-1, so that a test can name any byte. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function matches(pattern: string, text: string, ignoreCase = false): boolean {
  return matchGlob(bytes(pattern), bytes(text), ignoreCase);
}

function expectMatches(pattern: string, yes: string[], no: string[]): void {
  for (const text of yes) assert(matches(pattern, text), `${pattern} matches ${text}`);
  for (const text of no) assert(!matches(pattern, text), `${pattern} does not match ${text}`);
}

Deno.test("a plain pattern matches itself only", () => {
  expectMatches("abc", ["abc"], ["ab", "abcd", "abd", ""]);
});

Deno.test("? stands for one byte, * for any number of them", () => {
  expectMatches("h?llo", ["hello", "h\xffllo", "h?llo"], ["hllo", "heello"]);
  expectMatches("h*llo", ["hllo", "heeeello", "h*llo"], ["hell", "xhllo"]);
  expectMatches("*a*b*", ["ab", "xaybz", "aab"], ["ba", "a"]);
  expectMatches("a**", ["a", "ab"], ["b"]);
});

Deno.test("only the empty pattern matches the empty text, as in Redis", () => {
  assert(matches("", ""));
  assert(!matches("*", ""));
  assert(!matches("", "a"));
});

Deno.test("a class matches one byte of its members and ranges", () => {
  expectMatches("h[ae]llo", ["hello", "hallo"], ["hillo", "hllo"]);
  expectMatches("h[a-c]llo", ["hallo", "hcllo"], ["hdllo"]);
  expectMatches("[z-x]", ["x", "y", "z"], ["w", "-"]);
  expectMatches("h[^e]llo", ["hallo", "h^llo"], ["hello", "hllo"]);
  expectMatches("[a-]", ["]", "_", "a"], ["b", "-"]);
});

Deno.test("the empty class matches nothing, its complement everything", () => {
  expectMatches("[]", [], ["", "]", "[", "a"]);
  expectMatches("[^]", ["a", "]", "^"], ["", "ab"]);
});

Deno.test("a class without end reaches to the end of the pattern", () => {
  expectMatches("[ab", ["a", "b"], ["[", "[ab", "c"]);
  expectMatches("[^ab", ["c"], ["a", "cc"]);
  expectMatches("[", [], ["[", ""]);
  expectMatches("[^", ["x"], ["", "xx"]);
});

Deno.test("a backslash takes the special meaning away", () => {
  expectMatches("h\\*llo", ["h*llo"], ["hello", "h\\*llo"]);
  expectMatches("[\\]x]", ["]", "x"], ["\\"]);
  expectMatches("a\\", ["a\\"], ["a"]);
});

Deno.test("bytes from 0x80 come before all others in a range: char is signed", () => {
  expectMatches("[\x80-a]", ["\x80", "\xff", "A", "\0"], ["b"]);
  expectMatches("[a-\xff]", ["\xff", "A", "\0"], ["b", "\x80"]);
});

Deno.test("without case, escaped members of a class still heed it", () => {
  assert(matches("MAX*[A-C]", "maxb", true));
  assert(matches("[m]", "M", true));
  assert(matches("\\M", "m", true));
  assert(!matches("[\\M]", "m", true));
  assert(!matches("MAX", "max"));
});

Deno.test("a range of a buffer is matched in place", () => {
  const buffer = bytes("xxuser:1yy");
  assert(matchGlobRange(bytes("user:*"), buffer, 2, 8));
  assert(!matchGlobRange(bytes("user:*"), buffer, 1, 8));
  assert(!matchGlobRange(bytes("*y"), buffer, 2, 8));
});

Deno.test("patterns of many stars end in time", () => {
  const start = performance.now();
  assertEquals(matches("*a".repeat(1000) + "b", "a".repeat(100_000)), false);
  assertEquals(matches("*?".repeat(1000) + "*b", "a".repeat(100_000)), false);
  assertLess(performance.now() - start, 5000);
});

Deno.test("the matcher agrees with a recursive one on random patterns", () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = mulberry32(seed);
  const pick = (alphabet: string, max: number) =>
    Array.from({ length: Math.floor(random() * max) }, () => {
      return alphabet[Math.floor(random() * alphabet.length)];
    }).join("");
  for (let i = 0; i < 20_000; i++) {
    const pattern = pick("ab?**", 8);
    const text = `a${pick("ab", 8)}`;
    assertEquals(matches(pattern, text), naive(pattern, text), `seed ${seed}: ${pattern} ${text}`);
  }
});

function naive(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") {
    return naive(pattern.slice(1), text) || (text !== "" && naive(pattern, text.slice(1)));
  }
  if (text === "" || (pattern[0] !== "?" && pattern[0] !== text[0])) return false;
  return naive(pattern.slice(1), text.slice(1));
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
