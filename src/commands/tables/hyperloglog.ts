/** HyperLogLog. */
import type { ArgumentSpec, CommandSpec } from "../command_spec.ts";

const key: ArgumentSpec = { name: "key", type: "key", keySpecIndex: 0 };

export const hyperloglogCommands: readonly CommandSpec[] = [
  {
    name: "pfadd",
    arity: -2,
    group: "hyperloglog",
    flags: ["write", "denyoom", "fast"],
    keys: [{ first: 1, last: 1, step: 1, flags: ["RW", "insert"] }],
    categories: ["write", "hyperloglog", "fast"],
    tips: [],
    summary: "Adds the specified elements to the specified HyperLogLog.",
    since: "2.8.9",
    complexity: "O(1) to add every element.",
    arguments: [key, {
      name: "element",
      type: "string",
      optional: true,
      multiple: true,
    }],
  },
  {
    name: "pfcount",
    arity: -2,
    group: "hyperloglog",
    flags: ["readonly"],
    keys: [{
      first: 1,
      last: -1,
      step: 1,
      flags: ["RW", "access"],
      notes:
        "RW because it may change the internal representation of the key, and propagate to replicas",
    }],
    categories: ["read", "hyperloglog", "slow"],
    tips: [],
    summary:
      "Return the approximated cardinality of the set(s) observed by the HyperLogLog at key(s).",
    since: "2.8.9",
    complexity:
      "O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys.",
    arguments: [{ name: "key", type: "key", keySpecIndex: 0, multiple: true }],
  },
  {
    name: "pfmerge",
    arity: -2,
    group: "hyperloglog",
    flags: ["write", "denyoom"],
    keys: [{ first: 1, last: 1, step: 1, flags: ["RW", "access", "insert"] }, {
      first: 2,
      last: -1,
      step: 1,
      flags: ["RO", "access"],
    }],
    categories: ["write", "hyperloglog", "slow"],
    tips: [],
    summary: "Merge N different HyperLogLogs into a single one.",
    since: "2.8.9",
    complexity: "O(N) to merge N HyperLogLogs, but with high constant times.",
    arguments: [{ name: "destkey", type: "key", keySpecIndex: 0 }, {
      name: "sourcekey",
      type: "key",
      keySpecIndex: 1,
      multiple: true,
    }],
  },
];
