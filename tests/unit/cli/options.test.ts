import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  administrationOptions,
  checkOptions,
  clientOptions,
  clientSettings,
  dashed,
  parseOptions,
  serveOptions,
  UsageError,
} from "../../../src/cli/options.ts";

const parse = (...args: string[]) => parseOptions(clientOptions, args);

Deno.test("options stand before the command, and nothing behind it is one", async () => {
  const { options, rest } = await parse("-s", "a.sock", "--json", "set", "-x", "--raw", "1", "-3");
  assertEquals([...options], [["socket", "a.sock"], ["json", true]]);
  assertEquals(rest, ["set", "-x", "--raw", "1", "-3"]);
});

Deno.test("values may be joined to their option", async () => {
  assertEquals((await parse("--socket=a=b", "get")).options.get("socket"), "a=b");
  assertEquals((await parse("--port", "7", "get")).options.get("port"), "7");
});

Deno.test("options that stand alone are read with their value behind them, by both names", async () => {
  for (const specs of [clientOptions, serveOptions, checkOptions, administrationOptions]) {
    for (const { name, alias, value } of specs) {
      for (const option of alias ? [name, alias] : [name]) {
        const given = value === undefined ? [dashed(option)] : [dashed(option), "v"];
        const { options, rest } = await parseOptions(specs, [...given, "set", "-x"]);
        assertEquals([...options], [[name, value === undefined ? true : "v"]]);
        assertEquals(rest, ["set", "-x"]);
      }
    }
  }
});

Deno.test("the digits of protocol versions are options", async () => {
  const { options, rest } = await parse("-3", "--no-raw", "-x", "get", "007");
  assertEquals([...options.keys()].sort(), ["3", "no-raw", "x"]);
  assertEquals(rest, ["get", "007"]);
});

Deno.test("arguments keep their text: numbers, dashes and nothing", async () => {
  assertEquals((await parse("--raw", "set", "1e3", "-0", "")).rest, ["set", "1e3", "-0", ""]);
  assertEquals((await parse("set", "0x10", "--")).rest, ["set", "0x10", "--"]);
  assertEquals((await parse("-x", "set", "true", "--")).rest, ["set", "true", "--"]);
  assertEquals((await parse("--socket=a", "set", "--", "set")).rest, ["set", "--", "set"]);
  assertEquals((await parse("--socket=a", "--", "set", "--")).rest, ["set", "--"]);
});

Deno.test("unknown options and options without their value are refused", async () => {
  await assertRejects(() => parse("--bogus", "get"), UsageError, "no option --bogus");
  await assertRejects(() => parse("--bogus=1", "get"), UsageError, "no option --bogus");
  await assertRejects(() => parse("--socket"), UsageError, "--socket needs a value: PATH");
  await assertRejects(() => parse("--socket=", "get"), UsageError, "needs a value");
  await assertRejects(
    () => parseOptions(serveOptions, ["--sync"]),
    UsageError,
    "everysec|always|no",
  );
});

Deno.test("an option that takes no value is not left out because of one", async () => {
  assertEquals([...(await parse("-3x", "get")).options.keys()].sort(), ["3", "x"]);
  assertEquals((await parse("-p7000", "get")).options.get("port"), "7000");
  await assertRejects(() => parse("-x3", "set", "k"), UsageError, "-x takes no value");
  await assertRejects(() => parse("-x=1", "set", "k"), UsageError, "-x takes no value");
});

Deno.test("JSON speaks version 3 of the protocol unless told otherwise", () => {
  const protocol = (...names: string[]) =>
    clientSettings(new Map(names.map((name) => [name, true]))).protocol;
  assertEquals(protocol(), 2);
  assertEquals(protocol("3"), 3);
  assertEquals(protocol("json"), 3);
  assertEquals(protocol("json", "2"), 2);
});

Deno.test("TCP is chosen by host or port, each with a default for the other", () => {
  const address = (options: Record<string, string>) =>
    clientSettings(new Map(Object.entries(options))).address;
  assertEquals(address({ socket: "a" }), { socket: "a" });
  assertEquals(address({ port: "7000" }), { hostname: "127.0.0.1", port: 7000 });
  assertEquals(address({ host: "::1" }), { hostname: "::1", port: 6379 });
  for (const port of ["0", "x", "65536", "1.5"]) {
    assertThrows(() => address({ port }), UsageError, "from 1 to 65535");
  }
});
