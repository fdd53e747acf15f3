/** What must not happen before the disk, or a copy, has come so far. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { KeyValueServer } from "../../src/server/key_value_server.ts";
import { checkStore } from "../../src/store/checker.ts";
import { Store } from "../../src/store/store.ts";
import { interceptLibc, type Libc } from "../../src/sys/libc.ts";
import { encodeRequest } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { SteadyClock } from "../support/steady_clock.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { contents, put, tinyLimits } from "../unit/store/tiny_store.ts";
import { HeldCalls } from "./held_disk.ts";

Deno.test("with --sync always, a reply waits until the disk has what it tells of", async () => {
  using held = new HeldCalls("msyncInBackground");
  await using folder = await TemporaryFolder.make();
  const { server, connection } = await startAlways(folder);
  try {
    assertEquals(await connection.exchange("SET", "first", "1"), "+OK\r\n");
    held.hold();
    // So much is not synced in place, while everybody waits, but on another thread.
    await connection.send(encodeRequest(["SET", "second", "2".repeat(300_000)]));
    let isReplied = false;
    const reply = connection.readReply().finally(() => isReplied = true);
    await Promise.race([held.begun, reply]);
    assert(held.calls > 0 && !isReplied, "the sync began, and no reply came before its end");
    held.release();
    assertEquals(await reply, "+OK\r\n");
  } finally {
    held.release();
    connection.close();
    await server.stop();
  }
});

Deno.test("with --sync always, what is synced in place is on the disk before the reply", async () => {
  const synced: number[] = [];
  const restore = interceptLibc((real) => ({
    ...real,
    msync: (...args: Parameters<Libc["msync"]>) => {
      synced.push(Number(args[1]));
      return real.msync(...args);
    },
  }));
  await using folder = await TemporaryFolder.make();
  const { server, connection } = await startAlways(folder);
  try {
    await connection.exchange("PING");
    for (let i = 0; i < 20; i++) {
      const before = synced.length;
      assertEquals(await connection.exchange("SET", "key", `${i}`), "+OK\r\n");
      const isInPlace = synced.length > before;
      // Or it was a round in the background, after a sync that had taken long.
      if (!isInPlace) assert(await connection.exchange("INFO").then(hasSynced));
      const after = synced.length;
      assertEquals(await connection.exchange("GET", "key"), `$${`${i}`.length}\r\n${i}\r\n`);
      assertEquals(synced.length, after, "reading syncs nothing");
    }
    assert(synced.length > 0, "some were synced in place");
  } finally {
    restore();
    connection.close();
    await server.stop();
  }
});

Deno.test("with --sync everysec, who writes waits while the disk is two seconds behind", async () => {
  using held = new HeldCalls("msyncInBackground");
  await using folder = await TemporaryFolder.make();
  const socket = folder.join("socket");
  const store = folder.join("store.db");
  const server = await KeyValueServer.start({ store, socket, sync: "everysec" });
  const writer = await RawConnection.open(socket);
  const reader = await RawConnection.open(socket);
  try {
    await reader.exchange("CONFIG", "SET", "latency-monitor-threshold", "1");
    held.hold();
    const started = performance.now();
    let writes = 0;
    let waits = false;
    let ping = Promise.resolve("");
    while (!waits) {
      assert(performance.now() - started < 30_000, "it waits at some time");
      assertEquals(await writer.exchange("SET", "key", `${++writes}`), "+OK\r\n");
      // Nothing but the writer's own next request shows whether it is read; others are served meanwhile.
      ping = writer.exchange("PING");
      const looked = reader.exchange("GET", "key").then(() => reader.exchange("INFO")).then(
        unsyncedMs,
      );
      const first = await Promise.race([ping, looked]);
      waits = typeof first === "number" && first > 2000;
      if (!waits) await Promise.all([ping, looked]);
    }
    assert(performance.now() - started > 1900, "not before");
    for (let i = 0; i < 20; i++) {
      assertEquals(await reader.exchange("GET", "key"), `$${`${writes}`.length}\r\n${writes}\r\n`);
    }
    let hasPonged = false;
    ping = ping.finally(() => hasPonged = true);
    assert(await reader.exchange("SET", "other", "1") === "+OK\r\n" && !hasPonged);
    held.release();
    assertEquals(await ping, "+PONG\r\n");
    assertEquals(await reader.exchange("PING"), "+PONG\r\n");
    const info = await reader.exchange("INFO");
    assert(unsyncedMs(info) < 2000);
    assert(Number(/aof_delayed_fsync:(\d+)/.exec(info)![1]) >= 1, "it was counted");
    assertStringIncludes(await reader.exchange("LATENCY", "LATEST"), "aof-write-pending-fsync");
  } finally {
    held.release();
    writer.close();
    reader.close();
    await server.stop();
  }
});

Deno.test("how long changes wait for the disk is counted from the first of them", async () => {
  await using folder = await TemporaryFolder.make();
  using clock = new SteadyClock();
  const path = folder.join("store.db");
  const store = Store.open({ path, limits: tinyLimits, sync: "everysec" });
  try {
    await store.sync();
    clock.advance(3_600_000); // Idle for an hour.
    put(store, "key", "value");
    store.tick();
    clock.advance(7);
    assertEquals(store.statistics.unsyncedMs, 8, "a part of one counts as one");
    await store.sync();
    assertEquals(store.statistics.unsyncedMs, 0);
  } finally {
    await store.close();
  }
});

function unsyncedMs(info: string): number {
  return Number(/store_unsynced_ms:(\d+)/.exec(info)![1]);
}

/** A server with `--sync always` in this process, and a client of it. */
async function startAlways(folder: TemporaryFolder) {
  const socket = folder.join("socket");
  const store = folder.join("store.db");
  const server = await KeyValueServer.start({ store, socket, sync: "always" });
  return { server, connection: await RawConnection.open(socket) };
}

/** Whether INFO says that nothing waits for the disk. */
function hasSynced(info: string): boolean {
  return /store_unsynced_bytes:0\r/.test(info);
}

Deno.test("a backup is the store of one moment, whatever is freed and reused meanwhile", async () => {
  using held = new HeldCalls("copyFileRangeInBackground");
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const copy = folder.join("copy.db");
  const store = Store.open({ path, limits: tinyLimits, sync: "no" });
  let expected: Map<string, string>;
  try {
    for (let i = 0; i < 400; i++) put(store, `key:${i}`, `${i}`.repeat(50));
    await store.sync();
    expected = contents(store);
    held.hold();
    const backup = store.backUp(copy);
    await held.begun;
    // All of it is overwritten several times; each round of syncs would free what was before.
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 400; i++) {
        put(store, `key:${i}`, `${round}:${i}`.repeat(40));
        store.tick();
      }
      await store.sync();
    }
    assert(store.statistics.segmentsEmptied > 100, "compaction was at work");
    held.release();
    await backup;
  } finally {
    held.release();
    await store.close();
  }
  const { damages } = await checkStore(copy, { limits: tinyLimits });
  assertEquals(damages, []);
  const opened = Store.open({ path: copy, limits: tinyLimits, sync: "no" });
  try {
    assertEquals(contents(opened), expected);
  } finally {
    await opened.close();
  }
});
