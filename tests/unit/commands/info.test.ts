import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LatencyHistogram } from "../../../src/commands/latency_histogram.ts";
import { humanBytes, infoText } from "../../../src/server/info.ts";
import type { InfoFacts } from "../../../src/server/info_facts.ts";

const histogram = new LatencyHistogram();
histogram.record(1.5, 3);
histogram.record(20, 1);

const facts: InfoFacts = {
  version: "0.1.0",
  operatingSystem: "Linux 6.1.0 x86_64",
  processId: 42,
  runId: "0123456789abcdef0123456789abcdef01234567",
  executable: "/usr/bin/kv",
  configFile: "",
  tcpPort: 0,
  nowMs: 1_700_000_090_500,
  startedMs: 1_700_000_000_000,
  clients: {
    connected: 2,
    max: 10000,
    blocked: 0,
    tracking: 0,
    watching: 0,
    bufferBytes: 4096,
    inputBufferMax: 26,
    outputBufferMax: 0,
  },
  memory: {
    used: 1_572_864,
    usedPeak: 2_000_000,
    usedAtStart: 1_000_000,
    allocated: 1_000_000,
    active: 1_500_000,
    own: 2_000_000,
    resident: 3_145_728,
    system: 2 ** 34,
    limit: 0,
    evictionPolicy: "noeviction",
  },
  persistence: {
    syncPolicy: "everysec",
    changesSinceSync: 3,
    syncing: false,
    lastSyncSeconds: 1_700_000_090,
    lastSyncOk: true,
    lastSyncDurationSeconds: 0,
    syncDurationSeconds: -1,
    syncs: 4,
    syncDelays: 2,
    keysAtStart: 0,
    liveBytes: 1_048_576,
    compactions: 0,
    fileBytes: 2_097_152,
    compactionShare: null,
  },
  stats: {
    connectionsReceived: 5,
    connectionsRejected: 0,
    commandsProcessed: 12,
    commandsPerSecond: 3.6,
    inputBytes: 100,
    outputBytes: 200,
    inputBytesPerSecond: 1536,
    outputBytesPerSecond: 0,
    reads: 6,
    writes: 7,
    expiredKeys: 1,
    expiryMs: 0.5,
    evictionWaitMs: 0,
    evictedKeys: 2,
    keyspaceHits: 8,
    keyspaceMisses: 9,
    channels: 0,
    patterns: 0,
    shardChannels: 0,
    trackedKeys: 0,
    trackedItems: 0,
    trackedPrefixes: 0,
  },
  cpu: { system: 0.25, user: 1.5, mainThread: { system: 0.25, user: 1.25 } },
  keyspace: { keys: 3, volatileKeys: 1, meanTtlMs: 1234.4 },
  errors: new Map([["WRONGPASS", 1], ["ERR", 2]]),
  commands: new Map([
    ["get", { calls: 4, microseconds: 6.4, rejected: 1, failed: 0, histogram }],
    ["config|get", { calls: 0, microseconds: 0, rejected: 2, failed: 0, histogram: null }],
  ]),
  latencies: { isTracked: true, percentiles: [50, 99.9] },
  store: { store_live_bytes: 77 },
};

function titles(...names: string[]): string[] {
  return [...infoText(names, facts).matchAll(/^# (\w+)/gm)].map((match) => match[1]);
}

const defaultTitles = [
  "Server",
  "Clients",
  "Memory",
  "Persistence",
  "Stats",
  "Replication",
  "CPU",
  "Modules",
  "Errorstats",
  "Cluster",
  "Keyspace",
  "Store",
];

Deno.test("without a name, or with default, the default sections come", () => {
  assertEquals(titles(), defaultTitles);
  assertEquals(titles("default"), defaultTitles);
});

Deno.test("all and everything add the statistics of commands, in Redis's place", () => {
  const expected = defaultTitles.toSpliced(8, 1, "Commandstats", "Errorstats", "Latencystats");
  assertEquals(titles("all"), expected);
  assertEquals(titles("everything"), expected);
  assertEquals(titles("commandstats", "latencystats", "default"), expected);
});

Deno.test("named sections come in Redis's order, once, and unknown ones not at all", () => {
  assertEquals(titles("keyspace", "server", "server", "nosuch"), ["Server", "Keyspace"]);
  assertEquals(infoText(["nosuch"], facts), "");
});

Deno.test("a section is a title and its fields, an empty line stands between two", () => {
  assertEquals(
    infoText(["cluster", "keyspace"], facts),
    "# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=1234\r\n",
  );
});

Deno.test("every line of a text is a title, a field or empty", () => {
  for (const line of infoText(["everything"], facts).split("\r\n")) {
    assertMatch(line, /^(# \w+|[\w|]+:.*)?$/);
  }
});

Deno.test("an empty store has no line in Keyspace", () => {
  const empty = { ...facts, keyspace: { keys: 0, volatileKeys: 0, meanTtlMs: 0 } };
  assertEquals(infoText(["keyspace"], empty), "# Keyspace\r\n");
});

Deno.test("errors are counted by their first word, sorted, and in sum", () => {
  assertEquals(
    infoText(["errorstats"], facts),
    "# Errorstats\r\nerrorstat_ERR:count=2\r\nerrorstat_WRONGPASS:count=1\r\n",
  );
  assertStringIncludes(infoText(["stats"], facts), "\r\ntotal_error_replies:3\r\n");
});

Deno.test("commands show calls, time, and the calls that went wrong", () => {
  assertEquals(
    infoText(["commandstats"], facts),
    "# Commandstats\r\n" +
      "cmdstat_get:calls=4,usec=6,usec_per_call=1.60,rejected_calls=1,failed_calls=0\r\n" +
      "cmdstat_config|get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=2,failed_calls=0\r\n",
  );
});

Deno.test("latencies are shown for the percentiles that are wanted, unless they are not kept", () => {
  assertEquals(
    infoText(["latencystats"], facts),
    "# Latencystats\r\nlatency_percentiles_usec_get:p50=1.503,p99.9=20.095\r\n",
  );
  const untracked = { ...facts, latencies: { isTracked: false, percentiles: [50] } };
  assertEquals(infoText(["latencystats"], untracked), "# Latencystats\r\n");
});

Deno.test("times and sizes are in Redis's units", () => {
  const text = infoText([], facts);
  for (
    const line of [
      "uptime_in_seconds:90",
      "uptime_in_days:0",
      "used_memory_human:1.50M",
      "mem_fragmentation_ratio:2.00",
      "instantaneous_ops_per_sec:4",
      "instantaneous_input_kbps:1.50",
      "used_cpu_user:1.500000",
      "rdb_last_bgsave_status:ok",
      "store_live_bytes:77",
    ]
  ) assertStringIncludes(text, `\r\n${line}\r\n`);
});

Deno.test("sizes for people have two decimals from a kilobyte on", () => {
  assertEquals(humanBytes(0), "0B");
  assertEquals(humanBytes(1023), "1023B");
  assertEquals(humanBytes(1024), "1.00K");
  assertEquals(humanBytes(25276510208), "23.54G");
});
