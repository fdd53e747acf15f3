import { assert, assertEquals } from "@std/assert";
import { PrefixDeletion } from "../../../src/commands/prefix_deletion.ts";
import type { Store } from "../../../src/store/store.ts";
import { toBytes } from "../../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";
import { SimulatedDisk } from "../store/simulated_disk.ts";
import { contents, openOn, put, remove, someTime, withStore } from "../store/tiny_store.ts";

/** So many slices are more than any run here may take. */
const slicesMax = 10_000;

function deletionOf(store: Store, prefix: string): PrefixDeletion {
  return new PrefixDeletion(store, toBytes(prefix));
}

/** The keys that are left, sorted. */
function keysOf(store: Store): string[] {
  return [...contents(store).keys()];
}

async function withKeys(
  keys: readonly string[],
  use: (store: Store) => void | Promise<void>,
): Promise<void> {
  await withStore(openOn(new SimulatedDisk()), (store) => {
    for (const key of keys) put(store, key, "value");
    return use(store);
  });
}

Deno.test("the keys with the prefix go, and no others", async () => {
  const keys = ["a", "a:", "a:1", "a:22", "b:1", "aa:1", "A:1", "", "\0a:", "a\0"];
  for (const prefix of ["a:", "a", "", "\0", "a:22", "a:221", "zz"]) {
    await withKeys(keys, (store) => {
      const deletion = deletionOf(store, prefix);
      deletion.run(Infinity);
      const left = keys.filter((key) => !key.startsWith(prefix)).sort();
      assertEquals(keysOf(store), left, prefix);
      assertEquals(deletion.removed, keys.length - left.length, prefix);
      assert(deletion.isDone);
    });
  }
});

Deno.test("a key past its deadline does not count", async () => {
  await withKeys(["a:1"], (store) => {
    put(store, "a:2", "value", someTime - 1);
    const deletion = deletionOf(store, "a:");
    deletion.run(Infinity);
    assertEquals(deletion.removed, 1);
  });
});

Deno.test("a slice ends soon, and the next one goes on", async () => {
  const keys = Array.from({ length: 500 }, (_, i) => `${i % 2 === 0 ? "even" : "odd"}:${i}`);
  await withKeys(keys, (store) => {
    const deletion = deletionOf(store, "even:");
    let slices = 0;
    for (; !deletion.isDone && slices < slicesMax; slices++) {
      const before = deletion.removed;
      deletion.run(0);
      assert(deletion.removed - before <= 64, "a slice without time looks at a few keys");
    }
    assert(slices > 500 / 64, `${slices} slices`);
    assertEquals(deletion.removed, 250);
    assertEquals(store.count, 250);
  });
});

Deno.test("what is there all the time goes, whatever is written between slices", async () => {
  const random = new SeededRandom(chooseSeed("prefix deletion"));
  for (let round = 0; round < 20; round++) {
    const size = random.below(400);
    const keys = Array.from({ length: size }, (_, i) => `${random.pick(["a", "b"])}:${i}`);
    await withKeys(keys, (store) => {
      const model = new Set(keys.filter((key) => key.startsWith("b:")));
      const deletion = deletionOf(store, "a:");
      for (let slices = 0; !deletion.isDone && slices < slicesMax; slices++) {
        deletion.run(0);
        for (let writes = random.below(20); writes > 0; writes--) {
          const number = random.below(600);
          put(store, `a:new:${number}`, "x".repeat(random.below(1000)));
          put(store, `b:${number}`, "x");
          model.add(`b:${number}`);
          const gone = `b:${random.below(600)}`;
          if (remove(store, gone)) model.delete(gone);
        }
        store.tick();
      }
      const left = keysOf(store);
      assertEquals(left.filter((key) => /^a:\d/.test(key)), []);
      assertEquals(left.filter((key) => key.startsWith("b:")), [...model].sort());
    });
  }
});
