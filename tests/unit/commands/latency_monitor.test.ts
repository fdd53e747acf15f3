import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LatencyMonitor } from "../../../src/commands/latency_monitor.ts";
import { latencyReport } from "../../../src/commands/latency_report.ts";

class Bench {
  nowMs = 1_700_000_000_000;
  readonly monitor = new LatencyMonitor(() => this.nowMs);

  constructor(thresholdMs: number) {
    this.monitor.thresholdMs = thresholdMs;
  }

  report(slowLogThresholdMicroseconds = 10_000, syncPolicy = "everysec"): string {
    return latencyReport({
      monitor: this.monitor,
      slowLogThresholdMicroseconds,
      syncPolicy,
      nowSeconds: this.nowMs / 1000,
    });
  }
}

Deno.test("without a threshold, nothing is an event", () => {
  const { monitor } = new Bench(0);
  monitor.note("command", 1e6);
  assertEquals([monitor.series.size, monitor.thresholdMicroseconds], [0, Infinity]);
});

Deno.test("what takes as long as the threshold is an event, in whole milliseconds", () => {
  const { monitor, nowMs } = new Bench(10);
  monitor.note("command", 9.99);
  assertEquals(monitor.series.size, 0);
  monitor.note("command", 10.9);
  const { samples, longestMs } = monitor.series.get("command")!;
  assertEquals(samples, [{ seconds: nowMs / 1000, milliseconds: 10 }]);
  assertEquals(longestMs, 10);
});

Deno.test("of the events of one second, the worst is kept", () => {
  const bench = new Bench(1);
  for (const ms of [5, 20, 7]) bench.monitor.note("command", ms);
  bench.nowMs += 1000;
  bench.monitor.note("command", 3);
  const { samples, longestMs } = bench.monitor.series.get("command")!;
  assertEquals(samples.map(({ milliseconds }) => milliseconds), [20, 3]);
  assertEquals(longestMs, 20);
});

Deno.test("160 seconds are kept of each kind, and the worst ever", () => {
  const bench = new Bench(1);
  for (let i = 0; i < 200; i++) {
    bench.nowMs += 1000;
    bench.monitor.note("command", i === 0 ? 999 : 5);
  }
  const { samples, longestMs } = bench.monitor.series.get("command")!;
  assertEquals([samples.length, longestMs], [160, 999]);
  assertEquals(samples[159].seconds, bench.nowMs / 1000);
});

Deno.test("events are forgotten by kind, in any case, or all", () => {
  const { monitor } = new Bench(1);
  for (const event of ["command", "fast-command", "expire-cycle"]) monitor.note(event, 5);
  assertEquals([monitor.reset("COMMAND"), monitor.reset("nosuch")], [1, 0]);
  assertEquals([...monitor.series.keys()], ["fast-command", "expire-cycle"]);
  assertEquals([monitor.reset(), monitor.series.size], [2, 0]);
});

Deno.test("the doctor says that he has nothing to look at, or found nothing", () => {
  assertMatch(new Bench(0).report(), /^I'm sorry, Dave, /);
  assertMatch(new Bench(1).report(), /^Dave, no latency spike was observed /);
});

Deno.test("the doctor counts spikes with mean, deviation and period", () => {
  const bench = new Bench(1);
  for (const ms of [10, 20, 33]) {
    bench.monitor.note("command", ms);
    bench.nowMs += 10_000;
  }
  assertStringIncludes(
    bench.report(),
    "\n1. command: 3 latency spikes (average 21ms, mean deviation 8ms, period 10.00 sec). " +
      "Worst all time event 33ms.\n",
  );
});

Deno.test("the doctor's advice is about what he saw, each once", () => {
  const bench = new Bench(5);
  bench.monitor.note("command", 10);
  assertStringIncludes(
    bench.report(-1),
    "The slow log is off: 'CONFIG SET slowlog-log-slower-than 5000'",
  );
  assertStringIncludes(bench.report(10_000), "The slow log leaves out some");
  assertStringIncludes(bench.report(1000), "- SLOWLOG GET shows");
  bench.monitor.note("fast-command", 10);
  bench.monitor.note("expire-cycle", 10);
  bench.monitor.note("aof-fsync-always", 10);
  bench.monitor.note("eviction-cycle", 10);
  const report = bench.report(1000, "always");
  assertEquals(report.match(/too little processor time/g)?.length, 1);
  assertStringIncludes(report, "- With appendfsync always");
  assertStringIncludes(report, "raise maxmemory");
});

Deno.test("a long stretch of the event loop is an event, unless another within it says why", async () => {
  const { monitor } = new Bench(5);
  monitor.noteStretch(4.9);
  assertEquals(monitor.series.size, 0);
  monitor.note("command", 20);
  monitor.noteStretch(20);
  assertEquals([...monitor.series.keys()], ["command"]);
  // The command is over for longer than this stretch has lasted.
  await new Promise((resolve) => setTimeout(resolve, 20));
  monitor.noteStretch(6);
  assertEquals([...monitor.series.keys()], ["command", "event-loop"]);
  assertEquals(monitor.series.get("event-loop")!.longestMs, 6);
});

Deno.test("LATENCY DOCTOR tells what may help against stretches of the event loop", () => {
  const bench = new Bench(5);
  bench.monitor.noteStretch(6);
  assertMatch(bench.report(), /1\. event-loop: 1 latency spikes[^]*LATENCY HISTOGRAM event-loop/);
});
