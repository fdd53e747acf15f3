/** A server with a largest size and a policy: as with Redis's maxmemory, what is written finds room. */
import { assert, assertEquals } from "@std/assert";
import { encodeRequest, toBytes } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { chooseSeed, SeededRandom } from "../support/seeded_random.ts";
import { TestServer } from "../support/test_server.ts";

const sizeMax = 64 * 2 ** 20;
const args = ["--max-size", String(sizeMax), "--evict", "allkeys-lru"];
const longest = new Uint8Array(8 * 2 ** 20).fill(0x76);

/** SET without a text as long as the value. */
async function set(client: RawConnection, key: string, length: number): Promise<string> {
  const request = encodeRequest(["SET", key, ""]);
  await client.send(toBytes(request.slice(0, -"$0\r\n\r\n".length) + `$${length}\r\n`));
  await client.send(longest.subarray(0, length));
  await client.send("\r\n");
  return await client.readReply();
}

async function evictedKeys(client: RawConnection): Promise<number> {
  return Number(/evicted_keys:(\d+)/.exec(await client.exchange("INFO", "stats"))?.[1]);
}

for (const length of [2 ** 20, 600_000, 2 ** 19]) {
  Deno.test(`a server that evicts takes every value of ${length} bytes`, async () => {
    await using server = await TestServer.start({ kind: "kv", args });
    using client = await RawConnection.open(server.socketPath);
    for (let i = 0; i < 120; i++) assertEquals(await set(client, `key:${i}`, length), "+OK\r\n");
    assert(await evictedKeys(client) > 60);
    assertEquals(await client.exchange("STRLEN", "key:119"), `:${length}\r\n`);
    const kept = Number((await client.exchange("DBSIZE")).slice(1));
    assert(kept * length > sizeMax / 5, `${kept} are left`);
    const { size } = await Deno.stat(server.storePath);
    assert(size <= sizeMax, `${size} bytes`);
  });
}

Deno.test("a server that evicts takes small and large values beside each other", async () => {
  await using server = await TestServer.start({ kind: "kv", args });
  const random = new SeededRandom(chooseSeed("values"));
  const writeSmall = async (client: RawConnection) => {
    for (let i = 0; i < 150; i++) {
      const requests = Array.from({ length: 30 }, () => {
        return ["SET", `small:${random.below(10_000)}`, "v".repeat(4000)];
      });
      for (const reply of await client.pipeline(requests)) assertEquals(reply, "+OK\r\n");
    }
  };
  const writeLarge = async (client: RawConnection) => {
    for (let i = 0; i < 15; i++) {
      const length = random.between(2_000_000, longest.length);
      assertEquals(await set(client, `large:${random.below(20)}`, length), "+OK\r\n");
    }
  };
  const writers = [writeSmall, writeSmall, writeLarge, writeLarge].map(async (write) => {
    using client = await RawConnection.open(server.socketPath);
    await write(client);
  });
  await Promise.all(writers);
  using client = await RawConnection.open(server.socketPath);
  assert(await evictedKeys(client) > 1000);
});

Deno.test("a large value finds room in a server that does not evict, out of what was deleted", async () => {
  await using server = await TestServer.start({ kind: "kv", args: ["--max-size", "40mb"] });
  using client = await RawConnection.open(server.socketPath);
  const keys = Array.from({ length: 8000 }, (_, i) => `key:${i}`);
  for (let i = 0; i < keys.length; i += 50) {
    await client.pipeline(keys.slice(i, i + 50).map((key) => ["SET", key, "v".repeat(4000)]));
  }
  // Every other one, so that no part of the file becomes free by that alone.
  await client.exchange("DEL", ...keys.filter((_, i) => i % 2 === 0));
  for (let i = 0; i < 5; i++) assertEquals(await set(client, "large", 5_000_000), "+OK\r\n");
  assertEquals(await client.exchange("DBSIZE"), ":4001\r\n");
  assertEquals(await client.exchange("STRLEN", "large"), ":5000000\r\n");
});
