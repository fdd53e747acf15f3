/**
 * Random commands, many of them in one turn, on a store of tiny segments and a tiny stage: each has to reply what it
 * replies on a store where it is a turn by itself. So each command meets each end of a segment, of a half of the stage and
 * of a page with what it reads still unwritten. KV_STAGED_COMMANDS says how many; KV_TEST_SEED replays a run.
 */
import { assert } from "@std/assert";
import { commandTable } from "../../src/commands/command_table.ts";
import { stageHalfBytesMax } from "../../src/store/format.ts";
import { ReplyComparison } from "../conformance/differential/reply_comparison.ts";
import { RequestSource } from "../conformance/differential/request_generator.ts";
import { show } from "../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../support/seeded_random.ts";
import { SimulatedDisk } from "../unit/store/simulated_disk.ts";
import { indexPath, openOn, tinyLimits, withStore } from "../unit/store/tiny_store.ts";
import { assertSameContents, CommandBench } from "./command_twins.ts";

const commandsDefault = 100_000;
const commandsPerRound = 400;
const turnMax = 100;
/** Nothing ends where it does in a tiny store. */
const roomyLimits = { ...tinyLimits, segmentBytes: 2 ** 20, stageHalfBytes: stageHalfBytesMax };
const keys = Array.from({ length: 12 }, (_, i) => `k${i}`.padEnd(3 + i % 5 * 20, "x"));
/** They go by the order of hashes, which is each store's own, or ask what no store knows. */
const leftOut = new Set(["SCAN", "RANDOMKEY", "WAITAOF", "OBJECT", "DEBUG", "MEMORY"]);
const groups = new Set(["string", "bitmap", "hyperloglog", "generic", "transactions"]);

const names = new Set(
  commandTable.filter(({ group }) => groups.has(group)).map(({ name }) => name.toUpperCase())
    .filter((name) => !leftOut.has(name)).concat("FLUSHALL", "DBSIZE"),
);

Deno.test("commands reply the same, whatever of their turn is still staged", async () => {
  const seed = chooseSeed("staged commands");
  const count = Number(Deno.env.get("KV_STAGED_COMMANDS") ?? commandsDefault);
  for (let round = 0; round * commandsPerRound < count; round++) {
    // Each round has its own seed, so that it can be replayed as the first one.
    await compare((seed + round) >>> 0, Math.min(count, commandsPerRound));
  }
});

/** Runs commands on both, on the twin each in a turn by itself; then the process is killed. */
async function compare(seed: number, count: number): Promise<void> {
  const disk = new SimulatedDisk(2 ** 24);
  await withStore(openOn(disk), (store) => {
    const roomyStore = openOn(new SimulatedDisk(2 ** 24), { limits: roomyLimits });
    return withStore(roomyStore, async (twinStore) => {
      const twin = new CommandBench(twinStore);
      runOnBoth(new CommandBench(store), twin, seed, count);
      await assertLeft(disk.copy(), twin);
      store.endTurn();
      await assertLeft(disk.copy(indexPath), twin);
    });
  });
}

/** What a killed process has left on its disk has to be what the commands did. */
async function assertLeft(disk: SimulatedDisk, twin: CommandBench): Promise<void> {
  await withStore(openOn(disk), (store) => {
    assertSameContents(new CommandBench(store).contents(), twin.contents());
  });
}

/** Ends within a turn. */
function runOnBoth(subject: CommandBench, twin: CommandBench, seed: number, count: number): void {
  const { store } = subject;
  const random = new SeededRandom(seed);
  const source = new RequestSource(random);
  const comparison = new ReplyComparison();
  subject.ticks = false;
  store.beginTurn();
  let left = random.below(turnMax);
  for (let i = 0; i < count; i++) {
    for (const args of nextCommands(source)) {
      const reply = subject.run(args);
      const expected = twin.run(args);
      const isSame = comparison.same(args, reply, expected);
      assert(isSame, `KV_TEST_SEED=${seed}, command ${i}: ${describe(args, reply, expected)}`);
    }
    if (left-- > 0) continue;
    store.endTurn();
    store.tick();
    if (random.chance(0.02)) store.compact();
    store.beginTurn();
    left = random.below(turnMax);
  }
  assertSameContents(subject.contents(), twin.contents());
}

function describe(args: readonly string[], reply: string, expected: string): string {
  return `${show(args.join(" "))} replied\n${show(reply)}, by itself\n${show(expected)}`;
}

function nextCommands(source: RequestSource): readonly (readonly string[])[] {
  const { random } = source;
  if (random.chance(0.01)) {
    // Outside of a transaction, one that takes longer than a slice replies later.
    return [["DISCARD"], ["MULTI"], ["DELPREFIX", random.pick(["", "k1", "a"])], ["EXEC"]];
  }
  if (random.chance(0.7)) return [copyingArguments(random)];
  while (true) {
    const { args } = source.next();
    if (names.has(args[0].toUpperCase())) return [args];
  }
}

/** Of a command that reads one record while it writes another. */
function copyingArguments(random: SeededRandom): readonly string[] {
  const key = random.pick(keys);
  const other = random.pick(keys);
  switch (random.below(12)) {
    case 0:
      return ["APPEND", key, letters(random, 30)];
    case 1:
      return ["SETRANGE", key, `${random.below(100)}`, letters(random, 60)];
    case 2:
      return ["BITOP", random.pick(["AND", "OR", "XOR"]), key, other, random.pick(keys)];
    case 3:
      return ["COPY", key, other, "REPLACE"];
    case 4:
    case 5:
      return ["RENAME", key, other];
    case 6:
    case 7:
    case 8:
      return ["SET", key, letters(random, 200)];
    default:
      return ["MGET", ...keys];
  }
}

function letters(random: SeededRandom, lengthMax: number): string {
  return random.pick([..."abcdefgh"]).repeat(random.below(lengthMax));
}
