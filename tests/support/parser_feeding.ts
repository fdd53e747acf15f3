import { assert } from "@std/assert";
import type { RequestParser } from "../../src/protocol/request_parser.ts";

/**
 * Gives a parser bytes as reads would, in pieces that its space has room for. `afterEach` is called behind each piece;
 * false ends it.
 */
export function feedParser(
  parser: RequestParser,
  bytes: Uint8Array,
  afterEach: () => boolean | void = () => {},
): void {
  for (let at = 0; at < bytes.length;) {
    const space = parser.space();
    assert(space.length > 0, "there is always room for more");
    const piece = bytes.subarray(at, at + space.length);
    space.set(piece);
    parser.received(piece.length);
    at += piece.length;
    if (afterEach() === false) return;
  }
}
