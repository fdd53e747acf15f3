/** The example in the documentation of `KeyValueClient` is a program that runs. */
import { assertEquals } from "@std/assert";
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
