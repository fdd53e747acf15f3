import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { isFresh, newestChangeMs } from "../../scripts/build/freshness.ts";

const secondMs = 1000;
const longAgoMs = Date.UTC(2020, 0, 1);

/** A folder with a product and two sources, one of them in a subfolder, all of the same age. */
async function withTree(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(folder, "src/deep"), { recursive: true });
    for (const path of ["product", "src/a.ts", "src/deep/b.ts"]) {
      await Deno.writeTextFile(join(folder, path), path);
    }
    for (const path of ["product", "src/a.ts", "src/deep/b.ts", "src/deep", "src"]) {
      await date(join(folder, path), longAgoMs);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function date(path: string, ms: number): Promise<void> {
  await Deno.utime(path, new Date(ms), new Date(ms));
}

Deno.test("a product as old as its sources is fresh", async () => {
  await withTree(async (folder) => {
    assertEquals(await newestChangeMs([join(folder, "src")]), longAgoMs);
    assertEquals(await isFresh(join(folder, "product"), [join(folder, "src")]), true);
  });
});

Deno.test("a product is stale once a source below a folder is newer", async () => {
  await withTree(async (folder) => {
    await date(join(folder, "src/deep/b.ts"), longAgoMs + secondMs);
    assertEquals(await isFresh(join(folder, "product"), [join(folder, "src")]), false);
    assertEquals(await isFresh(join(folder, "product"), [join(folder, "src/a.ts")]), true);
  });
});

Deno.test("a product is stale once a source was removed", async () => {
  await withTree(async (folder) => {
    await Deno.remove(join(folder, "src/deep/b.ts"));
    assertEquals(await isFresh(join(folder, "product"), [join(folder, "src")]), false);
  });
});

Deno.test("a product that does not exist is not fresh", async () => {
  await withTree(async (folder) => {
    assertEquals(await isFresh(join(folder, "nothing"), [join(folder, "src")]), false);
  });
});

Deno.test("a source that does not exist is passed over", async () => {
  await withTree(async (folder) => {
    assertEquals(await newestChangeMs([join(folder, "nothing")]), 0);
  });
});
