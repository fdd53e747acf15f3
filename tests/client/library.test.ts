/** `mod.ts`: what a program can import. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { keyChange, KeyValueServer, type SizeLimit, Store, TlsError } from "../../mod.ts";
import { runTool } from "../support/real_tools.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

Deno.test("every type that the library's types refer to can be imported", async () => {
  const library = fromFileUrl(new URL("../../mod.ts", import.meta.url));
  const env = `NO_COLOR=1`;
  const { stderr } = await runTool("env", [env, Deno.execPath(), "doc", "--lint", library]);
  assert(/documentation lint|Checked/.test(stderr), stderr);
  const found = stderr.matchAll(/public type '(.*)' references private type '(.*)'/g);
  assertEquals(Array.from(found, ([, type]) => type), []);
});

Deno.test("another project imports the library by its path", async () => {
  await using folder = await TemporaryFolder.make();
  const library = fromFileUrl(new URL("../../mod.ts", import.meta.url));
  // Else the configuration of a folder above would be looked for.
  await Deno.writeTextFile(folder.join("deno.json"), "{}");
  const program = folder.join("program.ts");
  await Deno.writeTextFile(
    program,
    `import { KeyValueClient, KeyValueReader, KeyValueServer, Store } from "${library}";
    const [store, socket] = ["${folder.join("store.db")}", "${folder.join("kv.sock")}"];
    const server = await KeyValueServer.start({ store, socket });
    const client = await KeyValueClient.connect({ socket });
    await client.set("foo", "bar");
    using reader = KeyValueReader.open(store);
    console.log(reader.getText("foo"), server.store instanceof Store);
    await client.close();
    await server.stop();`,
  );
  const { stdout, stderr } = await runTool(Deno.execPath(), ["run", "-A", "--quiet", program]);
  assertEquals({ stdout, stderr }, { stdout: "bar true\n", stderr: "" });
});

Deno.test("the errors that starting a server throws can be told apart", async () => {
  await using folder = await TemporaryFolder.make();
  const options = { store: folder.join("store.db"), socket: folder.join("kv.sock") };
  await assertRejects(
    () => KeyValueServer.start({ ...options, listen: "127.0.0.1:0", tlsCert: "none.pem" }),
    TlsError,
    "key (tls-key-file) is missing",
  );
});

Deno.test("what a store tells of its keys, and how large it may become, has names", async () => {
  await using folder = await TemporaryFolder.make();
  const sizeLimit: SizeLimit = { bytesMax: 2 ** 26, policy: "allkeys-lru" };
  const store = Store.open({ path: folder.join("store.db"), sizeLimit });
  const changes: number[] = [];
  store.onChange = (change) => changes.push(change);
  store.set("a", "1");
  store.set("a", "2");
  store.delete("a");
  assertEquals(changes, [keyChange.added, keyChange.changed, keyChange.removed]);
  await store.close();
});
