/** Cases of what tells which commands were slow: SLOWLOG, LATENCY, INFO commandstats and latencystats. */
import type { ConformanceCase } from "../case.ts";

/** Everything is logged from here on, and nothing from `off`. */
const logAll = ["CONFIG SET slowlog-log-slower-than 0", "+OK\r\n"] as const;
const reset = ["SLOWLOG RESET", "+OK\r\n"] as const;
const off = ["CONFIG SET slowlog-log-slower-than 10000 slowlog-max-len 128", "+OK\r\n"] as const;

/** The entries of SLOWLOG GET, each with these arguments, for a client without a name. */
function entries(...requests: readonly (readonly string[])[]): RegExp {
  const each = requests.map((args) => {
    const shown = args.map((arg) => `\\$${arg.length}\r\n${RegExp.escape(arg)}\r\n`).join("");
    return `\\*6\r\n:\\d+\r\n:\\d{10}\r\n:\\d+\r\n\\*${args.length}\r\n${shown}` +
      "\\$\\d+\r\n[^\r]+:0\r\n\\$0\r\n\r\n";
  });
  return new RegExp(`^\\*${requests.length}\r\n${each.join("")}$`);
}

export const diagnosticCases: readonly ConformanceCase[] = [
  {
    name: "SLOWLOG GET shows the latest commands first",
    steps: [
      logAll,
      reset,
      ["SET foo bar", "+OK\r\n"],
      ["get foo", "$3\r\nbar\r\n"],
      ["SLOWLOG GET", entries(["get", "foo"], ["SET", "foo", "bar"], ["SLOWLOG", "RESET"])],
      ["SLOWLOG LEN", ":4\r\n"],
      ["SLOWLOG GET 2", entries(["SLOWLOG", "LEN"], ["SLOWLOG", "GET"])],
      ["SLOWLOG GET 0", "*0\r\n"],
      ["slowlog get -1", /^\*7\r\n/],
      off,
    ],
  },
  {
    name: "SLOWLOG GET returns ten entries unless asked for more",
    steps: [
      logAll,
      ...Array.from({ length: 12 }, () => ["PING", "+PONG\r\n"] as const),
      ["SLOWLOG GET", /^\*10\r\n/],
      ["SLOWLOG GET 9223372036854775807", /^\*[1-9]\d\r\n/],
      off,
    ],
  },
  {
    name: "SLOWLOG tells each command of a pipeline",
    steps: [
      logAll,
      reset,
      {
        send: "SET a 1\r\nSET a 2\r\nINCR a\r\nGET a\r\nGET a\r\n",
        expected: "+OK\r\n+OK\r\n:3\r\n$1\r\n3\r\n$1\r\n3\r\n",
      },
      [
        "SLOWLOG GET 5",
        entries(["GET", "a"], ["GET", "a"], ["INCR", "a"], ["SET", "a", "2"], ["SET", "a", "1"]),
      ],
      off,
    ],
  },
  {
    name: "SLOWLOG keeps 32 arguments, and 128 bytes of each",
    steps: [
      logAll,
      [
        ["SET", "long", "v".repeat(129)],
        "+OK\r\n",
      ],
      ["SLOWLOG GET 1", entries(["SET", "long", `${"v".repeat(128)}... (1 more bytes)`])],
      [["SET", "long", "v".repeat(128)], "+OK\r\n"],
      ["SLOWLOG GET 1", entries(["SET", "long", "v".repeat(128)])],
      [["DEL", ...Array.from({ length: 31 }, (_, i) => `k${i}`)], ":0\r\n"],
      ["SLOWLOG GET 1", entries(["DEL", ...Array.from({ length: 31 }, (_, i) => `k${i}`)])],
      [["DEL", ...Array.from({ length: 40 }, (_, i) => `k${i}`)], ":0\r\n"],
      [
        "SLOWLOG GET 1",
        entries([
          "DEL",
          ...Array.from({ length: 30 }, (_, i) => `k${i}`),
          "... (10 more arguments)",
        ]),
      ],
      [["SET", "bytes", "\0\r\n\xff"], "+OK\r\n"],
      ["SLOWLOG GET 1", entries(["SET", "bytes", "\0\r\n\xff"])],
      off,
    ],
  },
  {
    name: "SLOWLOG shows the commands of a transaction, not its EXEC",
    steps: [
      logAll,
      reset,
      ["MULTI", "+OK\r\n"],
      ["SET a 1", "+QUEUED\r\n"],
      ["GET a", "+QUEUED\r\n"],
      ["EXEC", "*2\r\n+OK\r\n$1\r\n1\r\n"],
      ["SLOWLOG GET", entries(["GET", "a"], ["SET", "a", "1"], ["MULTI"], ["SLOWLOG", "RESET"])],
      off,
    ],
  },
  {
    name: "SLOWLOG does not show what was refused, but what failed",
    steps: [
      logAll,
      ["SET text abc", "+OK\r\n"],
      reset,
      ["GET", "-ERR wrong number of arguments for 'get' command\r\n"],
      ["NOSUCH", /^-ERR unknown command/],
      ["INCR text", "-ERR value is not an integer or out of range\r\n"],
      ["SLOWLOG GET", entries(["INCR", "text"], ["SLOWLOG", "RESET"])],
      off,
    ],
  },
  {
    name: "SLOWLOG knows the client's name, and hides passwords",
    steps: [
      logAll,
      ["CLIENT SETNAME worker", "+OK\r\n"],
      ["SLOWLOG GET 1", /\*3\r\n\$6\r\nCLIENT\r\n[^]*:0\r\n\$6\r\nworker\r\n$/],
      ["HELLO 2 AUTH default secret SETNAME x", /^\*14\r\n/],
      [
        "SLOWLOG GET 1",
        /\*7\r\n\$5\r\nHELLO\r\n\$1\r\n2\r\n\$4\r\nAUTH\r\n\$10\r\n\(redacted\)\r\n\$10\r\n\(redacted\)\r\n\$7\r\nSETNAME\r\n/,
      ],
      ["RESET", "+RESET\r\n"],
      off,
    ],
  },
  {
    name: "slowlog-max-len is how many entries are kept, and slowlog-log-slower-than -1 keeps none",
    steps: [
      logAll,
      ["CONFIG SET slowlog-max-len 2", "+OK\r\n"],
      ["PING", "+PONG\r\n"],
      ["SLOWLOG GET", entries(["PING"], ["CONFIG", "SET", "slowlog-max-len", "2"])],
      ["CONFIG SET slowlog-max-len 0", "+OK\r\n"],
      ["SLOWLOG LEN", ":0\r\n"],
      ["CONFIG SET slowlog-max-len 128 slowlog-log-slower-than -1", "+OK\r\n"],
      ["PING", "+PONG\r\n"],
      ["SLOWLOG LEN", ":0\r\n"],
      ["CONFIG SET slowlog-log-slower-than 100000000", "+OK\r\n"],
      ["PING", "+PONG\r\n"],
      ["SLOWLOG LEN", ":0\r\n"],
      off,
    ],
  },
  {
    name: "SLOWLOG refuses what makes no sense",
    steps: [
      ["SLOWLOG", "-ERR wrong number of arguments for 'slowlog' command\r\n"],
      ["SLOWLOG NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try SLOWLOG HELP.\r\n"],
      ["SLOWLOG GET -2", "-ERR count should be greater than or equal to -1\r\n"],
      ["SLOWLOG GET abc", "-ERR count should be greater than or equal to -1\r\n"],
      [
        "slowlog Get 1 2",
        "-ERR unknown subcommand or wrong number of arguments for 'Get'. Try SLOWLOG HELP.\r\n",
      ],
      ["SLOWLOG LEN x", "-ERR wrong number of arguments for 'slowlog|len' command\r\n"],
      [
        "CONFIG SET slowlog-log-slower-than -2",
        "-ERR CONFIG SET failed (possibly related to argument 'slowlog-log-slower-than') - " +
        "argument must be between -1 and 9223372036854775807 inclusive\r\n",
      ],
      ["CONFIG SET slowlog-log-slower-than 9223372036854775807", "+OK\r\n"],
      [
        "CONFIG GET slowlog-log-slower-than",
        "*2\r\n$23\r\nslowlog-log-slower-than\r\n$19\r\n9223372036854775807\r\n",
      ],
      off,
    ],
  },
  {
    name: "LATENCY has nothing to tell as long as nothing is watched",
    steps: [
      ["LATENCY RESET", /^:\d+\r\n$/],
      ["LATENCY LATEST", "*0\r\n"],
      ["LATENCY HISTORY command", "*0\r\n"],
      ["LATENCY GRAPH command", "-ERR No samples available for event 'command'\r\n"],
      ["LATENCY RESET", ":0\r\n"],
      ["LATENCY RESET command nosuch", ":0\r\n"],
      ["LATENCY DOCTOR", /^\$288\r\nI'm sorry, Dave, I can't do that\. /],
      ["CONFIG SET latency-monitor-threshold 1000000", "+OK\r\n"],
      ["LATENCY DOCTOR", /^\$196\r\nDave, no latency spike was observed during the lifetime/],
      ["CONFIG SET latency-monitor-threshold 0", "+OK\r\n"],
    ],
  },
  {
    name: "LATENCY tells of slow commands when latency-monitor-threshold is set",
    steps: [
      ["CONFIG SET latency-monitor-threshold 1", "+OK\r\n"],
      // Tens of megabytes of zeros take milliseconds.
      ["SETRANGE large 50000000 x", ":50000001\r\n"],
      ["LATENCY LATEST", /\*4\r\n\$7\r\ncommand\r\n:\d{10}\r\n:\d+\r\n:\d+\r\n/],
      ["LATENCY HISTORY command", /^\*1\r\n\*2\r\n:\d{10}\r\n:\d+\r\n$/],
      ["LATENCY HISTORY COMMAND", "*0\r\n"],
      [
        "LATENCY GRAPH command",
        /^\$\d+\r\ncommand - high (\d+) ms, low \1 ms \(all time high \1 ms\)\n-{80}\n \n \n \n_\n \n\d\ns\n\r\n$/,
      ],
      [
        "LATENCY DOCTOR",
        /^\$\d+\r\nDave, I have observed latency spikes in this Redis instance\. You don't mind talking about it, do you Dave\?\n\n[^]*\d\. command: 1 latency spikes \(average (\d+)ms, mean deviation 0ms, period \d+\.00 sec\)\. Worst all time event \1ms\.\n/,
      ],
      ["CONFIG SET latency-monitor-threshold 0", "+OK\r\n"],
      ["LATENCY RESET Command", ":1\r\n"],
      ["LATENCY HISTORY command", "*0\r\n"],
    ],
  },
  {
    name: "LATENCY refuses what makes no sense",
    steps: [
      ["LATENCY", "-ERR wrong number of arguments for 'latency' command\r\n"],
      ["LATENCY NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try LATENCY HELP.\r\n"],
      ["LATENCY HISTORY", "-ERR wrong number of arguments for 'latency|history' command\r\n"],
      ["LATENCY LATEST x", "-ERR wrong number of arguments for 'latency|latest' command\r\n"],
    ],
  },
  {
    name: "LATENCY HISTOGRAM counts the calls of commands by their time",
    steps: [
      ["CONFIG RESETSTAT", "+OK\r\n"],
      ["LATENCY HISTOGRAM get set nosuch", "*0\r\n"],
      ["SET foo bar", "+OK\r\n"],
      {
        send: "GET foo\r\nGET foo\r\nGET foo\r\n",
        expected: "$3\r\nbar\r\n$3\r\nbar\r\n$3\r\nbar\r\n",
      },
      [
        "LATENCY HISTOGRAM get",
        /^\*2\r\n\$3\r\nget\r\n\*4\r\n\$5\r\ncalls\r\n:3\r\n\$14\r\nhistogram_usec\r\n\*(\d)+\r\n(:\d+\r\n:\d\r\n)*:\d+\r\n:3\r\n$/,
      ],
      [
        "LATENCY HISTOGRAM nosuch SET get",
        /^\*4\r\n\$3\r\nset\r\n\*4\r\n[^]*\$3\r\nget\r\n\*4\r\n/,
      ],
      // A container stands for its subcommands.
      ["LATENCY HISTOGRAM config", /^\*2\r\n\$16\r\nconfig\|resetstat\r\n\*4\r\n/],
      ["LATENCY HISTOGRAM config|resetstat", /^\*2\r\n\$16\r\nconfig\|resetstat\r\n\*4\r\n/],
      ["LATENCY HISTOGRAM", /\$3\r\nget\r\n\*4\r\n/],
      [
        "INFO latencystats",
        /latency_percentiles_usec_get:p50=\d+\.\d{3},p99=\d+\.\d{3},p99\.9=\d+/,
      ],
      ["CONFIG SET latency-tracking-info-percentiles", /^-ERR wrong number of arguments/],
      [["CONFIG", "SET", "latency-tracking-info-percentiles", "0 12.5 100"], "+OK\r\n"],
      [
        "INFO latencystats",
        /latency_percentiles_usec_get:p0=\d+\.\d{3},p12\.5=\d+\.\d{3},p100=\d+/,
      ],
      [
        "CONFIG GET latency-tracking-info-percentiles",
        "*2\r\n$33\r\nlatency-tracking-info-percentiles\r\n$10\r\n0 12.5 100\r\n",
      ],
      [
        ["CONFIG", "SET", "latency-tracking-info-percentiles", "50 101"],
        "-ERR CONFIG SET failed (possibly related to argument 'latency-tracking-info-percentiles')" +
        " - latency-tracking-info-percentiles parameters should sit between [0.0,100.0]\r\n",
      ],
      [
        ["CONFIG", "SET", "latency-tracking-info-percentiles", "50 x"],
        "-ERR CONFIG SET failed (possibly related to argument 'latency-tracking-info-percentiles')" +
        " - Invalid latency-tracking-info-percentiles parameters\r\n",
      ],
      [["CONFIG", "SET", "latency-tracking-info-percentiles", ""], "+OK\r\n"],
      ["INFO latencystats", /latency_percentiles_usec_get:\r\n/],
      [["CONFIG", "SET", "latency-tracking-info-percentiles", "50 99 99.9"], "+OK\r\n"],
    ],
  },
  {
    name: "latency-tracking turns the histograms off",
    steps: [
      ["CONFIG SET latency-tracking no", "+OK\r\n"],
      ["CONFIG RESETSTAT", "+OK\r\n"],
      ["GET foo", "$-1\r\n"],
      ["LATENCY HISTOGRAM get", "*0\r\n"],
      ["INFO latencystats", "$16\r\n# Latencystats\r\n\r\n"],
      ["INFO commandstats", /cmdstat_get:calls=1,/],
      ["CONFIG SET latency-tracking YES", "+OK\r\n"],
      ["CONFIG GET latency-tracking", "*2\r\n$16\r\nlatency-tracking\r\n$3\r\nyes\r\n"],
    ],
  },
  {
    name: "in RESP3, LATENCY HISTOGRAM is a map and LATENCY DOCTOR a text",
    steps: [
      ["HELLO 3", /^%7\r\n/],
      ["CONFIG RESETSTAT", "+OK\r\n"],
      ["GET foo", "_\r\n"],
      [
        "LATENCY HISTOGRAM get",
        /^%1\r\n\$3\r\nget\r\n%2\r\n\$5\r\ncalls\r\n:1\r\n\$14\r\nhistogram_usec\r\n%1\r\n:\d+\r\n:1\r\n$/,
      ],
      ["LATENCY DOCTOR", /^=\d+\r\ntxt:/],
      ["SLOWLOG GET 0", "*0\r\n"],
    ],
  },
];
