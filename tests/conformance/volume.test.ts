/** What takes many requests: long pipelines, and scans while keys come and go. */
import { assert, assertEquals } from "@std/assert";
import { encodeRequest } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { targets } from "./runner.ts";

const longPipeline = 20_000;
const keyCount = 5_000;

function keyName(i: number): string {
  return `key:${i}`;
}

/** Gives the keys that one call of SCAN returned, and the cursor to go on with. */
async function scan(
  connection: RawConnection,
  cursor: string,
  ...options: string[]
): Promise<{ cursor: string; keys: string[] }> {
  const reply = await connection.exchange("SCAN", cursor, ...options);
  const [next, ...keys] = [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1]);
  return { cursor: next, keys };
}

async function fill(connection: RawConnection, first: number, count: number): Promise<void> {
  const requests: string[][] = [];
  for (let i = first; i < first + count; i++) requests.push(["SET", keyName(i), String(i)]);
  const replies = await connection.pipeline(requests);
  assert(replies.every((reply) => reply === "+OK\r\n"));
}

for (const kind of targets()) {
  Deno.test(`${kind}: a pipeline of ${longPipeline} requests is answered in order`, async () => {
    await using server = await TestServer.start({ kind });
    using connection = await RawConnection.open(server.socketPath);
    const requests: string[][] = [];
    for (let i = 0; i < longPipeline; i += 2) requests.push(["INCR", "n"], ["ECHO", `${i}`]);
    const replies = await connection.pipeline(requests);
    for (let i = 0; i < longPipeline; i += 2) {
      assertEquals(replies[i], `:${i / 2 + 1}\r\n`);
      assertEquals(replies[i + 1], `$${String(i).length}\r\n${i}\r\n`);
    }
  });

  Deno.test(`${kind}: a pipeline that is sent whole before the first read is answered`, async () => {
    await using server = await TestServer.start({ kind });
    using connection = await RawConnection.open(server.socketPath);
    // 2000 replies of 1 KiB: more than a socket holds, so the server has to wait for the reader.
    const count = 2000;
    const value = "v".repeat(1024);
    await connection.exchange("SET", "foo", value);
    await connection.send(encodeRequest(["GET", "foo"]).repeat(count));
    for (let i = 0; i < count; i++) {
      assertEquals(await connection.readReply(), `$1024\r\n${value}\r\n`);
    }
    assertEquals(await connection.exchange("PING"), "+PONG\r\n");
  });

  Deno.test(`${kind}: replies arrive after the client has closed its side`, async () => {
    await using server = await TestServer.start({ kind });
    using connection = await RawConnection.open(server.socketPath);
    await connection.send("SET foo bar\nGET foo\n");
    await connection.closeWrite();
    assertEquals(await connection.readUntilClosed(), "+OK\r\n$3\r\nbar\r\n");
  });

  Deno.test(`${kind}: a whole SCAN returns every key`, async () => {
    await using server = await TestServer.start({ kind });
    using connection = await RawConnection.open(server.socketPath);
    await fill(connection, 0, keyCount);
    for (const options of [[], ["COUNT", "1"], ["COUNT", "777"], ["MATCH", "key:*"]]) {
      const seen = new Set<string>();
      let cursor = "0";
      do {
        const step = await scan(connection, cursor, ...options);
        for (const key of step.keys) seen.add(key);
        cursor = step.cursor;
      } while (cursor !== "0");
      assertEquals(seen.size, keyCount, options.join(" "));
    }
  });

  Deno.test(`${kind}: a SCAN returns every key that stays while others come and go`, async () => {
    await using server = await TestServer.start({ kind });
    using connection = await RawConnection.open(server.socketPath);
    using writer = await RawConnection.open(server.socketPath);
    // Those below keyCount stay; a second batch goes while the scan runs, and a third one comes.
    await fill(connection, 0, 2 * keyCount);
    const seen = new Set<string>();
    let cursor = "0";
    let calls = 0;
    do {
      const step = await scan(connection, cursor, "COUNT", "50");
      for (const key of step.keys) seen.add(key);
      cursor = step.cursor;
      const removed = Array.from({ length: 40 }, (_, i) => keyName(keyCount + calls * 40 + i));
      await writer.exchange("DEL", ...removed);
      await fill(writer, 2 * keyCount + calls * 30, 30);
      assert(calls++ < 10_000, "the scan comes to its end");
    } while (cursor !== "0");
    for (let i = 0; i < keyCount; i++) assert(seen.has(keyName(i)), `${keyName(i)} was not seen`);
  });

  Deno.test(`${kind}: a SCAN of keys that are removed meanwhile ends`, async () => {
    await using server = await TestServer.start({ kind });
    using connection = await RawConnection.open(server.socketPath);
    await fill(connection, 0, keyCount);
    let { cursor, keys } = await scan(connection, "0", "COUNT", "100");
    await connection.exchange("DEL", ...keys);
    while (cursor !== "0") {
      ({ cursor, keys } = await scan(connection, cursor, "COUNT", "100"));
      if (keys.length > 0) await connection.exchange("DEL", ...keys);
    }
    assertEquals(await connection.exchange("DBSIZE"), ":0\r\n");
  });

  Deno.test(`${kind}: many connections are served at once`, async () => {
    await using server = await TestServer.start({ kind });
    const connections: RawConnection[] = [];
    try {
      for (let i = 0; i < 200; i++) connections.push(await RawConnection.open(server.socketPath));
      await Promise.all(connections.map(async (connection) => {
        for (let i = 0; i < 20; i++) await connection.exchange("INCR", "n");
      }));
      assertEquals(await connections[0].exchange("GET", "n"), "$4\r\n4000\r\n");
    } finally {
      for (const connection of connections) connection.close();
    }
  });
}

// redis-server looks through all that a client watches for each further key.
Deno.test("kv: 50,000 keys are watched in no time, and one that changes is noticed", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using connection = await RawConnection.open(server.socketPath);
  using other = await RawConnection.open(server.socketPath);
  const keys = Array.from({ length: 50_000 }, (_, i) => keyName(i));
  for (const changed of [null, keyName(40_000)]) {
    await connection.send(encodeRequest(["WATCH", ...keys]));
    assertEquals(await connection.readReply(), "+OK\r\n");
    if (changed !== null) assertEquals(await other.exchange("SET", changed, "1"), "+OK\r\n");
    const replies = await connection.pipeline([["MULTI"], ["PING"], ["EXEC"]]);
    assertEquals(replies[2], changed === null ? "*1\r\n+PONG\r\n" : "*-1\r\n");
  }
});
