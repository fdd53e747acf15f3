import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { BuildError, oneLine } from "../../scripts/build/build_error.ts";
import {
  cachedRuntimePath,
  checkedCut,
  packagedRuntime,
  packagedRuntimePath,
} from "../../scripts/build/packaged_runtime.ts";
import { sha256 } from "../../scripts/build/sha256.ts";

/** The smallest executable: a header that says that it ends at byte 64, and what was appended to it. */
function executable(appended: string): Uint8Array<ArrayBuffer> {
  const tail = new TextEncoder().encode(appended);
  const bytes = new Uint8Array(64 + tail.length);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes[40] = 64;
  bytes.set(tail, 64);
  return bytes;
}

Deno.test("sha256 gives the digest that FIPS 180-2 gives for abc", async () => {
  assertEquals(
    await sha256(new TextEncoder().encode("abc")),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

Deno.test("a base runtime with the hash expected is cut out of its program", async () => {
  const runtime = { ...packagedRuntime, sha256: await sha256(executable("")) };
  assertEquals(await checkedCut(executable("a program"), runtime), executable(""));
});

Deno.test("a base runtime with another hash is refused, and the way out is named", async () => {
  const error = await assertRejects(
    () => checkedCut(executable("a program"), packagedRuntime),
    BuildError,
    `not ${packagedRuntime.sha256}`,
  );
  assertStringIncludes(error.message, "set DENORT_BIN");
  assert(!error.message.includes("\n"), "one line");
});

Deno.test("a package that holds something else than an executable is refused", async () => {
  const script = new TextEncoder().encode("#!/bin/sh\n".repeat(20));
  await assertRejects(() => checkedCut(script, packagedRuntime), BuildError, "no ELF file");
});

Deno.test("a base runtime fetched before is taken from the cache", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const runtime = { ...packagedRuntime, sha256: await sha256(executable("")) };
    const cached = cachedRuntimePath(runtime, folder);
    await Deno.writeFile(cached, executable(""));
    assertEquals(await packagedRuntimePath(runtime, folder, "reason"), cached);
    assertEquals(cached, join(folder, "denort-2.6.10-x86_64-unknown-linux-gnu"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("oneLine makes one sentence of what a tool said at length", () => {
  assertEquals(oneLine("error: It failed\n\nCaused by:\n    0: a\n"), "It failed Caused by: 0: a");
  assertEquals(oneLine("  \n"), "it does not say why");
  assertEquals(oneLine("x".repeat(1000)), "x".repeat(300) + "...");
});
