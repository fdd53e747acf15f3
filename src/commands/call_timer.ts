/**
 * How long commands take, for INFO, LATENCY and the slow log, at a price that pipelines do not notice.
 *
 * Reading the clock costs a tenth of what a short command in a pipeline does. So the end of one call is
 * the start of the next, and calls of one command that follow each other share a lap: up to sixteen
 * of them, if each had little to do. Their shares are equal. When a lap was long nevertheless
 * (the operating system had other things to do, a page came from the disk), its last call is given what
 * the others of its kind do not usually take, and the next calls are timed one by one.
 *
 * The longer commands, a single request, and all commands with a low threshold of the slow log are
 * timed each on its own: no call that takes longer than a threshold goes unnoticed.
 */
import type { Request } from "../protocol/request.ts";
import { monotonicMicroseconds } from "../sys/monotonic_clock.ts";
import type { CommandContext } from "./context.ts";
import { LatencyHistogram } from "./latency_histogram.ts";
import { LatencyMonitor } from "./latency_monitor.ts";
import type { Command } from "./registry.ts";
import type { Session } from "./session.ts";
import { SlowLog } from "./slow_log.ts";

/** A divisor of how many requests are read ahead, so that a run of one command needs no odd laps. */
const callsInLapMax = 16;
/** Below this threshold of the slow log, a lap of short calls might look like one slow one. */
const lapThresholdMinMicroseconds = 1000;
/** After a lap that was long for no known reason, so many calls are timed one by one. */
const singlyCalls = 10_000;
/** Arguments and values beyond this make a call that is timed on its own. */
const briefBytesMax = 4096;

export class CallTimer {
  readonly slowLog = new SlowLog();
  readonly latency = new LatencyMonitor();
  /** Whether each command's latencies are kept; see `LatencyHistogram`. */
  isTracking = true;
  /** The command whose lap it is; null when nothing runs. */
  command: Command | null = null;
  /** When the lap began. */
  #startedMicroseconds = 0;
  /** When the command that runs others, EXEC, began. */
  #outerStartedMicroseconds = 0;
  readonly #clock: () => number;
  /** The calls of the lap that are over, how many there may be, and the last one's request. */
  #calls = 0;
  #callsMax = callsInLapMax;
  #request: Request | null = null;
  #session: Session | null = null;
  /** So many calls are still to be timed one by one. */
  #singly = 0;

  /** `clock` tells microseconds since any moment. */
  constructor(clock: () => number = monotonicMicroseconds) {
    this.#clock = clock;
  }

  /** A batch of requests of a client begins. Returns the clock's microseconds. */
  start(session: Session): number {
    this.command = null;
    this.#calls = 0;
    this.#callsMax = this.#timesSingly ? 1 : callsInLapMax;
    this.#session = session;
    return this.#startedMicroseconds = this.#clock();
  }

  /** The batch is over, or what the requests were read from is used again. */
  pause(): void {
    if (this.#calls > 0) this.#endLap(this.#clock());
    this.#request = null;
  }

  /** `command` is about to run, which is another one than before. */
  switchTo(command: Command): void {
    if (this.#calls > 0) this.#endLap(this.#clock());
    this.command = command;
    if (command.runsOthers) this.#outerStartedMicroseconds = this.#startedMicroseconds;
  }

  /** `command` has run. */
  finish(command: Command, context: CommandContext): void {
    const { request, store } = context;
    const { starts, ends, argc } = request;
    const isBrief = command.isBrief || command.isBriefWithOneKey && argc === 2;
    const isShared = command === this.command && isBrief &&
      ends[argc - 1] - starts[0] < briefBytesMax &&
      store.foundEnd - store.foundStart < briefBytesMax;
    if (!isShared) return this.#finishAlone(command, context);
    this.#request = request;
    if (++this.#calls >= this.#callsMax) this.#endLap(this.#clock());
  }

  #finishAlone(command: Command, context: CommandContext): void {
    const now = this.#clock();
    let elapsed = now - this.#startedMicroseconds;
    if (command === this.command) {
      // What shares its lap had little to do.
      elapsed -= this.#recordUsual(command, this.#calls, elapsed);
    } else {
      // Others ran inside of it, and the last of them may still be to be noted.
      if (this.#calls > 0) this.#endLap(now);
      elapsed = now - this.#outerStartedMicroseconds;
    }
    this.#request = context.request;
    this.#report(command, elapsed, context.redacted);
    if (context.redacted.length > 0) context.redacted = [];
    this.command = command;
    this.#startedMicroseconds = now;
    this.#calls = 0;
    // It may have changed the thresholds.
    this.#callsMax = this.#timesSingly ? 1 : callsInLapMax;
  }

  get #timesSingly(): boolean {
    const threshold = this.slowLog.thresholdMicroseconds;
    return this.#singly > 0 || threshold >= 0 && threshold < lapThresholdMinMicroseconds;
  }

  #endLap(now: number): void {
    const command = this.command!;
    const calls = this.#calls;
    const elapsed = now - this.#startedMicroseconds;
    this.#startedMicroseconds = now;
    this.#calls = 0;
    if (this.#singly > 0) this.#singly--;
    this.#callsMax = this.#timesSingly ? 1 : callsInLapMax;
    if (elapsed < this.#slowMicroseconds) {
      command.usualMicroseconds = elapsed / calls;
      return this.#record(command, elapsed / calls, calls);
    }
    if (calls > 1) {
      this.#singly = singlyCalls;
      this.#callsMax = 1;
    }
    this.#report(command, elapsed - this.#recordUsual(command, calls - 1, elapsed), []);
  }

  /** Notes calls that took as long as usual, but no longer than `max` in all. Returns the sum. */
  #recordUsual(command: Command, calls: number, max: number): number {
    if (calls === 0) return 0;
    const sum = Math.min(max, command.usualMicroseconds * calls);
    this.#record(command, sum / calls, calls);
    return sum;
  }

  /** What takes so long is worth a report. */
  get #slowMicroseconds(): number {
    const { thresholdMicroseconds } = this.slowLog;
    const { thresholdMicroseconds: event } = this.latency;
    return thresholdMicroseconds < 0 ? event : Math.min(thresholdMicroseconds, event);
  }

  /** Notes one call, and tells whoever waits for slow ones. */
  #report(command: Command, microseconds: number, redacted: readonly number[]): void {
    this.#record(command, microseconds, 1);
    if (microseconds < this.#slowMicroseconds) return;
    this.latency.note(command.isFast ? "fast-command" : "command", microseconds / 1000);
    const { thresholdMicroseconds: threshold } = this.slowLog;
    if (threshold < 0 || microseconds < threshold || command.skipsSlowLog) return;
    this.slowLog.add(this.#request!, this.#session!, { microseconds, redacted });
  }

  #record(command: Command, microseconds: number, calls: number): void {
    command.calls += calls;
    command.microseconds += microseconds * calls;
    if (!this.isTracking) return;
    command.histogram ??= new LatencyHistogram();
    command.histogram.record(microseconds, calls);
  }
}
