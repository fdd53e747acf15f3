import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { resolve } from "@std/path";
import { BuildError } from "../../scripts/build/build_error.ts";
import { recordStart } from "../../scripts/build/recorded_start.ts";
import { ServerScript } from "../../scripts/build/server_script.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const root = resolve(".");

/** What `./kv` says on standard error. */
async function complaint(args: readonly string[]): Promise<string> {
  const { stderr } = await new Deno.Command("./kv", {
    args: [...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stderr);
}

Deno.test("the runtime takes the code cache that the executable has", async () => {
  // Loading the server's script would say so if it did not.
  assertEquals(
    await complaint(["serve", "--no-such-option"]),
    "kv: There is no option --no-such-option. See: kv help\n",
  );
});

Deno.test("a trace names the server's files and lines", async () => {
  await using folder = await TemporaryFolder.make();
  const name = "serve-ABC123.js"; // As the bundler calls it.
  await Deno.writeTextFile(folder.join(name), "");
  const script = await ServerScript.bundle({ root, folder: folder.path, readable: false });
  await script.prepareRecording();
  const program = `import { serve } from "./${name}";
    await serve(["--help"], () => Promise.resolve(console.log(new Error().stack)));`;
  await Deno.writeTextFile(folder.join("main.js"), program);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", folder.join("main.js")],
    stdin: "null",
  }).output();
  const source = await Deno.readTextFile("src/cli/serve.ts");
  const line = source.split("\n").findIndex((text) => text.includes("showHelp();")) + 1;
  assertStringIncludes(new TextDecoder().decode(stdout), `/src/cli/serve.ts:${line}:`);
});

Deno.test("a build ends when the server of the first executable does not start", async () => {
  const failure = await assertRejects(() => recordStart("/bin/false", {}), BuildError);
  assertStringIncludes(failure.message, "Cannot make the server's code cache: the server failed");
});

Deno.test("bundles without the server's are no program to put a script into", async () => {
  await using folder = await TemporaryFolder.make();
  await Deno.writeTextFile(folder.join("main.js"), "");
  const options = { root, folder: folder.path, readable: false };
  const failure = await assertRejects(() => ServerScript.bundle(options), BuildError);
  assertStringIncludes(failure.message, "0 bundles begin with src/cli/serve.ts");
});
