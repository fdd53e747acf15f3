/** One store, one owner. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { StoreError } from "../../../src/store/errors.ts";
import { Store } from "../../../src/store/store.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

Deno.test("a store that is open is not opened again, and the message names the process", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const store = Store.open({ path });
  try {
    store.set("a", "1");
    const error = assertThrows(() => Store.open({ path }), StoreError);
    assertEquals(error.code, "LOCKED");
    const message =
      `Cannot open ${path}: process ${Deno.pid} has it open; end it, or name another store`;
    assertEquals(error.message, message);
    // The attempt has changed nothing.
    store.set("b", "1");
    assertEquals(store.count, 2);
  } finally {
    await store.close();
  }
  const again = Store.open({ path });
  assertEquals([again.opening.kind, again.count], ["clean", 2]);
  await again.close();
});

Deno.test("a store that another process has open is refused with that process's number", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const module = fromFileUrl(new URL("../../../src/store/store.ts", import.meta.url));
  const program = `
    const { Store } = await import(${JSON.stringify(`file://${module}`)});
    const store = Store.open({ path: ${JSON.stringify(path)} });
    store.set("from", "the other");
    console.log(Deno.pid);
    await Deno.stdin.read(new Uint8Array(1));
    await store.close();`;
  const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--config", config, program],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.stdout.getReader();
  try {
    const line = new TextDecoder().decode((await output.read()).value);
    assert(/^\d+\n$/.test(line), line);
    const error = assertThrows(() => Store.open({ path }), StoreError, `process ${line.trim()} `);
    assertEquals(error.code, "LOCKED");
  } finally {
    await child.stdin.close();
    await output.cancel();
    await child.status;
  }
  const store = Store.open({ path });
  assertEquals(new TextDecoder().decode(store.get("from")!), "the other");
  await store.close();
});

Deno.test("a store in a folder that does not exist is refused, with a way out", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("nowhere/store.db");
  const error = assertThrows(() => Store.open({ path }));
  assert(error instanceof Error);
  assertEquals(
    error.message,
    `Cannot open ${path}: no such file or folder (ENOENT); create the folder first`,
  );
});

Deno.test("store and index are files of their owner only", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  await Store.open({ path }).close();
  for (const file of [path, `${path}-index`]) {
    assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);
  }
});

Deno.test("an index that is made anew may be read by whoever may read the store", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  await Store.open({ path }).close();
  await Deno.chmod(path, 0o640);
  await Deno.remove(`${path}-index`);
  await Store.open({ path }).close();
  assertEquals((await Deno.stat(`${path}-index`)).mode! & 0o777, 0o640);
});
