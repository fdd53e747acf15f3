/** Cases of RESP3, which a connection speaks after HELLO 3. */
import { type ConformanceCase, endedScan, inAnyOrder } from "../case.ts";

export const resp3Cases: readonly ConformanceCase[] = [
  {
    name: "HELLO 3 answers with a map in the new protocol",
    steps: [
      [
        "HELLO 3",
        /^%7\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n\$\d\r\n7\.0\.\d+\r\n\$5\r\nproto\r\n:3\r\n\$2\r\nid\r\n:\d+\r\n\$4\r\nmode\r\n\$10\r\nstandalone\r\n\$4\r\nrole\r\n\$6\r\nmaster\r\n\$7\r\nmodules\r\n\*0\r\n$/,
      ],
      ["HELLO", /^%7\r\n.*:3\r\n/s],
      ["HELLO 2", /^\*14\r\n.*:2\r\n/s],
      ["GET missing", "$-1\r\n"],
    ],
  },
  {
    name: "nulls are nulls, not strings or arrays that are missing",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      ["GET missing", "_\r\n"],
      ["GETDEL missing", "_\r\n"],
      ["GETEX missing", "_\r\n"],
      ["GETSET a 1", "_\r\n"],
      ["SET a 1 NX", "_\r\n"],
      ["SET missing 1 XX", "_\r\n"],
      ["SET missing 1 XX GET", "_\r\n"],
      ["MGET a missing", "*2\r\n$1\r\n1\r\n_\r\n"],
      ["RANDOMKEY", "$1\r\na\r\n"],
      ["CLIENT GETNAME", "_\r\n"],
      ["DEL a", ":1\r\n"],
      ["RANDOMKEY", "_\r\n"],
    ],
  },
  {
    name: "strings, integers, statuses and errors are as before",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      ["SET a 1", "+OK\r\n"],
      ["GET a", "$1\r\n1\r\n"],
      ["INCR a", ":2\r\n"],
      ["INCRBYFLOAT a 0.5", "$3\r\n2.5\r\n"],
      ["APPEND a x", ":4\r\n"],
      ["STRLEN a", ":4\r\n"],
      ["TYPE a", "+string\r\n"],
      ["PING", "+PONG\r\n"],
      ["EXISTS a", ":1\r\n"],
      ["SETNX a 1", ":0\r\n"],
      ["INCR a", "-ERR value is not an integer or out of range\r\n"],
      ["NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"],
      ["GET", "-ERR wrong number of arguments for 'get' command\r\n"],
      ["EXPIREAT a 4102444800", ":1\r\n"],
      ["EXPIRETIME a", ":4102444800\r\n"],
    ],
  },
  {
    name: "arrays are arrays",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      ["MSET a 1 b 2", "+OK\r\n"],
      ["KEYS *", inAnyOrder("$1\r\na\r\n", "$1\r\nb\r\n")],
      ["SCAN 0 COUNT 1000", endedScan("a", "b")],
      ["MGET a b", "*2\r\n$1\r\n1\r\n$1\r\n2\r\n"],
      ["TIME", /^\*2\r\n\$10\r\n\d{10}\r\n\$\d\r\n\d{1,6}\r\n$/],
    ],
  },
  {
    name: "CONFIG GET answers with a map",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      ["CONFIG GET timeout", "%1\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"],
      ["CONFIG GET nosuchparameter", "%0\r\n"],
    ],
  },
  {
    name: "INFO and CLIENT LIST answer with text",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      ["INFO server", /^=\d+\r\ntxt:# Server\r\n/],
      ["INFO nosuchsection", "=4\r\ntxt:\r\n"],
      ["CLIENT INFO", /^=\d+\r\ntxt:id=\d+ .* resp=3.*\n\r\n$/],
      ["CLIENT LIST", /^=\d+\r\ntxt:id=\d+ [^]*\n\r\n$/],
      ["CLIENT LIST TYPE pubsub", "=4\r\ntxt:\r\n"],
    ],
  },
  {
    name: "transactions that are refused are null",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      ["MULTI", "+OK\r\n"],
      ["GET missing", "+QUEUED\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["CONFIG GET timeout", "+QUEUED\r\n"],
      ["EXEC", "*3\r\n_\r\n+OK\r\n%1\r\n$7\r\ntimeout\r\n$1\r\n0\r\n"],
      ["WATCH a", "+OK\r\n"],
      ["SET a 2", "+OK\r\n", "second"],
      ["MULTI", "+OK\r\n"],
      ["GET a", "+QUEUED\r\n"],
      ["EXEC", "_\r\n"],
    ],
  },
  {
    name: "COMMAND INFO answers with sets",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      [
        "COMMAND INFO get",
        "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~3\r\n+@read\r\n+@string\r\n+@fast\r\n~0\r\n~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n",
      ],
      ["COMMAND INFO nosuch", "*1\r\n_\r\n"],
      ["COMMAND GETKEYSANDFLAGS GET a", "*1\r\n*2\r\n$1\r\na\r\n~2\r\n+RO\r\n+access\r\n"],
      [
        "COMMAND DOCS get",
        /^%1\r\n\$3\r\nget\r\n%\d\r\n\$7\r\nsummary\r\n\$\d+\r\n[^\r]+\r\n\$5\r\nsince\r\n\$5\r\n1\.0\.0\r\n\$5\r\ngroup\r\n\$6\r\nstring\r\n/,
      ],
      ["COMMAND DOCS nosuch", "%0\r\n"],
    ],
  },
  {
    name: "RESET goes back to the old protocol",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      ["RESET", "+RESET\r\n"],
      ["GET missing", "$-1\r\n"],
    ],
  },
  {
    name: "an error of the protocol is the same in both",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      {
        send: "*abc\r\n",
        expected: "-ERR Protocol error: invalid multibulk length\r\n",
        closes: true,
      },
    ],
  },
];
