/** Cases of OBJECT, MEMORY and SORT: what can be said of strings. */
import type { ConformanceCase } from "../case.ts";

const ok = "+OK\r\n";
const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const notAnInteger = "-ERR value is not an integer or out of range\r\n";

export const storedFormCases: readonly ConformanceCase[] = [
  {
    name: "OBJECT ENCODING tells numbers, short and long text apart",
    steps: [
      ["SET a 12345678901", ok],
      ["OBJECT ENCODING a", "$3\r\nint\r\n"],
      ["SET a 9223372036854775808", ok],
      ["OBJECT ENCODING a", "$6\r\nembstr\r\n"],
      ["SET a 007", ok],
      ["OBJECT ENCODING a", "$6\r\nembstr\r\n"],
      [["SET", "a", "x".repeat(44)], ok],
      ["OBJECT ENCODING a", "$6\r\nembstr\r\n"],
      [["SET", "a", "x".repeat(45)], ok],
      ["OBJECT ENCODING a", "$3\r\nraw\r\n"],
      ["OBJECT ENCODING missing", "$-1\r\n"],
    ],
  },
  {
    name: "OBJECT REFCOUNT knows numbers that are shared",
    steps: [
      ["SET a 9999", ok],
      ["OBJECT REFCOUNT a", ":2147483647\r\n"],
      ["SET a 10000", ok],
      ["OBJECT REFCOUNT a", ":1\r\n"],
      ["SET a text", ok],
      ["object refcount a", ":1\r\n"],
    ],
  },
  {
    name: "OBJECT FREQ needs a policy by frequency",
    steps: [
      ["SET a 1", ok],
      ["OBJECT FREQ a", /^-ERR An LFU maxmemory policy is not selected/],
      ["OBJECT FREQ missing", "$-1\r\n"],
      ["OBJECT IDLETIME missing", "$-1\r\n"],
      ["OBJECT NOSUCH a", "-ERR unknown subcommand 'NOSUCH'. Try OBJECT HELP.\r\n"],
      ["OBJECT ENCODING", "-ERR wrong number of arguments for 'object|encoding' command\r\n"],
    ],
  },
  {
    name: "MEMORY USAGE counts key, value and what they need",
    steps: [
      [["SET", "a", "x".repeat(1000)], ok],
      ["MEMORY USAGE a", /^:1\d{3}\r\n$/],
      ["MEMORY USAGE a SAMPLES 5", /^:1\d{3}\r\n$/],
      ["MEMORY USAGE missing", "$-1\r\n"],
      ["MEMORY USAGE a SAMPLES", "-ERR syntax error\r\n"],
      ["MEMORY USAGE a SAMPLES x", notAnInteger],
      ["MEMORY USAGE a SAMPLES -1", "-ERR syntax error\r\n"],
      ["MEMORY USAGE a NONSENSE 1", "-ERR syntax error\r\n"],
      ["MEMORY PURGE", ok],
      ["MEMORY STATS", /^\*\d+\r\n\$14\r\npeak.allocated\r\n:\d+\r\n\$15\r\ntotal.allocated\r\n/],
      ["MEMORY DOCTOR", /^\$\d+\r\n/],
    ],
  },
  {
    name: "SORT has nothing to sort",
    steps: [
      ["SORT missing", "*0\r\n"],
      ["SORT_RO missing ALPHA DESC", "*0\r\n"],
      ["SORT missing BY x_* LIMIT 0 5 GET # GET y_* ASC", "*0\r\n"],
      ["SET b 1", ok],
      ["SORT missing STORE b", ":0\r\n"],
      ["EXISTS b", ":0\r\n"],
      ["SET a 1", ok],
      ["SORT a", wrongType],
      ["SORT a STORE b", wrongType],
      ["SORT a LIMIT 0", "-ERR syntax error\r\n"],
      ["SORT a LIMIT x 1", notAnInteger],
      ["SORT a NONSENSE", "-ERR syntax error\r\n"],
      ["SORT_RO a STORE b", "-ERR syntax error\r\n"],
    ],
  },
  {
    name: "DEBUG is not for everybody",
    steps: [
      [
        "DEBUG SLEEP 0",
        /^-ERR DEBUG command not allowed\. If the enable-debug-command option is set/,
      ],
      ["DEBUG HELP", /^-ERR DEBUG command not allowed\./],
      ["CONFIG GET enable-debug-command", "*2\r\n$20\r\nenable-debug-command\r\n$2\r\nno\r\n"],
      ["CONFIG SET enable-debug-command yes", /^-ERR .*can't set immutable config\r\n$/],
    ],
  },
];
