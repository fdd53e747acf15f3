/**
 * Blocks that a file has and that count as blank for the file system, whatever stands in the page cache.
 *
 * `fallocate` gives such blocks, and they are blank until something has been written to them. When that write fails, ext4
 * remembers that the page has blocks, and forgets that they are blank: whatever is written to the page from then on goes to
 * the blocks, each sync succeeds, and once the page cache is gone the blocks read as zeros. What is written past the page
 * cache (O_DIRECT) has the file system look at its blocks again.
 */
import { loadFunctions } from "./foreign_functions.ts";

const functions = {
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  pwrite: { parameters: ["i32", "pointer", "usize", "i64"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies Record<string, Deno.ForeignFunction>;

/** FS_IOC_FIEMAP, and `struct fiemap` with so many of `struct fiemap_extent` behind it. */
const fileExtents = 0xc020660bn;
const headerWords = 8;
const extentWords = 14;
const extentsAtOnce = 128;
const extent = { logicalF64: 0, lengthF64: 2, flagsWord: 10 };
const isLast = 1;
const isUnwritten = 0x800;
/** O_WRONLY, O_CLOEXEC and O_DIRECT, which is another number on other processors. */
const openDirect = 1 | 0o2000000 | (Deno.build.arch === "aarch64" ? 0o200000 : 0o40000);
/** No block of a disk is longer. */
const blockBytes = 4096;

export interface FileRange {
  readonly offset: number;
  readonly length: number;
}

export class BlankBlocks {
  readonly #libc = loadFunctions("libc.so.6", functions, []);
  readonly #descriptor: number;
  #direct = -1;
  /** On a boundary of blocks. */
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #pointer: Deno.PointerValue;

  /** `descriptor` is the file's, and stays the caller's; up to `bytesMax` bytes are written at a time. */
  constructor(descriptor: number, bytesMax: number) {
    this.#descriptor = descriptor;
    const buffer = new ArrayBuffer(bytesMax + blockBytes);
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(buffer)));
    const start = (blockBytes - Number(BigInt(address) % BigInt(blockBytes))) % blockBytes;
    this.#bytes = new Uint8Array(buffer, start, bytesMax);
    this.#pointer = Deno.UnsafePointer.of(this.#bytes);
  }

  /**
   * Parts of a range of the file that are blank, on boundaries of 4096 bytes. None where the file system does not tell; what
   * has been written and not synced may be among them.
   */
  find({ offset, length }: FileRange): FileRange[] {
    const found: FileRange[] = [];
    const words = new Uint32Array(headerWords + extentWords * extentsAtOnce);
    const longs = new BigUint64Array(words.buffer);
    const end = offset + length;
    for (let from = offset; from < end;) {
      words.fill(0);
      longs[0] = BigInt(from);
      longs[1] = BigInt(end - from);
      words[6] = extentsAtOnce;
      const bytes = new Uint8Array(words.buffer);
      if (this.#libc.ioctl(this.#descriptor, fileExtents, bytes) < 0) return [];
      const count = words[5];
      if (count === 0) break;
      let isOver = false;
      for (let i = 0; i < count; i++) {
        const word = headerWords + i * extentWords;
        const start = Number(longs[(word >> 1) + extent.logicalF64]);
        from = start + Number(longs[(word >> 1) + extent.lengthF64]);
        const flags = words[word + extent.flagsWord];
        isOver = (flags & isLast) !== 0;
        if ((flags & isUnwritten) !== 0) addAligned(found, Math.max(offset, start), from, end);
      }
      if (isOver) break;
    }
    return found;
  }

  /** Writes `bytes` past the page cache; both ends are on boundaries of 4096 bytes. False: it failed. */
  write(offset: number, bytes: Uint8Array): boolean {
    if (this.#direct < 0) {
      const path = `/proc/self/fd/${this.#descriptor}\0`;
      this.#direct = this.#libc.open(new TextEncoder().encode(path), openDirect);
      if (this.#direct < 0) return false;
    }
    this.#bytes.set(bytes);
    const length = BigInt(bytes.length);
    const written = this.#libc.pwrite(this.#direct, this.#pointer, length, BigInt(offset));
    return Number(written) === bytes.length;
  }

  close(): void {
    if (this.#direct >= 0) this.#libc.close(this.#direct);
    this.#direct = -1;
  }
}

function addAligned(ranges: FileRange[], from: number, to: number, end: number): void {
  const start = from - from % blockBytes;
  const stop = Math.ceil(Math.min(to, end) / blockBytes) * blockBytes;
  if (start < stop) ranges.push({ offset: start, length: stop - start });
}
