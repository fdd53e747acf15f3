import { assertEquals } from "@std/assert";
import { ReplyWriter } from "../../../src/protocol/reply_writer.ts";
import { toBytes, toText } from "../../support/binary_text.ts";

function written(write: (reply: ReplyWriter) => void, protocol = 2): string {
  // A buffer of no bytes: everything has to make room for itself.
  const reply = new ReplyWriter(new Uint8Array(0));
  reply.protocol = protocol;
  write(reply);
  return toText(reply.bytes.subarray(0, reply.length));
}

/** What is written, in RESP2 and in RESP3. */
const replies: readonly [string, (reply: ReplyWriter) => void, string, string?][] = [
  ["ok", (reply) => reply.ok(), "+OK\r\n"],
  ["pong", (reply) => reply.pong(), "+PONG\r\n"],
  ["queued", (reply) => reply.queued(), "+QUEUED\r\n"],
  [
    "a status",
    (reply) => reply.status("Background saving started"),
    "+Background saving started\r\n",
  ],
  ["null", (reply) => reply.null(), "$-1\r\n", "_\r\n"],
  ["a null array", (reply) => reply.nullArray(), "*-1\r\n", "_\r\n"],
  ["an integer", (reply) => reply.integer(42), ":42\r\n"],
  ["a negative integer", (reply) => reply.integer(-(2 ** 53) + 1), ":-9007199254740991\r\n"],
  ["a big integer", (reply) => reply.bigInteger(2n ** 63n - 1n), ":9223372036854775807\r\n"],
  ["an array's header", (reply) => reply.array(3), "*3\r\n"],
  ["an empty array", (reply) => reply.array(0), "*0\r\n"],
  ["a map's header", (reply) => reply.map(2), "*4\r\n", "%2\r\n"],
  ["a set's header", (reply) => reply.set(2), "*2\r\n", "~2\r\n"],
  ["bytes", (reply) => reply.bulk(toBytes("..a\r\n\xff.."), 2, 6), "$4\r\na\r\n\xff\r\n"],
  ["no bytes", (reply) => reply.bulk(toBytes("abc"), 1, 1), "$0\r\n\r\n"],
  ["text", (reply) => reply.bulkText("grün"), "$5\r\ngr\xc3\xbcn\r\n"],
  ["an integer as text", (reply) => reply.bulkInteger(-1234567), "$8\r\n-1234567\r\n"],
  [
    "verbatim text",
    (reply) => reply.verbatimText("ü"),
    "$2\r\n\xc3\xbc\r\n",
    "=6\r\ntxt:\xc3\xbc\r\n",
  ],
  ["an error", (reply) => reply.error("ERR it's bad"), "-ERR it's bad\r\n"],
  ["an error of two lines", (reply) => reply.error("ERR a\r\nb"), "-ERR a  b\r\n"],
  ["an error with bytes", (reply) => reply.errorQuotingBytes("ERR '\xff\n'"), "-ERR '\xff '\r\n"],
];

for (const [what, write, resp2, resp3 = resp2] of replies) {
  Deno.test(`${what} is written in RESP2 and RESP3`, () => {
    assertEquals(written(write, 2), resp2);
    assertEquals(written(write, 3), resp3);
  });
}

Deno.test("bulk strings of every length around the short ones are whole", () => {
  for (let length = 0; length < 300; length++) {
    const text = "v".repeat(length);
    assertEquals(
      written((reply) => reply.bulk(toBytes(text), 0, length)),
      `$${length}\r\n${text}\r\n`,
    );
  }
});

Deno.test("replies stand one behind the other, however the buffer grows", () => {
  const text = written((reply) => {
    for (const [, write] of replies) write(reply);
    reply.bulk(new Uint8Array(100_000).fill(0x76), 0, 100_000);
    for (const [, write] of replies) write(reply);
  });
  const all = replies.map(([, , resp2]) => resp2).join("");
  assertEquals(text, `${all}$100000\r\n${"v".repeat(100_000)}\r\n${all}`);
});

Deno.test("errors are counted, by their first words", () => {
  const reply = new ReplyWriter();
  reply.error("ERR a");
  reply.error("ERR b");
  reply.errorQuotingBytes("WRONGPASS c");
  reply.ok();
  assertEquals(reply.errors, 3);
  assertEquals([...reply.errorCounts], [["ERR", 2], ["WRONGPASS", 1]]);
});

Deno.test("the first words that are counted have a bound", () => {
  const reply = new ReplyWriter();
  for (let i = 0; i < 1000; i++) reply.error(`E${i} x`);
  reply.error("E0 again");
  assertEquals([reply.errors, reply.errorCounts.size, reply.errorCounts.get("E0")], [1001, 128, 2]);
});
