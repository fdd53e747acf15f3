import { assertEquals } from "@std/assert";
import { RequestParser } from "../../../src/protocol/request_parser.ts";
import { show, toBytes, toText } from "../../support/binary_text.ts";
import { HostileBytes } from "../../support/hostile_bytes.ts";
import { feedParser } from "../../support/parser_feeding.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

const texts = Number(Deno.env.get("KV_SPLIT_TEXTS") ?? 1000);

/** The requests that a parser finds in bytes that come in these pieces, and the error behind them. */
function parse(pieces: readonly Uint8Array[]): string {
  const parser = new RequestParser();
  const found: string[] = [];
  for (const piece of pieces) {
    feedParser(parser, piece, () => {
      while (parser.readAhead() > 0) {
        for (const { bytes, starts, ends, argc } of parser.requests.slice(0, parser.count)) {
          const args = Array.from(
            { length: argc },
            (_, i) => show(toText(bytes.subarray(starts[i], ends[i]))),
          );
          found.push(args.join(" "));
        }
      }
    });
  }
  return [...found, parser.error ?? "no error"].join("\n");
}

Deno.test("wherever a request is cut in two, it is the same requests and errors", () => {
  const source = new HostileBytes(new SeededRandom(chooseSeed("splitting")));
  for (let i = 0; i < texts; i++) {
    const bytes = toBytes(source.next() + source.next());
    const whole = parse([bytes]);
    for (let at = 1; at < bytes.length; at++) {
      assertEquals(
        parse([bytes.subarray(0, at), bytes.subarray(at)]),
        whole,
        `${show(toText(bytes))} cut at ${at}`,
      );
    }
  }
});
