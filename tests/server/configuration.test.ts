/** `kv serve --config`, and what the configuration does to the process and its sockets. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodeRequest, toText } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { hasTool, runTool } from "../support/real_tools.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { kvExecutable, TestServer } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";
import { serveAndEnd } from "./kv_serve.ts";

async function withConfig<T>(
  text: string,
  use: (folder: TemporaryFolder) => Promise<T>,
): Promise<T> {
  await using folder = await TemporaryFolder.make();
  await Deno.writeTextFile(folder.join("kv.conf"), text);
  return await use(folder);
}

Deno.test("a wrong line ends the start with its place, before anything is made", async () => {
  await withConfig("timeout 1\nmaxmemroy 1gb\n", async (folder) => {
    const { code, stderr, stdout } = await serveAndEnd(folder.path, "--config", "kv.conf");
    assertEquals([code, stdout], [1, ""]);
    assertEquals(
      stderr,
      "kv: kv.conf:2: maxmemroy: there is no such directive; did you mean maxmemory?\n",
    );
    assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["kv.conf"]);
  });
});

Deno.test("what cannot be for other reasons than its form ends the start with its place, too", async () => {
  const wrong = [
    ["maxmemory 1kb", "maxmemory: kv needs 18874368 bytes at least, or 0 for no limit"],
    ["include nofile.conf", "include: Cannot read nofile.conf: there is no such file or folder"],
    ["include folder", "include: Cannot read folder: it is no file"],
    ["include pipe", "include: Cannot read pipe: it is no file"],
    ["include fold*/x", "include: Cannot read fold*/x: wildcards are known only in a file's name"],
    ["unixsocketgroup nosuch", "unixsocketgroup: there is no such group"],
    ["dir /nodir", "dir: there is no such file or folder"],
    ["dir kv.conf", "dir: it is no folder"],
    [
      `unixsocket ${"s".repeat(108)}`,
      "unixsocket: a socket's path has at most 107 bytes, this one has 108; name a shorter one, or a relative one",
    ],
    ["aclfile pipe", "aclfile: Error loading ACLs, opening file '"],
    [
      "tls-port 7999",
      "tls-port: Cannot set up TLS: the server's certificate (tls-cert-file) is missing",
    ],
  ];
  for (const [line, message] of wrong) {
    await withConfig(`timeout 1\n${line}\n`, async (folder) => {
      await Deno.mkdir(folder.join("folder"));
      await runTool("mkfifo", [folder.join("pipe")]);
      const { code, stderr, stdout } = await serveAndEnd(folder.path, "--config", "kv.conf");
      assertEquals([code, stdout], [1, ""], line);
      assert(stderr.startsWith(`kv: kv.conf:2: ${message}`), `${line}: ${stderr}`);
      const names = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
      assertEquals(names, ["folder", "kv.conf", "pipe"]);
    });
  }
});

Deno.test("an option makes up for what is wrong in the file", async () => {
  await withConfig(
    `dir /nodir\nunixsocketgroup nosuch\nunixsocket ${"s".repeat(108)}\n`,
    async (folder) => {
      const options = ["--store", "store.db", "--socket", "kv.sock", "--socket-group", "0"];
      const run = `./kv-test serve --config kv.conf ${options.join(" ")} >/dev/full`;
      await Deno.symlink(kvExecutable, folder.join("kv-test"));
      // It comes as far as its ready line.
      const { code } = await runTool("sh", ["-c", `cd ${folder.path} && ${run}`]);
      assertEquals(code, 70);
    },
  );
});

Deno.test("a size that is too small is a wrong command line, before anything is made", async () => {
  await using folder = await TemporaryFolder.make();
  const { code, stderr } = await serveAndEnd(folder.path, "--max-size", "10mb");
  assertEquals(code, 64);
  assertStringIncludes(stderr, "--max-size needs 18mb at least, not '10mb'");
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test("a configuration that is no file is said to be that, and not waited for", async () => {
  await withConfig("", async (folder) => {
    await runTool("mkfifo", [folder.join("pipe")]);
    for (const path of ["pipe", "."]) {
      const { code, stderr } = await serveAndEnd(folder.path, "--config", path);
      assertEquals(code, 1);
      assertEquals(stderr, `kv: Cannot read the configuration file ${path}: it is no file\n`);
    }
    const { code, stderr } = await serveAndEnd(folder.path, "--config", "/dev/fd/0");
    assertEquals(code, 1);
    assertEquals(stderr.includes("allow-all"), false);
  });
});

Deno.test("the configuration may come from standard input", async () => {
  for (const name of ["-", "/dev/stdin"]) {
    await using folder = await TemporaryFolder.make();
    const run = async (line: string) => {
      const script =
        `cd ${folder.path} && echo '${line}' | ${kvExecutable} serve --config ${name} 2>&1 >/dev/full`;
      return await runTool("sh", ["-c", script]);
    };
    const wrong = await run("timeot 5");
    assertStringIncludes(wrong.stdout, "kv: standard input:1: timeot: there is no such directive");
    assertEquals((await run("dbfilename other.db")).code, 70);
    assert([...Deno.readDirSync(folder.path)].some(({ name }) => name === "other.db"));
  }
});

Deno.test("a file that is not there ends the start", async () => {
  await withConfig("", async (folder) => {
    const { code, stderr } = await serveAndEnd(folder.path, "--config", "nosuch.conf");
    assertEquals(code, 1);
    assertMatch(stderr, /^kv: Cannot read the configuration file nosuch\.conf: /);
  });
});

Deno.test("the file says where store and socket are; environment and options win over it", async () => {
  const text = "dir data\ndbfilename other.db\nunixsocket other.sock\nunixsocketperm 660\n";
  await withConfig(text, async (folder) => {
    await Deno.mkdir(folder.join("data"));
    const run = async (env: Record<string, string>, args: string[], socket: string) => {
      const child = new Deno.Command(kvExecutable, {
        args: ["serve", "--config", "kv.conf", ...args],
        cwd: folder.path,
        env,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const reader = child.stdout.getReader();
      const { value } = await reader.read();
      const { mode } = await Deno.lstat(folder.join(socket));
      child.kill("SIGTERM");
      await reader.cancel();
      await child.stderr.cancel();
      await child.status;
      assertEquals(mode! & 0o777, 0o660);
      return toText(value!);
    };
    const first = await run({}, [], "other.sock");
    assertStringIncludes(first, "listens on other.sock; store data/other.db: 0 keys, new");
    const env = { KV_SOCKET: "env.sock", KV_STORE: "env.db" };
    assertStringIncludes(await run(env, [], "env.sock"), "listens on env.sock; store env.db: ");
    const options = ["--socket", "option.sock", "--store", "option.db"];
    assertStringIncludes(await run(env, options, "option.sock"), "option.sock; store option.db: ");
  });
});

Deno.test("the file's port and addresses are listened on", async () => {
  // A port that is free now.
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  await using server = await TestServer.start({
    kind: "kv",
    config: `port ${port}\nbind 127.0.0.1 127.0.0.2 -::1\n`,
  });
  for (const hostname of ["127.0.0.1", "127.0.0.2"]) {
    using connection = await Deno.connect({ hostname, port });
    await connection.write(new TextEncoder().encode("PING\r\n"));
    const reply = new Uint8Array(16);
    assertEquals(toText(reply.subarray(0, (await connection.read(reply))!)), "+PONG\r\n");
  }
  using connection = await RawConnection.open(server.socketPath);
  assertMatch(
    await connection.exchange("CONFIG", "GET", "bind"),
    /127\.0\.0\.1 127\.0\.0\.2 -::1\r\n$/,
  );
  assertMatch(await connection.exchange("INFO", "server"), new RegExp(`\r\ntcp_port:${port}\r\n`));
});

Deno.test({
  name: "tcp-keepalive is what the kernel does with clients that come from then on",
  ignore: !hasTool("ss"),
  async fn() {
    await using server = await TestServer.start({ kind: "kv", args: ["--listen", "127.0.0.1:0"] });
    using control = await RawConnection.open(server.socketPath);
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(server.stdoutText)![1]);
    // Minutes and seconds, as ss shows them.
    for (
      const [seconds, shown] of [["300", /timer:\(keepalive,[45]min/], [
        "50",
        /keepalive,[45]\dsec/,
      ]] as const
    ) {
      assertEquals(await control.exchange("CONFIG", "SET", "tcp-keepalive", seconds), "+OK\r\n");
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(new TextEncoder().encode("PING\r\n"));
      await connection.read(new Uint8Array(16));
      const { stdout } = await runTool("ss", ["-tnoH", "sport", "=", `:${port}`]);
      assertMatch(stdout, shown);
    }
    assertEquals(await control.exchange("CONFIG", "SET", "tcp-keepalive", "0"), "+OK\r\n");
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode("PING\r\n"));
    await connection.read(new Uint8Array(16));
    const { stdout } = await runTool("ss", ["-tnoH", "sport", "=", `:${port}`]);
    assert(
      stdout.split("\n").some((line) => line.includes("ESTAB") && !line.includes("keepalive")),
    );
  },
});

Deno.test("client-query-buffer-limit disconnects who sends no whole request", async () => {
  await using server = await TestServer.start({
    kind: "kv",
    config: "client-query-buffer-limit 1mb\n",
  });
  using connection = await RawConnection.open(server.socketPath);
  const value = "v".repeat(900_000);
  assertEquals(await connection.exchange("SET", "a", value), "+OK\r\n");
  // Many whole requests are no burden, however long they are together.
  const replies = await connection.pipeline(Array.from({ length: 20 }, () => ["SET", "a", value]));
  assert(replies.every((reply) => reply === "+OK\r\n"));
  const request = encodeRequest(["SET", "a", "v".repeat(3_000_000)]);
  await connection.send(request).catch(() => {});
  assertEquals(await connection.readUntilClosed().catch(() => ""), "");
  using other = await RawConnection.open(server.socketPath);
  assertEquals(await other.exchange("STRLEN", "a"), ":900000\r\n");
});

Deno.test("maxclients is no more than the files that the process may open", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using connection = await RawConnection.open(server.socketPath);
  assertMatch(
    await connection.exchange("CONFIG", "SET", "maxclients", "4000000000"),
    /^-ERR CONFIG SET failed \(possibly related to argument 'maxclients'\) - The operating system is not able to handle the specified number of clients, try with \d+\r\n$/,
  );
});

Deno.test("CONFIG REWRITE tells why it cannot write, and leaves the file alone", async () => {
  await using server = await TestServer.start({ kind: "kv", config: "timeout 1\n" });
  using connection = await RawConnection.open(server.socketPath);
  await Deno.mkdir(`${server.configPath}.${server.pid}.unfinished`);
  assertMatch(
    await connection.exchange("CONFIG", "REWRITE"),
    /^-ERR Rewriting config file: Cannot create \S+: exists already \(EEXIST\)\r\n$/,
  );
  assertEquals(await Deno.readTextFile(server.configPath), "timeout 1\n");
});

Deno.test("slow work in the background is a latency event", async () => {
  await using server = await TestServer.start({
    kind: "kv",
    config: "latency-monitor-threshold 1\nappendfsync always\n",
  });
  using connection = await RawConnection.open(server.socketPath);
  await until(async () => {
    await connection.exchange("SET", "a", "v".repeat(1_000_000));
    return (await connection.exchange("LATENCY", "LATEST")).includes("aof-fsync-always");
  }, "a sync of a millisecond");
});
