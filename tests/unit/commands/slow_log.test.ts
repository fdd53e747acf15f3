import { assertEquals } from "@std/assert";
import { Session } from "../../../src/commands/session.ts";
import { SlowLog } from "../../../src/commands/slow_log.ts";
import type { Request } from "../../../src/protocol/request.ts";
import { toBytes, toText } from "../../support/binary_text.ts";

function requestOf(...args: string[]): Request {
  const starts = new Int32Array(args.length);
  const ends = new Int32Array(args.length);
  let text = "";
  args.forEach((arg, i) => {
    starts[i] = text.length;
    text += arg;
    ends[i] = text.length;
  });
  return { bytes: toBytes(text), argc: args.length, starts, ends, command: -1 };
}

function add(log: SlowLog, args: string[], redacted: number[] = []): void {
  const session = new Session(1, "kv.sock:0", "kv.sock:0", 0);
  session.name = "worker";
  log.add(requestOf(...args), session, { microseconds: 12.9, redacted });
}

function argsOf(log: SlowLog, count = 1): string[][] {
  return log.latest(count).map(({ args }) => args.map(toText));
}

Deno.test("an entry tells what, when, how long and who", () => {
  const log = new SlowLog();
  const before = Math.floor(Date.now() / 1000);
  add(log, ["SET", "a", "\xff\0"]);
  const [entry] = log.latest(5);
  assertEquals([entry.id, entry.microseconds], [0, 12]);
  assertEquals([entry.address, entry.clientName], ["kv.sock:0", "worker"]);
  assertEquals(entry.seconds >= before && entry.seconds <= before + 1, true);
  assertEquals(argsOf(log), [["SET", "a", "\xff\0"]]);
});

Deno.test("an entry has bytes of its own", () => {
  const log = new SlowLog();
  const request = requestOf("GET", "a");
  log.add(request, new Session(1, "", "", 0), { microseconds: 1, redacted: [] });
  request.bytes.fill(0x78);
  assertEquals(argsOf(log), [["GET", "a"]]);
});

Deno.test("long arguments and many of them are cut, and the cut is told", () => {
  const log = new SlowLog();
  add(log, ["SET", "a", "v".repeat(128)]);
  assertEquals(argsOf(log)[0][2], "v".repeat(128));
  add(log, ["SET", "a", "v".repeat(1000)]);
  assertEquals(argsOf(log)[0][2], `${"v".repeat(128)}... (872 more bytes)`);
  const many = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
  add(log, many(32));
  assertEquals(argsOf(log)[0], many(32));
  add(log, many(33));
  assertEquals(argsOf(log)[0], [...many(31), "... (2 more arguments)"]);
});

Deno.test("arguments that are nobody's business are not kept", () => {
  const log = new SlowLog();
  add(log, ["HELLO", "3", "AUTH", "default", "secret"], [3, 4]);
  assertEquals(argsOf(log), [["HELLO", "3", "AUTH", "(redacted)", "(redacted)"]]);
});

Deno.test("the oldest entries go first, and numbers go on after all have gone", () => {
  const log = new SlowLog();
  log.entriesMax = 3;
  for (const key of ["a", "b", "c", "d"]) add(log, ["GET", key]);
  assertEquals(argsOf(log, 10), [["GET", "d"], ["GET", "c"], ["GET", "b"]]);
  assertEquals(argsOf(log, 2).length, 2);
  log.entriesMax = 1;
  assertEquals(argsOf(log, 10), [["GET", "d"]]);
  log.clear();
  assertEquals([log.length, log.latest(10).length], [0, 0]);
  add(log, ["GET", "e"]);
  assertEquals(log.latest(10)[0].id, 4);
});
