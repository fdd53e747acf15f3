/**
 * When to look at keys with a deadline: a 4-ary heap (Johnson 1975) of times in chunks of typed arrays, 12 bytes an entry. An
 * entry is a time and the hash of a key, not an address, since records move; whoever takes it looks which
 * keys with that hash are really past their deadline. So an entry whose key was deleted, overwritten
 * or given another deadline is harmless; when such entries are the majority, they are sifted out, a
 * slice at a time. A key that is removed and comes back with the same deadline, again and again, has as many equal entries:
 * those of one time are ordered by their hashes, so that equal ones follow each other, and only the first is kept.
 *
 * The time is not the deadline at first, but a *waypoint* before it, a multiple of some hours, minutes or seconds, from where
 * the key is sent on to the next one. Deadlines that are put off each time a key is used mostly keep their waypoint, so there is
 * nothing to push. Which waypoint a key has follows from its deadline and the horizon: the next one behind that.
 */

/** Distances of waypoints in ms: 18.6 hours, 17 minutes, 16 seconds. Each is a multiple of the next one. */
const waypointDistances = [2 ** 26, 2 ** 20, 2 ** 14] as const;
/** Waypoints differ from key to key, lest all keys come to theirs at once: they are earlier by these bits of the hash. */
const shiftMask = 2 ** 26 - 1;

function waypointBefore(deadline: number, shift: number, distance: number): number {
  return Math.floor((deadline + shift) / distance) * distance - shift;
}

/** Where a key with this hash is to be looked at first when the time is `horizon`, for its deadline's sake. */
export function waypointOf(deadline: number, hash: number, horizon: number): number {
  const shift = hash & shiftMask;
  for (let i = 0; i < waypointDistances.length; i++) {
    const waypoint = waypointBefore(deadline, shift, waypointDistances[i]);
    if (waypoint > horizon) return waypoint;
  }
  return deadline;
}

/** Whether a key with this hash and deadline may have a waypoint at `time`, or its deadline. */
export function isWaypointOf(time: number, deadline: number, hash: number): boolean {
  if (time >= deadline) return time === deadline;
  const shift = hash & shiftMask;
  for (let i = 0; i < waypointDistances.length; i++) {
    if (waypointBefore(deadline, shift, waypointDistances[i]) === time) return true;
  }
  return false;
}

const arity = 4;
/** Entries of a chunk, as a power of two: 96 KiB. Growing by chunks takes no copying, so no pause. */
const chunkBits = 13;
const chunkMask = (1 << chunkBits) - 1;
/** Entry i stands at i + 3: so the four children of an entry are in one chunk, and one cache line. */
const shift = arity - 1;

class TimeHeap {
  size = 0;
  readonly #times: Float64Array[] = [];
  readonly #hashes: Int32Array[] = [];

  timeAt(i: number): number {
    const at = i + shift;
    return this.#times[at >>> chunkBits][at & chunkMask];
  }

  hashAt(i: number): number {
    const at = i + shift;
    return this.#hashes[at >>> chunkBits][at & chunkMask];
  }

  #set(i: number, time: number, hash: number): void {
    const at = i + shift;
    const chunk = at >>> chunkBits;
    this.#times[chunk][at & chunkMask] = time;
    this.#hashes[chunk][at & chunkMask] = hash;
  }

  #move(from: number, to: number): void {
    this.#set(to, this.timeAt(from), this.hashAt(from));
  }

  push(time: number, hash: number): void {
    if ((this.size + shift) >>> chunkBits >= this.#times.length) {
      this.#times.push(new Float64Array(1 << chunkBits));
      this.#hashes.push(new Int32Array(1 << chunkBits));
    }
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      const other = this.timeAt(parent);
      if (other < time || other === time && this.hashAt(parent) <= hash) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#set(at, time, hash);
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

  /** Removes the entry with the earliest time. */
  pop(): void {
    const last = --this.size;
    const time = this.timeAt(last);
    const hash = this.hashAt(last);
    let at = 0;
    while (true) {
      const first = at * arity + 1;
      if (first >= last) break;
      let least = first;
      const end = Math.min(first + arity, last);
      for (let child = first + 1; child < end; child++) {
        const other = this.timeAt(child);
        const earliest = this.timeAt(least);
        if (other < earliest || other === earliest && this.hashAt(child) < this.hashAt(least)) {
          least = child;
        }
      }
      const earliest = this.timeAt(least);
      if (earliest > time || earliest === time && this.hashAt(least) >= hash) break;
      this.#move(least, at);
      at = least;
    }
    this.#set(at, time, hash);
    // One chunk is kept, for what comes next.
    const needed = ((last + shift) >>> chunkBits) + 2;
    if (this.#times.length > needed) {
      this.#times.pop();
      this.#hashes.pop();
    }
  }
}

export class ExpiryQueue {
  #heap = new TimeHeap();
  /** The heap that is being sifted into `#heap`, or null. */
  #old: TimeHeap | null = null;
  /** What was sifted last. */
  #siftedTime = -Infinity;
  #siftedHash = 0;
  /** Entries pushed since the queue was made. */
  pushed = 0;

  /** Entries, the outdated ones included. */
  get size(): number {
    return this.#heap.size + (this.#old?.size ?? 0);
  }

  push(time: number, hash: number): void {
    this.pushed++;
    this.#heap.push(time, hash);
  }

  /** The earliest time; Infinity when there is none. */
  get nextTime(): number {
    const heap = this.#earlier();
    return heap.size > 0 ? heap.timeAt(0) : Infinity;
  }

  /** The hash that goes with it. The queue is not empty. */
  get nextHash(): number {
    return this.#earlier().hashAt(0);
  }

  // What `sample` picked.
  sampledTime = 0;
  sampledHash = 0;
  #sampledHeap = this.#heap;
  #sampledAt = 0;

  /** Picks a random entry: the `sampled` fields tell of it. The queue is not empty. */
  sample(): void {
    const heap = this.#heap;
    const at = Math.floor(Math.random() * this.size);
    this.#sampledHeap = at < heap.size ? heap : this.#old!;
    this.#sampledAt = at < heap.size ? at : at - heap.size;
    this.sampledTime = this.#sampledHeap.timeAt(this.#sampledAt);
    this.sampledHash = this.#sampledHeap.hashAt(this.#sampledAt);
  }

  /** Removes what `sample` picked; nothing else was done with the queue since. */
  removeSampled(): void {
    this.#sampledHeap.removeAt(this.#sampledAt);
  }

  /** Removes the entry with the earliest time and returns its hash. The queue is not empty. */
  take(): number {
    const heap = this.#earlier();
    const hash = heap.hashAt(0);
    heap.pop();
    return hash;
  }

  clear(): void {
    this.#heap = new TimeHeap();
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
    this.#heap = new TimeHeap();
    this.#siftedTime = -Infinity;
  }

  /**
   * Looks at up to `count` entries, the earliest first, and keeps those of which `isCurrent` says so, of equal ones the
   * first.
   */
  siftSome(count: number, isCurrent: (time: number, hash: number) => boolean): void {
    const old = this.#old;
    if (!old) return;
    for (let i = 0; i < count && old.size > 0; i++) {
      const time = old.timeAt(0);
      const hash = old.hashAt(0);
      old.pop();
      if (time === this.#siftedTime && hash === this.#siftedHash) continue;
      this.#siftedTime = time;
      this.#siftedHash = hash;
      if (isCurrent(time, hash)) this.#heap.push(time, hash);
    }
    if (old.size === 0) this.#old = null;
  }

  #earlier(): TimeHeap {
    const old = this.#old;
    if (!old || old.size === 0) return this.#heap;
    if (this.#heap.size === 0) return old;
    return old.timeAt(0) < this.#heap.timeAt(0) ? old : this.#heap;
  }
}
