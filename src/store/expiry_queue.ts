/**
 * Deadlines in order: a 4-ary heap (Johnson 1975) in chunks of typed arrays, 12 bytes an entry. An entry is a
 * deadline and the hash of a key, not an address, since records move; whoever takes it looks which
 * keys with that hash are really past their deadline. So an entry whose key was deleted, overwritten
 * or given another deadline is harmless; when such entries are the majority, they are sifted out, a
 * slice at a time.
 */

const arity = 4;
/** Entries of a chunk, as a power of two: 96 KiB. Growing by chunks takes no copying, so no pause. */
const chunkBits = 13;
const chunkMask = (1 << chunkBits) - 1;
/** Entry i stands at i + 3: so the four children of an entry are in one chunk, and one cache line. */
const shift = arity - 1;

class DeadlineHeap {
  size = 0;
  readonly #deadlines: Float64Array[] = [];
  readonly #hashes: Int32Array[] = [];

  deadlineAt(i: number): number {
    const at = i + shift;
    return this.#deadlines[at >>> chunkBits][at & chunkMask];
  }

  hashAt(i: number): number {
    const at = i + shift;
    return this.#hashes[at >>> chunkBits][at & chunkMask];
  }

  #set(i: number, deadline: number, hash: number): void {
    const at = i + shift;
    const chunk = at >>> chunkBits;
    this.#deadlines[chunk][at & chunkMask] = deadline;
    this.#hashes[chunk][at & chunkMask] = hash;
  }

  #move(from: number, to: number): void {
    this.#set(to, this.deadlineAt(from), this.hashAt(from));
  }

  push(deadline: number, hash: number): void {
    if ((this.size + shift) >>> chunkBits >= this.#deadlines.length) {
      this.#deadlines.push(new Float64Array(1 << chunkBits));
      this.#hashes.push(new Int32Array(1 << chunkBits));
    }
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if (this.deadlineAt(parent) <= deadline) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, deadline, hash);
  }

  /** Removes any entry. */
  removeAt(at: number): void {
    // As if it were the earliest of all, it rises to the top.
    for (let parent = (at - 1) >> 2; at > 0; parent = (at - 1) >> 2) {
      this.#move(parent, at);
      at = parent;
    }
    this.pop();
  }

  /** Removes the entry with the earliest deadline. */
  pop(): void {
    const last = --this.size;
    const deadline = this.deadlineAt(last);
    const hash = this.hashAt(last);
    let at = 0;
    while (true) {
      const first = at * arity + 1;
      if (first >= last) break;
      let least = first;
      const end = Math.min(first + arity, last);
      for (let child = first + 1; child < end; child++) {
        if (this.deadlineAt(child) < this.deadlineAt(least)) least = child;
      }
      if (this.deadlineAt(least) >= deadline) break;
      this.#move(least, at);
      at = least;
    }
    this.#set(at, deadline, hash);
    // One chunk is kept, for what comes next.
    const needed = ((last + shift) >>> chunkBits) + 2;
    if (this.#deadlines.length > needed) {
      this.#deadlines.pop();
      this.#hashes.pop();
    }
  }
}

export class ExpiryQueue {
  #heap = new DeadlineHeap();
  /** The heap that is being sifted into `#heap`, or null. */
  #old: DeadlineHeap | null = null;

  /** Entries, the outdated ones included. */
  get size(): number {
    return this.#heap.size + (this.#old?.size ?? 0);
  }

  push(deadline: number, hash: number): void {
    this.#heap.push(deadline, hash);
  }

  /** The earliest deadline; Infinity when there is none. */
  get nextDeadline(): number {
    const heap = this.#earlier();
    return heap.size > 0 ? heap.deadlineAt(0) : Infinity;
  }

  /** The hash that goes with it. The queue is not empty. */
  get nextHash(): number {
    return this.#earlier().hashAt(0);
  }

  // What `sample` picked.
  sampledDeadline = 0;
  sampledHash = 0;
  #sampledHeap = this.#heap;
  #sampledAt = 0;

  /** Picks a random entry: the `sampled` fields tell of it. The queue is not empty. */
  sample(): void {
    const heap = this.#heap;
    const at = Math.floor(Math.random() * this.size);
    this.#sampledHeap = at < heap.size ? heap : this.#old!;
    this.#sampledAt = at < heap.size ? at : at - heap.size;
    this.sampledDeadline = this.#sampledHeap.deadlineAt(this.#sampledAt);
    this.sampledHash = this.#sampledHeap.hashAt(this.#sampledAt);
  }

  /** Removes what `sample` picked; nothing else was done with the queue since. */
  removeSampled(): void {
    this.#sampledHeap.removeAt(this.#sampledAt);
  }

  /** Removes the entry with the earliest deadline and returns its hash. The queue is not empty. */
  take(): number {
    const heap = this.#earlier();
    const hash = heap.hashAt(0);
    heap.pop();
    return hash;
  }

  clear(): void {
    this.#heap = new DeadlineHeap();
    this.#old = null;
  }

  /** Whether a sifting is under way. */
  get sifting(): boolean {
    return this.#old !== null;
  }

  /** Begins to sift out outdated entries; `siftSome` does the work. */
  beginSifting(): void {
    if (this.#old) return;
    this.#old = this.#heap;
    this.#heap = new DeadlineHeap();
  }

  /** Looks at up to `count` entries and keeps those of which `isCurrent` says so. */
  siftSome(count: number, isCurrent: (deadline: number, hash: number) => boolean): void {
    const old = this.#old;
    if (!old) return;
    for (let i = 0; i < count && old.size > 0; i++) {
      // Taking away the last leaf leaves a heap a heap.
      const last = --old.size;
      const deadline = old.deadlineAt(last);
      const hash = old.hashAt(last);
      if (isCurrent(deadline, hash)) this.#heap.push(deadline, hash);
    }
    if (old.size === 0) this.#old = null;
  }

  #earlier(): DeadlineHeap {
    const old = this.#old;
    if (!old || old.size === 0) return this.#heap;
    if (this.#heap.size === 0) return old;
    return old.deadlineAt(0) < this.#heap.deadlineAt(0) ? old : this.#heap;
  }
}
