/**
 * Commands run by the real dispatcher on a store whose calls fail, and by another one on a twin whose
 * calls do not: what was not refused must do the same on both, what was refused must do nothing.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { CommandContext } from "../../src/commands/context.ts";
import { Dispatcher } from "../../src/commands/dispatcher.ts";
import type { ServerControl } from "../../src/commands/server_control.ts";
import { Session } from "../../src/commands/session.ts";
import { ReplyWriter } from "../../src/protocol/reply_writer.ts";
import type { Request } from "../../src/protocol/request.ts";
import { slotsPerPageMax } from "../../src/store/format.ts";
import type { SyncPolicy } from "../../src/store/durability.ts";
import { Store } from "../../src/store/store.ts";
import { show, toBytes, toText } from "../support/binary_text.ts";
import { elementsOf } from "../support/reply_framing.ts";
import { SimulatedDisk } from "../unit/store/simulated_disk.ts";
import { openOn, someTime, tinyLimits } from "../unit/store/tiny_store.ts";

export type CommandLine = readonly string[];
/** Sorted keys, each with its deadline and value. */
export type Contents = ReadonlyMap<string, string>;

const decoder = new TextDecoder();

/** Small, but not so small as to do the work twice that is looked at. */
const twinLimits = { ...tinyLimits, slotsPerPage: slotsPerPageMax };

/** A store, and commands for it as a server runs them. */
export class CommandBench {
  readonly store: Store;
  /** A slice of the work in the background follows each command. */
  ticks = true;
  readonly #reply = new ReplyWriter();
  readonly #context: CommandContext;
  readonly #dispatcher: Dispatcher;

  constructor(store: Store) {
    this.store = store;
    const session = new Session(1, "", "", 0);
    const control = controlOf(store) as ServerControl;
    this.#context = new CommandContext(store, this.#reply, control, session);
    this.#dispatcher = new Dispatcher(this.#context);
    this.#dispatcher.onBug = (error) => {
      throw error;
    };
  }

  /** Runs one command; returns its reply. */
  run(args: CommandLine): string {
    this.#reply.length = 0;
    this.#context.request = requestOf(args);
    this.store.now = someTime;
    this.#dispatcher.timer.start(this.#context.session);
    this.#dispatcher.run();
    this.#dispatcher.timer.pause();
    if (this.ticks) this.store.tick();
    return toText(this.#reply.bytes.subarray(0, this.#reply.length));
  }

  /** Every key, with its deadline and value. */
  contents(): Contents {
    const { store } = this;
    const keys: Uint8Array[] = [];
    let cursor = 0;
    do {
      cursor = store.scan(cursor, 1000, (bytes, start, end) => keys.push(bytes.slice(start, end)));
    } while (cursor !== 0);
    const found = keys.map((key): [string, string] => {
      assert(store.find(key, 0, key.length), "a key that a scan shows is found");
      const value = store.foundBytes.subarray(store.foundStart, store.foundEnd);
      return [decoder.decode(key), `${store.foundExpireAt}:${decoder.decode(value)}`];
    });
    return new Map(found.sort(([a], [b]) => a < b ? -1 : 1));
  }
}

/** What the commands that are run here ask of their server. */
function controlOf(store: Store): Partial<ServerControl> {
  return {
    save: () => store.syncNow(),
    saveInBackground: () => {
      store.sync().catch(() => {}); // The next write will tell.
    },
    config: {
      names: () => ["appendfsync"],
      get: () => store.syncPolicy,
      isSecret: () => false,
      set([[, value]]) {
        store.syncPolicy = value as SyncPolicy;
        return null;
      },
    },
  };
}

function requestOf(args: CommandLine): Request {
  const starts: number[] = [];
  const ends: number[] = [];
  let length = 0;
  for (const argument of args) {
    starts.push(length);
    ends.push(length += argument.length);
  }
  const bytes = toBytes(args.join(""));
  return {
    bytes,
    argc: args.length,
    starts: Int32Array.from(starts),
    ends: Int32Array.from(ends),
    command: -1,
  };
}

/** A reply that refuses for want of space, or because of a failed sync, in words that help. */
const refusals = [
  /^-OOM Cannot grow the (store|index)\b.*: Cannot (extend|map) \S+: [^()]+ \(E[A-Z]+\);[^;]* delete keys\r\n$/,
  /^-MISCONF Cannot (sync|write) \S+: .*; nothing is written any more, reads go on; mend the disk and restart\r\n$/,
];
/** Their replies are not the same twice. */
const unpredictable = new Set(["RANDOMKEY", "SAVE", "BGSAVE"]);

export class Twins {
  readonly subject: CommandBench;
  /** How many commands were refused. */
  refused = 0;
  /** What there was before a transaction that removed every key and could not be written; null: there was none. */
  beforeClear: Contents | null = null;
  /** The names of those that found no room. */
  readonly withoutRoom = new Set<string>();
  readonly #twin = new CommandBench(openOn(new SimulatedDisk(), { limits: twinLimits }));
  #atEnd: Contents | null = null;
  /** The commands since MULTI. */
  #queue: CommandLine[] | null = null;

  /** `history`: what has been run on the subject's store before. */
  constructor(subject: Store, history: readonly CommandLine[] = []) {
    this.subject = new CommandBench(subject);
    for (const args of history) this.#twin.run(args);
  }

  /** Runs a command on both; whether it was refused, or anything in a transaction was. */
  exchange(args: CommandLine): boolean {
    const reply = this.subject.run(args);
    if (args[0] === "MULTI") this.#queue = [];
    if (args[0] === "EXEC") return this.#exchangeExec(reply);
    if (this.#queue !== null) {
      if (args[0] !== "MULTI") this.#queue.push(args);
      if (args[0] === "DISCARD") this.#queue = null;
      return false;
    }
    return this.#compare(args, reply);
  }

  #compare(args: CommandLine, reply: string): boolean {
    if (this.#notesRefusal(args, reply)) return true;
    const expected = this.#twin.run(args);
    if (!unpredictable.has(args[0])) assertEquals(reply, expected, show(args.join(" ")));
    return false;
  }

  /** Of a transaction, each command may be refused, or EXEC as a whole. */
  #exchangeExec(reply: string): boolean {
    const queue = this.#queue!;
    this.#queue = null;
    const isUnwritten = this.subject.store.failure !== null && !this.subject.store.isConfirmable;
    // The twin has not run it yet.
    const isClear = queue.some(([name]) => name.startsWith("FLUSH"));
    if (isClear && isUnwritten) this.beforeClear ??= this.expected();
    if (this.#notesRefusal(["EXEC"], reply)) return true;
    assertMatch(reply, /^\*\d+\r\n/);
    const replies = elementsOf(reply)!;
    assertEquals(replies.length, queue.length);
    const accepted = queue.filter((args, i) => !this.#notesRefusal(args, replies[i]));
    this.#twin.run(["MULTI"]);
    for (const args of accepted) this.#twin.run(args);
    const expected = elementsOf(this.#twin.run(["EXEC"]));
    assert(expected !== null);
    assertEquals(replies.filter((reply) => !/^-(OOM|MISCONF) /.test(reply)), expected);
    return accepted.length < queue.length;
  }

  #notesRefusal(args: CommandLine, reply: string): boolean {
    if (!isRefusal(args, reply)) return false;
    this.refused++;
    if (reply.startsWith("-OOM ")) this.withoutRoom.add(args[0]);
    return true;
  }

  /** What has to be in the store; after `close`, what had to be then. */
  expected(): Contents {
    return this.#atEnd ?? this.#twin.contents();
  }

  assertSame(): void {
    assertSameContents(this.subject.contents(), this.expected());
  }

  async close(): Promise<void> {
    this.#atEnd ??= this.#twin.contents();
    await this.#twin.store.close();
  }
}

/** As `assertEquals`, which takes long for long maps. */
export function assertSameContents(found: Contents, expected: Contents): void {
  if (!isSameContents(found, expected)) assertEquals(found, expected);
}

export function isSameContents(found: Contents, expected: Contents): boolean {
  const keys = [...found.keys()];
  return found.size === expected.size &&
    [...expected].every(([key, value], i) => keys[i] === key && found.get(key) === value);
}

function isRefusal(args: CommandLine, reply: string): boolean {
  if (!/^-(OOM|MISCONF) /.test(reply)) return false;
  assert(refusals.some((pattern) => pattern.test(reply)), `${show(args.join(" "))}: ${reply}`);
  return true;
}
