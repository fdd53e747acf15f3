/** The options of SET and GETEX. */
import type { CommandContext } from "./context.ts";
import {
  fromNowMilliseconds,
  fromNowSeconds,
  readFutureDeadline,
  type TimeUnit,
  unixMilliseconds,
  unixSeconds,
} from "./deadline.ts";
import { type ValueCondition, valueConditionAt } from "./value_condition.ts";

export const ifMissing = 1;
export const ifExists = 2;
export const returnOld = 4;
export const keepDeadline = 8;
export const dropDeadline = 16;
const inSeconds = 32;
const inMilliseconds = 64;
const atSeconds = 128;
const atMilliseconds = 256;
const ifValue = 512;
const timeBits = inSeconds | inMilliseconds | atSeconds | atMilliseconds;
const bitsWithArgument = timeBits | ifValue;

/** What a request says behind its key and value. One object serves all requests. */
export class SetOptions {
  /** The constants above. */
  bits = 0;
  condition: ValueCondition | null = null;
  /** Where the condition has its value or digest. */
  conditionArgument = 0;
  #timeArgument = 0;

  /**
   * Reads the options from argument `i` on; false when they make no sense together, and that is replied.
   * SET knows NX, XX, IFEQ and its kin, GET and KEEPTTL, GETEX knows PERSIST. The same time option may
   * come twice: the last one counts.
   */
  read(context: CommandContext, i: number, forSet: boolean): boolean {
    const { argc } = context.request;
    this.bits = 0;
    this.condition = null;
    for (; i < argc; i++) {
      const bit = this.#bitAt(context, i, forSet);
      const hasArgument = (bit & bitsWithArgument) !== 0;
      if (bit === 0 || (this.bits & conflicting(bit)) !== 0 || (hasArgument && i + 1 === argc)) {
        context.syntaxError();
        return false;
      }
      this.bits |= bit;
      if (!hasArgument) continue;
      i++;
      if (bit === ifValue) this.conditionArgument = i;
      else this.#timeArgument = i;
    }
    return true;
  }

  #bitAt(context: CommandContext, i: number, forSet: boolean): number {
    if (context.is(i, "EX")) return inSeconds;
    if (context.is(i, "PX")) return inMilliseconds;
    if (context.is(i, "EXAT")) return atSeconds;
    if (context.is(i, "PXAT")) return atMilliseconds;
    if (!forSet) return context.is(i, "PERSIST") ? dropDeadline : 0;
    if (context.is(i, "NX")) return ifMissing;
    if (context.is(i, "XX")) return ifExists;
    if (context.is(i, "GET")) return returnOld;
    if (context.is(i, "KEEPTTL")) return keepDeadline;
    const condition = valueConditionAt(context, i);
    if (condition === null) return 0;
    this.condition = condition;
    return ifValue;
  }

  /** The deadline that a time option names, 0 without one; NaN when it is none, and that is replied. */
  readDeadline(context: CommandContext, command: string): number {
    const { bits } = this;
    if ((bits & timeBits) === 0) return 0;
    let unit: TimeUnit = fromNowSeconds;
    if ((bits & inMilliseconds) !== 0) unit = fromNowMilliseconds;
    else if ((bits & atSeconds) !== 0) unit = unixSeconds;
    else if ((bits & atMilliseconds) !== 0) unit = unixMilliseconds;
    return readFutureDeadline(context, this.#timeArgument, unit, command);
  }
}

/** The options that one option cannot stand with. */
function conflicting(bit: number): number {
  if (bit === returnOld) return 0;
  if (bit === ifMissing) return ifExists | ifValue;
  if (bit === ifExists) return ifMissing | ifValue;
  if (bit === ifValue) return ifMissing | ifExists | ifValue;
  return (timeBits | keepDeadline | dropDeadline) & ~bit;
}
