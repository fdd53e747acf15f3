/** A file that is none: for an index that is built to compare with, and thrown away. */
import { type StoreFile, type Window, windowOf } from "../sys/mapped_file.ts";

/** One window: 2^30 / 8 index entries. Memory is taken as it is touched. */
const bodyBytesMax = 2 ** 30;

export class MemoryFile implements StoreFile {
  readonly path = "memory";
  readonly inode = 0;
  readonly descriptor = -1;
  readonly header: Window;
  readonly windows: Window[];
  bodyBytes = 0;

  constructor(headerBytes: number) {
    this.header = windowOf(new ArrayBuffer(headerBytes));
    this.windows = [windowOf(new ArrayBuffer(bodyBytesMax))];
  }

  grow(bodyBytes: number): void {
    if (bodyBytes > bodyBytesMax) throw new RangeError("Cannot build an index of more than 1 GiB");
    this.bodyBytes = Math.max(this.bodyBytes, bodyBytes);
  }

  growInBackground(bodyBytes: number): Promise<boolean> {
    this.grow(Math.min(bodyBytes, bodyBytesMax));
    return Promise.resolve(true);
  }

  shrinkInBackground(bodyBytes: number): Promise<boolean> {
    this.bodyBytes = bodyBytes;
    return Promise.resolve(true);
  }

  sync(): void {}

  syncAll(): void {}

  syncHeader(): void {}

  syncInBackground(): Promise<boolean> {
    return Promise.resolve(true);
  }

  read(offset: number, bytes: Uint8Array): void {
    bytes.set(this.windows[0].u8.subarray(offset, offset + bytes.length));
  }

  write(offset: number, bytes: Uint8Array, start: number, end: number): void {
    this.windows[0].u8.set(bytes.subarray(start, end), offset);
  }

  populateForReading(): Promise<boolean> {
    return Promise.resolve(true);
  }

  populateBlank(): Promise<boolean> {
    return Promise.resolve(true);
  }

  populate(): Promise<boolean> {
    return Promise.resolve(true);
  }

  readAhead(): void {}

  readAheadInBackground(): Promise<boolean> {
    return Promise.resolve(true);
  }

  tryLock(): boolean {
    return true;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
