import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  allocate,
  allocateInBackground,
  closeFile,
  fileBytes,
  map,
  openFile,
  readStart,
  setUmask,
  sync,
  syncFile,
  SystemError,
  truncateFile,
  tryLock,
  unmap,
} from "../../../src/sys/libc.ts";
import {
  bootId,
  processorSeconds,
  procText,
  systemMemoryBytes,
} from "../../../src/sys/process_facts.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

interface Failure {
  readonly call: string;
  readonly code: string;
  readonly path: string;
  /** Behind "Cannot <call> <path>: ". */
  readonly says: string;
}

function assertFails(action: () => unknown, { call, code, path, says }: Failure): void {
  const error = assertThrows(action, SystemError);
  assertEquals([error.call, error.code, error.path], [call, code, path]);
  assertEquals(error.message, `Cannot ${call} ${path}: ${says}`);
}

/** Runs with a file that is open for reading and writing. */
async function withFile(use: (fd: number, path: string) => Promise<void> | void): Promise<void> {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("file");
  const fd = openFile(path);
  try {
    await use(fd, path);
  } finally {
    closeFile(fd);
  }
}

Deno.test("opening a file in a folder that does not exist says ENOENT", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("nowhere/file");
  const says = "no such file or folder (ENOENT); create the folder first";
  assertFails(() => openFile(path), { call: "open", code: "ENOENT", path, says });
});

Deno.test("opening a folder for writing says EISDIR", async () => {
  await using folder = await TemporaryFolder.make();
  const { path } = folder;
  const says = "is a folder (EISDIR); name a file";
  assertFails(() => openFile(path), { call: "open", code: "EISDIR", path, says });
});

Deno.test("a path through a file says ENOTDIR by its number", async () => {
  await withFile((_fd, file) => {
    const error = assertThrows(() => openFile(`${file}/below`), SystemError);
    assertEquals(error.code, "E20");
    assert(error.message.startsWith(`Cannot open ${file}/below: `), error.message);
  });
});

Deno.test("a loop of links says ELOOP", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("loop");
  await Deno.symlink(path, path);
  const says = "too many symbolic links (ELOOP)";
  assertFails(() => openFile(path), { call: "open", code: "ELOOP", path, says });
});

Deno.test("a read-only open creates nothing", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("file");
  assertThrows(() => openFile(path, { readOnly: true }), SystemError, "ENOENT");
  assertThrows(() => Deno.statSync(path), Deno.errors.NotFound);
});

Deno.test("a created file has the mode asked for, 0600 unless told otherwise", async () => {
  await using folder = await TemporaryFolder.make();
  for (const [name, mode] of [["a", undefined], ["b", 0o640]] as const) {
    closeFile(openFile(folder.join(name), { mode }));
    const expected = (mode ?? 0o600) & ~Deno.umask();
    assertEquals((await Deno.stat(folder.join(name))).mode! & 0o777, expected);
  }
});

Deno.test("names with any characters are opened as they are", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("größe 大 \n");
  closeFile(openFile(path));
  assert((await Deno.stat(path)).isFile);
});

Deno.test("calls on a closed descriptor say EBADF, each with its own name", async () => {
  await withFile((_fd, path) => {
    const says = "bad file descriptor (EBADF)";
    const bad = 1_000_000;
    const calls: [string, () => unknown][] = [
      ["read", () => readStart(bad, path)],
      ["lock", () => tryLock(bad, path)],
      ["measure", () => fileBytes(bad, path)],
      ["truncate", () => truncateFile(bad, 0, path)],
      ["sync", () => syncFile(bad, path)],
      ["extend", () => allocate(bad, 0, 4096, path)],
      ["map", () => map({ fd: bad, offset: 0, length: 4096, readOnly: false, path })],
    ];
    for (const [call, action] of calls) {
      assertFails(action, { call, code: "EBADF", path, says });
    }
  });
});

Deno.test("invalid arguments say EINVAL", async () => {
  await withFile((fd, path) => {
    const says = "invalid argument (EINVAL)";
    const fails = (call: string, action: () => unknown) =>
      assertFails(action, { call, code: "EINVAL", path, says });
    fails("truncate", () => truncateFile(fd, -1, path));
    fails("extend", () => allocate(fd, -1, 4096, path));
    fails("map", () => map({ fd, offset: 17, length: 4096, readOnly: false, path }));
  });
});

Deno.test("allocate gives blocks, in the background too, which tells its error number", async () => {
  await withFile(async (fd, path) => {
    allocate(fd, 0, 100_000, path);
    assertEquals(fileBytes(fd, path), 100_000);
    assert((await Deno.stat(path)).blocks! * 512 >= 100_000);
    assertEquals(await allocateInBackground(fd, 100_000, 50_000), 0);
    assertEquals(fileBytes(fd, path), 150_000);
    assertEquals(await allocateInBackground(fd, -1, 10), 22);
  });
});

Deno.test("a mapping shows the file, and the file what is written to the mapping", async () => {
  await withFile(async (fd, path) => {
    allocate(fd, 0, 8192, path);
    const mapping = map({ fd, offset: 4096, length: 4096, readOnly: false, path });
    new Uint8Array(mapping.buffer).fill(7);
    sync(mapping, 0, 4096, path);
    unmap(mapping);
    const bytes = await Deno.readFile(path);
    assertEquals([bytes[4095], bytes[4096], bytes[8191]], [0, 7, 7]);
  });
});

Deno.test("a sync of what is not mapped says ENOMEM", async () => {
  await withFile((fd, path) => {
    allocate(fd, 0, 4096, path);
    const mapping = map({ fd, offset: 0, length: 4096, readOnly: false, path });
    unmap(mapping);
    const error = assertThrows(() => sync(mapping, 0, 4096, path), SystemError);
    assertEquals([error.call, error.code], ["sync", "ENOMEM"]);
  });
});

Deno.test("a lock is held by one descriptor until that is closed", async () => {
  await withFile((fd, path) => {
    const other = openFile(path);
    assertEquals(tryLock(fd, path), true);
    assertEquals(tryLock(fd, path), true);
    assertEquals(tryLock(other, path), false);
    closeFile(other);
    const third = openFile(path);
    assertEquals(tryLock(third, path), false);
    closeFile(third);
  });
});

Deno.test("readStart gives the first bytes of a file, 4096 at most", async () => {
  await withFile(async (fd, path) => {
    assertEquals(readStart(fd, path).length, 0);
    await Deno.writeFile(path, new Uint8Array(5000).fill(3));
    assertEquals(readStart(fd, path), new Uint8Array(4096).fill(3));
  });
});

Deno.test("setUmask returns the mask before", () => {
  const before = setUmask(0o027);
  assertEquals(setUmask(before), 0o027);
});

Deno.test("an error number without a name is shown as a number, none as UNKNOWN", () => {
  assertEquals(new SystemError("open", 200, "x").code, "E200");
  assertEquals(new SystemError("open", 0, "x").code, "UNKNOWN");
  assertEquals(
    new SystemError("extend", 28, "store.db").message,
    "Cannot extend store.db: no space left on the device (ENOSPC); free disk space",
  );
});

Deno.test("facts of the process come from /proc, and are empty where there are none", () => {
  assertEquals(procText("/proc/this is not there"), "");
  assertEquals(bootId().length, 36);
  assert(systemMemoryBytes() > 2 ** 24);
  const { user, system } = processorSeconds();
  assert(user + system >= 0 && user < 100_000);
});
