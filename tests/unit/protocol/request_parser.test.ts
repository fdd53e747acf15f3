import { assert, assertEquals } from "@std/assert";
import { RequestParser, requestsAhead } from "../../../src/protocol/request_parser.ts";
import { encodeRequest, toBytes, toText } from "../../support/binary_text.ts";
import { feedParser } from "../../support/parser_feeding.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

/** The requests that a parser finds in a text, up to an error. */
function feed(parser: RequestParser, text: string): string[][] {
  const requests: string[][] = [];
  if (parser.error !== null) return requests;
  feedParser(parser, toBytes(text), () => {
    requests.push(...take(parser));
    return parser.error === null;
  });
  return requests;
}

/** All requests that have arrived. */
function take(parser: RequestParser): string[][] {
  const taken: string[][] = [];
  while (parser.readAhead() > 0) {
    assert(parser.count <= requestsAhead);
    for (let i = 0; i < parser.count; i++) {
      const { bytes, argc, starts, ends } = parser.requests[i];
      taken.push(
        Array.from({ length: argc }, (_, n) => toText(bytes.subarray(starts[n], ends[n]))),
      );
    }
  }
  return taken;
}

function parse(text: string): string[][] {
  const parser = new RequestParser();
  const requests = feed(parser, text);
  assertEquals(parser.error, null, text);
  return requests;
}

function errorOf(text: string): string | null {
  const parser = new RequestParser();
  feed(parser, text);
  return parser.error;
}

const pipeline: readonly (readonly string[])[] = [
  ["PING"],
  ["SET", "key", "value"],
  ["SET", "empty", ""],
  ["ECHO", "\r\n$3\r\n*1\r\n\0\xff"],
  ["MSET", ...Array.from({ length: 40 }, (_, i) => `${i}`)],
  ["GET", "k".repeat(1500)],
  ["PING"],
];
const pipelineText = pipeline.slice(0, 2).map(encodeRequest).join("") +
  "set a 'b c'\r\n\r\nget a\n" +
  "*0\r\n*-1\r\n" + pipeline.slice(2).map(encodeRequest).join("");
const pipelineRequests = [
  ...pipeline.slice(0, 2),
  ["set", "a", "b c"],
  ["get", "a"],
  ...pipeline.slice(2),
].map((request) => [...request]);

Deno.test("a pipeline that is split in two at any position gives the same requests", () => {
  for (let at = 0; at <= pipelineText.length; at++) {
    const parser = new RequestParser();
    const found = [
      ...feed(parser, pipelineText.slice(0, at)),
      ...feed(parser, pipelineText.slice(at)),
    ];
    assertEquals(found, pipelineRequests, `split at ${at}`);
    assertEquals(parser.pendingBytes, 0);
  }
});

Deno.test("a pipeline that comes byte by byte gives the same requests", () => {
  const parser = new RequestParser();
  const found = [...pipelineText].flatMap((byte) => feed(parser, byte));
  assertEquals(found, pipelineRequests);
});

Deno.test("a pipeline in pieces of any sizes gives the same requests", () => {
  const random = new SeededRandom(chooseSeed("request pieces"));
  const text = pipelineText.repeat(30);
  const expected = Array.from({ length: 30 }, () => pipelineRequests).flat();
  for (let round = 0; round < 20; round++) {
    const parser = new RequestParser();
    const found: string[][] = [];
    for (let at = 0; at < text.length;) {
      const length = 1 + random.below(random.pick([5, 100, 5000, 100_000]));
      found.push(...feed(parser, text.slice(at, at + length)));
      at += length;
    }
    assertEquals(found, expected);
  }
});

Deno.test("long arguments arrive whole, and the memory is given back behind them", () => {
  const parser = new RequestParser();
  const value = "v".repeat(3_000_000);
  const text = encodeRequest(["SET", "a", value]) + encodeRequest(["PING"]);
  const found: string[][] = [];
  for (let at = 0; at < text.length; at += 65_536) {
    found.push(...feed(parser, text.slice(at, at + 65_536)));
  }
  assertEquals(found.map((request) => request.map(({ length }) => length)), [[3, 1, 3e6], [4]]);
  parser.space();
  assert(parser.bufferBytes <= 65_536, `${parser.bufferBytes}`);
});

Deno.test("what has arrived of a long argument is nothing to be handled before all of it is there", () => {
  const parser = new RequestParser();
  const text = toBytes(encodeRequest(["SET", "key", "v".repeat(100_000)]));
  for (let at = 0; at < text.length;) {
    const space = parser.space();
    const piece = text.subarray(at, at + Math.min(4000, space.length));
    space.set(piece);
    parser.received(piece.length);
    at += piece.length;
    const isWhole = at === text.length;
    // Of the first piece nobody has looked yet what it is.
    if (at > piece.length) assertEquals(parser.readyBytes, isWhole ? text.length : 0);
    assertEquals(parser.readAhead(), isWhole ? 1 : 0);
  }
  feed(parser, "*2\r\n$3\r\nG");
  assertEquals([parser.pendingBytes, parser.readyBytes], [9, 0]);
});

Deno.test("a request of many arguments is read, and one of few behind it", () => {
  const many = ["DEL", ...Array.from({ length: 5000 }, (_, i) => `key:${i}`)];
  const text = encodeRequest(many) + encodeRequest(["PING"]);
  assertEquals(parse(text), [many, ["PING"]]);
});

Deno.test("what is announced takes no memory before it arrives", () => {
  for (const header of ["*2147483647\r\n", "*2\r\n$536870912\r\n", "*1\r\n$536870912\r\nx"]) {
    const parser = new RequestParser();
    assertEquals(feed(parser, header), []);
    parser.space();
    assert(parser.bufferBytes <= 64 * 1024, `${header} takes ${parser.bufferBytes} bytes`);
  }
});

// --- inline commands -----------------------------------------------------------------------------

/** A line, and its arguments by Redis's sdssplitargs. */
const inlineTable: readonly [string, readonly string[]][] = [
  ["GET foo", ["GET", "foo"]],
  ["  GET \t foo  ", ["GET", "foo"]],
  ["GET\vfoo", ["GET\vfoo"]],
  ['SET a "b c"', ["SET", "a", "b c"]],
  ["SET a 'b c'", ["SET", "a", "b c"]],
  ['SET a ""', ["SET", "a", ""]],
  ["SET a ''", ["SET", "a", ""]],
  [String.raw`"\n\r\t\b\a\\\"\'\q"`, ["\n\r\t\b\x07\\\"'q"]],
  [String.raw`"\x41\xfF\x00"`, ["A\xff\0"]],
  [String.raw`"\x4"`, ["x4"]],
  [String.raw`"\xzz\x4g"`, ["xzzx4g"]],
  [String.raw`'it\'s \n "here"'`, [String.raw`it's \n "here"`]],
  [`"it's"`, ["it's"]],
  [`ab"cd"`, ["abcd"]],
  [`ab'c d' e`, ["abc d", "e"]],
  ["a\\nb", ["a\\nb"]],
  ["\xff\x80", ["\xff\x80"]],
];

for (const [line, expected] of inlineTable) {
  Deno.test(`the line ${JSON.stringify(line)} is ${JSON.stringify(expected)}`, () => {
    assertEquals(parse(`${line}\r\nPING\n`), [[...expected], ["PING"]]);
    assertEquals(parse(`${line}\nPING\r\n`), [[...expected], ["PING"]]);
  });
}

Deno.test("empty lines are no requests", () => {
  assertEquals(parse("\r\n\n  \r\nPING\r\n"), [["PING"]]);
});

for (const line of ['"a', "'a", '"a"b', "'a'b", '"a\\"', 'SET a "b', "'\\'"]) {
  Deno.test(`the quotes of ${JSON.stringify(line)} are unbalanced`, () => {
    const expected = "ERR Protocol error: unbalanced quotes in request";
    assertEquals(errorOf(`${line}\r\n`), expected);
  });
}

// --- errors and limits ---------------------------------------------------------------------------

const errors: readonly [string, string][] = [
  ["*x\r\n", "invalid multibulk length"],
  ["*2147483648\r\n", "invalid multibulk length"],
  ["*01\r\n", "invalid multibulk length"],
  ["*+1\r\n", "invalid multibulk length"],
  ["*\r\n", "invalid multibulk length"],
  ["*99999999999999999999\r\n", "invalid multibulk length"],
  ["*1\r\nPING\r\n", "expected '$', got 'P'"],
  ["*1\r\n:1\r\n", "expected '$', got ':'"],
  ["*2\r\n$1\r\na\r\n\xff\r\n", "expected '$', got '\xff'"],
  ["*1\r\n$x\r\n", "invalid bulk length"],
  ["*1\r\n$-1\r\n", "invalid bulk length"],
  ["*1\r\n$536870913\r\n", "invalid bulk length"],
  ["*1\r\n$\r\n", "invalid bulk length"],
  ["*1\r\n$01\r\n", "invalid bulk length"],
  ["*" + "1".repeat(70_000), "too big mbulk count string"],
  ["*1\r\n$" + "1".repeat(70_000), "too big bulk count string"],
  ["a".repeat(70_000), "too big inline request"],
];

for (const [text, expected] of errors) {
  Deno.test(`${JSON.stringify(text.slice(0, 24))} is refused: ${expected}`, () => {
    assertEquals(errorOf(text), `ERR Protocol error: ${expected}`);
  });
}

Deno.test("requests before an error are given, none behind it", () => {
  const parser = new RequestParser();
  assertEquals(feed(parser, "PING\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n"), [["PING"], ["PING"]]);
  assertEquals(parser.error, "ERR Protocol error: invalid multibulk length");
  assertEquals(parser.readAhead(), 0);
});

Deno.test("the longest argument can be set", () => {
  const parser = new RequestParser();
  parser.bulkLengthMax = 5000;
  assertEquals(feed(parser, encodeRequest(["ECHO", "v".repeat(5000)])).length, 1);
  feed(parser, encodeRequest(["ECHO", "v".repeat(5001)]));
  assertEquals(parser.error, "ERR Protocol error: invalid bulk length");
});

Deno.test("a line of 64 KiB is read", () => {
  const word = "a".repeat(65_000);
  assertEquals(parse(`ECHO ${word}\r\n`), [["ECHO", word]]);
});

Deno.test("any bytes at all give requests or an error, never a crash", () => {
  const seed = chooseSeed("request noise");
  const random = new SeededRandom(seed);
  const pieces = [
    "*1\r\n",
    "*3\r\n",
    "$3\r\n",
    "$0\r\n",
    "\r\n",
    "\n",
    "'",
    '"',
    "\\x",
    "a b",
    "\0",
  ];
  for (let round = 0; round < 3000; round++) {
    let text = "";
    for (let i = random.below(30); i > 0; i--) {
      text += random.chance(0.3) ? random.bytes(random.below(12)) : random.pick(pieces);
    }
    const whole = new RequestParser();
    const expected = feed(whole, text);
    const split = new RequestParser();
    const found: string[][] = [];
    for (let at = 0; at < text.length;) {
      const length = 1 + random.below(9);
      found.push(...feed(split, text.slice(at, at + length)));
      at += length;
    }
    assertEquals([found, split.error], [expected, whole.error], `KV_TEST_SEED=${seed} ${round}`);
  }
});
