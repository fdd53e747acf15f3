import { assertEquals } from "@std/assert";
import { splitArguments } from "../../../src/protocol/line_arguments.ts";
import { toBytes, toText } from "../../support/binary_text.ts";

/** The arguments of a line, one character for each byte, and what is wrong if something is. */
function split(line: string): (string | undefined)[] {
  const { args, starts, state } = splitArguments(toBytes(line));
  assertEquals(starts.length, args.length + (state === "wrong" ? 1 : 0));
  return [...args.map(toText), ...(state === "whole" ? [] : [state])];
}

Deno.test("blanks separate arguments", () => {
  assertEquals(split(""), []);
  assertEquals(split("  \t "), []);
  assertEquals(split("get foo"), ["get", "foo"]);
  assertEquals(split(" \tget  \t foo\r\n"), ["get", "foo"]);
});

Deno.test("quotes hold an argument together, also an empty one", () => {
  assertEquals(split(`set "a b" 'c d'`), ["set", "a b", "c d"]);
  assertEquals(split(`"" ''`), ["", ""]);
  assertEquals(split(`"it's" 'a "b"'`), ["it's", 'a "b"']);
  assertEquals(split('"a\nb"'), ["a\nb"]);
});

Deno.test("double quotes know escapes", () => {
  assertEquals(split('"\\n\\r\\t\\b\\a\\"\\\\"'), ['\n\r\t\b\x07"\\']);
  assertEquals(split('"\\x00\\xfF\\x41"'), ["\0\xffA"]);
  assertEquals(split('"\\x4 \\xg1 \\q"'), ["x4 xg1 q"]);
});

Deno.test("single quotes know only an escaped single quote", () => {
  assertEquals(split("'it\\'s \\n \\x41'"), ["it's \\n \\x41"]);
});

Deno.test("outside of quotes a backslash is a backslash", () => {
  assertEquals(split("a\\nb \\"), ["a\\nb", "\\"]);
});

Deno.test("a quote inside of a word begins a quoted part", () => {
  assertEquals(split('a"b c"'), ["ab c"]);
  assertEquals(split(`a'b c' d`), ["ab c", "d"]);
});

Deno.test("all other bytes stand for themselves", () => {
  const bytes = String.fromCharCode(...Array.from({ length: 0x100 - 0x5d }, (_, i) => 0x5d + i));
  assertEquals(split(bytes), [bytes]);
});

Deno.test("a quote that is not closed leaves the line open", () => {
  assertEquals(split('set k "a b'), ["set", "k", "a b", "open"]);
  assertEquals(split("set k '"), ["set", "k", "", "open"]);
  assertEquals(split('"a\\"'), ['a"', "open"]);
  assertEquals(split('"a\\'), ["a\\", "open"]);
});

Deno.test("something behind a closing quote makes the line wrong", () => {
  assertEquals(split('set "a"b'), ["set", "wrong"]);
  assertEquals(split(`'a'"b"`), ["wrong"]);
});

Deno.test("starts tell where the arguments begin", () => {
  assertEquals(splitArguments(toBytes(` get  "a b" c`)).starts, [1, 6, 12]);
});
