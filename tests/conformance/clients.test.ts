/** CLIENT KILL, PAUSE and UNBLOCK, where they need the numbers of connections. */
import { assertEquals, assertMatch } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { targets } from "./runner.ts";

async function idOf(connection: RawConnection): Promise<string> {
  const reply = await connection.exchange("CLIENT", "ID");
  return /^:(\d+)\r\n$/.exec(reply)![1];
}

for (const kind of targets()) {
  Deno.test(`${kind}: CLIENT KILL ID closes that connection only`, async () => {
    await using server = await TestServer.start({ kind });
    using killer = await RawConnection.open(server.socketPath);
    using victim = await RawConnection.open(server.socketPath);
    using other = await RawConnection.open(server.socketPath);
    const id = await idOf(victim);
    assertEquals(await killer.exchange("CLIENT", "KILL", "ID", id), ":1\r\n");
    assertEquals(await victim.readUntilClosed(), "");
    assertEquals(await killer.exchange("CLIENT", "KILL", "ID", id), ":0\r\n");
    assertEquals(await other.exchange("PING"), "+PONG\r\n");
  });

  Deno.test(`${kind}: CLIENT KILL spares the own connection unless SKIPME no`, async () => {
    await using server = await TestServer.start({ kind });
    using killer = await RawConnection.open(server.socketPath);
    const id = await idOf(killer);
    assertEquals(await killer.exchange("CLIENT", "KILL", "ID", id), ":0\r\n");
    assertEquals(await killer.exchange("CLIENT", "KILL", "ID", id, "SKIPME", "yes"), ":0\r\n");
    // It is replied to, but what follows is not run.
    await killer.send(`CLIENT KILL ID ${id} SKIPME no\r\nSET a 1\r\n`);
    assertEquals(await killer.readUntilClosed(), ":1\r\n");
    using other = await RawConnection.open(server.socketPath);
    assertEquals(await other.exchange("EXISTS", "a"), ":0\r\n");
  });

  Deno.test(`${kind}: CLIENT KILL by address, type and user kills all that fit`, async () => {
    await using server = await TestServer.start({ kind });
    const address = `${server.socketPath}:0`;
    for (
      const filter of [
        ["ADDR", address],
        ["LADDR", address],
        ["TYPE", "normal"],
        ["USER", "default"],
        ["TYPE", "NORMAL", "USER", "default", "ADDR", address, "SKIPME", "yes"],
      ]
    ) {
      using killer = await RawConnection.open(server.socketPath);
      using first = await RawConnection.open(server.socketPath);
      using second = await RawConnection.open(server.socketPath);
      for (const connection of [first, second]) await connection.exchange("PING");
      assertEquals(await killer.exchange("CLIENT", "KILL", ...filter), ":2\r\n", filter.join(" "));
      for (const connection of [first, second]) {
        assertEquals(await connection.readUntilClosed(), "");
      }
      assertEquals(await killer.exchange("PING"), "+PONG\r\n");
      // In the old form, one goes oneself.
      await killer.send(`CLIENT KILL ${address}\r\n`);
      assertEquals(await killer.readUntilClosed(), "+OK\r\n");
    }
  });

  Deno.test(`${kind}: the transaction of a killed client is gone, and so are its watched keys`, async () => {
    await using server = await TestServer.start({ kind });
    using killer = await RawConnection.open(server.socketPath);
    using victim = await RawConnection.open(server.socketPath);
    await victim.pipeline([["WATCH", "a"], ["MULTI"], ["SET", "a", "1"]]);
    const id = await idOf(killer);
    assertMatch(await killer.exchange("CLIENT", "LIST", "ID", id), /^\$\d+\r\nid=/);
    assertEquals(await killer.exchange("CLIENT", "KILL", "TYPE", "normal"), ":1\r\n");
    assertEquals(await victim.readUntilClosed(), "");
    assertEquals(await killer.exchange("EXISTS", "a"), ":0\r\n");
  });

  Deno.test(`${kind}: a client whose request is kept back can be killed, and its request never runs`, async () => {
    await using server = await TestServer.start({ kind });
    using killer = await RawConnection.open(server.socketPath);
    using victim = await RawConnection.open(server.socketPath);
    const id = await idOf(victim);
    assertEquals(await killer.exchange("CLIENT", "PAUSE", "100000", "WRITE"), "+OK\r\n");
    await victim.send("SET a 1\r\n");
    while (!/blocked_clients:1\r/.test(await killer.exchange("INFO", "clients")));
    assertEquals(await killer.exchange("CLIENT", "KILL", "ID", id), ":1\r\n");
    assertEquals(await victim.readUntilClosed(), "");
    assertEquals(await killer.exchange("CLIENT", "UNPAUSE"), "+OK\r\n");
    assertEquals(await killer.exchange("EXISTS", "a"), ":0\r\n");
    assertMatch(await killer.exchange("INFO", "clients"), /\r\nblocked_clients:0\r\n/);
  });

  Deno.test(`${kind}: a stop does not wait for the end of a pause`, async () => {
    await using server = await TestServer.start({ kind });
    using connection = await RawConnection.open(server.socketPath);
    using waiting = await RawConnection.open(server.socketPath);
    assertEquals(await connection.exchange("CLIENT", "PAUSE", "100000"), "+OK\r\n");
    await waiting.send("PING\r\n");
    const { code } = await server.stop();
    assertEquals(code, 0);
  });
}
