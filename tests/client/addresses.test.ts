/** Where a client connects to, and in which version of the protocol. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { KeyValueClient, KeyValueConnectionError, VerbatimReply } from "../../mod.ts";
import { KvProgram } from "../cli/kv_program.ts";
import { TestServer } from "../support/test_server.ts";
import { test } from "./support.ts";

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A server that listens on TCP too. */
async function startOnTcp(port: number): Promise<TestServer> {
  return await TestServer.start({ kind: "kv", args: ["--listen", `127.0.0.1:${port}`] });
}

Deno.test("a client connects by TCP, and anew when the server comes back", async () => {
  const port = freePort();
  await using server = await startOnTcp(port);
  await using client = await KeyValueClient.connect({ port });
  assertEquals(await client.set("a", 1), true);
  await using other = await KeyValueClient.connect({ hostname: "localhost", port });
  assertEquals(await other.get("a"), "1");
  await server.restart();
  assertEquals(await client.incr("a"), 2);
});

Deno.test("kv connects by TCP with --host and --port", async () => {
  const port = freePort();
  await using server = await startOnTcp(port);
  const kv = new KvProgram(server.folder, "none.sock");
  for (const options of [["-p", String(port)], ["--host", "127.0.0.1", `--port=${port}`]]) {
    assertEquals(await kv.run([...options, "ping"]), { code: 0, stdout: "PONG\n", stderr: "" });
  }
});

Deno.test("without a server at a port, it is said how to start one", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  const port = freePort();
  await assertRejects(
    () => KeyValueClient.connect({ port }),
    KeyValueConnectionError,
    `Cannot connect to 127.0.0.1:${port}: nobody listens there`,
  );
  const kv = new KvProgram(server.folder, "none.sock");
  const { code, stderr } = await kv.run(["-p", String(port), "ping"]);
  assertEquals(code, 3);
  assert(stderr.endsWith(`Start a server with: kv serve --listen 127.0.0.1:${port}\n`), stderr);
});

test(
  "version 3 has maps and texts, which version 2 writes as lists and strings",
  async (client, server) => {
    const reply = await client.command("CONFIG", "GET", "maxclients");
    assert(reply instanceof Map && reply.size === 1);
    assert(await client.command("INFO", "server") instanceof VerbatimReply);
    await using older = await KeyValueClient.connect({ socket: server.socketPath, protocol: 2 });
    const list = await older.command("CONFIG", "GET", "maxclients");
    assert(Array.isArray(list) && list.length === 2);
    assert(await older.command("INFO", "server") instanceof Uint8Array);
    // What the typed methods give does not depend on it.
    assertEquals(
      (await older.info("server")).slice(0, 8),
      (await client.info("server")).slice(0, 8),
    );
  },
);
