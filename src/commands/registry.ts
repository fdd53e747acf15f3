/**
 * Binds the command table to the handlers, in a form that is searched with the bytes of a request.
 */
import { assert } from "../store/assert.ts";
import { bitHandlers } from "./bits.ts";
import { bitfieldHandlers } from "./bitfield.ts";
import type { CommandSpec } from "./command_spec.ts";
import { commandTable } from "./command_table.ts";
import { connectionHandlers } from "./connection.ts";
import type { Handler } from "./context.ts";
import { counterHandlers } from "./counters.ts";
import { expiryHandlers } from "./expiry.ts";
import { introspectionHandlers } from "./introspection.ts";
import { keyHandlers } from "./keys.ts";
import { lcsHandlers } from "./lcs.ts";
import { prefixHandlers } from "./prefix_deletion.ts";
import { serverHandlers } from "./server.ts";
import { stringHandlers } from "./strings.ts";
import { transactionHandlers } from "./transactions.ts";

const handlers: Readonly<Record<string, Handler>> = {
  ...bitHandlers,
  ...bitfieldHandlers,
  ...connectionHandlers,
  ...counterHandlers,
  ...expiryHandlers,
  ...introspectionHandlers,
  ...keyHandlers,
  ...lcsHandlers,
  ...prefixHandlers,
  ...serverHandlers,
  ...stringHandlers,
  ...transactionHandlers,
};

/** These run at once within a transaction; all others are queued. */
const neverQueued = new Set(["discard", "exec", "multi", "quit", "reset", "watch"]);

/** A command as the dispatcher needs it, with what it has done so far. */
export class Command {
  readonly spec: CommandSpec;
  readonly name: string;
  readonly arity: number;
  /** Null for containers that do nothing of their own. */
  readonly handler: Handler | null;
  readonly subcommands: CommandMap | null;
  readonly isQueued: boolean;
  readonly isBarredFromTransactions: boolean;
  readonly isReadOnly: boolean;
  // Statistics for INFO.
  calls = 0;
  /** Time is taken of some calls only: it costs as much as a short command. */
  timedCalls = 0;
  timedMicroseconds = 0;
  rejected = 0;
  failed = 0;

  constructor(spec: CommandSpec) {
    this.spec = spec;
    this.name = spec.name;
    this.arity = spec.arity;
    this.handler = handlers[spec.name] ?? null;
    this.subcommands = spec.subcommands ? new CommandMap(spec.subcommands) : null;
    this.isQueued = !neverQueued.has(spec.name);
    this.isBarredFromTransactions = spec.flags.includes("no_multi");
    this.isReadOnly = spec.flags.includes("readonly");
    assert(this.handler !== null || this.subcommands !== null, `${spec.name} has a handler`);
  }

  /** Microseconds in all calls, from those that were timed. */
  get microseconds(): number {
    return this.timedCalls === 0 ? 0 : this.timedMicroseconds / this.timedCalls * this.calls;
  }

  resetStatistics(): void {
    this.calls = 0;
    this.timedCalls = 0;
    this.timedMicroseconds = 0;
    this.rejected = 0;
    this.failed = 0;
  }
}

/** Commands by the bytes of their names, in any case: open addressing over a small table. */
export class CommandMap {
  readonly commands: readonly Command[];
  readonly #mask: number;
  readonly #slots: (Command | undefined)[];
  /** For each slot, the last word of the name in lower case. */
  readonly #names: (Uint8Array | undefined)[];

  constructor(specs: readonly CommandSpec[]) {
    this.commands = specs.map((spec) => new Command(spec));
    const size = 2 ** Math.ceil(Math.log2(specs.length * 4 + 4));
    this.#mask = size - 1;
    this.#slots = new Array(size).fill(undefined);
    this.#names = new Array(size).fill(undefined);
    for (const command of this.commands) {
      const name = new TextEncoder().encode(command.name.split("|").at(-1));
      let slot = hashOf(name, 0, name.length) & this.#mask;
      while (this.#slots[slot] !== undefined) slot = slot + 1 & this.#mask;
      this.#slots[slot] = command;
      this.#names[slot] = name;
    }
  }

  /** The command called `bytes[start, end)`. */
  find(bytes: Uint8Array, start: number, end: number): Command | undefined {
    const length = end - start;
    let slot = hashOf(bytes, start, end) & this.#mask;
    while (true) {
      const name = this.#names[slot];
      if (name === undefined) return undefined;
      if (name.length === length) {
        let i = 0;
        while (i < length && lower(bytes[start + i]) === name[i]) i++;
        if (i === length) return this.#slots[slot];
      }
      slot = slot + 1 & this.#mask;
    }
  }
}

/** Of the first and last letters and the length: enough to tell nearly all names apart. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 0) return 0;
  const first = bytes[start] | 0x20;
  const second = bytes[start + (length >> 1)] | 0x20;
  const last = bytes[end - 1] | 0x20;
  return Math.imul(first * 31 + second * 7 + last, 37) + length;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** All commands. */
export function allCommands(): CommandMap {
  return new CommandMap(commandTable);
}
