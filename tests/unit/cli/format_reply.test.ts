import { assertEquals } from "@std/assert";
import {
  appendReply,
  formatForTerminal,
  formatJson,
  formatRaw,
} from "../../../src/cli/format_reply.ts";
import {
  DoubleReply,
  ErrorReply,
  PushReply,
  type Reply,
  VerbatimReply,
} from "../../../src/protocol/reply.ts";
import { toBytes, toText } from "../../support/binary_text.ts";

const text = (bytes: string): Uint8Array => toBytes(bytes);

Deno.test("a terminal is shown the types of replies", () => {
  const shown: readonly (readonly [Reply, string])[] = [
    [null, "(nil)"],
    ["OK", "OK"],
    [text("a b"), '"a b"'],
    [7, "(integer) 7"],
    [2n ** 63n - 1n, "(integer) 9223372036854775807"],
    [true, "(true)"],
    [false, "(false)"],
    [new DoubleReply("1.50", 1.5), "(double) 1.50"],
    [new ErrorReply("ERR no"), "(error) ERR no"],
    [new VerbatimReply("txt", text("a\nb")), "a\nb"],
    [[], "(empty array)"],
    [new Set<Reply>(), "(empty set)"],
    [new Map<Reply, Reply>(), "(empty hash)"],
    [new PushReply([]), "(empty push)"],
    [[1, [null, "x"], 2], "1) (integer) 1\n2) 1) (nil)\n   2) x\n3) (integer) 2"],
    [new Set<Reply>([1, 2]), "1~ (integer) 1\n2~ (integer) 2"],
    [new PushReply(["message", 1]), "1) message\n2) (integer) 1"],
    [new Map<Reply, Reply>([["a", 1], ["b", 2]]), "1# a => (integer) 1\n2# b => (integer) 2"],
  ];
  for (const [reply, expected] of shown) assertEquals(formatForTerminal(reply), `${expected}\n`);
});

Deno.test("numbers of a list are aligned, and what is nested stands below", () => {
  const reply = [...Array.from({ length: 9 }, (_, i) => i), [1, 2]];
  const lines = formatForTerminal(reply).split("\n");
  assertEquals(lines[0], " 1) (integer) 0");
  assertEquals(lines[9], "10) 1) (integer) 1");
  assertEquals(lines[10], "    2) (integer) 2");
});

Deno.test("a value of a map that has several items begins on a line of its own", () => {
  const map = new Map<Reply, Reply>([["one", [1]], ["two", [1, 2]]]);
  assertEquals(
    formatForTerminal(map),
    "1# one => 1) (integer) 1\n2# two => \n   1) (integer) 1\n   2) (integer) 2\n",
  );
  // A text does not, though it takes several lines, and neither does a list with nothing but a text.
  const lines = new VerbatimReply("txt", text("a\nb"));
  assertEquals(
    formatForTerminal(new Map<Reply, Reply>([["x", lines], ["y", [lines]], ["z", [[1, 2]]]])),
    "1# x => a\nb\n2# y => 1) a\nb\n3# z => \n   1) 1) (integer) 1\n      2) (integer) 2\n",
  );
});

Deno.test("raw replies are their bytes, lists one item a line", () => {
  const raw = (reply: Reply) => toText(formatRaw(reply));
  assertEquals(raw(text("\xff\0\n")), "\xff\0\n");
  assertEquals(raw(null), "");
  assertEquals(raw("OK"), "OK");
  assertEquals(raw(12n), "12");
  assertEquals(raw(true), "(true)");
  assertEquals(raw(new DoubleReply("inf", Infinity)), "inf");
  assertEquals(raw(new VerbatimReply("txt", text("a\n"))), "a\n");
  assertEquals(raw([text("a"), null, [1, 2]]), "a\n\n1\n2");
  assertEquals(raw(new Map<Reply, Reply>([["a", 1], ["b", text("\xfe")]])), "a 1\nb \xfe");
  assertEquals(raw(new Set<Reply>(["a", "b"])), "a\nb");
});

Deno.test("JSON keeps what it can express, and says what it cannot", () => {
  const json: readonly (readonly [Reply, string])[] = [
    [null, "null"],
    ["OK", '"OK"'],
    [text('a"\n\xc3\x9f'), '"a\\"\\nß"'],
    [text("\xff\0"), '{"base64":"/wA="}'],
    // A byte order mark is part of the value.
    [text("\xef\xbb\xbfx"), '"\ufeffx"'],
    [2n ** 63n - 1n, "9223372036854775807"],
    [true, "true"],
    [new DoubleReply("1.50", 1.5), "1.5"],
    [new DoubleReply("-inf", -Infinity), '"-inf"'],
    [new ErrorReply("ERR no"), '{"error":"ERR no"}'],
    [new VerbatimReply("txt", text("a")), '"a"'],
    [[1, [null]], "[1,[null]]"],
    [new Set<Reply>([1, 2]), "[1,2]"],
    [new Map<Reply, Reply>([[text("a"), 1], [2, []]]), '{"a":1,"2":[]}'],
    [new Map<Reply, Reply>([[text("\xff"), 1], ["b", 2]]), '[[{"base64":"/w=="},1],["b",2]]'],
  ];
  for (const [reply, expected] of json) assertEquals(formatJson(reply), expected);
});

/** How many characters a value comes to, which may be more than a string can have. */
function lengthOf(value: Uint8Array, format: "json" | "terminal"): number {
  let length = 0;
  const push = (...texts: string[]) => {
    for (const text of texts) length += text.length;
  };
  appendReply({ push, append: () => {} }, value, format, []);
  return length;
}

Deno.test("a value is shown that is longer, with its escapes, than a string can be", () => {
  const zeros = new Uint8Array(2 ** 27 + 1);
  assertEquals(lengthOf(zeros, "json"), zeros.length * 6 + 3);
  assertEquals(lengthOf(zeros, "terminal"), zeros.length * 4 + 3);
});

Deno.test("a long value is shown as a short one is, wherever it is cut", () => {
  const text = "grüße € 😀 \0";
  for (let i = 0; i < 12; i++) {
    const long = "x".repeat(i) + text.repeat(30_000);
    const bytes = new TextEncoder().encode(long);
    assertEquals(formatJson(bytes), JSON.stringify(long));
    bytes[bytes.length - 2] = 0xff;
    assertEquals(formatJson(bytes), `{"base64":"${bytes.toBase64()}"}`);
    // A character without its end.
    const cut = bytes.slice(0, -3);
    cut[cut.length - 1] = 0xe2;
    assertEquals(formatJson(cut), `{"base64":"${cut.toBase64()}"}`);
  }
});
