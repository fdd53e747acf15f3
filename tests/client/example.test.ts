/** The examples in the documentation of `KeyValueClient` are programs that run. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { runTool } from "../support/real_tools.ts";
import { ServerAndClient } from "./support.ts";

const source = new URL("../../src/client/key_value_client.ts", import.meta.url);
const library = new URL("../../mod.ts", import.meta.url);
const config = fromFileUrl(new URL("../../deno.json", import.meta.url));

/** The code in the comment of the class, for a server on `socket`. */
async function example(socket: string): Promise<string> {
  const text = await Deno.readTextFile(source);
  const comment = text.slice(0, text.indexOf("export class KeyValueClient"));
  const code = comment.slice(comment.lastIndexOf("/**")).split("```")[1];
  return code
    .replace(/^ts ignore/, "")
    .replace(/^ \* ?/gm, "")
    .replace('"@kv/kv"', JSON.stringify(library.href))
    .replace('"kv.sock"', JSON.stringify(socket));
}

Deno.test("the example of KeyValueClient runs, and prints what it says", async () => {
  await using both = await ServerAndClient.start();
  const { client, server } = both;
  await client.mset({ "user:1": "a", "other": "b" });
  const program = server.folder.join("example.ts");
  await Deno.writeTextFile(program, await example(server.socketPath));
  const args = ["run", "-A", "--no-check", "--quiet", "--config", config, program];
  const { code, stdout, stderr } = await runTool(Deno.execPath(), args);
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "hello\nuser:1\n", stderr: "" });
  assertEquals(await client.get("visits"), "2");
  assertEquals(await client.strlen("blob"), 6);
});

/** The code in the comments of the methods, which all use a `client`. */
async function methodExamples(): Promise<string[]> {
  const texts = await Promise.all(
    [source, new URL("commands.ts", source)].map((url) => Deno.readTextFile(url)),
  );
  const blocks = texts.flatMap((text) =>
    Array.from(text.matchAll(/^ {3}\* ```ts ignore\n(.*?)^ {3}\* ```$/gms), ([, code]) => code)
  );
  return blocks.map((block) => block.replace(/^ {3}\* ?/gm, ""));
}

Deno.test("the examples of its methods run one after the other", async () => {
  await using both = await ServerAndClient.start();
  const { client, server } = both;
  await client.mset({ balance: 20, name: "kv" });
  const examples = await methodExamples();
  assert(examples.length >= 4, `only ${examples.length} found`);
  const program = [
    `import { KeyValueClient, replyToText } from ${JSON.stringify(library.href)};`,
    `await using client = await KeyValueClient.connect({ socket: "${server.socketPath}" });`,
    // Of some, two variables have the same name.
    ...examples.map((example) => `{\n${example}}\n`),
  ].join("\n");
  const path = server.folder.join("examples.ts");
  await Deno.writeTextFile(path, program);
  const args = ["run", "-A", "--no-check", "--quiet", "--config", config, path];
  const { code, stderr } = await runTool(Deno.execPath(), args);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  // 5 are spent in a transaction, and 5 by watching.
  assertEquals(await client.get("balance"), "10");
  assert(await client.ttl("key") > 30);
});
