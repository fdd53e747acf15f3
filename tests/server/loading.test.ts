/** Clients that come while the store is still being read. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { ConnectionStart } from "../../src/server/connection.ts";
import { Access } from "../../src/commands/access.ts";
import { allCommands } from "../../src/commands/registry.ts";
import { LoadingClients } from "../../src/server/loading_clients.ts";
import { KeyValueServer } from "../../src/server/key_value_server.ts";
import { Store } from "../../src/store/store.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const loading = "-LOADING Redis is loading the dataset in memory\r\n";

/** A client of `LoadingClients`, and what it is handed over as in the end. */
async function withClient(
  use: (
    clients: LoadingClients,
    connection: RawConnection,
    start: Promise<ConnectionStart | null>,
  ) => Promise<void>,
): Promise<void> {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("kv.sock");
  using listener = Deno.listen({ transport: "unix", path });
  const clients = new LoadingClients(allCommands(), new Access());
  const accepted = listener.accept();
  using connection = await RawConnection.open(path);
  using socket = await accepted;
  await use(clients, connection, clients.serve(socket));
}

Deno.test("what needs the store is answered with LOADING, and INFO tells how far it is", async () => {
  await withClient(async (clients, connection, start) => {
    clients.share = 0.25;
    assertEquals(await connection.exchange("GET", "foo"), loading);
    assertEquals(await connection.exchange("PING"), loading);
    const replies = await connection.pipeline([["SET", "a", "1"], ["DBSIZE"]]);
    assertEquals(replies, [loading, loading]);
    const info = await connection.exchange("INFO", "persistence");
    assertMatch(info, /\r\nloading:1\r\n/);
    assertMatch(info, /\r\nloading_loaded_perc:25\.00\r\nloading_eta_seconds:\d+\r\n/);
    clients.end();
    const { parser, handled, read } = (await start)!;
    assertEquals([parser.count, handled], [0, 0]);
    assert(read !== null, "the read that is under way goes along");
    connection.close();
    assertEquals(await read, null);
  });
});

Deno.test("what can be answered without the store waits, and so does all behind it", async () => {
  await withClient(async (clients, connection, start) => {
    await connection.send("GET a\r\nHELLO 3\r\nGET b\r\n");
    assertEquals(await connection.readReply(), loading);
    clients.end();
    const { parser, handled, read } = (await start)!;
    assertEquals([parser.count, handled, read], [3, 1, null]);
  });
});

Deno.test("what is no request is refused, and the connection closed", async () => {
  await withClient(async (_clients, connection, start) => {
    await connection.send("*1\r\nx\r\n");
    assertEquals(
      await connection.readReply(),
      "-ERR Protocol error: expected '$', got 'x'\r\n",
    );
    assertEquals(await start, null);
  });
});

Deno.test("a client that came early is served when the store is read", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const store = Store.open({ path, sync: "no" });
  for (let i = 0; i < 50_000; i++) store.set(`key:${i}`, "v".repeat(1000));
  await store.close();
  await Deno.remove(`${path}-index`);
  const socket = folder.join("kv.sock");
  let early: Promise<string[]> | undefined;
  const server = await KeyValueServer.start({
    store: path,
    socket,
    onProgress() {
      early ??= (async () => {
        using connection = await RawConnection.open(socket);
        return [await connection.exchange("GET", "no"), await connection.exchange("HELLO")];
      })();
    },
  });
  try {
    const [get, hello] = await early!;
    // It may have come in time for LOADING, or just behind.
    assert(get === loading || get === "$-1\r\n", get);
    assertMatch(hello, /\r\n\$5\r\nredis\r\n/);
    using connection = await RawConnection.open(socket);
    assertEquals(await connection.exchange("DBSIZE"), ":50000\r\n");
  } finally {
    await server.stop();
  }
});
