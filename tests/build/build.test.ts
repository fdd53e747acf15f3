import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";

/** Runs the build script with DENORT_BIN set to `path`. No build with these leaves a new ./kv. */
async function build(path: string): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "scripts/build.ts"],
    env: { DENORT_BIN: path, RUST_BACKTRACE: "1" },
    stdin: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

function assertOneLine(text: string): void {
  assertMatch(text, /^build: Cannot [^\n]+\n$/);
}

Deno.test("a build with DENORT_BIN naming no file ends with one line that says so", async () => {
  const { code, stderr } = await build("/nowhere/denort");
  assertEquals(code, 1);
  assertOneLine(stderr);
  assertStringIncludes(stderr, "/nowhere/denort: no such file; correct DENORT_BIN, or unset it");
});

Deno.test("a build on something else than a base runtime fails and leaves ./kv alone", async () => {
  const before = await Deno.stat("kv");
  const folder = await Deno.makeTempDir();
  try {
    const script = join(folder, "denort");
    await Deno.writeTextFile(script, "#!/bin/sh\nexit 0\n");
    for (const path of [script, "/bin/true"]) {
      const { code, stderr } = await build(path);
      assertEquals(code, 1, path);
      assertOneLine(stderr);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const after = await Deno.stat("kv");
  assertEquals([after.ino, after.mtime, after.size], [before.ino, before.mtime, before.size]);
});

async function buildFolders(): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(".")) {
    if (name.startsWith(".kv-build-")) found.push(name);
  }
  return found.sort();
}

Deno.test("a failed build leaves nothing behind in the repository", async () => {
  const before = await buildFolders();
  await build("/bin/true");
  assertEquals(await buildFolders(), before);
});
