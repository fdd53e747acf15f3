/** Cases of passwords. Each takes away the password that it sets: others follow on the same server. */
import type { ConformanceCase, Exchange } from "../case.ts";

const notAuthenticated = "-NOAUTH Authentication required.\r\n";
const wrongPassword = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const helloRefused =
  "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> " +
  "<pass> option can be used to authenticate the client and select the RESP protocol version at the same " +
  "time\r\n";
/** The third connection comes before there is a password, and takes it away. */
const locked: Exchange = ["CONFIG SET requirepass sesame", "+OK\r\n", "third"];
const unlocked: Exchange = [["CONFIG", "SET", "requirepass", ""], "+OK\r\n", "third"];
const configured = "*2\r\n$11\r\nrequirepass\r\n";

export const securityCases: readonly ConformanceCase[] = [
  {
    name: "without a password, AUTH says so, or takes any for the user that there is",
    steps: [
      [
        "AUTH sesame",
        "-ERR AUTH <password> called without any password configured for the default user. " +
        "Are you sure your configuration is correct?\r\n",
      ],
      ["AUTH default sesame", "+OK\r\n"],
      ["AUTH nobody sesame", wrongPassword],
      ["AUTH a b c", "-ERR syntax error\r\n"],
      ["AUTH", "-ERR wrong number of arguments for 'auth' command\r\n"],
      ["HELLO 2 AUTH nobody sesame", wrongPassword],
      ["CONFIG GET requirepass", `${configured}$0\r\n\r\n`],
      ["GET a", "$-1\r\n"],
    ],
  },
  {
    name: "with a password, who comes later has to give it",
    steps: [
      ["SET a 1", "+OK\r\n", "second"],
      locked,
      ["GET a", notAuthenticated],
      ["INFO", notAuthenticated],
      ["PING", notAuthenticated],
      ["SUBSCRIBE a", notAuthenticated],
      ["CONFIG GET requirepass", notAuthenticated],
      ["CLIENT ID", notAuthenticated],
      ["NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"],
      ["GET", "-ERR wrong number of arguments for 'get' command\r\n"],
      ["AUTH wrong", wrongPassword],
      ["AUTH default wrong", wrongPassword],
      ["AUTH nobody sesame", wrongPassword],
      [["AUTH", ""], wrongPassword],
      ["AUTH sesam", wrongPassword],
      ["AUTH Sesame", wrongPassword],
      ["GET a", notAuthenticated],
      ["AUTH sesame", "+OK\r\n"],
      ["GET a", "$1\r\n1\r\n"],
      ["AUTH wrong", wrongPassword],
      ["GET a", "$1\r\n1\r\n"],
      ["AUTH default sesame", "+OK\r\n"],
      ["CONFIG GET requirepass", `${configured}$6\r\nsesame\r\n`],
      // Who was there before stays.
      ["GET a", "$1\r\n1\r\n", "second"],
      ["RESET", "+RESET\r\n", "second"],
      ["GET a", notAuthenticated, "second"],
      ["QUIT", "+OK\r\n", "second"],
      unlocked,
      ["RESET", "+RESET\r\n"],
      ["GET a", "$1\r\n1\r\n"],
    ],
  },
  {
    name: "HELLO can give the password",
    steps: [
      locked,
      ["HELLO", helloRefused],
      ["HELLO 3", helloRefused],
      ["HELLO 3 SETNAME me", helloRefused],
      ["HELLO 4", "-NOPROTO unsupported protocol version\r\n"],
      ["HELLO 3 AUTH default wrong", wrongPassword],
      ["PING", notAuthenticated],
      ["HELLO 2 AUTH default sesame SETNAME me", /^\*14\r\n\$6\r\nserver\r\n/],
      ["CLIENT GETNAME", "$2\r\nme\r\n"],
      ["HELLO 3", /^%7\r\n/],
      unlocked,
    ],
  },
  {
    name: "transactions before and after the password",
    steps: [
      locked,
      ["MULTI", notAuthenticated],
      ["EXEC", "-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n"],
      ["DISCARD", notAuthenticated],
      ["AUTH sesame", "+OK\r\n"],
      ["MULTI", "+OK\r\n"],
      ["AUTH wrong", "+QUEUED\r\n"],
      ["AUTH sesame", "+QUEUED\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["EXEC", `*3\r\n${wrongPassword}+OK\r\n+OK\r\n`],
      ["MULTI", "+OK\r\n"],
      ["RESET", "+RESET\r\n"],
      ["EXEC", "-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n"],
      unlocked,
    ],
  },
  {
    name: "a pipeline that begins with the password",
    steps: [
      locked,
      {
        send: "GET a\r\nAUTH sesame\r\nSET a 1\r\nGET a\r\n",
        expected: `${notAuthenticated}+OK\r\n+OK\r\n$1\r\n1\r\n`,
      },
      {
        send: `AUTH sesame\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$20000\r\n${"x".repeat(20000)}\r\n` +
          `*12\r\n$6\r\nEXISTS\r\n${"$1\r\na\r\n".repeat(11)}`,
        expected: "+OK\r\n+OK\r\n:11\r\n",
        on: "second",
      },
      unlocked,
    ],
  },
  {
    name: "without the password, requests have to be small",
    steps: [
      locked,
      {
        send: `*10\r\n$6\r\nEXISTS\r\n${"$1\r\na\r\n".repeat(9)}`,
        expected: notAuthenticated,
      },
      {
        send: "*11\r\n$6\r\nEXISTS\r\n",
        expected: "-ERR Protocol error: unauthenticated multibulk length\r\n",
        closes: true,
      },
      {
        send: `*2\r\n$4\r\nPING\r\n$16384\r\n${"x".repeat(16384)}\r\n`,
        expected: notAuthenticated,
        on: "second",
      },
      {
        send: "*2\r\n$4\r\nPING\r\n$16385\r\n",
        expected: "-ERR Protocol error: unauthenticated bulk length\r\n",
        closes: true,
        on: "second",
      },
      {
        send: `PING\r\nPING\r\n*11\r\n$6\r\nEXISTS\r\n`,
        expected: `${notAuthenticated}${notAuthenticated}` +
          "-ERR Protocol error: unauthenticated multibulk length\r\n",
        closes: true,
      },
      unlocked,
    ],
  },
  {
    name: "passwords are in no log",
    steps: [
      ["CONFIG SET slowlog-log-slower-than 0", "+OK\r\n"],
      ["SLOWLOG RESET", "+OK\r\n"],
      locked,
      ["AUTH sesame", "+OK\r\n"],
      ["AUTH default sesame", "+OK\r\n"],
      ["HELLO 2 AUTH default sesame", /^\*14/],
      unlocked,
      [
        "SLOWLOG GET",
        (reply) => !reply.includes("sesame") && reply.split("(redacted)").length === 8,
      ],
      ["CONFIG SET slowlog-log-slower-than 10000", "+OK\r\n"],
      ["SLOWLOG RESET", "+OK\r\n"],
    ],
  },
];
