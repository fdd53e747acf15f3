/** Cases of COMMAND: what the server says about its commands. */
import type { ConformanceCase } from "../case.ts";

export const introspectionCases: readonly ConformanceCase[] = [
  {
    name: "COMMAND COUNT is a number",
    steps: [
      ["COMMAND COUNT", /^:\d+\r\n$/],
    ],
  },
  {
    name: "COMMAND describes every command",
    steps: [
      ["COMMAND", /^\*\d+\r\n\*10\r\n\$/],
      ["COMMAND INFO", /^\*\d+\r\n\*10\r\n\$/],
    ],
  },
  {
    name: "COMMAND INFO tells arity, flags, key positions, categories and tips",
    steps: [
      [
        "COMMAND INFO get",
        "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n",
      ],
      [
        "COMMAND INFO SET",
        "*1\r\n*10\r\n$3\r\nset\r\n:-3\r\n*2\r\n+write\r\n+denyoom\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@write\r\n+@string\r\n+@slow\r\n*0\r\n*1\r\n*8\r\n$5\r\nnotes\r\n$48\r\nRW and ACCESS due to the optional `GET` argument\r\n$5\r\nflags\r\n*4\r\n+RW\r\n+access\r\n+update\r\n+variable_flags\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n",
      ],
      [
        "COMMAND INFO mset",
        "*1\r\n*10\r\n$4\r\nmset\r\n:-3\r\n*2\r\n+write\r\n+denyoom\r\n:1\r\n:-1\r\n:2\r\n*3\r\n+@write\r\n+@string\r\n+@slow\r\n*2\r\n$26\r\nrequest_policy:multi_shard\r\n$29\r\nresponse_policy:all_succeeded\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+OW\r\n+update\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:2\r\n$5\r\nlimit\r\n:0\r\n*0\r\n",
      ],
      [
        "COMMAND INFO rename",
        "*1\r\n*10\r\n$6\r\nrename\r\n:3\r\n*1\r\n+write\r\n:1\r\n:2\r\n:1\r\n*3\r\n+@keyspace\r\n+@write\r\n+@slow\r\n*0\r\n*2\r\n*6\r\n$5\r\nflags\r\n*3\r\n+RW\r\n+access\r\n+delete\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*6\r\n$5\r\nflags\r\n*2\r\n+OW\r\n+update\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:2\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n",
      ],
      [
        "COMMAND INFO del expire",
        "*2\r\n*10\r\n$3\r\ndel\r\n:-2\r\n*1\r\n+write\r\n:1\r\n:-1\r\n:1\r\n*3\r\n+@keyspace\r\n+@write\r\n+@slow\r\n*2\r\n$26\r\nrequest_policy:multi_shard\r\n$23\r\nresponse_policy:agg_sum\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RM\r\n+delete\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n*10\r\n$6\r\nexpire\r\n:-3\r\n*2\r\n+write\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@keyspace\r\n+@write\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RW\r\n+update\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n",
      ],
      [
        "COMMAND INFO exec multi watch",
        "*3\r\n*10\r\n$4\r\nexec\r\n:1\r\n*4\r\n+noscript\r\n+loading\r\n+stale\r\n+skip_slowlog\r\n:0\r\n:0\r\n:0\r\n*2\r\n+@slow\r\n+@transaction\r\n*0\r\n*0\r\n*0\r\n*10\r\n$5\r\nmulti\r\n:1\r\n*5\r\n+noscript\r\n+loading\r\n+stale\r\n+fast\r\n+allow_busy\r\n:0\r\n:0\r\n:0\r\n*2\r\n+@fast\r\n+@transaction\r\n*0\r\n*0\r\n*0\r\n*10\r\n$5\r\nwatch\r\n:-2\r\n*5\r\n+noscript\r\n+loading\r\n+stale\r\n+fast\r\n+allow_busy\r\n:1\r\n:-1\r\n:1\r\n*2\r\n+@fast\r\n+@transaction\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*1\r\n+RO\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:-1\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n",
      ],
      [
        "COMMAND INFO config|get client|id",
        "*2\r\n*10\r\n$10\r\nconfig|get\r\n:-3\r\n*4\r\n+admin\r\n+noscript\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n*3\r\n+@admin\r\n+@slow\r\n+@dangerous\r\n*0\r\n*0\r\n*0\r\n*10\r\n$9\r\nclient|id\r\n:2\r\n*3\r\n+noscript\r\n+loading\r\n+stale\r\n:0\r\n:0\r\n:0\r\n*2\r\n+@slow\r\n+@connection\r\n*0\r\n*0\r\n*0\r\n",
      ],
    ],
  },
  {
    name: "COMMAND INFO of what is no command is null",
    steps: [
      ["COMMAND INFO nosuch", "*1\r\n$-1\r\n"],
      ["COMMAND INFO get|set", "*1\r\n$-1\r\n"],
      [
        "COMMAND INFO nosuch get nosuch",
        "*3\r\n$-1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*3\r\n+@read\r\n+@string\r\n+@fast\r\n*0\r\n*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n$-1\r\n",
      ],
    ],
  },
  {
    name: "COMMAND LIST lists names, filtered or not",
    steps: [
      ["COMMAND LIST", /^\*\d+\r\n\$/],
      ["COMMAND LIST FILTERBY PATTERN getran*", "*1\r\n$8\r\ngetrange\r\n"],
      ["COMMAND LIST FILTERBY pattern GETRAN?E", "*1\r\n$8\r\ngetrange\r\n"],
      ["COMMAND LIST FILTERBY PATTERN config|res*", "*1\r\n$16\r\nconfig|resetstat\r\n"],
      ["COMMAND LIST FILTERBY ACLCAT nosuch", "*0\r\n"],
      ["COMMAND LIST FILTERBY MODULE nosuch", "*0\r\n"],
      ["COMMAND LIST FILTERBY ACLCAT keyspace", /^\*\d+\r\n\$/],
    ],
  },
  {
    name: "COMMAND LIST refuses other filters",
    steps: [
      ["COMMAND LIST FILTERBY", "-ERR syntax error\r\n"],
      ["COMMAND LIST FILTERBY NOSUCH x", "-ERR syntax error\r\n"],
      ["COMMAND LIST PATTERN x", "-ERR syntax error\r\n"],
    ],
  },
  {
    name: "COMMAND GETKEYS finds the keys of a request",
    steps: [
      ["COMMAND GETKEYS GET a", "*1\r\n$1\r\na\r\n"],
      ["COMMAND GETKEYS set a b EX 10", "*1\r\n$1\r\na\r\n"],
      ["COMMAND GETKEYS MGET a b c", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"],
      ["COMMAND GETKEYS MSET a 1 b 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"],
      [["COMMAND", "GETKEYS", "DEL", "a", "b c", ""], "*3\r\n$1\r\na\r\n$3\r\nb c\r\n$0\r\n\r\n"],
      ["COMMAND GETKEYS RENAME a b", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"],
      ["COMMAND GETKEYS SORT a LIMIT 0 1 STORE b", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"],
      ["COMMAND GETKEYS SORT a STORE b STORE c", "*2\r\n$1\r\na\r\n$1\r\nc\r\n"],
      ["COMMAND GETKEYS SORT a GET STORE BY STORE", "*1\r\n$1\r\na\r\n"],
      [
        "COMMAND GETKEYSANDFLAGS SORT a STORE b",
        "*2\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n*2\r\n$1\r\nb\r\n*2\r\n+OW\r\n+update\r\n",
      ],
      ["COMMAND GETKEYS COPY a b REPLACE", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"],
      ["COMMAND GETKEYS WATCH a b", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"],
      ["COMMAND GETKEYS EXPIRE a 10 NX", "*1\r\n$1\r\na\r\n"],
    ],
  },
  {
    name: "COMMAND GETKEYS refuses what has no keys",
    steps: [
      ["COMMAND GETKEYS PING", "-ERR wrong number of arguments for 'command|getkeys' command\r\n"],
      ["COMMAND GETKEYS NOSUCH a", "-ERR Invalid command specified\r\n"],
      ["COMMAND GETKEYS GET", "-ERR wrong number of arguments for 'command|getkeys' command\r\n"],
      ["COMMAND GETKEYS GET a b", "-ERR Invalid number of arguments specified for command\r\n"],
      ["COMMAND GETKEYS MGET", "-ERR wrong number of arguments for 'command|getkeys' command\r\n"],
      ["COMMAND GETKEYS CONFIG GET x", "-ERR The command has no key arguments\r\n"],
      ["COMMAND GETKEYS get|set a", "-ERR Invalid command specified\r\n"],
      [
        ["COMMAND", "GETKEYS", ""],
        "-ERR wrong number of arguments for 'command|getkeys' command\r\n",
      ],
    ],
  },
  {
    name: "COMMAND GETKEYSANDFLAGS tells what is done to the keys",
    steps: [
      ["COMMAND GETKEYSANDFLAGS GET a", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RO\r\n+access\r\n"],
      ["COMMAND GETKEYSANDFLAGS SET a b", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n"],
      [
        "COMMAND GETKEYSANDFLAGS SET a b GET",
        "*1\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+update\r\n",
      ],
      [
        "COMMAND GETKEYSANDFLAGS MSET a 1 b 2",
        "*2\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n*2\r\n$1\r\nb\r\n*2\r\n+OW\r\n+update\r\n",
      ],
      [
        "COMMAND GETKEYSANDFLAGS RENAME a b",
        "*2\r\n*2\r\n$1\r\na\r\n*3\r\n+RW\r\n+access\r\n+delete\r\n*2\r\n$1\r\nb\r\n*2\r\n+OW\r\n+update\r\n",
      ],
      ["COMMAND GETKEYSANDFLAGS DEL a", "*1\r\n*2\r\n$1\r\na\r\n*2\r\n+RM\r\n+delete\r\n"],
      [
        "COMMAND GETKEYSANDFLAGS PING",
        "-ERR wrong number of arguments for 'command|getkeysandflags' command\r\n",
      ],
    ],
  },
  {
    name: "COMMAND DOCS describes commands for people",
    steps: [
      [
        "COMMAND DOCS get",
        /^\*2\r\n\$3\r\nget\r\n\*\d+\r\n\$7\r\nsummary\r\n\$\d+\r\n[^\r]+\r\n\$5\r\nsince\r\n\$5\r\n1\.0\.0\r\n\$5\r\ngroup\r\n\$6\r\nstring\r\n/,
      ],
      ["COMMAND DOCS nosuch", "*0\r\n"],
      ["COMMAND DOCS nosuch get", /^\*2\r\n\$3\r\nget\r\n/],
      ["COMMAND DOCS", /^\*\d+\r\n\$/],
    ],
  },
  {
    name: "HELP of a container lists its subcommands",
    steps: [
      [
        "COMMAND HELP",
        /^\*21\r\n\+COMMAND <subcommand> [^]*\r\n\+HELP\r\n\+ {4}Prints this help\.\r\n$/,
      ],
      ["COMMAND HELP x", "-ERR wrong number of arguments for 'command|help' command\r\n"],
      [
        "CONFIG HELP",
        /^\*11\r\n\+CONFIG <subcommand> [^]*\r\n\+HELP\r\n\+ {4}Prints this help\.\r\n$/,
      ],
    ],
  },
];
