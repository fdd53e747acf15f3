/**
 * Where kv does otherwise than Redis on purpose, with the reason. These run over kv only; everything
 * else is in the cases that both have to pass.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { targetOfRun, TestServer } from "../support/test_server.ts";
import type { ConformanceCase } from "./case.ts";
import { runCase } from "./runner.ts";

const cases: readonly ConformanceCase[] = [
  {
    // The text protocol that kv began with has it: SET XX in one word.
    name: "UPDATE sets only what exists",
    steps: [
      ["UPDATE foo a", "$-1\r\n"],
      ["EXISTS foo", ":0\r\n"],
      ["SET foo a EX 100", "+OK\r\n"],
      ["UPDATE foo b", "+OK\r\n"],
      ["GET foo", "$1\r\nb\r\n"],
      ["TTL foo", ":-1\r\n"],
      ["update foo c", "+OK\r\n"],
      ["UPDATE foo", "-ERR wrong number of arguments for 'update' command\r\n"],
      ["UPDATE foo a b", "-ERR wrong number of arguments for 'update' command\r\n"],
    ],
  },
  {
    // The database's number would be part of every key. Clients that need it find out at once.
    name: "there is one database, 0",
    steps: [
      ["SELECT 0", "+OK\r\n"],
      ["SELECT 1", "-ERR DB index is out of range\r\n"],
      ["SET foo bar", "+OK\r\n"],
      ["COPY foo other DB 1", "-ERR DB index is out of range\r\n"],
      ["CONFIG GET databases", "*2\r\n$9\r\ndatabases\r\n$1\r\n1\r\n"],
    ],
  },
  {
    // What holds up everybody is no single command; it is not among those that Redis would list.
    name: "LATENCY HISTOGRAM tells of the event loop when it is asked for by name",
    steps: [
      ["CONFIG RESETSTAT", "+OK\r\n"],
      ["SET foo bar", "+OK\r\n"],
      [
        "LATENCY HISTOGRAM event-loop set",
        /^\*4\r\n\$3\r\nset\r\n[^]*\$10\r\nevent-loop\r\n\*4\r\n\$5\r\ncalls\r\n:[1-9]\d*\r\n\$14\r\nhistogram_usec\r\n\*\d+\r\n(?::\d+\r\n){2,}$/,
      ],
      ["latency histogram EVENT-LOOP", /^\*2\r\n\$10\r\nevent-loop\r\n/],
      [
        "LATENCY HISTOGRAM event-loop event-loop-own",
        /^\*4\r\n\$10\r\nevent-loop\r\n[^]*\$14\r\nevent-loop-own\r\n\*4\r\n\$5\r\ncalls\r\n:[1-9]\d*\r\n/,
      ],
    ],
  },
  {
    // Durability is --sync, and the log is always there: "no" would be a lie.
    name: "CONFIG takes what it is already, and refuses what cannot be",
    steps: [
      ["CONFIG GET appendonly", "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n"],
      ["CONFIG SET appendonly yes", "+OK\r\n"],
      [
        "CONFIG SET appendonly no",
        /^-ERR CONFIG SET failed \(possibly related to argument 'appendonly'\) - /,
      ],
      ["CONFIG SET maxmemory 0", "+OK\r\n"],
      [
        // A limit for the file, which needs some room to work in.
        "CONFIG SET maxmemory 1mb",
        /^-ERR CONFIG SET failed \(possibly related to argument 'maxmemory'\) - kv needs /,
      ],
      // When keys were used is kept if somebody has a use for it.
      ["SET idle 1", "+OK\r\n"],
      ["OBJECT IDLETIME idle", /^-ERR when keys were used is kept for the policies allkeys-lru /],
      ["CONFIG SET maxmemory 64mb maxmemory-policy allkeys-lru", "+OK\r\n"],
      ["GET idle", "$1\r\n1\r\n"],
      ["OBJECT IDLETIME idle", ":0\r\n"],
      ["CONFIG SET maxmemory 0", "+OK\r\n"],
      ["DEL idle", ":1\r\n"],
      ["CONFIG SET maxmemory-policy noeviction", "+OK\r\n"],
      [
        "CONFIG SET maxmemory-policy allkeys-lfu",
        /^-ERR CONFIG SET failed \(possibly related to argument 'maxmemory-policy'\) - /,
      ],
      [
        ["CONFIG", "SET", "save", "60 1"],
        /^-ERR CONFIG SET failed \(possibly related to argument 'save'\) - /,
      ],
      [
        // Redis can change its port while it runs.
        "CONFIG SET port 1",
        "-ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config\r\n",
      ],
      [
        // 512 MiB is the store's limit, and may only be lowered.
        "CONFIG SET proto-max-bulk-len 100",
        "-ERR CONFIG SET failed (possibly related to argument 'proto-max-bulk-len') - " +
        "argument must be between 1048576 and 536870912 inclusive\r\n",
      ],
      ["CONFIG GET maxmemory-samples", "*0\r\n"],
    ],
  },
  {
    // Redis has it from 7.2 on, and the newest clients send it.
    name: "CLIENT SETINFO names the client's library",
    steps: [
      ["CLIENT SETINFO LIB-NAME mine", "+OK\r\n"],
      ["CLIENT SETINFO lib-ver 1.2", "+OK\r\n"],
      ["CLIENT INFO", / lib-name=mine lib-ver=1\.2\n\r\n$/],
      ["CLIENT SETINFO FOO bar", "-ERR Unrecognized option 'FOO'\r\n"],
      [
        ["CLIENT", "SETINFO", "LIB-NAME", "a b"],
        "-ERR LIB-NAME cannot contain spaces, newlines or special characters.\r\n",
      ],
    ],
  },
  {
    // Redis has it from 7.2 on.
    name: "CLIENT NO-TOUCH is a flag of the connection, which RESET takes off",
    steps: [
      ["CLIENT NO-TOUCH ON", "+OK\r\n"],
      ["CLIENT INFO", / flags=UT /],
      ["CLIENT NO-TOUCH off", "+OK\r\n"],
      ["CLIENT INFO", / flags=U /],
      ["CLIENT NO-TOUCH ON", "+OK\r\n"],
      ["RESET", "+RESET\r\n"],
      ["CLIENT INFO", / flags=U /],
      ["CLIENT NO-TOUCH maybe", "-ERR syntax error\r\n"],
      ["CLIENT NO-TOUCH", "-ERR wrong number of arguments for 'client|no-touch' command\r\n"],
    ],
  },
  {
    // Redis 7.0 leaves the connection open for ever.
    name: "QUIT and protocol errors close a connection also after CLIENT REPLY OFF",
    steps: [
      { send: "CLIENT REPLY OFF\r\nQUIT\r\n", expected: "", closes: true },
      { send: "CLIENT REPLY OFF\r\n*1\r\nx\r\n", expected: "", closes: true },
    ],
  },
  {
    // Redis has it from 7.2 on.
    name: "WAITAOF waits for the disk",
    steps: [
      ["SET foo bar", "+OK\r\n"],
      ["WAITAOF 1 0 0", "*2\r\n:1\r\n:0\r\n"],
      ["WAITAOF 0 0 0", "*2\r\n:1\r\n:0\r\n"],
      // There are no replicas: the timeout has to pass, and without one there is nothing to wait for.
      ["WAITAOF 1 1 10", "*2\r\n:1\r\n:0\r\n"],
      ["WAITAOF 0 1 0", "*2\r\n:1\r\n:0\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SET foo baz", "+QUEUED\r\n"],
      ["WAITAOF 1 0 0", "+QUEUED\r\n"],
      ["EXEC", /^\*2\r\n\+OK\r\n\*2\r\n:[01]\r\n:0\r\n$/],
      {
        send: "SET foo a\r\nWAITAOF 1 0 0\r\nGET foo\r\n",
        expected: "+OK\r\n*2\r\n:1\r\n:0\r\n$1\r\na\r\n",
      },
      ["WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1\r\n"],
      ["WAITAOF a 0 0", "-ERR value is not an integer or out of range\r\n"],
      ["WAITAOF 1 -1 0", "-ERR value is out of range, must be positive\r\n"],
      ["WAITAOF 1 0 -1", "-ERR timeout is negative\r\n"],
      ["WAITAOF 1 0 a", "-ERR timeout is not an integer or out of range\r\n"],
    ],
  },
  {
    // Redis has them from 8.4 on, Valkey the first one from 8.1 on.
    name: "SET with IFEQ, IFNE, IFDEQ and IFDNE looks at the value that is there",
    steps: [
      ["SET foo hello", "+OK\r\n"],
      ["SET foo a IFEQ world", "$-1\r\n"],
      ["SET foo a IFNE hello", "$-1\r\n"],
      ["SET foo a IFDEQ 0000000000000000", "$-1\r\n"],
      ["SET foo a IFDNE 9555e8555c62dcfd", "$-1\r\n"],
      ["GET foo", "$5\r\nhello\r\n"],
      ["SET foo world IFEQ hello", "+OK\r\n"],
      ["SET foo hello ifne hello", "+OK\r\n"],
      ["SET foo hello IFDEQ 9555E8555c62dcfd", "+OK\r\n"],
      ["SET foo world IFDNE 0000000000000000", "+OK\r\n"],
      ["GET foo", "$5\r\nworld\r\n"],
      [["SET", "foo", "", "IFEQ", "world"], "+OK\r\n"],
      [["SET", "foo", "a\0b", "IFEQ", ""], "+OK\r\n"],
      [["SET", "foo", "b", "IFEQ", "a\0c"], "$-1\r\n"],
      [["SET", "foo", "b", "IFEQ", "a\0b"], "+OK\r\n"],
    ],
  },
  {
    name: "a key that does not exist is created by IFNE and IFDNE only",
    steps: [
      ["SET foo a IFEQ b", "$-1\r\n"],
      ["SET foo a IFDEQ 9555e8555c62dcfd", "$-1\r\n"],
      ["SET foo a IFDEQ short", "$-1\r\n"],
      ["EXISTS foo", ":0\r\n"],
      ["SET foo a IFNE a", "+OK\r\n"],
      ["DEL foo", ":1\r\n"],
      ["SET foo a IFDNE short", "+OK\r\n"],
      ["GET foo", "$1\r\na\r\n"],
    ],
  },
  {
    name: "conditions on the value go together with GET and the options of time",
    steps: [
      ["SET foo a EX 100", "+OK\r\n"],
      ["SET foo b IFEQ x GET EX 1000", "$1\r\na\r\n"],
      ["TTL foo", /^:(99|100)\r\n$/],
      ["SET foo b GET IFEQ a KEEPTTL", "$1\r\na\r\n"],
      ["GET foo", "$1\r\nb\r\n"],
      ["TTL foo", /^:(99|100)\r\n$/],
      ["SET foo c EX 1000 IFNE x", "+OK\r\n"],
      ["TTL foo", /^:(999|1000)\r\n$/],
      ["SET foo d IFEQ c", "+OK\r\n"],
      ["TTL foo", ":-1\r\n"],
      ["SET missing a IFEQ x GET", "$-1\r\n"],
      ["SET missing a IFNE x GET", "$-1\r\n"],
      ["GET missing", "$1\r\na\r\n"],
    ],
  },
  {
    name: "conditions on the value exclude each other, NX and XX",
    steps: [
      ["SET foo a", "+OK\r\n"],
      ["SET foo b IFEQ", "-ERR syntax error\r\n"],
      ["SET foo b IFEQ a NX", "-ERR syntax error\r\n"],
      ["SET foo b XX IFEQ a", "-ERR syntax error\r\n"],
      ["SET foo b IFEQ a IFNE c", "-ERR syntax error\r\n"],
      ["SET foo b IFDNE a IFDEQ c", "-ERR syntax error\r\n"],
      ["GETEX foo IFEQ a", "-ERR syntax error\r\n"],
      ["SET foo b IFDEQ 123", "-ERR must be exactly 16 hexadecimal characters\r\n"],
      ["SET foo b GET IFDNE 123", "-ERR must be exactly 16 hexadecimal characters\r\n"],
      // As in Redis, what is long enough may be no digest.
      ["SET foo b IFDEQ zzzzzzzzzzzzzzzz", "$-1\r\n"],
      ["GET foo", "$1\r\na\r\n"],
    ],
  },
  {
    // Redis has it from 8.4 on.
    name: "DELEX removes a key, or only one with a certain value",
    steps: [
      ["DELEX foo", ":0\r\n"],
      ["SET foo hello", "+OK\r\n"],
      ["DELEX foo", ":1\r\n"],
      ["SET foo hello", "+OK\r\n"],
      ["DELEX foo IFEQ world", ":0\r\n"],
      ["DELEX foo IFNE hello", ":0\r\n"],
      ["DELEX foo IFDEQ 0000000000000000", ":0\r\n"],
      ["DELEX foo IFDNE 9555E8555C62DCFD", ":0\r\n"],
      ["DELEX foo ifeq hello", ":1\r\n"],
      ["SET foo 0123", "+OK\r\n"],
      ["DELEX foo IFEQ 123", ":0\r\n"],
      ["DELEX foo IFNE 123", ":1\r\n"],
      ["SET foo hello", "+OK\r\n"],
      ["DELEX foo IFDEQ 9555e8555c62dcfd", ":1\r\n"],
      ["SET foo hello", "+OK\r\n"],
      ["DELEX foo IFDNE zzzzzzzzzzzzzzzz", ":1\r\n"],
      ["EXISTS foo", ":0\r\n"],
    ],
  },
  {
    name:
      "DELEX refuses first what is too long or too short, and looks at no condition without a key",
    steps: [
      ["DELEX foo IFEQ", "-ERR wrong number of arguments for 'delex' command\r\n"],
      ["DELEX foo IFEQ a b", "-ERR wrong number of arguments for 'delex' command\r\n"],
      ["DELEX foo NOSUCH a", ":0\r\n"],
      ["DELEX foo IFDEQ a", ":0\r\n"],
      ["SET foo a", "+OK\r\n"],
      ["DELEX foo NOSUCH a", "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n"],
      ["DELEX foo IFDEQ a", "-ERR must be exactly 16 hexadecimal characters\r\n"],
      ["DELEX foo IFDNE 9555e8555c62dcfd0", "-ERR must be exactly 16 hexadecimal characters\r\n"],
      ["WATCH foo", "+OK\r\n"],
      ["DELEX foo IFEQ b", ":0\r\n", "second"],
      ["MULTI", "+OK\r\n"],
      ["EXEC", "*0\r\n"],
      ["WATCH foo", "+OK\r\n"],
      ["DELEX foo IFEQ a", ":1\r\n", "second"],
      ["MULTI", "+OK\r\n"],
      ["EXEC", "*-1\r\n"],
    ],
  },
  {
    // Valkey has it from 9.0 on.
    name: "DELIFEQ removes a key with a certain value",
    steps: [
      ["DELIFEQ foo a", ":0\r\n"],
      ["SET foo a", "+OK\r\n"],
      ["DELIFEQ foo b", ":0\r\n"],
      ["DELIFEQ foo A", ":0\r\n"],
      ["DELIFEQ foo a", ":1\r\n"],
      ["EXISTS foo", ":0\r\n"],
      ["DELIFEQ foo", "-ERR wrong number of arguments for 'delifeq' command\r\n"],
    ],
  },
  {
    name: "DIGEST is the XXH3 hash, with its leading zeros",
    steps: [
      ["DIGEST foo", "$-1\r\n"],
      ["SET foo hello", "+OK\r\n"],
      ["DIGEST foo", "$16\r\n9555e8555c62dcfd\r\n"],
      ["SET foo v8", "+OK\r\n"],
      ["DIGEST foo", "$16\r\n0cc76dbb41381419\r\n"],
      ["DIGEST", "-ERR wrong number of arguments for 'digest' command\r\n"],
    ],
  },
  {
    name: "COMMAND GETKEYSANDFLAGS knows what newer commands do to their keys",
    steps: [
      ["COMMAND GETKEYSANDFLAGS SET a b IFEQ c", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RW\r\n+update\r\n"],
      ["COMMAND GETKEYSANDFLAGS DELEX a", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RM\r\n+delete\r\n"],
      [
        "COMMAND GETKEYSANDFLAGS DELEX a IFNE b",
        "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RW\r\n+delete\r\n",
      ],
    ],
  },
  {
    // Redis needs a script for it, or a client that scans.
    name: "DELPREFIX removes the keys that begin alike",
    steps: [
      ["DELPREFIX user:", ":0\r\n"],
      ["MSET user:1 a user:2 b user c USER:3 d other:user:4 e", "+OK\r\n"],
      ["SET user:5 f EX 100", "+OK\r\n"],
      ["DELPREFIX user:", ":3\r\n"],
      ["MGET user user:1 user:2 user:5", "*4\r\n$1\r\nc\r\n$-1\r\n$-1\r\n$-1\r\n"],
      ["DBSIZE", ":3\r\n"],
      // No pattern.
      ["MSET a* 1 ab 2 [ab] 3", "+OK\r\n"],
      ["DELPREFIX a*", ":1\r\n"],
      ["DELPREFIX [a", ":1\r\n"],
      [["DELPREFIX", ""], ":4\r\n"],
      ["DBSIZE", ":0\r\n"],
      ["DELPREFIX", "-ERR wrong number of arguments for 'delprefix' command\r\n"],
      ["DELPREFIX a b", "-ERR wrong number of arguments for 'delprefix' command\r\n"],
    ],
  },
  {
    name: "DELPREFIX in a transaction is one step of it, and WATCH sees it",
    steps: [
      ["MSET a:1 1 a:2 2", "+OK\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SET a:3 3", "+QUEUED\r\n"],
      ["DELPREFIX a:", "+QUEUED\r\n"],
      ["SET a:4 4", "+QUEUED\r\n"],
      ["DBSIZE", "+QUEUED\r\n"],
      ["EXEC", "*4\r\n+OK\r\n:3\r\n+OK\r\n:1\r\n"],
      ["WATCH a:4", "+OK\r\n"],
      ["DELPREFIX a:", ":1\r\n", "second"],
      ["MULTI", "+OK\r\n"],
      ["EXEC", "*-1\r\n"],
    ],
  },
  {
    name: "BGREWRITEAOF compacts the store",
    steps: [
      ["SET foo bar", "+OK\r\n"],
      ["BGREWRITEAOF", "+Background append only file rewriting started\r\n"],
      { until: "SET foo bar", expected: "+OK\r\n" },
      ["GET foo", "$3\r\nbar\r\n"],
    ],
  },
  {
    name: "INFO has a section on the store",
    steps: [
      ["INFO store", /^\$\d+\r\n# Store\r\n([a-z_]+:[^\r\n]*\r\n)+\r\n$/],
      ["INFO", /\r\n# Store\r\n/],
    ],
  },
];

const ignore = targetOfRun() !== "kv";

Deno.test({
  name: "kv is itself where it differs from Redis",
  ignore,
  async fn(t) {
    await using server = await TestServer.start({ kind: "kv" });
    for (const ownCase of cases) {
      await t.step(ownCase.name, () => runCase(server.socketPath, ownCase));
    }
  },
});

// A longer key would not fit the store's limits; Redis takes keys of 512 MiB.
Deno.test({
  name: "a key of 65536 bytes is stored, and a longer one is refused",
  ignore,
  async fn() {
    await using server = await TestServer.start({ kind: "kv" });
    using connection = await RawConnection.open(server.socketPath);
    const longest = "k".repeat(65_536);
    const tooLong = `${longest}k`;
    assertEquals(await connection.exchange("SET", longest, "1"), "+OK\r\n");
    assertEquals(await connection.exchange("GET", longest), "$1\r\n1\r\n");
    assertMatch(await connection.exchange("SET", tooLong, "1"), /^-[^\n]+\r\n$/);
    assertMatch(await connection.exchange("MSET", "a", "1", tooLong, "1"), /^-[^\n]+\r\n$/);
    // All or nothing, and whatever only reads finds nothing.
    assertEquals(await connection.exchange("EXISTS", "a", tooLong), ":0\r\n");
    assertEquals(await connection.exchange("GET", tooLong), "$-1\r\n");
    assertEquals(await connection.exchange("DEL", tooLong), ":0\r\n");
    assertMatch(await connection.exchange("RENAME", longest, tooLong), /^-[^\n]+\r\n$/);
    assertEquals(await connection.exchange("GET", longest), "$1\r\n1\r\n");
    assertEquals(await connection.exchange("PING"), "+PONG\r\n");
  },
});

// Redis allocates it, kv makes it where it belongs: in the file.
Deno.test({
  name: "SETBIT at the last offset makes a value of 512 MiB, and none of it on the heap",
  ignore,
  async fn() {
    await using server = await TestServer.start({ kind: "kv" });
    using connection = await RawConnection.open(server.socketPath);
    assertEquals(await connection.exchange("SETBIT", "foo", "4294967295", "1"), ":0\r\n");
    assertEquals(await connection.exchange("STRLEN", "foo"), ":536870912\r\n");
    assertEquals(await connection.exchange("BITCOUNT", "foo"), ":1\r\n");
    assertEquals(await connection.exchange("BITPOS", "foo", "1"), ":4294967295\r\n");
    const info = await connection.exchange("INFO", "memory");
    const peak = Number(/used_memory_peak:(\d+)/.exec(info)?.[1]);
    assert(peak < 100 * 2 ** 20, `${peak} bytes were used`);
    // Redis would make the value longer than its limit.
    assertEquals(
      await connection.exchange("BITFIELD", "foo", "SET", "u2", "4294967295", "1"),
      "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
    );
  },
});

Deno.test({
  name: "DELPREFIX removes all that came with it in one turn, however long the keys are",
  ignore,
  async fn() {
    await using server = await TestServer.start({ kind: "kv" });
    using connection = await RawConnection.open(server.socketPath);
    for (let round = 0; round < 40; round++) {
      const count = 20 + round;
      const tail = "x".repeat(1000 * (round % 13));
      const sets = Array.from({ length: count }, (_, i) => ["SET", `p:${i}:${tail}`, "value"]);
      const replies = await connection.pipeline([...sets, ["DELPREFIX", "p:"], ["DBSIZE"]]);
      assertEquals(replies.slice(count), [`:${count}\r\n`, ":0\r\n"], `round ${round}`);
    }
  },
});

Deno.test({
  name: "DELPREFIX serves other clients meanwhile, and its own client afterwards",
  ignore,
  async fn() {
    await using server = await TestServer.start({ kind: "kv" });
    using connection = await RawConnection.open(server.socketPath);
    using other = await RawConnection.open(server.socketPath);
    const count = 50_000;
    for (let first = 0; first < count; first += 1000) {
      const pairs = Array.from({ length: 1000 }, (_, i) => [`key:${first + i}`, "value"]);
      assertEquals(await connection.exchange("MSET", ...pairs.flat()), "+OK\r\n");
    }
    await connection.exchange("SET", "other", "value");
    let isDone = false;
    const replies = connection.pipeline([["DELPREFIX", "key:"], ["DBSIZE"], [
      "WAITAOF",
      "1",
      "0",
      "0",
    ]])
      .finally(() => isDone = true);
    let answered = 0;
    while (!isDone) {
      assertEquals(await other.exchange("GET", "other"), "$5\r\nvalue\r\n");
      if (!isDone) answered++;
    }
    assertEquals(await replies, [`:${count}\r\n`, ":1\r\n", "*2\r\n:1\r\n:0\r\n"]);
    assert(answered > 10, `${answered} requests were answered meanwhile`);
    const { success } = await server.stop();
    assert(success);
  },
});

Deno.test({
  name: "a server that stops does not wait long for DELPREFIX, and its store is whole",
  ignore,
  async fn() {
    await using server = await TestServer.start({ kind: "kv" });
    using connection = await RawConnection.open(server.socketPath);
    const pairs = Array.from({ length: 50_000 }, (_, i) => [`key:${i}`, "value"]);
    assertEquals(await connection.exchange("MSET", ...pairs.flat()), "+OK\r\n");
    await connection.send("DELPREFIX key:\r\n");
    assert((await server.stop()).success);
    await server.restart();
    using again = await RawConnection.open(server.socketPath);
    assertMatch(await again.exchange("DBSIZE"), /^:\d+\r\n$/);
  },
});

Deno.test({
  name: "what was acknowledged is there after kill -9 and a restart",
  ignore,
  async fn() {
    await using server = await TestServer.start({ kind: "kv" });
    {
      using connection = await RawConnection.open(server.socketPath);
      await connection.exchange("MSET", "a", "1", "b", "2");
      await connection.exchange("PEXPIREAT", "b", "4102444800123");
      await connection.exchange("DEL", "a");
      await connection.exchange("INCR", "n");
    }
    await server.kill();
    await server.restart();
    using connection = await RawConnection.open(server.socketPath);
    assertEquals(
      await connection.exchange("MGET", "a", "b", "n"),
      [
        "*3\r\n",
        "$-1\r\n",
        "$1\r\n2\r\n",
        "$1\r\n1\r\n",
      ].join(""),
    );
    assertEquals(await connection.exchange("PEXPIRETIME", "b"), ":4102444800123\r\n");
    const { success } = await server.stop();
    assert(success, "SIGTERM ends the server with status 0");
  },
});

Deno.test("CLIENT UNBLOCK ends a wait, with what is known or with an error", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using waiting = await RawConnection.open(server.socketPath);
  using other = await RawConnection.open(server.socketPath);
  const id = /\d+/.exec(await waiting.exchange("CLIENT", "ID"))![0];
  for (
    const [how, reply] of [
      [[], "*2\r\n:1\r\n:0\r\n"],
      [["TIMEOUT"], "*2\r\n:1\r\n:0\r\n"],
      [["error"], "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"],
    ] as const
  ) {
    // Nobody waits yet.
    assertEquals(await other.exchange("CLIENT", "UNBLOCK", id), ":0\r\n");
    await waiting.send("WAITAOF 0 1 1000000\r\nPING\r\n");
    while (!/ flags=bU /.test(await other.exchange("CLIENT", "LIST", "ID", id)));
    assertMatch(await other.exchange("INFO", "clients"), /\r\nblocked_clients:1\r\n/);
    assertEquals(await other.exchange("CLIENT", "UNBLOCK", id, ...how), ":1\r\n");
    assertEquals(await waiting.readReply(), reply);
    assertEquals(await waiting.readReply(), "+PONG\r\n");
  }
});

Deno.test("a client that said CLIENT REPLY SKIP gets no late reply either", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using connection = await RawConnection.open(server.socketPath);
  await connection.send("SET a 1\r\nCLIENT REPLY SKIP\r\nWAITAOF 1 1 10\r\nPING\r\n");
  assertEquals(await connection.readReply(), "+OK\r\n");
  assertEquals(await connection.readReply(), "+PONG\r\n");
});
