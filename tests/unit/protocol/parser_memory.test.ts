import { assert, assertEquals } from "@std/assert";
import { RequestParser } from "../../../src/protocol/request_parser.ts";
import { feedParser } from "../../support/parser_feeding.ts";

const encoder = new TextEncoder();

function receive(parser: RequestParser, bytes: Uint8Array): void {
  feedParser(parser, bytes, () => void parser.readAhead());
}

Deno.test("a long argument that arrives byte by byte takes no more room than it has", () => {
  const parser = new RequestParser();
  receive(parser, encoder.encode("*2\r\n$4\r\nECHO\r\n$536870912\r\n"));
  for (let i = 0; i < 200; i++) receive(parser, new Uint8Array([0x78]));
  assert(parser.bufferBytes <= 8192, `${parser.bufferBytes} bytes`);
});

Deno.test("a long argument's buffer is never much longer than twice the argument", () => {
  const parser = new RequestParser();
  const value = new Uint8Array(3_000_000).fill(0x78);
  receive(parser, encoder.encode(`*2\r\n$4\r\nECHO\r\n$${value.length}\r\n`));
  receive(parser, value);
  receive(parser, encoder.encode("\r\n"));
  assertEquals(parser.count, 1);
  const { starts, ends } = parser.requests[0];
  assertEquals(ends[1] - starts[1], value.length);
  assert(parser.bufferBytes < 1.1 * value.length + 65536, `${parser.bufferBytes} bytes`);
});
