/** What the benchmark reads: redis-benchmark's table, files of /proc, INFO, its command line. */
import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BenchError, exitStatus } from "../../../scripts/bench/bench_error.ts";
import { benchmarkArgs, parseBenchmarkCsv } from "../../../scripts/bench/benchmark_run.ts";
import { fileSystemOf, isInMemory, processorModel } from "../../../scripts/bench/machine.ts";
import { parseOptions } from "../../../scripts/bench/options.ts";
import { requireTools, shellWord } from "../../../scripts/bench/processes.ts";
import {
  infoKeys,
  infoNumber,
  parseInfo,
  parseProcessorSeconds,
  parseResidentMemory,
  processorSeconds,
  residentMemory,
} from "../../../scripts/bench/process_facts.ts";

const titles = '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms",' +
  '"p95_latency_ms","p99_latency_ms","max_latency_ms"\n';

Deno.test("the table of redis-benchmark is read by the titles of its columns", () => {
  const table = titles +
    '"SET","290697.66","2.593","0.240","0.879","7.783","18.447","53.823"\n' +
    '"MSET (10 keys), all","5025.5","1.443","0.224","0.743","3.583","6.607","30.559"\n';
  assertEquals(parseBenchmarkCsv(table), [
    { test: "SET", requestsPerSecond: 290697.66, p50Ms: 0.879, p99Ms: 18.447, maxMs: 53.823 },
    {
      test: "MSET (10 keys), all",
      requestsPerSecond: 5025.5,
      p50Ms: 0.743,
      p99Ms: 6.607,
      maxMs: 30.559,
    },
  ]);
  const otherOrder = '"max_latency_ms","p99_latency_ms","p50_latency_ms","rps","test"\r\n' +
    '"4","3","2","1","GET"\r\n';
  assertEquals(parseBenchmarkCsv(otherOrder), [
    { test: "GET", requestsPerSecond: 1, p50Ms: 2, p99Ms: 3, maxMs: 4 },
  ]);
  assertEquals(parseBenchmarkCsv(`WARNING: no config\n${titles}`), []);
});

Deno.test("a table that is not redis-benchmark's, or is cut short, is an error", () => {
  assertThrows(() => parseBenchmarkCsv(""), BenchError, "no column test");
  assertThrows(() => parseBenchmarkCsv('"test","rps"\n'), BenchError, "no column p50_latency_ms");
  assertThrows(() => parseBenchmarkCsv(`${titles}"SET","290697.66","2.5`), BenchError, "SET");
  const notNumber = `${titles}"SET","nan","2","0","0","7","18","53"`;
  assertThrows(() => parseBenchmarkCsv(notNumber), BenchError, "nan");
});

Deno.test("redis-benchmark picks among the keys that were loaded, with values as long", () => {
  assertEquals(
    benchmarkArgs("kv.sock", { test: "set", pipeline: 16, requests: 1500 }).join(" "),
    "-s kv.sock -c 50 -r 1000000 -n 1500 -d 32 -P 16 -t set --csv",
  );
});

Deno.test("a process's time counts threads and children, whatever the program is called", () => {
  const before = "4127 (a b) c) S 1 4127 4127 0 -1 4194560 9 0 0 0";
  assertAlmostEquals(parseProcessorSeconds(`${before} 150 25 30 5 20 0 4 0 77`), 2.1, 1e-9);
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

Deno.test("options have defaults, and --quick has its own", () => {
  const plain = { isQuick: false, rounds: 5, jsonPath: undefined, isHelp: false };
  assertEquals(parseOptions([]), plain);
  assertEquals(parseOptions(["--quick"]), { ...plain, isQuick: true, rounds: 3 });
  assertEquals(parseOptions(["--quick", "--rounds", "7"]), { ...plain, isQuick: true, rounds: 7 });
  assertEquals(parseOptions(["--rounds=3", "--json", "x.json"]), {
    ...plain,
    rounds: 3,
    jsonPath: "x.json",
  });
  assertEquals(parseOptions(["-h"]).isHelp, true);
});

Deno.test("a wrong command line is refused with the status for that", () => {
  const wrong = [
    ...[["--rounds", "2"], ["--rounds", "100"], ["--rounds", "x"], ["--rounds", ""], ["--rounds"]],
    ...[["--rounds", "3.5"], ["--rounds", "-3"]],
    ...[["--json"], ["--json", ""], ["--fast"], ["file"], ["7"], ["--", "x"]],
  ];
  for (const args of wrong) {
    const error = assertThrows(() => parseOptions(args), BenchError);
    assertEquals(error.status, exitStatus.usage, args.join(" "));
  }
});

Deno.test("tools that are missing are named in one line with the packages that bring them", () => {
  requireTools(() => true);
  const withoutTools = assertThrows(
    () => requireTools((name) => name === "redis-server"),
    BenchError,
    "without redis-benchmark, redis-cli: install Debian's package redis-tools",
  );
  assertEquals(withoutTools.status, 2);
  const withoutAny = assertThrows(() => requireTools(() => false), BenchError);
  assertStringIncludes(withoutAny.message, "Debian's packages redis-server, redis-tools");
  assertEquals(withoutAny.message.includes("\n"), false);
});

Deno.test("command lines are shown as a shell would take them", () => {
  assertEquals(
    ["-P", "a.sock", "", "it's", "a b"].map(shellWord).join(" "),
    "-P a.sock '' 'it'\\''s' 'a b'",
  );
});
