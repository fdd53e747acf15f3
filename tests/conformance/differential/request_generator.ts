/**
 * Random requests for a small set of keys: nearly all commands, with values at the edges, options
 * that contradict each other, and numbers of arguments that are wrong. Left out is what rightly
 * differs between the servers (INFO, other databases) or ends the connection.
 */
import type { SeededRandom } from "../../support/seeded_random.ts";

/** One of two connections to each server, so that WATCH has something to see. */
export type Side = "a" | "b";

export interface GeneratedRequest {
  readonly side: Side;
  readonly args: readonly string[];
}

type Generate = (source: RequestSource) => string[];

const keys = ["a", "b", "c", "d", "", "\0\r\n", "\xff\xfe", "k".repeat(300)];
const integers = [
  "0",
  "1",
  "-1",
  "2",
  "10",
  "9007199254740991",
  "9007199254740992",
  "-9007199254740993",
  "9223372036854775807",
  "-9223372036854775808",
  "9223372036854775808",
];
const oddNumbers = ["abc", "", " 1", "1 ", "+1", "01", "-0", "1.5", "1e3", "0x10", "nan", "inf"];
const texts = ["", "x", "hello world", "\0", "\r\n", "\xff\x80", "*1\r\n$4\r\nPING\r\n"];
/**
 * Arguments that are too many. Only plain text: some errors quote them, and Redis cuts the quotation
 * at a zero byte and repeats bytes that are not UTF-8, which kv does not.
 */
const surplus = ["", "x", "1", "hello world", "GET", "NX"];
const patterns = ["*", "?", "a*", "[a-c]", "[^a]", "k*", "\\*", "", "[", "*\n", "\xff*", "**?"];
const invalidTimes = ["0", "-1", "abc", "", "1.5", "9223372036854775807", "9223372036854775808"];

/** The year 2100: later than any relative deadline here, earlier than any clock. */
const farSeconds = 4_102_444_800;
/**
 * Never with other arguments: a HELLO that fails at its last option has done the ones before it, in Redis
 * alone; others would have several replies, other ones each time, or end the server.
 */
const keptForms = new Set([
  ...["ACL", "CLIENT", "COMMAND", "HELLO", "LATENCY", "SHUTDOWN"],
  ...["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"],
]);
/** The share of requests with an argument too many or too few. */
const wrongArityProbability = 0.03;

export class RequestSource {
  readonly random: SeededRandom;
  /** Whether keys may be set with deadlines in the past, which DBSIZE may count for a while. */
  readonly #withPast: boolean;
  #side: Side = "a";
  #left = 0;
  readonly #inTransaction: Record<Side, boolean> = { a: false, b: false };

  constructor(random: SeededRandom) {
    this.random = random;
    this.#withPast = random.chance(0.5);
  }

  next(): GeneratedRequest {
    if (this.#left === 0) {
      this.#side = this.random.chance(0.6) ? "a" : "b";
      this.#left = this.random.chance(0.5) ? 1 : this.random.between(2, 40);
    }
    this.#left--;
    return { side: this.#side, args: this.#nextArguments() };
  }

  #nextArguments(): string[] {
    if (this.random.chance(this.#inTransaction[this.#side] ? 0.2 : 0.04)) {
      return this.#transaction();
    }
    const args = this.random.pick(weighted)(this);
    if (args[0] === "DBSIZE" && this.#withPast) return ["EXISTS", ...keys];
    if (!keptForms.has(args[0]) && this.random.chance(wrongArityProbability)) {
      if (args.length > 1 && this.random.chance(0.6)) args.pop();
      else args.push(this.random.pick(surplus));
    }
    if (this.random.chance(0.2)) args[0] = args[0].toLowerCase();
    return args;
  }

  #transaction(): string[] {
    const within = this.#inTransaction[this.#side];
    const name = this.random.pick(
      within ? ["EXEC", "EXEC", "EXEC", "DISCARD", "MULTI", "WATCH"] : ["MULTI", "MULTI", "WATCH"],
    );
    if (name === "MULTI") this.#inTransaction[this.#side] = true;
    if (name === "EXEC" || name === "DISCARD") this.#inTransaction[this.#side] = false;
    return name === "WATCH" ? [name, ...this.keyList()] : [name];
  }

  key(): string {
    return this.random.pick(keys);
  }

  keyList(): string[] {
    return this.list(1, 4, () => this.key());
  }

  list(min: number, max: number, make: () => string): string[] {
    return Array.from({ length: this.random.between(min, max) }, make);
  }

  value(): string {
    switch (this.random.below(8)) {
      case 0:
      case 1:
        return this.integer();
      case 2:
        return String(this.random.between(-1000, 1000));
      case 3:
        return this.float();
      case 4:
        return this.random.bytes(this.random.below(20));
      case 5:
        return this.random.chance(0.1) ? this.random.bytes(20_000) : this.random.bytes(300);
      default:
        return this.random.pick(texts);
    }
  }

  integer(): string {
    if (this.random.chance(0.5)) return String(this.random.between(-100, 100));
    return this.random.chance(0.8) ? this.random.pick(integers) : this.random.pick(oddNumbers);
  }

  float(): string {
    const { random } = this;
    if (random.chance(0.1)) return random.pick(oddNumbers);
    const digits = String(random.next() / 10 ** random.between(0, 12));
    const exponent = random.chance(0.3) ? `e${random.between(-25, 25)}` : "";
    return (random.chance(0.5) ? "-" : "") + (digits.includes("e") ? "0.5" : digits) + exponent;
  }

  pattern(): string {
    if (this.random.chance(0.7)) return this.random.pick(patterns);
    return this.list(1, 6, () => this.random.pick([..."abk*?[]^-\\"])).join("");
  }

  /**
   * A time as the option or command in question wants it. No relative time comes twice, so that the
   * order of two deadlines does not hang on the milliseconds between two commands.
   */
  time(unit: "EX" | "PX" | "EXAT" | "PXAT"): string {
    const { random } = this;
    if (random.chance(0.1)) return random.pick(invalidTimes);
    const milliseconds = unit.startsWith("P") ? 1000 : 1;
    if (unit === "EX" || unit === "PX") return String(random.between(1000, 1e7) * milliseconds);
    if (this.#withPast && random.chance(0.15)) return "1";
    return String((farSeconds + random.between(0, 3)) * milliseconds);
  }

  timeOption(): string[] {
    const unit = this.random.pick(["EX", "PX", "EXAT", "PXAT"] as const);
    return [unit, this.time(unit)];
  }
}

const setOptions: Generate = (source) => {
  const options: string[] = [];
  while (source.random.chance(0.4)) {
    const option = source.random.pick(["NX", "XX", "GET", "KEEPTTL", "time", "time", "odd"]);
    if (option === "time") options.push(...source.timeOption());
    else if (option === "odd") options.push(source.random.pick(["PERSIST", "FOO", "EX", "nx", ""]));
    else options.push(option);
  }
  return options;
};

const getexOptions: Generate = (source) => {
  if (source.random.chance(0.3)) return [];
  if (source.random.chance(0.2)) return ["PERSIST", ...source.random.chance(0.2) ? ["EX"] : []];
  return source.timeOption();
};

const conditions: Generate = (source) =>
  source.random.chance(0.5)
    ? []
    : source.list(1, 2, () => source.random.pick(["NX", "XX", "GT", "LT", "gt", "FOO"]));

function expire(name: string, unit: "EX" | "PX" | "EXAT" | "PXAT"): Generate {
  return (source) => [name, source.key(), source.time(unit), ...conditions(source)];
}

function keyOnly(name: string): Generate {
  return (source) => [name, source.key()];
}

function keyAndValue(name: string): Generate {
  return (source) => [name, source.key(), source.value()];
}

function keysOnly(name: string): Generate {
  return (source) => [name, ...source.keyList()];
}

function pairs(name: string): Generate {
  return (source) => [name, ...source.keyList().flatMap((key) => [key, source.value()])];
}

function words(...choices: string[]): Generate {
  return (source) => source.random.pick(choices).split(" ");
}

const rules = [
  ...[
    "on",
    "off",
    "nopass",
    "resetpass",
    ">x",
    "<x",
    "reset",
    "clearselectors",
    "",
    "foo",
    "+nosuch",
  ],
  ...["~a", "~b*", "~k*", "~[^a]", "%R~c", "%W~d", "%RW~*", "%X~a", "~*", "allkeys", "resetkeys"],
  ...["&a", "&b*", "&*", "resetchannels", "+@all", "-@all", "allcommands", "nocommands"],
  ...["+@read", "+@write", "-@write", "+@string", "+@fast", "-@fast", "-@dangerous", "+@bitmap"],
  ...[
    "+get",
    "-get",
    "+set",
    "-set",
    "+mget",
    "+config",
    "-config|get",
    "+config|set",
    "+select|0",
  ],
  ...["(~a +get)", "(%W~b %R~c +set +mset +copy)", "(~* +@all)", "(foo)", "("],
];

/** Changes the rights of a user whom nobody is: `dryRun` asks what they are. */
const setUser: Generate = ({ random }) => {
  const count = random.between(0, 5);
  return ["ACL", "SETUSER", "u", ...Array.from({ length: count }, () => random.pick(rules))];
};

/** Whether the user may make a random request. */
const dryRun: Generate = (source) => {
  const request = source.random.pick(weighted)(source);
  // Of a PFMERGE without a second key, Redis looks at no key.
  if (request[0] === "PFMERGE") request[0] = "PFCOUNT";
  return ["ACL", "DRYRUN", source.random.chance(0.95) ? "u" : "v", ...request];
};

const scan: Generate = (source) => {
  const options = ["COUNT", "10000"];
  if (source.random.chance(0.5)) options.push("MATCH", source.pattern());
  if (source.random.chance(0.2)) options.push("TYPE", source.random.pick(["string", "list", ""]));
  if (source.random.chance(0.05)) options.push("FOO");
  return ["SCAN", "0", ...options];
};

const copy: Generate = (source) => {
  const options = source.random.pick([[], ["REPLACE"], ["DB", "0"], ["REPLACE", "DB", "0"], ["X"]]);
  return ["COPY", source.key(), source.key(), ...options];
};

const setrange: Generate = (source) => {
  const offset = source.random.chance(0.8)
    ? String(source.random.below(300))
    : source.random.pick(["-1", "536870912", "9223372036854775807", "abc", ""]);
  return ["SETRANGE", source.key(), offset, source.value()];
};

/** Where a bit is. Offsets that would make values of many MiB are left out. */
function bitOffset(source: RequestSource): string {
  return source.random.chance(0.9)
    ? String(source.random.below(3000))
    : source.random.pick(["-1", "4294967296", "9223372036854775807", "abc", "", "#1", "01"]);
}

const bit: Generate = (source) => [source.random.pick(["0", "1", "0", "1", "2", "-1", "", "a"])];

/** Limits of a range, none, one or two, and perhaps the unit that they are in. */
const bitRange: Generate = (source) => {
  const limits = source.list(0, 2, () => source.integer());
  return source.random.chance(0.6) ? [...limits, source.random.pick(["BIT", "byte", "x"])] : limits;
};

const bitop: Generate = (source) => {
  const operation = source.random.pick(["AND", "OR", "XOR", "NOT", "xor", "NAND"]);
  const sources = operation === "NOT" ? source.list(1, 2, () => source.key()) : source.keyList();
  return ["BITOP", operation, source.key(), ...sources];
};

function bitfieldPlace(source: RequestSource): string[] {
  const { random } = source;
  const form = random.pick(["u", "i"]) + random.between(1, 64);
  return [
    random.chance(0.95) ? form : random.pick(["u0", "i65", "u08", "x8", ""]),
    random.chance(0.3) ? `#${random.below(40)}` : bitOffset(source),
  ];
}

/**
 * Before anything that may fail there is a SET, which makes the key exist: in Redis, but not in kv, an
 * operation that fails and creates a key at once is nothing to who watches the key.
 */
const bitfield: Generate = (source) => {
  const { random } = source;
  const words = ["SET", "u1", "3100", "0"];
  for (let left = random.below(5); left > 0; left--) {
    const name = random.pick(["GET", "SET", "INCRBY", "OVERFLOW"]);
    if (name === "OVERFLOW") words.push(name, random.pick(["WRAP", "SAT", "FAIL", "sat", "X"]));
    else words.push(name, ...bitfieldPlace(source), ...name === "GET" ? [] : [source.integer()]);
  }
  return ["BITFIELD", source.key(), ...words];
};

const bitfieldRo: Generate = (source) => {
  const words = Array.from({ length: source.random.below(4) }, () => bitfieldPlace(source));
  const name = source.random.chance(0.95) ? "GET" : "SET";
  return ["BITFIELD_RO", source.key(), ...words.flatMap((place) => [name, ...place])];
};

const lcs: Generate = (source) => {
  const words: string[] = [];
  while (source.random.chance(0.5)) {
    const option = source.random.pick(["LEN", "IDX", "idx", "WITHMATCHLEN", "MINMATCHLEN", "X"]);
    words.push(option);
    if (option === "MINMATCHLEN") words.push(source.integer());
  }
  return ["LCS", source.key(), source.key(), ...words];
};

/** What DUMP gives for some values, and what it cannot have given. */
const serialized = [
  "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb",
  "\x00\xc1\x18\xfc\x0a\x00\x46\x02\x35\x5e\x70\x22\x5a\x90",
  "\x00\x0bhello world\x0a\x00\x0b\xfc\x49\xb9\xa6\xc7\xa0\x34",
  "\x00\xc0\x0b\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb",
  "",
];

const restore: Generate = (source) => {
  const { random } = source;
  const ttl = random.pick(["0", "0", "0", "100000000", "-1", "", "x"]);
  const words = ["RESTORE", source.key(), ttl, random.pick(serialized)];
  while (random.chance(0.6)) {
    const option = random.pick(["REPLACE", "REPLACE", "replace", "IDLETIME", "FREQ", "X"]);
    words.push(option);
    if (option === "IDLETIME" || option === "FREQ") words.push(source.integer());
  }
  return words;
};

const sort: Generate = (source) => {
  const words: string[] = [];
  while (source.random.chance(0.5)) {
    const option = source.random.pick(["ALPHA", "ASC", "desc", "LIMIT", "BY", "GET", "STORE", "X"]);
    words.push(option);
    if (option === "LIMIT") words.push(source.integer(), source.integer());
    else if (option === "STORE") words.push(source.key());
    else if (option === "BY" || option === "GET") words.push(source.random.pick(patterns));
  }
  return [source.random.pick(["SORT", "SORT_RO"]), source.key(), ...words];
};

const unknown: Generate = (source) => {
  const name = source.random.pick(["NOSUCH", "get ", "\0", "se", "\xffx", "y".repeat(200)]);
  return [name, ...source.list(0, 5, () => source.value())];
};

const getkeys: Generate = (source) => {
  const inner = source.random.pick([pairs("MSET"), keyOnly("GET"), keysOnly("DEL"), copy, unknown]);
  return ["COMMAND", "GETKEYS", ...inner(source)];
};

/** Each command as often as its number says. */
const choices: readonly (readonly [number, Generate])[] = [
  [8, (source) => ["SET", source.key(), source.value(), ...setOptions(source)]],
  [6, keyOnly("GET")],
  [2, keyOnly("GETDEL")],
  [4, (source) => ["GETEX", source.key(), ...getexOptions(source)]],
  [2, keyAndValue("GETSET")],
  [2, keyAndValue("SETNX")],
  [2, (source) => ["SETEX", source.key(), source.time("EX"), source.value()]],
  [2, (source) => ["PSETEX", source.key(), source.time("PX"), source.value()]],
  [3, keysOnly("MGET")],
  [3, pairs("MSET")],
  [2, pairs("MSETNX")],
  [3, keyAndValue("APPEND")],
  [2, keyOnly("STRLEN")],
  [3, (source) => ["GETRANGE", source.key(), source.integer(), source.integer()]],
  [1, (source) => ["SUBSTR", source.key(), source.integer(), source.integer()]],
  [4, setrange],
  [4, (source) => ["SETBIT", source.key(), bitOffset(source), ...bit(source)]],
  [2, (source) => ["GETBIT", source.key(), bitOffset(source)]],
  [3, (source) => ["BITCOUNT", source.key(), ...bitRange(source)]],
  [3, (source) => ["BITPOS", source.key(), ...bit(source), ...bitRange(source)]],
  [4, bitop],
  [5, bitfield],
  [2, bitfieldRo],
  [3, lcs],
  [3, (source) => ["PFADD", source.key(), ...source.list(0, 4, () => source.value())]],
  [2, keysOnly("PFCOUNT")],
  [2, keysOnly("PFMERGE")],
  [3, keyOnly("DUMP")],
  [3, restore],
  [2, sort],
  [4, keyOnly("INCR")],
  [3, keyOnly("DECR")],
  [4, (source) => ["INCRBY", source.key(), source.integer()]],
  [3, (source) => ["DECRBY", source.key(), source.integer()]],
  [4, (source) => ["INCRBYFLOAT", source.key(), source.float()]],
  [3, keysOnly("DEL")],
  [1, keysOnly("UNLINK")],
  [3, keysOnly("EXISTS")],
  [1, keysOnly("TOUCH")],
  [1, keyOnly("TYPE")],
  [3, (source) => ["RENAME", source.key(), source.key()]],
  [2, (source) => ["RENAMENX", source.key(), source.key()]],
  [3, copy],
  [1, words("RANDOMKEY")],
  [2, (source) => ["KEYS", source.pattern()]],
  [2, scan],
  [2, words("DBSIZE")],
  [1, words("FLUSHALL", "FLUSHDB", "FLUSHALL SYNC", "FLUSHDB ASYNC", "FLUSHALL NOW")],
  [2, expire("EXPIRE", "EX")],
  [2, expire("PEXPIRE", "PX")],
  [2, expire("EXPIREAT", "EXAT")],
  [3, expire("PEXPIREAT", "PXAT")],
  [2, keyOnly("TTL")],
  [2, keyOnly("PTTL")],
  [2, keyOnly("EXPIRETIME")],
  [2, keyOnly("PEXPIRETIME")],
  [2, keyOnly("PERSIST")],
  [1, words("PING", "PING hello", "ECHO hello", "TIME", "LASTSAVE", "UNWATCH", "DISCARD", "EXEC")],
  [1, words("HELLO 2", "HELLO 3", "HELLO 3", "HELLO 4", "HELLO 3 SETNAME x", "HELLO 2 X", "RESET")],
  [1, words("SELECT 0", "SELECT -1", "SELECT abc", "SELECT 99999")],
  [1, words("CLIENT ID", "CLIENT GETNAME", "CLIENT SETNAME x", "CLIENT NOSUCH", "CLIENT")],
  [
    1,
    words(
      "CLIENT PAUSE 0",
      "CLIENT PAUSE x",
      "CLIENT PAUSE -1 WRITE",
      "CLIENT UNPAUSE",
      "CLIENT NO-EVICT ON",
      "CLIENT NO-EVICT x",
      "CLIENT KILL ID 0",
      "CLIENT KILL ID 99999999",
      "CLIENT KILL TYPE nosuch",
      "CLIENT KILL x",
      "CLIENT UNBLOCK 99999999",
      "CLIENT UNBLOCK x ERROR",
      "CLIENT REPLY ON",
      "CLIENT REPLY x",
      "CLIENT HELP",
    ),
  ],
  [
    1,
    words(
      "SLOWLOG RESET",
      "SLOWLOG HELP",
      "LATENCY RESET",
      "LATENCY LATEST",
      "LATENCY HISTORY command",
      "LATENCY GRAPH x",
      "LATENCY DOCTOR",
      "LATENCY HELP",
      "CONFIG GET slowlog-max-len",
      "CONFIG SET slowlog-max-len -1",
      "CONFIG REWRITE",
      "CONFIG HELP",
    ),
  ],
  [1, words("CONFIG GET timeout", "CONFIG GET nosuch", "CONFIG SET nosuch 1", "CONFIG SET a")],
  [
    1,
    words(
      ...["ACL WHOAMI", "ACL DELUSER u", "ACL DELUSER v", "ACL CAT", "ACL GETUSER v", "ACL NOSUCH"],
      ...[
        "ACL GENPASS x",
        "ACL GENPASS 0",
        "ACL HELP",
        "ACL LOG RESET",
        "ACL LOG x",
        "ACL LOAD",
        "ACL SAVE",
      ],
      ...["AUTH x", "AUTH default x", "AUTH v x", "AUTH v x y", "HELLO 3 AUTH v x"],
    ),
  ],
  [
    1,
    words(
      ...["CLIENT CACHING YES", "CLIENT CACHING x", "CLIENT GETREDIR", "CLIENT TRACKINGINFO"],
      ...["CLIENT TRACKING OFF", "CLIENT TRACKING ON OPTIN OPTOUT", "CLIENT TRACKING x"],
      ...["CLIENT LIST ID 99999999", "CLIENT LIST TYPE nosuch", "CLIENT LIST TYPE master"],
      ...["CONFIG RESETSTAT", "LATENCY HISTOGRAM nosuch", "SHUTDOWN ABORT", "SHUTDOWN x"],
      ...[
        "COMMAND HELP",
        "COMMAND INFO get nosuch",
        "COMMAND COUNT x",
        "COMMAND LIST FILTERBY x y",
      ],
      ...["MEMORY HELP", "MEMORY PURGE", "MEMORY USAGE nosuch", "MEMORY USAGE a SAMPLES x"],
      ...["OBJECT HELP", "OBJECT FREQ a", "OBJECT FREQ nosuch", "OBJECT ENCODING nosuch"],
      ...["OBJECT IDLETIME nosuch", "OBJECT REFCOUNT nosuch", "DEBUG SLEEP 0", "DEBUG HELP"],
    ),
  ],
  // Nobody hears what is published: a message could come anywhere among the replies.
  [
    1,
    words(
      ...["PUBLISH unheard x", "SPUBLISH unheard x", "PUBSUB CHANNELS", "PUBSUB CHANNELS x*"],
      ...["PUBSUB NUMSUB", "PUBSUB NUMSUB heard x", "PUBSUB NUMPAT", "PUBSUB SHARDCHANNELS"],
      ...["PUBSUB SHARDNUMSUB heard", "PUBSUB HELP", "PUBSUB NOSUCH", "UNSUBSCRIBE heard"],
      ...["PUNSUBSCRIBE heard*", "SUNSUBSCRIBE heard"],
    ),
  ],
  [2, setUser],
  [6, dryRun],
  [1, unknown],
  [1, getkeys],
];

const weighted = choices.flatMap(([weight, generate]) => Array<Generate>(weight).fill(generate));
