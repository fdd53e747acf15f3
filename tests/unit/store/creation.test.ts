/** What happens to files that are no stores yet, or never will be. */
import { assertEquals, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { Store } from "../../../src/store/store.ts";
import { interceptLibc } from "../../../src/sys/libc.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import { contents, openOn, put, withStore } from "./tiny_store.ts";

Deno.test("a creation that found no room leaves what opens once there is room", async () => {
  for (let room = 0; room < 150; room++) {
    const disk = new SimulatedDisk();
    disk.bytesMax = room * 4096;
    let store: Store;
    try {
      store = openOn(disk);
    } catch {
      disk.bytesMax = Infinity;
      store = openOn(disk);
    }
    await withStore(store, (store) => {
      disk.bytesMax = Infinity;
      put(store, "a", "1");
      assertEquals(contents(store), new Map([["a", "1"]]));
    });
  }
});

Deno.test("a foreign file that begins with zeros is refused and left alone", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("image.iso");
  const bytes = new Uint8Array(64 * 1024);
  bytes.fill(0x43, 32 * 1024);
  await Deno.writeFile(path, bytes);
  const error = assertThrows(() => Store.open({ path }), StoreError);
  assertEquals(error.code, "NOT_A_STORE");
  assertEquals(await Deno.readFile(path), bytes);
});

Deno.test("the names of a new store's files are synced once, unless nothing is", async () => {
  let syncs = 0;
  const restore = interceptLibc((real) => ({
    ...real,
    fsync: (descriptor: number) => {
      syncs++;
      return real.fsync(descriptor);
    },
  }));
  try {
    for (const sync of ["everysec", "always", "no"] as const) {
      await using folder = await TemporaryFolder.make();
      for (const expected of [sync === "no" ? 0 : 1, 0]) {
        syncs = 0;
        const store = Store.open({ path: folder.join("store.db"), sync });
        assertEquals(syncs, expected, sync);
        await store.close();
      }
    }
  } finally {
    restore();
  }
});
