/** Cases of MULTI, EXEC and DISCARD. */
import type { ConformanceCase } from "../case.ts";

export const transactionCases: readonly ConformanceCase[] = [
  {
    name: "EXEC runs what was queued since MULTI, in order",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["INCR a", "+QUEUED\r\n"],
      ["GET a", "+QUEUED\r\n"],
      ["MGET a missing", "+QUEUED\r\n"],
      ["EXEC", "*4\r\n+OK\r\n:2\r\n$1\r\n2\r\n*2\r\n$1\r\n2\r\n$-1\r\n"],
      ["GET a", "$1\r\n2\r\n"],
    ],
  },
  {
    name: "nothing of a transaction is seen before EXEC",
    steps: [
      ["SET a 1", "+OK\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SET a 2", "+QUEUED\r\n"],
      ["GET a", "$1\r\n1\r\n", "second"],
      ["EXEC", "*1\r\n+OK\r\n"],
      ["GET a", "$1\r\n2\r\n", "second"],
    ],
  },
  {
    name: "EXEC of an empty transaction returns an empty array",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["EXEC", "*0\r\n"],
    ],
  },
  {
    name: "DISCARD forgets what was queued",
    steps: [
      ["SET a 1", "+OK\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SET a 2", "+QUEUED\r\n"],
      ["DISCARD", "+OK\r\n"],
      ["GET a", "$1\r\n1\r\n"],
      ["EXEC", "-ERR EXEC without MULTI\r\n"],
    ],
  },
  {
    name: "EXEC and DISCARD need a MULTI",
    steps: [
      ["EXEC", "-ERR EXEC without MULTI\r\n"],
      ["DISCARD", "-ERR DISCARD without MULTI\r\n"],
      ["MULTI", "+OK\r\n"],
      ["DISCARD", "+OK\r\n"],
      ["DISCARD", "-ERR DISCARD without MULTI\r\n"],
    ],
  },
  {
    name: "MULTI cannot be nested, and the transaction goes on",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["MULTI", "-ERR MULTI calls can not be nested\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["EXEC", "*1\r\n+OK\r\n"],
      ["GET a", "$1\r\n1\r\n"],
    ],
  },
  {
    name: "WATCH inside of MULTI is refused, and the transaction goes on",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["WATCH a", "-ERR WATCH inside MULTI is not allowed\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["EXEC", "*1\r\n+OK\r\n"],
    ],
  },
  {
    name: "UNWATCH, PING and ECHO are queued like anything else",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["UNWATCH", "+QUEUED\r\n"],
      ["PING", "+QUEUED\r\n"],
      ["ECHO hi", "+QUEUED\r\n"],
      ["SELECT 0", "+QUEUED\r\n"],
      ["EXEC", "*4\r\n+OK\r\n+PONG\r\n$2\r\nhi\r\n+OK\r\n"],
    ],
  },
  {
    name: "a request that cannot be queued makes EXEC fail",
    steps: [
      ["SET a 1", "+OK\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SET a 2", "+QUEUED\r\n"],
      ["NOSUCH x", "-ERR unknown command 'NOSUCH', with args beginning with: 'x' \r\n"],
      ["SET a 3", "+QUEUED\r\n"],
      ["EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
      ["GET a", "$1\r\n1\r\n"],
      ["MULTI", "+OK\r\n"],
      ["GET", "-ERR wrong number of arguments for 'get' command\r\n"],
      ["EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SET a", "-ERR wrong number of arguments for 'set' command\r\n"],
      ["DISCARD", "+OK\r\n"],
      ["GET a", "$1\r\n1\r\n"],
    ],
  },
  {
    name: "wrong numbers of arguments for MULTI, EXEC and DISCARD make EXEC fail too",
    steps: [
      ["MULTI", "+OK\r\n"],
      [
        "EXEC now",
        "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n",
      ],
      ["EXEC", "-ERR EXEC without MULTI\r\n"],
      ["MULTI", "+OK\r\n"],
      ["DISCARD now", "-ERR wrong number of arguments for 'discard' command\r\n"],
      ["EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
      ["MULTI", "+OK\r\n"],
      ["MULTI now", "-ERR wrong number of arguments for 'multi' command\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
    ],
  },
  {
    name: "an error inside of EXEC does not undo the others",
    steps: [
      ["SET text abc", "+OK\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["INCR text", "+QUEUED\r\n"],
      ["SET b 2 EX 0", "+QUEUED\r\n"],
      ["INCR a", "+QUEUED\r\n"],
      [
        "EXEC",
        "*4\r\n+OK\r\n-ERR value is not an integer or out of range\r\n-ERR invalid expire time in 'set' command\r\n:2\r\n",
      ],
      ["MGET a b text", "*3\r\n$1\r\n2\r\n$-1\r\n$3\r\nabc\r\n"],
    ],
  },
  {
    name: "errors of options show in EXEC only",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["SET a 1 FOO", "+QUEUED\r\n"],
      ["SETRANGE a -1 x", "+QUEUED\r\n"],
      ["EXEC", "*2\r\n-ERR syntax error\r\n-ERR offset is out of range\r\n"],
    ],
  },
  {
    name: "a transaction sees its own writes and deadlines",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["SET a 1 PXAT 4102444800000", "+QUEUED\r\n"],
      ["PEXPIRETIME a", "+QUEUED\r\n"],
      ["PERSIST a", "+QUEUED\r\n"],
      ["TTL a", "+QUEUED\r\n"],
      ["DEL a", "+QUEUED\r\n"],
      ["GET a", "+QUEUED\r\n"],
      ["DBSIZE", "+QUEUED\r\n"],
      ["EXEC", "*7\r\n+OK\r\n:4102444800000\r\n:1\r\n:-1\r\n:1\r\n$-1\r\n:0\r\n"],
    ],
  },
  {
    name: "FLUSHALL inside of a transaction is one of its commands",
    steps: [
      ["SET a 1", "+OK\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SET b 1", "+QUEUED\r\n"],
      ["FLUSHALL", "+QUEUED\r\n"],
      ["SET c 1", "+QUEUED\r\n"],
      ["DBSIZE", "+QUEUED\r\n"],
      ["EXEC", "*4\r\n+OK\r\n+OK\r\n+OK\r\n:1\r\n"],
      ["MGET a b c", "*3\r\n$-1\r\n$-1\r\n$1\r\n1\r\n"],
    ],
  },
  {
    name: "RESET leaves the transaction and forgets the watched keys",
    steps: [
      ["SET a 1", "+OK\r\n"],
      ["WATCH a", "+OK\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SET a 2", "+QUEUED\r\n"],
      ["RESET", "+RESET\r\n"],
      ["EXEC", "-ERR EXEC without MULTI\r\n"],
      ["GET a", "$1\r\n1\r\n"],
    ],
  },
  {
    name: "a transaction of one connection is not that of another",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["EXEC", "-ERR EXEC without MULTI\r\n", "second"],
      ["SET a 1", "+OK\r\n", "second"],
      ["GET a", "+QUEUED\r\n"],
      ["EXEC", "*1\r\n$1\r\n1\r\n"],
    ],
  },
  {
    name: "a transaction can be sent in one go",
    steps: [
      {
        send: "MULTI\r\nSET a 1\r\nINCR a\r\nEXEC\r\nGET a\r\n",
        expected: "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n$1\r\n2\r\n",
      },
    ],
  },
  {
    name: "what cannot be part of a transaction makes EXEC fail",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["SAVE", "-ERR Command not allowed inside a transaction\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
      ["MULTI", "+OK\r\n"],
      ["SHUTDOWN", "-ERR Command not allowed inside a transaction\r\n"],
      ["EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
      ["MULTI", "+OK\r\n"],
      ["CLIENT NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.\r\n"],
      ["EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
      ["GET a", "$-1\r\n"],
    ],
  },
  {
    name: "questions about the server can be part of a transaction",
    steps: [
      ["CLIENT SETNAME me", "+OK\r\n"],
      ["MULTI", "+OK\r\n"],
      ["CLIENT GETNAME", "+QUEUED\r\n"],
      ["CONFIG GET timeout", "+QUEUED\r\n"],
      ["COMMAND GETKEYS GET a", "+QUEUED\r\n"],
      ["CLIENT SETNAME you", "+QUEUED\r\n"],
      ["CLIENT GETNAME", "+QUEUED\r\n"],
      [
        "EXEC",
        "*5\r\n$2\r\nme\r\n*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n+OK\r\n$3\r\nyou\r\n",
      ],
    ],
  },
  {
    name: "DEBUG that is not allowed is refused before it is queued",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["DEBUG SLEEP 0", /^-ERR DEBUG command not allowed\./],
      ["EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
    ],
  },
];
