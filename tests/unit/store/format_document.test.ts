/** docs/store_format.md has an example in hex: it is a store. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Store } from "../../../src/store/store.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

const document = fromFileUrl(new URL("../../../docs/store_format.md", import.meta.url));
const decoder = new TextDecoder();

/** The file that the example shows, with its one segment. */
async function exampleFile(): Promise<Uint8Array> {
  const text = await Deno.readTextFile(document);
  const dump = /```hexdump\n(.*?)```/s.exec(text)![1];
  const file = new Uint8Array(8192 + 2 ** 20);
  for (const line of dump.trim().split("\n")) {
    const offset = parseInt(line.slice(0, 6), 16);
    const bytes = line.slice(8, 8 + 16 * 3 - 1).split(" ").map((hex) => parseInt(hex, 16));
    assertEquals(bytes.length, 16, line);
    file.set(bytes, offset);
  }
  return file;
}

function shown(store: Store): string[] {
  return [...store.keys()].map((key) => {
    const name = decoder.decode(key);
    return `${name}=${decoder.decode(store.get(name)!)}@${store.foundExpireAt}`;
  }).sort();
}

Deno.test("the example in docs/store_format.md opens as the store that it describes", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  await Deno.writeFile(path, await exampleFile());
  const store = Store.open({ path, clock: () => 1_700_000_000_000 });
  try {
    assertEquals(store.opening.damages, []);
    assertEquals(shown(store), ["foo=BAR@0", "session=0123456789@4102444800000"]);
  } finally {
    await store.close();
  }
});

Deno.test("a changed byte in one of the example's records is reported where it is", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("store.db");
  const file = await exampleFile();
  file[0x2079] ^= 1; // In the key of the second record.
  await Deno.writeFile(path, file);
  const store = Store.open({ path, clock: () => 1_700_000_000_000 });
  try {
    const [damage, ...others] = store.opening.damages;
    assertEquals(others, []);
    assertEquals([damage.fileOffset, damage.bytes], [0x2060, 48]);
    assertEquals(shown(store), ["foo=BAR@0"]);
  } finally {
    await store.close();
  }
});
