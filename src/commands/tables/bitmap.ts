/** The commands on values as rows of bits. */
import type { ArgumentSpec, CommandSpec } from "../command_spec.ts";

const key: ArgumentSpec = { name: "key", type: "key", keySpecIndex: 0 };
const encoding: ArgumentSpec = { name: "encoding", type: "string" };
const offset: ArgumentSpec = { name: "offset", type: "integer" };
const indexUnit: ArgumentSpec = {
  name: "index_unit",
  type: "oneof",
  optional: true,
  since: "7.0.0",
  arguments: [
    { name: "byte", type: "pure-token", token: "BYTE" },
    { name: "bit", type: "pure-token", token: "BIT" },
  ],
};
const unitHistory = [["7.0.0", "Added the `BYTE|BIT` option."]] as const;

export const bitmapCommands: readonly CommandSpec[] = [
  {
    name: "bitcount",
    arity: -2,
    group: "bitmap",
    flags: ["readonly"],
    keys: [{ first: 1, last: 1, step: 1, flags: ["RO", "access"] }],
    categories: ["read", "bitmap", "slow"],
    tips: [],
    summary: "Count set bits in a string",
    since: "2.6.0",
    complexity: "O(N)",
    arguments: [key, {
      name: "index",
      type: "block",
      optional: true,
      arguments: [
        { name: "start", type: "integer" },
        { name: "end", type: "integer" },
        indexUnit,
      ],
    }],
    history: unitHistory,
  },
  {
    name: "bitfield",
    arity: -2,
    group: "bitmap",
    flags: ["write", "denyoom"],
    keys: [{
      first: 1,
      last: 1,
      step: 1,
      flags: ["RW", "access", "update", "variable_flags"],
      notes: "This command allows both access and modification of the key",
    }],
    categories: ["write", "bitmap", "slow"],
    tips: [],
    summary: "Perform arbitrary bitfield integer operations on strings",
    since: "3.2.0",
    complexity: "O(1) for each subcommand specified",
    arguments: [key, {
      name: "operation",
      type: "oneof",
      optional: true,
      multiple: true,
      arguments: [
        { name: "encoding_offset", type: "block", token: "GET", arguments: [encoding, offset] },
        {
          name: "write",
          type: "block",
          arguments: [
            {
              name: "wrap_sat_fail",
              type: "oneof",
              token: "OVERFLOW",
              optional: true,
              arguments: [
                { name: "wrap", type: "pure-token", token: "WRAP" },
                { name: "sat", type: "pure-token", token: "SAT" },
                { name: "fail", type: "pure-token", token: "FAIL" },
              ],
            },
            {
              name: "write_operation",
              type: "oneof",
              arguments: [
                {
                  name: "encoding_offset_value",
                  type: "block",
                  token: "SET",
                  arguments: [encoding, offset, { name: "value", type: "integer" }],
                },
                {
                  name: "encoding_offset_increment",
                  type: "block",
                  token: "INCRBY",
                  arguments: [encoding, offset, { name: "increment", type: "integer" }],
                },
              ],
            },
          ],
        },
      ],
    }],
  },
  {
    name: "bitfield_ro",
    arity: -2,
    group: "bitmap",
    flags: ["readonly", "fast"],
    keys: [{ first: 1, last: 1, step: 1, flags: ["RO", "access"] }],
    categories: ["read", "bitmap", "fast"],
    tips: [],
    summary:
      "Perform arbitrary bitfield integer operations on strings. Read-only variant of BITFIELD",
    since: "6.0.0",
    complexity: "O(1) for each subcommand specified",
    arguments: [key, {
      name: "encoding_offset",
      type: "block",
      token: "GET",
      optional: true,
      multiple: true,
      multipleToken: true,
      arguments: [encoding, offset],
    }],
  },
  {
    name: "bitop",
    arity: -4,
    group: "bitmap",
    flags: ["write", "denyoom"],
    keys: [
      { first: 2, last: 2, step: 1, flags: ["OW", "update"] },
      { first: 3, last: -1, step: 1, flags: ["RO", "access"] },
    ],
    categories: ["write", "bitmap", "slow"],
    tips: [],
    summary: "Perform bitwise operations between strings",
    since: "2.6.0",
    complexity: "O(N)",
    arguments: [
      { name: "operation", type: "string" },
      { name: "destkey", type: "key", keySpecIndex: 0 },
      { name: "key", type: "key", keySpecIndex: 1, multiple: true },
    ],
  },
  {
    name: "bitpos",
    arity: -3,
    group: "bitmap",
    flags: ["readonly"],
    keys: [{ first: 1, last: 1, step: 1, flags: ["RO", "access"] }],
    categories: ["read", "bitmap", "slow"],
    tips: [],
    summary: "Find first bit set or clear in a string",
    since: "2.8.7",
    complexity: "O(N)",
    arguments: [key, { name: "bit", type: "integer" }, {
      name: "index",
      type: "block",
      optional: true,
      arguments: [{ name: "start", type: "integer" }, {
        name: "end_index",
        type: "block",
        optional: true,
        arguments: [{ name: "end", type: "integer" }, indexUnit],
      }],
    }],
    history: unitHistory,
  },
  {
    name: "getbit",
    arity: 3,
    group: "bitmap",
    flags: ["readonly", "fast"],
    keys: [{ first: 1, last: 1, step: 1, flags: ["RO", "access"] }],
    categories: ["read", "bitmap", "fast"],
    tips: [],
    summary: "Returns the bit value at offset in the string value stored at key",
    since: "2.2.0",
    complexity: "O(1)",
    arguments: [key, offset],
  },
  {
    name: "setbit",
    arity: 4,
    group: "bitmap",
    flags: ["write", "denyoom"],
    keys: [{ first: 1, last: 1, step: 1, flags: ["RW", "access", "update"] }],
    categories: ["write", "bitmap", "slow"],
    tips: [],
    summary: "Sets or clears the bit at offset in the string value stored at key",
    since: "2.2.0",
    complexity: "O(1)",
    arguments: [key, offset, { name: "value", type: "integer" }],
  },
];
