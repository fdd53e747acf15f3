/** AbortSignals: of a call, and of the client. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { KeyValueClient, KeyValueConnectionError } from "../../mod.ts";
import { fromFileUrl } from "@std/path";
import { encodeRequest } from "../support/binary_text.ts";
import { runTool } from "../support/real_tools.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { until } from "../support/time_limit.ts";
import { ScriptedServer } from "./scripted_server.ts";
import { test } from "./support.ts";

class Stop extends Error {}

/** A TCP port with room for one client that was not accepted yet: the next one is not answered. */
class UnansweredPort implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 0 });
  #first: Deno.Conn | null = null;

  get number(): number {
    return this.#listener.addr.port;
  }

  accept(): Promise<Deno.Conn> {
    return this.#listener.accept();
  }

  async fill(): Promise<void> {
    this.#first = await Deno.connect({ port: this.number });
  }

  [Symbol.dispose](): void {
    this.#first?.close();
    this.#listener.close();
  }
}

Deno.test("a call aborted before it is sent is never sent", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({ socket: server.socketPath, protocol: 2 });
  const connection = await server.accept();
  await using client = await connecting;
  const abort = new AbortController();
  const before = client.get("a");
  const aborted = client.with({ signal: abort.signal }).get("b");
  const behind = client.get("c");
  abort.abort(new Stop());
  await assertRejects(() => aborted, Stop);
  assertEquals(await connection.read(), encodeRequest(["GET", "a"]) + encodeRequest(["GET", "c"]));
  await connection.reply("$1\r\n1\r\n$1\r\n3\r\n");
  assertEquals([await before, await behind], ["1", "3"]);
  // Aborted already: nothing is sent either.
  await assertRejects(() => client.with({ signal: abort.signal }).get("d"), Stop);
});

Deno.test("the reply of a call aborted on its way goes to nobody", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({ socket: server.socketPath, protocol: 2 });
  const connection = await server.accept();
  await using client = await connecting;
  const abort = new AbortController();
  const aborted = client.with({ signal: abort.signal }).get("a");
  await connection.read();
  abort.abort(new Stop());
  await assertRejects(() => aborted, Stop);
  const next = client.get("b");
  await connection.read();
  await connection.reply("$1\r\n1\r\n$1\r\n2\r\n");
  assertEquals(await next, "2");
});

Deno.test("a time limit rejects with the signal's reason", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({ socket: server.socketPath, protocol: 2 });
  await server.accept();
  const client = await connecting;
  const call = client.with({ signal: AbortSignal.timeout(5) }).get("a");
  const error = await assertRejects(() => call, DOMException);
  assertEquals(error.name, "TimeoutError");
});

test("a signal that is not aborted changes nothing", async (client) => {
  const { signal } = new AbortController();
  const own = client.with({ signal });
  assertEquals(await own.set("a", 1), true);
  assertEquals(await own.transaction((t) => [t.incr("a"), t.incr("a")]), [2, 3]);
  assertEquals(await client.get("a"), "3");
});

test("a transaction is aborted as a whole", async (client) => {
  const abort = new AbortController();
  const own = client.with({ signal: abort.signal });
  const running = own.transaction((t) => [t.incr("a"), t.incr("b")]);
  abort.abort(new Stop());
  await assertRejects(() => running, Stop);
  assertEquals(await client.exists("a", "b"), 0);
});

Deno.test("aborting the client's signal ends it while it is connecting", async () => {
  await using server = await ScriptedServer.start();
  const abort = new AbortController();
  const connecting = KeyValueClient.connect({ socket: server.socketPath, signal: abort.signal });
  const connection = await server.accept();
  // It waits for the reply to its greeting.
  await connection.read();
  abort.abort(new Stop());
  await assertRejects(() => connecting, Stop);
  assertEquals(await connection.read(), null);
  await assertRejects(
    () => KeyValueClient.connect({ socket: server.socketPath, signal: abort.signal }),
    Stop,
  );
});

/** What a program prints that uses `KeyValueClient`; it has to end by itself. */
async function printedBy(code: string): Promise<string> {
  await using folder = await TemporaryFolder.make();
  const program = folder.join("program.ts");
  const library = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);
  await Deno.writeTextFile(program, `import { KeyValueClient } from ${library};\n${code}`);
  const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
  const args = ["run", "-A", "--no-check", "--quiet", "--config", config, program];
  return (await runTool(Deno.execPath(), args)).stdout;
}

Deno.test("aborting while nobody answers at a port leaves nothing that keeps the process alive", async () => {
  using port = new UnansweredPort();
  await port.fill();
  const printed = await printedBy(`
    const options = { port: ${port.number}, signal: AbortSignal.timeout(50) };
    await KeyValueClient.connect(options).catch((error) => console.log(error.name));
  `);
  assertEquals(printed, "TimeoutError\n");
});

Deno.test("closing while nobody answers a new attempt leaves nothing that keeps the process alive", async () => {
  using port = new UnansweredPort();
  const printing = printedBy(`
    const options = { port: ${port.number}, protocol: 2, reconnect: { delayMs: 0 } };
    const client = await KeyValueClient.connect(options);
    while (client.isConnected) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await client.close();
    console.log("closed");
  `);
  const connection = await port.accept();
  await port.fill();
  connection.close();
  assertEquals(await printing, "closed\n");
});

Deno.test("aborting the client's signal ends it later too", async () => {
  await using server = await ScriptedServer.start();
  const abort = new AbortController();
  const connecting = KeyValueClient.connect({
    socket: server.socketPath,
    protocol: 2,
    signal: abort.signal,
  });
  const connection = await server.accept();
  const client = await connecting;
  const call = client.get("a");
  await connection.read();
  abort.abort();
  await assertRejects(() => call, KeyValueConnectionError);
  await assertRejects(() => client.get("a"), KeyValueConnectionError, "closed");
  assertEquals(await connection.read(), null);
});

Deno.test("calls aborted while there is no connection do not fill up the queue", async () => {
  await using server = await ScriptedServer.start();
  const connecting = KeyValueClient.connect({
    socket: server.socketPath,
    protocol: 2,
    reconnect: { delayMs: 200 },
    offlineBytesMax: 10_000,
  });
  (await server.accept()).close();
  await using client = await connecting;
  await until(() => Promise.resolve(!client.isConnected), "the client to notice");
  const kept = [client.get("first")];
  const bytes = new Uint8Array(100);
  for (let i = 0; i < 1000; i++) {
    const abort = new AbortController();
    const call = client.with({ signal: abort.signal }).set("aborted", bytes);
    abort.abort(new Stop());
    await assertRejects(() => call, Stop);
  }
  kept.push(client.get("last"));
  const connection = await server.accept();
  assertEquals(
    await connection.read(),
    encodeRequest(["GET", "first"]) + encodeRequest(["GET", "last"]),
  );
  await connection.reply("$1\r\n1\r\n$1\r\n2\r\n");
  assertEquals(await Promise.all(kept), ["1", "2"]);
});

/** A signal that counts who listens to it. */
function countedSignal(): { signal: AbortSignal; listeners: () => number } {
  const { signal } = new AbortController();
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    count++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    count--;
    removeEventListener.apply(signal, args);
  };
  return { signal, listeners: () => count };
}

test("what is done leaves no listener on a signal that lives on", async (client, server) => {
  const { signal, listeners } = countedSignal();
  const own = client.with({ signal });
  await Promise.all([own.incr("a"), own.incr("a")]);
  await own.transaction((t) => [t.incr("a")]);
  await own.watch(["a"], (watching) => watching.get("a"));
  assertEquals(listeners(), 0);
  const other = await KeyValueClient.connect({ socket: server.socketPath, signal });
  assert(listeners() > 0);
  await other.close();
  assertEquals(listeners(), 0);
});
