/** INFO has every field that redis-server has, in its sections and its order: exporters look for them. */
import { assert, assertEquals } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";
import { targets } from "./runner.ts";

/** Their fields are named after what clients did. */
const variable = ["Commandstats", "Errorstats", "Latencystats"];

async function fieldsOf(server: TestServer, ...sections: string[]): Promise<Map<string, string[]>> {
  using connection = await RawConnection.open(server.socketPath);
  const text = await connection.exchange("INFO", ...sections);
  const fields = new Map<string, string[]>();
  for (const line of text.split("\r\n")) {
    if (line.startsWith("# ")) fields.set(line.slice(2), []);
    else if (line.includes(":")) [...fields.values()].at(-1)!.push(line.split(":")[0]);
  }
  return fields;
}

Deno.test({
  name: "INFO has all sections and fields of redis-server, in its order",
  ignore: !targets().includes("redis"),
  async fn() {
    await using subject = await TestServer.start();
    // With a log, as kv always has one.
    await using reference = await TestServer.start({
      kind: "redis",
      args: ["--appendonly", "yes"],
    });
    for (const server of [subject, reference]) {
      using connection = await RawConnection.open(server.socketPath);
      assertEquals(await connection.exchange("SET", "a", "1", "EX", "100"), "+OK\r\n");
    }
    for (
      const sections of [[], ["default"], ["all"], ["everything"], ["cpu", "SERVER", "nosuch"]]
    ) {
      const ours = await fieldsOf(subject, ...sections);
      const theirs = await fieldsOf(reference, ...sections);
      const name = sections.join(" ");
      assertEquals([...ours.keys()].filter((title) => title !== "Store"), [...theirs.keys()], name);
      for (const [title, expected] of theirs) {
        if (variable.includes(title)) continue;
        const fields = ours.get(title)!;
        assertEquals(fields.filter((field) => expected.includes(field)), expected, title);
      }
    }
  },
});

Deno.test("INFO keyspace estimates how long keys have to live", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using connection = await RawConnection.open(server.socketPath);
  await connection.pipeline([["SET", "a", "1", "EX", "1000"], ["SET", "b", "1", "EX", "1000"]]);
  const reply = await connection.exchange("INFO", "keyspace");
  const meanMs = Number(/db0:keys=2,expires=2,avg_ttl=(\d+)\r\n/.exec(reply)?.[1]);
  assert(meanMs > 990_000 && meanMs <= 1_000_000, reply);
});
