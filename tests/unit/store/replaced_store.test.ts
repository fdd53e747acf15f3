/** Another store comes to the path of one that is open, or that somebody reads: neither sees anything of it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { KeyValueReader } from "../../../src/client/key_value_reader.ts";
import { StoreError } from "../../../src/store/errors.ts";
import { Store } from "../../../src/store/store.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

const keys = 3000;

function fill(store: Store, prefix: string, value: string): void {
  for (let i = 0; i < keys; i++) store.set(`${prefix}${i}`, `${value}${i}`);
}

/** How many keys have the value that they are to have. */
function right(
  store: Pick<Store | KeyValueReader, "get">,
  prefix: string,
  value: string,
): number {
  let count = 0;
  for (let i = 0; i < keys; i++) {
    const found = store.get(`${prefix}${i}`);
    if (found !== null && new TextDecoder().decode(found) === `${value}${i}`) count++;
  }
  return count;
}

Deno.test("a reader goes on with the store that was there, also when the next one takes over the index's file", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const backup = folder.join("backup.db");
  const first = Store.open({ path });
  fill(first, "k", "old");
  await first.backUp(backup);
  fill(first, "k", "new");
  using reader = KeyValueReader.open(path);
  assertEquals(right(reader, "k", "new"), keys);
  await first.close();

  await Deno.rename(backup, path);
  const second = Store.open({ path });
  try {
    assertEquals(right(second, "k", "old"), keys);
    for (const value of ["later", "last"]) {
      fill(second, "k", value);
      assertEquals(right(reader, "k", "new"), keys);
      assertEquals([...reader.scan()].length, keys);
    }
    second.clear();
    assertEquals(right(reader, "k", "new"), keys);
    assert(reader.stats().isReplaced);
  } finally {
    await second.close();
  }
  assertEquals(right(reader, "k", "new"), keys);
});

Deno.test("two stores that were opened at one path have nothing in common", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const backup = folder.join("backup.db");
  const first = Store.open({ path });
  fill(first, "a", "1:");
  await first.backUp(backup);
  using reader = KeyValueReader.open(path);
  await Deno.rename(backup, path);
  const second = Store.open({ path });
  fill(second, "b", "2:");
  fill(first, "c", "1:");
  fill(second, "d", "2:");
  const all = (store: Parameters<typeof right>[0]) => [
    ...["a", "c"].map((prefix) => right(store, prefix, "1:")),
    ...["b", "d"].map((prefix) => right(store, prefix, "2:")),
  ];
  assertEquals(all(first), [keys, keys, 0, 0]);
  assertEquals(all(reader), [keys, keys, 0, 0]);
  assertEquals(all(second), [keys, 0, keys, keys]);
  await first.close();
  assertEquals(all(reader), [keys, keys, 0, 0]);
  await second.close();
  const third = Store.open({ path });
  assertEquals(third.opening.kind, "clean");
  assertEquals(all(third), [keys, 0, keys, keys]);
  await third.close();
});

Deno.test("through a symbolic link, a store is the file that it leads to, with one index", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const link = folder.join("link.db");
  const store = Store.open({ path });
  store.set("a", "1");
  await Deno.symlink("store.db", link);
  using reader = KeyValueReader.open(link, { waitMsMax: 100 });
  assertEquals(reader.getText("a"), "1");
  assertEquals(reader.stats().source, "index");
  assertEquals(assertThrows(() => Store.open({ path: link }), StoreError).code, "LOCKED");
  await store.close();
  const again = Store.open({ path: link });
  assertEquals([again.opening.kind, again.count], ["clean", 1]);
  await again.close();
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "link.db",
    "store.db",
    "store.db-index",
  ]);
});

Deno.test("a pipe is refused, and nobody waits for who writes to it", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("pipe.db");
  const made = await new Deno.Command("mkfifo", { args: [path] }).output();
  assertEquals(made.code, 0);
  assertThrows(() => Store.open({ path }), StoreError, "it is no file");
  assertThrows(() => KeyValueReader.open(path), StoreError, "it is no file");
});

Deno.test("a reader tells that a file was cut while nobody had the store open", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const store = Store.open({ path });
  for (let i = 0; i < 100; i++) store.set(`k${i}`, "v".repeat(50_000));
  await store.close();
  const { size } = await Deno.stat(path);
  // The last segments may have been empty.
  await Deno.truncate(path, size / 2);
  using reader = KeyValueReader.open(path);
  const { source, damagedBytes } = reader.stats();
  assertEquals(source, "index");
  assert(damagedBytes > size / 4 && damagedBytes <= size / 2, String(damagedBytes));
});
