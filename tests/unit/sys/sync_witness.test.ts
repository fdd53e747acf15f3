/** A second description of a file. */
import { assert, assertEquals } from "@std/assert";
import { SyncWitness } from "../../../src/sys/sync_witness.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

Deno.test("a witness is of the file with its inode, and of no other at the same path", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("file");
  await Deno.writeTextFile(path, "text");
  const inode = (await Deno.stat(path)).ino!;
  const witness = SyncWitness.of(path, inode);
  assert(witness !== null);
  assert(witness.isSound());
  witness.close();
  assertEquals(SyncWitness.of(path, inode + 1), null);
  assertEquals(SyncWitness.of(folder.join("none"), inode), null);
});
