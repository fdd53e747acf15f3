/** Cases of CLIENT TRACKING: who is told of which key's change. */
import { arrives, type ConformanceCase, type Step } from "../case.ts";

const ok = "+OK\r\n";

function invalid(...keys: readonly string[]): string {
  const listed = keys.map((key) => `$${key.length}\r\n${key}\r\n`).join("");
  return `>2\r\n$10\r\ninvalidate\r\n*${keys.length}\r\n${listed}`;
}

/** The second connection speaks RESP3 and tracks. */
function tracks(options = ""): readonly Step[] {
  return [
    ["HELLO 3", /^%7\r\n/, "second"],
    [`CLIENT TRACKING ON${options}`, ok, "second"],
  ];
}

const switched = (mode: string) =>
  `-ERR You can't switch ${mode} before disabling tracking for this client, and then re-enabling it ` +
  "with a different mode.\r\n";

export const trackingCases: readonly ConformanceCase[] = [
  {
    name: "a client is told once of the change of a key that it read",
    steps: [
      ...tracks(),
      ["GET a", "_\r\n", "second"],
      ["SET a 1", ok],
      arrives("second", invalid("a")),
      ["SET a 2", ok],
      ["SET other 2", ok],
      ["PING", "+PONG\r\n", "second"],
      ["GET a", "$1\r\n2\r\n", "second"],
      ["DEL a", ":1\r\n"],
      arrives("second", invalid("a")),
    ],
  },
  {
    name: "all keys of a reading command count, none of a writing one",
    steps: [
      ...tracks(),
      ["MGET a b", "*2\r\n_\r\n_\r\n", "second"],
      ["SET c 1", ok, "second"],
      ["INCR d", ":1\r\n", "second"],
      ["SET c 2", ok],
      ["INCR d", ":2\r\n"],
      ["SET b 1", ok],
      arrives("second", invalid("b")),
      ["MSET a 1 b 2", ok],
      arrives("second", invalid("a")),
    ],
  },
  {
    name: "what changed while a client did not track is not told of when it does again",
    steps: [
      ...tracks(),
      ["GET a", "_\r\n", "second"],
      ["CLIENT TRACKING OFF", ok, "second"],
      ["SET a 1", ok],
      ["CLIENT TRACKING ON", ok, "second"],
      ["SET a 2", ok],
      ["PING", "+PONG\r\n", "second"],
      ["GET a", "$1\r\n2\r\n", "second"],
      ["SET a 3", ok],
      arrives("second", invalid("a")),
    ],
  },
  {
    name: "a client is told of its own changes, behind the reply",
    steps: [
      ...tracks(),
      ["GET a", "_\r\n", "second"],
      { send: "SET a 1\r\n", expected: `+OK\r\n${invalid("a")}`, on: "second" },
      ["MULTI", ok, "second"],
      ["GET a", "+QUEUED\r\n", "second"],
      ["SET a 2", "+QUEUED\r\n", "second"],
      { send: "EXEC\r\n", expected: `*2\r\n$1\r\n1\r\n+OK\r\n${invalid("a")}`, on: "second" },
    ],
  },
  {
    name: "NOLOOP: not of its own",
    steps: [
      ...tracks(" NOLOOP"),
      ["GET a", "_\r\n", "second"],
      ["SET a 1", ok, "second"],
      ["PING", "+PONG\r\n", "second"],
      ["GET a", "$1\r\n1\r\n", "second"],
      ["SET a 2", ok],
      arrives("second", invalid("a")),
    ],
  },
  {
    name: "OPTIN: only what CLIENT CACHING YES precedes",
    steps: [
      ...tracks(" OPTIN"),
      ["GET a", "_\r\n", "second"],
      ["CLIENT CACHING YES", ok, "second"],
      ["GET b", "_\r\n", "second"],
      ["GET c", "_\r\n", "second"],
      ["MSET a 1 b 1 c 1", ok],
      arrives("second", invalid("b")),
      ["CLIENT CACHING YES", ok, "second"],
      ["MULTI", ok, "second"],
      ["GET a", "+QUEUED\r\n", "second"],
      ["GET b", "+QUEUED\r\n", "second"],
      ["EXEC", "*2\r\n$1\r\n1\r\n$1\r\n1\r\n", "second"],
      ["SET a 2", ok],
      arrives("second", invalid("a")),
      ["SET b 2", ok],
      arrives("second", invalid("b")),
      ["CLIENT CACHING NO", /^-ERR CLIENT CACHING NO is only valid when/, "second"],
    ],
  },
  {
    name: "OPTOUT: all but what CLIENT CACHING NO precedes",
    steps: [
      ...tracks(" OPTOUT"),
      ["CLIENT CACHING NO", ok, "second"],
      ["GET a", "_\r\n", "second"],
      ["GET b", "_\r\n", "second"],
      ["MSET a 1 b 1", ok],
      arrives("second", invalid("b")),
      ["CLIENT CACHING YES", /^-ERR CLIENT CACHING YES is only valid when/, "second"],
    ],
  },
  {
    name: "what CLIENT CACHING says is for the next command, be it refused",
    steps: [
      ...tracks(" OPTOUT"),
      ["CLIENT CACHING NO", ok, "second"],
      ["GET", /^-ERR wrong number of arguments/, "second"],
      ["GET a", "_\r\n", "second"],
      ["SET a 1", ok],
      arrives("second", invalid("a")),
      ["CLIENT CACHING NO", ok, "second"],
      ["NOSUCH", /^-ERR unknown command/, "second"],
      ["GET a", "$1\r\n1\r\n", "second"],
      ["SET a 2", ok],
      arrives("second", invalid("a")),
      ["CLIENT CACHING NO", ok, "second"],
      ["CLIENT CACHING MAYBE", "-ERR syntax error\r\n", "second"],
      ["GET a", "$1\r\n2\r\n", "second"],
      ["SET a 3", ok],
      ["PING", "+PONG\r\n", "second"],
    ],
  },
  {
    name: "BCAST: every change below the prefixes",
    steps: [
      ...tracks(" BCAST PREFIX user: PREFIX item:"),
      ["SET user:1 a", ok],
      arrives("second", invalid("user:1")),
      ["SET user:1 a", ok],
      arrives("second", invalid("user:1")),
      ["SET other 1", ok],
      ["MSET item:2 b item:1 a x y", ok],
      arrives("second", invalid("item:1", "item:2")),
      ["CLIENT TRACKING OFF", ok, "second"],
      ["SET user:1 b", ok],
      ["PING", "+PONG\r\n", "second"],
    ],
  },
  {
    name: "BCAST without prefixes: every change, but with NOLOOP the own ones",
    steps: [
      ...tracks(" BCAST NOLOOP"),
      ["SET a 1", ok, "second"],
      ["SET b 1", ok],
      arrives("second", invalid("b")),
    ],
  },
  {
    name: "FLUSHALL tells of everything",
    steps: [
      ...tracks(),
      ["GET a", "_\r\n", "second"],
      ["FLUSHALL", ok],
      arrives("second", ">2\r\n$10\r\ninvalidate\r\n_\r\n"),
    ],
  },
  {
    name: "a key that expires is told of",
    steps: [
      ...tracks(),
      ["SET a 1 PX 30", ok],
      ["GET a", "$1\r\n1\r\n", "second"],
      arrives("second", invalid("a")),
      ["EXISTS a", ":0\r\n"],
    ],
  },
  {
    name: "REDIRECT tells another client, in RESP2 as a message",
    steps: [
      {
        send: "SUBSCRIBE __redis__:invalidate\r\n",
        expected: "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n",
        on: "third",
      },
      ["CLIENT TRACKING ON REDIRECT 99999999", /^-ERR The client ID you want redirect/],
      ["CLIENT TRACKING ON REDIRECT x", "-ERR value is not an integer or out of range\r\n"],
      ["CLIENT GETREDIR", ":-1\r\n"],
      ["CLIENT TRACKING ON", ok],
      ["CLIENT GETREDIR", ":0\r\n"],
    ],
  },
  {
    name: "CLIENT TRACKING refuses what makes no sense together",
    steps: [
      ["CLIENT TRACKING", /^-ERR wrong number of arguments for 'client\|tracking'/],
      ["CLIENT TRACKING MAYBE", "-ERR syntax error\r\n"],
      ["CLIENT TRACKING ON NONSENSE", "-ERR syntax error\r\n"],
      ["CLIENT TRACKING ON PREFIX a", "-ERR PREFIX option requires BCAST mode to be enabled\r\n"],
      ["CLIENT TRACKING ON BCAST OPTIN", "-ERR OPTIN and OPTOUT are not compatible with BCAST\r\n"],
      [
        "CLIENT TRACKING ON OPTIN OPTOUT",
        "-ERR You can't specify both OPTIN mode and OPTOUT mode\r\n",
      ],
      ["CLIENT TRACKING ON OPTIN", ok],
      ["CLIENT TRACKING ON OPTOUT", switched("OPTIN/OPTOUT mode")],
      ["CLIENT TRACKING ON BCAST", switched("BCAST mode on/off")],
      ["CLIENT TRACKING OFF", ok],
      [
        "CLIENT TRACKING ON BCAST PREFIX ab PREFIX abc",
        "-ERR Prefix 'ab' overlaps with another provided prefix 'abc'. Prefixes for a single client " +
        "must not overlap.\r\n",
      ],
      ["CLIENT TRACKING ON BCAST PREFIX ab", ok],
      [
        "CLIENT TRACKING ON BCAST PREFIX a",
        "-ERR Prefix 'a' overlaps with an existing prefix 'ab'. Prefixes for a single client must not " +
        "overlap.\r\n",
      ],
      [
        "CLIENT TRACKING ON BCAST PREFIX a1 PREFIX b",
        ok,
      ],
      ["CLIENT TRACKING ON BCAST PREFIX a0", ok],
      [
        "CLIENT TRACKING ON BCAST PREFIX a",
        "-ERR Prefix 'a' overlaps with an existing prefix 'a0'. Prefixes for a single client must not " +
        "overlap.\r\n",
      ],
      [
        "CLIENT TRACKINGINFO",
        "*6\r\n$5\r\nflags\r\n*2\r\n$2\r\non\r\n$5\r\nbcast\r\n$8\r\nredirect\r\n:0\r\n$8\r\nprefixes\r\n" +
        "*4\r\n$2\r\na0\r\n$2\r\na1\r\n$2\r\nab\r\n$1\r\nb\r\n",
      ],
      ["CLIENT TRACKING OFF", ok],
      [
        "CLIENT CACHING YES",
        /^-ERR CLIENT CACHING can be called only when the client is in tracking/,
      ],
    ],
  },
  {
    name: "CLIENT TRACKINGINFO tells the state",
    steps: [
      [
        "CLIENT TRACKINGINFO",
        "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0\r\n",
      ],
      ...tracks(" OPTIN NOLOOP"),
      ["CLIENT CACHING YES", ok, "second"],
      [
        "CLIENT TRACKINGINFO",
        "%3\r\n$5\r\nflags\r\n~4\r\n$2\r\non\r\n$5\r\noptin\r\n$11\r\ncaching-yes\r\n$6\r\nnoloop\r\n" +
        "$8\r\nredirect\r\n:0\r\n$8\r\nprefixes\r\n*0\r\n",
        "second",
      ],
      ["CLIENT TRACKING ON BCAST PREFIX a", ok],
      [
        "CLIENT TRACKINGINFO",
        "*6\r\n$5\r\nflags\r\n*2\r\n$2\r\non\r\n$5\r\nbcast\r\n$8\r\nredirect\r\n:0\r\n$8\r\nprefixes\r\n" +
        "*1\r\n$1\r\na\r\n",
      ],
      ["RESET", "+RESET\r\n"],
      ["CLIENT GETREDIR", ":-1\r\n"],
    ],
  },
];
