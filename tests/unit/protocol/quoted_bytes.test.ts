import { assertEquals } from "@std/assert";
import { splitArguments } from "../../../src/protocol/line_arguments.ts";
import { quoteBytes } from "../../../src/protocol/quoted_bytes.ts";
import { toBytes } from "../../support/binary_text.ts";

Deno.test("quoted strings can be typed again, whatever their bytes", () => {
  assertEquals(
    quoteBytes(toBytes('\0\x07\b\t\n\r"\\\x1f~\x7f\xff')),
    '"\\x00\\a\\b\\t\\n\\r\\"\\\\\\x1f~\\x7f\\xff"',
  );
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  assertEquals(splitArguments(toBytes(quoteBytes(all))).args, [all]);
});
