/** Many clients, slow clients, rude clients; large values; the end and what follows it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encodeRequest } from "../support/binary_text.ts";
import { privateBytes } from "../support/process_memory.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { until, withTimeLimit } from "../support/time_limit.ts";

function start(...args: string[]): Promise<TestServer> {
  return TestServer.start({ kind: "kv", args });
}

async function openAll(server: TestServer, count: number): Promise<RawConnection[]> {
  const connections: RawConnection[] = [];
  for (let i = 0; i < count; i++) connections.push(await RawConnection.open(server.socketPath));
  return connections;
}

function closeAll(connections: readonly RawConnection[]): void {
  for (const connection of connections) connection.close();
}

Deno.test("a client that waits holds no buffer, and what has come of a request is kept", async () => {
  await using server = await start();
  using waiting = await RawConnection.open(server.socketPath);
  using halfway = await RawConnection.open(server.socketPath);
  using other = await RawConnection.open(server.socketPath);
  assertEquals(await waiting.exchange("CLIENT", "SETNAME", "waiting"), "+OK\r\n");
  assertEquals(await halfway.exchange("CLIENT", "SETNAME", "halfway"), "+OK\r\n");
  const request = encodeRequest(["SET", "key", "of-halfway"]);
  await halfway.send(request.slice(0, 20));
  await until(
    async () => /name=halfway .*qbuf=20 /.test(await other.exchange("CLIENT", "LIST")),
    "half of the request to arrive",
  );
  const list = await other.exchange("CLIENT", "LIST");
  assert(/name=waiting .*qbuf=0 qbuf-free=0 /.test(list), list);
  // Others use what the two have used before.
  const value = "x".repeat(3000);
  for (let i = 0; i < 10; i++) assertEquals(await other.exchange("SET", `k${i}`, value), "+OK\r\n");
  await halfway.send(request.slice(20));
  assertEquals(await halfway.readReply(), "+OK\r\n");
  assertEquals(await halfway.exchange("GET", "key"), "$10\r\nof-halfway\r\n");
  assertEquals(await waiting.exchange("GET", "k9"), `$3000\r\n${value}\r\n`);
});

Deno.test("500 clients are served at once", async () => {
  await using server = await start();
  const connections = await openAll(server, 500);
  try {
    await Promise.all(connections.map(async (connection, i) => {
      assertEquals(await connection.exchange("SET", `key:${i}`, `${i}`), "+OK\r\n");
      for (let n = 0; n < 5; n++) await connection.exchange("INCR", "counter");
      const value = `$${String(i).length}\r\n${i}\r\n`;
      assertEquals(await connection.exchange("GET", `key:${i}`), value);
    }));
    assertEquals(await connections[0].exchange("GET", "counter"), "$4\r\n2500\r\n");
  } finally {
    closeAll(connections);
  }
});

Deno.test("clients that never read their replies do not hold up others, nor fill the memory", async () => {
  await using server = await start();
  using other = await RawConnection.open(server.socketPath);
  const value = "v".repeat(2 ** 20);
  assertEquals(await other.exchange("SET", "large", value), "+OK\r\n");
  const before = await privateBytes(server.pid);
  const rude = await openAll(server, 10);
  try {
    // 1000 replies of 1 MiB are due to each of them.
    for (const connection of rude) {
      await connection.send(encodeRequest(["GET", "large"]).repeat(1000));
    }
    for (let i = 0; i < 200; i++) {
      assertEquals(await other.exchange("INCR", "n"), `:${i + 1}\r\n`);
    }
    const grown = await privateBytes(server.pid) - before;
    assert(grown < 150 * 2 ** 20, `${Math.round(grown / 2 ** 20)} MiB more`);
  } finally {
    closeAll(rude);
  }
  assertEquals(await other.exchange("PING"), "+PONG\r\n");
});

Deno.test("10,000 clients are connected at once, and all of them are served", async () => {
  await using server = await start();
  const count = 10_000;
  const sockets: Deno.Conn[] = [];
  const ask = async (socket: Deno.Conn, i: number) => {
    const key = String(i).padStart(5, "0");
    const requests = encodeRequest(["SET", key, key]) + encodeRequest(["GET", key]);
    const expected = `+OK\r\n$5\r\n${key}\r\n`;
    await socket.write(new TextEncoder().encode(requests));
    const buffer = new Uint8Array(64);
    let reply = "";
    while (reply.length < expected.length) {
      reply += new TextDecoder().decode(buffer.subarray(0, (await socket.read(buffer))!));
    }
    assertEquals(reply, expected);
  };
  const before = await privateBytes(server.pid);
  try {
    const path = server.socketPath;
    while (sockets.length < count) {
      const socket = await Deno.connect({ transport: "unix", path }).catch((error) => {
        // The queue of those that the server has not accepted yet is full.
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      });
      if (socket) sockets.push(socket);
      else await ask(sockets.at(-1)!, sockets.length - 1);
    }
    await withTimeLimit(Promise.all(sockets.map(ask)), 30_000, "10,000 replies");
    const each = (await privateBytes(server.pid) - before) / count;
    assert(each < 20 * 2 ** 10, `${Math.round(each / 2 ** 10)} KiB for each client`);
    // One more than `maxclients`.
    using refused = await RawConnection.open(server.socketPath);
    assertEquals(await refused.readUntilClosed(), "-ERR max number of clients reached\r\n");
    for (const socket of sockets.splice(0, count / 2)) socket.close();
    await Promise.all(sockets.map(ask));
  } finally {
    for (const socket of sockets) socket.close();
  }
  await until(async () => {
    using other = await RawConnection.open(server.socketPath);
    return /connected_clients:1\r/.test(await other.exchange("INFO", "clients"));
  }, "the clients to be gone");
});

Deno.test("clients that send a byte at a time hold up nobody, and are served in the end", async () => {
  await using server = await start();
  using other = await RawConnection.open(server.socketPath);
  const slow = await openAll(server, 300);
  try {
    const before = await privateBytes(server.pid);
    const request = encodeRequest(["SET", "slow", "value"]);
    const took: number[] = [];
    for (let i = 0; i < request.length; i++) {
      await Promise.all(slow.map((connection) => connection.send(request[i])));
      const started = performance.now();
      assertEquals(await other.exchange("INCR", "n"), `:${i + 1}\r\n`);
      took.push(performance.now() - started);
    }
    const replies = await Promise.all(slow.map((connection) => connection.readReply()));
    assert(replies.every((reply) => reply === "+OK\r\n"));
    took.sort((a, b) => a - b);
    assert(
      took[took.length >> 1] < 50,
      `the median of the others' replies is ${took[took.length >> 1]} ms`,
    );
    const each = (await privateBytes(server.pid) - before) / slow.length;
    assert(each < 64 * 2 ** 10, `${Math.round(each / 2 ** 10)} KiB for each client`);
  } finally {
    closeAll(slow);
  }
});

for (const mebibytes of [1, 64]) {
  Deno.test(`a value of ${mebibytes} MiB is kept, also over a restart`, async () => {
    await using server = await start();
    const value = "0123456789abcdef".repeat(mebibytes * 2 ** 16);
    {
      using connection = await RawConnection.open(server.socketPath, { limitMs: 20_000 });
      assertEquals(await connection.exchange("SET", "large", value), "+OK\r\n");
      assertEquals(await connection.exchange("STRLEN", "large"), `:${value.length}\r\n`);
    }
    await server.kill();
    await server.restart();
    using connection = await RawConnection.open(server.socketPath, { limitMs: 20_000 });
    const reply = await connection.exchange("GET", "large");
    assert(reply === `$${value.length}\r\n${value}\r\n`, "it is the same");
  });
}

Deno.test("a client that goes in the middle of a request leaves nothing behind", async () => {
  await using server = await start();
  using other = await RawConnection.open(server.socketPath);
  for (const part of ["*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhal", "SET a hal", "*3\r\n", "*"]) {
    using connection = await RawConnection.open(server.socketPath);
    await connection.send(part);
  }
  using queueing = await RawConnection.open(server.socketPath);
  assertEquals(await queueing.exchange("MULTI"), "+OK\r\n");
  assertEquals(await queueing.exchange("SET", "a", "1"), "+QUEUED\r\n");
  queueing.close();
  await until(
    async () => /connected_clients:1\r/.test(await other.exchange("INFO", "clients")),
    "the clients to go",
  );
  assertEquals(await other.exchange("EXISTS", "a"), ":0\r\n");
  assertEquals(server.stderrText, "");
});

Deno.test("half-closed clients get the replies that are due, and then the end", async () => {
  await using server = await start();
  using connection = await RawConnection.open(server.socketPath);
  assertEquals(await connection.exchange("SET", "a", "x".repeat(1000)), "+OK\r\n");
  await connection.send(encodeRequest(["GET", "a"]).repeat(500) + "*2\r\n$4\r\nECH");
  await connection.closeWrite();
  assertEquals((await connection.readUntilClosed()).length, 500 * (1000 + 9));
});

Deno.test("CONFIG SET timeout closes idle clients, not those that ask", async () => {
  await using server = await start();
  using idle = await RawConnection.open(server.socketPath);
  using busy = await RawConnection.open(server.socketPath);
  assertEquals(await busy.exchange("CONFIG", "SET", "timeout", "1"), "+OK\r\n");
  let closed = false;
  const end = idle.readUntilClosed().then(() => closed = true);
  await until(async () => {
    assertEquals(await busy.exchange("PING"), "+PONG\r\n");
    return closed;
  }, "the idle client to be closed");
  await end;
  assertEquals(await busy.exchange("CONFIG", "SET", "timeout", "0"), "+OK\r\n");
});

Deno.test("CONFIG SET timeout closes who does not read a reply, not who reads it slowly", async () => {
  await using server = await start();
  using control = await RawConnection.open(server.socketPath);
  using silent = await RawConnection.open(server.socketPath);
  using slow = await RawConnection.open(server.socketPath);
  assertEquals(await control.exchange("SETRANGE", "large", "30000000", "x"), ":30000001\r\n");
  for (const [name, connection] of Object.entries({ silent, slow })) {
    await connection.exchange("CLIENT", "SETNAME", name);
    await connection.send(encodeRequest(["GET", "large"]));
  }
  assertEquals(await control.exchange("CONFIG", "SET", "timeout", "2"), "+OK\r\n");
  let received = 0;
  await until(async () => {
    if (received < 29_000_000) received += await slow.readSome();
    const list = await control.exchange("CLIENT", "LIST");
    assertStringIncludes(list, "name=slow");
    return !list.includes("name=silent");
  }, "the client that does not read to be closed");
});

Deno.test("who has gone while his request waits is noticed, and the request is not run", async () => {
  await using server = await start();
  using control = await RawConnection.open(server.socketPath);
  for (const request of [["SET", "a", "1"], ["WAIT", "1", "1000000"]]) {
    const pause = ["CLIENT", "PAUSE", "1000000", "WRITE"];
    assertEquals(await control.exchange(...pause), "+OK\r\n");
    const leaving = await RawConnection.open(server.socketPath);
    await leaving.exchange("CLIENT", "SETNAME", "leaving");
    await leaving.send(encodeRequest(request));
    const list = () => control.exchange("CLIENT", "LIST");
    await until(async () => /name=leaving .*flags=b/.test(await list()), "the request to wait");
    leaving.close();
    await until(async () => !(await list()).includes("name=leaving"), "the client to be gone");
    assertEquals(await control.exchange("CLIENT", "UNPAUSE"), "+OK\r\n");
  }
  assertEquals(await control.exchange("GET", "a"), "$-1\r\n");
});

Deno.test("a half-closed client gets the reply that it waits for", async () => {
  await using server = await start();
  using control = await RawConnection.open(server.socketPath);
  using waiting = await RawConnection.open(server.socketPath);
  await control.exchange("CLIENT", "PAUSE", "1000000", "WRITE");
  await waiting.send(encodeRequest(["SET", "a", "1"]));
  await waiting.closeWrite();
  await until(
    async () => (await control.exchange("INFO", "clients")).includes("blocked_clients:1"),
    "the request to wait",
  );
  await control.exchange("CLIENT", "UNPAUSE");
  assertEquals(await waiting.readUntilClosed(), "+OK\r\n");
});

Deno.test("clients beyond maxclients are refused, and let in when others have gone", async () => {
  await using server = await start();
  using first = await RawConnection.open(server.socketPath);
  assertEquals(await first.exchange("CONFIG", "SET", "maxclients", "3"), "+OK\r\n");
  const others = await openAll(server, 2);
  using refused = await RawConnection.open(server.socketPath);
  assertEquals(await refused.readUntilClosed(), "-ERR max number of clients reached\r\n");
  assertStringIncludes(await first.exchange("INFO", "stats"), "rejected_connections:1\r\n");
  closeAll(others);
  await until(async () => {
    using again = await RawConnection.open(server.socketPath);
    await again.send("PING\r\n").catch(() => {});
    return await again.readReply().catch(() => "") === "+PONG\r\n";
  }, "a client to be let in");
});

// --- the end -------------------------------------------------------------------------------------

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  Deno.test(`${signal} stops in order, and the next start says so`, async () => {
    await using server = await start();
    {
      using connection = await RawConnection.open(server.socketPath);
      assertEquals(await connection.exchange("SET", "a", "1"), "+OK\r\n");
      const ended = server.waitForEnd();
      Deno.kill(server.pid, signal);
      const { code, signal: endedBy } = await ended;
      assertEquals({ code, endedBy }, { code: 0, endedBy: null });
      assertEquals(await connection.readUntilClosed(), "");
    }
    assertEquals([...Deno.readDirSync(server.folder.path)].map(({ name }) => name).sort(), [
      "store.db",
      "store.db-index",
    ]);
    await server.restart();
    assertStringIncludes(server.stdoutText, "1 key, stopped in order; ready in ");
    assertEquals(server.stderrText, "");
  });
}

Deno.test("replies that are under way are sent before the end", async () => {
  await using server = await start();
  using connection = await RawConnection.open(server.socketPath);
  const length = 8 * 2 ** 20;
  assertEquals(
    await connection.exchange("SETRANGE", "large", `${length - 1}`, "x"),
    `:${length}\r\n`,
  );
  await connection.send(encodeRequest(["GET", "large"]));
  // More than a socket holds: the server is in the middle of it when the signal comes.
  using other = await RawConnection.open(server.socketPath);
  await until(
    async () => /omem=[1-9]/.test(await other.exchange("CLIENT", "LIST")),
    "the reply to begin",
  );
  const ended = server.waitForEnd();
  Deno.kill(server.pid, "SIGTERM");
  const reply = await connection.readUntilClosed();
  assertEquals(reply.length, `$${length}\r\n`.length + length + 2);
  assertEquals((await ended).code, 0);
});

Deno.test("a client that does not take its reply does not keep the server from its end", async () => {
  await using server = await start();
  using connection = await RawConnection.open(server.socketPath);
  await connection.exchange("SETRANGE", "large", "8000000", "x");
  await connection.send(encodeRequest(["GET", "large"]));
  assertEquals((await server.stop()).code, 0);
});

Deno.test("SHUTDOWN ends the server, removes the socket and keeps the data", async () => {
  await using server = await start();
  {
    using connection = await RawConnection.open(server.socketPath);
    assertEquals(await connection.exchange("SET", "a", "1"), "+OK\r\n");
    const ended = server.waitForEnd();
    await connection.send("SHUTDOWN\r\n");
    assertEquals((await ended).code, 0);
    assertEquals(await connection.readUntilClosed(), "");
  }
  await server.restart();
  assertStringIncludes(server.stdoutText, "1 key, stopped in order");
});

Deno.test("after kill -9 the server says what it replayed, and all that was acknowledged is there", async () => {
  await using server = await start();
  const count = 5000;
  {
    using connection = await RawConnection.open(server.socketPath);
    const requests = Array.from({ length: count }, (_, i) => ["SET", `key:${i}`, `value ${i}`]);
    const replies = await connection.pipeline(requests);
    assert(replies.every((reply) => reply === "+OK\r\n"));
  }
  await server.kill();
  await server.restart();
  assert(
    /5000 keys, not stopped in order: \d+ records replayed in \d+ ms; /.test(server.stdoutText),
    server.stdoutText,
  );
  assertEquals(server.stderrText, "");
  using connection = await RawConnection.open(server.socketPath);
  const requests = Array.from({ length: count }, (_, i) => ["GET", `key:${i}`]);
  const replies = await connection.pipeline(requests);
  replies.forEach((reply, i) => {
    const value = `value ${i}`;
    assertEquals(reply, `$${value.length}\r\n${value}\r\n`);
  });
});

Deno.test("a start without the index says that it was rebuilt, one with damage where it is", async () => {
  await using server = await start();
  {
    using connection = await RawConnection.open(server.socketPath);
    await connection.pipeline([["SET", "good", "1"], ["SET", "badkey", "value"], [
      "SET",
      "last",
      "1",
    ]]);
  }
  await server.stop();
  await Deno.remove(`${server.storePath}-index`);
  await server.restart();
  assertStringIncludes(server.stdoutText, "3 keys, index rebuilt from ");
  await server.stop();
  const bytes = await Deno.readFile(server.storePath);
  const at = new TextDecoder("latin1").decode(bytes).indexOf("badkeyvalue");
  bytes[at] ^= 1;
  await Deno.writeFile(server.storePath, bytes);
  await Deno.remove(`${server.storePath}-index`);
  await server.restart();
  assertStringIncludes(server.stdoutText, "2 keys, index rebuilt");
  assertStringIncludes(
    server.stderrText,
    `is damaged: 48 bytes at offset ${at - 24}: records cannot be read`,
  );
  using connection = await RawConnection.open(server.socketPath);
  assertEquals(
    await connection.exchange("MGET", "good", "badkey", "last"),
    "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n1\r\n",
  );
});
