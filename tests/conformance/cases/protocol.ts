/** Cases of the protocol itself: inline requests, bytes that come in pieces, and errors. */
import type { ConformanceCase } from "../case.ts";

export const protocolCases: readonly ConformanceCase[] = [
  {
    name: "an inline request ends at a line feed, with a carriage return or without",
    steps: [
      { send: "PING\r\n", expected: "+PONG\r\n" },
      { send: "PING\n", expected: "+PONG\r\n" },
      { send: "SET foo bar\nGET foo\nDEL foo\n", expected: "+OK\r\n$3\r\nbar\r\n:1\r\n" },
    ],
  },
  {
    name: "an inline request may have spaces before, between and behind its words",
    steps: [
      { send: "   SET   foo    bar  \r\n", expected: "+OK\r\n" },
      { send: "GET\tfoo\t\r\n", expected: "$3\r\nbar\r\n" },
      { send: " \tPING \t\n", expected: "+PONG\r\n" },
    ],
  },
  {
    name: "empty lines are no requests",
    steps: [
      { send: "\r\n\n\r\nPING\r\n", expected: "+PONG\r\n" },
      { send: "   \r\nPING\r\n", expected: "+PONG\r\n" },
    ],
  },
  {
    name: "double quotes hold spaces and escapes together",
    steps: [
      { send: 'SET foo "hello world"\r\nGET foo\r\n', expected: "+OK\r\n$11\r\nhello world\r\n" },
      {
        send: 'SET foo "\\x00\\xff\\n\\r\\t\\a\\b\\\\\\"\\q"\r\nGET foo\r\n',
        expected: '+OK\r\n$10\r\n\0\xff\n\r\t\x07\x08\\"q\r\n',
      },
      { send: 'SET foo ""\r\nGET foo\r\n', expected: "+OK\r\n$0\r\n\r\n" },
      { send: 'SET foo "\\xg1\\x4"\r\nGET foo\r\n', expected: "+OK\r\n$5\r\nxg1x4\r\n" },
      { send: "SET \"a b\" 'c'\r\nGET 'a b'\r\n", expected: "+OK\r\n$1\r\nc\r\n" },
      { send: '"ECHO" "it\'s"\r\n', expected: "$4\r\nit's\r\n" },
    ],
  },
  {
    name: "single quotes hold everything but an escaped quote as it is",
    steps: [
      { send: "ECHO 'hello \"world\"'\r\n", expected: '$13\r\nhello "world"\r\n' },
      { send: "ECHO 'it\\'s'\r\n", expected: "$4\r\nit's\r\n" },
      { send: "ECHO 'a\\nb\\x41'\r\n", expected: "$8\r\na\\nb\\x41\r\n" },
      { send: "ECHO ''\r\n", expected: "$0\r\n\r\n" },
    ],
  },
  {
    name: "unbalanced quotes are an error that closes the connection",
    steps: [
      {
        send: 'ECHO "abc\r\nPING\r\n',
        expected: "-ERR Protocol error: unbalanced quotes in request\r\n",
        closes: true,
      },
      {
        send: "ECHO 'abc\r\n",
        expected: "-ERR Protocol error: unbalanced quotes in request\r\n",
        closes: true,
      },
      {
        send: 'ECHO "abc"def\r\n',
        expected: "-ERR Protocol error: unbalanced quotes in request\r\n",
        closes: true,
      },
      {
        send: "ECHO 'abc'def\r\n",
        expected: "-ERR Protocol error: unbalanced quotes in request\r\n",
        closes: true,
      },
      {
        send: 'PING\r\nECHO "abc\r\nPING\r\n',
        expected: "+PONG\r\n-ERR Protocol error: unbalanced quotes in request\r\n",
        closes: true,
      },
    ],
  },
  {
    name: "inline requests and arrays can be mixed",
    steps: [
      {
        send: "*1\r\n$4\r\nPING\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\nECHO ho\n",
        expected: "+PONG\r\n+PONG\r\n$2\r\nhi\r\n$2\r\nho\r\n",
      },
    ],
  },
  {
    name: "inline bytes beyond ASCII are bytes",
    steps: [
      { send: "SET \xe9\xff \xfe\r\nGET \xe9\xff\r\n", expected: "+OK\r\n$1\r\n\xfe\r\n" },
    ],
  },
  {
    name: "requests may come in pieces of any size",
    steps: [
      {
        send: ["*", "2\r", "\n$", "3\r\nG", "ET\r\n$", "3", "\r", "\nfo", "o", "\r", "\n"],
        expected: "$-1\r\n",
      },
      { send: ["P", "I", "N", "G", "\r", "\n"], expected: "+PONG\r\n" },
      { send: ['SET foo "a', ' b"\r\nGE', "T foo\r\n"], expected: "+OK\r\n$3\r\na b\r\n" },
      {
        send: [
          "*3\r\n$3\r\nSET\r\n$3\r\nfoo\r\n$10\r\n01234",
          "56789\r",
          "\n*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n",
        ],
        expected: "+OK\r\n$10\r\n0123456789\r\n",
      },
      { send: ["PING\r\nPI", "NG\r\nPING\r", "\n"], expected: "+PONG\r\n+PONG\r\n+PONG\r\n" },
    ],
  },
  {
    name: "empty arrays are no requests",
    steps: [
      { send: "*0\r\nPING\r\n", expected: "+PONG\r\n" },
      { send: "*-1\r\nPING\r\n", expected: "+PONG\r\n" },
      { send: "*-10\r\n*0\r\n*1\r\n$4\r\nPING\r\n", expected: "+PONG\r\n" },
    ],
  },
  {
    name: "a pipeline is answered in order",
    steps: [
      {
        send: "SET a 1\r\nINCR a\r\nGET a\r\nNOSUCH\r\nGET\r\nDEL a\r\nGET a\r\nPING\r\n",
        expected:
          "+OK\r\n:2\r\n$1\r\n2\r\n-ERR unknown command 'NOSUCH', with args beginning with: \r\n-ERR wrong number of arguments for 'get' command\r\n:1\r\n$-1\r\n+PONG\r\n",
      },
    ],
  },
  {
    name: "a number of arguments that is none is an error that closes the connection",
    steps: [
      {
        send: "*abc\r\n",
        expected: "-ERR Protocol error: invalid multibulk length\r\n",
        closes: true,
      },
      {
        send: "*\r\n",
        expected: "-ERR Protocol error: invalid multibulk length\r\n",
        closes: true,
      },
      {
        send: "*1x\r\n",
        expected: "-ERR Protocol error: invalid multibulk length\r\n",
        closes: true,
      },
      {
        send: "* 1\r\n",
        expected: "-ERR Protocol error: invalid multibulk length\r\n",
        closes: true,
      },
      {
        send: "*9223372036854775807\r\n",
        expected: "-ERR Protocol error: invalid multibulk length\r\n",
        closes: true,
      },
      {
        send: "*99999999999999999999\r\n",
        expected: "-ERR Protocol error: invalid multibulk length\r\n",
        closes: true,
      },
      {
        send: "*2147483648\r\n",
        expected: "-ERR Protocol error: invalid multibulk length\r\n",
        closes: true,
      },
    ],
  },
  {
    name: "a length that is none is an error that closes the connection",
    steps: [
      {
        send: "*1\r\n$abc\r\n",
        expected: "-ERR Protocol error: invalid bulk length\r\n",
        closes: true,
      },
      {
        send: "*1\r\n$-1\r\n",
        expected: "-ERR Protocol error: invalid bulk length\r\n",
        closes: true,
      },
      {
        send: "*1\r\n$\r\n",
        expected: "-ERR Protocol error: invalid bulk length\r\n",
        closes: true,
      },
      {
        send: "*1\r\n$4x\r\nPING\r\n",
        expected: "-ERR Protocol error: invalid bulk length\r\n",
        closes: true,
      },
      {
        send: "*1\r\n$536870913\r\n",
        expected: "-ERR Protocol error: invalid bulk length\r\n",
        closes: true,
      },
      {
        send: "*1\r\n$9223372036854775808\r\n",
        expected: "-ERR Protocol error: invalid bulk length\r\n",
        closes: true,
      },
      {
        send: "*2\r\n$4\r\nECHO\r\n$-2\r\n",
        expected: "-ERR Protocol error: invalid bulk length\r\n",
        closes: true,
      },
    ],
  },
  {
    name: "what is no length is an error that names its first byte",
    steps: [
      {
        send: "*1\r\n:1\r\n",
        expected: "-ERR Protocol error: expected '$', got ':'\r\n",
        closes: true,
      },
      {
        send: "*1\r\nPING\r\n",
        expected: "-ERR Protocol error: expected '$', got 'P'\r\n",
        closes: true,
      },
      {
        send: "*2\r\n$4\r\nECHO\r\n*1\r\n",
        expected: "-ERR Protocol error: expected '$', got '*'\r\n",
        closes: true,
      },
      {
        send: "*1\r\n\r\n",
        expected: "-ERR Protocol error: expected '$', got ' '\r\n",
        closes: true,
      },
    ],
  },
  {
    name: "replies to earlier requests come before the error, and later requests are ignored",
    steps: [
      {
        send: "SET a 1\r\nGET a\r\n*abc\r\nSET a 2\r\n",
        expected: "+OK\r\n$1\r\n1\r\n-ERR Protocol error: invalid multibulk length\r\n",
        closes: true,
      },
      ["GET a", "$1\r\n1\r\n"],
    ],
  },
  {
    name: "a transaction that ends in an error of the protocol changes nothing",
    steps: [
      {
        send: "MULTI\r\nSET a 1\r\n*1\r\n!\r\nEXEC\r\n",
        expected: "+OK\r\n+QUEUED\r\n-ERR Protocol error: expected '$', got '!'\r\n",
        closes: true,
      },
      ["GET a", "$-1\r\n"],
    ],
  },
  {
    name: "a line that does not end is an error that closes the connection",
    steps: [
      {
        send: "x".repeat(70000),
        expected: "-ERR Protocol error: too big inline request\r\n",
        closes: true,
      },
      {
        send: ["*", "1".repeat(70000)],
        expected: "-ERR Protocol error: too big mbulk count string\r\n",
        closes: true,
      },
    ],
  },
];
