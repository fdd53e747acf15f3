/** A file that is none: for an index that is built to compare with, and thrown away. */
import { type StoreFile, type Window, windowBytes, windowOf } from "../sys/mapped_file.ts";

export class MemoryFile implements StoreFile {
  readonly path = "memory";
  readonly inode = 0;
  readonly descriptor = -1;
  readonly header: Window;
  readonly windows: Window[];
  bodyBytes = 0;

  constructor(headerBytes: number) {
    this.header = windowOf(new ArrayBuffer(headerBytes));
    this.windows = [blankWindow()];
  }

  grow(bodyBytes: number): void {
    while (this.windows.length * windowBytes < bodyBytes) this.windows.push(blankWindow());
    this.bodyBytes = Math.max(this.bodyBytes, bodyBytes);
  }

  growInBackground(bodyBytes: number): Promise<boolean> {
    this.grow(bodyBytes);
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
    const { u8, start } = this.#at(offset);
    bytes.set(u8.subarray(start, start + bytes.length));
  }

  write(offset: number, bytes: Uint8Array, start: number, end: number): void {
    const place = this.#at(offset);
    place.u8.set(bytes.subarray(start, end), place.start);
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

  /** Nothing that is read or written at once reaches from one window into another. */
  #at(offset: number): { u8: Uint8Array; start: number } {
    const { u8 } = this.windows[Math.floor(offset / windowBytes)];
    return { u8, start: offset % windowBytes };
  }
}

/** Memory is taken as it is touched. */
function blankWindow(): Window {
  return windowOf(new ArrayBuffer(windowBytes));
}
