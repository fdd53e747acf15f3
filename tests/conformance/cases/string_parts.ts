/** Cases of the commands on parts of a value: APPEND, GETRANGE, SETRANGE, STRLEN. */
import { type ConformanceCase, integerBetween } from "../case.ts";

export const stringPartCases: readonly ConformanceCase[] = [
  {
    name: "APPEND makes a value longer, and keeps its deadline",
    steps: [
      ["APPEND foo abc", ":3\r\n"],
      ["APPEND foo def", ":6\r\n"],
      [["APPEND", "foo", ""], ":6\r\n"],
      ["GET foo", "$6\r\nabcdef\r\n"],
      ["EXPIRE foo 100", ":1\r\n"],
      ["APPEND foo g", ":7\r\n"],
      ["TTL foo", integerBetween(99, 100)],
      [["APPEND", "empty", ""], ":0\r\n"],
      ["EXISTS empty", ":1\r\n"],
    ],
  },
  {
    name: "STRLEN counts bytes",
    steps: [
      ["STRLEN missing", ":0\r\n"],
      [["SET", "foo", "h\xc3\xa9llo"], "+OK\r\n"],
      ["STRLEN foo", ":6\r\n"],
      [["SET", "foo", ""], "+OK\r\n"],
      ["STRLEN foo", ":0\r\n"],
    ],
  },
  {
    name: "GETRANGE returns part of a value",
    steps: [
      [["SET", "foo", "Hello World"], "+OK\r\n"],
      ["GETRANGE foo 0 4", "$5\r\nHello\r\n"],
      ["GETRANGE foo -5 -1", "$5\r\nWorld\r\n"],
      ["GETRANGE foo 0 -1", "$11\r\nHello World\r\n"],
      ["GETRANGE foo 6 100", "$5\r\nWorld\r\n"],
      ["GETRANGE foo -100 4", "$5\r\nHello\r\n"],
      ["GETRANGE foo 4 4", "$1\r\no\r\n"],
      ["GETRANGE foo 5 3", "$0\r\n\r\n"],
      ["GETRANGE foo -1 -5", "$0\r\n\r\n"],
      ["GETRANGE foo 11 20", "$0\r\n\r\n"],
      ["GETRANGE foo 100 200", "$0\r\n\r\n"],
      ["GETRANGE foo -100 -50", "$1\r\nH\r\n"],
      ["GETRANGE foo 0 -100", "$1\r\nH\r\n"],
      ["GETRANGE missing 0 -1", "$0\r\n\r\n"],
      ["SUBSTR foo 0 4", "$5\r\nHello\r\n"],
      ["SUBSTR foo -3 -1", "$3\r\nrld\r\n"],
      ["SUBSTR missing 0 1", "$0\r\n\r\n"],
    ],
  },
  {
    name: "GETRANGE with limits of 64 bits does not overflow",
    steps: [
      ["SET foo abc", "+OK\r\n"],
      ["GETRANGE foo 0 9223372036854775807", "$3\r\nabc\r\n"],
      ["GETRANGE foo -9223372036854775808 9223372036854775807", "$3\r\nabc\r\n"],
      ["GETRANGE foo 9223372036854775807 -1", "$0\r\n\r\n"],
      ["GETRANGE foo -9223372036854775808 -9223372036854775808", "$1\r\na\r\n"],
      ["GETRANGE foo -9223372036854775807 -9223372036854775808", "$0\r\n\r\n"],
      ["GETRANGE foo 0 4294967297", "$3\r\nabc\r\n"],
    ],
  },
  {
    name: "GETRANGE refuses limits that are no integers",
    steps: [
      ["SET foo abc", "+OK\r\n"],
      ["GETRANGE foo a 1", "-ERR value is not an integer or out of range\r\n"],
      ["GETRANGE foo 0 b", "-ERR value is not an integer or out of range\r\n"],
      ["GETRANGE foo 0 1.5", "-ERR value is not an integer or out of range\r\n"],
      ["GETRANGE foo 0 9223372036854775808", "-ERR value is not an integer or out of range\r\n"],
      [["GETRANGE", "foo", "", "0"], "-ERR value is not an integer or out of range\r\n"],
      ["SUBSTR foo a 1", "-ERR value is not an integer or out of range\r\n"],
    ],
  },
  {
    name: "SETRANGE overwrites part of a value and keeps its deadline",
    steps: [
      [["SET", "foo", "Hello World"], "+OK\r\n"],
      ["EXPIRE foo 100", ":1\r\n"],
      ["SETRANGE foo 6 Redis", ":11\r\n"],
      ["GET foo", "$11\r\nHello Redis\r\n"],
      ["SETRANGE foo 9 abcdef", ":15\r\n"],
      ["GET foo", "$15\r\nHello Redabcdef\r\n"],
      ["TTL foo", integerBetween(99, 100)],
    ],
  },
  {
    name: "SETRANGE fills with zero bytes what it skips",
    steps: [
      ["SETRANGE foo 3 abc", ":6\r\n"],
      ["GET foo", "$6\r\n\0\0\0abc\r\n"],
      ["SETRANGE foo 8 x", ":9\r\n"],
      ["GET foo", "$9\r\n\0\0\0abc\0\0x\r\n"],
      ["STRLEN foo", ":9\r\n"],
    ],
  },
  {
    name: "SETRANGE with an empty value changes nothing",
    steps: [
      [["SETRANGE", "missing", "5", ""], ":0\r\n"],
      ["EXISTS missing", ":0\r\n"],
      ["SET foo abc", "+OK\r\n"],
      [["SETRANGE", "foo", "10", ""], ":3\r\n"],
      ["GET foo", "$3\r\nabc\r\n"],
      [["SETRANGE", "foo", "536870912", ""], ":3\r\n"],
    ],
  },
  {
    name: "SETRANGE refuses offsets that cannot be",
    steps: [
      ["SETRANGE foo -1 x", "-ERR offset is out of range\r\n"],
      ["SETRANGE foo abc x", "-ERR value is not an integer or out of range\r\n"],
      ["SETRANGE foo 1.0 x", "-ERR value is not an integer or out of range\r\n"],
      ["SETRANGE foo 9223372036854775808 x", "-ERR value is not an integer or out of range\r\n"],
      [
        "SETRANGE foo 536870912 x",
        "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
      ],
      [
        "SETRANGE foo 9223372036854775807 x",
        "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
      ],
      [
        "SETRANGE foo 4294967296 x",
        "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
      ],
      [["SETRANGE", "foo", "-1", ""], "-ERR offset is out of range\r\n"],
      ["SET foo abc", "+OK\r\n"],
      [
        "SETRANGE foo 536870911 xyz",
        "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n",
      ],
      ["EXISTS foo", ":1\r\n"],
      ["GET foo", "$3\r\nabc\r\n"],
    ],
  },
];
