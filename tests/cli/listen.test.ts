/** `kv subscribe` and `kv monitor`, which go on until the server ends. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { until } from "../support/time_limit.ts";
import { testWithServer } from "./kv_program.ts";

testWithServer("kv subscribe prints messages until the server goes", async (kv, server) => {
  const listening = kv.run(["subscribe", "news", "other"]);
  const inJson = kv.run(["--json", "psubscribe", "n*"]);
  using client = await RawConnection.open(server.socketPath);
  await until(
    async () =>
      await client.exchange("PUBSUB", "NUMSUB", "other") === "*2\r\n$5\r\nother\r\n:1\r\n" &&
      await client.exchange("PUBSUB", "NUMPAT") === ":1\r\n",
    "both to listen",
  );
  assertEquals(await client.exchange("PUBLISH", "news", "hello"), ":2\r\n");
  await server.stop();
  const { code, stdout, stderr } = await listening;
  assertEquals(stdout, "subscribe\nnews\n1\nsubscribe\nother\n2\nmessage\nnews\nhello\n");
  assertEquals(code, 3);
  assertStringIncludes(stderr, "the server closed it");
  assertEquals((await inJson).stdout, '["psubscribe","n*",1]\n["pmessage","n*","news","hello"]\n');
});

testWithServer("kv monitor shows what others do", async (kv, server) => {
  const monitoring = kv.run(["monitor"]);
  using client = await RawConnection.open(server.socketPath);
  await until(
    async () => / flags=O\S* /.test(await client.exchange("CLIENT", "LIST")),
    "the monitor to be there",
  );
  await client.exchange("SET", "foo", "bar");
  await server.stop();
  const { stdout } = await monitoring;
  assertMatch(stdout, /^OK\n(?:.*\n)*\d+\.\d{6} \[0 unix:[^\]]+\] "SET" "foo" "bar"\n/);
});

testWithServer("what cannot be listened to is an error", async (kv) => {
  const { code, stderr } = await kv.run(["subscribe"]);
  assertEquals(code, 2);
  assertEquals(stderr, "ERR wrong number of arguments for 'subscribe' command\n");
});

testWithServer("kv cli says where to listen", async (kv) => {
  const { stdout } = await kv.run(["cli"], { input: "subscribe news\nping\n" });
  assertEquals(
    stdout,
    "SUBSCRIBE goes on until Ctrl-C: leave the prompt, and run kv subscribe ...\nPONG\n",
  );
});
