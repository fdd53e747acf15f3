/** Paths are taken apart and put together as by @std/path, apart from a slash at the end, which `join` drops. */
import { assertEquals } from "@std/assert";
import * as std from "@std/path";
import { basename, dirname, join, resolve } from "../../../src/sys/file_path.ts";

const pieces = ["", "/", "//", "a", "b.db", ".", "..", "a/", "/a", "é", " "];

Deno.test("paths of files are what @std/path makes of them", () => {
  for (const a of pieces) {
    for (const b of pieces) {
      for (const c of pieces) {
        const path = a + b + c;
        assertEquals(dirname(path), std.dirname(path), `dirname ${JSON.stringify(path)}`);
        assertEquals(basename(path), std.basename(path), `basename ${JSON.stringify(path)}`);
        assertEquals(resolve(path), std.resolve(path), `resolve ${path}`);
        const joined = std.join(a + b, c);
        const expected = joined.length > 1 ? joined.replace(/\/$/, "") : joined;
        assertEquals(join(a + b, c), expected, `join ${JSON.stringify([a + b, c])}`);
      }
    }
  }
});
