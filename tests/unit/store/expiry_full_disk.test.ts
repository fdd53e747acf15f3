/** A full disk keeps expired keys from being removed; they are unseen meanwhile, and go afterwards. */
import { assertEquals } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { indexPath, openOn, put, storePath, withStore } from "./tiny_store.ts";

Deno.test("keys that could not expire on a full disk expire when there is space again", async () => {
  const disk = new SimulatedDisk();
  let now = 1000;
  await withStore(openOn(disk, { clock: () => now }), async (store) => {
    await Promise.resolve();
    disk.bytesMax = disk.bytesOf(storePath).length + disk.bytesOf(indexPath).length + 20 * 4096;
    try {
      for (let i = 0;; i++) put(store, `key:${i}`, "v".repeat(300), 2000);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
    now = store.now = 3000;
    for (let i = 0; i < 20; i++) store.tick(); // The reserve is used up: NO_SPACE.
    disk.bytesMax = Infinity;
    for (let i = 0; i < 50; i++) {
      now = store.now = now + 100;
      store.tick();
      await store.sync();
    }
    assertEquals(store.count, 0);
  });
});
