/** A largest size, and keys that make room, over the socket. */
import { assert, assertEquals } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";

/** Of the largest size; in smaller stores, large values may find no room in one piece. */
const sizeMax = 200 * 2 ** 20;
const sizes = { "a segment": 2 ** 20, "half a segment": 2 ** 19 };

for (const [what, length] of Object.entries(sizes)) {
  Deno.test(`values of ${what} make room for each other: none is refused`, async () => {
    const args = ["--max-size", String(sizeMax), "--evict", "allkeys-lru"];
    await using server = await TestServer.start({ kind: "kv", args });
    using connection = await RawConnection.open(server.socketPath);
    const value = "v".repeat(length);
    const count = Math.ceil(1.5 * sizeMax / length);
    for (let i = 0; i < count; i++) {
      assertEquals(await connection.exchange("SET", `key:${i}`, value), "+OK\r\n", `value ${i}`);
    }
    assertEquals(await connection.exchange("STRLEN", `key:${count - 1}`), `:${length}\r\n`);
    const kept = Number((await connection.exchange("DBSIZE")).slice(1));
    assert(kept * length > sizeMax / 10, `${kept} are left`);
    const { size } = await Deno.stat(server.storePath);
    assert(size <= sizeMax, `${size} bytes`);
  });
}
