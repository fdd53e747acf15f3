/** Stores with limits so small that every boundary is met after a few records. */
import { indexHeader } from "../../../src/store/format.ts";
import { Store, type StoreOptions } from "../../../src/store/store.ts";
import { toBytes, toText } from "../../support/binary_text.ts";
import { SimulatedDisk } from "./simulated_disk.ts";

export const storePath = "store.db";
export const indexPath = "store.db-index";

export const tinyLimits = {
  segmentBytes: 4096,
  slotsPerPage: 8,
  segmentsAhead: 1,
  growthLeadMs: 0,
  segmentsReserved: 2,
  stageHalfBytes: 512,
  deadBytesMin: 4 * 4096,
  cutDelayMs: 0,
};

/** The time at which tests' stores live, unless they say otherwise. */
export const someTime = 1_700_000_000_000;

/** Opens a store on a simulated disk. Nothing is synced unless a test asks for it. */
export function openOn(disk: SimulatedDisk, more: Partial<StoreOptions> = {}): Store {
  return Store.open({
    path: storePath,
    openFile: disk.open,
    limits: tinyLimits,
    clock: () => someTime,
    sync: "no",
    ...more,
  });
}

/** Runs with a store that is closed in the end. */
export async function withStore<T>(
  store: Store,
  use: (store: Store) => T | Promise<T>,
): Promise<T> {
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Runs with a new store on a disk of its own. */
export async function withNew(
  use: (store: Store, disk: SimulatedDisk) => Promise<void> | void,
  limits = tinyLimits,
): Promise<void> {
  const disk = new SimulatedDisk(2 ** 24);
  await withStore(openOn(disk, { limits }), (store) => use(store, disk));
}

/** All keys and values, read through a scan. */
export function contents(store: Store): Map<string, string> {
  const keys: string[] = [];
  let cursor = 0;
  do {
    cursor = store.scan(cursor, 50, (bytes, start, end) => {
      keys.push(toText(bytes.subarray(start, end)));
    });
  } while (cursor !== 0);
  return new Map(keys.sort().map((key) => [key, valueOf(store, key)!]));
}

export function valueOf(store: Store, key: string): string | null {
  const bytes = toBytes(key);
  if (!store.find(bytes, 0, bytes.length)) return null;
  return toText(store.foundBytes.subarray(store.foundStart, store.foundEnd));
}

/** A write without the work in the background that `set` does as well. */
export function put(store: Store, key: string, value: string, expireAt = 0): void {
  const bytes = toBytes(key);
  store.find(bytes, 0, bytes.length);
  store.put(toBytes(value), 0, value.length, expireAt);
}

/** Removes a key; whether it was there. */
export function remove(store: Store, key: string): boolean {
  const bytes = toBytes(key);
  const found = store.find(bytes, 0, bytes.length);
  if (found) store.remove();
  return found;
}

/** Makes the index look as if the machine had been started again since it was used. */
export function bootAgain(disk: SimulatedDisk): void {
  disk.bytesOf(indexPath)[indexHeader.bootIdByte] ^= 1;
}
