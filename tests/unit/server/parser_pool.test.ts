import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import type { RequestParser } from "../../../src/protocol/request_parser.ts";
import { ParserPool } from "../../../src/server/parser_pool.ts";
import { toBytes } from "../../support/binary_text.ts";
import { feedParser } from "../../support/parser_feeding.ts";

function receive(parser: RequestParser, text: string): void {
  feedParser(parser, toBytes(text));
}

Deno.test("the parser that was given back last is taken first, and knows nothing of before", () => {
  const pool = new ParserPool(1_000_000);
  const [first, second] = [pool.take(), pool.take()];
  assertNotStrictEquals(first, second);
  receive(second, "PING\r\nPING\r\n");
  assertEquals(second.readAhead(), 2);
  pool.give(first);
  pool.give(second);
  assertStrictEquals(pool.take(), second);
  assertEquals([second.count, second.pendingBytes, second.mayHaveMore], [0, 0, false]);
  receive(second, "ECHO a\r\n");
  assertEquals(second.readAhead(), 1);
  assertStrictEquals(pool.take(), first);
});

Deno.test("a parser that held a long request keeps its buffer for the next one", () => {
  const pool = new ParserPool(2_000_000);
  const parser = pool.take();
  receive(parser, `*2\r\n$4\r\nECHO\r\n$1000000\r\n${"x".repeat(1_000_000)}\r\n`);
  assertEquals(parser.readAhead(), 1);
  pool.give(parser);
  assertStrictEquals(pool.take(), parser);
  assert(parser.space().length >= 1_000_000, "room for another");
  assert(parser.memoryBytes < 1_200_000, `${parser.memoryBytes} bytes`);
});

Deno.test("a parser that held a very long request is given back without its buffer", () => {
  const pool = new ParserPool(1_000_000);
  const parser = pool.take();
  receive(parser, `*2\r\n$4\r\nECHO\r\n$2000000\r\n${"x".repeat(2_000_000)}\r\n`);
  assertEquals(parser.readAhead(), 1);
  const long = parser.requests[0].bytes;
  pool.give(parser);
  assertStrictEquals(pool.take(), parser);
  assert(parser.memoryBytes < 10_000, `${parser.memoryBytes} bytes`);
  assertNotStrictEquals(parser.requests[0].bytes, long);
});

Deno.test("a pool keeps no more than its limit in all", () => {
  const pool = new ParserPool(20_000);
  const given = Array.from({ length: 20 }, () => pool.take());
  for (const parser of given) pool.give(parser);
  const kept = Array.from({ length: 20 }, () => pool.take())
    .filter((parser) => given.includes(parser));
  assertEquals(kept.length, Math.floor(20_000 / given[0].memoryBytes));
  assert(kept.length > 2);
});
