import { assert, assertEquals, assertThrows } from "@std/assert";
import { checksum } from "../../../src/store/checksum.ts";
import { StoreError } from "../../../src/store/errors.ts";
import {
  formatVersion,
  storeHeaderBytes,
  superblock as format,
  superblockSlotOffsets,
} from "../../../src/store/format.ts";
import { ownerPid, Superblock } from "../../../src/store/superblock.ts";
import type { StoreFile } from "../../../src/sys/mapped_file.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

function newFile(): StoreFile {
  return new SimulatedDisk(2 ** 16).open("store.db", storeHeaderBytes);
}

/** A file on which the superblock was written so many times, with the durable position 100 a time. */
function written(times: number): StoreFile {
  const file = newFile();
  const superblock = Superblock.create(file, 4096, 1234);
  for (let i = 1; i <= times; i++) {
    superblock.state.durablePosition = i * 100;
    superblock.write();
  }
  return file;
}

function positionIn(file: StoreFile): number {
  return Superblock.read(file)!.state.durablePosition;
}

function slotBytes({ header }: StoreFile, slot: number): Uint8Array {
  const offset = superblockSlotOffsets[slot];
  return header.u8.slice(offset, offset + format.bytes);
}

/** The slot that the n-th write went to. */
function slotOf(write: number): number {
  return write % 2;
}

function damage({ header }: StoreFile, slot: number, byte: number): void {
  header.u8[superblockSlotOffsets[slot] + byte] ^= 1;
}

function assertRefused(file: StoreFile, reason: string): void {
  const error = assertThrows(() => Superblock.read(file), StoreError, reason);
  assertEquals(error.code, "NOT_A_STORE");
}

Deno.test("a file of zeros has no superblock", () => {
  assertEquals(Superblock.read(newFile()), null);
});

Deno.test("what is written is read again", () => {
  const file = newFile();
  const superblock = Superblock.create(file, 8192, 1234);
  Object.assign(superblock.state, {
    clean: true,
    durablePosition: 2 ** 50 + 1,
    nextSequence: 2 ** 40,
    openId: 2 ** 52,
    lastSyncMs: 1_700_000_000_123,
  });
  superblock.write();
  const { state } = Superblock.read(file)!;
  assertEquals(state, superblock.state);
  assertEquals(state.segmentBytes, 8192);
  assertEquals(state.createdMs, 1234);
});

Deno.test("two new stores have different ids and hash keys", () => {
  const [one, other] = [1, 2].map(() => Superblock.create(newFile(), 4096, 0).state);
  assert(one.storeId.join() !== other.storeId.join());
  assert(one.hashKey.join() !== other.hashKey.join());
});

Deno.test("the slots are written in turn", () => {
  const file = newFile();
  const superblock = Superblock.create(file, 4096, 0);
  for (let write = 1; write <= 6; write++) {
    const other = slotBytes(file, slotOf(write + 1));
    superblock.state.durablePosition = write;
    superblock.write();
    assertEquals(slotBytes(file, slotOf(write + 1)), other, "the other slot is left alone");
    assertEquals(positionIn(file), write);
  }
});

Deno.test("any damaged byte of the newest slot leads back to the other", () => {
  for (let byte = 0; byte < format.bytes; byte++) {
    const file = written(5);
    damage(file, slotOf(5), byte);
    assertEquals(positionIn(file), 400, `byte ${byte}`);
  }
});

Deno.test("a newest slot of which only the start was written leads back to the other", () => {
  for (let length = 0; length < 96; length++) {
    const file = written(4);
    const old = slotBytes(file, slotOf(5));
    const superblock = Superblock.read(file)!;
    superblock.state.durablePosition = 500;
    superblock.state.nextSequence = 2 ** 1000; // Another last byte, too.
    superblock.write();
    file.header.u8.set(old.subarray(length), superblockSlotOffsets[slotOf(5)] + length);
    assertEquals(positionIn(file), 400, `${length} bytes`);
  }
});

Deno.test("after a damaged slot, writing goes on in its place", () => {
  const file = written(5);
  damage(file, slotOf(5), 60);
  const superblock = Superblock.read(file)!;
  superblock.state.durablePosition = 777;
  superblock.write();
  damage(file, slotOf(4), 60);
  assertEquals(positionIn(file), 777);
});

Deno.test("a file with both slots damaged is refused as such", () => {
  const file = written(5);
  damage(file, 0, 60);
  damage(file, 1, 61);
  assertRefused(file, "both of its superblock slots are damaged");
});

Deno.test("a store that was written once and is damaged is refused", () => {
  const file = written(1);
  damage(file, slotOf(1), 50);
  assertRefused(file, "damaged");
});

Deno.test("a file of something else is refused as such", () => {
  const file = newFile();
  file.header.u8.set(new TextEncoder().encode("SQLite format 3\0"));
  assertRefused(file, "it is something else; name another file");
});

Deno.test("a store of another format version is refused, and the version named", () => {
  const file = written(2);
  for (const offset of superblockSlotOffsets) {
    const { i32 } = file.header;
    i32[offset / 4 + format.versionWord] = formatVersion + 1;
    i32[offset / 4] = checksum(i32, offset / 4, format.bytes / 4, 0);
  }
  assertRefused(file, `format version ${formatVersion + 1}`);
});

Deno.test("the owner's process number stands outside of the slots", () => {
  const file = written(2);
  const superblock = Superblock.read(file)!;
  superblock.ownerPid = 4711;
  assertEquals(ownerPid(file), 4711);
  assertEquals(positionIn(file), 200);
});
