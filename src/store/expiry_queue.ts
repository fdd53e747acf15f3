/**
 * Deadlines in order: a 4-ary heap (Johnson 1975) in typed arrays, 12 bytes an entry. An entry is a
 * deadline and the hash of a key, not an address, since records move; whoever takes it looks which
 * keys with that hash are really past their deadline. So an entry whose key was deleted, overwritten
 * or given another deadline is harmless; when such entries are the majority, they are sifted out, a
 * slice at a time.
 */

const arity = 4;

class DeadlineHeap {
  size = 0;
  deadlines = new Float64Array(256);
  hashes = new Int32Array(256);

  push(deadline: number, hash: number): void {
    if (this.size === this.deadlines.length) this.#grow();
    const { deadlines, hashes } = this;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if (deadlines[parent] <= deadline) break;
      deadlines[at] = deadlines[parent];
      hashes[at] = hashes[parent];
      at = parent;
    }
    deadlines[at] = deadline;
    hashes[at] = hash;
  }

  /** Removes any entry. */
  removeAt(at: number): void {
    const { deadlines, hashes } = this;
    // As if it were the earliest of all, it rises to the top.
    for (let parent = (at - 1) >> 2; at > 0; parent = (at - 1) >> 2) {
      deadlines[at] = deadlines[parent];
      hashes[at] = hashes[parent];
      at = parent;
    }
    this.pop();
  }

  /** Removes the entry with the earliest deadline. */
  pop(): void {
    const { deadlines, hashes } = this;
    const last = --this.size;
    const deadline = deadlines[last];
    const hash = hashes[last];
    let at = 0;
    while (true) {
      const first = at * arity + 1;
      if (first >= last) break;
      let least = first;
      const end = Math.min(first + arity, last);
      for (let child = first + 1; child < end; child++) {
        if (deadlines[child] < deadlines[least]) least = child;
      }
      if (deadlines[least] >= deadline) break;
      deadlines[at] = deadlines[least];
      hashes[at] = hashes[least];
      at = least;
    }
    deadlines[at] = deadline;
    hashes[at] = hash;
  }

  #grow(): void {
    const deadlines = new Float64Array(this.size * 2);
    const hashes = new Int32Array(this.size * 2);
    deadlines.set(this.deadlines);
    hashes.set(this.hashes);
    this.deadlines = deadlines;
    this.hashes = hashes;
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
    return heap.size > 0 ? heap.deadlines[0] : Infinity;
  }

  /** The hash that goes with it. The queue is not empty. */
  get nextHash(): number {
    return this.#earlier().hashes[0];
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
    this.sampledDeadline = this.#sampledHeap.deadlines[this.#sampledAt];
    this.sampledHash = this.#sampledHeap.hashes[this.#sampledAt];
  }

  /** Removes what `sample` picked; nothing else was done with the queue since. */
  removeSampled(): void {
    this.#sampledHeap.removeAt(this.#sampledAt);
  }

  /** Removes the entry with the earliest deadline and returns its hash. The queue is not empty. */
  take(): number {
    const heap = this.#earlier();
    const hash = heap.hashes[0];
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
      if (isCurrent(old.deadlines[last], old.hashes[last])) {
        this.#heap.push(old.deadlines[last], old.hashes[last]);
      }
    }
    if (old.size === 0) this.#old = null;
  }

  #earlier(): DeadlineHeap {
    const old = this.#old;
    if (!old || old.size === 0) return this.#heap;
    if (this.#heap.size === 0) return old;
    return old.deadlines[0] < this.#heap.deadlines[0] ? old : this.#heap;
  }
}
