/** prometheus-redis-exporter finds in kv all that it finds in redis-server. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { hasTool } from "../support/real_tools.ts";
import { type ServerKind, TestServer } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";

const exporter = "prometheus-redis-exporter";

/** What it has to say of a server with a few keys. */
async function metricsOf(kind: ServerKind): Promise<string> {
  await using server = await TestServer.start({ kind });
  using connection = await RawConnection.open(server.socketPath);
  await connection.exchange("MSET", "a", "1", "b", "2");
  await connection.exchange("SET", "c", "3", "EX", "100");
  await connection.exchange("GET", "a");
  await connection.exchange("GET", "missing");
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${probe.addr.port}`;
  probe.close();
  const child = new Deno.Command(exporter, {
    args: ["-redis.addr", `unix://${server.socketPath}`, "-web.listen-address", address],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let metrics = "";
  try {
    await until(async () => {
      metrics = await fetch(`http://${address}/metrics`).then((reply) => reply.text(), () => "");
      return metrics !== "";
    }, "the exporter to answer");
    return metrics;
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

function names(metrics: string): string[] {
  return [...new Set([...metrics.matchAll(/^(redis_\w+)/gm)].map(([, name]) => name))].sort();
}

Deno.test({
  name: "prometheus-redis-exporter has the same metrics of kv as of redis-server",
  ignore: !hasTool(exporter) || !hasTool("redis-server"),
  async fn() {
    const metrics = await metricsOf("kv");
    assertMatch(metrics, /^redis_up 1$/m);
    assertMatch(metrics, /^redis_exporter_last_scrape_error\{err=""\} 0$/m);
    assertMatch(metrics, /^redis_db_keys\{db="db0"\} 3$/m);
    assertMatch(metrics, /^redis_db_keys_expiring\{db="db0"\} 1$/m);
    assertMatch(metrics, /^redis_keyspace_hits_total 1$/m);
    assertMatch(metrics, /^redis_keyspace_misses_total 1$/m);
    assertMatch(metrics, /^redis_commands_total\{cmd="mset"\} 1$/m);
    const known = new Set(names(metrics));
    const wanted = names(await metricsOf("redis"));
    assert(wanted.length > 100, `${wanted.length} metrics of redis-server`);
    assertEquals(wanted.filter((name) => !known.has(name)), []);
  },
});
