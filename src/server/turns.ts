/**
 * Turns. When the event loop finds that several connections have received something, their requests are
 * run together, in one turn:
 *
 * - some of each connection's requests are read, until there are enough keys for their cache misses to
 *   overlap; all these keys are looked ahead at, and the requests are run; then the next ones, with the
 *   connections that have more behind those that have not had their turn;
 * - what they wrote goes to the file, and with `--sync always` it is synced, all in one;
 * - then all replies are sent, one write for each connection. Sent one by one as they are ready, each write
 *   would wake a client that waits for it alone.
 *
 * Nothing is asynchronous within a turn. One that takes long leaves the connections whose requests it has not run to
 * another turn, before which the event loop looks who else has something to ask: 50 replies of a megabyte take tens of
 * milliseconds.
 */
import type { LatencyMonitor } from "../commands/latency_monitor.ts";
import type { Store } from "../store/store.ts";

/** A connection, as a turn sees it. */
export interface TurnMember {
  /** Bytes that have been received and not handled. */
  readonly pendingBytes: number;
  /** Bytes of replies that wait for the end of the turn. */
  readonly replyBytes: number;
  /** Reads the next requests, unless some were and have not been run, and tells `store.ahead` of their keys. */
  lookAhead(): void;
  /** Runs them; returns whether there may be more that could be run now. Never throws. */
  runSome(): boolean;
  /** The turn is over: replies may be sent. Never throws. */
  endTurn(): void;
}

/** A turn with so much to do begins no other connection's requests: about half a millisecond. */
const turnBytesEnough = 64 * 1024;

/** A turn that has lasted so long leaves what housekeeping there is to the next one: each slice of it takes 0.5 ms. */
const tickedMicrosecondsMax = 1500;

/** A turn that has lasted so long begins nothing more. */
const turnMicrosecondsEnough = 3000;
/** Behind a reply of so many bytes it is looked how long the turn has lasted. */
const longReplyBytes = 64 * 1024;

interface Turn {
  readonly members: TurnMember[];
  pendingBytes: number;
}

export class Turns {
  readonly #store: Store;
  readonly #latency: LatencyMonitor;
  /** Turns to come; the last one is joined by whoever comes. */
  readonly #waiting: Turn[] = [];
  #isRunning = false;

  constructor(store: Store, latency: LatencyMonitor) {
    this.#store = store;
    this.#latency = latency;
  }

  /** Has the requests of a connection be run in the next turn, which begins at once when it has enough to do. */
  join(member: TurnMember): void {
    const waiting = this.#waiting;
    let turn = waiting.at(-1);
    if (turn === undefined || turn.pendingBytes >= turnBytesEnough) {
      turn = { members: [], pendingBytes: 0 };
      // Whatever is ready now joins before this microtask comes.
      if (waiting.push(turn) === 1) queueMicrotask(this.#run);
    }
    turn.members.push(member);
    turn.pendingBytes += member.pendingBytes;
    if (turn.pendingBytes >= turnBytesEnough && !this.#isRunning) this.#run();
  }

  readonly #run = (): void => {
    const turn = this.#waiting.shift();
    if (turn === undefined) return; // It was full before its time.
    const { members } = turn;
    this.#isRunning = true;
    const joined = members.length;
    const { pauses } = this.#store;
    pauses.begin();
    this.#store.beginTurn();
    const left = this.#runAll(members);
    this.#store.endTurn();
    const syncMs = this.#store.syncBriefly();
    if (syncMs > 0) this.#latency.note("aof-fsync-always", syncMs);
    this.#latency.noteStretch(pauses.end());
    for (let i = 0; i < joined && i < members.length; i++) {
      if (left === null || !left.includes(members[i])) members[i].endTurn();
    }
    // Nobody joins those: what comes now is run next.
    if (left !== null) this.#waiting.push({ members: left, pendingBytes: Infinity });
    this.#isRunning = false;
    if (left !== null) setImmediate(this.#run);
    else if (this.#waiting.length > 0) queueMicrotask(this.#run);
  };

  /**
   * Those that have more to be run are put behind the others. Returns whose turn has not come, and removes them from the
   * queue; null: there is nobody.
   */
  #runAll(queue: TurnMember[]): TurnMember[] | null {
    const store = this.#store;
    const { ahead, pauses } = store;
    let next = 0;
    let left: TurnMember[] | null = null;
    while (next < queue.length && left === null) {
      const first = next;
      ahead.clear();
      while (next < queue.length && !ahead.isEnough) queue[next++].lookAhead();
      ahead.load();
      for (let i = first; i < next; i++) {
        const member = queue[i];
        if (member.runSome()) queue.push(member);
        const isLong = member.replyBytes > longReplyBytes && i + 1 < queue.length &&
          pauses.lasted() > turnMicrosecondsEnough;
        if (isLong) next = i + 1;
      }
      const isLast = next === queue.length;
      const lasted = first === 0 && isLast ? 0 : pauses.lasted();
      if (lasted > turnMicrosecondsEnough && !isLast) left = queue.splice(next);
      if (first === 0 || lasted <= tickedMicrosecondsMax) store.tick();
    }
    ahead.clear();
    return left;
  }
}
