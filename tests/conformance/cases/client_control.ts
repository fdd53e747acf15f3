/** Cases of the subcommands of CLIENT that act on connections. Those that need ids are in clients.test.ts. */
import type { ConformanceCase } from "../case.ts";

const syntaxError = "-ERR syntax error\r\n";

export const clientControlCases: readonly ConformanceCase[] = [
  {
    name: "CLIENT REPLY OFF silences a connection until ON",
    steps: [
      {
        send: "CLIENT REPLY OFF\r\nPING\r\nSET a 1\r\nNOSUCH\r\nGET\r\nCLIENT REPLY ON\r\nPING\r\n",
        expected: "+OK\r\n+PONG\r\n",
      },
      ["GET a", "$1\r\n1\r\n"],
      {
        send: "CLIENT REPLY OFF\r\nCLIENT REPLY SKIP\r\nPING\r\nCLIENT REPLY ON\r\nGET a\r\n",
        expected: "+OK\r\n$1\r\n1\r\n",
      },
    ],
  },
  {
    name: "CLIENT REPLY SKIP silences the next request",
    steps: [
      { send: "CLIENT REPLY SKIP\r\nINCR n\r\nINCR n\r\n", expected: ":2\r\n" },
      { send: "CLIENT REPLY SKIP\r\nNOSUCH\r\nINCR n\r\n", expected: ":3\r\n" },
      {
        send: "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nINCR n\r\nINCR n\r\n",
        expected: ":5\r\n",
      },
      { send: "CLIENT REPLY SKIP\r\nCLIENT REPLY ON\r\nINCR n\r\n", expected: "+OK\r\n:6\r\n" },
      {
        send: "CLIENT REPLY SKIP\r\nMULTI\r\nINCR n\r\nEXEC\r\n",
        expected: "+QUEUED\r\n*1\r\n:7\r\n",
      },
    ],
  },
  {
    name: "CLIENT REPLY in a transaction",
    steps: [
      {
        send: "MULTI\r\nCLIENT REPLY SKIP\r\nINCR n\r\nEXEC\r\nINCR n\r\nINCR n\r\n",
        expected: "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:3\r\n",
      },
      {
        send: "CLIENT REPLY OFF\r\nMULTI\r\nINCR n\r\nEXEC\r\nCLIENT REPLY ON\r\nGET n\r\n",
        expected: "+OK\r\n$1\r\n4\r\n",
      },
    ],
  },
  {
    name: "RESET after CLIENT REPLY OFF is replied to, after SKIP it is not",
    steps: [
      { send: "CLIENT REPLY OFF\r\nPING\r\nRESET\r\nPING\r\n", expected: "+RESET\r\n+PONG\r\n" },
      { send: "CLIENT REPLY SKIP\r\nRESET\r\nPING\r\n", expected: "+PONG\r\n" },
    ],
  },
  {
    name: "CLIENT REPLY refuses what makes no sense",
    steps: [
      ["CLIENT REPLY", "-ERR wrong number of arguments for 'client|reply' command\r\n"],
      ["CLIENT REPLY FOO", syntaxError],
      ["CLIENT REPLY ON", "+OK\r\n"],
    ],
  },
  {
    name: "CLIENT PAUSE WRITE keeps writing requests back until CLIENT UNPAUSE",
    steps: [
      ["CLIENT PAUSE 100000 WRITE", "+OK\r\n"],
      ["GET a", "$-1\r\n", "second"],
      { send: "SET a 1\r\nGET a\r\n", expected: "", on: "second" },
      ["GET a", "$-1\r\n"],
      ["CLIENT LIST", / flags=bU [^\n]*cmd=set /],
      ["INFO clients", /\r\nblocked_clients:1\r\n/],
      ["CLIENT UNPAUSE", "+OK\r\n"],
      { send: "", expected: "+OK\r\n$1\r\n1\r\n", on: "second" },
      ["GET a", "$1\r\n1\r\n"],
      ["INFO clients", /\r\nblocked_clients:0\r\n/],
    ],
  },
  {
    name: "CLIENT PAUSE WRITE keeps an EXEC back that writes, and what is to be queued for it",
    steps: [
      ["MULTI", "+OK\r\n", "second"],
      ["SET a 1", "+QUEUED\r\n", "second"],
      ["MULTI", "+OK\r\n", "third"],
      ["GET a", "+QUEUED\r\n", "third"],
      ["CLIENT PAUSE 100000 write", "+OK\r\n"],
      { send: "EXEC\r\n", expected: "", on: "second" },
      ["EXEC", "*1\r\n$-1\r\n", "third"],
      ["MULTI", "+OK\r\n", "third"],
      ["GET a", "+QUEUED\r\n", "third"],
      { send: "SET b 1\r\nEXEC\r\n", expected: "", on: "third" },
      ["CLIENT UNPAUSE", "+OK\r\n"],
      { send: "", expected: "*1\r\n+OK\r\n", on: "second" },
      { send: "", expected: "+QUEUED\r\n*2\r\n$1\r\n1\r\n+OK\r\n", on: "third" },
    ],
  },
  {
    name: "CLIENT PAUSE answers an EXEC at once whose transaction has failed",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["NOSUCH", /^-ERR unknown command/],
      ["SET a 1", "+QUEUED\r\n"],
      ["CLIENT PAUSE 100000 WRITE", "+OK\r\n", "second"],
      ["EXEC", "-EXECABORT Transaction discarded because of previous errors.\r\n"],
      ["CLIENT UNPAUSE", "+OK\r\n", "second"],
    ],
  },
  {
    name: "CLIENT PAUSE answers what is refused at once",
    steps: [
      ["CLIENT PAUSE 100000 WRITE", "+OK\r\n"],
      ["SET a", "-ERR wrong number of arguments for 'set' command\r\n", "second"],
      ["NOSUCH", /^-ERR unknown command/, "second"],
      ["CLIENT UNPAUSE", "+OK\r\n", "second"],
      ["SET a 1", "+OK\r\n", "second"],
    ],
  },
  {
    name: "CLIENT PAUSE keeps everything back until its time is over",
    steps: [
      { send: "CLIENT PAUSE 100\r\nPING\r\n", expected: "+OK\r\n+PONG\r\n" },
      { send: "CLIENT PAUSE 50 ALL\r\nCLIENT UNPAUSE\r\n", expected: "+OK\r\n+OK\r\n" },
      ["CLIENT PAUSE 0", "+OK\r\n"],
      ["PING", "+PONG\r\n"],
      ["CLIENT PAUSE 100000 WRITE", "+OK\r\n"],
      ["CLIENT PAUSE 1 WRITE", "+OK\r\n"],
      { send: "SET a 1\r\n", expected: "", on: "second" },
      ["GET a", "$-1\r\n"],
      ["CLIENT UNPAUSE", "+OK\r\n"],
      { send: "", expected: "+OK\r\n", on: "second" },
    ],
  },
  {
    name: "CLIENT PAUSE refuses what makes no sense",
    steps: [
      ["CLIENT PAUSE", "-ERR wrong number of arguments for 'client|pause' command\r\n"],
      ["CLIENT PAUSE abc", "-ERR timeout is not an integer or out of range\r\n"],
      ["CLIENT PAUSE -1", "-ERR timeout is negative\r\n"],
      ["CLIENT PAUSE 1 FOO", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"],
      ["CLIENT PAUSE abc FOO", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"],
      [
        "client Pause 1 ALL x",
        "-ERR unknown subcommand or wrong number of arguments for 'Pause'. Try CLIENT HELP.\r\n",
      ],
      ["CLIENT UNPAUSE", "+OK\r\n"],
      ["CLIENT UNPAUSE x", "-ERR wrong number of arguments for 'client|unpause' command\r\n"],
    ],
  },
  {
    name: "CLIENT KILL refuses what makes no sense, in the order of its options",
    steps: [
      ["CLIENT KILL", "-ERR wrong number of arguments for 'client|kill' command\r\n"],
      ["CLIENT KILL 1.2.3.4:5", "-ERR No such client\r\n"],
      ["CLIENT KILL ID 999999999", ":0\r\n"],
      ["CLIENT KILL ID 0", "-ERR client-id should be greater than 0\r\n"],
      ["CLIENT KILL ID -1", "-ERR client-id should be greater than 0\r\n"],
      ["CLIENT KILL ID abc", "-ERR client-id should be greater than 0\r\n"],
      ["CLIENT KILL TYPE nosuch", "-ERR Unknown client type 'nosuch'\r\n"],
      ["CLIENT KILL TYPE pubsub", ":0\r\n"],
      ["CLIENT KILL TYPE master", ":0\r\n"],
      ["CLIENT KILL TYPE replica", ":0\r\n"],
      ["CLIENT KILL TYPE slave", ":0\r\n"],
      ["CLIENT KILL USER nosuch", "-ERR No such user 'nosuch'\r\n"],
      ["CLIENT KILL ADDR 1.2.3.4:5", ":0\r\n"],
      ["CLIENT KILL LADDR 1.2.3.4:5 USER default", ":0\r\n"],
      ["CLIENT KILL SKIPME maybe", syntaxError],
      ["CLIENT KILL FOO bar", syntaxError],
      ["CLIENT KILL ID 999999999 TYPE", syntaxError],
      ["CLIENT KILL ID 0 FOO bar", "-ERR client-id should be greater than 0\r\n"],
      ["CLIENT KILL FOO bar ID 0", syntaxError],
      ["PING", "+PONG\r\n"],
    ],
  },
  {
    name: "CLIENT NO-EVICT is a flag of the connection",
    steps: [
      ["CLIENT NO-EVICT ON", "+OK\r\n"],
      ["CLIENT INFO", / flags=Ue /],
      ["CLIENT NO-EVICT off", "+OK\r\n"],
      ["CLIENT INFO", / flags=U /],
      ["CLIENT NO-EVICT FOO", syntaxError],
      ["CLIENT NO-EVICT", "-ERR wrong number of arguments for 'client|no-evict' command\r\n"],
    ],
  },
  {
    name: "CLIENT UNBLOCK finds nobody who waits",
    steps: [
      ["CLIENT UNBLOCK 999999999", ":0\r\n"],
      ["CLIENT UNBLOCK 999999999 TIMEOUT", ":0\r\n"],
      ["CLIENT UNBLOCK 999999999 error", ":0\r\n"],
      ["CLIENT UNBLOCK -1", ":0\r\n"],
      ["CLIENT UNBLOCK abc", "-ERR value is not an integer or out of range\r\n"],
      ["CLIENT UNBLOCK abc FOO", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n"],
      [
        "CLIENT UNBLOCK 1 ERROR x",
        "-ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.\r\n",
      ],
    ],
  },
  {
    name: "CLIENT LIST tells of a watched key that has changed",
    steps: [
      ["WATCH a", "+OK\r\n", "second"],
      ["CLIENT INFO", / flags=U /, "second"],
      ["SET a 1", "+OK\r\n"],
      ["CLIENT INFO", / flags=dU /, "second"],
      ["MULTI", "+OK\r\n", "second"],
      ["CLIENT LIST", / flags=xdU [^\n]* multi=0 /],
    ],
  },
  {
    name: "CLIENT LIST has redis-server's fields in its order",
    steps: [
      [
        "CLIENT LIST",
        /^\$\d+\r\n(id=\d+ addr=\S+:0 laddr=\S+:0 fd=-?\d+ name=\S* age=\d+ idle=\d+ flags=[a-zA-Z]+ db=0 sub=0 psub=0 ssub=0 multi=-?\d+ qbuf=\d+ qbuf-free=\d+ argv-mem=\d+ multi-mem=\d+ rbs=\d+ rbp=\d+ obl=\d+ oll=\d+ omem=\d+ tot-mem=\d+ events=r?w? cmd=\S+ user=default redir=-1 resp=[23][^\n]*\n)+\r\n$/,
      ],
      // What was sent, and the arguments in it.
      [
        ["CLIENT", "INFO"],
        / multi=-1 qbuf=26 qbuf-free=\d+ argv-mem=10 multi-mem=0 /,
      ],
    ],
  },
];
