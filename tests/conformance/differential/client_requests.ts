/**
 * Random requests of several clients for what makes clients see each other: transactions and WATCH, pub/sub,
 * keyspace events, CLIENT TRACKING in all its modes, both protocols, RESET.
 */
import type { SeededRandom } from "../../support/seeded_random.ts";

/** How many clients there are: 0 .. clients - 1. */
export const clients = 5;

/** Each server has its own numbers of clients. */
export interface NumberOf {
  readonly numberOf: number;
}

export interface ClientRequest {
  readonly client: number;
  readonly args: readonly (string | NumberOf)[];
}

type Words = (string | NumberOf)[];
type Generate = (source: ClientRequestSource) => Words;

const keys = ["k0", "k1", "k2", "k3", "k4", "k5", "ab:1", "ab:2", "b:1"];
const channels = ["c1", "c2", "news.a", "news.b", "__keyspace@0__:k1", "__keyevent@0__:set"];
const patterns = ["c*", "news.*", "__key*", "*", "__keyspace@0__:*", "[cn]?*"];
/** Of prefixes that overlap, all but the first are refused; which one that is has to be the same. */
const prefixes = ["k", "ab:", "b", "k1", ""];
const eventClasses = ["KEA", "KEA", "", "E$", "Kg", "KEx", "KEn", "KEm"];
/** A number that no client has. */
const nobody = "999999999";
const singleProbability = 0.8;

export class ClientRequestSource {
  readonly random: SeededRandom;
  #client = 0;
  #left = 0;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  next(): ClientRequest {
    if (this.#left === 0) {
      this.#client = this.random.below(clients);
      this.#left = this.random.chance(singleProbability) ? 1 : this.random.between(2, 6);
    }
    this.#left--;
    return { client: this.#client, args: this.random.pick(weighted)(this) };
  }

  key(): string {
    return this.random.pick(keys);
  }

  keyList(): string[] {
    return this.list(3, keys);
  }

  /** 1 .. max of the choices. */
  list(max: number, choices: readonly string[]): string[] {
    return Array.from({ length: this.random.between(1, max) }, () => this.random.pick(choices));
  }

  options(...choices: string[]): string[] {
    return this.random.pick(choices).split(" ").filter((word) => word !== "");
  }
}

function words(...choices: string[]): Generate {
  return (source) => source.options(...choices);
}

function keyOnly(...names: string[]): Generate {
  return (source) => [source.random.pick(names), source.key()];
}

function keysOnly(...names: string[]): Generate {
  return (source) => [source.random.pick(names), ...source.keyList()];
}

const set: Generate = (source) => [
  ...["SET", source.key(), source.random.pick(["1", "abc", "x".repeat(100)])],
  ...source.options("", "", "", "NX", "XX", "EX 1000", "PX 100000", "GET", "KEEPTTL"),
];

const setMany: Generate = (source) => {
  const pairs = source.keyList().flatMap((key) => [key, "v"]);
  return [source.random.pick(["MSET", "MSET", "MSETNX"]), ...pairs];
};

const tracking: Generate = (source) => {
  const { random } = source;
  const args: Words = ["CLIENT", "TRACKING", random.pick(["ON", "ON", "ON", "OFF"])];
  if (random.chance(0.4)) {
    args.push("BCAST");
    for (let left = random.below(3); left > 0; left--) args.push("PREFIX", random.pick(prefixes));
  } else if (random.chance(0.05)) {
    args.push("PREFIX", "k");
  }
  for (const option of ["NOLOOP", "OPTIN", "OPTOUT"]) if (random.chance(0.2)) args.push(option);
  if (random.chance(0.35)) {
    args.push("REDIRECT", random.chance(0.05) ? nobody : { numberOf: random.below(clients) });
  }
  return args;
};

/** Each request as often as its number says. */
const choices: readonly (readonly [number, Generate])[] = [
  [13, set],
  [8, keyOnly("GET")],
  [4, keysOnly("MGET")],
  [4, keysOnly("DEL", "UNLINK", "EXISTS", "TOUCH")],
  [3, keyOnly("INCR", "DECR", "STRLEN", "TTL", "PERSIST", "GETDEL", "TYPE")],
  [2, (source) => ["EXPIRE", source.key(), ...source.options("1000", "-1", "5000", "0")]],
  [2, (source) => [...source.options("RENAME", "RENAMENX", "COPY"), source.key(), source.key()]],
  [2, (source) => ["APPEND", source.key(), "z"]],
  [2, setMany],
  [2, (source) => ["GETEX", source.key(), ...source.options("", "EX 100", "PERSIST")]],
  [1, (source) => ["SETRANGE", source.key(), ...source.options("3 q", "0 q")]],
  [1, (source) => ["BITOP", "OR", source.key(), source.key(), source.key()]],
  [1, words("FLUSHALL", "FLUSHDB", "DBSIZE", "SETBIT k1 5 1", "PFADD k2 a")],
  [5, keysOnly("WATCH")],
  [1, words("UNWATCH")],
  [5, words("MULTI")],
  [6, words("EXEC")],
  [1, words("DISCARD")],
  [5, (source) => ["SUBSCRIBE", ...source.list(3, channels)]],
  [3, (source) => ["PSUBSCRIBE", ...source.list(2, patterns)]],
  [1, (source) => ["UNSUBSCRIBE", ...source.list(3, channels)]],
  [1, (source) => ["PUNSUBSCRIBE", ...source.list(2, patterns)]],
  [1, words("UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE")],
  [4, (source) => ["PUBLISH", source.random.pick(channels), `m${source.random.below(9)}`]],
  [1, words("PUBSUB NUMPAT", "PUBSUB NUMSUB c1 c2", "SPUBLISH s1 x", "SSUBSCRIBE s1")],
  [1, words("PING", "PING hi", "ECHO x", "CLIENT NO-EVICT on", "CLIENT NO-EVICT off")],
  [7, tracking],
  [3, words("CLIENT CACHING YES", "CLIENT CACHING NO")],
  [2, words("CLIENT TRACKINGINFO", "CLIENT TRACKINGINFO", "CLIENT GETNAME")],
  [3, words("HELLO 2", "HELLO 3", "HELLO 3")],
  [1, words("RESET")],
  [1, words("CLIENT REPLY ON", "CLIENT REPLY ON", "CLIENT REPLY OFF", "CLIENT REPLY SKIP")],
  [1, ({ random }) => ["CONFIG", "SET", "notify-keyspace-events", random.pick(eventClasses)]],
  [1, words("NOSUCH a", "GET", "SET k1", "STRLEN", "EXPIRE k1 x", "INCR k1 2")],
  [1, words("QUIT")],
];

const weighted = choices.flatMap(([weight, generate]) => Array<Generate>(weight).fill(generate));
