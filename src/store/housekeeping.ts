/**
 * When is done what nobody asked for: syncs, removal of expired and surplus keys, compaction. All of
 * it comes in slices of less than a millisecond: one after each batch of requests, and by a timer
 * while there is something to do. A store with nothing to do sets no timer.
 */
import type { Compaction } from "./compaction.ts";
import type { Durability } from "./durability.ts";
import { StoreError } from "./errors.ts";
import type { Eviction } from "./eviction.ts";
import type { Expiry } from "./expiry.ts";
import type { HashIndex } from "./hash_index.ts";
import type { Log } from "./log.ts";
import type { Pauses } from "./pauses.ts";
import { Room } from "./room.ts";

/** While there is work, a slice of it is done this often without requests. */
const idleStepMs = 2;
/** After so long it is looked at whether the store is idle, and whether there is room again. */
const idleAfterMs = 200;
/**
 * A store counts as idle when it is called less often than a hundred times a second. Each call adds one
 * to its activity, up to a limit, and time takes away so much.
 */
const activityPerMs = 0.1;
const activityMax = 20;
const idleActivityMax = 5;
/** The longest wait for a deadline: the clock may be set forward meanwhile. */
const timerMsMax = 1000;
/**
 * So many segments wait to be free before a sync is begun for their sake, or this share of the file: each sync
 * takes away what was made ready for records to come, and has the disk empty its cache.
 */
const leavingMax = 8;
const leavingShare = 1 / 16;

export interface HousekeepingParts {
  readonly log: Log;
  readonly index: HashIndex;
  readonly durability: Durability;
  readonly compaction: Compaction;
  readonly expiry: Expiry;
  readonly eviction: Eviction;
  readonly clock: () => number;
  readonly pauses: Pauses;
  /** The time that deadlines are compared with. */
  readonly time: { now: number };
  /** What is written in one go is written to the file in one. */
  readonly store: { readonly isWithinBatch: boolean; beginTurn(): void; endTurn(): void };
  /** Remove the key whose record stands at an address: an expired one, any one. */
  readonly expire: (address: number) => void;
  readonly evict: (address: number) => void;
}

/** Kinds of work that comes in slices, by the names that Redis has for its own. */
export type SliceKind = "expire-cycle" | "eviction-cycle" | "compaction-cycle";

export class Housekeeping {
  /** Told how long each slice took, in milliseconds; null when nobody wants to know. */
  onSlice: ((kind: SliceKind, ms: number) => void) | null = null;
  /** Whether expired keys are removed; otherwise they are only not seen. */
  removesExpired = true;
  /** Time that removing expired keys has taken. */
  expiryMs = 0;
  readonly #parts: HousekeepingParts;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;
  #activity = 0;
  #activityMs = 0;
  /** Removing keys found no room for the delete records; it is tried again at this time or after a sync. */
  #removeAgainAt = 0;
  #closed = false;
  /** There is more to cut off the files' ends, at this time by `performance.now()`; Infinity: there is not. */
  #shrinkAtMs = Infinity;
  /** A full pass of compaction was asked for, and the file is not as short as it makes it. */
  #isPassOn = false;
  readonly #room: Room;

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
    this.#room = new Room(parts);
    parts.durability.onRound = () => this.#afterRound();
    parts.compaction.onNoRoomForRun = this.#evictRun;
  }

  /** A slice of the work; to be called after each batch of writes. */
  tick(): void {
    if (this.#activity < activityMax) this.#activity++;
    this.#step(false);
    this.arm();
  }

  #step(idle: boolean): void {
    const { durability } = this.#parts;
    durability.schedule();
    try {
      const mayWork = durability.failure === null && !this.#closed;
      if (mayWork && !this.#parts.store.isWithinBatch) this.#stepNow(idle);
    } catch (error) {
      // What was to be appended could not be written to the file: whoever writes next will be told.
      if (durability.failure === null) throw error;
    }
    // No sync will ever make room: those who wait are told, too.
    if (durability.failure !== null) this.#room.letAllGo();
  }

  #stepNow(idle: boolean): void {
    const { durability, expiry, compaction, eviction, time } = this.#parts;
    // What somebody waited for may have been taken: it is no reason for keys to go any more.
    this.#room.step();
    // Further away than it was ever put: the clock was set back.
    const mayRemove = time.now >= this.#removeAgainAt ||
      this.#removeAgainAt > time.now + idleAfterMs;
    if (mayRemove) {
      if (this.#nextExpiry < time.now || eviction.isDue) this.#removeKeys();
    }
    if (expiry.hasWork) expiry.stepInBackground(idle);
    compaction.isDiskSlow = durability.isSlow;
    if (this.onSlice === null) compaction.step(idle);
    else {
      const started = performance.now();
      compaction.step(idle);
      this.onSlice("compaction-cycle", performance.now() - started);
    }
    if (this.#shrinkAtMs !== Infinity && performance.now() >= this.#shrinkAtMs) this.#shrink();
    if (this.#mustSyncToFree) durability.start();
  }

  get #nextExpiry(): number {
    return this.removesExpired ? this.#parts.expiry.nextTime : Infinity;
  }

  #removeKeys(): void {
    const { compaction, expiry, eviction, time, expire, evict } = this.#parts;
    try {
      const started = performance.now();
      if (this.#nextExpiry < time.now) expiry.step(time.now, expire);
      const expired = performance.now();
      if (eviction.isDue) {
        eviction.step(evict);
        if (this.#room.isWanted) compaction.tryAgain();
      }
      this.expiryMs += expired - started;
      if (this.onSlice !== null) {
        this.onSlice("expire-cycle", expired - started);
        this.onSlice("eviction-cycle", performance.now() - expired);
      }
      this.#room.isRemovalStuck = false;
    } catch (error) {
      // Without any room the keys stay, the expired ones unseen; the next slice tries again.
      if (!(error instanceof StoreError && error.code === "NO_SPACE")) throw error;
      this.#removeAgainAt = time.now + idleAfterMs;
      this.#room.isRemovalStuck = true;
    }
  }

  /** Segments wait for syncs to become free: without a sync policy of its own, or too many. */
  get #mustSyncToFree(): boolean {
    const { log, durability, compaction, eviction } = this.#parts;
    const { leavingCount } = log.table;
    if (compaction.isPassWaiting) return true;
    if (log.isCramped || eviction.isShort || this.#room.isWanted) return leavingCount > 0;
    const isOften = durability.policy !== "no";
    const most = Math.max(leavingMax, log.table.count * leavingShare);
    return leavingCount > (isOften || compaction.hasWork(false) ? most : 0);
  }

  /** Sets the timer for what has to be done without a request. */
  arm(): void {
    const { durability, expiry, compaction, eviction, time, clock } = this.#parts;
    if (this.#closed || durability.failure !== null) return;
    const isWorking = compaction.hasWork(this.#isIdle) || expiry.hasWork || eviction.isDue ||
      this.#room.hasWork;
    // An idle store tidies up more thoroughly: whether it is idle shows after a while.
    const idleAt = compaction.hasWork(true) ? time.now + idleAfterMs : Infinity;
    const at = isWorking
      ? time.now + idleStepMs
      : Math.min(this.#nextExpiry + 1, idleAt, this.#shrinkAt);
    if (at >= this.#timerAt || at === Infinity) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    const wait = Math.min(timerMsMax, Math.max(1, at - clock()));
    this.#timer = setTimeout(() => this.#wake(), wait);
  }

  #wake(): void {
    const { time, clock, pauses } = this.#parts;
    this.#timer = undefined;
    this.#timerAt = Infinity;
    time.now = clock();
    pauses.begin();
    this.#measureActivity();
    this.#parts.store.beginTurn();
    this.#step(this.#mayTidyUp);
    this.#parts.store.endTurn();
    this.arm();
    pauses.end();
  }

  #afterRound(): void {
    if (this.#closed) return;
    const { compaction, durability } = this.#parts;
    compaction.retry();
    this.#removeAgainAt = 0;
    this.#room.isRemovalStuck = false;
    this.#measureActivity();
    if (!this.#parts.store.isWithinBatch) this.#room.step();
    this.#shrink();
    if (this.#mustSyncToFree) durability.start();
    this.arm(); // What was freed may allow more to be done.
  }

  /** The same by the clock of deadlines. */
  get #shrinkAt(): number {
    if (this.#shrinkAtMs === Infinity) return Infinity;
    const { time } = this.#parts;
    return time.now + Math.max(idleStepMs, this.#shrinkAtMs - performance.now());
  }

  #measureActivity(): void {
    const now = performance.now();
    this.#activity = Math.max(0, this.#activity - (now - this.#activityMs) * activityPerMs);
    this.#activityMs = now;
  }

  get #isIdle(): boolean {
    return this.#activity < idleActivityMax;
  }

  /** As an idle store does, or one that was asked to. */
  get #mayTidyUp(): boolean {
    return this.#isIdle || this.#isPassOn;
  }

  /** Begins a full pass of compaction, which ends with cutting the file; false when one is going on. */
  beginFullPass(): boolean {
    const begun = this.#parts.compaction.beginFullPass();
    this.#isPassOn = true;
    this.arm();
    return begun;
  }

  /** How far the full pass is, 0 to 1; null when there is none. */
  get fullPassShare(): number | null {
    return this.#isPassOn ? this.#parts.compaction.fullPassShare : null;
  }

  #shrink(): void {
    const { log, index, compaction } = this.#parts;
    const waits = [log.shrink(this.#mayTidyUp, this.#isPassOn), index.shrink()].filter((ms) =>
      ms > 0
    );
    this.#shrinkAtMs = performance.now() + Math.min(...waits, Infinity);
    if (waits.length === 0 && !compaction.isFullPass) this.#isPassOn = false;
  }

  /** Removes the large record at an address, which is in the way and finds no room elsewhere; false: it may not go, or cannot. */
  readonly #evictRun = (address: number, expireAt: number): boolean => {
    try {
      return this.#parts.eviction.evictAt(address, expireAt, this.#parts.evict);
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "NO_SPACE")) throw error;
      return false;
    }
  };

  /** Whether who writes about so many bytes should wait for `whenRoom`. */
  isShortOfRoomFor(bytes: number): boolean {
    return !this.#closed && this.#room.isShortFor(bytes);
  }

  /**
   * Resolves when there is room to write about so many bytes: in a store that evicts keys, writers that
   * are faster than eviction and compaction wait here; and in any store, those of a record that needs neighbouring segments.
   * When no room is to be had, it resolves as well, and the write will say so.
   */
  whenRoom(bytes: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const room = this.#room.when(bytes);
    this.arm();
    return room;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#room.letAllGo();
  }
}
