/** Copies of a store that is open. */
import { assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { Store } from "../../../src/store/store.ts";
import { closeFile, openFile, tryLock } from "../../../src/sys/libc.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

const keys = 3000;

Deno.test("a backup is one of the store that is open, not of what is at its path", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const store = Store.open({ path });
  for (let i = 0; i < keys; i++) store.set(`k${i}`, `v${i}`);
  await Deno.rename(path, folder.join("moved.db"));
  await Deno.writeTextFile(path, "something else");
  await store.backUp(folder.join("backup.db"));
  await store.close();
  await assertRejects(() => store.backUp(folder.join("late.db")), StoreError, "closed");
  const copy = Store.open({ path: folder.join("backup.db") });
  for (let i = 0; i < keys; i++) {
    assertEquals(new TextDecoder().decode(copy.get(`k${i}`)!), `v${i}`);
  }
  assertEquals(copy.damages, []);
  await copy.close();
});

Deno.test("what a backup has left that was killed is in nobody's way, what another one writes is", async () => {
  await using folder = await TemporaryFolder.make();
  const store = Store.open({ path: folder.join("store.db") });
  store.set("a", "1");
  const path = folder.join("backup.db");
  const unfinished = `${path}.unfinished`;
  await Deno.writeTextFile(unfinished, "the beginning of a copy");
  const other = openFile(unfinished);
  tryLock(other, unfinished);
  const error = await assertRejects(() => store.backUp(path), StoreError);
  assertEquals(error.code, "BUSY");
  closeFile(other);
  await store.backUp(path);
  await store.close();
  await assertRejects(() => Deno.stat(unfinished), Deno.errors.NotFound);
  const copy = Store.open({ path });
  assertEquals(copy.count, 1);
  await copy.close();
});
