/** The compiled kv on a disk that is really full. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { kvExecutable } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";
import { canMakeSmallDisk, type ServerOnDisk, SmallDisk } from "./small_disk.ts";

const diskBytes = 24 * 2 ** 20;
const pipelineLength = 50;
const noRoom =
  /^-OOM Cannot grow the (store|index)\b.*\(ENOSPC\); free disk space or delete keys\r\n$/;
/** How long it may take until there is room again. */
const resumeMs = 10_000;

function valueOf(key: string, length: number): string {
  return `${key}=`.padEnd(length, "v");
}

/** What clients did, and what therefore has to be there. */
class Model {
  readonly values = new Map<string, string>();
  #count = 0;

  /** Sets new keys, ever shorter ones, until none fits; returns how many did. */
  async fill(connection: RawConnection): Promise<number> {
    const before = this.values.size;
    for (const length of [20_000, 2000, 200, 20]) {
      for (let isFull = false; !isFull;) {
        const pairs = Array.from({ length: pipelineLength }, () => {
          const key = `key:${this.#count++}`;
          return [key, valueOf(key, length)];
        });
        const replies = await connection.pipeline(pairs.map(([key, value]) => ["SET", key, value]));
        replies.forEach((reply, i) => {
          if (reply === "+OK\r\n") this.values.set(pairs[i][0], pairs[i][1]);
          else assertMatch(reply, noRoom);
        });
        isFull = replies.every((reply) => reply !== "+OK\r\n");
      }
    }
    return this.values.size - before;
  }

  async deleteSome(connection: RawConnection, share: number): Promise<void> {
    const keys = [...this.values.keys()].filter((_, i) => i % 10 < share * 10);
    const replies = await connection.pipeline(keys.map((key) => ["DEL", key]));
    assertEquals(replies.filter((reply) => reply !== ":1\r\n"), []);
    for (const key of keys) this.values.delete(key);
  }

  async assertServed(connection: RawConnection): Promise<void> {
    assertEquals(await connection.exchange("DBSIZE"), `:${this.values.size}\r\n`);
    const keys = [...this.values.keys()];
    const replies = await connection.pipeline(keys.map((key) => ["GET", key]));
    const wrong = keys.filter((key, i) => {
      const value = this.values.get(key)!;
      return replies[i] !== `$${value.length}\r\n${value}\r\n`;
    });
    assertEquals(wrong, []);
  }
}

interface Bench {
  readonly disk: SmallDisk;
  readonly model: Model;
  readonly store: string;
  readonly socket: string;
  readonly start: () => Promise<ServerOnDisk>;
}

async function onFullDisk(use: (bench: Bench) => Promise<void>): Promise<void> {
  await using folder = await TemporaryFolder.make();
  await Deno.mkdir(folder.join("disk"));
  await using disk = await SmallDisk.mount(folder.join("disk"), diskBytes);
  const store = `${disk.folder}/store.db`;
  const socket = folder.join("kv.sock");
  const start = () => disk.serve("--store", store, "--socket", socket);
  await use({ disk, model: new Model(), store, socket, start });
}

const ignore = !canMakeSmallDisk();

Deno.test({
  name: "on a full disk writes are refused as a whole, all else goes on, and writes resume",
  ignore,
  async fn() {
    await onFullDisk(async ({ model, socket, start }) => {
      await using server = await start();
      using connection = await RawConnection.open(socket);
      await connection.exchange("SET", "counter", "1");
      await connection.exchange("SET", "soon gone", "1", "PX", "1500");
      const filled = await model.fill(connection);
      assert(filled > 500, `${filled} keys fit`);
      await until(
        async () => await connection.exchange("EXISTS", "soon gone") === ":0\r\n",
        "a key to expire",
      );
      model.values.set("counter", "1");
      await until(
        async () => await connection.exchange("DBSIZE") === `:${model.values.size}\r\n`,
        "the expired key to be removed",
      );

      // Each of these needs more than there is, though it could begin with what there is.
      const long = "w".repeat(200_000);
      const pairs = Array.from({ length: 30 }, (_, i) => [`pair:${i}`, long]).flat();
      assertMatch(await connection.exchange("MSET", "counter", "2", ...pairs), noRoom);
      assertMatch(await connection.exchange("SET", "counter", long.repeat(20)), noRoom);
      assertMatch(await connection.exchange("APPEND", "counter", long.repeat(20)), noRoom);
      await connection.exchange("MULTI");
      await connection.exchange("MSET", "counter", "2", ...pairs);
      await connection.exchange("GET", "counter");
      const reply = await connection.exchange("EXEC");
      assertMatch(reply, /^\*2\r\n-OOM Cannot grow the store [^\r]*\r\n\$1\r\n1\r\n$/);
      await model.assertServed(connection);

      await model.deleteSome(connection, 0.4);
      const value = valueOf("again", 2_000_000);
      await until(
        async () => await connection.exchange("SET", "again", value) === "+OK\r\n",
        "writes to go on",
        resumeMs,
      );
      model.values.set("again", value);
      // Compaction goes on making room for more, as fast as the disk lets it.
      let more = 0;
      await until(
        async () => (more += await model.fill(connection)) > 50,
        "room for more keys",
        resumeMs,
      );
      await model.assertServed(connection);
      assertEquals(await server.end("SIGTERM"), 0);
    });
  },
});

Deno.test({
  name: "a server that is killed on a full disk starts again there, and kv check finds it whole",
  ignore,
  async fn() {
    await onFullDisk(async ({ disk, model, store, socket, start }) => {
      for (const ready of [/; store \S+: 0 keys, new; /, / replayed /, /, index rebuilt /]) {
        await using server = await start();
        assertMatch(server.readyLine, ready);
        using connection = await RawConnection.open(socket);
        await model.assertServed(connection);
        await model.fill(connection);
        await server.end("SIGKILL");
        const { code, stdout } = await disk.run(kvExecutable, "check", store);
        assertEquals([code, stdout.trimEnd().split("\n").at(-1)], [0, "whole"], stdout);
        if (ready.test(" replayed ")) await disk.run("rm", `${store}-index`);
      }
      await using server = await start();
      using connection = await RawConnection.open(socket);
      await model.assertServed(connection);
      assertEquals(await server.end("SIGTERM"), 0);
    });
  },
});
