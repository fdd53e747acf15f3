/** Cases of MONITOR. The time in each line varies. */
import type { ConformanceCase } from "../case.ts";

/** Whether these are lines of MONITOR that show such requests. */
function shows(...requests: readonly string[]) {
  return {
    send: "",
    on: "second",
    // Statuses: as many replies as there are requests.
    expected: requests.map((request) => `+${request}\r\n`).join(""),
    withoutTimes: true,
  } as const;
}

export const monitorCases: readonly ConformanceCase[] = [
  {
    name: "who monitors sees the requests of all, as they were sent",
    steps: [
      ["MONITOR", "+OK\r\n", "second"],
      ["SET a 1", "+OK\r\n"],
      [["get", 'a "b"\\\r\n\0\xff'], "$-1\r\n"],
      ["CONFIG GET save", /^\*2\r\n/],
      ["NOSUCH", /^-ERR/],
      ["GET", /^-ERR/],
      shows('"SET" "a" "1"', '"get" "a \\"b\\"\\\\\\r\\n\\x00\\xff"'),
    ],
  },
  {
    name: "a transaction is shown with what it runs",
    steps: [
      ["MONITOR", "+OK\r\n", "second"],
      ["MULTI", "+OK\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["EXEC", "*1\r\n+OK\r\n"],
      shows('"MULTI"', '"SET" "a" "1"', '"EXEC"'),
    ],
  },
  {
    name: "passwords are not shown",
    steps: [
      ["MONITOR", "+OK\r\n", "second"],
      ["HELLO 2 AUTH nobody secret", /^-WRONGPASS/],
      shows('"HELLO" "2" "AUTH" "(redacted)" "(redacted)"'),
    ],
  },
  {
    name: "who monitors leaves the keys alone, until RESET",
    steps: [
      ["MONITOR", "+OK\r\n"],
      { send: "GET a\r\n", expected: "-ERR Replica can't interact with the keyspace\r\n" },
      { send: "SET a 1\r\n", expected: "-ERR Replica can't interact with the keyspace\r\n" },
      ["RESET", /RESET/],
      ["GET a", "$-1\r\n"],
    ],
  },
  {
    name: "MONITOR is not for transactions",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["MONITOR", "+QUEUED\r\n"],
      ["EXEC", "*1\r\n-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n"],
    ],
  },
];
