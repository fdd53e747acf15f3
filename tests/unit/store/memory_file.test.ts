import { assertEquals } from "@std/assert";
import { indexPageBytes } from "../../../src/store/format.ts";
import { MemoryFile } from "../../../src/store/memory_file.ts";
import { windowBytes } from "../../../src/sys/mapped_file.ts";

Deno.test("a file in memory grows by windows, and takes memory only where it is touched", () => {
  const file = new MemoryFile(4096);
  file.grow(windowBytes);
  assertEquals(file.windows.length, 1);
  file.grow(2 * windowBytes + 4096);
  assertEquals([file.windows.length, file.bodyBytes], [3, 2 * windowBytes + 4096]);
  const page = new Uint8Array(indexPageBytes).fill(7);
  const offsets = [windowBytes - page.length, windowBytes, 2 * windowBytes];
  for (const offset of offsets) file.write(offset, page, 0, page.length);
  const read = new Uint8Array(page.length);
  for (const offset of offsets) {
    file.read(offset, read.fill(0));
    assertEquals(read, page);
    assertEquals(file.windows[Math.floor(offset / windowBytes)].u8[offset % windowBytes], 7);
  }
  file.grow(4096);
  assertEquals(file.windows.length, 3);
});
