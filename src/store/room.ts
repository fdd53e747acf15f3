/**
 * Writers that wait for room. A store that evicts keys has them wait while few places are free, since eviction and
 * compaction may be slower than they are. Whoever writes a record that needs several neighbouring places waits for those, in
 * any store: keys go to make room beside them, if the policy lets them go, and a stretch of places is emptied (`stretch.ts`).
 *
 * They are let go a few at a time, as many as there is room for; and when no room is to be had: then their writes say so.
 */
import type { Compaction } from "./compaction.ts";
import type { Durability } from "./durability.ts";
import type { Eviction } from "./eviction.ts";
import type { Log } from "./log.ts";

/** Nobody waits longer, whatever goes on. */
const waitMsMax = 60_000;
/** When nobody could be let go for so long, what goes on is in vain. */
const vainMs = 200;
/** Neighbouring places are kept for so long for whoever was refused, and may try again. */
const keptForRefusedMs = 2000;
/** ... and for who was let go for so many turns of the event loop: his comes soon, if he needs them after all. */
const keptForGoneTurns = 32;
/** What a request may write beside the bytes that it brings. */
const bytesPerWriter = 4096;

interface Writer {
  readonly bytes: number;
  readonly places: number;
  readonly sinceMs: number;
  readonly resolve: () => void;
}

/** Neighbouring places that are kept for somebody who does not wait, until they are taken. */
interface Kept {
  readonly places: number;
  readonly untilMs: number;
  turnsLeft: number;
  readonly givenBefore: number;
  /** He was let go, and will take them at once. */
  readonly isGranted: boolean;
}

export interface RoomParts {
  readonly log: Log;
  readonly durability: Durability;
  readonly compaction: Compaction;
  readonly eviction: Eviction;
}

export class Room {
  /** Keys cannot be removed now: there is no room for the delete records. */
  isRemovalStuck = false;
  #waiting: Writer[] = [];
  /** When somebody was let go last, or began to wait when nobody did, or keys had to go for want of anything else. */
  #letGoMs = 0;
  /** So many bytes those have to write who were let go in this turn of the event loop. */
  #bytesLetGo = 0;
  /** Neighbouring places that are to be made free; 0: none are. */
  #wanted = 0;
  /** ... for one who waits. */
  #isWaited = false;
  #kept: Kept | null = null;
  readonly #parts: RoomParts;

  constructor(parts: RoomParts) {
    this.#parts = parts;
  }

  /** There is something to do in the next slices. */
  get hasWork(): boolean {
    return this.#waiting.length > 0 || this.isWanted || this.#parts.log.refusedPlaces > 0;
  }

  /** Somebody waits for segments that are on their way out. */
  get isWanted(): boolean {
    return this.#waiting.length > 0 || this.#wanted > 0;
  }

  /** Whether who writes about so many bytes should wait for `when`. */
  isShortFor(bytes: number): boolean {
    const { log, eviction } = this.#parts;
    if (eviction.isShort) return true;
    if (bytes < log.segmentBytes / 2) return false;
    const places = log.placesFor(bytes);
    // Neighbouring places that are there may be gone a moment later, so they are held for one after the other.
    return places > 1 && !log.mayGrowFor(places);
  }

  /** Resolves when there is room for a record of about so many bytes, or when none is to be had. */
  when(bytes: number): Promise<void> {
    const places = this.#parts.log.placesFor(bytes);
    if (!this.isShortFor(bytes) || !this.#mayGain(places)) return Promise.resolve();
    const sinceMs = performance.now();
    if (this.#waiting.length === 0) this.#letGoMs = sinceMs;
    const room = new Promise<void>((resolve) => {
      this.#waiting.push({ bytes, places, sinceMs, resolve });
    });
    if (places > 1) {
      this.#seeToNeighbours();
      this.letGo();
    }
    return room;
  }

  /** Whether waiting may help at all. */
  #mayGain(places: number): boolean {
    const { log, eviction } = this.#parts;
    if (places === 1) return this.#isGaining;
    if (this.#parts.durability.failure !== null) return false;
    return log.hasRoomFor(places) || eviction.canMakeRoomFor(places, true);
  }

  /** Something goes on that makes room, or can. */
  get #isGaining(): boolean {
    const { durability, eviction } = this.#parts;
    if (durability.failure !== null) return false;
    return eviction.mayEvict && !this.isRemovalStuck || this.#isBusy;
  }

  /** Something goes on that makes room. While a backup is made, nothing that is on its way out becomes free. */
  get #isBusy(): boolean {
    const { log, durability, compaction, eviction } = this.#parts;
    const isLeaving = log.table.leavingCount > 0 && (eviction.isOn || !durability.keepsSegments);
    return isLeaving || compaction.hasWork(false) || eviction.isDue && !this.isRemovalStuck;
  }

  /** There are writers for whom there is no room, and none is being made. */
  get #isInNeed(): boolean {
    const { log, eviction } = this.#parts;
    if (this.#waiting.length === 0 || this.#kept?.isGranted) return false;
    if (eviction.isShort) return true;
    return this.#wanted > 0 && log.stretch.length === 0 && !log.mayGrowFor(this.#wanted);
  }

  /** To be called in each slice of housekeeping. */
  step(): void {
    const { log, compaction, eviction } = this.#parts;
    if (this.hasWork) {
      this.#seeToNeighbours();
      this.letGo();
      // Where eviction and compaction see nothing to do, or go on in vain, more keys have to go.
      const isVain = !this.#isBusy || performance.now() > this.#letGoMs + vainMs;
      if (this.#isInNeed && this.#isGaining && isVain && log.table.leavingCount === 0) {
        this.#letGoMs = performance.now();
        eviction.press();
      }
    }
    // What is on its way out may do.
    const isComing = log.table.leavingCount >= eviction.workingPlaces;
    compaction.isUrgent = log.stretch.length > 0 || this.isWanted && !isComing;
    if (!this.isWanted) eviction.release();
  }

  // --- neighbouring places ---------------------------------------------------------------------------

  /** Begins to make neighbouring places free, or goes on, for the first who needs some. */
  #seeToNeighbours(): void {
    const { log, compaction, eviction } = this.#parts;
    const { stretch } = log;
    const wanted = this.#firstWanted();
    const isWaited = this.#kept === null;
    if (wanted !== this.#wanted || isWaited !== this.#isWaited) {
      this.#wanted = wanted;
      this.#isWaited = isWaited;
      eviction.want(wanted, isWaited);
      compaction.tryAgain();
      stretch.retry();
      if (wanted === 0 || stretch.length < wanted) stretch.drop();
    }
    if (wanted === 0) return;
    if (stretch.length > 0) {
      stretch.gather();
      if (!stretch.isReady && this.#isStretchVain) stretch.drop();
      return;
    }
    if (log.mayGrowFor(wanted)) return;
    // Before that, there would not be enough left to write to.
    const { table, placesInUseMax } = log;
    const isTooMuch = table.usedCount - table.leavingCount > placesInUseMax;
    if (isTooMuch && this.#isBusy && !log.hasRoomFor(wanted)) return;
    if (!log.chooseStretch(wanted, eviction.workingPlaces, compaction.isMovable)) stretch.retry();
  }

  /** Some of its places stay in use, and nothing goes on that would change that. */
  get #isStretchVain(): boolean {
    const { log, compaction } = this.#parts;
    if (log.stretch.isBlocked) return true;
    return log.table.leavingCount === 0 && log.stretch.nextVictim(compaction.isMovable) < 0 &&
      !compaction.isAtWork;
  }

  /** How many neighbouring places are to be made free now. */
  #firstWanted(): number {
    const { log, eviction } = this.#parts;
    const first = this.#waiting.find(({ places }) => places > 1)?.places ?? 0;
    const kept = this.#kept;
    if (kept !== null) {
      const isLate = kept.isGranted ? kept.turnsLeft === 0 : performance.now() > kept.untilMs;
      const isOver = isLate || kept.givenBefore !== log.stretch.given;
      if (isOver || first > 0 && !kept.isGranted) this.#kept = null;
    }
    const refused = log.refusedPlaces;
    log.refusedPlaces = 0;
    const mayKeep = refused > 0 && first === 0 && this.#kept === null;
    if (mayKeep && eviction.canMakeRoomFor(refused, false)) this.#keep(refused, false);
    return this.#kept?.places ?? first;
  }

  #keep(places: number, isGranted: boolean): void {
    const kept = {
      places,
      untilMs: performance.now() + keptForRefusedMs,
      turnsLeft: keptForGoneTurns,
      givenBefore: this.#parts.log.stretch.given,
      isGranted,
    };
    this.#kept = kept;
    if (!isGranted) return;
    const noteTurn = () => {
      if (--kept.turnsLeft > 0 && this.#kept === kept) setImmediate(noteTurn);
    };
    setImmediate(noteTurn);
  }

  // --- letting go ------------------------------------------------------------------------------------

  /** Lets those go who find room now, as far as all of them do; and those who will not find any. */
  letGo(): void {
    if (this.#waiting.length === 0) return;
    const isGaining = this.#isGaining;
    const waitedFrom = performance.now() - waitMsMax;
    const before = this.#bytesLetGo;
    this.#waiting = this.#waiting.filter((writer) => {
      const mayGo = writer.sinceMs < waitedFrom || this.#mayGo(writer, isGaining);
      if (!mayGo) return true;
      this.#letGoMs = performance.now();
      writer.resolve();
      return false;
    });
    if (before === 0 && this.#bytesLetGo > 0) setImmediate(this.#haveWritten);
  }

  readonly #haveWritten = (): void => {
    this.#bytesLetGo = 0;
    this.letGo();
  };

  #mayGo({ bytes, places }: Writer, isGaining: boolean): boolean {
    const { log, eviction } = this.#parts;
    const { stretch, segmentBytes } = log;
    if (places > 1 && !log.mayGrowFor(places)) {
      // One at a time: the next one needs neighbouring places as well, and there may be none.
      if (this.#kept?.isGranted) return false;
      const isReady = stretch.isReady && stretch.length >= places;
      if (!isReady || eviction.isShort && isGaining) return !isGaining;
      this.#keep(places, true);
      return true;
    }
    if (eviction.isShort) return !isGaining;
    // What they leave is for those who did not have to wait.
    if (this.#bytesLetGo >= eviction.workingPlaces * segmentBytes / 4) return false;
    this.#bytesLetGo += bytes > segmentBytes / 2 ? places * segmentBytes : bytes + bytesPerWriter;
    return true;
  }

  /** No room is to be had any more. */
  letAllGo(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve } of waiting) resolve();
  }
}
