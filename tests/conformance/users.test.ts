/** Users of the configuration and of a file of their own, and what is told of them: as in redis-server. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { RawConnection } from "../support/raw_connection.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { type ServerKind, TestServer } from "../support/test_server.ts";
import { targets } from "./runner.ts";

const sesame = "d0c04f4b1951e4aeaaec8223ed2039e542f3aae805a6fa7f6d794e5afff5d272";
const defaultLine = "user default on nopass ~* &* +@all";
const guestLine = `user guest on #${sesame} ~g:* resetchannels -@all +get`;

interface WithFile {
  readonly server: TestServer;
  readonly path: string;
  /** The users, as ACL LIST has them. */
  list(): Promise<string[]>;
}

/** A server whose users are in a file with that text. */
async function withUserFile(
  kind: ServerKind,
  text: string,
  use: (parts: WithFile, connection: RawConnection) => Promise<void>,
): Promise<void> {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("users.acl");
  await Deno.writeTextFile(path, text);
  await using server = await TestServer.start({ kind, config: `aclfile ${path}\n` });
  using connection = await RawConnection.open(server.socketPath);
  const list = async () => bulks(await connection.exchange("ACL", "LIST"));
  await use({ server, path, list }, connection);
}

/** The bulk strings of an array. */
function bulks(reply: string): string[] {
  return reply.match(/(?<=\$\d+\r\n)[^\r]*(?=\r\n)/g) ?? [];
}

for (const kind of targets()) {
  Deno.test(`${kind}: users come from their file, and go back to it`, async () => {
    const text = `${defaultLine}\n\n  user guest on >sesame ~g:* +get  \n`;
    await withUserFile(kind, text, async ({ server, path, list }, connection) => {
      assertEquals(await list(), [defaultLine, guestLine]);
      assertEquals(await connection.exchange("CONFIG", "GET", "aclfile"), bulksOf("aclfile", path));
      await connection.exchange("ACL", "SETUSER", "other", "on", "nopass", "(~o* +get)", "-@all");
      await connection.exchange("ACL", "SETUSER", "guest", "-get", "+set");
      assertEquals(await connection.exchange("ACL", "SAVE"), "+OK\r\n");
      const saved = (await Deno.readTextFile(path)).trimEnd().split("\n");
      assertEquals(saved, await list());
      assertEquals(saved.length, 3);
      assertEquals([...Deno.readDirSync(path.replace("users.acl", ""))].length, 1);
      await server.restart();
      using again = await RawConnection.open(server.socketPath);
      assertEquals(bulks(await again.exchange("ACL", "LIST")), saved);
    });
  });

  Deno.test(`${kind}: ACL LOAD has the users of the file and sends all others away`, async () => {
    await withUserFile(kind, `${guestLine}\n`, async ({ server, path, list }, connection) => {
      using guest = await RawConnection.open(server.socketPath);
      assertEquals(await guest.exchange("AUTH", "guest", "sesame"), "+OK\r\n");
      await Deno.writeTextFile(path, "user second off\n");
      assertEquals(await connection.exchange("ACL", "LOAD"), "+OK\r\n");
      assertEquals(await guest.readUntilClosed(), "");
      assertEquals(await list(), [defaultLine, "user second off resetchannels -@all"]);
    });
  });

  Deno.test(`${kind}: a file with mistakes changes nothing, and each is told`, async () => {
    await withUserFile(kind, `${guestLine}\n`, async ({ path, list }, connection) => {
      const wrong = [
        "guest on",
        "user a +nosuch",
        "user b on",
        "user b on",
        "user c >secret ~* ~again",
        "user",
      ];
      await Deno.writeTextFile(path, wrong.join("\n"));
      const reply = await connection.exchange("ACL", "LOAD");
      for (const i of [1, 2, 5, 6]) assertStringIncludes(reply, `users.acl:${i}`);
      assertStringIncludes(reply, "Duplicate user 'b'");
      assertStringIncludes(reply, "'+nosuch': Unknown command or category name in ACL");
      assert(!reply.includes("secret"), "a password is repeated");
      assertMatch(reply, /^-ERR .*no change to the previously active ACL rules was performed\r\n$/);
      assertEquals(await list(), [defaultLine, guestLine]);
      await Deno.remove(path);
      assertMatch(
        await connection.exchange("ACL", "LOAD"),
        /^-ERR Error loading ACLs, opening file/,
      );
      assertEquals(await list(), [defaultLine, guestLine]);
    });
  });

  Deno.test(`${kind}: names, keys and channels of users may be any bytes, over a rewriting and a restart`, async () => {
    const line = "user u\xfe on nopass ~\xff* resetchannels &\xfe* -@all +get";
    await using server = await TestServer.start({ kind, config: `${line}\n` });
    for (const isLast of [false, true]) {
      using connection = await RawConnection.open(server.socketPath);
      assertStringIncludes(await connection.exchange("ACL", "LIST"), `\r\n${line}\r\n`);
      assertEquals(await connection.exchange("AUTH", "u\xfe", "any"), "+OK\r\n");
      assertEquals(await connection.exchange("GET", "\xff1"), "$-1\r\n");
      if (isLast) break;
      using control = await RawConnection.open(server.socketPath);
      assertEquals(await control.exchange("CONFIG", "REWRITE"), "+OK\r\n");
      await server.restart();
    }
  });

  Deno.test(`${kind}: users of the configuration file are rewritten with it`, async () => {
    const config = "user guest on >sesame ~g:* +get\nacllog-max-len 2\nuser gone off\n";
    await using server = await TestServer.start({ kind, config });
    using connection = await RawConnection.open(server.socketPath);
    assertEquals(bulks(await connection.exchange("ACL", "LIST"))[2], guestLine);
    await connection.exchange("ACL", "DELUSER", "gone");
    await connection.exchange("ACL", "SETUSER", "later", "on");
    assertEquals(await connection.exchange("CONFIG", "REWRITE"), "+OK\r\n");
    const lines = (await Deno.readTextFile(server.configPath)).split("\n");
    const users = lines.filter((line) => line.startsWith("user "));
    assertEquals(users, [defaultLine, guestLine, "user later on resetchannels -@all"]);
    assertEquals(lines.indexOf("acllog-max-len 2"), 1);
    await server.restart();
    using again = await RawConnection.open(server.socketPath);
    // Redis has reset the default user before it read the line.
    const list = await again.exchange("ACL", "LIST");
    assertEquals(bulks(list.replace(" sanitize-payload", "")), users);
  });

  Deno.test(`${kind}: what is denied is in the log, the same again counted`, async () => {
    const config =
      "user guest on nopass ~g:* &c +get +set +multi +exec +publish\nacllog-max-len 5\n";
    await using server = await TestServer.start({ kind, config });
    using connection = await RawConnection.open(server.socketPath);
    using guest = await RawConnection.open(server.socketPath);
    await guest.exchange("AUTH", "guest", "x");
    await guest.exchange("GET", "k\xff");
    await guest.exchange("GET", "k\xff");
    await guest.exchange("DEL", "g:1");
    await guest.exchange("PUBLISH", "other", "x");
    await guest.exchange("AUTH", "nosuch", "x");
    await guest.exchange("MULTI");
    await guest.exchange("GET", "k\xff");
    await guest.exchange("GET", "k\xff");
    await guest.exchange("GET", "k\xff");
    const log = await connection.exchange("ACL", "LOG");
    const entries = log.split("$5\r\ncount\r\n").slice(1).map((entry) => {
      const count = Number(/^:(\d+)/.exec(entry)![1]);
      const [, reason, , context, , object, , username, , age, , client] = bulks(entry);
      assert(Number(age) >= 0 && Number(age) < 60);
      assertMatch(client, /^id=\d+ addr=.* user=guest /);
      return [count, reason, context, object, username];
    });
    assertEquals(entries, [
      [3, "key", "multi", "k\xff", "guest"],
      [1, "auth", "toplevel", "AUTH", "nosuch"],
      [1, "channel", "toplevel", "other", "guest"],
      [1, "command", "toplevel", "del", "guest"],
      [2, "key", "toplevel", "k\xff", "guest"],
    ]);
    await guest.exchange("DISCARD");
    await guest.exchange("GET", "another");
    assertMatch(await connection.exchange("ACL", "LOG", "100"), /^\*5\r\n/);
    assertMatch(await connection.exchange("ACL", "LOG", "1"), /^\*1\r\n[^]*another/);
    assertEquals(await connection.exchange("ACL", "LOG", "RESET"), "+OK\r\n");
    assertEquals(await connection.exchange("ACL", "LOG"), "*0\r\n");
  });

  Deno.test(`${kind}: who may not listen any more is disconnected`, async () => {
    await using server = await TestServer.start({ kind, config: "user u on nopass +@pubsub &*\n" });
    using connection = await RawConnection.open(server.socketPath);
    const listen = async (...args: string[]) => {
      const client = await RawConnection.open(server.socketPath);
      await client.exchange("AUTH", "u", "x");
      await client.exchange(...args);
      return client;
    };
    using stays = await listen("SUBSCRIBE", "a1");
    using staysToo = await listen("PSUBSCRIBE", "a*");
    using goes = await listen("SUBSCRIBE", "b");
    using goesToo = await listen("PSUBSCRIBE", "a1*");
    using goesAsWell = await listen("SSUBSCRIBE", "b");
    await connection.exchange("ACL", "SETUSER", "u", "resetchannels", "&a*");
    for (const client of [goes, goesToo, goesAsWell]) {
      assertEquals(await client.readUntilClosed(), "");
    }
    assertEquals(await connection.exchange("PUBLISH", "a1", "x"), ":2\r\n");
    assertMatch(await stays.readReply(), /message/);
    assertMatch(await staysToo.readReply(), /pmessage/);
  });

  Deno.test(`${kind}: passwords are shown by nothing`, async () => {
    const config = "slowlog-log-slower-than 0\n";
    await using server = await TestServer.start({ kind, config });
    using connection = await RawConnection.open(server.socketPath);
    using monitor = await RawConnection.open(server.socketPath);
    await monitor.exchange("MONITOR");
    await connection.exchange("ACL", "SETUSER", "u", "on", ">hushhush", "<hushhush", ">hushhush");
    await connection.exchange("ACL", "SETUSER", "u", ">hushhush", "~wrong rule");
    await connection.exchange("AUTH", "u", "hushhush");
    await connection.exchange("RESET");
    await connection.exchange("HELLO", "2", "AUTH", "u", "hushhush");
    await connection.exchange("RESET");
    await connection.exchange("CONFIG", "SET", "requirepass", "hushhush");
    await connection.exchange("CONFIG", "SET", "requirepass", "");
    await connection.exchange("ECHO", "the end");
    const slow = await connection.exchange("SLOWLOG", "GET", "100");
    assertStringIncludes(slow, "(redacted)");
    let shown = slow + await connection.exchange("ACL", "LIST") +
      await connection.exchange("ACL", "LOG") + await connection.exchange("CLIENT", "LIST");
    while (!shown.includes('"the end"')) shown += await monitor.readReply();
    assert(!shown.includes("hushhush"), shown);
    assert(!(server.stdoutText + server.stderrText).includes("hushhush"));
  });
}

function bulksOf(...texts: string[]): string {
  return `*${texts.length}\r\n${texts.map((text) => `$${text.length}\r\n${text}\r\n`).join("")}`;
}

Deno.test("kv: mistakes in users end the start with their place", async () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["user a on\nuser a off\n", /server\.conf:2: Duplicate user 'a' found/],
    ["user a +nosuch\n", /server\.conf:1: Error in applying operation '\+nosuch': Unknown command/],
    ["user a >secret foo\n", /server\.conf:1: Syntax error/],
    ["user a (~a\n", /server\.conf:1: Unmatched parenthesis/],
    ["user\n", /server\.conf:1: user: wrong number of arguments/],
    ["aclfile /nonexistent/users.acl\n", /aclfile: Error loading ACLs, opening file/],
    ["aclfile x.acl\nuser a on\n", /server\.conf:2: user: users are defined in .*x\.acl/],
  ];
  for (const [config, message] of wrong) {
    const error = await TestServer.start({ kind: "kv", config }).then(
      async (server) => {
        await server[Symbol.asyncDispose]();
        return "it started";
      },
      (error: Error) => error.message,
    );
    assertMatch(error, message);
    assert(!error.includes("secret"));
  }
});

Deno.test("kv: DELPREFIX is for who may write all keys with the prefix", async () => {
  await using server = await TestServer.start({ kind: "kv" });
  using connection = await RawConnection.open(server.socketPath);
  const dryRun = (prefix: string) => connection.exchange("ACL", "DRYRUN", "u", "delprefix", prefix);
  await connection.exchange(
    "ACL",
    "SETUSER",
    "u",
    "+delprefix",
    "~a:*",
    "~b:?*",
    "%R~c:*",
    "%W~d*",
  );
  for (const prefix of ["a:", "a:b", "a:*", "d", "d:"]) {
    assertEquals(await dryRun(prefix), "+OK\r\n");
  }
  for (const prefix of ["", "a", "b:", "b:?", "c:", "e"]) {
    assertStringIncludes(await dryRun(prefix), `no permissions to access the '${prefix}' key`);
  }
});
