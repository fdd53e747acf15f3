/** BITFIELD and BITFIELD_RO: integers of any length at any place of a value. */
import { parseSafeInteger } from "../protocol/numbers.ts";
import type { Store } from "../store/store.ts";
import { readBitOffset } from "./bit_offset.ts";
import type { CommandContext, Handler } from "./context.ts";
import { copyExtended } from "./extended_value.ts";
import { IntegerField, type Overflow } from "./integer_field.ts";

const signedLetter = 0x69;
const unsignedLetter = 0x75;
const signedBitsMax = 64;
const unsignedBitsMax = 63;
const noBytes = new Uint8Array(0);

/**
 * The operations of a request, one after the other, and the value that they work on: in place until one
 * of them changes it, then a copy. The same object serves all requests.
 */
class Operations {
  readonly field = new IntegerField();
  kind: "GET" | "SET" | "INCRBY" = "GET";
  /** OVERFLOW counts for what follows it. */
  overflow: Overflow = "WRAP";
  /** Where SET and INCRBY have their value. */
  operandIndex = 0;
  /** An operation makes no sense, and that was replied. */
  hasFailed = false;
  #next = 0;
  /** What was found of the key, and the bytes that the value is going to have. */
  #found = false;
  #length = 0;
  #isCopied = false;

  /** Begins with the value of the last find, which will be `length` bytes long. */
  beginOn(store: Store, found: boolean, length: number): void {
    this.begin();
    this.#found = found;
    this.#length = length;
    this.#isCopied = false;
    const end = found ? store.foundEnd : store.foundStart;
    this.field.setRow(store.foundBytes, store.foundStart, end);
    if (end - store.foundStart < length) this.copy(store);
  }

  /** To be called before the field is written to. */
  copy(store: Store): void {
    if (this.#isCopied) return;
    const at = copyExtended(store, this.#found, this.#length);
    this.field.setRow(store.reservedBytes, at, at + this.#length);
    this.#isCopied = true;
  }

  /** To be called at the end: a value that no operation has changed is not written. */
  commit(store: Store): void {
    if (this.#isCopied) store.commit();
    // What is mapped may be so no more when the next request comes.
    this.field.setRow(noBytes, 0, 0);
  }

  begin(): void {
    this.overflow = "WRAP";
    this.hasFailed = false;
    this.#next = 2;
  }

  /** Goes to the next operation; false when there is none, or it makes no sense. */
  next(context: CommandContext): boolean {
    const { argc } = context;
    while (this.#next + 1 < argc && context.is(this.#next, "OVERFLOW")) {
      if (!this.#readOverflow(context, this.#next + 1)) return this.#fail();
      this.#next += 2;
    }
    if (this.#next === argc) return false;
    const i = this.#next;
    const left = argc - i - 1;
    if (left >= 2 && context.is(i, "GET")) this.kind = "GET";
    else if (left >= 3 && context.is(i, "SET")) this.kind = "SET";
    else if (left >= 3 && context.is(i, "INCRBY")) this.kind = "INCRBY";
    else {
      context.syntaxError();
      return this.#fail();
    }
    if (!this.#readForm(context, i + 1)) return this.#fail();
    this.field.offset = readBitOffset(context, i + 2, this.field.bits);
    if (this.field.offset < 0) return this.#fail();
    this.operandIndex = i + 3;
    this.#next = this.kind === "GET" ? i + 3 : i + 4;
    return true;
  }

  #fail(): false {
    this.hasFailed = true;
    return false;
  }

  #readOverflow(context: CommandContext, i: number): boolean {
    if (context.is(i, "WRAP")) this.overflow = "WRAP";
    else if (context.is(i, "SAT")) this.overflow = "SAT";
    else if (context.is(i, "FAIL")) this.overflow = "FAIL";
    else {
      context.reply.error("ERR Invalid OVERFLOW type specified");
      return false;
    }
    return true;
  }

  /** `i8`, `u63` and the like. As in Redis, the text ends at a zero byte. */
  #readForm(context: CommandContext, i: number): boolean {
    const { bytes, starts, ends } = context.request;
    const start = starts[i];
    let end = start;
    while (end < ends[i] && bytes[end] !== 0) end++;
    const letter = end > start ? bytes[start] : 0;
    this.field.isSigned = letter === signedLetter;
    this.field.bits = parseSafeInteger(bytes, start + 1, end);
    const bitsMax = this.field.isSigned ? signedBitsMax : unsignedBitsMax;
    const isLetterKnown = this.field.isSigned || letter === unsignedLetter;
    if (isLetterKnown && this.field.bits >= 1 && this.field.bits <= bitsMax) return true;
    context.reply.error(
      "ERR Invalid bitfield type. Use something like i16 u8. " +
        "Note that u64 is not supported but i64 is.",
    );
    return false;
  }
}

const operations = new Operations();
const { field } = operations;

/**
 * BITFIELD key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value |
 * INCRBY encoding offset increment> ...]
 */
function bitfield(context: CommandContext): void {
  runAll(context, false);
}

/** BITFIELD_RO key [GET encoding offset [GET encoding offset ...]] */
function bitfieldRo(context: CommandContext): void {
  runAll(context, true);
}

/** All operations are looked at before the first one is run. */
function runAll(context: CommandContext, readOnly: boolean): void {
  const { store, reply } = context;
  let count = 0;
  let bitsWritten = 0;
  operations.begin();
  while (operations.next(context)) {
    count++;
    if (operations.kind === "GET") continue;
    const { operandIndex } = operations;
    if (Number.isNaN(context.safeInteger(operandIndex)) && context.int64(operandIndex) === null) {
      return context.notAnInteger();
    }
    bitsWritten = Math.max(bitsWritten, field.offset + field.bits);
  }
  if (operations.hasFailed) return;
  if (readOnly && bitsWritten > 0) {
    return reply.error("ERR BITFIELD_RO only supports the GET subcommand");
  }
  const found = bitsWritten === 0 ? context.findToRead(1) : context.find(1);
  const size = found ? store.foundEnd - store.foundStart : 0;
  const length = Math.max(size, Math.ceil(bitsWritten / 8));
  if (length > size && context.exceedsBulkLength(length)) return;
  reply.array(count);
  operations.beginOn(store, found, length);
  while (operations.next(context)) runOne(context);
  operations.commit(store);
}

function runOne(context: CommandContext): void {
  const { reply } = context;
  if (operations.kind !== "GET") {
    const operand = context.safeInteger(operations.operandIndex);
    if (field.isLongWith(operand)) changeLong(context);
    else change(context, operand);
  } else if (field.isLongWith(0)) {
    reply.bigInteger(field.readLong());
  } else {
    reply.integer(field.read());
  }
}

/** SET replies what was there, INCRBY what is there. */
function change({ store, reply }: CommandContext, operand: number): void {
  const isSet = operations.kind === "SET";
  const old = field.read();
  const value = field.fit(isSet ? operand : old, isSet ? 0 : operand, operations.overflow);
  if (Number.isNaN(value)) return reply.null();
  if (value !== old) {
    operations.copy(store);
    field.write(value);
  }
  reply.integer(isSet ? old : value);
}

/** The same with BigInt. */
function changeLong(context: CommandContext): void {
  const { store, reply } = context;
  const operand = context.int64(operations.operandIndex) ?? 0n;
  const isSet = operations.kind === "SET";
  const old = field.readLong();
  const value = field.fitLong(isSet ? operand : old, isSet ? 0n : operand, operations.overflow);
  if (value === null) return reply.null();
  if (value !== old) {
    operations.copy(store);
    field.writeLong(value);
  }
  reply.bigInteger(isSet ? old : value);
}

export const bitfieldHandlers: Record<string, Handler> = {
  bitfield,
  bitfield_ro: bitfieldRo,
};
