/** Damaged files: KV_DAMAGED_FILES=all goes through every byte, which takes long. */
import { assert } from "@std/assert";
import { indexHeader, segmentHeaderBytes, storeHeaderBytes } from "../../src/store/format.ts";
import { chooseSeed, SeededRandom, seedGlobals } from "../support/seeded_random.ts";
import { Watchdog } from "../support/watchdog.ts";
import { indexPath, storePath, tinyLimits } from "../unit/store/tiny_store.ts";
import {
  type Damage,
  type DamageOutcome,
  examine,
  flippedBytes,
  makeSpecimen,
  mangledIndexPages,
  mangledPages,
  type Specimen,
  steadyClock,
  truncations,
  wrongIndexes,
} from "./damaged_files.ts";

/** All bytes, or a part of them that fits into the time of a CI run. */
const isAll = Deno.env.get("KV_DAMAGED_FILES") === "all";

/** A single case, to repeat it together with its seed; all of them unless given. */
const onlyCase = Number(Deno.env.get("KV_DAMAGED_CASE") ?? -1);
/** A case takes some ten milliseconds. */
const caseLimitMs = 20_000;

async function examineAll(
  what: string,
  isStopped: boolean,
  damages: (specimen: Specimen, random: SeededRandom) => Iterable<Damage>,
): Promise<DamageOutcome> {
  const seed = chooseSeed(what);
  using _clock = steadyClock();
  using watchdog = new Watchdog(`${what}, KV_TEST_SEED=${seed}`, caseLimitMs);
  seedGlobals(seed);
  const specimen = await makeSpecimen(seed, isStopped);
  const outcome: DamageOutcome = { refused: 0, lossy: 0, unharmed: 0 };
  let count = 0;
  for (const damage of damages(specimen, new SeededRandom(seed))) {
    const number = count++;
    if (onlyCase >= 0 && number !== onlyCase) continue;
    watchdog.beat(number);
    seedGlobals(seed + number);
    const disk = specimen.disk.copy();
    damage.apply(disk);
    try {
      const checkerTells = isStopped && damage.isOfIndex;
      await examine(specimen, disk, outcome, damage.mayHideKeys, checkerTells);
    } catch (cause) {
      const repeat = `KV_TEST_SEED=${seed} KV_DAMAGED_CASE=${number}`;
      throw new Error(`${repeat}, ${damage.name}`, { cause });
    }
  }
  const { refused, lossy, unharmed } = outcome;
  console.log(`${count} cases: ${lossy} with losses, ${unharmed} without, ${refused} refused`);
  return outcome;
}

for (const isStopped of [true, false]) {
  const how = isStopped ? "stopped in order" : "killed";

  Deno.test(`flipped bytes of a store that was ${how}`, async () => {
    const every = isAll ? 1 : 401;
    const outcome = await examineAll("flipped bytes", isStopped, ({ disk }) => {
      return flippedBytes(storePath, disk.bytesOf(storePath).length, every);
    });
    assert(onlyCase >= 0 || outcome.lossy > 0);
  });

  Deno.test(`flipped bytes of a segment's header, ${how}`, async () => {
    await examineAll("flipped bytes of a segment's header", isStopped, ({ disk }, random) => {
      const places = (disk.bytesOf(storePath).length - storeHeaderBytes) / tinyLimits.segmentBytes;
      const from = storeHeaderBytes + random.below(places) * tinyLimits.segmentBytes;
      return flippedBytes(storePath, segmentHeaderBytes, 1, from);
    });
  });

  Deno.test(`flipped bytes of the index's header, ${how}`, async () => {
    await examineAll("flipped bytes of the index", isStopped, () => {
      return flippedBytes(indexPath, (indexHeader.checksumWord + 2) * 4, 1);
    });
  });

  Deno.test(`a store that was ${how}, cut short`, async () => {
    const every = isAll ? 16 : 16 * 61;
    await examineAll("cut short", isStopped, ({ disk }) => {
      return truncations(disk.bytesOf(storePath).length, every);
    });
  });

  Deno.test(`mangled pages of a store that was ${how}`, async () => {
    const count = isAll ? 20_000 : 150;
    await examineAll("mangled pages", isStopped, ({ disk }, random) => {
      return mangledPages(storePath, disk.bytesOf(storePath).length, random, count);
    });
  });

  Deno.test(`mangled pages of the index of a store that was ${how}`, async () => {
    const count = isAll ? 20_000 : 100;
    await examineAll("mangled pages of the index", isStopped, (specimen, random) => {
      return mangledIndexPages(specimen, random, count);
    });
  });

  Deno.test(`a wrong index of a store that was ${how}`, async () => {
    const seed = chooseSeed("another store");
    seedGlobals(seed + 1);
    const foreign = await makeSpecimen(seed + 1, isStopped);
    const count = isAll ? 20_000 : 150;
    await examineAll("wrong index", isStopped, (specimen, random) => {
      return wrongIndexes(specimen, foreign, random, count);
    });
  });
}
