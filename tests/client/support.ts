/** Tests of `KeyValueClient` against the server of the run: kv, or redis-server with KV_TEST_TARGET. */
import { KeyValueClient, type KeyValueClientOptions } from "../../mod.ts";
import { TestServer } from "../support/test_server.ts";

/** A server and a client of its own, both gone when the test ends. */
export class ServerAndClient implements AsyncDisposable {
  readonly server: TestServer;
  readonly client: KeyValueClient;

  private constructor(server: TestServer, client: KeyValueClient) {
    this.server = server;
    this.client = client;
  }

  static async start(options: KeyValueClientOptions = {}): Promise<ServerAndClient> {
    const server = await TestServer.start();
    try {
      const client = await KeyValueClient.connect({ socket: server.socketPath, ...options });
      return new ServerAndClient(server, client);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.server[Symbol.asyncDispose]();
  }
}

export function test(
  name: string,
  body: (client: KeyValueClient, server: TestServer) => Promise<void>,
  options: KeyValueClientOptions = {},
): void {
  Deno.test(name, async () => {
    await using both = await ServerAndClient.start(options);
    await body(both.client, both.server);
  });
}
