/**
 * Neighbouring places that are being emptied, so that a large record finds room: a run's places have to lie side by side, and
 * neither eviction nor compaction sees to that. The stretch that takes least to be emptied is chosen; what is free of it is
 * held, so that nobody else takes it, and compaction copies out what is live in the rest.
 *
 *     if (stretch.choose(12, 8, isMovable)) ... // compaction asks for `nextVictim` until `isReady`
 *     const first = stretch.give();          // then the places are the log's
 */
import type { StoreLimits } from "./limits.ts";
import { segmentHeaderBytes } from "./format.ts";
import { segmentState, type SegmentTable } from "./segment_table.ts";

/** What a segment costs beside its live bytes, as parts of a segment: its place comes back only after some syncs. */
const costOfSegment = 1 / 8;
const costOfLeaving = 1 / 16;
/** A run's record needs neighbouring places for its copy as well, which may not be there. */
const costOfRun = 2;
/** The head has to be left for another segment, which it does not fill. */
const costOfHead = 1;
/** So many places more than what is copied fills have to be free elsewhere. */
const sparePlaces = 2;

export class Stretch {
  /** How often one was given away. */
  given = 0;
  /** How many places are held. */
  heldCount = 0;
  /** So many places elsewhere are needed for copies of what is live in it, and left to them. */
  copyPlaces = 0;
  #first = 0;
  #length = 0;
  /** Places that are held; 1 each. */
  #isHeld = new Uint8Array(0);
  /** Segments that could not be emptied. */
  readonly #stuck = new Set<number>();
  readonly #table: SegmentTable;
  readonly #segmentBytes: number;

  constructor(table: SegmentTable, limits: StoreLimits) {
    this.#table = table;
    this.#segmentBytes = limits.segmentBytes;
  }

  /** How many places it has; 0: none is chosen. */
  get length(): number {
    return this.#length;
  }

  /** All of its places are free, and held. */
  get isReady(): boolean {
    return this.#length > 0 && this.heldCount === this.#length;
  }

  holds(place: number): boolean {
    const at = place - this.#first;
    return at >= 0 && at < this.#length && this.#isHeld[at] === 1;
  }

  /** Whether any place of a segment is in it. */
  touches(segment: number): boolean {
    const end = segment + this.#table.runLength[segment];
    return end > this.#first && segment < this.#first + this.#length;
  }

  /**
   * Chooses and begins to hold `length` places. Returns false when there are none that can be emptied now: `freeElsewhere` places
   * have to be free elsewhere, beside those for copies.
   */
  choose(
    length: number,
    freeElsewhere: number,
    isMovable: (segment: number) => boolean,
  ): boolean {
    this.drop();
    const first = this.#cheapest(length, freeElsewhere, isMovable);
    if (first < 0) return false;
    this.#first = first;
    this.#length = length;
    this.#isHeld = new Uint8Array(length);
    this.gather();
    return true;
  }

  #cheapest(
    length: number,
    freeElsewhere: number,
    isMovable: (segment: number) => boolean,
  ): number {
    const table = this.#table;
    let best = -1;
    let bestCost = Infinity;
    for (let start = 0; start < table.count; start += table.segmentsPerWindow) {
      const end = Math.min(table.count, start + table.segmentsPerWindow);
      const sum = { cost: 0, live: 0, free: 0, blocked: 0 };
      // What is in the stretch that ends at a place: each segment counts as long as any of its places is in it.
      const note = (segment: number, sign: number) => {
        const cost = this.#costOf(segment, isMovable);
        if (cost === Infinity) sum.blocked += sign;
        else sum.cost += sign * cost;
        if (cost === 0) sum.free += sign;
        sum.live += sign * table.liveBytes[segment];
      };
      for (let place = start; place < end; place++) {
        if (table.firstOf[place] === place) note(place, 1);
        const left = place - length;
        const segment = left < start ? -1 : table.firstOf[left];
        if (segment >= 0 && segment + table.runLength[segment] - 1 === left) note(segment, -1);
        if (left + 1 < start || sum.blocked > 0 || sum.cost >= bestCost) continue;
        if (table.freeCount - sum.free < freeElsewhere + this.#placesFor(sum.live)) continue;
        best = left + 1;
        bestCost = sum.cost;
      }
    }
    return best;
  }

  #placesFor(live: number): number {
    return live > 0 ? Math.ceil(live / this.#segmentBytes) + sparePlaces : 0;
  }

  /** In segments; 0: it is free. */
  #costOf(segment: number, isMovable: (segment: number) => boolean): number {
    const { state, liveBytes, runLength } = this.#table;
    const live = liveBytes[segment] / this.#segmentBytes;
    switch (state[segment]) {
      case segmentState.free:
      case segmentState.prepared:
        return 0;
      case segmentState.evacuated:
      case segmentState.erased:
        return costOfLeaving * runLength[segment];
      case segmentState.head:
        return costOfHead + this.#costToCopy(segment, live);
      case segmentState.sealed:
        if (!isMovable(segment) || this.#stuck.has(segment)) return Infinity;
        return this.#costToCopy(segment, live);
      default:
        return Infinity;
    }
  }

  #costToCopy(segment: number, live: number): number {
    const isRun = this.#table.runLength[segment] > 1 &&
      live > 1 - segmentHeaderBytes / this.#segmentBytes;
    return costOfSegment + (isRun ? costOfRun : 1) * live;
  }

  /** Holds what has become free. */
  gather(): void {
    const table = this.#table;
    let live = 0;
    for (let at = 0; at < this.#length; at++) {
      const place = this.#first + at;
      if (this.#isHeld[at] === 0 && table.isFree(place)) {
        table.prepare(place);
        this.#isHeld[at] = 1;
        this.heldCount++;
      }
      if (this.#isHeld[at] === 0 && (at === 0 || table.firstOf[place] === place)) {
        live += table.liveBytes[table.firstOf[place]];
      }
    }
    this.copyPlaces = this.#placesFor(live);
  }

  /** A segment that has to be emptied; -1: there is none, or none any more. */
  nextVictim(isMovable: (segment: number) => boolean): number {
    const { state, firstOf } = this.#table;
    for (let at = 0; at < this.#length; at++) {
      const segment = firstOf[this.#first + at];
      if (state[segment] !== segmentState.sealed || this.#stuck.has(segment)) continue;
      if (isMovable(segment)) return segment;
    }
    return -1;
  }

  /** Whether some of it stays in use, since it cannot be emptied. */
  get isBlocked(): boolean {
    const { firstOf } = this.#table;
    for (let at = 0; at < this.#length; at++) {
      if (this.#stuck.has(firstOf[this.#first + at])) return true;
    }
    return false;
  }

  /** A segment could not be emptied: it is left out the next time. */
  noteStuck(segment: number): void {
    if (this.touches(segment)) this.#stuck.add(segment);
  }

  /** What could not be emptied may be now. */
  retry(): void {
    this.#stuck.clear();
  }

  /** It is ready, and its places are not held any more: whoever calls takes them. Returns the first one. */
  give(): number {
    const first = this.#first;
    this.given++;
    this.drop();
    return first;
  }

  /** Its places are as all others. */
  drop(): void {
    for (let at = 0; at < this.#length; at++) {
      if (this.#isHeld[at] === 1) this.#table.unprepare(this.#first + at);
    }
    this.#length = 0;
    this.heldCount = 0;
    this.copyPlaces = 0;
  }
}
