import { assert, assertEquals } from "@std/assert";
import { CallTimer } from "../../../src/commands/call_timer.ts";
import { CommandContext } from "../../../src/commands/context.ts";
import { allCommands, type Command } from "../../../src/commands/registry.ts";
import type { ServerControl } from "../../../src/commands/server_control.ts";
import { Session } from "../../../src/commands/session.ts";
import { ReplyWriter } from "../../../src/protocol/reply_writer.ts";
import type { Store } from "../../../src/store/store.ts";
import { toBytes, toText } from "../../support/binary_text.ts";

/** Commands that take the time they are told to, and a clock that counts its readings. */
class Bench {
  now = 0;
  readings = 0;
  readonly store = { foundStart: 0, foundEnd: 0 };
  readonly timer = new CallTimer(() => {
    this.readings++;
    return this.now;
  });
  readonly context = new CommandContext(
    this.store as Store,
    new ReplyWriter(),
    {} as ServerControl,
    new Session(1, "kv.sock:0", "", 0),
    this.timer,
  );
  readonly commands = allCommands();

  /** Runs a command with one argument; `within` is run inside of it. */
  run(name: string, argument: string, microseconds: number, within = () => {}): void {
    const command = this.command(name);
    this.#request(name, argument);
    if (command !== this.timer.command) this.timer.switchTo(command);
    within();
    this.#request(name, argument);
    this.now += microseconds;
    this.timer.finish(command, this.context);
  }

  #request(name: string, argument: string): void {
    const bytes = toBytes(name + argument);
    const starts = Int32Array.of(0, name.length);
    const ends = Int32Array.of(name.length, bytes.length);
    this.context.request = { bytes, argc: 2, starts, ends, command: -1 };
  }

  command(name: string): Command {
    return this.commands.named(name)!;
  }

  statistics(name: string): [calls: number, microseconds: number] {
    const { calls, microseconds } = this.command(name);
    return [calls, microseconds];
  }

  get logged(): string[] {
    return this.timer.slowLog.latest(100).map(({ args, microseconds }) =>
      `${args.map(toText).join(" ")}: ${microseconds}`
    );
  }
}

Deno.test("brief calls of one command share a reading of the clock, up to sixteen", () => {
  const bench = new Bench();
  bench.timer.start(bench.context.session);
  for (let i = 0; i < 40; i++) bench.run("get", "a", 2);
  assertEquals(bench.readings, 3);
  assertEquals(bench.statistics("get"), [32, 64]);
  bench.timer.pause();
  assertEquals(bench.readings, 4);
  assertEquals(bench.statistics("get"), [40, 80]);
  assertEquals(bench.command("get").histogram!.total, 40);
});

Deno.test("another command ends the lap", () => {
  const bench = new Bench();
  bench.timer.start(bench.context.session);
  bench.run("get", "a", 1);
  bench.run("get", "b", 3);
  bench.run("set", "a", 10);
  bench.run("get", "a", 5);
  bench.timer.pause();
  assertEquals(bench.statistics("get"), [3, 9]);
  assertEquals(bench.statistics("set"), [1, 10]);
});

Deno.test("a pause with nothing to note does not read the clock", () => {
  const bench = new Bench();
  bench.timer.start(bench.context.session);
  bench.timer.pause();
  assertEquals(bench.readings, 1);
});

Deno.test("time between batches is nobody's", () => {
  const bench = new Bench();
  bench.timer.start(bench.context.session);
  bench.run("get", "a", 1);
  bench.timer.pause();
  bench.now += 1e9;
  bench.timer.start(bench.context.session);
  bench.run("get", "a", 1);
  bench.timer.pause();
  assertEquals(bench.statistics("get"), [2, 2]);
});

Deno.test("what is not brief is timed alone: by its kind, its arguments or the value", () => {
  const bench = new Bench();
  bench.timer.start(bench.context.session);
  bench.run("keys", "*", 100);
  bench.run("keys", "*", 100);
  assertEquals(bench.statistics("keys"), [2, 200]);
  for (let i = 0; i < 7; i++) bench.run("get", "a", 1);
  bench.timer.pause();
  bench.store.foundEnd = 1e6;
  bench.run("get", "large", 50);
  bench.store.foundEnd = 0;
  // Those before it in its lap get what they usually take.
  bench.run("get", "a", 1);
  bench.run("get", "k".repeat(5000), 50);
  assertEquals(bench.statistics("get"), [10, 108]);
  assertEquals(bench.command("get").histogram!.percentile(50).toFixed(3), "1.003");
  assertEquals(bench.command("get").histogram!.percentile(90).toFixed(3), "50.175");
});

Deno.test("EXEC takes the time of what it runs, and so does each of them", () => {
  const bench = new Bench();
  bench.timer.start(bench.context.session);
  bench.run("exec", "", 5, () => {
    bench.run("set", "a", 10);
    bench.run("get", "a", 20);
    bench.run("get", "b", 20);
  });
  bench.timer.pause();
  assertEquals(bench.statistics("exec"), [1, 55]);
  assertEquals(bench.statistics("set"), [1, 10]);
  // Its last lap ends with EXEC.
  assertEquals(bench.statistics("get"), [2, 45]);
});

Deno.test("a slow call is logged with its own request", () => {
  const bench = new Bench();
  bench.timer.start(bench.context.session);
  bench.run("keys", "fast", 9_999);
  bench.run("keys", "slow", 10_000);
  bench.run("exec", "", 0, () => {
    bench.run("keys", "inner", 20_000);
  });
  assertEquals(bench.logged, ["keys inner: 20000", "keys slow: 10000"]);
});

Deno.test("a slow one among brief ones is noticed, and the next ones are timed singly", () => {
  const bench = new Bench();
  bench.timer.start(bench.context.session);
  for (let i = 0; i < 31; i++) bench.run("get", "a", 1);
  bench.run("get", "last", 12_000);
  assertEquals(bench.logged, ["get last: 12000"]);
  assertEquals(bench.statistics("get"), [32, 12_031]);
  const before = bench.readings;
  bench.run("get", "a", 1);
  bench.run("get", "b", 11_000);
  bench.run("get", "c", 1);
  assertEquals(bench.readings - before, 3);
  assertEquals(bench.logged[0], "get b: 11000");
});

Deno.test("a low threshold has every call timed and logged", () => {
  const bench = new Bench();
  bench.timer.slowLog.thresholdMicroseconds = 0;
  bench.timer.start(bench.context.session);
  for (const key of ["a", "b", "c"]) bench.run("get", key, 1);
  assertEquals(bench.logged, ["get c: 1", "get b: 1", "get a: 1"]);
});

Deno.test("thresholds that are off log nothing", () => {
  const bench = new Bench();
  bench.timer.slowLog.thresholdMicroseconds = -1;
  bench.timer.start(bench.context.session);
  bench.run("keys", "*", 1e6);
  assertEquals([bench.logged.length, bench.timer.latency.series.size], [0, 0]);
});

Deno.test("latency events tell fast commands from others", () => {
  const bench = new Bench();
  bench.timer.latency.thresholdMs = 5;
  bench.timer.start(bench.context.session);
  bench.run("keys", "*", 5_000);
  bench.run("get", "a", 6_000);
  bench.timer.pause();
  assertEquals([...bench.timer.latency.series.keys()], ["command", "fast-command"]);
  // Not slow enough for the slow log.
  assertEquals(bench.logged, []);
});

Deno.test("without tracking, there are sums but no histograms", () => {
  const bench = new Bench();
  bench.timer.isTracking = false;
  bench.timer.start(bench.context.session);
  bench.run("keys", "*", 3);
  assertEquals(bench.statistics("keys"), [1, 3]);
  assertEquals(bench.command("keys").histogram, null);
});

Deno.test("the kernel's clock goes on in microseconds", async () => {
  const timer = new CallTimer();
  const session = new Session(1, "", "", 0);
  const started = timer.start(session);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const elapsed = timer.start(session) - started;
  assert(elapsed > 4_000 && elapsed < 1e6, `${elapsed} µs`);
});
