import { assertEquals } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { mutations } from "./mutations.ts";

const root = dirname(dirname(dirname(fromFileUrl(import.meta.url))));

Deno.test("what the mutations replace stands in the engine, once each", async () => {
  for (const { name, file, from } of mutations) {
    const text = await Deno.readTextFile(join(root, file));
    assertEquals(text.split(from).length - 1, 1, name);
  }
});

Deno.test("the mutations have names of their own", () => {
  assertEquals(new Set(mutations.map(({ name }) => name)).size, mutations.length);
});
