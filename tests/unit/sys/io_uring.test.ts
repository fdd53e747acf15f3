/** Calls through the kernel's ring; where the system has none, kv does without, and so do these tests. */
import { assert, assertEquals } from "@std/assert";
import { Epoll } from "../../../src/sys/epoll.ts";
import { IoUring } from "../../../src/sys/io_uring.ts";
import {
  allocateInBackground,
  callsAtATime,
  callThrough,
  closeFile,
  fileBytes,
  interceptLibc,
  map,
  openFile,
  populate,
  syncDataInBackground,
  syncInBackground,
  truncateFile,
  unmap,
  writeBackInBackground,
} from "../../../src/sys/libc.ts";
import { TemporaryFolder } from "../../support/temporary_folder.ts";

const probe = IoUring.open();
await probe?.close();
const ignore = probe === null;
const badDescriptor = 9;
const notSupported = 95;
const canceled = 125;

interface Parts {
  readonly ring: IoUring;
  /** A file that is open for reading and writing. */
  readonly fd: number;
  readonly path: string;
}

function test(name: string, body: (parts: Parts) => Promise<void>): void {
  Deno.test({
    name,
    ignore,
    async fn() {
      await using folder = await TemporaryFolder.make();
      const path = folder.join("file");
      const fd = openFile(path);
      const ring = IoUring.open()!;
      try {
        await body({ ring, fd, path });
      } finally {
        await ring.close();
        closeFile(fd);
      }
    },
  });
}

/** What the calls result in, which have to come to light by what epoll tells of the ring. */
async function results<T>(ring: IoUring, calls: (Promise<T> | null)[]): Promise<T[]> {
  const epoll = new Epoll();
  let isDone = false;
  const all = Promise.all(calls as Promise<T>[]).finally(() => isDone = true);
  assert(epoll.add(ring.fd));
  try {
    for (let i = 0; i < 1000 && !isDone; i++) {
      if (epoll.pollFor(10_000) > 0) {
        assertEquals(epoll.fdAt(0), ring.fd);
        ring.reap();
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert(isDone, "all have ended, and were told of");
    return await all;
  } finally {
    epoll.close();
  }
}

test("calls are made, and their results are told", async ({ ring, fd, path }) => {
  assertEquals(await results(ring, [ring.fallocate(fd, 4096, 2 ** 20)]), [0]);
  assertEquals(fileBytes(fd, path), 4096 + 2 ** 20);
  const calls = [
    ring.syncFileRange(fd, 4096, 4096, 7),
    ring.fdatasync(fd, 0, 4096),
    ring.fallocate(badDescriptor * 1000, 0, 1),
  ];
  assertEquals(await results(ring, calls), [0, 0, -badDescriptor]);
});

test("offsets and lengths may be longer than 32 bits", async ({ ring, fd, path }) => {
  const from = 5 * 2 ** 32 + 4096;
  assertEquals(await results(ring, [ring.fallocate(fd, from, 4096)]), [0]);
  assertEquals(fileBytes(fd, path), from + 4096);
});

test("more calls than the ring has entries are told of, one after the other", async ({ ring, fd }) => {
  for (let i = 0; i < 20; i++) {
    const calls = Array.from({ length: 30 }, (_, call) => ring.fallocate(fd, call * 4096, 4096));
    assertEquals(await results(ring, calls), calls.map(() => 0));
  }
});

test("a ring that is full, or closed, takes no call", async ({ ring, fd }) => {
  const calls = Array.from({ length: 100 }, () => ring.fallocate(fd, 0, 4096));
  const taken = calls.filter((call) => call !== null);
  assert(taken.length < calls.length && taken.length >= 32);
  assertEquals(await results(ring, taken), taken.map(() => 0));
  const last = ring.fallocate(fd, 0, 4096);
  await ring.close();
  assertEquals([await last, ring.fallocate(fd, 0, 4096)], [0, null]);
  await ring.close();
});

test("what the storage does on other threads goes through a ring", async ({ ring, fd, path }) => {
  const leave = callThrough(ring);
  try {
    const one = <T>(call: Promise<T>) => results(ring, [call]).then(([result]) => result);
    assertEquals(await one(allocateInBackground(fd, 0, 2 ** 20)), 0);
    assertEquals(fileBytes(fd, path), 2 ** 20);
    const mapping = map({ fd, offset: 4096, length: 2 ** 16, readOnly: false, path });
    new Uint8Array(mapping.buffer)[4096] = 1;
    assertEquals(await one(populate(mapping, 4096, 8192)), true);
    assertEquals(await one(syncInBackground(mapping, 4096, 4096)), true);
    assertEquals(await one(writeBackInBackground(fd, 8192, 4096)), true);
    assertEquals(await one(syncDataInBackground(fd)), true);
    const wrong = { ...mapping, fd: badDescriptor * 1000, address: 4096n };
    assertEquals(await one(populate(wrong, 0, 4096)), false);
    assertEquals(await one(syncInBackground(wrong, 0, 4096)), false);
    assertEquals(await one(writeBackInBackground(wrong.fd, 0, 4096)), false);
    assertEquals(await one(allocateInBackground(wrong.fd, 0, 1)), badDescriptor);
    unmap(mapping);
  } finally {
    leave();
  }
  truncateFile(fd, 0, path);
  assertEquals(await allocateInBackground(fd, 0, 4096), 0, "and then without it again");
});

test("calls that are intercepted do not", async ({ ring, fd }) => {
  const leave = callThrough(ring);
  const throughRing = callsAtATime();
  let calls = 0;
  const restore = interceptLibc((real) => ({
    ...real,
    fdatasyncInBackground: () => Promise.resolve(calls++),
  }));
  try {
    assert(callsAtATime() > throughRing);
    assertEquals(await syncDataInBackground(fd), true);
  } finally {
    restore();
    leave();
  }
  assertEquals(calls, 1);
});

/** Runs with a ring whose calls all have one result. */
async function withResult(result: number, body: () => Promise<void>): Promise<void> {
  const call = () => Promise.resolve(result);
  const refusing = { fallocate: call, fdatasync: call, syncFileRange: call, madvise: call };
  const leave = callThrough(refusing as unknown as IoUring);
  try {
    await body();
  } finally {
    leave();
  }
}

test("where a file system does not know the call, libc allocates", async ({ fd, path }) => {
  await withResult(-notSupported, async () => {
    assertEquals(await allocateInBackground(fd, 0, 4096), 0);
  });
  assertEquals(fileBytes(fd, path), 4096);
});

test("calls for which the ring has no thread are made without it", async ({ fd, path }) => {
  const mapping = map({ fd, offset: 0, length: 4096, readOnly: false, path });
  await withResult(-canceled, async () => {
    assertEquals(await allocateInBackground(fd, 0, 4096), 0);
    assertEquals(fileBytes(fd, path), 4096);
    assertEquals(await syncDataInBackground(fd), true);
    assertEquals(await syncInBackground(mapping, 0, 4096), true);
    assertEquals(await writeBackInBackground(fd, 0, 4096), true);
    assertEquals(await populate(mapping, 0, 4096), true);
  });
  unmap(mapping);
});
