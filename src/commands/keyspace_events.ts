/**
 * Keyspace events: what happens to keys, told over pub/sub to who asked for it by
 * `notify-keyspace-events`. https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/
 */
import { keyChange } from "../store/key_change.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Classes of events as bits, by the letters that name them. */
const classes = {
  K: 1,
  E: 1 << 1,
  g: 1 << 2,
  $: 1 << 3,
  l: 1 << 4,
  s: 1 << 5,
  h: 1 << 6,
  z: 1 << 7,
  x: 1 << 8,
  e: 1 << 9,
  t: 1 << 10,
  d: 1 << 11,
  m: 1 << 12,
  n: 1 << 13,
} as const;

const { K: ofKeyspace, E: ofEvents, g: generic, $: string } = classes;
const ordinary = "g$lshzxetd";
const allOrdinary = maskOf(ordinary);

/** The letters in which a mask is shown; `A` stands for the ordinary ones, and then `n` is left out. */
const shownLetters = `${ordinary}n`;

function maskOf(letters: string): number {
  return [...letters].reduce((mask, letter) => mask | classes[letter as keyof typeof classes], 0);
}

/** The mask that a value of `notify-keyspace-events` stands for; null when it has other letters. */
export function parseEventClasses(text: string): number | null {
  let mask = 0;
  for (const letter of text) {
    if (letter === "A") mask |= allOrdinary;
    else if (Object.hasOwn(classes, letter)) mask |= classes[letter as keyof typeof classes];
    else return null;
  }
  return mask;
}

/** The contrary, in Redis's order. */
export function formatEventClasses(mask: number): string {
  const has = (letter: string) => (mask & maskOf(letter)) !== 0;
  const shown = (mask & allOrdinary) === allOrdinary ? "A" : [...shownLetters].filter(has).join("");
  return shown + [..."KEm"].filter(has).join("");
}

/** Something that happens to a key. */
export interface KeyspaceEvent {
  readonly mask: number;
  readonly name: Uint8Array;
}

const encoder = new TextEncoder();

function event(mask: number, name: string): KeyspaceEvent {
  return { mask, name: encoder.encode(name) };
}

const deleted = event(generic, "del");
const expired = event(classes.x, "expired");
const evicted = event(classes.e, "evicted");
const added = event(classes.n, "new");
const missed = event(classes.m, "keymiss");
const expiring = event(generic, "expire");
const set = event(string, "set");

/** What a command's change of a key is called. Those that are not here say so by themselves. */
const changesByCommand: Readonly<Record<string, KeyspaceEvent>> = {
  append: event(string, "append"),
  bitfield: event(string, "setbit"),
  bitop: set,
  copy: event(generic, "copy_to"),
  decr: event(string, "incrby"),
  decrby: event(string, "incrby"),
  expire: expiring,
  expireat: expiring,
  getset: set,
  incr: event(string, "incrby"),
  incrby: event(string, "incrby"),
  incrbyfloat: event(string, "incrbyfloat"),
  mset: set,
  msetnx: set,
  persist: event(generic, "persist"),
  pexpire: expiring,
  pexpireat: expiring,
  pfadd: event(string, "pfadd"),
  pfmerge: event(string, "pfadd"),
  psetex: set,
  restore: event(generic, "restore"),
  set,
  setbit: event(string, "setbit"),
  setex: set,
  setnx: set,
  setrange: event(string, "setrange"),
  update: set,
};

/** And its removal of a key, where that is not a `del`. */
const removalsByCommand: Readonly<Record<string, KeyspaceEvent>> = {
  rename: event(generic, "rename_from"),
  renamenx: event(generic, "rename_from"),
};

/** Events that commands tell of by themselves. */
export const ownEvents = {
  expire: expiring,
  miss: missed,
  persist: changesByCommand.persist,
  renameTo: event(generic, "rename_to"),
} as const;

/** Commands that remove a key before they give it another value. */
const removingWriters = new Set(["copy", "rename", "renamenx", "restore"]);

/** What is known of the command that is being run. */
export interface RunningCommand {
  readonly name: string;
  readonly isReadOnly: boolean;
}

const channelBytesMin = 256;
const keyspacePrefix = encoder.encode("__keyspace@0__:");
const keyeventPrefix = encoder.encode("__keyevent@0__:");

export class KeyspaceEvents {
  /** What is told, as `parseEventClasses` gives it. */
  mask = 0;
  readonly #subscriptions: Subscriptions;
  #channel = new Uint8Array(channelBytesMin);

  constructor(subscriptions: Subscriptions) {
    this.#subscriptions = subscriptions;
  }

  /** Whether changes of keys have to be told of at all. */
  get isOn(): boolean {
    return (this.mask & (ofKeyspace | ofEvents)) !== 0;
  }

  /** Whether keys that are looked for in vain have to. */
  get tellsOfMisses(): boolean {
    return this.isOn && (this.mask & classes.m) !== 0;
  }

  /** Something happened to the key `bytes[start, end)`: a value of `keyChange`. */
  noteChange(
    change: number,
    command: RunningCommand | null,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const name = command?.name ?? "";
    if (change === keyChange.expired) return this.tell(expired, bytes, start, end);
    if (change === keyChange.evicted) return this.tell(evicted, bytes, start, end);
    if (change === keyChange.removed) {
      return this.tell(removalsByCommand[name] ?? deleted, bytes, start, end);
    }
    const isNew = change === keyChange.added || removingWriters.has(name);
    if (isNew) this.tell(added, bytes, start, end);
    const happened = changesByCommand[name];
    if (happened !== undefined) this.tell(happened, bytes, start, end);
  }

  /** A command looked for a key that does not exist. Those that write tell by `findToRead` what they read. */
  noteMiss(command: RunningCommand | null, bytes: Uint8Array, start: number, end: number): void {
    // OBJECT and MEMORY only ask how a key is kept.
    if (!command?.isReadOnly || /^(object|memory)\|/.test(command.name)) return;
    this.tell(missed, bytes, start, end);
  }

  /** Tells of an event of the key `bytes[start, end)`. */
  tell({ mask, name }: KeyspaceEvent, bytes: Uint8Array, start: number, end: number): void {
    if ((this.mask & mask) === 0 || this.#subscriptions.isIdle) return;
    if ((this.mask & ofKeyspace) !== 0) {
      const channel = this.#channelOf(keyspacePrefix, bytes, start, end);
      this.#subscriptions.publish(channel, { bytes: name, start: 0, end: name.length });
    }
    if ((this.mask & ofEvents) !== 0) {
      const channel = this.#channelOf(keyeventPrefix, name, 0, name.length);
      this.#subscriptions.publish(channel, { bytes, start, end });
    }
  }

  #channelOf(prefix: Uint8Array, bytes: Uint8Array, start: number, end: number) {
    const length = prefix.length + end - start;
    if (length > this.#channel.length) this.#channel = new Uint8Array(length);
    this.#channel.set(prefix);
    this.#channel.set(bytes.subarray(start, end), prefix.length);
    return { bytes: this.#channel, start: 0, end: length };
  }
}
