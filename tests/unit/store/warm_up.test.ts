import { assertEquals } from "@std/assert";
import { MemoryFile } from "../../../src/store/memory_file.ts";
import { warmUp } from "../../../src/store/warm_up.ts";
import type { StoreFile } from "../../../src/sys/mapped_file.ts";

const mebibyte = 2 ** 20;

/** Which mebibytes of the index and the log are asked for. */
async function askedFor(
  sizes: { readonly index: number; readonly log: number },
  memory: number,
  goesOn: () => boolean = () => true,
): Promise<string[]> {
  const asked: string[] = [];
  const fileOf = (name: string, size: number) => {
    const file: StoreFile = new MemoryFile(4096);
    file.grow(size * mebibyte);
    file.readAheadInBackground = (offset, length) => {
      asked.push(`${name} ${offset / mebibyte}+${length / mebibyte}`);
      return Promise.resolve(true);
    };
    return file;
  };
  const log = fileOf("log", sizes.log);
  await warmUp(fileOf("index", sizes.index), log, goesOn, () => memory * mebibyte);
  return asked;
}

Deno.test("a store with room in half of the memory is brought there, the index first", async () => {
  assertEquals(
    await askedFor({ index: 4, log: 20 }, 50),
    ["index 0+8", "log 0+8", "log 8+8", "log 16+8"],
  );
});

Deno.test("of a larger store it is the index, or nothing", async () => {
  assertEquals(await askedFor({ index: 9, log: 30 }, 50), ["index 0+8", "index 8+8"]);
  assertEquals(await askedFor({ index: 30, log: 90 }, 50), []);
});

Deno.test("a small store is not worth it, and one that is closed is left alone", async () => {
  assertEquals(await askedFor({ index: 1, log: 14 }, 50), []);
  let left = 2;
  assertEquals(
    await askedFor({ index: 1, log: 40 }, 1000, () => left-- > 0),
    ["index 0+8", "log 0+8"],
  );
});
