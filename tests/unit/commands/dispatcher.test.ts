import { assert, assertEquals, assertMatch } from "@std/assert";
import { CommandContext } from "../../../src/commands/context.ts";
import { Dispatcher } from "../../../src/commands/dispatcher.ts";
import type { ServerControl } from "../../../src/commands/server_control.ts";
import { Session } from "../../../src/commands/session.ts";
import { ReplyWriter } from "../../../src/protocol/reply_writer.ts";
import { RequestParser } from "../../../src/protocol/request_parser.ts";
import { encodeRequest, toBytes, toText } from "../../support/binary_text.ts";
import { feedParser } from "../../support/parser_feeding.ts";
import { SimulatedDisk } from "../store/simulated_disk.ts";
import { openOn, withStore } from "../store/tiny_store.ts";

/** No command that is run here asks the server for anything but these. */
const control = {
  config: { names: () => [], get: () => undefined, set: () => null },
  sessions: () => [],
} as unknown as ServerControl;

class Bench {
  readonly disk = new SimulatedDisk();
  readonly store = openOn(this.disk);
  readonly reply = new ReplyWriter();
  session = new Session(1, "", "", 0);
  readonly context = new CommandContext(this.store, this.reply, control, this.session);
  readonly dispatcher = new Dispatcher(this.context);

  /** Runs one request; returns its reply. */
  run(...args: string[]): string {
    const parser = new RequestParser();
    feedParser(parser, toBytes(encodeRequest(args)));
    assertEquals(parser.readAhead(), 1);
    this.reply.length = 0;
    this.context.request = parser.requests[0];
    this.context.session = this.session;
    this.dispatcher.timer.start(this.session);
    this.dispatcher.run();
    this.dispatcher.timer.pause();
    return toText(this.reply.bytes.subarray(0, this.reply.length));
  }

  command(name: string) {
    return this.dispatcher.commands.find(toBytes(name), 0, name.length)!;
  }
}

function onBench(name: string, use: (bench: Bench) => Promise<void> | void): void {
  Deno.test(name, async () => {
    const bench = new Bench();
    await withStore(bench.store, () => use(bench));
  });
}

onBench("a command is run and counted", (bench) => {
  assertEquals(bench.run("SET", "a", "1"), "+OK\r\n");
  assertEquals(bench.run("get", "a"), "$1\r\n1\r\n");
  assertEquals(bench.run("GeT", "b"), "$-1\r\n");
  assertEquals([bench.command("get").calls, bench.command("set").calls], [2, 1]);
  assertEquals([bench.dispatcher.processed, bench.dispatcher.hits, bench.dispatcher.misses], [
    3,
    1,
    1,
  ]);
  assertEquals(bench.session.lastCommand?.name, "get");
});

onBench("an unknown command is told with the start of its arguments", (bench) => {
  assertEquals(
    bench.run("NOPE", "a", "b\xff"),
    "-ERR unknown command 'NOPE', with args beginning with: 'a' 'b\xff' \r\n",
  );
  assertEquals(bench.run("x\r\ny"), "-ERR unknown command 'x  y', with args beginning with: \r\n");
  assertEquals(bench.dispatcher.processed, 0);
});

onBench("long names and arguments are shown up to 128 bytes", (bench) => {
  const reply = bench.run("n".repeat(300), "a".repeat(300), "b");
  const name = "n".repeat(128);
  const argument = "a".repeat(128);
  assertEquals(
    reply,
    `-ERR unknown command '${name}', with args beginning with: '${argument}' \r\n`,
  );
});

onBench("a wrong number of arguments is refused, and counted as rejected", (bench) => {
  for (const args of [["GET"], ["GET", "a", "b"], ["get"]]) {
    assertEquals(bench.run(...args), "-ERR wrong number of arguments for 'get' command\r\n");
  }
  assertEquals([bench.command("get").calls, bench.command("get").rejected], [0, 3]);
});

onBench("subcommands are found, named in errors, and counted on their own", (bench) => {
  assertEquals(bench.run("CONFIG", "NOPE"), "-ERR unknown subcommand 'NOPE'. Try CONFIG HELP.\r\n");
  const arity = "-ERR wrong number of arguments for 'config|get' command\r\n";
  assertEquals(bench.run("config", "get"), arity);
  assertEquals(bench.run("CONFIG"), "-ERR wrong number of arguments for 'config' command\r\n");
  assertEquals(bench.run("CONFIG", "GET", "x"), "*0\r\n");
  assertEquals(bench.session.lastCommand?.name, "config|get");
});

onBench("requests are queued in a transaction and run by EXEC", (bench) => {
  assertEquals(bench.run("MULTI"), "+OK\r\n");
  assertEquals(bench.run("SET", "a", "1"), "+QUEUED\r\n");
  assertEquals(bench.run("INCR", "a"), "+QUEUED\r\n");
  assertEquals(bench.store.count, 0);
  assertEquals(bench.run("EXEC"), "*2\r\n+OK\r\n:2\r\n");
  assertEquals(bench.run("GET", "a"), "$1\r\n2\r\n");
});

onBench("a refused request in a transaction makes EXEC refuse all of it", (bench) => {
  for (const bad of [["NOPE"], ["GET"], ["CONFIG", "NOPE"], ["SHUTDOWN"]]) {
    bench.run("MULTI");
    bench.run("SET", "a", "1");
    assertMatch(bench.run(...bad), /^-ERR /);
    const aborted = "-EXECABORT Transaction discarded because of previous errors.\r\n";
    assertEquals(bench.run("EXEC"), aborted, bad.join(" "));
    assertEquals(bench.store.count, 0);
  }
});

onBench("EXEC with arguments ends the transaction", (bench) => {
  bench.run("MULTI");
  assertEquals(
    bench.run("EXEC", "x"),
    "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n",
  );
  assertEquals(bench.run("EXEC"), "-ERR EXEC without MULTI\r\n");
});

onBench("an error of one command in a transaction leaves the others alone", (bench) => {
  bench.run("MULTI");
  bench.run("SET", "a", "x");
  bench.run("INCR", "a");
  bench.run("SET", "b", "1");
  const reply = "*3\r\n+OK\r\n-ERR value is not an integer or out of range\r\n+OK\r\n";
  assertEquals(bench.run("EXEC"), reply);
  assertEquals(bench.store.count, 2);
});

onBench(
  "a full disk is an OOM error, and a command that fails in its middle changes nothing",
  (bench) => {
    bench.run("SET", "a", "1");
    bench.disk.bytesMax = 0;
    const long = "v".repeat(3000);
    const pairs = Array.from({ length: 200 }, (_, i) => [`key:${i}`, long]).flat();
    assertMatch(bench.run("MSET", ...pairs), /^-OOM Cannot grow the store .*\r\n$/);
    assertEquals(bench.store.count, 1);
    assertEquals(bench.command("mset").failed, 1);
    assertEquals(bench.run("DEL", "a"), ":1\r\n");
  },
);

onBench("a failed sync is a MISCONF error, and reads go on", async (bench) => {
  bench.run("SET", "a", "1");
  bench.disk.syncFails = true;
  await bench.store.sync().catch(() => {});
  assertMatch(bench.run("SET", "a", "2"), /^-MISCONF .*mend the disk and restart\r\n$/);
  assertEquals(bench.run("GET", "a"), "$1\r\n1\r\n");
});

onBench("a bug in a handler is an error reply, is told, and takes back the half reply", (bench) => {
  const bugs: unknown[] = [];
  bench.dispatcher.onBug = (error, command) => bugs.push([String(error), command]);
  const get = bench.command("get");
  Object.assign(get, {
    handler: ({ reply }: CommandContext) => {
      reply.array(5);
      throw new Error("oops");
    },
  });
  assertEquals(bench.run("GET", "a"), "-ERR internal error in 'get': oops\r\n");
  assertEquals(bugs, [["Error: oops", "get"]]);
  assertEquals(get.failed, 1);
});

onBench("every call is timed", (bench) => {
  for (let i = 0; i < 129; i++) bench.run("PING");
  const ping = bench.command("ping");
  assertEquals([ping.calls, ping.histogram?.total], [129, 129]);
  assert(ping.microseconds > 0);
});
