/** Sockets as the poller serves them: nobody is forgotten, nobody waits for those who send for ever. */
import { assert, assertEquals } from "@std/assert";
import { PolledSocket } from "../../../src/server/polled_socket.ts";
import { Poller, type PollSource } from "../../../src/server/poller.ts";
import { accept, ConnectionError, listeningDescriptor } from "../../../src/sys/sockets.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { until } from "../../support/time_limit.ts";

interface Parts {
  readonly poller: Poller;
  /** A client, and its socket at the server. */
  readonly connect: () => Promise<[Deno.UnixConn, PolledSocket]>;
}

for (const waitsInPlace of [false, true]) {
  const test = (name: string, body: (parts: Parts) => Promise<void>) =>
    Deno.test(`${name}${waitsInPlace ? ", waiting in place" : ""}`, async () => {
      await using folder = await TemporaryFolder.make();
      const path = folder.join("socket");
      using listener = Deno.listen({ transport: "unix", path });
      const fd = listeningDescriptor(listener.addr);
      assert(fd >= 0);
      const poller = new Poller();
      poller.waitsInPlace = waitsInPlace;
      const sockets: PolledSocket[] = [];
      let expecting: ((socket: PolledSocket) => void) | undefined;
      const source: PollSource = {
        onReady: () => poller.enqueue(source),
        readNow() {
          const accepted = accept(fd)!;
          const socket = new PolledSocket(poller, accepted.fd, accepted.remoteAddr, listener.addr);
          sockets.push(socket);
          expecting!(socket);
          return 0;
        },
      };
      poller.watch(fd, source);
      const connect = async (): Promise<[Deno.UnixConn, PolledSocket]> => {
        const accepted = new Promise<PolledSocket>((resolve) => expecting = resolve);
        return [await Deno.connect({ transport: "unix", path }), await accepted];
      };
      try {
        await body({ poller, connect });
      } finally {
        for (const socket of sockets) socket.close();
        poller.forget(fd);
        await poller.close();
      }
    });

  test("what comes is read, before and after the poller has gone to sleep", async ({ connect }) => {
    const [client, socket] = await connect();
    using _ = client;
    for (const pauseMs of [0, 0, 30, 0]) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      await client.write(Uint8Array.of(1, 2, 3));
      const bytes = new Uint8Array(2);
      assertEquals(await socket.read(bytes), 2);
      assertEquals(bytes, Uint8Array.of(1, 2));
      // The poller has told of it already, and may sleep.
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      assertEquals(await socket.read(bytes), 1);
      assertEquals(bytes[0], 3);
    }
  });

  test("the end is read behind the last bytes", async ({ connect }) => {
    const [client, socket] = await connect();
    await client.write(Uint8Array.of(1));
    client.close();
    const bytes = new Uint8Array(10);
    assertEquals(await socket.read(bytes), 1);
    assertEquals(await socket.read(bytes), null);
    assertEquals(await socket.read(bytes), null);
  });

  test("closing ends the read that waits", async ({ connect }) => {
    const [client, socket] = await connect();
    using _ = client;
    const read = socket.read(new Uint8Array(10));
    socket.close();
    socket.close();
    assertEquals(await read, null);
    assertEquals(await client.read(new Uint8Array(1)), null);
  });

  test("a write waits for room, and fails when the client goes", async ({ connect }) => {
    const [client, socket] = await connect();
    const chunk = new Uint8Array(100_000).fill(7);
    let sent = 0;
    let isOver = false;
    const writing = (async () => {
      while (sent < 3_000_000) sent += await socket.write(chunk);
      isOver = true;
    })();
    let received = 0;
    const buffer = new Uint8Array(65536);
    while (received < 3_000_000) received += await client.read(buffer) ?? 0;
    await writing;
    assert(isOver);
    const failing = (async () => {
      try {
        while (true) await socket.write(chunk);
      } catch (error) {
        return error;
      }
    })();
    client.close();
    assert(await failing instanceof ConnectionError);
  });

  test("those who send for ever do not keep others waiting", async ({ connect }) => {
    let isOver = false;
    const work: Promise<void>[] = [];
    for (let i = 0; i < 4; i++) {
      const [client, socket] = await connect();
      work.push((async () => {
        const chunk = new Uint8Array(200_000);
        while (!isOver) await client.write(chunk);
        client.close();
      })());
      work.push((async () => {
        const bytes = new Uint8Array(65536);
        while (await socket.read(bytes) !== null);
      })());
    }
    const [client, socket] = await connect();
    using _ = client;
    for (let i = 0; i < 100; i++) {
      await client.write(Uint8Array.of(i));
      const bytes = new Uint8Array(1);
      assertEquals(await socket.read(bytes), 1);
      assertEquals(bytes[0], i);
    }
    isOver = true;
    await Promise.all(work);
  });

  test("timers go on while there is traffic", async ({ connect }) => {
    const [client, socket] = await connect();
    let isOver = false;
    const sending = (async () => {
      while (!isOver) await client.write(new Uint8Array(1000));
      client.close();
    })();
    const reading = (async () => {
      while (await socket.read(new Uint8Array(1000)) !== null);
    })();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await until(() => Promise.resolve(ticks >= 20), "20 ticks of a timer");
    clearInterval(timer);
    isOver = true;
    await Promise.all([sending, reading]);
  });
}
