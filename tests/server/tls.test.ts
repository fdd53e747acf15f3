/** TCP with TLS: who is let in, that all data come through, and that nobody is held up. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Redis } from "ioredis";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { hasTool, runTool } from "../support/real_tools.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { TestServer } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";
import { serveAndEnd } from "./kv_serve.ts";

interface Parts {
  readonly server: TestServer;
  readonly port: number;
  readonly certificates: Certificates;
}

/** A server that speaks TLS on a port of its own, with these options besides. */
function test(
  name: string,
  options: (certificates: Certificates) => readonly string[],
  body: (parts: Parts) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: !hasTool("openssl") || !hasTool("redis-cli"),
    async fn() {
      await using folder = await TemporaryFolder.make();
      const certificates = await makeCertificates(folder);
      const { cert, key } = certificates.server;
      const listen = ["--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key];
      const args = [...listen, ...options(certificates)];
      await using server = await TestServer.start({ kind: "kv", args });
      const port = Number(/127\.0\.0\.1:(\d+) \(TLS\)/.exec(server.stdoutText)![1]);
      await body({ server, port, certificates });
    },
  });
}

interface CliOptions {
  readonly by?: { readonly cert: string; readonly key: string };
  readonly input?: string;
  readonly authority?: string;
}

async function cli(
  { port, certificates }: Parts,
  args: readonly string[],
  { by, input, authority = certificates.authority.cert }: CliOptions = {},
) {
  const tls = ["--tls", "--cacert", authority];
  const own = by === undefined ? [] : ["--cert", by.cert, "--key", by.key];
  return await runTool("redis-cli", ["-p", String(port), ...tls, ...own, ...args], { input });
}

test(
  "TLS without an authority lets everybody in who believes the server",
  () => [],
  async (parts) => {
    assertEquals((await cli(parts, ["SET", "foo", "bar"])).stdout, "OK\n");
    assertEquals((await cli(parts, ["-3", "GET", "foo"])).stdout, "bar\n");
    const { stranger } = parts.certificates;
    const refusing = await cli(parts, ["PING"], { authority: stranger.cert });
    assertStringIncludes(refusing.stderr, "certificate verify failed");
    // Without TLS there is nothing to be had.
    const plain = await runTool("redis-cli", ["-p", String(parts.port), "PING"]);
    assert(!plain.stdout.includes("PONG"));
    using local = await RawConnection.open(parts.server.socketPath);
    assertEquals(await local.exchange("GET", "foo"), "$3\r\nbar\r\n");
  },
);

test(
  "with --tls-ca, a client needs a certificate of that authority",
  ({ authority }) => ["--tls-ca", authority.cert],
  async (parts) => {
    const { client, stranger } = parts.certificates;
    assertEquals((await cli(parts, ["PING"], { by: client })).stdout, "PONG\n");
    for (const by of [undefined, stranger]) {
      const { stdout, stderr } = await cli(parts, ["PING"], { by });
      assert(!stdout.includes("PONG"));
      assertMatch(
        stderr + stdout,
        /Server closed the connection|alert|Connection reset|I\/O error/,
      );
    }
    assertEquals((await cli(parts, ["PING"], { by: client })).stdout, "PONG\n");
  },
);

test("large values, pipelines and many clients come through TLS whole", () => [], async (parts) => {
  const { port, certificates } = parts;
  const ca = await Deno.readTextFile(certificates.authority.cert);
  const clients = Array.from({ length: 50 }, () => {
    const redis = new Redis({ host: "127.0.0.1", port, tls: { ca, servername: "localhost" } });
    redis.on("error", () => {});
    return redis;
  });
  try {
    const value = Array.from({ length: 500_000 }, (_, i) => i.toString(36)).join("");
    await clients[0].set("large", value);
    assert(await clients[1].get("large") === value, "it is the same");
    await Promise.all(clients.map(async (redis, i) => {
      const pipeline = redis.pipeline();
      for (let n = 0; n < 200; n++) pipeline.set(`${i}:${n}`, `value ${n}`).get(`${i}:${n}`);
      const replies = (await pipeline.exec())!;
      replies.forEach(([error, reply], n) => {
        assertEquals([error, reply], [null, n % 2 === 0 ? "OK" : `value ${n >> 1}`]);
      });
      assert(await redis.get("large") === value);
    }));
    const heard = Promise.withResolvers<string>();
    clients[2].on("message", (_channel, message) => heard.resolve(message));
    await clients[2].subscribe("news");
    assertEquals(await clients[3].publish("news", "hello"), 1);
    assertEquals(await heard.promise, "hello");
  } finally {
    for (const redis of clients) redis.disconnect();
  }
});

/** Begins with a zero: 0xa0 with a 1 two bytes on is a hello of SSL 2, of whose 8 KiB more would have to come. */
function nonsense(): Uint8Array<ArrayBuffer> {
  const bytes = crypto.getRandomValues(new Uint8Array(5000));
  bytes[0] = 0;
  return bytes;
}

test("who does not shake hands, or talks nonsense, holds nobody up", () => [], async (parts) => {
  const { server, port } = parts;
  using local = await RawConnection.open(server.socketPath);
  const sockets: Deno.TcpConn[] = [];
  try {
    for (let i = 0; i < 50; i++) sockets.push(await Deno.connect({ hostname: "127.0.0.1", port }));
    for (const [i, socket] of sockets.entries()) {
      // Nothing; the start of a record and no more; bytes that are no TLS; a request without TLS.
      if (i % 4 === 1) await socket.write(new Uint8Array([0x16, 3, 1, 2, 0, 1]));
      if (i % 4 === 2) await socket.write(nonsense());
      if (i % 4 === 3) await socket.write(new TextEncoder().encode("*1\r\n$4\r\nPING\r\n"));
    }
    assertEquals((await cli(parts, ["PING"])).stdout, "PONG\n");
    // Those that talk nonsense are sent away; the others may still begin.
    await until(async () => {
      const count = /connected_clients:(\d+)/.exec(await local.exchange("INFO", "clients"))![1];
      return Number(count) === 1 + 26;
    }, "half of them to be gone");
  } finally {
    for (const socket of sockets) socket.close();
  }
  await until(
    async () => (await local.exchange("INFO", "clients")).includes("connected_clients:1\r"),
    "all to be gone",
  );
  assertEquals(server.stderrText, "");
});

test("a client too many is told so by TLS", () => [], async (parts) => {
  using local = await RawConnection.open(parts.server.socketPath);
  await local.exchange("CONFIG", "SET", "maxclients", "1");
  const { stdout, stderr } = await cli(parts, ["PING"]);
  assertStringIncludes(stdout + stderr, "max number of clients reached");
});

Deno.test({
  name: "TLS can be set up in the configuration, beside TCP without it",
  ignore: !hasTool("openssl") || !hasTool("redis-cli"),
  async fn() {
    await using folder = await TemporaryFolder.make();
    const certificates = await makeCertificates(folder);
    const { server: { cert }, lockedKey, authority, client } = certificates;
    const ports: number[] = [];
    for (let i = 0; i < 2; i++) {
      using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      ports.push(probe.addr.port);
    }
    const config = [
      `port ${ports[0]}`,
      `tls-port ${ports[1]}`,
      `tls-cert-file ${cert}`,
      `tls-key-file ${lockedKey}`,
      "tls-key-file-pass sesame",
      `tls-ca-cert-file ${authority.cert}`,
      "tls-auth-clients optional",
      'tls-protocols "TLSv1.3"',
    ].join("\n");
    await using server = await TestServer.start({ kind: "kv", config });
    const parts = { server, port: ports[1], certificates };
    assertEquals((await cli(parts, ["PING"])).stdout, "PONG\n");
    assertEquals((await cli(parts, ["PING"], { by: client })).stdout, "PONG\n");
    assert((await cli(parts, ["PING"], { by: certificates.stranger })).stdout !== "PONG\n");
    const plain = await runTool("redis-cli", ["-p", String(ports[0]), "PING"]);
    assertEquals(plain.stdout, "PONG\n");
    const old = ["s_client", "-connect", `127.0.0.1:${ports[1]}`, "-tls1_2"];
    assert((await runTool("openssl", old)).code !== 0);
    using local = await RawConnection.open(server.socketPath);
    assertStringIncludes(await local.exchange("CONFIG", "GET", "tls-port"), String(ports[1]));
    assertEquals(await local.exchange("CONFIG", "REWRITE"), "+OK\r\n");
    await server.restart();
    assertEquals((await cli(parts, ["PING"], { by: client })).stdout, "PONG\n");
  },
});

Deno.test({
  name: "what is wrong with certificates and keys ends the start with a clear line",
  ignore: !hasTool("openssl"),
  async fn() {
    await using folder = await TemporaryFolder.make();
    const { server, stranger, lockedKey } = await makeCertificates(folder);
    const listen = ["--listen", "127.0.0.1:0"];
    const cases: readonly (readonly [args: string[], message: RegExp])[] = [
      [["--tls-cert", server.cert], /^kv: Cannot set up TLS: the server's key .* is missing\n$/],
      [["--tls-key", server.key], /^kv: Cannot set up TLS: the server's certificate .* is missing/],
      [
        ["--tls-cert", "nosuch.crt", "--tls-key", server.key],
        /^kv: Cannot read the certificate nosuch\.crt: there is no such file or folder\n$/,
      ],
      [
        ["--tls-cert", server.cert, "--tls-key", stranger.key],
        /^kv: Cannot (read the key|use the key) .*: key values mismatch\n$/,
      ],
      [
        ["--tls-cert", server.key, "--tls-key", server.key],
        /^kv: Cannot read the certificate .*: /,
      ],
      [
        ["--tls-cert", server.cert, "--tls-key", lockedKey],
        /^kv: Cannot read the key .*: .*; it is encrypted: tls-key-file-pass is to give its passphrase\n$/,
      ],
      [
        ["--tls-cert", server.cert, "--tls-key", server.key, "--tls-ca", "nosuch.crt"],
        /^kv: Cannot read the authorities nosuch\.crt: /,
      ],
    ];
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await serveAndEnd(folder.path, ...listen, ...args);
      assertMatch(stderr, message);
      assertEquals([code, stdout], [1, ""]);
    }
    const certificate = `tls-cert-file ${server.cert}`;
    const named: readonly (readonly [lines: string[], message: RegExp])[] = [
      [
        [certificate, `tls-key-file ${lockedKey}`, "tls-auth-clients no"],
        /^kv: kv\.conf:3: tls-key-file: Cannot read the key .*tls-key-file-pass/,
      ],
      [
        ["tls-cert-file nosuch.crt", `tls-key-file ${server.key}`, "tls-auth-clients no"],
        /^kv: kv\.conf:2: tls-cert-file: Cannot read the certificate nosuch\.crt: there is no/,
      ],
      [
        [certificate, `tls-key-file ${server.key}`],
        /^kv: kv\.conf:1: tls-port: Cannot set up TLS: clients /,
      ],
      [
        [certificate, `tls-key-file ${server.key}`, "tls-ca-cert-file kv.conf"],
        /^kv: kv\.conf:4: tls-ca-cert-file: Cannot read the authorities kv\.conf: /,
      ],
    ];
    for (const [lines, message] of named) {
      await Deno.writeTextFile(folder.join("kv.conf"), ["tls-port 7999", ...lines, ""].join("\n"));
      const { code, stderr } = await serveAndEnd(folder.path, "--config", "kv.conf");
      assertMatch(stderr, message);
      assertEquals(code, 1);
    }
    const { code, stderr } = await serveAndEnd(folder.path, "--tls-cert", server.cert);
    assertEquals(code, 64);
    assertStringIncludes(stderr, "need --listen");
  },
});
