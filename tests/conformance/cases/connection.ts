/** Cases of the commands on the connection itself. */
import type { ConformanceCase } from "../case.ts";

export const connectionCases: readonly ConformanceCase[] = [
  {
    name: "what a browser sends is not taken for requests",
    steps: [
      { send: "POST / HTTP/1.1\r\nX: y\r\n\r\nSET a 1\r\n", expected: "", closes: true },
      {
        send: "*1\r\n$5\r\nhost:\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n",
        expected: "",
        closes: true,
        on: "second",
      },
    ],
  },
  {
    name: "what follows POST was not done",
    steps: [["GET a", "$-1\r\n"]],
  },
  {
    name: "PING answers PONG, or its argument",
    steps: [
      ["PING", "+PONG\r\n"],
      ["PING hello", "$5\r\nhello\r\n"],
      [["PING", ""], "$0\r\n\r\n"],
      [["PING", "a b\r\n\0"], "$6\r\na b\r\n\0\r\n"],
      ["ping", "+PONG\r\n"],
    ],
  },
  {
    name: "ECHO returns its argument",
    steps: [
      ["ECHO hello", "$5\r\nhello\r\n"],
      [["ECHO", ""], "$0\r\n\r\n"],
      [["ECHO", "\0\r\n\xff"], "$4\r\n\0\r\n\xff\r\n"],
    ],
  },
  {
    name: "SELECT 0 is the database that is there",
    steps: [
      ["SELECT 0", "+OK\r\n"],
      ["SELECT abc", "-ERR value is not an integer or out of range\r\n"],
      ["SELECT 1.5", "-ERR value is not an integer or out of range\r\n"],
      [["SELECT", ""], "-ERR value is not an integer or out of range\r\n"],
      ["SELECT -1", "-ERR DB index is out of range\r\n"],
      ["SELECT 99999", "-ERR DB index is out of range\r\n"],
      [
        "SELECT 2147483648",
        "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n",
      ],
      ["SELECT 9223372036854775808", "-ERR value is not an integer or out of range\r\n"],
    ],
  },
  {
    name: "QUIT answers and closes the connection",
    steps: [
      { send: "*1\r\n$4\r\nQUIT\r\n", expected: "+OK\r\n", closes: true },
      ["PING", "+PONG\r\n"],
    ],
  },
  {
    name: "QUIT leaves what follows it alone",
    steps: [
      { send: "SET a 1\r\nQUIT\r\nSET a 2\r\nPING\r\n", expected: "+OK\r\n+OK\r\n", closes: true },
      ["GET a", "$1\r\n1\r\n"],
    ],
  },
  {
    name: "QUIT is not queued in a transaction",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      { send: "QUIT\r\n", expected: "+OK\r\n", closes: true },
      ["GET a", "$-1\r\n"],
    ],
  },
  {
    name: "HELLO without arguments describes the server",
    steps: [
      [
        "HELLO",
        /^\*14\r\n\$6\r\nserver\r\n\$5\r\nredis\r\n\$7\r\nversion\r\n\$\d\r\n7\.0\.\d+\r\n\$5\r\nproto\r\n:2\r\n\$2\r\nid\r\n:\d+\r\n\$4\r\nmode\r\n\$10\r\nstandalone\r\n\$4\r\nrole\r\n\$6\r\nmaster\r\n\$7\r\nmodules\r\n\*0\r\n$/,
      ],
      ["HELLO 2", /^\*14\r\n/],
      ["PING", "+PONG\r\n"],
    ],
  },
  {
    name: "HELLO refuses versions that there are not",
    steps: [
      ["HELLO 1", "-NOPROTO unsupported protocol version\r\n"],
      ["HELLO 4", "-NOPROTO unsupported protocol version\r\n"],
      ["HELLO 0", "-NOPROTO unsupported protocol version\r\n"],
      ["HELLO -1", "-NOPROTO unsupported protocol version\r\n"],
      ["HELLO abc", "-ERR Protocol version is not an integer or out of range\r\n"],
      ["HELLO 2.0", "-ERR Protocol version is not an integer or out of range\r\n"],
      [["HELLO", ""], "-ERR Protocol version is not an integer or out of range\r\n"],
      ["HELLO 99999999999999999999", "-ERR Protocol version is not an integer or out of range\r\n"],
      ["PING", "+PONG\r\n"],
    ],
  },
  {
    name: "HELLO with SETNAME names the connection",
    steps: [
      ["HELLO 2 SETNAME worker", /^\*14\r\n/],
      ["CLIENT GETNAME", "$6\r\nworker\r\n"],
      ["HELLO 2", /^\*14\r\n/],
      ["CLIENT GETNAME", "$6\r\nworker\r\n"],
    ],
  },
  {
    name: "HELLO with AUTH takes the default user",
    steps: [
      ["HELLO 2 AUTH default any", /^\*14\r\n/],
      ["HELLO 2 AUTH default any SETNAME both", /^\*14\r\n/],
      ["CLIENT GETNAME", "$4\r\nboth\r\n"],
      [
        "HELLO 2 AUTH nobody any",
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n",
      ],
    ],
  },
  {
    name: "HELLO refuses options that make no sense",
    steps: [
      ["HELLO 2 FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n"],
      ["HELLO 2 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n"],
      ["HELLO 2 AUTH default", "-ERR Syntax error in HELLO option 'AUTH'\r\n"],
      [
        ["HELLO", "2", "SETNAME", "a b"],
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
      ],
      [
        ["HELLO", "2", "SETNAME", "a\n"],
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
      ],
      ["CLIENT GETNAME", "$-1\r\n"],
      ["HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n"],
      ["PING", "+PONG\r\n"],
    ],
  },
  {
    name: "RESET brings the connection back to where it began",
    steps: [
      ["CLIENT SETNAME worker", "+OK\r\n"],
      ["RESET", "+RESET\r\n"],
      ["CLIENT GETNAME", "$-1\r\n"],
      ["HELLO 3", /^%7\r\n/],
      ["GET missing", "_\r\n"],
      ["RESET", "+RESET\r\n"],
      ["GET missing", "$-1\r\n"],
    ],
  },
  {
    name: "CLIENT ID counts connections",
    steps: [
      ["CLIENT ID", /^:\d+\r\n$/],
      ["CLIENT ID", /^:\d+\r\n$/, "second"],
    ],
  },
  {
    name: "CLIENT SETNAME names the connection, and an empty name takes it off",
    steps: [
      ["CLIENT GETNAME", "$-1\r\n"],
      ["CLIENT SETNAME worker-1", "+OK\r\n"],
      ["CLIENT GETNAME", "$8\r\nworker-1\r\n"],
      ["CLIENT GETNAME", "$-1\r\n", "second"],
      [["CLIENT", "SETNAME", ""], "+OK\r\n"],
      ["CLIENT GETNAME", "$-1\r\n"],
    ],
  },
  {
    name: "CLIENT SETNAME refuses spaces and control characters",
    steps: [
      [
        ["CLIENT", "SETNAME", "a b"],
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
      ],
      [
        ["CLIENT", "SETNAME", "a\n"],
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
      ],
      [
        ["CLIENT", "SETNAME", "\xff"],
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
      ],
      [
        ["CLIENT", "SETNAME", " "],
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n",
      ],
      ["CLIENT GETNAME", "$-1\r\n"],
    ],
  },
  {
    name: "CLIENT LIST and INFO describe connections, one a line",
    steps: [
      ["CLIENT SETNAME me", "+OK\r\n"],
      [
        "CLIENT INFO",
        /^\$\d+\r\nid=\d+ addr=\S+:0 laddr=\S+:0 fd=-?\d+ name=me age=\d+ idle=\d+ flags=U db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=\d+ qbuf-free=\d+ argv-mem=\d+ multi-mem=0 rbs=\d+ rbp=\d+ obl=\d+ oll=\d+ omem=\d+ tot-mem=\d+ events=r cmd=client\|info user=default redir=-1 resp=2[^\n]*\n\r\n$/,
      ],
      ["CLIENT SETNAME other", "+OK\r\n", "second"],
      [
        "CLIENT LIST",
        /^\$\d+\r\n(id=[^\n]+\n)*id=[^\n]+ name=me [^\n]*cmd=client\|list [^\n]*\nid=[^\n]+ name=other [^\n]*cmd=client\|setname [^\n]*\n\r\n$/,
      ],
      ["CLIENT LIST TYPE normal", /^\$\d+\r\n(id=[^\n]+\n){3,}\r\n$/],
      ["CLIENT LIST TYPE pubsub", "$0\r\n\r\n"],
      ["CLIENT LIST TYPE master", "$0\r\n\r\n"],
      ["CLIENT LIST TYPE replica", "$0\r\n\r\n"],
      ["CLIENT LIST ID 999999999", "$0\r\n\r\n"],
      ["MULTI", "+OK\r\n", "second"],
      ["PING", "+QUEUED\r\n", "second"],
      ["CLIENT LIST", /\n[^\n]* name=other [^\n]* flags=xU [^\n]* multi=1 [^\n]*\n\r\n$/],
    ],
  },
  {
    name: "CLIENT LIST refuses options that make no sense",
    steps: [
      ["CLIENT LIST TYPE nonsense", "-ERR Unknown client type 'nonsense'\r\n"],
      ["CLIENT LIST TYPE", "-ERR syntax error\r\n"],
      ["CLIENT LIST ID", "-ERR syntax error\r\n"],
      ["CLIENT LIST ID abc", "-ERR Invalid client ID\r\n"],
      ["CLIENT LIST FOO", "-ERR syntax error\r\n"],
      ["CLIENT LIST FOO bar", "-ERR syntax error\r\n"],
    ],
  },
  {
    name: "subcommands that there are not are refused",
    steps: [
      ["CLIENT NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.\r\n"],
      ["CLIENT nosuch a b", "-ERR unknown subcommand 'nosuch'. Try CLIENT HELP.\r\n"],
      ["CONFIG NOSUCH x", "-ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP.\r\n"],
      ["COMMAND NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try COMMAND HELP.\r\n"],
      [["CLIENT", ""], "-ERR unknown subcommand ''. Try CLIENT HELP.\r\n"],
    ],
  },
  {
    name: "unknown commands are refused with the beginning of their arguments",
    steps: [
      ["NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"],
      ["nosuch a", "-ERR unknown command 'nosuch', with args beginning with: 'a' \r\n"],
      [
        ["NOSUCH", "a", "b", "c d"],
        "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' 'c d' \r\n",
      ],
      [["NOSUCH", ""], "-ERR unknown command 'NOSUCH', with args beginning with: '' \r\n"],
      [
        ["NOSUCH", "a\r\nb", "\0\xff"],
        "-ERR unknown command 'NOSUCH', with args beginning with: 'a  b' '' \r\n",
      ],
      [[""], "-ERR unknown command '', with args beginning with: \r\n"],
      [[" GET", "a"], "-ERR unknown command ' GET', with args beginning with: 'a' \r\n"],
      [["GET ", "a"], "-ERR unknown command 'GET ', with args beginning with: 'a' \r\n"],
    ],
  },
  {
    name: "the error of an unknown command shows at most 128 characters of each part",
    steps: [
      [
        ["x".repeat(200)],
        "-ERR unknown command '" + "x".repeat(128) + "', with args beginning with: \r\n",
      ],
      [
        ["NOSUCH", "y".repeat(200)],
        "-ERR unknown command 'NOSUCH', with args beginning with: '" + "y".repeat(128) + "' \r\n",
      ],
      [
        "NOSUCH yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz more",
        "-ERR unknown command 'NOSUCH', with args beginning with: '" + "y".repeat(100) +
        "' 'zzzzzzzzzzzzzzzzzzzzzzzzz' \r\n",
      ],
      [
        "NOSUCH 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40",
        "-ERR unknown command 'NOSUCH', with args beginning with: '1' '2' '3' '4' '5' '6' '7' '8' '9' '10' '11' '12' '13' '14' '15' '16' '17' '18' '19' '20' '21' '22' '23' '24' '25' '26' '27' '28' \r\n",
      ],
    ],
  },
];
