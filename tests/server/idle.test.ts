/** A server that nobody asks anything takes no processor time. */
import { assert } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TestServer } from "../support/test_server.ts";

const calmMs = 2500;
const lookMs = 3000;
const wakeupsPerSecondMax = 10;

/** How often the process's threads have waited and were woken, by their names. */
function wakeups(pid: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const status = Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`);
    const count = Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
    counts.set(`${/^Name:\s+(.*)$/m.exec(status)?.[1]} ${name}`, count);
  }
  return counts;
}

Deno.test("an idle server is not woken more than ten times a second", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  // With a client, keys, one that will expire, and an event that somebody listens to.
  using client = await RawConnection.open(server.socketPath);
  await client.exchange("SET", "foo", "bar");
  await client.exchange("SET", "session", "bar", "EX", "3600");
  await client.exchange("CONFIG", "SET", "notify-keyspace-events", "KEA", "timeout", "3600");
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  await sleep(calmMs);
  const before = wakeups(server.pid);
  await sleep(lookMs);
  const after = wakeups(server.pid);
  const woken = [...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const);
  const sum = woken.reduce((total, [, count]) => total + count, 0);
  const told = woken.filter(([, count]) => count > 0).map(([name, count]) => `${name}: ${count}`);
  assert(sum <= wakeupsPerSecondMax * lookMs / 1000, told.join(", "));
});
