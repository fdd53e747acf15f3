/** DEBUG, where the configuration allows it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";

const config = "enable-debug-command local\n";

Deno.test("DEBUG SLEEP holds everybody up", async () => {
  await using server = await TestServer.start({ kind: "kv", config });
  using sleeper = await RawConnection.open(server.socketPath);
  using other = await RawConnection.open(server.socketPath);
  await other.exchange("PING");
  const started = performance.now();
  await Promise.all([sleeper.exchange("DEBUG", "SLEEP", "0.3"), other.exchange("PING")]);
  assert(performance.now() - started >= 295);
});

Deno.test("DEBUG SET-ACTIVE-EXPIRE 0 leaves expired keys where they are, unseen", async () => {
  await using server = await TestServer.start({ kind: "kv", config });
  using client = await RawConnection.open(server.socketPath);
  assertEquals(await client.exchange("DEBUG", "SET-ACTIVE-EXPIRE", "0"), "+OK\r\n");
  await client.exchange("SET", "soon", "1", "PX", "1");
  await client.exchange("SET", "stays", "1");
  await until(async () => await client.exchange("GET", "soon") === "$-1\r\n", "the key to expire");
  assertEquals(await client.exchange("DBSIZE"), ":2\r\n");
  assertEquals(await client.exchange("DEBUG", "SET-ACTIVE-EXPIRE", "1"), "+OK\r\n");
  await until(async () => await client.exchange("DBSIZE") === ":1\r\n", "the key to be removed");
});

Deno.test("DEBUG RELOAD keeps everything, and verifies it anew", async () => {
  await using server = await TestServer.start({ kind: "kv", config });
  using client = await RawConnection.open(server.socketPath);
  for (let i = 0; i < 2000; i++) await client.exchange("SET", `key:${i}`, `value ${i}`);
  assertEquals(await client.exchange("DEBUG", "RELOAD"), "+OK\r\n");
  for (let i = 0; i < 2000; i++) {
    const value = `value ${i}`;
    assertEquals(await client.exchange("GET", `key:${i}`), `$${value.length}\r\n${value}\r\n`);
  }
  await client.exchange("SET", "key:0", "new");
  assertEquals(await client.exchange("GET", "key:0"), "$3\r\nnew\r\n");
  assertMatch(await client.exchange("INFO", "store"), /store_damages:0\r\n/);
  assertMatch(await client.exchange("DEBUG", "RELOAD", "x"), /^-ERR DEBUG RELOAD only supports/);
});

Deno.test("a byte that changed on the disk is noticed after DEBUG RELOAD", async () => {
  await using server = await TestServer.start({ kind: "kv", config });
  using client = await RawConnection.open(server.socketPath);
  await client.exchange("SET", "key", "a value that will rot");
  const described = await client.exchange("DEBUG", "OBJECT", "key");
  const [, address] = /^\+Value at:0x([0-9a-f]+) refcount:1 encoding:embstr /.exec(described)!;
  using file = await Deno.open(server.storePath, { read: true, write: true });
  await file.seek(parseInt(address, 16) + 40, Deno.SeekMode.Start);
  await file.write(new Uint8Array([0]));
  assertEquals(await client.exchange("DEBUG", "RELOAD"), "+OK\r\n");
  assertEquals(await client.exchange("GET", "key"), "$-1\r\n");
  assertMatch(await client.exchange("INFO", "store"), /store_damages:[1-9]/);
});

Deno.test("DEBUG ERROR and DEBUG HELP reply what they say", async () => {
  await using server = await TestServer.start({ kind: "kv", config });
  using client = await RawConnection.open(server.socketPath);
  assertEquals(await client.exchange("DEBUG", "ERROR", "OOPS what"), "-OOPS what\r\n");
  assertMatch(await client.exchange("DEBUG", "HELP"), /SET-ACTIVE-EXPIRE <0\|1>\r\n/);
  assertMatch(
    await client.exchange("DEBUG", "SEGFAULT"),
    /^-ERR unknown subcommand .* DEBUG HELP\.\r\n$/,
  );
});
