import { assert, assertEquals, assertThrows } from "@std/assert";
import { interceptLibc } from "../../../src/sys/libc.ts";
import { MappedFile, SystemError, windowBytes } from "../../../src/sys/mapped_file.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";
import { type ErrnoName, FailingLibc } from "../../torture/failing_calls.ts";
import { HeldCalls } from "../../torture/held_disk.ts";

const headerBytes = 8192;

async function withFile(
  use: (file: MappedFile, path: string) => Promise<void> | void,
): Promise<void> {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("file");
  const file = MappedFile.open(path, { headerBytes });
  try {
    await use(file, path);
  } finally {
    await file.close();
  }
}

Deno.test("a new file has a header of zeros and no body", async () => {
  await withFile(async (file, path) => {
    assertEquals(file.header.u8.length, headerBytes);
    assert(file.header.u8.every((byte) => byte === 0));
    assertEquals([file.bodyBytes, file.windows.length], [0, 0]);
    assertEquals((await Deno.stat(path)).size, headerBytes);
  });
});

Deno.test("header and body are seen as bytes, words and doubles of one memory", async () => {
  await withFile((file) => {
    file.grow(4096);
    for (const window of [file.header, file.windows[0]]) {
      window.f64[1] = 1;
      assertEquals([window.i32[2], window.i32[3]], [0, 0x3ff00000]);
      assertEquals(window.u8[15], 0x3f);
    }
  });
});

Deno.test("growing needs no new window within 1 GiB, and is backed by blocks", async () => {
  await withFile(async (file, path) => {
    file.grow(4096);
    const [window] = file.windows;
    window.u8[0] = 42;
    assertEquals(window.u8.length, windowBytes);
    for (const bytes of [8192, 100 * 4096, 2 ** 22]) {
      file.grow(bytes);
      assertEquals(file.bodyBytes, bytes);
      const { size, blocks } = await Deno.stat(path);
      assertEquals(size, headerBytes + bytes);
      assert(blocks! * 512 >= size);
      window.u8[bytes - 1] = 7;
    }
    assertEquals(file.windows.length, 1);
    assertEquals([window.u8[0], window.u8[4096]], [42, 0]);
  });
});

Deno.test("growing to less than there is changes nothing", async () => {
  await withFile((file) => {
    file.grow(8192);
    file.grow(4096);
    assertEquals(file.bodyBytes, 8192);
  });
});

/** Runs with a libc in which the next call fails, and all later ones of the same function. */
async function withFailing(errno: ErrnoName, use: () => Promise<void> | void): Promise<void> {
  using libc = new FailingLibc({ nth: 1, errno, isLasting: true });
  libc.arm();
  await use();
}

Deno.test("growing that the file system refuses changes nothing, and leaves nothing behind", async () => {
  await withFile(async (file, path) => {
    file.grow(4096);
    await withFailing("ENOSPC", async () => {
      // What fails has allocated half of it by then.
      assertEquals(assertThrows(() => file.grow(2 ** 22), SystemError).code, "ENOSPC");
      assertEquals([file.bodyBytes, Deno.statSync(path).size], [4096, headerBytes + 4096]);
      assertEquals(await file.growInBackground(2 ** 22), false);
      assertEquals([file.bodyBytes, Deno.statSync(path).size], [4096, headerBytes + 4096]);
    });
    file.grow(8192);
    assertEquals(file.bodyBytes, 8192);
  });
});

Deno.test("what a failed growth leaves behind is not cut off while another growth is under way", async () => {
  await withFile(async (file, path) => {
    file.grow(4096);
    let finish = () => {};
    const restore = interceptLibc((real) => ({
      ...real,
      // It has grown the file, and has not told yet.
      async fallocateInBackground(fd, from, length) {
        const errno = real.posix_fallocate(fd, from, length);
        await new Promise<void>((resolve) => finish = resolve);
        return errno;
      },
      posix_fallocate(fd, from, length) {
        real.posix_fallocate(fd, from, BigInt(length) / 2n);
        return 28;
      },
    }));
    try {
      const slow = file.growInBackground(64 * 4096);
      assertThrows(() => file.grow(256 * 4096), SystemError, "ENOSPC");
      assert(Deno.statSync(path).size > headerBytes + 64 * 4096);
      finish();
      assertEquals(await slow, true);
    } finally {
      restore();
    }
    assertEquals(file.bodyBytes, 64 * 4096);
    assertEquals(Deno.statSync(path).size, headerBytes + 64 * 4096);
    file.windows[0].u8[64 * 4096 - 1] = 1; // This would be SIGBUS behind the end of the file.
  });
});

Deno.test("without address space for another window the body stays as it is", async () => {
  await withFile(async (file, path) => {
    file.grow(4096);
    let isFailing = true;
    const restore = interceptLibc((real) => ({
      ...real,
      mmap: (...args) => isFailing ? Deno.UnsafePointer.create(2n ** 64n - 1n) : real.mmap(...args),
      // A gigabyte of holes will do.
      posix_fallocate: (fd, from, length) => real.ftruncate(fd, BigInt(from) + BigInt(length)),
      fallocateInBackground: (fd, from, length) =>
        Promise.resolve(real.ftruncate(fd, BigInt(from) + BigInt(length))),
    }));
    try {
      assertEquals(assertThrows(() => file.grow(windowBytes + 4096), SystemError).call, "map");
      assertEquals(await file.growInBackground(windowBytes + 4096), false);
      assertEquals([file.bodyBytes, file.windows.length], [4096, 1]);
      assertEquals(Deno.statSync(path).size, headerBytes + 4096);
      isFailing = false;
      assertEquals(await file.growInBackground(windowBytes + 4096), true);
      assertEquals([file.bodyBytes, file.windows.length], [windowBytes + 4096, 2]);
    } finally {
      restore();
    }
  });
});

Deno.test("a body that the file system does not cut stays as long as it is", async () => {
  await withFile(async (file, path) => {
    file.grow(10 * 4096);
    await withFailing("EIO", async () => {
      assertEquals(await file.shrinkInBackground(4096), false);
    });
    assertEquals([file.bodyBytes, Deno.statSync(path).size], [10 * 4096, headerBytes + 10 * 4096]);
    assertEquals(await file.growInBackground(2 * 4096), true);
    assertEquals(file.bodyBytes, 10 * 4096);
  });
});

Deno.test("the lock is given back even if a mapping cannot be", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("file");
  const file = MappedFile.open(path, { headerBytes });
  assertEquals(file.tryLock(), true);
  await withFailing("ENOMEM", async () => {
    await file.close();
    const other = MappedFile.open(path, { headerBytes });
    assertEquals(other.tryLock(), true);
    await other.close();
  });
});

Deno.test("growing in the background does the same", async () => {
  await withFile(async (file) => {
    assertEquals(await file.growInBackground(16 * 4096), true);
    assertEquals([file.bodyBytes, file.windows.length], [16 * 4096, 1]);
    file.windows[0].u8[16 * 4096 - 1] = 1;
    assertEquals(await file.populate(0, 16 * 4096), true);
  });
});

Deno.test("what is written to the file is seen where it is mapped", async () => {
  await withFile(async (file, path) => {
    file.grow(16 * 4096);
    const { u8 } = file.windows[0];
    u8.fill(1, 0, 16 * 4096);
    assertEquals(await file.populateForReading(0, 16 * 4096), true);
    const bytes = Uint8Array.from({ length: 9000 }, (_, i) => i % 251);
    // From memory of its own, from another range of it, and from where a file is mapped.
    file.write(4000, bytes, 0, 5000);
    file.write(9000, bytes.subarray(5000), 0, 4000);
    file.write(20_000, u8, 4000, 13_000);
    const expected = new Uint8Array(16 * 4096).fill(1);
    expected.set(bytes, 4000);
    expected.set(bytes, 20_000);
    assertEquals(u8.subarray(0, 16 * 4096), expected);
    // And the other way round.
    u8[4000] = 7;
    assertEquals((await Deno.readFile(path))[headerBytes + 4000], 7);
  });
});

Deno.test("a write that is done in parts goes on, unless nothing is ever written", async () => {
  await withFile((file) => {
    file.grow(4096);
    let calls = 0;
    const parts = interceptLibc((real) => ({
      ...real,
      pwritev: (fd, vector, count, offset) => {
        if (calls++ % 2 === 0) return 0n;
        const words = new Uint32Array((vector as Uint8Array).buffer);
        words[2] = Math.min(10, words[2]);
        return real.pwritev(fd, vector, count, offset);
      },
    }));
    try {
      file.write(100, new Uint8Array(1000).fill(5), 0, 35);
    } finally {
      parts();
    }
    assertEquals(calls, 8);
    assert(file.windows[0].u8.subarray(100, 135).every((byte) => byte === 5));
    const never = interceptLibc((real) => ({ ...real, pwritev: () => 0n }));
    try {
      const error = assertThrows(() => file.write(0, new Uint8Array(1000), 0, 3), SystemError);
      assertEquals([error.call, error.code], ["write", "EINTR"]);
    } finally {
      never();
    }
  });
});

Deno.test("what is written while the file grows on another thread does not wait for that", async () => {
  await withFile(async (file) => {
    file.grow(2 ** 20);
    let writes = 0;
    const restore = interceptLibc((real) => ({
      ...real,
      pwritev: (...values) => {
        writes++;
        return real.pwritev(...values);
      },
    }));
    const text = new Uint8Array(new ArrayBuffer(4096)).fill(7);
    using held = new HeldCalls("fallocateInBackground");
    try {
      file.write(0, text, 0, 100);
      held.hold();
      const growth = file.growInBackground(2 ** 21);
      file.write(100, text, 1, 3);
      assertEquals(writes, 1);
      held.release();
      assertEquals(await growth, true);
      file.write(102, text, 0, 1);
    } finally {
      restore();
    }
    assertEquals(writes, 2);
    const found = new Uint8Array(104);
    file.read(0, found);
    assertEquals(found, file.windows[0].u8.slice(0, 104));
    assertEquals(found, new Uint8Array(104).fill(7, 0, 103));
  });
});

Deno.test("what is read is what the body has, in parts if need be, and nothing behind its end", async () => {
  await withFile((file) => {
    file.grow(4096);
    file.windows[0].u8.fill(7, 100, 200);
    const bytes = new Uint8Array(10);
    file.read(195, bytes);
    assertEquals([...bytes], [7, 7, 7, 7, 7, 0, 0, 0, 0, 0]);
    const atEnd = new Uint8Array(10).fill(1);
    file.read(4092, atEnd);
    assertEquals([...atEnd], [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    let calls = 0;
    const parts = interceptLibc((real) => ({
      ...real,
      pread: (fd, target, length, offset) => {
        calls++;
        return real.pread(fd, target, length > 4n ? 4n : length, offset);
      },
    }));
    try {
      file.read(195, bytes.fill(9));
    } finally {
      parts();
    }
    assertEquals([calls, [...bytes]], [3, [7, 7, 7, 7, 7, 0, 0, 0, 0, 0]]);
  });
});

Deno.test("a file that is closed is not populated any more", async () => {
  await using folder = await TemporaryFolder.make();
  const file = MappedFile.open(folder.join("file"), { headerBytes });
  file.grow(2 ** 21);
  await file.close();
  assertEquals(await file.populate(0, 2 ** 20), false);
  assertEquals(await file.populateForReading(0, 2 ** 20), false);
  assertEquals(await file.populateBlank(0, 2 ** 20), false);
});

Deno.test("growing in the background while the file grows further does not take it back", async () => {
  await withFile(async (file) => {
    const slow = file.growInBackground(4 * 4096);
    file.grow(64 * 4096);
    assertEquals(await slow, true);
    assertEquals(file.bodyBytes, 64 * 4096);
  });
});

Deno.test("shrinking gives the end back, and growing brings zeros", async () => {
  await withFile(async (file, path) => {
    file.grow(10 * 4096);
    file.windows[0].u8.fill(9, 0, 10 * 4096);
    const cut = file.shrinkInBackground(2 * 4096);
    assertEquals(file.bodyBytes, 2 * 4096);
    assertEquals(await cut, true);
    assertEquals((await Deno.stat(path)).size, headerBytes + 2 * 4096);
    file.grow(10 * 4096);
    assertEquals([file.windows[0].u8[8191], file.windows[0].u8[8192]], [9, 0]);
  });
});

Deno.test("what grows while the end is cut off is backed by blocks", async () => {
  await withFile(async (file, path) => {
    file.grow(2 ** 24);
    file.windows[0].u8.fill(9, 0, 2 ** 24);
    const cut = file.shrinkInBackground(4096);
    file.grow(2 ** 23);
    file.grow(2 ** 23 + 4096);
    file.windows[0].u8[2 ** 23] = 1;
    assertEquals(await cut, true);
    assertEquals(file.windows[0].u8[4096], 0);
    const later = file.shrinkInBackground(4096);
    assertEquals(await file.growInBackground(2 ** 23), true);
    assertEquals([await later, file.bodyBytes], [true, 2 ** 23]);
    const { size, blocks } = await Deno.stat(path);
    assertEquals(size, headerBytes + 2 ** 23);
    assert(blocks! * 512 >= size, `${blocks} blocks`);
  });
});

Deno.test("a cut that does not begin lets a growth fail, and is made up for", async () => {
  using held = new HeldCalls("ftruncateInBackground");
  await withFile(async (file) => {
    file.grow(10 * 4096);
    held.hold();
    const cut = file.shrinkInBackground(4096);
    assertThrows(() => file.grow(20 * 4096), SystemError, "Cannot extend");
    assertEquals(file.bodyBytes, 4096);
    held.release();
    assertEquals(await cut, true);
    file.grow(20 * 4096);
    assertEquals(file.bodyBytes, 20 * 4096);
  });
});

Deno.test("a growth waits for a cut that begins late, since the disk is busy", async () => {
  await withFile(async (file, path) => {
    const restore = interceptLibc((real) => ({
      ...real,
      ftruncateInBackground: async (_fd, bytes) => {
        const late = `sleep 0.1; truncate -s ${bytes} "$0"`;
        const { code } = await new Deno.Command("sh", { args: ["-c", late, path] }).output();
        return code;
      },
    }));
    try {
      file.grow(10 * 4096);
      const cut = file.shrinkInBackground(4096);
      file.grow(20 * 4096);
      assertEquals(file.bodyBytes, 20 * 4096);
      assertEquals(await cut, true);
      assertEquals((await Deno.stat(path)).size, headerBytes + 20 * 4096);
    } finally {
      restore();
    }
  });
});

Deno.test("what is synced is in the file", async () => {
  await withFile(async (file, path) => {
    file.grow(4 * 4096);
    file.header.u8[5] = 1;
    file.windows[0].u8[5000] = 2;
    file.windows[0].u8[9000] = 3;
    file.syncHeader();
    file.sync(5000, 1);
    file.windows[0].u8[13000] = 4;
    file.header.u8[6] = 5;
    const ranges = [{ offset: 8192, length: 1000 }, { offset: 12_288, length: 4096 }];
    assertEquals(await file.syncInBackground(ranges), true);
    const bytes = await Deno.readFile(path);
    const found = [5000, 9000, 13_000].map((at) => bytes[headerBytes + at]);
    assertEquals([bytes[5], bytes[6], ...found], [1, 5, 2, 3, 4]);
  });
});

Deno.test("a sync of nothing succeeds", async () => {
  await withFile(async (file) => {
    file.grow(4096);
    file.sync(0, 0);
    assertEquals(await file.syncInBackground([]), true);
    assertEquals(await file.syncInBackground([{ offset: 0, length: 0 }]), true);
  });
});

/** Has a file's syncs in the background noted: what was called, and the range of the file; `fail` makes it fail. */
function noteSyncs(calls: string[], fail: (call: string) => boolean, type?: bigint): () => void {
  const noteNow = (call: string): number => {
    calls.push(call);
    return fail(call) ? -1 : 0;
  };
  const note = (call: string): Promise<number> => Promise.resolve(noteNow(call));
  return interceptLibc((real) => ({
    ...real,
    fstatfs: (fd, words) => {
      const result = real.fstatfs(fd, words);
      if (type !== undefined) (words as BigInt64Array)[0] = type;
      return result;
    },
    syncFileRangeInBackground: (_fd, from, length, flags) =>
      note(`write back ${from} ${length} ${flags}`),
    msyncInBackground: (_pointer, length) => note(`sync ${length}`),
    fdatasyncInBackground: () => note("sync all"),
    // Without flags it is asked only whether there is such a call.
    sync_file_range: (_fd, from, length, flags) =>
      flags === 0 ? 0 : noteNow(`write back at once ${from} ${length} ${flags}`),
    msync: (_pointer, length) => noteNow(`sync at once ${length}`),
  }));
}

const ext4 = 0xef53n;
const overlayfs = 0x794c7630n;

Deno.test("ranges are written back in steps, and synced with the header when all of them are", async () => {
  const calls: string[] = [];
  const restore = noteSyncs(calls, () => false, ext4);
  try {
    await withFile(async (file) => {
      file.grow(2 ** 23);
      const ranges = [{ offset: 4096, length: 100 }, { offset: 2 ** 21, length: 2 ** 21 + 4096 }];
      assertEquals(await file.syncInBackground(ranges), true);
    });
  } finally {
    restore();
  }
  assertEquals(calls, [
    `write back ${headerBytes + 4096} 100 7`,
    `write back ${headerBytes + 2 ** 21} ${2 ** 20} 7`,
    `write back ${headerBytes + 2 ** 21 + 2 ** 20} ${2 ** 20} 7`,
    `write back ${headerBytes + 2 ** 22} 4096 7`,
    `sync ${headerBytes}`,
  ]);
});

Deno.test("blank pages are written as they are, without a wait, where that is known to help", async () => {
  for (const type of [ext4, overlayfs]) {
    const calls: string[] = [];
    const restore = noteSyncs(calls, () => false, type);
    try {
      await withFile(async (file) => {
        file.grow(2 ** 21);
        file.windows[0].u8[2 ** 20 + 5] = 7;
        assertEquals(await file.populateBlank(2 ** 20, 2 ** 20), true);
        assertEquals([...file.windows[0].u8.subarray(2 ** 20 + 4, 2 ** 20 + 7)], [0, 7, 0]);
      });
    } finally {
      restore();
    }
    const expected = `write back ${headerBytes + 2 ** 20} ${2 ** 20} 2`;
    assertEquals(calls, type === ext4 ? [expected] : []);
  }
});

Deno.test("where a file system is not known to bear that, the whole file is synced", async () => {
  const calls: string[] = [];
  const restore = noteSyncs(calls, () => false, overlayfs);
  try {
    await withFile(async (file) => {
      file.grow(2 ** 21);
      assertEquals(await file.syncInBackground([{ offset: 4096, length: 100 }]), true);
      assertEquals(await file.syncInBackground([]), true);
    });
  } finally {
    restore();
  }
  assertEquals(calls, ["sync all", `sync ${headerBytes}`]);
});

Deno.test("several ranges are synced at once with one sync, of the last of them, where that covers all", async () => {
  for (const type of [ext4, overlayfs]) {
    const calls: string[] = [];
    const restore = noteSyncs(calls, () => false, type);
    try {
      await withFile((file) => {
        file.grow(2 ** 21);
        const ranges = [0, 8192, 16_384].map((offset) => ({ offset, length: 100 }));
        file.syncAll(ranges);
        file.syncAll(ranges.slice(2));
        file.syncAll([]);
      });
    } finally {
      restore();
    }
    const first = type === overlayfs ? ["sync at once 100", "sync at once 100"] : [
      `write back at once ${headerBytes} 100 7`,
      `write back at once ${headerBytes + 8192} 100 7`,
    ];
    assertEquals(calls, [...first, "sync at once 100", "sync at once 100"]);
  }
});

Deno.test("whichever step of a sync in the background fails, all of it has failed", async () => {
  const ranges = Array.from({ length: 9 }, (_, i) => ({ offset: i * 8192, length: 100 }));
  for (const type of [ext4, overlayfs]) {
    const steps = type === ext4 ? ranges.length + 1 : 1;
    for (let failing = 0; failing <= steps; failing++) {
      let count = 0;
      const restore = noteSyncs([], () => count++ === failing, type);
      try {
        await withFile(async (file) => {
          file.grow(2 ** 20);
          assertEquals(await file.syncInBackground(ranges), failing === steps);
        });
      } finally {
        restore();
      }
    }
  }
});

Deno.test("a file that is opened again has what was written", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("file");
  const first = MappedFile.open(path, { headerBytes });
  first.grow(4096);
  first.header.u8[1] = 1;
  first.windows[0].u8[1] = 2;
  await first.close();
  const second = MappedFile.open(path, { headerBytes });
  assertEquals([second.header.u8[1], second.bodyBytes, second.windows[0].u8[1]], [1, 4096, 2]);
  await second.close();
});

Deno.test("a sparse file is given blocks when it is opened", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("file");
  await Deno.writeFile(path, new Uint8Array(0));
  await Deno.truncate(path, 2 ** 20);
  const file = MappedFile.open(path, { headerBytes });
  assert((await Deno.stat(path)).blocks! * 512 >= 2 ** 20);
  assertEquals(file.bodyBytes, 2 ** 20 - headerBytes);
  await file.close();
});

Deno.test("views of a closed file are empty instead of dangling, and it can be closed again", async () => {
  await using folder = await TemporaryFolder.make();
  const file = MappedFile.open(folder.join("file"), { headerBytes });
  file.grow(4096);
  await file.close();
  await file.close();
  assertEquals(file.header.u8.length, 0);
  assertEquals(file.windows.map(({ u8 }) => u8.length), [0]);
});

Deno.test("closing waits for the calls that are under way", async () => {
  await using folder = await TemporaryFolder.make();
  const file = MappedFile.open(folder.join("file"), { headerBytes });
  file.grow(2 ** 22);
  const done: string[] = [];
  const calls = [
    file.syncInBackground([{ offset: 0, length: 2 ** 22 }]).then(() => done.push("sync")),
    file.populate(0, 2 ** 22).then(() => done.push("populate")),
    file.growInBackground(2 ** 23).then((grown) => done.push(`grown: ${grown}`)),
  ];
  await file.close();
  await Promise.all(calls);
  assertEquals(done.toSorted(), ["grown: false", "populate", "sync"]);
});

Deno.test("the lock goes with the file", async () => {
  await using folder = await TemporaryFolder.make();
  const path = folder.join("file");
  const [one, other] = [1, 2].map(() => MappedFile.open(path, { headerBytes }));
  assertEquals([one.tryLock(), other.tryLock()], [true, false]);
  await one.close();
  assertEquals(other.tryLock(), true);
  await other.close();
});

Deno.test("a folder, and a file in no folder, cannot be opened", async () => {
  await using folder = await TemporaryFolder.make();
  const open = (path: string) => () => MappedFile.open(path, { headerBytes });
  assertEquals(assertThrows(open(folder.path), SystemError).code, "EISDIR");
  assertEquals(assertThrows(open(folder.join("no/file")), SystemError).code, "ENOENT");
});

Deno.test("touching a page reads that page, and reading ahead is asked for", async () => {
  await withFile(async (file, path) => {
    file.grow(2 ** 22);
    // What the kernel knows of the mapping of the body: rr is random reading.
    const mappings = Deno.readTextFileSync("/proc/self/smaps").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
    const body = mappings.filter((text) => text.includes(path)).map((text) =>
      /^Size: +(\d+) kB[^]*^VmFlags: (.*)$/m.exec(text)!
    ).filter(([, kB]) => Number(kB) * 1024 === windowBytes);
    assertEquals(body.length, 1);
    assert(body[0][2].split(" ").includes("rr"), body[0][2]);

    const asked: [number, number][] = [];
    const start = Deno.UnsafePointer.value(Deno.UnsafePointer.of(file.windows[0].u8));
    const restore = interceptLibc((real) => {
      const note = (pointer: Deno.PointerValue, bytes: number | bigint) =>
        asked.push([Number(Deno.UnsafePointer.value(pointer) - start), Number(bytes)]);
      return {
        ...real,
        madvise: (
          pointer,
          bytes,
          advice,
        ) => (note(pointer, bytes), real.madvise(pointer, bytes, advice)),
        madviseInBackground: (
          pointer,
          bytes,
          advice,
        ) => (note(pointer, bytes), real.madviseInBackground(pointer, bytes, advice)),
      };
    });
    try {
      file.readAhead(5000, 10_000);
      // What is large is asked for in the background, but for its beginning.
      file.readAhead(4096, 2 ** 21);
      // A length from a damaged file leads nowhere.
      file.readAhead(2 ** 22 - 4096, 2 ** 40);
      file.readAhead(2 ** 23, 4096);
      assertEquals(await file.readAheadInBackground(8192, 4096), true);
    } finally {
      restore();
    }
    assertEquals(asked, [
      [4096, 10_904],
      [4096, 2 ** 20],
      [4096 + 2 ** 20, 2 ** 20],
      [2 ** 22 - 4096, 4096],
      [8192, 4096],
    ]);
  });
});
