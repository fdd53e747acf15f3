/** The programs in the README run as they are. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { TestServer } from "../support/test_server.ts";
import { withTimeLimit } from "../support/time_limit.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** The blocks of code in it, in their order. */
function programs(): string[] {
  const text = Deno.readTextFileSync(`${root}README.md`);
  return [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, program]) => program);
}

Deno.test("each program in the README sets a key by the socket, and gets it", async () => {
  const found = programs();
  for (const client of ["ioredis", "redis", "@keyv/redis", "./mod.ts"]) {
    assert(found.some((program) => program.includes(`from "${client}";`)), client);
  }
  // What it says is the same is tried, too.
  found.push(
    ...found.filter((text) => text.includes('"redis"')).map((text) =>
      text.replace('"redis"', '"@redis/client"')
    ),
  );
  await using server = await TestServer.start({ kind: "kv" });
  const { folder } = server;
  await Deno.symlink(server.socketPath, folder.join("kv.sock")).catch(() => {});
  for (const [i, program] of found.entries()) {
    const file = folder.join(`program${i}.ts`);
    await Deno.writeTextFile(file, program.replace("./mod.ts", `${root}mod.ts`));
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", "--config", `${root}deno.json`, file],
      cwd: folder.path,
      stdin: "null",
    }).output();
    const { code, stdout, stderr } = await withTimeLimit(child, 30_000, "the program to end");
    const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals([code, output], [0, "bar\n"], `${program}${errors}`);
  }
});
