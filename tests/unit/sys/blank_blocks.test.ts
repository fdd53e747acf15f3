/** Blocks that count as blank: found, and written past the page cache. */
import { assert, assertEquals } from "@std/assert";
import { BlankBlocks } from "../../../src/sys/blank_blocks.ts";
import { MappedFile } from "../../../src/sys/mapped_file.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

const headerBytes = 8192;
const bodyBytes = 2 ** 20;

Deno.test("what a file has grown by is blank until it is written past the page cache", async () => {
  await using folder = await TemporaryFolder.make();
  const file = MappedFile.open(folder.join("file"), { headerBytes });
  const blanks = new BlankBlocks(file.descriptor, 2 ** 16);
  try {
    file.grow(bodyBytes);
    const body = { offset: headerBytes, length: bodyBytes };
    // A file system that does not tell, such as tmpfs, is taken at its word.
    if (blanks.find(body).length === 0) return;
    assertEquals(blanks.find(body), [body]);
    const [window] = file.windows;
    window.u8.fill(7, 65536, 2 * 65536);
    if (!blanks.write(headerBytes + 65536, window.u8.subarray(65536, 2 * 65536))) return;
    file.syncAll([{ offset: 0, length: bodyBytes }]);
    assertEquals(blanks.find(body), [
      { offset: headerBytes, length: 65536 },
      { offset: headerBytes + 2 * 65536, length: bodyBytes - 2 * 65536 },
    ]);
    assert(window.u8.subarray(65536, 2 * 65536).every((byte) => byte === 7));
    const part = { offset: headerBytes + 65536 + 4096, length: 65536 };
    assertEquals(blanks.find(part), [{ offset: headerBytes + 2 * 65536, length: 4096 }]);
  } finally {
    blanks.close();
    await file.close();
  }
});
