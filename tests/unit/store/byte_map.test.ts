import { assertEquals, assertStrictEquals } from "@std/assert";
import { ByteMap } from "../../../src/store/byte_map.ts";
import { toBytes, toText } from "../../support/binary_text.ts";
import { chooseSeed, SeededRandom } from "../../support/seeded_random.ts";

Deno.test("keys are ranges of bytes, which are copied", () => {
  const map = new ByteMap<number>();
  const bytes = toBytes("xkeyx");
  map.set(1, bytes, 1, 4);
  bytes.fill(0);
  assertEquals(map.get(toBytes("key")), 1);
  assertEquals(map.get(toBytes("a key here"), 2, 5), 1);
  assertStrictEquals(map.get(toBytes("ke")), undefined);
  map.set(2, toBytes("key"));
  assertEquals(map.get(toBytes("key")), 2);
  assertEquals(map.size, 1);
  assertEquals([...map].map(([key, value]) => [toText(key), value]), [["key", 2]]);
  assertEquals(toText(map.anyKey()!), "key");
});

Deno.test("the empty key is one", () => {
  const map = new ByteMap<string>();
  map.set("nothing", new Uint8Array(0));
  assertEquals(map.get(toBytes("x"), 1, 1), "nothing");
  assertEquals(map.delete(new Uint8Array(0)), true);
  assertEquals(map.size, 0);
  assertStrictEquals(map.anyKey(), undefined);
});

Deno.test("it does what a Map of texts does", () => {
  const random = new SeededRandom(chooseSeed("byte map"));
  const map = new ByteMap<number>();
  const model = new Map<string, number>();
  for (let i = 0; i < 50_000; i++) {
    // More keys in one half of the time, fewer in the other: it grows and shrinks.
    const key = `key ${random.below(i < 25_000 ? 5000 : 50)}`;
    const bytes = toBytes(key);
    if (random.chance(i < 25_000 ? 0.75 : 0.5)) {
      map.set(i, bytes);
      model.set(key, i);
    } else {
      assertEquals(map.delete(bytes), model.delete(key));
    }
    assertEquals(map.size, model.size);
    const other = `key ${random.below(5000)}`;
    assertStrictEquals(map.get(toBytes(other)), model.get(other));
  }
  const entries = [...map].map(([key, value]) => [toText(key), value] as const);
  assertEquals(new Map(entries), model);
  map.clear();
  assertEquals([map.size, [...map].length], [0, 0]);
});
