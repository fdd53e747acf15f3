/** The server's socket: private, never stolen, never left behind. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { toText } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { hasTool, runTool } from "../support/real_tools.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { kvExecutable, TestServer } from "../support/test_server.ts";
import { until } from "../support/time_limit.ts";
import { serveAndEnd } from "./kv_serve.ts";

async function ping(path: string): Promise<string> {
  using connection = await RawConnection.open(path);
  return await connection.exchange("PING");
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** How many sockets there are of a path. */
function socketsOf(path: string): number {
  return Deno.readTextFileSync("/proc/net/unix").split(path).length - 1;
}

Deno.test("the socket can be used by its owner only", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  const { mode, isSocket } = await Deno.lstat(server.socketPath);
  assert(isSocket);
  assertEquals(mode! & 0o777, 0o600);
});

Deno.test("--socket-mode and --socket-group say who may use the socket", async () => {
  // One that the tests' user is a member of; the superuser may take any.
  const { stdout } = await new Deno.Command("id", { args: ["-G"] }).output();
  const gid = Deno.uid() === 0 ? 12345 : Number(toText(stdout).trim().split(" ").at(-1));
  const cases: readonly (readonly [args: string[], mode: number, gid: number])[] = [
    [["--socket-mode", "666"], 0o666, Deno.gid()!],
    [["--socket-group", String(gid)], 0o660, gid],
    [["--socket-group", String(gid), "--socket-mode", "0620"], 0o620, gid],
    [["--socket-group", gid === 12345 ? "root" : String(gid)], 0o660, gid === 12345 ? 0 : gid],
  ];
  for (const [args, mode, gid] of cases) {
    await using server = await TestServer.start({ kind: "kv", args });
    const found = await Deno.lstat(server.socketPath);
    assertEquals([found.mode! & 0o777, found.gid], [mode, gid], args.join(" "));
    assertEquals(await ping(server.socketPath), "+PONG\r\n");
  }
});

Deno.test("a group that there is not, and a mode that is none, are refused", async () => {
  await using folder = await TemporaryFolder.make();
  const group = await serveAndEnd(folder.path, "--socket-group", "no-such-group");
  assertEquals(group.code, 1);
  assertEquals(group.stderr, "kv: Cannot listen on kv.sock: there is no group 'no-such-group'\n");
  for (const mode of ["", "rw", "888", "6600", "-1"]) {
    const { code, stderr } = await serveAndEnd(folder.path, `--socket-mode=${mode}`);
    assertEquals(code, 64);
    assertStringIncludes(stderr, "--socket-mode");
  }
  assertEquals([...Deno.readDirSync(folder.path)], []);
});

Deno.test({
  name: "the socket is private from its first moment: its mode is never changed",
  ignore: !hasTool("strace"),
  async fn() {
    await using folder = await TemporaryFolder.make();
    const trace = folder.join("trace");
    const child = new Deno.Command("strace", {
      args: [
        "-f",
        "-o",
        trace,
        "-e",
        "trace=umask,bind,chmod,fchmod,fchmodat",
        kvExecutable,
        "serve",
      ],
      cwd: folder.path,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read(); // The line that says it is ready.
    using connection = await RawConnection.open(folder.join("kv.sock"));
    await connection.send("SHUTDOWN\r\n");
    await reader.cancel();
    await child.status;
    const calls = (await Deno.readTextFile(trace)).split("\n").map((line) =>
      line.replace(/^\d+ +/, "")
    );
    const bind = calls.findIndex((call) => call.startsWith("bind(") && call.includes("kv.sock"));
    assert(bind > 0, calls.join("\n"));
    const mask = calls.slice(0, bind).filter((call) => call.startsWith("umask(")).at(-1)!;
    assertStringIncludes(mask, "umask(0177)");
    assertEquals(calls.filter((call) => /^f?chmod/.test(call) && call.includes("kv.sock")), []);
  },
});

Deno.test("a socket file that nobody listens on is replaced", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("kv.sock");
  const listener = Deno.listen({ transport: "unix", path });
  await Deno.rename(path, folder.join("moved"));
  listener.close();
  await Deno.rename(folder.join("moved"), path).catch(async () => {
    // This runtime removes what it had bound: leave a file by way of a killed server.
    await using server = await TestServer.start({ kind: "kv" });
    await server.kill();
    await server.restart();
    assertEquals(await ping(server.socketPath), "+PONG\r\n");
  });
  if (!exists(path)) return;
  const server = new Deno.Command(kvExecutable, {
    args: ["serve"],
    cwd: folder.path,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = server.stdout.getReader();
  await reader.read();
  assertEquals(await ping(path), "+PONG\r\n");
  server.kill("SIGTERM");
  await reader.cancel();
  assertEquals((await server.status).code, 0);
});

Deno.test("the socket of a running server is not touched", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  await using folder = await TemporaryFolder.make();
  const { ino } = await Deno.lstat(server.socketPath);
  const { code, stdout, stderr } = await serveAndEnd(folder.path, "--socket", server.socketPath);
  assertEquals([code, stdout], [1, ""]);
  assertEquals(
    stderr,
    `kv: Cannot listen on ${server.socketPath}: another server does; stop it, or name another path ` +
      `with --socket\n`,
  );
  assertEquals((await Deno.lstat(server.socketPath)).ino, ino);
  assertEquals(await ping(server.socketPath), "+PONG\r\n");
});

Deno.test("the socket of a server that does not answer is not touched", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("kv.sock");
  using _listener = Deno.listen({ transport: "unix", path });
  const { code, stderr } = await serveAndEnd(folder.path, "--socket", path);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "another server does");
  assert(exists(path));
});

Deno.test("a server that is being killed is waited for, and its socket replaced", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  await using folder = await TemporaryFolder.make();
  // Killed while it is stopped, it ends between the other one's question and the answer.
  Deno.kill(server.pid, "SIGSTOP");
  const next = new Deno.Command(kvExecutable, {
    args: ["serve", "--socket", server.socketPath],
    cwd: folder.path,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = next.stdout.getReader();
  // The socket that listens, and another one that nobody has accepted.
  await until(() => Promise.resolve(socketsOf(server.socketPath) > 1), "its question");
  await server.kill();
  await reader.read();
  assertEquals(await ping(server.socketPath), "+PONG\r\n");
  next.kill("SIGTERM");
  await reader.cancel();
  assertEquals((await next.status).code, 0);
});

Deno.test("a file that is no socket is refused and left alone", async () => {
  await using folder = await TemporaryFolder.make();
  await Deno.writeTextFile(folder.join("kv.sock"), "precious");
  const { code, stderr } = await serveAndEnd(folder.path);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "a file that is no socket is there");
  assertEquals(await Deno.readTextFile(folder.join("kv.sock")), "precious");
});

Deno.test("a folder in the socket's place, and a folder that is missing, are refused", async () => {
  await using folder = await TemporaryFolder.make();
  await Deno.mkdir(folder.join("folder"));
  for (const path of ["folder", "nowhere/kv.sock"]) {
    const { code, stderr } = await serveAndEnd(folder.path, "--socket", path);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `kv: Cannot listen on ${path}: `);
    assertEquals(stderr.trimEnd().split("\n").length, 1, stderr);
  }
});

Deno.test("a path of 107 bytes is listened on, one of 108 is refused with a clear line", async () => {
  await using folder = await TemporaryFolder.make();
  const longest = folder.join("s".repeat(107 - folder.path.length - 1));
  assertEquals(longest.length, 107);
  const { code, stderr } = await serveAndEnd(folder.path, "--socket", `${longest}s`);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "a socket's path has at most 107 bytes, this one has 108");
  await using server = await TestServer.start({ kind: "kv", args: ["--socket", longest] });
  assertEquals(await ping(longest), "+PONG\r\n");
  await server.stop();
  assert(!exists(longest));
});

Deno.test("a relative path is listened on and connected to in a folder as deep as may be", async () => {
  await using folder = await TemporaryFolder.make();
  const deep = folder.join(["d", "e", "f"].map((letter) => letter.repeat(100)).join("/"));
  await Deno.mkdir(deep, { recursive: true });
  const run = async (...args: string[]) => {
    const options = { args, cwd: deep, stdin: "null", stdout: "piped", stderr: "piped" } as const;
    const { code, stdout, stderr } = await new Deno.Command(kvExecutable, options).output();
    return { code, stdout: toText(stdout), stderr: toText(stderr) };
  };
  const served = run("serve");
  await until(async () => (await run("ping")).code === 0, "the server to answer");
  assertEquals((await run("set", "a", "1")).stdout, "OK\n");
  assertEquals((await run("--json", "info", "keyspace")).code, 0);
  assertStringIncludes((await run("client", "list")).stdout, `laddr=${deep}/kv.sock:0`);
  const second = await run("serve", "--store", "other.db");
  assertEquals(second.code, 1);
  assertStringIncludes(second.stderr, "Cannot listen on kv.sock: another server does");
  assertEquals((await run("shutdown")).code, 0);
  assertEquals((await served).code, 0);
  assert(!exists(`${deep}/kv.sock`));
});

Deno.test({
  name: "a group that the server's user is no member of is an error, and leaves no socket",
  ignore: Deno.uid() !== 0 || !hasTool("setpriv"),
  async fn() {
    await using folder = await TemporaryFolder.make();
    await Deno.chmod(folder.path, 0o777);
    const program = folder.join("kv");
    await Deno.copyFile(kvExecutable, program);
    const { code, stderr } = await runTool("setpriv", [
      ...["--reuid", "65534", "--regid", "65534", "--clear-groups"],
      ...["sh", "-c", `cd ${folder.path} && ./kv serve --socket-group 0`],
    ]);
    assertEquals(code, 1);
    assertMatch(stderr, /^kv: Cannot give kv\.sock to the group 0: .*has to be a member\n$/);
    assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["kv"]);
  },
});

Deno.test("a second server on the same store is refused with the first one's number", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  await using folder = await TemporaryFolder.make();
  const { code, stderr } = await serveAndEnd(folder.path, "--store", server.storePath);
  assertEquals(code, 1);
  assertEquals(
    stderr,
    `kv: Cannot open ${server.storePath}: process ${server.pid} has it open; end it, or name ` +
      `another store\n`,
  );
  assert(!exists(folder.join("kv.sock")));
  assertEquals(await ping(server.socketPath), "+PONG\r\n");
});

for (const what of ["a file", "another socket"]) {
  Deno.test(`${what} in the place of the socket is left alone at the stop`, async () => {
    await using server = await TestServer.start({ kind: "kv" });
    await Deno.remove(server.socketPath);
    let other: Deno.UnixListener | undefined;
    if (what === "a file") await Deno.writeTextFile(server.socketPath, "precious");
    else other = Deno.listen({ transport: "unix", path: server.socketPath });
    const { ino } = await Deno.lstat(server.socketPath);
    const { code } = await server.stop();
    assertEquals(code, 0);
    assertEquals((await Deno.lstat(server.socketPath)).ino, ino);
    other?.close();
  });
}

Deno.test("a socket that was removed while the server ran is no trouble at the stop", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  await Deno.remove(server.socketPath);
  assertEquals((await server.stop()).code, 0);
  assertEquals(server.stderrText, "");
});

// --- TCP -----------------------------------------------------------------------------------------

Deno.test("--listen on loopback serves the same keys by TCP", async () => {
  await using server = await TestServer.start({ kind: "kv", args: ["--listen", "127.0.0.1:0"] });
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(server.stdoutText)?.[1]);
  assert(port > 0, server.stdoutText);
  using local = await RawConnection.open(server.socketPath);
  assertEquals(await local.exchange("SET", "a", "1"), "+OK\r\n");
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode("GET a\r\nQUIT\r\n"));
  let text = "";
  for await (const chunk of conn.readable) text += new TextDecoder().decode(chunk);
  assertEquals(text, "$1\r\n1\r\n+OK\r\n");
});

/** What a client that comes by TCP is sent in reply to a PING, until it is disconnected. */
async function pingByTcp(hostname: string, port: number): Promise<string> {
  using conn = await Deno.connect({ hostname, port });
  await conn.write(new TextEncoder().encode("PING\r\nQUIT\r\n"));
  let text = "";
  try {
    for await (const chunk of conn.readable) text += new TextDecoder().decode(chunk);
  } catch (error) {
    // It was closed with what was sent unread.
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return text;
}

Deno.test("in protected mode only loopback is served, as long as there is no password", async () => {
  await using server = await TestServer.start({ kind: "kv", args: ["--listen", "0.0.0.0:0"] });
  const port = Number(/0\.0\.0\.0:(\d+)/.exec(server.stdoutText)?.[1]);
  using local = await RawConnection.open(server.socketPath);
  const own = Deno.networkInterfaces().filter(({ family }) => family === "IPv4")
    .map(({ address }) => address);
  const outside = own.filter((address) => !address.startsWith("127."));
  const configure = async (name: string, value: string) =>
    assertEquals(await local.exchange("CONFIG", "SET", name, value), "+OK\r\n");

  assertEquals(await pingByTcp("127.0.0.1", port), "+PONG\r\n+OK\r\n");
  for (const address of outside) {
    assert((await pingByTcp(address, port)).startsWith("-DENIED kv is in protected mode"));
  }
  await configure("protected-mode", "no");
  for (const address of own) assertEquals(await pingByTcp(address, port), "+PONG\r\n+OK\r\n");
  await configure("protected-mode", "yes");
  await configure("requirepass", "sesame");
  for (const address of own) {
    assertEquals(await pingByTcp(address, port), "-NOAUTH Authentication required.\r\n+OK\r\n");
  }
});

Deno.test("an address that this machine has not got is named", async () => {
  await using folder = await TemporaryFolder.make();
  const { code, stderr } = await serveAndEnd(folder.path, "--listen", "192.0.2.1:6390");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "Cannot listen on 192.0.2.1:6390");
  assert(!exists(folder.join("store.db")));
});

for (const address of ["127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "6379"]) {
  Deno.test(`--listen ${address} is refused: it is no address`, async () => {
    await using folder = await TemporaryFolder.make();
    const { code, stderr } = await serveAndEnd(folder.path, "--listen", address);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "write HOST:PORT, such as 127.0.0.1:6379");
  });
}

Deno.test("a TCP port that is in use is refused, and no socket is left behind", async () => {
  await using folder = await TemporaryFolder.make();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const { code, stderr } = await serveAndEnd(folder.path, "--listen", `127.0.0.1:${port}`);
  assertEquals(code, 1);
  assertStringIncludes(stderr, `kv: Cannot listen on 127.0.0.1:${port}: `);
  assert(!exists(folder.join("kv.sock")));
});

// --- options -------------------------------------------------------------------------------------

for (
  const args of [["--nope"], ["--sync", "sometimes"], ["--store"], ["extra"], ["--socket", ""]]
) {
  Deno.test(`kv serve ${args.join(" ")} ends with status 64 and one line`, async () => {
    await using folder = await TemporaryFolder.make();
    const { code, stdout, stderr } = await serveAndEnd(folder.path, ...args);
    assertEquals([code, stdout], [64, ""]);
    assertStringIncludes(stderr, "kv: ");
    assertEquals([...Deno.readDirSync(folder.path)], []);
  });
}

Deno.test("a file that is no store is refused and left as it is", async () => {
  await using folder = await TemporaryFolder.make();
  await Deno.writeTextFile(folder.join("notes.txt"), "precious");
  const { code, stderr } = await serveAndEnd(folder.path, "--store", "notes.txt");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "kv: Cannot open notes.txt as a store: it is something else");
  assertEquals(await Deno.readTextFile(folder.join("notes.txt")), "precious");
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["notes.txt"]);
});

Deno.test({
  name: "a client that says nothing more gets its replies",
  ignore: !hasTool("nc"),
  async fn() {
    await using server = await TestServer.start({ kind: "kv" });
    const value = "v".repeat(100_000);
    const input = `SET a ${
      "v".repeat(50_000)
    }\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$100000\r\n${value}\r\nGET b\n`;
    const { code, stdout } = await runTool("nc", ["-U", "-N", server.socketPath], { input });
    assertEquals([code, stdout], [0, `+OK\r\n+OK\r\n$100000\r\n${value}\r\n`]);
  },
});

Deno.test("a server without descriptors says so once, and accepts again when it has some", async () => {
  await using server = await TestServer.start({ kind: "kv", descriptorsMax: 64 });
  // More than there are descriptors for: the rest waits.
  const connections: RawConnection[] = [];
  for (let i = 0; i < 80; i++) connections.push(await RawConnection.open(server.socketPath));
  assertEquals(await connections[0].exchange("PING"), "+PONG\r\n");
  const last = connections.at(-1)!.exchange("PING");
  await new Promise((resolve) => setTimeout(resolve, 350)); // It tries again three times.
  for (const connection of connections.slice(0, 60)) connection.close();
  assertEquals(await last, "+PONG\r\n");
  for (const connection of connections.slice(60)) connection.close();
  await server.stop();
  const complaints = server.stderrText.match(/Cannot accept a connection: .*ulimit -n/g);
  assertEquals(complaints?.length, 1);
});
