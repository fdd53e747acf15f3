/** Cases of pub/sub: who gets which message, and what a client that listens may do. */
import { arrives, type ConformanceCase } from "../case.ts";

const subscribedToNews = "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
const hello = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n";
const onlyListening = (name: string) =>
  `-ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are ` +
  "allowed in this context\r\n";

export const pubsubCases: readonly ConformanceCase[] = [
  {
    name: "a message reaches who listens to its channel, and nobody else",
    steps: [
      ["SUBSCRIBE news", subscribedToNews, "second"],
      ["SUBSCRIBE other", "*3\r\n$9\r\nsubscribe\r\n$5\r\nother\r\n:1\r\n", "third"],
      ["PUBLISH news hello", ":1\r\n"],
      arrives("second", hello),
      ["PUBLISH nobody hello", ":0\r\n"],
      ["PUBLISH other hi", ":1\r\n"],
      arrives("third", "*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$2\r\nhi\r\n"),
    ],
  },
  {
    name: "messages come in the order in which they were published",
    steps: [
      ["SUBSCRIBE news", subscribedToNews, "second"],
      {
        send: "PUBLISH news hello\r\nPUBLISH news two\r\nPUBLISH news hello\r\n",
        expected: ":1\r\n:1\r\n:1\r\n",
      },
      arrives("second", `${hello}*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\ntwo\r\n${hello}`),
    ],
  },
  {
    name: "a pattern's message names it, and a client may get a message twice",
    steps: [
      ["PSUBSCRIBE n*", "*3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:1\r\n", "second"],
      ["SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:2\r\n", "second"],
      ["PUBLISH news hello", ":2\r\n"],
      arrives(
        "second",
        `${hello}*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhello\r\n`,
      ),
      ["PUNSUBSCRIBE n*", "*3\r\n$12\r\npunsubscribe\r\n$2\r\nn*\r\n:1\r\n", "second"],
      ["PUBLISH news hello", ":1\r\n"],
      arrives("second", hello),
    ],
  },
  {
    name: "subscribing twice counts once",
    steps: [
      {
        send: "SUBSCRIBE news news a\r\n",
        expected:
          `${subscribedToNews}${subscribedToNews}*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n`,
        on: "second",
      },
      ["PUBLISH news hello", ":1\r\n"],
      arrives("second", hello),
    ],
  },
  {
    name: "UNSUBSCRIBE without names ends all, and says so when there is none",
    steps: [
      ["UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"],
      ["PUNSUBSCRIBE", "*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n"],
      ["SUNSUBSCRIBE", "*3\r\n$12\r\nsunsubscribe\r\n$-1\r\n:0\r\n"],
      ["UNSUBSCRIBE x", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n"],
      ["SUBSCRIBE news", subscribedToNews],
      ["UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n"],
      ["PUBLISH news hello", ":0\r\n"],
    ],
  },
  {
    name: "in RESP2, who listens may do little else",
    steps: [
      ["SUBSCRIBE news", subscribedToNews],
      ["GET a", onlyListening("get")],
      ["CONFIG GET save", onlyListening("config|get")],
      ["MULTI", onlyListening("multi")],
      [
        "EXEC",
        onlyListening("exec").replace("-ERR", "-EXECABORT Transaction discarded because of:"),
      ],
      ["PUBLISH news hello", onlyListening("publish")],
      ["NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"],
      ["PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n"],
      ["PING x", "*2\r\n$4\r\npong\r\n$1\r\nx\r\n"],
      ["UNSUBSCRIBE news", "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n"],
      ["PING", "+PONG\r\n"],
      ["GET a", "$-1\r\n"],
    ],
  },
  {
    name: "RESET ends all subscriptions",
    steps: [
      ["SUBSCRIBE news", subscribedToNews],
      ["PSUBSCRIBE n*", "*3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:2\r\n"],
      ["SSUBSCRIBE s", "*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n"],
      ["RESET", "+RESET\r\n"],
      ["PUBLISH news hello", ":0\r\n"],
      ["SPUBLISH s hello", ":0\r\n"],
    ],
  },
  {
    name: "QUIT is for listeners, too",
    steps: [
      ["SUBSCRIBE news", subscribedToNews],
      { send: "QUIT\r\n", expected: "+OK\r\n", closes: true },
      ["PUBLISH news hello", ":0\r\n"],
    ],
  },
  {
    name: "in RESP3, messages are pushes, and every command may be run",
    steps: [
      ["HELLO 3", /^%7\r\n/, "second"],
      ["SUBSCRIBE news", ">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n", "second"],
      ["PSUBSCRIBE n*", ">3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:2\r\n", "second"],
      ["PUBLISH news hello", ":2\r\n"],
      arrives(
        "second",
        ">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n" +
          ">4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$5\r\nhello\r\n",
      ),
      ["SET a 1", "+OK\r\n", "second"],
      ["PING", "+PONG\r\n", "second"],
      ["UNSUBSCRIBE", ">3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:1\r\n", "second"],
      ["UNSUBSCRIBE", ">3\r\n$11\r\nunsubscribe\r\n_\r\n:1\r\n", "second"],
    ],
  },
  {
    name: "a transaction subscribes and publishes when it runs",
    steps: [
      ["SUBSCRIBE news", subscribedToNews, "second"],
      ["MULTI", "+OK\r\n"],
      ["PUBLISH news hello", "+QUEUED\r\n"],
      ["SUBSCRIBE own", "+QUEUED\r\n"],
      ["EXEC", "*2\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$3\r\nown\r\n:1\r\n"],
      arrives("second", hello),
      ["PUBLISH own x", onlyListening("publish")],
    ],
  },
  {
    name: "a transaction does not subscribe to a shard channel, but ends a subscription",
    steps: [
      ["MULTI", "+OK\r\n"],
      ["SSUBSCRIBE news", "+QUEUED\r\n"],
      ["SUNSUBSCRIBE news", "+QUEUED\r\n"],
      [
        "EXEC",
        "*2\r\n-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n" +
        "*3\r\n$12\r\nsunsubscribe\r\n$4\r\nnews\r\n:0\r\n",
      ],
      ["GET a", "$-1\r\n"],
    ],
  },
  {
    name: "shard channels are channels of their own",
    steps: [
      ["SSUBSCRIBE news", "*3\r\n$10\r\nssubscribe\r\n$4\r\nnews\r\n:1\r\n", "second"],
      ["SUBSCRIBE news", subscribedToNews, "third"],
      ["SPUBLISH news hello", ":1\r\n"],
      arrives("second", "*3\r\n$8\r\nsmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"),
      ["PUBLISH news hello", ":1\r\n"],
      arrives("third", hello),
      ["PUBSUB SHARDCHANNELS", "*1\r\n$4\r\nnews\r\n"],
      ["PUBSUB SHARDCHANNELS x*", "*0\r\n"],
      ["PUBSUB SHARDNUMSUB news x", "*4\r\n$4\r\nnews\r\n:1\r\n$1\r\nx\r\n:0\r\n"],
      ["SUNSUBSCRIBE news", "*3\r\n$12\r\nsunsubscribe\r\n$4\r\nnews\r\n:0\r\n", "second"],
    ],
  },
  {
    name: "PUBSUB tells who listens",
    steps: [
      ["PUBSUB CHANNELS", "*0\r\n"],
      ["SUBSCRIBE news", subscribedToNews, "second"],
      ["SUBSCRIBE news", subscribedToNews, "third"],
      ["PSUBSCRIBE n*", "*3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:2\r\n", "third"],
      ["PUBSUB CHANNELS", "*1\r\n$4\r\nnews\r\n"],
      ["PUBSUB CHANNELS n?ws", "*1\r\n$4\r\nnews\r\n"],
      ["PUBSUB CHANNELS x", "*0\r\n"],
      ["PUBSUB NUMSUB news x", "*4\r\n$4\r\nnews\r\n:2\r\n$1\r\nx\r\n:0\r\n"],
      ["PUBSUB NUMSUB", "*0\r\n"],
      ["PUBSUB NUMPAT", ":1\r\n"],
      ["PUBSUB CHANNELS a b", /^-ERR .*PUBSUB HELP\.\r\n$/],
      ["PUBSUB NUMPAT x", /^-ERR wrong number of arguments for 'pubsub\|numpat' command\r\n$/],
      ["PUBSUB NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try PUBSUB HELP.\r\n"],
    ],
  },
  {
    name: "channels and messages are bytes",
    steps: [
      [
        ["SUBSCRIBE", "\0\r\n\xff"],
        "*3\r\n$9\r\nsubscribe\r\n$4\r\n\0\r\n\xff\r\n:1\r\n",
        "second",
      ],
      [["SUBSCRIBE", ""], "*3\r\n$9\r\nsubscribe\r\n$0\r\n\r\n:2\r\n", "second"],
      [["PUBLISH", "\0\r\n\xff", "\r\n\0"], ":1\r\n"],
      arrives("second", "*3\r\n$7\r\nmessage\r\n$4\r\n\0\r\n\xff\r\n$3\r\n\r\n\0\r\n"),
      [["PUBLISH", "", ""], ":1\r\n"],
      arrives("second", "*3\r\n$7\r\nmessage\r\n$0\r\n\r\n$0\r\n\r\n"),
    ],
  },
  {
    name: "CLIENT REPLY OFF does not keep messages back",
    steps: [
      { send: "CLIENT REPLY OFF\r\nSUBSCRIBE news\r\n", expected: subscribedToNews, on: "second" },
      ["PUBLISH news hello", ":1\r\n"],
      arrives("second", hello),
    ],
  },
];
