/** What the benchmark reads: redis-benchmark's table, files of /proc, INFO, its command line. */
import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BenchError, exitStatus } from "../../../scripts/bench/bench_error.ts";
import {
  benchmarkArgs,
  parseBenchmarkReport,
  quantileOf,
} from "../../../scripts/bench/drivers/redis_benchmark.ts";
import { fileSystemOf, isInMemory, processorModel } from "../../../scripts/bench/machine.ts";
import { parseOptions } from "../../../scripts/bench/options.ts";
import { requireTools, shellWord } from "../../../scripts/bench/processes.ts";
import {
  infoKeys,
  infoNumber,
  mainThreadWakeups,
  parseChildrenSeconds,
  parseInfo,
  parsePauses,
  parseProcessorSeconds,
  parseResidentMemory,
  processorSeconds,
  residentMemory,
  threadWakeups,
} from "../../../scripts/bench/process_facts.ts";

const report = `
====== SET ======
  100000 requests completed in 0.10 seconds

Latency by percentile distribution:
0.000% <= 0.063 milliseconds (cumulative count 16)
50.000% <= 0.607 milliseconds (cumulative count 50240)
98.438% <= 1.367 milliseconds (cumulative count 98448)
99.219% <= 2.367 milliseconds (cumulative count 99232)
99.902% <= 3.679 milliseconds (cumulative count 99904)
100.000% <= 3.719 milliseconds (cumulative count 100000)

Cumulative distribution of latencies:
0.048% <= 0.103 milliseconds (cumulative count 48)

Summary:
  throughput summary: 1010101.00 requests per second
  latency summary (msec):
          avg       min       p50       p95       p99       max
        0.608     0.056     0.607     0.975     1.543     3.719
`;

Deno.test("redis-benchmark's report is read: the rate, and latencies out of its distribution", () => {
  const { curve, ...figures } = parseBenchmarkReport(report);
  assertEquals(figures, {
    requestsPerSecond: 1010101,
    p50Ms: 0.607,
    p99Ms: 2.367,
    p999Ms: 3.679,
    maxMs: 3.719,
  });
  assertEquals(curve.length, 6);
  assertEquals(curve[1], [0.5, 0.607]);
});

Deno.test("a quantile is that of the next point listed, or the last", () => {
  assertEquals(quantileOf([[0.5, 1], [0.9, 2]], 0.5), 1);
  assertEquals(quantileOf([[0.5, 1], [0.9, 2]], 0.6), 2);
  assertEquals(quantileOf([[0.5, 1], [0.9, 2]], 0.99), 2);
  assertEquals(quantileOf([], 0.5), NaN);
});

Deno.test("a report that is not redis-benchmark's, or is cut short, is an error", () => {
  assertThrows(() => parseBenchmarkReport(""), BenchError, "Cannot read redis-benchmark's report");
  const cut = report.slice(0, report.indexOf("Summary"));
  assertThrows(() => parseBenchmarkReport(cut), BenchError, "Cannot read redis-benchmark's report");
  const withoutDistribution = report.slice(report.indexOf("Summary"));
  assertThrows(() => parseBenchmarkReport(withoutDistribution), BenchError, "Cannot read");
});

Deno.test("redis-benchmark picks among the keys that were loaded, with values as long", () => {
  const dataset = { keys: 1_000_000, valueBytes: 32 };
  const options = { dataset, pipeline: 16, connections: 50, requests: 1500 };
  assertEquals(
    benchmarkArgs("kv.sock", { ...options, request: "set" }).join(" "),
    "-s kv.sock -c 50 -r 1000000 -n 1500 -d 32 -P 16 -t set",
  );
  assertEquals(
    benchmarkArgs("kv.sock", { ...options, request: ["DEL", "key:__rand_int__"] }).slice(-4),
    ["-P", "16", "DEL", "key:__rand_int__"],
  );
});

Deno.test("a process's time counts threads and children, whatever the program is called", () => {
  const before = "4127 (a b) c) S 1 4127 4127 0 -1 4194560 9 0 0 0";
  assertAlmostEquals(parseProcessorSeconds(`${before} 150 25 30 5 20 0 4 0 77`), 2.1, 1e-9);
  assertAlmostEquals(parseChildrenSeconds(`${before} 150 25 30 5 20 0 4 0 77`), 0.35, 1e-9);
  assertThrows(() => parseProcessorSeconds("4127 (kv) S 1"), Error, "Cannot read");
});

Deno.test("resident memory is read with its parts, which may be missing", () => {
  const status = "Name:\tkv\nVmHWM:\t  999 kB\nVmRSS:\t    1772 kB\nRssAnon:\t     116 kB\n" +
    "RssFile:\t    1656 kB\n";
  assertEquals(parseResidentMemory(status), {
    resident: 1772 * 1024,
    anonymous: 116 * 1024,
    file: 1656 * 1024,
    shared: 0,
  });
});

Deno.test("this process's own time and memory can be read", () => {
  const seconds = processorSeconds(Deno.pid);
  assertEquals(seconds > 0 && seconds < 1e6, true, `${seconds} s`);
  const { resident, anonymous, file, shared } = residentMemory(Deno.pid);
  assertEquals(resident, anonymous + file + shared);
});

Deno.test("a process's threads tell how often they were woken", () => {
  const main = mainThreadWakeups(Deno.pid);
  assertEquals(main > 0 && threadWakeups(Deno.pid) >= main, true, `${main}`);
});

Deno.test("pauses above 5 ms are those of the classes that begin there", () => {
  const info = parseInfo(
    "store_pauses:<0.25ms:7,<5ms:3,<10ms:2,<20ms:1,<50ms:0,<100ms:0,>=100ms:4\r\n" +
      "store_longest_pause_ms:123.45\r\nstore_longest_own_pause_ms:4.50\r\n",
  );
  assertEquals(parsePauses(info), { longestMs: 123.45, longestOwnMs: 4.5, aboveFiveMs: 7 });
});

Deno.test("INFO of either server is read by the names of its fields", () => {
  const info = parseInfo(
    "# Memory\r\nused_memory:1048576\r\nexecutable:/x:y\r\n\r\n# Keyspace\r\n" +
      "db0:keys=1000000,expires=3,avg_ttl=0\r\n",
  );
  assertEquals(infoNumber(info, "used_memory"), 1048576);
  assertEquals(infoNumber(info, "store_index_bytes"), undefined);
  assertEquals(infoNumber(info, "executable"), undefined);
  assertEquals(info.get("executable"), "/x:y");
  assertEquals(infoKeys(info), 1_000_000);
  assertEquals(infoKeys(parseInfo("# Keyspace\r\n")), 0);
});

Deno.test("the file system of a folder is that of the deepest and latest mount above it", () => {
  const mounts = [
    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard",
    "30 27 0:27 / /dev/shm rw,relatime shared:4 master:2 - tmpfs tmpfs rw",
    "31 27 0:28 / /data rw - xfs /dev/vdb rw",
    "32 27 0:29 / /data rw - btrfs /dev/vdc rw",
    "33 27 0:30 / /with\\040space rw - overlay overlay rw",
    "",
  ].join("\n");
  assertEquals(fileSystemOf("/srv/x", mounts), "ext4");
  assertEquals(fileSystemOf("/", mounts), "ext4");
  assertEquals(fileSystemOf("/dev/shm/x", mounts), "tmpfs");
  assertEquals(fileSystemOf("/dev/shmx", mounts), "ext4");
  assertEquals(fileSystemOf("/data", mounts), "btrfs");
  assertEquals(fileSystemOf("/with space/x", mounts), "overlay");
  assertEquals(fileSystemOf("/x", ""), "unknown");
  assertEquals([isInMemory("tmpfs"), isInMemory("ext4")], [true, false]);
});

Deno.test("the processor's model is found where there is one", () => {
  assertEquals(processorModel("processor\t: 0\nmodel name\t: AMD EPYC\nflags: x\n"), "AMD EPYC");
  assertStringIncludes(processorModel("processor\t: 0\n"), Deno.build.arch);
});

const plain = {
  ...{ names: [], isAll: false, isList: false, isQuick: false, rounds: 5, runSeconds: 2 },
  ...{ jsonPath: undefined, isSaved: false, isPageOnly: false, against: undefined },
  ...{ isStrict: false, isHelp: false },
};

Deno.test("options have defaults, and --quick and --against have their own", () => {
  assertEquals(parseOptions([]), plain);
  const quick = { ...plain, isQuick: true, rounds: 2, runSeconds: 0.1 };
  assertEquals(parseOptions(["--quick"]), quick);
  assertEquals(parseOptions(["--quick", "--rounds", "7"]), { ...quick, rounds: 7 });
  assertEquals(parseOptions(["--seconds", "0.5"]), { ...plain, runSeconds: 0.5 });
  const against = parseOptions(["set-p1", "speed", "--against", "HEAD~1"]);
  const names = ["set-p1", "speed"];
  assertEquals(against, { ...plain, names, against: "HEAD~1", rounds: 12 });
  assertEquals(parseOptions(["--rounds=3", "--json", "x.json", "--save", "--strict"]), {
    ...plain,
    ...{ rounds: 3, jsonPath: "x.json", isSaved: true, isStrict: true },
  });
  assertEquals(parseOptions(["-h"]).isHelp, true);
});

Deno.test("a wrong command line is refused with the status for that", () => {
  const wrong = [
    ...[["--rounds", "0"], ["--rounds", "100"], ["--rounds", "x"], ["--rounds", ""], ["--rounds"]],
    ...[["--rounds", "3.5"], ["--rounds", "-3"], ["--against", "HEAD", "--rounds", "5"]],
    ...[["--json"], ["--json", ""], ["--fast"], ["--all", "set-p1"], ["--save", "--quick"]],
    ...[["--seconds", "0"], ["--seconds", "61"], ["--seconds", "1e1"], ["--seconds"]],
    ["--save", "--against", "HEAD"],
  ];
  for (const args of wrong) {
    const error = assertThrows(() => parseOptions(args), BenchError);
    assertEquals(error.status, exitStatus.usage, args.join(" "));
  }
});

Deno.test("tools that are missing are named in one line with the packages that bring them", () => {
  const all = ["redis-server", "redis-benchmark", "memcached"];
  requireTools(all, () => true);
  const withoutTools = assertThrows(
    () => requireTools(all, (name) => name !== "redis-benchmark"),
    BenchError,
    "without redis-benchmark: install Debian's package redis-tools",
  );
  assertEquals(withoutTools.status, 2);
  const withoutAny = assertThrows(() => requireTools(all, () => false), BenchError);
  assertStringIncludes(
    withoutAny.message,
    "Debian's packages redis-server, redis-tools, memcached",
  );
  assertEquals(withoutAny.message.includes("\n"), false);
});

Deno.test("command lines are shown as a shell would take them", () => {
  assertEquals(
    ["-P", "a.sock", "", "it's", "a b"].map(shellWord).join(" "),
    "-P a.sock '' 'it'\\''s' 'a b'",
  );
});
