/**
 * Binds the command table to the handlers, in a form that is searched with the bytes of a request.
 */
import { assert } from "../store/assert.ts";
import { aclHandlers } from "./acl.ts";
import { findAclCommand } from "./acl_commands.ts";
import { isOfKeys } from "./command_keys.ts";
import { CommandNames } from "./command_names.ts";
import { bitHandlers } from "./bits.ts";
import { bitfieldHandlers } from "./bitfield.ts";
import type { CommandSpec } from "./command_spec.ts";
import { clientControlHandlers } from "./client_control.ts";
import { connectionHandlers } from "./connection.ts";
import type { Handler } from "./context.ts";
import { counterHandlers } from "./counters.ts";
import { debugHandlers } from "./debug.ts";
import { dumpHandlers } from "./dump.ts";
import { expiryHandlers } from "./expiry.ts";
import { hyperloglogHandlers } from "./hyperloglog.ts";
import { introspectionHandlers } from "./introspection.ts";
import { keyHandlers } from "./keys.ts";
import { latencyHandlers } from "./latency.ts";
import type { LatencyHistogram } from "./latency_histogram.ts";
import { lcsHandlers } from "./lcs.ts";
import { memoryHandlers } from "./memory.ts";
import { monitorHandlers } from "./monitor.ts";
import { objectHandlers } from "./object.ts";
import { prefixHandlers } from "./prefix_deletion.ts";
import { pubsubHandlers } from "./pubsub.ts";
import { serverHandlers } from "./server.ts";
import { slowlogHandlers } from "./slowlog.ts";
import { sortHandlers } from "./sort.ts";
import { stringHandlers } from "./strings.ts";
import { trackingHandlers } from "./tracking.ts";
import { transactionHandlers } from "./transactions.ts";

const encoder = new TextEncoder();

/** All handlers, by the commands' full names. */
export const handlers: Readonly<Record<string, Handler>> = {
  ...aclHandlers,
  ...clientControlHandlers,
  ...bitHandlers,
  ...bitfieldHandlers,
  ...connectionHandlers,
  ...counterHandlers,
  ...debugHandlers,
  ...dumpHandlers,
  ...expiryHandlers,
  ...hyperloglogHandlers,
  ...introspectionHandlers,
  ...keyHandlers,
  ...latencyHandlers,
  ...lcsHandlers,
  ...memoryHandlers,
  ...monitorHandlers,
  ...objectHandlers,
  ...prefixHandlers,
  ...pubsubHandlers,
  ...serverHandlers,
  ...slowlogHandlers,
  ...sortHandlers,
  ...stringHandlers,
  ...trackingHandlers,
  ...transactionHandlers,
};

/** These run at once within a transaction; all others are queued. */
const neverQueued = new Set(["discard", "exec", "multi", "quit", "reset", "watch"]);

/** A command as the dispatcher needs it, with what it has done so far. */
export class Command {
  readonly spec: CommandSpec;
  readonly name: string;
  readonly arity: number;
  /** Its number for access control. */
  readonly aclId: number;
  /** Null for containers that do nothing of their own. */
  readonly handler: Handler | null;
  readonly subcommands: CommandMap | null;
  readonly isQueued: boolean;
  readonly isBarredFromTransactions: boolean;
  readonly isReadOnly: boolean;
  readonly isWrite: boolean;
  /** In Redis's sense: never waits for data to be worked through. */
  readonly isFast: boolean;
  /** Has little to do, unless its arguments or the value are long; see `CallTimer`. */
  readonly isBrief: boolean;
  /** The same, as long as it is called with one key. */
  readonly isBriefWithOneKey: boolean;
  readonly skipsSlowLog: boolean;
  /** It has no handler, or is DEBUG, of which the configuration decides whether it may be called. */
  readonly isUnusual: boolean;
  /** It runs without a password, too. */
  readonly isForAnybody: boolean;
  /** MONITOR does not show it. */
  readonly isHidden: boolean;
  /** A replica would have to be told: it writes, counts elements, or sends messages. */
  readonly isReplicated: boolean;
  /** Clients that listen to channels may run it in RESP2, too. */
  readonly isForSubscribers: boolean;
  /** Other commands run inside of it. */
  readonly runsOthers: boolean;
  /** Its keys are arguments `firstKey` to `lastKey` (below 0: from the end), each `keyStep`-th; 0: none. */
  readonly firstKey: number;
  readonly lastKey: number;
  readonly keyStep: number;
  /** Its place among the dispatcher's commands. */
  number = -1;
  // Statistics for INFO, kept by `CallTimer` and the dispatcher.
  calls = 0;
  microseconds = 0;
  rejected = 0;
  failed = 0;
  /** Made with the first call. */
  histogram: LatencyHistogram | null = null;
  /** What a brief call took when it was last measured. */
  usualMicroseconds = 0;

  constructor(spec: CommandSpec) {
    this.spec = spec;
    this.name = spec.name;
    this.arity = spec.arity;
    this.aclId = findAclCommand(spec.name)?.id ?? -1;
    this.handler = handlers[spec.name] ?? null;
    this.subcommands = spec.subcommands
      ? new CommandMap(spec.subcommands.map((inner) => [inner.name.split("|")[1], inner]))
      : null;
    this.isQueued = !neverQueued.has(spec.name);
    this.isBarredFromTransactions = spec.flags.includes("no_multi");
    this.isReadOnly = spec.flags.includes("readonly");
    this.isWrite = spec.flags.includes("write");
    this.isFast = spec.flags.includes("fast");
    this.isBrief = spec.complexity === "O(1)" && spec.keys.length === 1;
    this.isBriefWithOneKey = /^(del|exists|touch|unlink)$/.test(spec.name);
    this.skipsSlowLog = spec.flags.includes("skip_slowlog");
    this.isUnusual = this.handler === null || spec.name === "debug";
    this.isForAnybody = spec.flags.includes("no_auth");
    this.isHidden = spec.flags.includes("skip_monitor") || spec.flags.includes("admin");
    this.isReplicated = this.isWrite || /^(s?publish|pfcount)$/.test(spec.name);
    this.isForSubscribers = /^([ps]?(un)?subscribe|ping|quit|reset)$/.test(spec.name);
    this.runsOthers = spec.name === "exec";
    const positions = spec.keys.find(isOfKeys);
    this.firstKey = positions?.first ?? 0;
    this.lastKey = positions?.last ?? 0;
    this.keyStep = positions?.step ?? 1;
    assert(this.handler !== null || this.subcommands !== null, `${spec.name} has a handler`);
  }

  resetStatistics(): void {
    this.calls = 0;
    this.microseconds = 0;
    this.rejected = 0;
    this.failed = 0;
    this.histogram = null;
  }
}

/** Commands by the bytes of their names, in any case: open addressing over a small table. */
export class CommandMap {
  readonly commands: readonly Command[];
  readonly #mask: number;
  readonly #slots: (Command | undefined)[];
  /** For each slot, the name in lower case. */
  readonly #names: (Uint8Array | undefined)[];
  /** What `findNext` found last, and the length, first and last word of the name. */
  #next: Command | undefined;
  #nextLength = 0;
  #nextFirst = 0;
  #nextLast = 0;

  /** Of commands by the names that they are called with. */
  constructor(entries: Iterable<readonly [name: string, spec: CommandSpec]>) {
    const named = [...entries].map(([name, spec]) => ({ name, command: new Command(spec) }));
    this.commands = named.map(({ command }) => command);
    const size = 2 ** Math.ceil(Math.log2(named.length * 4 + 4));
    this.#mask = size - 1;
    this.#slots = new Array(size).fill(undefined);
    this.#names = new Array(size).fill(undefined);
    for (const { name, command } of named) {
      const bytes = encoder.encode(name);
      let slot = hashOf(bytes, 0, bytes.length) & this.#mask;
      while (this.#slots[slot] !== undefined) slot = slot + 1 & this.#mask;
      this.#slots[slot] = command;
      this.#names[slot] = bytes;
    }
  }

  /** All commands, each followed by its subcommands. */
  all(): Command[] {
    return this.commands.flatMap((command) => [command, ...command.subcommands?.commands ?? []]);
  }

  /** The command of that name, in any case; `config|get` finds a subcommand. */
  named(name: string): Command | undefined {
    const [outer, inner, ...rest] = name.split("|").map((word) => encoder.encode(word));
    const command = this.find(outer, 0, outer.length);
    if (inner === undefined || rest.length > 0) return rest.length > 0 ? undefined : command;
    return command?.subcommands?.find(inner, 0, inner.length);
  }

  /**
   * The same as `find`, quickly when it is the name that was asked for last: pipelines are of one command mostly.
   * `view` is of the same bytes.
   */
  findNext(bytes: Uint8Array, view: DataView, start: number, end: number): Command | undefined {
    const length = end - start;
    if (length < 3 || length > 8 || start + 4 > view.byteLength) {
      return this.find(bytes, start, end);
    }
    // Two words that overlap, or the three bytes that there are.
    const first = length > 3 ? view.getInt32(start, true) : view.getInt32(start, true) & 0xffffff;
    const last = length > 3 ? view.getInt32(end - 4, true) : 0;
    if (length !== this.#nextLength || first !== this.#nextFirst || last !== this.#nextLast) {
      this.#next = this.find(bytes, start, end);
      this.#nextLength = length;
      this.#nextFirst = first;
      this.#nextLast = last;
    }
    return this.#next;
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

/** All commands, by their own names or by those that they were given. */
export function allCommands(names = new CommandNames()): CommandMap {
  return new CommandMap(names.entries());
}
