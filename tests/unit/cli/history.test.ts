import { assert, assertEquals, assertFalse } from "@std/assert";
import { hasPassword, History } from "../../../src/cli/history.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

Deno.test("lines are there the next time, newest first", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("state/history");
  const history = new History(path);
  for (const line of ["a", "b", "b", "a"]) history.add(line);
  assertEquals(history.newestFirst(), ["a", "b", "a"]);
  assertEquals(new History(path).newestFirst(), ["a", "b", "a"]);
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
});

Deno.test("what two sessions add is all kept", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("history");
  const [one, other] = [new History(path), new History(path)];
  one.add("a");
  other.add("b");
  one.add("c");
  assertEquals(new History(path).newestFirst(), ["c", "b", "a"]);
});

Deno.test("the file does not grow for ever", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("history");
  const lines = Array.from({ length: 2500 }, (_, i) => `echo ${i}\n`);
  await Deno.writeTextFile(path, lines.join(""));
  assertEquals(new History(path).newestFirst().length, 1000);
  assertEquals(await Deno.readTextFile(path), lines.slice(-1000).join(""));
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
});

Deno.test("without a file, or with one that cannot be used, the history is of this session", async () => {
  await using folder = await TemporaryFolder.make();
  for (const path of [null, folder.path]) {
    const history = new History(path);
    history.add("a");
    assertEquals(history.newestFirst(), ["a"]);
  }
});

Deno.test("commands with passwords are known", () => {
  for (
    const line of [
      "AUTH secret",
      "2 auth secret",
      "auth user secret",
      "HELLO 3 AUTH default secret",
      "config set requirepass secret",
      "CONFIG SET maxclients 5 requirepass secret",
      "acl setuser x >secret",
      "migrate h 1 k 0 5 auth secret",
    ]
  ) assert(hasPassword(line.split(" ")), line);
  for (const line of ["get auth", "hello 3", "config get requirepass", "acl list", "set auth x"]) {
    assertFalse(hasPassword(line.split(" ")), line);
  }
});
