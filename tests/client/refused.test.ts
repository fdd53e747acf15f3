/** A server that takes no more clients, and one that ends each connection at once. */
import { assertEquals, assertRejects } from "@std/assert";
import { KeyValueClient, KeyValueConnectionError, KeyValueReplyError } from "../../mod.ts";
import { withTimeLimit } from "../support/time_limit.ts";
import { ScriptedServer } from "./scripted_server.ts";

const limitMs = 10_000;
/** Whether the end or the request is first is left to chance. */
const rounds = 20;

for (const name of [undefined, "worker"]) {
  Deno.test(`connecting to a server that ends the connection fails, name ${name}`, async () => {
    await using server = await ScriptedServer.start();
    for (let round = 0; round < rounds; round++) {
      const connecting = KeyValueClient.connect({ socket: server.socketPath, name });
      connecting.catch(() => {});
      (await server.accept()).close();
      await assertRejects(
        () => withTimeLimit(connecting, limitMs, "connect() to settle"),
        KeyValueConnectionError,
        "was lost",
      );
    }
  });
}

Deno.test("an error that comes before anything is asked for is the error that is told", async () => {
  await using server = await ScriptedServer.start();
  for (let round = 0; round < rounds; round++) {
    const connecting = KeyValueClient.connect({ socket: server.socketPath, name: "worker" });
    connecting.catch(() => {});
    const connection = await server.accept();
    await connection.reply("-ERR max number of clients reached\r\n");
    connection.close();
    await assertRejects(
      () => withTimeLimit(connecting, limitMs, "connect() to settle"),
      KeyValueReplyError,
      "ERR max number of clients reached",
    );
  }
});

Deno.test("a client without a greeting is told of the refusal by its first call", async () => {
  await using server = await ScriptedServer.start();
  const { connection, client: connected } = await server.meet();
  await using client = connected;
  await connection.reply("-ERR max number of clients reached\r\n");
  // That it has come is seen by nobody yet.
  await new Promise((resolve) => setTimeout(resolve, 20));
  await assertRejects(() => client.get("a"), KeyValueReplyError, "max number");
  connection.close();
  await assertRejects(() => client.get("a"), KeyValueConnectionError);
  assertEquals(client.isConnected, false);
});
