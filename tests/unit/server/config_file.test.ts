import { assertEquals, assertThrows } from "@std/assert";
import { ConfigFileError, loadConfigFile, splitLine } from "../../../src/server/config_file.ts";
import { ServerSettings } from "../../../src/server/settings.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

/** The settings that a file with this text comes to. */
async function load(text: string): Promise<ServerSettings> {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("kv.conf");
  await Deno.writeTextFile(path, text);
  const settings = new ServerSettings();
  loadConfigFile(path, settings);
  return settings;
}

/** What is said about the line, without the folder. */
async function refusal(text: string): Promise<string> {
  const error = await load(text).then(() => null, (error) => error);
  if (!(error instanceof ConfigFileError)) throw error ?? new Error(`${text} is taken`);
  return error.message.replace(/\/\S*\//g, "");
}

Deno.test("a line is split at blanks, with quotes and escapes; comments are none", () => {
  const cases: [string, string[] | null][] = [
    ["timeout 30", ["timeout", "30"]],
    ["  save  900\t1 ", ["save", "900", "1"]],
    ['save ""', ["save", ""]],
    ["dbfilename 'it\\'s'", ["dbfilename", "it's"]],
    ['x "\\x41\\n\\"" y', ["x", 'A\n"', "y"]],
    ["x # no comment", ["x", "#", "no", "comment"]],
    ["# comment", []],
    ["   #comment 'x", []],
    ["", []],
    [" \r", []],
    ['x "open', null],
    ['x "a"b', null],
  ];
  for (const [line, words] of cases) assertEquals(splitLine(line), words, line);
});

Deno.test("directives come in any case, and the last one counts", async () => {
  const settings = await load(
    "Timeout 1\r\nTIMEOUT 2\n\n# timeout 3\nport 7000\nbind ::1 -127.0.0.1",
  );
  assertEquals([settings.idleTimeoutSeconds, settings.port], [2, 7000]);
  assertEquals(settings.bindAddresses, ["::1", "-127.0.0.1"]);
});

Deno.test("what may not be set while the server runs may be set by the file", async () => {
  const settings = await load(
    'dir /data\ndbfilename "my store.db"\nunixsocketperm 0660\nunixsocket x',
  );
  assertEquals([settings.directory, settings.fileName], ["/data", "my store.db"]);
  assertEquals([settings.socketMode, settings.socketPath], [0o660, "x"]);
});

Deno.test("an unknown directive is told with file, line, and a near name", async () => {
  assertEquals(
    await refusal("timeout 1\n\nmaxmemroy 1gb\n"),
    "kv.conf:3: maxmemroy: there is no such directive; did you mean maxmemory?",
  );
  assertEquals(await refusal("qwertyuiop 1"), "kv.conf:1: qwertyuiop: there is no such directive");
  assertEquals(
    await refusal("rename-comand a b"),
    "kv.conf:1: rename-comand: there is no such directive; did you mean rename-command?",
  );
});

Deno.test("what Redis has and kv has not is refused with the reason", async () => {
  assertEquals(
    await refusal("replicaof 10.0.0.1 6379"),
    "kv.conf:1: replicaof: kv has no such setting: there is no replication; remove the line",
  );
  assertEquals(
    await refusal("save 900 1"),
    "kv.conf:1: save: kv supports only '' here: there are no snapshots: every write is in the file",
  );
  assertEquals(
    await refusal("databases 16"),
    "kv.conf:1: databases: kv supports only '1' here: one store, one keyspace",
  );
});

Deno.test("values that describe what kv does are taken", async () => {
  await load(`save ""
appendonly yes
daemonize no
databases 1
cluster-enabled no
io-threads 1
stop-writes-on-bgsave-error yes
`);
});

Deno.test("wrong values and numbers of arguments are told with Redis's words", async () => {
  const cases: [string, string][] = [
    ["timeout", "wrong number of arguments"],
    ["timeout 1 2", "wrong number of arguments"],
    ["timeout x", "argument couldn't be parsed into an integer"],
    ["maxmemory 1x", "argument must be a memory value"],
    ["unixsocketperm 999", "argument couldn't be parsed as an octal number"],
    ["unixsocketperm 1777", "argument must be between 0 and 777 inclusive"],
    ["dbfilename a/b", "dbfilename can't be a path, just a filename"],
    ["port 65536", "argument must be between 0 and 65535 inclusive"],
    ["rename-command nosuch x", "No such command in rename-command"],
    ["rename-command get set", "Target command name already exists"],
    ["rename-command get", "wrong number of arguments"],
    ['unixsocket ""', "kv listens on a Unix socket always"],
  ];
  for (const [line, reason] of cases) {
    assertEquals(await refusal(line), `kv.conf:1: ${line.split(" ")[0]}: ${reason}`);
  }
  assertEquals(await refusal('timeout "1'), "kv.conf:1: unbalanced quotes");
});

Deno.test("a password can be set, and protected mode be left", async () => {
  const settings = await load('requirepass "open sesame"\nprotected-mode no\nbind 0.0.0.0\n');
  assertEquals(settings.access.password, "open sesame");
  assertEquals(settings.access.isOpen, false);
  assertEquals(settings.isProtected, false);
  assertEquals(settings.bindAddresses, ["0.0.0.0"]);
});

Deno.test("errors in an included file are told with its name", async () => {
  await using folder = await TemporaryFolder.make();
  const inner = folder.join("inner.conf");
  await Deno.writeTextFile(inner, "timeout 1\nnosuch 1\n");
  const message = await refusal(`timeout 1\ninclude ${inner}\n`);
  assertEquals(message, "inner.conf:2: nosuch: there is no such directive");
});

Deno.test("a file that cannot be read, or includes itself, is an error", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("kv.conf");
  const settings = new ServerSettings();
  assertThrows(() => loadConfigFile(path, settings), ConfigFileError, "Cannot read");
  await Deno.writeTextFile(path, `include ${path}\n`);
  assertThrows(() => loadConfigFile(path, settings), ConfigFileError, "more than 16 deep");
  await Deno.writeTextFile(path, `include ${folder.path}/*/x.conf\n`);
  assertThrows(() => loadConfigFile(path, settings), ConfigFileError, "only in a file's name");
});
