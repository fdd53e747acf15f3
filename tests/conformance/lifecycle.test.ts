/** How a server ends, and how it ends connections. */
import { assertEquals, assertMatch } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { targets } from "./runner.ts";

for (const kind of targets()) {
  Deno.test(`${kind}: SIGTERM closes the connections and ends with status 0`, async () => {
    await using server = await TestServer.start({ kind });
    using idle = await RawConnection.open(server.socketPath);
    using queueing = await RawConnection.open(server.socketPath);
    assertEquals(await idle.exchange("SET", "a", "1"), "+OK\r\n");
    assertEquals(await queueing.exchange("MULTI"), "+OK\r\n");
    const { code, signal } = await server.stop();
    assertEquals({ code, signal }, { code: 0, signal: null });
    assertEquals(await idle.readUntilClosed(), "");
    assertEquals(await queueing.readUntilClosed(), "");
  });

  for (const request of ["SHUTDOWN", "SHUTDOWN NOSAVE", "shutdown save now force"]) {
    Deno.test(`${kind}: ${request} ends the server with status 0 and without a reply`, async () => {
      await using server = await TestServer.start({ kind });
      using connection = await RawConnection.open(server.socketPath);
      using other = await RawConnection.open(server.socketPath);
      assertEquals(await other.exchange("SET", "a", "1"), "+OK\r\n");
      await connection.send(`${request}\r\n`);
      const { code, signal } = await server.waitForEnd();
      assertEquals({ code, signal }, { code: 0, signal: null });
      assertEquals(await connection.readUntilClosed(), "");
      assertEquals(await other.readUntilClosed(), "");
    });
  }

  Deno.test(`${kind}: SHUTDOWN refuses options that make no sense`, async () => {
    await using server = await TestServer.start({ kind });
    using connection = await RawConnection.open(server.socketPath);
    const syntaxError = "-ERR syntax error\r\n";
    for (const options of [["FOO"], ["SAVE", "NOSAVE"], ["ABORT", "NOW"], ["NOSAVE", "ABORT"]]) {
      assertEquals(await connection.exchange("SHUTDOWN", ...options), syntaxError);
    }
    const noShutdown = "-ERR No shutdown in progress.\r\n";
    assertEquals(await connection.exchange("SHUTDOWN", "ABORT"), noShutdown);
    assertEquals(await connection.exchange("PING"), "+PONG\r\n");
  });

  Deno.test(`${kind}: the socket is gone after the end, and there again after a restart`, async () => {
    await using server = await TestServer.start({ kind });
    // Right behind the line that says it is ready: the signal must find it prepared.
    const { code, signal } = await server.stop();
    assertEquals({ code, signal }, { code: 0, signal: null });
    const found = await Deno.lstat(server.socketPath).then(() => true, () => false);
    assertEquals(found, false);
    await server.restart();
    using connection = await RawConnection.open(server.socketPath);
    assertEquals(await connection.exchange("PING"), "+PONG\r\n");
  });

  Deno.test(`${kind}: a server that was killed can be started again on its socket`, async () => {
    await using server = await TestServer.start({ kind });
    await server.kill();
    await server.restart();
    using connection = await RawConnection.open(server.socketPath);
    assertEquals(await connection.exchange("PING"), "+PONG\r\n");
  });

  Deno.test(`${kind}: more clients than maxclients are refused with an error`, async () => {
    await using server = await TestServer.start({ kind });
    using first = await RawConnection.open(server.socketPath);
    assertEquals(await first.exchange("CONFIG", "SET", "maxclients", "2"), "+OK\r\n");
    using second = await RawConnection.open(server.socketPath);
    assertEquals(await second.exchange("PING"), "+PONG\r\n");
    using third = await RawConnection.open(server.socketPath);
    assertEquals(await third.readUntilClosed(), "-ERR max number of clients reached\r\n");
    assertEquals(await first.exchange("PING"), "+PONG\r\n");
  });

  Deno.test(`${kind}: an idle client is disconnected after the timeout`, async () => {
    await using server = await TestServer.start({ kind });
    using connection = await RawConnection.open(server.socketPath);
    assertEquals(await connection.exchange("CONFIG", "SET", "timeout", "1"), "+OK\r\n");
    assertEquals(await connection.readUntilClosed(), "");
  });

  Deno.test(`${kind}: CLIENT ID gives later connections higher numbers`, async () => {
    await using server = await TestServer.start({ kind });
    const numbers: number[] = [];
    for (let i = 0; i < 3; i++) {
      using connection = await RawConnection.open(server.socketPath);
      const reply = await connection.exchange("CLIENT", "ID");
      assertMatch(reply, /^:\d+\r\n$/);
      numbers.push(Number(reply.slice(1)));
    }
    assertEquals(numbers, numbers.toSorted((a, b) => a - b));
    assertEquals(new Set(numbers).size, 3);
  });
}
