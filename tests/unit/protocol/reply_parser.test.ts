import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { ReplyFormatError, ReplyParser } from "../../../src/protocol/reply_parser.ts";
import {
  DoubleReply,
  ErrorReply,
  PushReply,
  type Reply,
  replyToText,
  VerbatimReply,
} from "../../../src/protocol/reply.ts";

const encoder = new TextEncoder();
const bytes = (text: string) => encoder.encode(text);

/** All replies of a stream that comes in these chunks; nothing may be left over. */
function parse(...chunks: (string | Uint8Array)[]): Reply[] {
  const parser = new ReplyParser();
  const replies: Reply[] = [];
  for (const chunk of chunks) {
    parser.feed(typeof chunk === "string" ? bytes(chunk) : chunk.slice());
    for (let reply = parser.next(); reply !== undefined; reply = parser.next()) replies.push(reply);
  }
  assertEquals(parser.midReply, false);
  return replies;
}

function assertRefused(text: string, message: string): void {
  const parser = new ReplyParser();
  parser.feed(bytes(text));
  assertThrows(() => parser.next(), ReplyFormatError, message);
  // The stream is lost: nothing of it is read as a reply any more.
  assertThrows(() => parser.next(), ReplyFormatError, message);
}

Deno.test("simple strings, errors, integers and bulk strings are read", () => {
  assertEquals(parse("+OK\r\n"), ["OK"]);
  assertEquals(parse("+\r\n"), [""]);
  assertEquals(parse(":0\r\n:-7\r\n:9007199254740991\r\n"), [0, -7, 9007199254740991]);
  assertEquals(parse("$3\r\nfoo\r\n$0\r\n\r\n"), [bytes("foo"), bytes("")]);
  const [error] = parse("-WRONGTYPE Operation against\r\n");
  assertInstanceOf(error, ErrorReply);
  assertEquals(error.code, "WRONGTYPE");
  assertEquals(error.message, "WRONGTYPE Operation against");
  assertEquals((parse("-OOPS\r\n")[0] as ErrorReply).code, "OOPS");
});

Deno.test("integers beyond 2^53 are bigints", () => {
  assertEquals(parse(":9007199254740992\r\n:-9223372036854775808\r\n"), [
    9007199254740992n,
    -9223372036854775808n,
  ]);
});

Deno.test("every kind of null is null", () => {
  assertEquals(parse("$-1\r\n*-1\r\n_\r\n"), [null, null, null]);
});

Deno.test("booleans, doubles and big numbers are read", () => {
  assertEquals(parse("#t\r\n#f\r\n"), [true, false]);
  const doubles = parse(",3.25\r\n,10\r\n,-1e-7\r\n,inf\r\n,-inf\r\n,nan\r\n") as DoubleReply[];
  assertEquals(doubles.map((double) => double.value), [3.25, 10, -1e-7, Infinity, -Infinity, NaN]);
  assertEquals(doubles[2].text, "-1e-7");
  assertEquals(parse("(3492890328409238509324850943850943825024385\r\n(-1\r\n"), [
    3492890328409238509324850943850943825024385n,
    -1n,
  ]);
});

Deno.test("bulk errors and verbatim strings are read", () => {
  const [error, text] = parse("!20\r\nSYNTAX invalid\r\nline\r\n=8\r\nmkd:# Hi\r\n");
  assertInstanceOf(error, ErrorReply);
  assertEquals(error.message, "SYNTAX invalid\r\nline");
  assertInstanceOf(text, VerbatimReply);
  assertEquals([text.format, text.bytes], ["mkd", bytes("# Hi")]);
});

Deno.test("arrays, maps, sets and pushes are read, empty ones and nested ones too", () => {
  assertEquals(parse("*0\r\n%0\r\n~0\r\n"), [[], new Map(), new Set<Reply>()]);
  assertEquals(parse("*3\r\n*0\r\n*2\r\n:1\r\n*-1\r\n$1\r\na\r\n"), [[[], [1, null], bytes("a")]]);
  assertEquals(parse("%2\r\n+a\r\n*1\r\n:1\r\n+b\r\n%0\r\n"), [
    new Map<Reply, Reply>([["a", [1]], ["b", new Map()]]),
  ]);
  assertEquals(parse("~2\r\n+x\r\n:5\r\n"), [new Set(["x", 5])]);
  const [push, reply] = parse(">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n+OK\r\n");
  assertInstanceOf(push, PushReply);
  assertEquals(push.items, ["invalidate", [bytes("k")]]);
  assertEquals(reply, "OK");
  assertEquals((parse(">0\r\n")[0] as PushReply).items, []);
});

Deno.test("an error inside of an array stays in its place", () => {
  const [reply] = parse("*2\r\n+OK\r\n-ERR no\r\n");
  assertEquals(reply, ["OK", new ErrorReply("ERR no")]);
});

Deno.test("attributes are kept for the reply that they precede and dropped inside of others", () => {
  const parser = new ReplyParser();
  parser.feed(bytes("|1\r\n+ttl\r\n:3600\r\n*2\r\n|1\r\n+x\r\n*0\r\n:1\r\n:2\r\n+OK\r\n"));
  assertEquals(parser.next(), [1, 2]);
  assertEquals(parser.attributes, new Map([["ttl", 3600]]));
  assertEquals(parser.next(), "OK");
  assertEquals(parser.attributes, null);
  assertEquals(parser.next(), undefined);
});

/** One of everything, for tests of how it may be cut. */
const everything =
  "+OK\r\n-ERR wrong\r\n:-12\r\n:9223372036854775807\r\n$5\r\nhe\r\no\r\n$0\r\n\r\n" +
  "$-1\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n_\r\n#t\r\n,1.5\r\n(123456789012345678901\r\n!4\r\nE no\r\n" +
  "=7\r\ntxt:abc\r\n%1\r\n$1\r\nk\r\n~1\r\n:9\r\n>1\r\n+p\r\n|1\r\n+a\r\n+b\r\n*0\r\n";

Deno.test("a stream cut in two at any byte gives the same replies", () => {
  const whole = parse(everything);
  for (let cut = 0; cut <= everything.length; cut++) {
    assertEquals(parse(everything.slice(0, cut), everything.slice(cut)), whole);
  }
});

Deno.test("a stream that comes byte by byte gives the same replies", () => {
  assertEquals(parse(...everything), parse(everything));
});

Deno.test("random streams of replies survive random cuts", () => {
  const seed = Number(Deno.env.get("KV_TEST_SEED") ?? Date.now() % 2 ** 31);
  let state = seed;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
  const make = (depth: number): string => {
    const n = random(4);
    switch (random(depth > 3 ? 6 : 10)) {
      case 0:
        return "+status\r\n";
      case 1:
        return `:${random(1000) - 500}\r\n`;
      case 2: {
        const size = random(random(10) === 0 ? 5000 : 20);
        return `$${size}\r\n${"\r\n$*x".repeat(size).slice(0, size)}\r\n`;
      }
      case 3:
        return "$-1\r\n";
      case 4:
        return "-ERR x\r\n";
      case 5:
        return "#t\r\n";
      case 6:
        return `*${n}\r\n${Array.from({ length: n }, () => make(depth + 1)).join("")}`;
      case 7:
        return `%${n}\r\n${
          Array.from({ length: n }, (_, i) => `+k${i}\r\n${make(depth + 1)}`).join("")
        }`;
      case 8:
        return `~${n}\r\n${Array.from({ length: n }, (_, i) => `:${i}\r\n`).join("")}`;
      default:
        return `|${n}\r\n${Array.from({ length: n }, (_, i) => `+k${i}\r\n:1\r\n`).join("")}` +
          make(depth + 1);
    }
  };
  for (let round = 0; round < 200; round++) {
    const stream = Array.from({ length: 1 + random(10) }, () => make(0)).join("");
    const chunks: string[] = [];
    for (let at = 0; at < stream.length;) {
      const size = 1 + random(random(3) === 0 ? 3 : 400);
      chunks.push(stream.slice(at, at + size));
      at += size;
    }
    assertEquals(parse(...chunks), parse(stream), `KV_TEST_SEED=${seed}`);
  }
});

Deno.test("replies do not refer to the chunk that they came in", () => {
  const parser = new ReplyParser();
  const chunk = bytes("$3\r\nfoo\r\n=7\r\ntxt:bar\r\n");
  parser.feed(chunk);
  const [first, second] = [parser.next(), parser.next()];
  assertEquals(parser.next(), undefined);
  chunk.fill(0);
  assertEquals(first, bytes("foo"));
  assertEquals((second as VerbatimReply).bytes, bytes("bar"));
});

Deno.test("a chunk that was not read to its end cannot be replaced", () => {
  const parser = new ReplyParser();
  parser.feed(bytes("+a\r\n+b\r\n"));
  assertEquals(parser.next(), "a");
  assertThrows(() => parser.feed(bytes("+c\r\n")), TypeError);
});

Deno.test("bytes that are no reply are refused, and so is all that follows", () => {
  assertRefused("HTTP/1.1 400 Bad Request\r\n", "byte 0x48");
  assertRefused("\r\n", "no type");
  assertRefused("+OK\n", "CR LF");
  assertRefused(":12a\r\n", "integer");
  assertRefused(":9223372036854775808\r\n", "integer");
  assertRefused("$abc\r\n", "length");
  assertRefused("$-2\r\n", "length");
  assertRefused("*-2\r\n", "length");
  assertRefused("%-1\r\n", "length");
  assertRefused("*4294967296\r\n", "length");
  assertRefused("$1\r\nab\r\n", "CR LF");
  assertRefused("_x\r\n", "null");
  assertRefused("#x\r\n", "boolean");
  assertRefused(",x\r\n", "double");
  assertRefused(",1 \r\n", "double");
  assertRefused("(1.5\r\n", "big number");
  assertRefused(`(${"9".repeat(5000)}\r\n`, "big number");
  assertRefused("=3\r\ntxt\r\n", "format");
  assertRefused("*1\r\n>1\r\n+x\r\n", "push");
  assertRefused("$?\r\n", "length");
});

Deno.test("a string longer than allowed is refused before anything is allocated", () => {
  assertRefused(`$${512 * 1024 * 1024 + 1}\r\n`, "536870912");
  const parser = new ReplyParser({ bulkBytesMax: 3 });
  parser.feed(bytes("$3\r\nfoo\r\n$4\r\n"));
  assertEquals(parser.next(), bytes("foo"));
  assertThrows(() => parser.next(), ReplyFormatError, "3 bytes");
});

Deno.test("nesting is bounded", () => {
  const parser = new ReplyParser({ depthMax: 3 });
  parser.feed(bytes("*1\r\n*1\r\n*1\r\n:1\r\n*1\r\n*1\r\n*1\r\n*0\r\n"));
  assertEquals(parser.next(), [[[1]]]);
  assertThrows(() => parser.next(), ReplyFormatError, "3 levels");
  assertRefused("*1\r\n".repeat(100_000), "nested");
});

Deno.test("a line that never ends is refused", () => {
  const parser = new ReplyParser();
  assertThrows(
    () => {
      for (let i = 0; i < 100; i++) {
        parser.feed(new Uint8Array(64 * 1024).fill(0x2b));
        parser.next();
      }
    },
    ReplyFormatError,
    "does not end",
  );
});

Deno.test("announced lengths alone take no memory", () => {
  const before = Deno.memoryUsage();
  const parsers = Array.from({ length: 50 }, () => {
    const parser = new ReplyParser();
    parser.feed(bytes("*4294967295\r\n$536870912\r\nx"));
    assertEquals(parser.next(), undefined);
    return parser;
  });
  const after = Deno.memoryUsage();
  assert(after.external - before.external < 200 * 1024 * 1024);
  assert(after.heapUsed - before.heapUsed < 50 * 1024 * 1024);
  assertEquals(parsers.every((parser) => parser.midReply), true);
});

/** Milliseconds to read one bulk string of `size` bytes that comes in pieces of 1 KiB. */
function bulkMs(size: number): number {
  const parser = new ReplyParser();
  const piece = new Uint8Array(1024).fill(0x61);
  const start = performance.now();
  parser.feed(bytes(`$${size}\r\n`));
  assertEquals(parser.next(), undefined);
  for (let sent = 0; sent < size; sent += piece.length) {
    parser.feed(piece);
    assertEquals(parser.next(), undefined);
  }
  parser.feed(bytes("\r\n"));
  assertEquals((parser.next() as Uint8Array).length, size);
  return performance.now() - start;
}

Deno.test("time for a large string in many pieces grows with its length, not with its square", () => {
  // Both take memory that was not in use before, which may cost more than all else.
  const small = Math.min(bulkMs(16 << 20), bulkMs(16 << 20));
  const large = Math.min(bulkMs(128 << 20), bulkMs(128 << 20));
  // 8 times the bytes: quadratic work would take 64 times as long.
  assert(large < 8 * 4 * Math.max(small, 1), `${small} ms for 16 MiB, ${large} ms for 128 MiB`);
});

Deno.test("replyToText decodes strings at any depth", () => {
  const [reply] = parse(
    "*6\r\n$3\r\nfoo\r\n=7\r\ntxt:bar\r\n,1.5\r\n~1\r\n$1\r\ns\r\n%1\r\n$1\r\nk\r\n$1\r\nv\r\n_\r\n",
  );
  assertEquals(replyToText(reply), [
    "foo",
    "bar",
    1.5,
    new Set(["s"]),
    new Map([["k", "v"]]),
    null,
  ]);
  assertEquals(replyToText(bytes("\ufeffx")), "\ufeffx");
  assertEquals(replyToText(new PushReply([bytes("a")])), ["a"]);
});
