import { assertEquals } from "@std/assert";
import { ServerConfiguration } from "../../../src/server/configuration.ts";
import { parseMemory } from "../../../src/server/parameter.ts";
import { ServerSettings } from "../../../src/server/settings.ts";

function settings(): ServerSettings {
  const settings = new ServerSettings();
  settings.sizeLimitMin = 16 * 2 ** 20;
  return settings;
}

function failed(name: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${name}') - ${reason}`;
}

Deno.test("what tools ask for has the value that they need to see", () => {
  const config = new ServerConfiguration(settings());
  assertEquals(config.get("save"), "");
  assertEquals(config.get("appendonly"), "yes");
  assertEquals(config.get("appendfsync"), "everysec");
  assertEquals(config.get("maxmemory"), "0");
  assertEquals(config.get("databases"), "1");
  assertEquals(config.get("unixsocketperm"), "600");
  assertEquals(config.get("proto-max-bulk-len"), "536870912");
  assertEquals(config.get("no-such-parameter"), undefined);
});

Deno.test("the names are sorted and each has a value", () => {
  const config = new ServerConfiguration(settings());
  assertEquals(config.names(), [...config.names()].sort());
  for (const name of config.names()) assertEquals(typeof config.get(name), "string");
});

Deno.test("values are set in the server's settings, names in any case", () => {
  const current = settings();
  const config = new ServerConfiguration(current);
  const pairs = [["AppendFsync", "ALWAYS"], ["timeout", "30"], ["maxclients", "7"]] as const;
  assertEquals(config.set(pairs), null);
  assertEquals(current.syncPolicy, "always");
  assertEquals(current.idleTimeoutSeconds, 30);
  assertEquals(current.clientsMax, 7);
  assertEquals(config.get("timeout"), "30");
});

Deno.test("one wrong value leaves all as they were", () => {
  const current = settings();
  const config = new ServerConfiguration(current);
  const error = config.set([["timeout", "30"], ["maxclients", "many"]]);
  assertEquals(error, failed("maxclients", "argument couldn't be parsed into an integer"));
  assertEquals(current, settings());
});

Deno.test("the first wrong name decides the error", () => {
  const config = new ServerConfiguration(settings());
  assertEquals(
    config.set([["timeout", "1"], ["foo", "1"], ["Bar", "2"]]),
    "ERR Unknown option or number of arguments for CONFIG SET - 'foo'",
  );
  assertEquals(
    config.set([["databases", "1"], ["foo", "1"]]),
    failed("databases", "can't set immutable config"),
  );
  assertEquals(config.set([["dir", "/"]]), failed("dir", "can't set protected config"));
  assertEquals(
    config.set([["timeout", "1"], ["TimeOut", "2"]]),
    failed("TimeOut", "duplicate parameter"),
  );
});

Deno.test("wrong values get Redis's words", () => {
  const config = new ServerConfiguration(settings());
  const range = (max: number, min: number) =>
    `argument must be between ${min} and ${max} inclusive`;
  const integer = "argument couldn't be parsed into an integer";
  const cases: [name: string, value: string, reason: string][] = [
    ["appendfsync", "x", "argument(s) must be one of the following: everysec, always, no"],
    ["timeout", "", integer],
    ["timeout", "01", integer],
    ["timeout", "-1", range(2147483647, 0)],
    ["maxclients", "0", range(4294967295, 1)],
    ["maxmemory", "1x", "argument must be a memory value"],
    ["appendonly", "x", "argument must be 'yes' or 'no'"],
    ["save", "60", "Invalid save parameters"],
    ["save", "0 1", "Invalid save parameters"],
    ["proto-max-bulk-len", "1", range(536870912, 1048576)],
  ];
  for (const [name, value, reason] of cases) {
    assertEquals(config.set([[name, value]]), failed(name, reason), `${name} ${value}`);
  }
});

Deno.test("what cannot be changed can be set to what it is", () => {
  const config = new ServerConfiguration(settings());
  const pairs = [["save", ""], ["appendonly", "YES"], ["maxmemory", "0gb"]] as const;
  assertEquals(config.set(pairs), null);
  assertEquals(config.set([["maxmemory-policy", "noeviction"]]), null);
  assertEquals(
    config.set([["appendonly", "no"]]),
    failed("appendonly", "kv supports only 'yes' here: every write is in the file"),
  );
  assertEquals(
    config.set([["save", "60 1"]]),
    failed(
      "save",
      "kv supports only '' here: there are no snapshots: every write is in the file",
    ),
  );
});

Deno.test("memory values know decimal and binary units", () => {
  const values: [string, bigint | null][] = [
    ["100", 100n],
    ["100b", 100n],
    ["1k", 1000n],
    ["1kb", 1024n],
    ["1M", 1_000_000n],
    ["1Mb", 1048576n],
    ["2g", 2_000_000_000n],
    ["2GB", 2147483648n],
    ["", 0n],
    ["mb", 0n],
    ["1.5mb", null],
    ["-1", null],
    ["1tb", null],
    ["1 mb", null],
  ];
  for (const [text, value] of values) assertEquals(parseMemory(text), value, text);
});

Deno.test("maxmemory and its policy limit the store", () => {
  const current = settings();
  const config = new ServerConfiguration(current);
  assertEquals(config.set([["maxmemory", "64mb"], ["maxmemory-policy", "ALLKEYS-LRU"]]), null);
  assertEquals(current.sizeLimit, { bytesMax: 64 * 2 ** 20, policy: "allkeys-lru" });
  assertEquals(config.get("maxmemory"), String(64 * 2 ** 20));
  assertEquals(config.get("maxmemory-policy"), "allkeys-lru");
  assertEquals(
    config.set([["maxmemory", "1mb"]]),
    failed("maxmemory", "kv needs 16777216 bytes at least, or 0 for no limit"),
  );
  assertEquals(
    config.set([["maxmemory-policy", "allkeys-lfu"]]),
    failed(
      "maxmemory-policy",
      "kv has no allkeys-lfu, but noeviction, allkeys-lru, allkeys-random, volatile-ttl, volatile-lru",
    ),
  );
  assertEquals(config.set([["maxmemory", "0"]]), null);
  assertEquals(current.sizeLimit, { bytesMax: Infinity, policy: "allkeys-lru" });
});
