/** What is refused once a store is closed, and what a failed opening leaves: nothing. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { StoreError } from "../../../src/store/errors.ts";
import { Store, type StoreOptions } from "../../../src/store/store.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

Deno.test("a closed store refuses each call that would read its files", async () => {
  await using folder = await TemporaryFolder.make();
  const store = Store.open({ path: folder.join("store.db") });
  for (let i = 0; i < 1000; i++) store.set(`k${i}`, "v");
  const begun = store.keys();
  begun.next();
  await store.close();
  for (
    const call of [
      () => store.get("k1"),
      () => store.has("k1"),
      () => store.set("k1", "w"),
      () => store.delete("k1"),
      () => store.keys().next(),
      () => [...begun],
      () => store.scan(0, 10, () => {}),
      () => store.randomKey(),
      () => store.statistics,
      () => store.distrust(),
      () => store.clear(),
    ]
  ) assertEquals(assertThrows(call, StoreError).code, "CLOSED");
});

Deno.test("each close resolves when the store is closed", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const store = Store.open({ path });
  const first = store.close();
  await store.close();
  await Store.open({ path }).close();
  await first;
});

Deno.test("an opening that fails, for whatever reason, gives the store back", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const refuse = () => {
    throw new Error("the caller has had enough");
  };
  const failing: Omit<StoreOptions, "path">[] = [
    { sizeLimit: { bytesMax: 1, policy: "noeviction" } },
    { onProgress: refuse },
  ];
  for (const options of failing) {
    assertThrows(() => Store.open({ path, ...options }));
    await assertRejects(() => Store.openInSteps({ path, ...options }));
    await Store.open({ path }).close();
  }
  await assertRejects(() => Store.openInSteps({ path }, refuse));
  await Store.open({ path }).close();
});

Deno.test("a deadline that is no number is refused, and nothing was set", async () => {
  await using folder = await TemporaryFolder.make();
  const store = Store.open({ path: folder.join("store.db") });
  for (const expireAt of [NaN, Infinity, 0.5]) {
    assertThrows(() => store.set("a", "1", { expireAt }), RangeError, String(expireAt));
  }
  assertEquals(store.get("a"), null);
  await store.close();
});
