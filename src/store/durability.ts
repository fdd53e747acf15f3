/**
 * Getting the log to the disk. A *round* syncs all that was appended so far, on other threads, while
 * the store goes on; when it succeeds, the position where it began is the durable position, which goes
 * to the next superblock slot, which the next round syncs in turn.
 *
 * Rounds also carry the freeing of segments, which takes three steps, each durable before the next:
 * the copies of what was live are durable and the superblock says so; the segment's header is erased;
 * the segment is free. Whenever the power fails, a record is found in at least one of its two places.
 */
import type { BodyRange, StoreFile } from "../sys/mapped_file.ts";
import { SyncWitness } from "../sys/sync_witness.ts";
import { StoreError } from "./errors.ts";
import type { Log } from "./log.ts";
import { RecoveredBytes } from "./recovered_bytes.ts";
import { segmentState } from "./segment_table.ts";
import type { Superblock } from "./superblock.ts";

/**
 * When the log is synced: `everysec` about a second after a change; `always` as soon as somebody waits
 * for it; `no` when space is to be freed, and at the end.
 */
export type SyncPolicy = "everysec" | "always" | "no";

const intervalMs = 1000;
/** A change that is not on the disk after so long has whoever writes wait, as with redis-server. */
const behindMs = 2000;
/**
 * Where much is not on the disk, writers are slowed down before they have to wait: when the oldest change has waited
 * for so long, by up to so much in each turn. Held up all together, they would wait for hundreds of milliseconds.
 */
const pacedFromMs = 1000;
const pacedMsMax = 20;
/** When a round takes so long, it is the disk that limits how much can be written. */
const slowRoundMs = 300;
/** A sync of so little, where none takes longer than that, is not worth another thread. */
const briefBytesMax = 256 * 1024;
const briefMsMax = 2;
/** Where they do, they are not tried in place for so many times as long as the last took, and twice that each time. */
const avoidedShare = 10;
const avoidedMsMax = 10_000;
/**
 * A sync that takes longer than those before counts with this part, and as no longer than that: a busy machine, and a disk that
 * others use as well, has some that take long now and then. Two in a row are needed.
 */
const longerPart = 1 / 8;
const longerMsMax = 10;

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Durability {
  #policy: SyncPolicy;
  /** Everything before this log position is on the disk. */
  durablePosition: number;
  /** Why the store is not written any more, or null. */
  failure: StoreError | null = null;
  /** How many of the records appended since the opening are on the disk. */
  syncedRecords = 0;
  /** No segment is erased or given free: somebody reads them. */
  keepsSegments = false;
  /** Rounds that ended well since the store was opened. */
  rounds = 0;
  /** How long the last of them took, in milliseconds; -1 before the first one. */
  lastRoundMs = -1;
  /** How many rounds somebody had to wait for who wanted to change something. */
  delays = 0;
  /** Called after each round that ended well; the next one may be started. */
  onRound: () => void = () => {};
  /** Called when the store is not written any more, once. */
  onFailure: () => void = () => {};
  /** The durable position that the superblock on the disk is known to hold. */
  #publishedPosition: number;
  readonly #log: Log;
  readonly #file: StoreFile;
  readonly #superblock: Superblock;
  readonly #clock: () => number;
  readonly #muchBytes: number;
  readonly #recovered: RecoveredBytes;
  #witness: SyncWitness | null;
  /** When the oldest change was made that no round has taken, by `performance.now()`; Infinity: there is none. */
  #oldestMs = Infinity;
  /** The same of what the running round has taken. */
  #oldestInFlightMs = Infinity;
  #waiters: Waiter[] = [];
  #running: Promise<void> | null = null;
  /** What the running round syncs: a synchronous sync has to do it again. */
  #rangesInFlight: BodyRange[] = [];
  /** When the running round began. */
  #roundBegunMs = 0;
  /** What a sync in place usually takes; 0 before the first one. */
  #usualBriefMs = 0;
  /** Nothing is synced in place before; for how long it is not after a sync that took long. */
  #briefAgainAtMs = 0;
  #avoidedMs = 0;
  /** The number of the last round that was waited for. */
  #delayedRound = -1;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(
    log: Log,
    file: StoreFile,
    superblock: Superblock,
    options: {
      readonly policy: SyncPolicy;
      /** The time in Unix ms, for those who ask when the last sync was. */
      readonly clock: () => number;
      /** Of the store's limits. */
      readonly unsyncedBytesMuch: number;
    },
  ) {
    this.#log = log;
    this.#file = file;
    this.#superblock = superblock;
    this.#policy = this.policy = options.policy;
    this.#clock = options.clock;
    this.#muchBytes = options.unsyncedBytesMuch;
    this.#recovered = new RecoveredBytes(log, file);
    this.#witness = file.descriptor < 0 ? null : SyncWitness.of(file.path, file.inode);
    this.durablePosition = superblock.state.durablePosition;
    this.#publishedPosition = this.durablePosition;
    log.onWriteFailure = (error) => {
      this.#fail(error);
      return this.failure!;
    };
  }

  get policy(): SyncPolicy {
    return this.#policy;
  }

  set policy(policy: SyncPolicy) {
    this.#policy = policy;
    this.#log.isSyncedOften = policy === "always";
  }

  /** How long the oldest change has waited that is not on the disk, in milliseconds. */
  get lagMs(): number {
    const oldestMs = this.#oldestUnsyncedMs;
    return oldestMs === Infinity ? 0 : Math.max(0, performance.now() - oldestMs);
  }

  /** When the oldest change was made that is not on the disk; Infinity: there is none. */
  get #oldestUnsyncedMs(): number {
    return Math.min(this.#oldestMs, this.#oldestInFlightMs);
  }

  /** Changes are made faster than the disk takes them: who makes them should await `whenCaughtUp`. */
  get isBehind(): boolean {
    return this.#paceMs > 0;
  }

  /** How long who has just written is to wait, in milliseconds; Infinity: for a round. */
  get #paceMs(): number {
    const { lagMs } = this;
    if (!(lagMs > pacedFromMs) || this.policy !== "everysec") return 0;
    if (this.failure !== null || this.#closed) return 0;
    if (lagMs > behindMs) return Infinity;
    if (!this.#isMuch) return 0;
    return pacedMsMax * (lagMs - pacedFromMs) / (behindMs - pacedFromMs);
  }

  /** Resolves when the disk is not behind any more, has had a little time to follow, or no round will ever help. */
  async whenCaughtUp(): Promise<void> {
    const paceMs = this.#paceMs;
    if (paceMs < Infinity) {
      await new Promise((resolve) => setTimeout(resolve, paceMs));
      return;
    }
    while (this.#paceMs === Infinity) {
      if (this.#delayedRound !== this.rounds) {
        this.#delayedRound = this.rounds;
        this.delays++;
      }
      this.start();
      await this.#running;
    }
  }

  /** A round is running now. */
  get running(): boolean {
    return this.#running !== null;
  }

  /** For how long the running round has run, in milliseconds; -1 when there is none. */
  get roundMs(): number {
    return this.running ? performance.now() - this.#roundBegunMs : -1;
  }

  /** Whether rounds take long: because of the disk, or because much is written. */
  get isSlow(): boolean {
    return this.lastRoundMs > slowRoundMs;
  }

  /** Sees to it that what was appended will be synced in time; cheap when nothing is to be done. */
  schedule(): void {
    if (this.#oldestMs === Infinity && this.#log.hasDirty) this.#oldestMs = performance.now();
    if (this.policy === "everysec" && this.#isMuch) this.start();
    if (this.#timer !== undefined || this.failure !== null || this.#closed) return;
    if (this.policy === "no") return;
    const isPublished = this.#superblock.state.durablePosition >= this.durablePosition;
    if (!this.#log.hasDirty && this.#log.table.leavingCount === 0 && isPublished) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.start();
    }, Math.max(0, intervalMs - this.lagMs));
  }

  /** Much is not on the disk: it is synced before its time, or the disk would rest for a second, and then be behind. */
  get #isMuch(): boolean {
    return this.#log.position - this.durablePosition >= this.#muchBytes;
  }

  /** Begins a round now, or after the one that is running. */
  start(): void {
    if (this.failure !== null || this.#closed || this.#running) return;
    const before = this.rounds;
    this.#running = this.#round().finally(() => {
      this.#running = null;
      if (this.rounds > before) this.onRound();
      // Otherwise one round would follow the other, each for those who came during the one before.
      if (this.#waiters.length > 0 && this.policy === "always") this.syncBriefly();
      if (this.#waiters.length > 0) this.start();
      else this.schedule();
    });
  }

  /** Resolves when everything before `position` is on the disk; rejects with SYNC_FAILED. */
  whenDurable(position: number): Promise<void> {
    if (position <= this.durablePosition) return Promise.resolve();
    if (this.failure !== null) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject });
      this.start();
    });
  }

  /** Syncs everything and returns when it is on the disk. Throws StoreError SYNC_FAILED. */
  syncNow(): void {
    if (this.failure !== null) throw this.failure;
    const { settledPosition, settledRecords } = this.#log;
    try {
      this.#bringRecoveredNow();
      this.#syncAll();
      // The round that runs beside this may have been told what this was not.
      const isSound = !this.running || (this.#witness?.isSound() ?? true);
      if (!isSound) throw new Error(this.#diskError);
      this.#oldestMs = this.#oldestInFlightMs = Infinity;
      this.#advance(settledPosition, settledRecords);
      this.#file.syncHeader();
    } catch (error) {
      this.#fail(error instanceof Error ? error : undefined);
      throw this.failure!;
    }
  }

  /** What `#bringRecovered` does, be it from where that is now. */
  #bringRecoveredNow(): void {
    const recovered = this.#recovered;
    for (; recovered.step !== null; recovered.advance()) {
      if (recovered.step.kind === "sync") this.#syncAll();
      else recovered.doNow(recovered.step);
    }
  }

  #syncAll(): void {
    this.#file.syncAll([...this.#rangesInFlight, ...this.#log.takeDirty()]);
  }

  /**
   * Syncs at once what was appended, if that will be brief, instead of a round in the background: where all
   * that goes on waits for it anyway, waking another thread takes longer than the sync. Where these
   * usually are not brief, there are rounds in the background for a while. Returns how many milliseconds it took,
   * 0 when nothing was done. When it fails, `failure` says so.
   */
  syncBriefly(): number {
    const log = this.#log;
    if (this.failure !== null || this.#running !== null || this.#closed) return 0;
    if (log.dirtyBytes > briefBytesMax || !this.#recovered.isDone) return 0;
    const started = performance.now();
    if (started < this.#briefAgainAtMs) return 0;
    const { settledPosition, settledRecords } = log;
    try {
      this.#file.syncAll(log.takeDirty());
    } catch (error) {
      this.#fail(error instanceof Error ? error : undefined);
      return 0;
    }
    this.rounds++;
    const ended = performance.now();
    this.lastRoundMs = ended - started;
    this.#noteBriefSync(ended);
    this.#oldestMs = Infinity;
    // The superblock is for the rounds: one of its slots is on the disk before the other one is written. A
    // recovery reads on behind what it says.
    this.#release(settledPosition, settledRecords);
    return this.lastRoundMs;
  }

  /**
   * Rounds in the background do not show how long a sync in place would take: on a busy machine, most of their time
   * is that of threads which wait for a processor.
   */
  #noteBriefSync(nowMs: number): void {
    const ms = this.lastRoundMs;
    const usualMs = this.#usualBriefMs;
    const part = usualMs === 0 ? 1 : ms > usualMs ? longerPart : 0.5;
    this.#usualBriefMs += (Math.min(ms, longerMsMax) - usualMs) * part;
    if (ms <= briefMsMax) this.#avoidedMs /= 2;
    else if (this.#usualBriefMs > briefMsMax) {
      this.#avoidedMs = Math.min(avoidedMsMax, Math.max(ms * avoidedShare, this.#avoidedMs * 2));
      this.#briefAgainAtMs = nowMs + this.#avoidedMs;
    }
  }

  async #round(): Promise<void> {
    const log = this.#log;
    this.#roundBegunMs = performance.now();
    if (!this.#recovered.isDone && !await this.#bringRecovered()) return;
    const { settledPosition, settledRecords } = log;
    this.#oldestInFlightMs = Math.min(this.#oldestMs, performance.now());
    this.#oldestMs = Infinity;
    this.#roundBegunMs = performance.now();
    const published = this.#superblock.state.durablePosition;
    if (!this.#tryToTakeDirty()) return;
    const erased = log.erased;
    log.erased = [];
    if (!await this.#syncTaken()) return;
    this.rounds++;
    this.lastRoundMs = performance.now() - this.#roundBegunMs;
    this.#oldestInFlightMs = Infinity;
    this.#publishedPosition = Math.max(this.#publishedPosition, published);
    if (this.keepsSegments) log.erased.push(...erased);
    else {
      for (const segment of erased) log.table.release(segment);
      this.#eraseEvacuated();
    }
    this.#advance(settledPosition, settledRecords);
  }

  /**
   * Brings to the disk what the opening found behind the durable position: before that, no position behind it counts.
   * False: that failed, or the store is being closed.
   */
  async #bringRecovered(): Promise<boolean> {
    const recovered = this.#recovered;
    try {
      for (recovered.advance(); recovered.step !== null; recovered.advance()) {
        const { step } = recovered;
        if (step.kind !== "sync") await recovered.doInBackground(step);
        else if (!this.#tryToTakeDirty() || !await this.#syncTaken()) return false;
        if (this.failure !== null || this.#closed) return false;
        if (recovered.isDone) break; // By `syncNow`, meanwhile.
      }
      return true;
    } catch (error) {
      this.#fail(error instanceof Error ? error : undefined);
      return false;
    }
  }

  /** False: it could not be written out, and all is over. */
  #tryToTakeDirty(): boolean {
    try {
      this.#rangesInFlight = this.#log.takeDirty();
      return true;
    } catch (error) {
      if (this.failure === null) throw error;
      return false;
    }
  }

  /** Syncs what was taken; false: it failed, or something else did meanwhile. */
  async #syncTaken(): Promise<boolean> {
    const isSynced = await this.#file.syncInBackground(this.#rangesInFlight);
    this.#rangesInFlight = [];
    if (this.failure !== null) return false;
    if (!isSynced) this.#fail();
    return isSynced;
  }

  #advance(position: number, records: number): void {
    if (position < this.durablePosition) return; // Another sync was faster.
    const { state } = this.#superblock;
    state.durablePosition = position;
    state.nextSequence = this.#log.nextSequence;
    state.lastSyncMs = this.#clock();
    this.#superblock.write();
    this.#release(position, records);
  }

  /** What was written before a position is on the disk: whoever waits for that is told. */
  #release(position: number, records: number): void {
    this.durablePosition = position;
    this.syncedRecords = records;
    if (this.#waiters.length === 0) return;
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      // Or it came within a batch that was taken back since.
      const isReached = waiter.position <= position || position >= this.#log.position;
      if (isReached) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }

  #eraseEvacuated(): void {
    const { table } = this.#log;
    if (table.evacuatedCount === 0) return;
    for (let i = 0; i < table.count; i++) {
      if (table.state[i] !== segmentState.evacuated) continue;
      if (table.survivorsEnd[i] > this.#publishedPosition) continue;
      // Delete records were dropped for good because nothing older remains: so it must be.
      if (table.dropsDeletes[i] === 1 && table.oldest() !== i) continue;
      this.#log.eraseSegment(i);
    }
  }

  get #diskError(): string {
    return `Cannot sync ${this.#file.path}: the disk reported an error`;
  }

  /** The kernel may have dropped the pages that it could not write, so trying again proves nothing. */
  #fail(cause?: Error): void {
    if (this.failure !== null) return;
    const reason = cause?.message ?? this.#diskError;
    this.failure = new StoreError(
      "SYNC_FAILED",
      `${reason}; nothing is written any more, reads go on; mend the disk and restart`,
      { cause },
    );
    for (const { reject } of this.#waiters) reject(this.failure);
    this.#waiters = [];
    this.onFailure();
  }

  /** Stops timers and waits for the running round. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
    this.#witness?.close();
    this.#witness = null;
  }
}
