/** The n-th call to libc fails, for every call and every command. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { isOfKeys } from "../../src/commands/command_keys.ts";
import { allCommands } from "../../src/commands/registry.ts";
import { KeyValueServer } from "../../src/server/key_value_server.ts";
import { ListenError } from "../../src/server/unix_socket.ts";
import { checkStore } from "../../src/store/checker.ts";
import { StoreError } from "../../src/store/errors.ts";
import type { StoreLimits } from "../../src/store/limits.ts";
import { Store } from "../../src/store/store.ts";
import { SystemError } from "../../src/sys/libc.ts";
import { encodeRequest } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { until, withTimeLimit } from "../support/time_limit.ts";
import { someTime, tinyLimits } from "../unit/store/tiny_store.ts";
import {
  assertSameContents,
  CommandBench,
  type CommandLine,
  type Contents,
  isSameContents,
  Twins,
} from "./command_twins.ts";
import {
  type CallName,
  type ErrnoName,
  errnoNumbers,
  failEachCall,
  FailingLibc,
  type Fault,
  interruptions,
  likelyErrors,
} from "./failing_calls.ts";

const runLimitMs = 20_000;

function text(length: number): string {
  return "0123456789abcdef".repeat(length / 16);
}

/** Keys of every kind; together they fill a few of the tiny segments. */
const someKeys: readonly CommandLine[] = [
  ["SET", "text", text(1600)],
  ["SET", "number", "41"],
  ["SET", "fraction", "1.5"],
  ["SET", "deadline", text(800), "PX", "100000"],
  ["MSET", "a", text(1200), "b", text(1200), "c", text(1200), "d", text(1200), "e", ""],
  ["SET", "long", text(16_000)],
];

/** What DUMP gives for `hello world`. */
const serializedHello = "\x00\x0bhello world\x0a\x00\x0b\xfc\x49\xb9\xa6\xc7\xa0\x34";

/** Every command on keys, in lines that succeed when nothing fails; most of them need a new segment. */
const everyCommand: readonly CommandLine[] = [
  ["APPEND", "text", text(1600)],
  ["DECR", "number"],
  ["DECRBY", "number", "5"],
  ["INCR", "number"],
  ["INCRBY", "number", "5"],
  ["INCRBYFLOAT", "fraction", "0.25"],
  ["SET", "a", text(2400), "GET", "KEEPTTL"],
  ["SET", "deadline", text(2400), "XX", "EX", "100"],
  ["SETNX", "f", text(2400)],
  ["SETEX", "b", "100", text(2400)],
  ["PSETEX", "c", "100000", text(2400)],
  ["GETSET", "d", text(2400)],
  ["GETEX", "a", "PX", "100000"],
  ["GETEX", "a", "PERSIST"],
  ["SETRANGE", "text", "5000", "end"],
  ["SETBIT", "text", "45000", "1"],
  ["BITFIELD", "text", "SET", "u8", "48000", "255", "INCRBY", "i16", "3", "-1"],
  ["BITOP", "NOT", "f", "text"],
  ["BITOP", "XOR", "f", "text", "f", "nothing"],
  ["SET", "a", text(2400), "IFNE", "nothing"],
  ["UPDATE", "f", text(3200)],
  ["MSET", "a", text(3200), "g", text(3200), "h", text(3200)],
  ["MSETNX", "i", text(3200), "j", text(3200)],
  ["COPY", "text", "k"],
  ["COPY", "a", "k", "REPLACE"],
  ["RENAME", "k", "l"],
  ["RENAMENX", "l", "m"],
  ["EXPIRE", "text", "100"],
  ["PEXPIRE", "text", "100000"],
  ["EXPIREAT", "a", "2000000000"],
  ["PEXPIREAT", "a", "2000000000000", "GT"],
  ["PERSIST", "a"],
  ["SET", "long", text(24_000)],
  ["APPEND", "long", text(8000)],
  ["GET", "long"],
  ["GETRANGE", "text", "10", "20"],
  ["SUBSTR", "text", "0", "3"],
  ["MGET", "a", "b", "nothing"],
  ["STRLEN", "long"],
  ["GETBIT", "text", "45000"],
  ["BITCOUNT", "long"],
  ["BITPOS", "text", "1"],
  ["BITFIELD_RO", "text", "GET", "u8", "48000"],
  ["LCS", "number", "a"],
  ["PFADD", "elements", "x", "y"],
  // Of one key, it writes what it counted if there is room, and succeeds in any case.
  ["PFCOUNT", "elements", "nothing"],
  ["PFMERGE", "others", "elements"],
  ["DUMP", "text"],
  ["RESTORE", "restored", "0", serializedHello],
  ["OBJECT", "ENCODING", "text"],
  ["MEMORY", "USAGE", "text"],
  ["SORT", "nothing", "STORE", "restored"],
  ["SORT_RO", "nothing"],
  ["DIGEST", "long"],
  ["EXISTS", "a", "b"],
  ["TOUCH", "a"],
  ["TTL", "a"],
  ["PTTL", "text"],
  ["EXPIRETIME", "text"],
  ["PEXPIRETIME", "text"],
  ["TYPE", "a"],
  ["KEYS", "lon*"],
  ["SCAN", "0", "MATCH", "lon*", "COUNT", "1000"],
  ["RANDOMKEY"],
  ["DBSIZE"],
  ["WATCH", "a"],
  ["MULTI"],
  ["SET", "n", text(3200)],
  ["INCR", "number"],
  ["MSET", "o", text(3200), "p", text(3200), "a", text(160)],
  ["DEL", "n"],
  ["DELPREFIX", "o"],
  ["APPEND", "p", text(1600)],
  ["EXEC"],
  ["MULTI"],
  ["SET", "n", text(3200)],
  ["DISCARD"],
  ["UNWATCH"],
  ["GETDEL", "e"],
  ["DEL", "g"],
  ["DELEX", "h", "IFNE", "nothing"],
  ["SET", "j", "gone"],
  ["DELIFEQ", "j", "gone"],
  ["UNLINK", "i", "nothing"],
];

/** What of them depends on one before, in lines that need no more than `someKeys`. */
const onSomeKeys: readonly CommandLine[] = [
  ["COPY", "text", "copy"],
  ["PERSIST", "deadline"],
  ["PEXPIREAT", "text", "2000000000000"],
  ["UPDATE", "text", text(3200)],
  ["BITOP", "NOT", "bits", "text"],
];

/** Those that need no room, or none of their own. */
const harmless = new Set([
  ...["PFCOUNT", "DUMP", "OBJECT", "MEMORY", "SORT", "SORT_RO"],
  ...["GETBIT", "BITCOUNT", "BITPOS", "BITFIELD_RO", "LCS", "DIGEST"],
  ...["DELEX", "DELIFEQ", "DELPREFIX"],
  ...["GETDEL", "DEL", "UNLINK", "GET", "GETRANGE", "SUBSTR", "MGET", "STRLEN", "EXISTS", "TOUCH"],
  ...["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "TYPE", "KEYS", "SCAN", "RANDOMKEY", "DBSIZE"],
  ...["WATCH", "UNWATCH", "MULTI", "DISCARD", "EXEC"],
  // As keys are missing that found no room.
  ...["RENAME", "RENAMENX"],
]);

const syncs: readonly CommandLine[] = [
  ["SET", "synced", text(1600)],
  ["SAVE"],
  ["SET", "synced", text(1600)],
  ["BGSAVE"],
  ["CONFIG", "SET", "appendfsync", "always"],
  ["SET", "synced", text(160)],
  ["CONFIG", "SET", "appendfsync", "no"],
  ["SET", "synced", text(160)],
];

/** The index grows, is cleared and grows again. */
const manyKeys: readonly CommandLine[] = Array.from({ length: 6 }, (_, i) => [
  "MSET",
  ...Array.from({ length: 160 }, (_, k) => [`key:${i}:${k}`, ""]).flat(),
]);

const flushes: readonly CommandLine[] = [
  ["FLUSHALL"],
  ["SET", "a", text(800)],
  ["MULTI"],
  ["SET", "b", text(800)],
  ["FLUSHDB"],
  ["SET", "c", text(800)],
  ["EXEC"],
];

/** Garbage, and deletes: segments are compacted and freed, and the file shrinks. */
const garbage: readonly CommandLine[] = [
  ...Array.from({ length: 24 }, (_, i) => ["SET", `garbage:${i % 6}`, text(1600)]),
  ...Array.from({ length: 6 }, (_, i) => ["DEL", `garbage:${i}`]),
  ...Array.from({ length: 6 }, (_, i) => ["SET", "last", text(16 * i)]),
];

interface Files {
  readonly store: Uint8Array;
  readonly index: Uint8Array | null;
}

function readFiles(path: string): Files {
  return { store: Deno.readFileSync(path), index: Deno.readFileSync(`${path}-index`) };
}

function writeFiles(path: string, { store, index }: Files): void {
  Deno.writeFileSync(path, store);
  if (index !== null) Deno.writeFileSync(`${path}-index`, index);
}

function open(path: string, limits: Partial<StoreLimits> = tinyLimits): Store {
  return Store.open({ path, limits, clock: () => someTime, sync: "no" });
}

/** Whatever of the folder this process has open or mapped. */
function heldFiles(folder: string): string[] {
  const held = Deno.readTextFileSync("/proc/self/maps").split("\n")
    .filter((line) => line.includes(`${folder}/`));
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      if (target.startsWith(`${folder}/`)) held.push(target);
    } catch {
      // The one that the folder was read through.
    }
  }
  return held;
}

/**
 * The store opens, is whole, and holds just this, or the other: of a transaction that has removed every key, and could not
 * be written, nobody was told, and the index cannot take it back.
 */
async function assertHolds(
  path: string,
  expected: Contents,
  other: Contents | null = null,
): Promise<void> {
  const store = open(path);
  try {
    assertEquals(store.damages, []);
    const found = new CommandBench(store).contents();
    if (other === null || !isSameContents(found, other)) assertSameContents(found, expected);
  } finally {
    await store.close();
  }
}

/** The same as if the process had been killed just now, with or without the index that it left. */
async function assertOutlivesKill(
  folder: TemporaryFolder,
  expected: Contents,
  other: Contents | null,
  withIndex: boolean,
): Promise<void> {
  const files = readFiles(folder.join("store.db"));
  const copy = folder.join("killed.db");
  writeFiles(copy, withIndex ? files : { ...files, index: null });
  await assertHolds(copy, expected, other);
}

interface Scenario {
  /** What is there before, and the commands that made it. */
  readonly files?: Files;
  readonly history?: readonly CommandLine[];
  readonly commands: readonly CommandLine[];
  /** Calls fail while the store is opened and closed; else, while commands are run. */
  readonly isOpening?: boolean;
  /** It is not known to write ranges one by one. */
  readonly onUnknownFileSystem?: boolean;
  readonly limits?: Partial<StoreLimits>;
}

/** An error that names the call, the file, the error number and a way out. */
function assertHelps(error: unknown, path: string): void {
  assert(error instanceof SystemError || error instanceof StoreError, String(error));
  assertMatch(
    error.message,
    /^Cannot (open|read|lock|measure|extend|map|sync|write|truncate|grow the store|grow the index)\b/,
  );
  assert(error.message.includes(path), error.message);
  assertMatch(error.message, /\((ENOSPC|EIO|EINTR|ENOMEM)\).*;/);
}

/** Runs a scenario with whatever fails, and looks at everything afterwards. Returns the refusals. */
async function runScenario(
  scenario: Scenario,
  libc: FailingLibc,
  folder: TemporaryFolder,
): Promise<number> {
  const { files, history = [], commands, isOpening = false } = scenario;
  const path = folder.join("store.db");
  if (files !== undefined) writeFiles(path, files);
  libc.hidesFileSystem = scenario.onUnknownFileSystem ?? false;
  if (isOpening) libc.arm();
  let store: Store;
  try {
    store = open(path, scenario.limits);
  } catch (error) {
    assert(libc.failed !== null, String(error));
    assertHelps(error, path);
    assertEquals(heldFiles(folder.path), []);
    libc.lift();
    store = open(path, scenario.limits);
  }
  const twins = new Twins(store, history);
  try {
    if (!isOpening) libc.arm();
    await runCommands(twins, commands, libc);
    if (libc.failed !== null) {
      libc.lift();
      twins.assertSame();
      if (store.failure === null) {
        // What was refused for want of space goes on by itself, at the latest when calls under way
        // have ended.
        const after = ["SET", "afterwards", text(4800)];
        if (twins.exchange(after)) {
          await settle();
          assertEquals(twins.exchange(after), false);
        }
      }
      await settle();
      // Not after each run: these take most of the time.
      if (libc.calls % 2 === 0) {
        // What could not be written to the file is known by the index alone.
        const withIndex = libc.calls % 4 === 0 || !store.isConfirmable && store.syncPolicy === "no";
        await assertOutlivesKill(folder, twins.expected(), twins.beforeClear, withIndex);
      }
      // It may be growing on another thread now.
      await until(
        () => Promise.resolve(Deno.statSync(path).size === store.statistics.fileBytes),
        "the file to have its length",
      );
    }
    if (!isOpening) libc.lift();
    await store.close().catch((error) => {
      if (store.failure === null || error !== store.failure) assertHelps(error, path);
    });
  } finally {
    await store.close().catch(() => {}); // It says so each time.
    await twins.close();
  }
  libc.lift();
  assertEquals(heldFiles(folder.path).filter(() => libc.failed !== "munmap"), []);
  await assertHolds(path, twins.expected(), twins.beforeClear);
  if (libc.calls % 4 === 1) {
    const report = await checkStore(path, { limits: tinyLimits });
    assertEquals([report.damages, report.indexDifferences], [[], []]);
  }
  return twins.refused;
}

async function runCommands(
  twins: Twins,
  commands: readonly CommandLine[],
  libc: FailingLibc,
): Promise<void> {
  const { store } = twins.subject;
  if (libc.failed !== null) twins.assertSame();
  for (let i = 0; i < commands.length; i++) {
    const before = libc.failed;
    const isRefused = twins.exchange(commands[i]);
    if (isRefused || libc.failed !== before) twins.assertSame();
    if (store.syncPolicy === "always") await store.sync().catch(() => {});
    // Work in the background goes on between some commands, and waits for others.
    if (i % 3 > 0) await settle();
  }
  await store.sync().catch(() => {});
}

/** Lets go on what waits for calls "on other threads", and no timer. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

async function inFolder(scenario: Scenario, libc: FailingLibc): Promise<number> {
  await using folder = await TemporaryFolder.make();
  return await withTimeLimit(runScenario(scenario, libc, folder), runLimitMs, "a run to end");
}

/** The files of a store with some keys, as `leave` leaves them. */
async function filesOf(leave: (store: Store, path: string) => Promise<Files>): Promise<Files> {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const store = open(path);
  const bench = new CommandBench(store);
  for (const args of someKeys) bench.run(args);
  try {
    return await leave(store, path);
  } finally {
    await store.close();
  }
}

const asKilled = (_store: Store, path: string) => Promise.resolve(readFiles(path));
const few: readonly CommandLine[] = [["SET", "a", text(800)], ["DEL", "b"]];

const scenarios: Record<string, () => Scenario | Promise<Scenario>> = {
  "a new store": () => ({ commands: few, isOpening: true }),
  "a store that was stopped in order": async () => ({
    files: await filesOf(async (store, path) => {
      await store.close();
      return readFiles(path);
    }),
    history: someKeys,
    commands: few,
    isOpening: true,
  }),
  "a store whose process was killed": async () => ({
    files: await filesOf(asKilled),
    history: someKeys,
    commands: few,
    isOpening: true,
  }),
  "a store without its index, and with half a batch at its end": async () => ({
    files: await filesOf((store, path) => {
      store.beginBatch();
      for (let i = 0; i < 5; i++) store.set(`half:${i}`, text(1600));
      const files = { ...readFiles(path), index: null };
      store.endBatch();
      return Promise.resolve(files);
    }),
    history: someKeys,
    commands: few,
    isOpening: true,
  }),
  // Compaction, with its syncs, is for the others.
  "every command": () => ({
    commands: [...someKeys, ...everyCommand],
    limits: { ...tinyLimits, deadBytesMin: 2 ** 20 },
  }),
  // These are long enough to be overwritten before they are written.
  "segments of more than 64 KiB": () => ({
    commands: Array.from({ length: 12 }, (_, i) => ["SET", `key:${i}`, text(48_000)]),
    limits: { ...tinyLimits, segmentBytes: 2 ** 17 },
  }),
  "SAVE, BGSAVE and appendfsync": () => ({ commands: syncs }),
  "a file system that is not known": () => ({ commands: syncs, onUnknownFileSystem: true }),
  "growth of the index": () => ({ commands: manyKeys }),
  "FLUSHALL": () => ({ commands: [...manyKeys.slice(0, 3), ...flushes] }),
  "compaction and a shrinking file": () => ({ commands: garbage }),
};

/** KV_FAILING_CALLS=all has each call fail in every way, which takes minutes. */
const isThorough = Deno.env.get("KV_FAILING_CALLS") === "all";
const ways: ((nth: number) => Omit<Fault, "nth">)[] = isThorough
  ? [
    () => ({ errno: "likely", isLasting: true }),
    () => ({ errno: "likely", isLasting: false }),
    ...(Object.keys(errnoNumbers) as ErrnoName[]).map((errno) => () => ({
      errno,
      isLasting: false,
    })),
  ]
  : [(nth) => ({ errno: "likely", isLasting: nth % 2 === 0 })];

const reached = new Map<CallName, number>();
for (const [name, scenarioOf] of Object.entries(scenarios)) {
  Deno.test(`each call fails in turn: ${name}`, async () => {
    const scenario = await scenarioOf();
    for (const way of ways) {
      const failures = await failEachCall(way, async (libc) => {
        await inFolder(scenario, libc);
      });
      assert(failures.size > 0, "calls failed");
      for (const [call, count] of failures) reached.set(call, (reached.get(call) ?? 0) + count);
    }
  });

  Deno.test(`signals interrupt every other call, which changes nothing: ${name}`, async () => {
    using libc = new FailingLibc(interruptions);
    assertEquals(await inFolder(await scenarioOf(), libc), 0);
    assert(libc.calls > 0, "calls were made");
  });
}

// --- a server --------------------------------------------------------------------------------------

Deno.test("each call fails in turn: a server, from its start to its stop", async () => {
  await failEachCall((nth) => ({ errno: "likely", isLasting: nth % 2 === 0 }), async (libc) => {
    await using folder = await TemporaryFolder.make();
    await withTimeLimit(runServer(libc, folder), runLimitMs, "a server to run and stop");
  });
});

async function runServer(libc: FailingLibc, folder: TemporaryFolder): Promise<void> {
  const store = folder.join("store.db");
  const socket = folder.join("kv.sock");
  libc.arm();
  let server: KeyValueServer;
  try {
    server = await KeyValueServer.start({ store, socket });
  } catch (error) {
    const isExpected = [ListenError, SystemError, StoreError].some((type) => error instanceof type);
    assert(isExpected && error instanceof Error, String(error));
    assertMatch(error.message, /^Cannot .*\b(ENOSPC|EIO|ENOMEM)\b.*; /);
    assertEquals(heldFiles(folder.path), []);
    assertThrows(() => Deno.lstatSync(socket), Deno.errors.NotFound);
    libc.lift();
    server = await KeyValueServer.start({ store, socket });
  }
  const value = await useServer(socket);
  await server.stop().catch((error) => {
    if (error !== server.store.failure) assertHelps(error, store);
  });
  libc.lift();
  assertEquals(heldFiles(folder.path).filter(() => libc.failed !== "munmap"), []);
  const again = Store.open({ path: store });
  const found = again.get("a");
  await again.close();
  assertEquals(found === null ? null : new TextDecoder().decode(found), value);
}

/** Sets a key in every way there is of syncing; returns the value that the server has in the end. */
async function useServer(socket: string): Promise<string | null> {
  let connection = await RawConnection.open(socket);
  const lines: readonly CommandLine[] = [
    ...[["SET", "a", "1"], ["SAVE"], ["SET", "a", "2"], ["BGSAVE"], ["FLUSHALL"], [
      "SET",
      "a",
      "3",
    ]],
    ...[["CONFIG", "SET", "appendfsync", "always"], ["SET", "a", "4"], ["SET", "a", "5"]],
  ];
  try {
    let hasFailed = false;
    for (const args of lines) {
      await connection.send(encodeRequest(args));
      const reply = await connection.readReply().catch(() => null);
      if (reply === null) {
        // Nothing that is not on the disk is acknowledged; the next connection is told why.
        assert(["SET", "CONFIG", "FLUSHALL"].includes(args[0]), args[0]);
        connection.close();
        connection = await RawConnection.open(socket);
        assertMatch(await connection.exchange("SET", "a", "6"), /^-MISCONF /);
      } else if (reply.startsWith("-")) {
        assertMatch(reply, /^-MISCONF Cannot (sync|write) .*; mend the disk and restart\r\n$/);
        hasFailed = true;
      } else if (args[0] === "SET") assert(!hasFailed, "no write is taken after a failed sync");
    }
    const reply = await connection.exchange("GET", "a");
    return reply === "$-1\r\n" ? null : reply.split("\r\n")[1];
  } finally {
    connection.close();
  }
}

Deno.test("every function that is called has failed", () => {
  const missing = Object.keys(likelyErrors).filter((name) => !reached.has(name as CallName));
  // Called where a growth has failed, and by nothing.
  assertEquals(missing, ["ftruncate", "fsync"]);
});

// --- a full disk ---------------------------------------------------------------------------------

Deno.test("every command meets a disk without any room, and changes nothing that it refuses", async () => {
  using libc = new FailingLibc({ nth: 1, errno: "ENOSPC", isLasting: true });
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const store = open(path);
  const twins = new Twins(store);
  try {
    for (const args of someKeys) assertEquals(twins.exchange(args), false);
    libc.arm();
    twins.subject.ticks = false; // Compaction would find some room now and then.
    fillUp(twins);
    for (const args of [...onSomeKeys, ...everyCommand]) {
      twins.exchange(args);
      twins.assertSame();
    }
    const { withoutRoom } = twins;
    const names = [...new Set(everyCommand.map(([name]) => name))];
    assertEquals(names.filter((name) => !withoutRoom.has(name) && !harmless.has(name)), []);
    twins.subject.ticks = true;
    libc.lift();
    for (const args of [...someKeys, ...everyCommand]) assertEquals(twins.exchange(args), false);
    twins.assertSame();
  } finally {
    await store.close();
    await twins.close();
  }
  await assertHolds(path, twins.expected());
});

/** Down to records so short that nothing is left for any other. */
function fillUp(twins: Twins): void {
  let count = 0;
  for (const length of [1600, 400, 96, 16, 0]) {
    while (!twins.exchange(["SET", String(count), text(length)])) {
      assert(++count < 1000, "there is an end to the room");
    }
  }
}

Deno.test("no command on keys is missing here", () => {
  const tested = new Set(everyCommand.map(([name]) => name.toLowerCase()));
  const onKeys = allCommands().commands.filter(({ spec }) => spec.keys.some(isOfKeys));
  assertEquals(onKeys.map(({ name }) => name).filter((name) => !tested.has(name)), []);
});
