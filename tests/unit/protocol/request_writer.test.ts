import { assertEquals, assertThrows } from "@std/assert";
import { type CommandArgument, RequestWriter } from "../../../src/protocol/request_writer.ts";

const decoder = new TextDecoder();

function written(...args: CommandArgument[]): string {
  const writer = new RequestWriter(new Uint8Array(1));
  writer.command(args);
  return decoder.decode(writer.bytes.subarray(0, writer.length));
}

Deno.test("a command is an array of bulk strings", () => {
  assertEquals(written("SET", "key", "value"), "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n");
});

Deno.test("text is written as UTF-8 and counted in bytes", () => {
  assertEquals(written("ECHO", "grüße"), "*2\r\n$4\r\nECHO\r\n$7\r\ngrüße\r\n");
  const long = "ß".repeat(1000);
  assertEquals(written("ECHO", long), `*2\r\n$4\r\nECHO\r\n$2000\r\n${long}\r\n`);
});

Deno.test("text with half of a surrogate pair is written with a replacement character", () => {
  assertEquals(written("\ud800"), "*1\r\n$3\r\n\ufffd\r\n");
});

Deno.test("empty arguments are written", () => {
  assertEquals(written("ECHO", ""), "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
  assertEquals(written("ECHO", new Uint8Array(0)), "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n");
});

Deno.test("bytes are written as they are", () => {
  const writer = new RequestWriter();
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  writer.command(["ECHO", bytes]);
  const head = "*2\r\n$4\r\nECHO\r\n$256\r\n".length;
  assertEquals(writer.bytes.slice(head, head + 256), bytes);
  assertEquals(writer.length, head + 256 + 2);
});

Deno.test("numbers are written in decimal", () => {
  assertEquals(written(0), "*1\r\n$1\r\n0\r\n");
  assertEquals(written(-0), "*1\r\n$1\r\n0\r\n");
  assertEquals(written(-12), "*1\r\n$3\r\n-12\r\n");
  assertEquals(written(2 ** 53 - 1), "*1\r\n$16\r\n9007199254740991\r\n");
  assertEquals(written(2n ** 63n - 1n), "*1\r\n$19\r\n9223372036854775807\r\n");
  assertEquals(written(1.5), "*1\r\n$3\r\n1.5\r\n");
  assertEquals(written(1e300), "*1\r\n$6\r\n1e+300\r\n");
  assertEquals(written(Infinity), "*1\r\n$3\r\ninf\r\n");
  assertEquals(written(-Infinity), "*1\r\n$4\r\n-inf\r\n");
});

Deno.test("what cannot be sent is refused and leaves nothing behind", () => {
  const writer = new RequestWriter();
  writer.command(["PING"]);
  const before = writer.length;
  assertThrows(() => writer.command([]), TypeError, "without a name");
  assertThrows(() => writer.command(["SET", "a", NaN]), TypeError, "NaN");
  for (const value of [null, undefined, true, {}, ["x"]]) {
    assertThrows(() => writer.command(["SET", "a", value as unknown as string]), TypeError);
  }
  assertEquals(writer.length, before);
});

Deno.test("the commands of a pipeline stand one behind the other in one buffer", () => {
  const writer = new RequestWriter(new Uint8Array(4));
  for (let i = 0; i < 1000; i++) writer.command(["INCR", `n${i}`]);
  const text = decoder.decode(writer.bytes.subarray(0, writer.length));
  assertEquals(text.split("INCR").length, 1001);
  assertEquals(text.endsWith("*2\r\n$4\r\nINCR\r\n$4\r\nn999\r\n"), true);
  writer.clear();
  assertEquals(writer.length, 0);
});

Deno.test("clearing lets go of a buffer that has grown large", () => {
  const writer = new RequestWriter();
  writer.command(["SET", "a", new Uint8Array(5_000_000)]);
  writer.clear();
  assertEquals(writer.bytes.length < 5_000_000, true);
});
