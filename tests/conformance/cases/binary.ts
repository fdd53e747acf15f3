/** Cases of keys and values of any bytes and any length. */
import type { ConformanceCase } from "../case.ts";

export const binaryCases: readonly ConformanceCase[] = [
  {
    name: "values are bytes, line breaks and zeros among them",
    steps: [
      [["SET", "foo", "\0"], "+OK\r\n"],
      ["GET foo", "$1\r\n\0\r\n"],
      [["SET", "foo", "\r\n"], "+OK\r\n"],
      ["GET foo", "$2\r\n\r\n\r\n"],
      [["SET", "foo", "a\0b\r\nc\xff\xfe$5\r\n"], "+OK\r\n"],
      ["GET foo", "$12\r\na\0b\r\nc\xff\xfe$5\r\n\r\n"],
      ["STRLEN foo", ":12\r\n"],
      [["APPEND", "foo", "\0\0"], ":14\r\n"],
      ["GETRANGE foo -3 -1", "$3\r\n\n\0\0\r\n"],
      [["GETSET", "foo", "*1\r\n"], "$14\r\na\0b\r\nc\xff\xfe$5\r\n\0\0\r\n"],
      ["GETDEL foo", "$4\r\n*1\r\n\r\n"],
    ],
  },
  {
    name: "keys are bytes, line breaks and zeros among them",
    steps: [
      [["SET", "\0", "zero"], "+OK\r\n"],
      [["SET", "\r\n", "break"], "+OK\r\n"],
      [["SET", "a\0b", "1"], "+OK\r\n"],
      [["SET", "a\0c", "2"], "+OK\r\n"],
      [["SET", "\xff\xfe\xfd", "high"], "+OK\r\n"],
      [["GET", "\0"], "$4\r\nzero\r\n"],
      [["GET", "\r\n"], "$5\r\nbreak\r\n"],
      [["MGET", "a\0b", "a\0c", "a\0", "a"], "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n$-1\r\n"],
      [["GET", "\xff\xfe\xfd"], "$4\r\nhigh\r\n"],
      [["EXISTS", "\0", "\r\n", "\0\0"], ":2\r\n"],
      [["RENAME", "\0", "\0\0"], "+OK\r\n"],
      [["COPY", "\0\0", "\n"], ":1\r\n"],
      [["DEL", "\n", "\0\0", "\r\n"], ":3\r\n"],
      [["INCR", "a\0b"], ":2\r\n"],
    ],
  },
  {
    name: "names of keys that are not UTF-8 stay apart",
    steps: [
      [["SET", "\x80", "1"], "+OK\r\n"],
      [["SET", "\x81", "2"], "+OK\r\n"],
      [["SET", "\xc3(", "3"], "+OK\r\n"],
      [
        ["MGET", "\x80", "\x81", "\xc3(", "\xef\xbf\xbd"],
        "*4\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$-1\r\n",
      ],
      ["DBSIZE", ":3\r\n"],
    ],
  },
  {
    name: "a key is not trimmed and keeps its case",
    steps: [
      [["SET", " a ", "1"], "+OK\r\n"],
      ["GET a", "$-1\r\n"],
      [["GET", " a "], "$1\r\n1\r\n"],
      ["SET A 2", "+OK\r\n"],
      ["GET a", "$-1\r\n"],
    ],
  },
  {
    name: "every single byte is kept",
    steps: [
      [[
        "SET",
        "foo",
        "\0\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xeb\xec\xed\xee\xef\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff",
      ], "+OK\r\n"],
      [
        "GET foo",
        "$256\r\n\0\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xeb\xec\xed\xee\xef\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff\r\n",
      ],
      [[
        "SET",
        "\0\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xeb\xec\xed\xee\xef\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff",
        "foo",
      ], "+OK\r\n"],
      [[
        "GET",
        "\0\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf\xc0\xc1\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb\xcc\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xdb\xdc\xdd\xde\xdf\xe0\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xeb\xec\xed\xee\xef\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff",
      ], "$3\r\nfoo\r\n"],
    ],
  },
  {
    name: "a key of 65535 bytes is a key like any other",
    steps: [
      [["SET", "k".repeat(65535), "1"], "+OK\r\n"],
      [["GET", "k".repeat(65535)], "$1\r\n1\r\n"],
      [["INCR", "k".repeat(65535)], ":2\r\n"],
      [["EXISTS", "k".repeat(65535)], ":1\r\n"],
      [["EXISTS", "k".repeat(65534)], ":0\r\n"],
      ["KEYS *", "*1\r\n$65535\r\n" + "k".repeat(65535) + "\r\n"],
      [["RENAME", "k".repeat(65535), "l".repeat(65535)], "+OK\r\n"],
      [["RENAME", "l".repeat(65535), "short"], "+OK\r\n"],
      ["GET short", "$1\r\n2\r\n"],
    ],
  },
  {
    name: "a value of one mebibyte comes back as it was",
    steps: [
      [["SET", "foo", "v".repeat(1048576)], "+OK\r\n"],
      ["GET foo", "$1048576\r\n" + "v".repeat(1048576) + "\r\n"],
      ["STRLEN foo", ":1048576\r\n"],
      ["GETRANGE foo 1048570 -1", "$6\r\nvvvvvv\r\n"],
      ["APPEND foo end", ":1048579\r\n"],
      ["GETRANGE foo -5 -1", "$5\r\nvvend\r\n"],
      ["COPY foo bar", ":1\r\n"],
      ["STRLEN bar", ":1048579\r\n"],
      ["SETRANGE foo 0 V", ":1048579\r\n"],
      ["GETRANGE foo 0 2", "$3\r\nVvv\r\n"],
      ["GETSET foo small", "$1048579\r\nV" + "v".repeat(1048575) + "end\r\n"],
      ["GET foo", "$5\r\nsmall\r\n"],
    ],
  },
  {
    name: "several large values come back in one reply",
    steps: [
      [["MSET", "a", "a".repeat(300000), "b", "b".repeat(300000)], "+OK\r\n"],
      [
        "MGET a b a",
        "*3\r\n$300000\r\n" + "a".repeat(300000) + "\r\n$300000\r\n" + "b".repeat(300000) +
        "\r\n$300000\r\n" + "a".repeat(300000) + "\r\n",
      ],
    ],
  },
  {
    name: "a value can grow by its offset",
    steps: [
      ["SETRANGE foo 1048575 x", ":1048576\r\n"],
      ["STRLEN foo", ":1048576\r\n"],
      ["GETRANGE foo 1048570 -1", "$6\r\n\0\0\0\0\0x\r\n"],
    ],
  },
];
