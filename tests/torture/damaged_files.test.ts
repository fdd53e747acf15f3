import { assert } from "@std/assert";
import { indexHeader } from "../../src/store/format.ts";
import { chooseSeed, SeededRandom } from "../support/seeded_random.ts";
import { indexPath, storePath } from "../unit/store/tiny_store.ts";
import {
  type Damage,
  type DamageOutcome,
  examine,
  flippedBytes,
  makeSpecimen,
  mangledPages,
  type Specimen,
  truncations,
  wrongIndexes,
} from "./damaged_files.ts";

/** All bytes, or a part of them that fits into the time of a CI run. */
const isAll = Deno.env.get("KV_DAMAGED_FILES") === "all";

async function examineAll(
  seed: number,
  what: string,
  isStopped: boolean,
  damages: (specimen: Specimen, random: SeededRandom) => Iterable<Damage>,
): Promise<DamageOutcome> {
  const specimen = await makeSpecimen(seed, isStopped);
  const outcome: DamageOutcome = { refused: 0, lossy: 0, unharmed: 0 };
  for (const damage of damages(specimen, new SeededRandom(seed))) {
    const disk = specimen.disk.copy();
    damage.apply(disk);
    try {
      await examine(specimen, disk, outcome, damage.mayHideKeys);
    } catch (cause) {
      throw new Error(`KV_TEST_SEED=${seed}, ${damage.name}`, { cause });
    }
  }
  const { refused, lossy, unharmed } = outcome;
  console.log(`${what}: ${lossy} opened with losses, ${unharmed} without, ${refused} refused`);
  return outcome;
}

for (const isStopped of [true, false]) {
  const how = isStopped ? "stopped in order" : "killed";

  Deno.test(`flipped bytes of a store that was ${how}`, async () => {
    const seed = chooseSeed("damaged files");
    const every = isAll ? 1 : 151;
    const outcome = await examineAll(seed, "flipped bytes", isStopped, ({ disk }) => {
      return flippedBytes(storePath, disk.bytesOf(storePath).length, every);
    });
    assert(outcome.lossy > 0);
  });

  Deno.test(`flipped bytes of the index's header, ${how}`, async () => {
    const seed = chooseSeed("damaged files");
    await examineAll(seed, "flipped bytes of the index", isStopped, () => {
      return flippedBytes(indexPath, (indexHeader.checksumWord + 2) * 4, 1);
    });
  });

  Deno.test(`a store that was ${how}, cut short`, async () => {
    const seed = chooseSeed("damaged files");
    const every = isAll ? 16 : 16 * 61;
    await examineAll(seed, "cut short", isStopped, ({ disk }) => {
      return truncations(disk.bytesOf(storePath).length, every);
    });
  });

  Deno.test(`mangled pages of a store that was ${how}`, async () => {
    const seed = chooseSeed("damaged files");
    const count = isAll ? 20_000 : 200;
    await examineAll(seed, "mangled pages", isStopped, ({ disk }, random) => {
      return mangledPages(storePath, disk.bytesOf(storePath).length, random, count);
    });
  });

  Deno.test(`a wrong index of a store that was ${how}`, async () => {
    const seed = chooseSeed("damaged files");
    const foreign = await makeSpecimen(seed + 1, isStopped);
    const count = isAll ? 20_000 : 200;
    await examineAll(seed, "wrong index", isStopped, (specimen, random) => {
      return wrongIndexes(specimen, foreign, random, count);
    });
  });
}
