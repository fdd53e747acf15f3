/** Cases of LCS. */
import type { ConformanceCase } from "../case.ts";

const tooLong = "-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n";

/** `*2 *2 :first :last *2 :first :last`, with the length as a third element if there is one. */
function match(a: [number, number], b: [number, number], length?: number): string {
  const head = length === undefined ? "*2\r\n" : "*3\r\n";
  const tail = length === undefined ? "" : `:${length}\r\n`;
  return `${head}*2\r\n:${a[0]}\r\n:${a[1]}\r\n*2\r\n:${b[0]}\r\n:${b[1]}\r\n${tail}`;
}

/** The reply with places, in RESP2. */
function places(length: number, ...matches: readonly string[]): string {
  return `*4\r\n$7\r\nmatches\r\n*${matches.length}\r\n${
    matches.join("")
  }$3\r\nlen\r\n:${length}\r\n`;
}

export const lcsCases: readonly ConformanceCase[] = [
  {
    name: "LCS finds what two values have in common, or its length",
    steps: [
      ["MSET a ohmytext b mynewtext", "+OK\r\n"],
      ["LCS a b", "$6\r\nmytext\r\n"],
      ["lcs a b len", ":6\r\n"],
      ["LCS b a", "$6\r\nmytext\r\n"],
      ["LCS a a", "$8\r\nohmytext\r\n"],
      ["LCS a a LEN", ":8\r\n"],
      ["LCS a missing", "$0\r\n\r\n"],
      ["LCS missing a LEN", ":0\r\n"],
      ["LCS missing missing IDX", places(0)],
      [["SET", "c", "\0\xff\0"], "+OK\r\n"],
      [["SET", "d", "\xff\xff\0"], "+OK\r\n"],
      ["LCS c d", "$2\r\n\xff\0\r\n"],
    ],
  },
  {
    name: "LCS IDX tells the places, the last ones first",
    steps: [
      ["MSET a ohmytext b mynewtext c xyz", "+OK\r\n"],
      ["LCS a b IDX", places(6, match([4, 7], [5, 8]), match([2, 3], [0, 1]))],
      ["LCS b a IDX", places(6, match([5, 8], [4, 7]), match([0, 1], [2, 3]))],
      [
        "LCS a b IDX WITHMATCHLEN",
        places(6, match([4, 7], [5, 8], 4), match([2, 3], [0, 1], 2)),
      ],
      ["LCS a b IDX MINMATCHLEN 4", places(6, match([4, 7], [5, 8]))],
      ["LCS a b MINMATCHLEN 3 WITHMATCHLEN IDX", places(6, match([4, 7], [5, 8], 4))],
      ["LCS a b IDX MINMATCHLEN 9223372036854775807", places(6)],
      [
        "LCS a b IDX MINMATCHLEN -9223372036854775808",
        places(6, match([4, 7], [5, 8]), match([2, 3], [0, 1])),
      ],
      ["LCS a c IDX", places(1, match([6, 6], [0, 0]))],
      ["LCS a a IDX", places(8, match([0, 7], [0, 7]))],
      ["LCS a b MINMATCHLEN 9", "$6\r\nmytext\r\n"],
      ["LCS a b WITHMATCHLEN", "$6\r\nmytext\r\n"],
    ],
  },
  {
    name: "LCS picks one of several",
    steps: [
      ["MSET a abcbdab b bdcaba c xaxbxcxdx d dcba", "+OK\r\n"],
      ["LCS a b", "$4\r\nbdab\r\n"],
      ["LCS b a", "$4\r\nbcba\r\n"],
      ["LCS c d IDX", places(1, match([7, 7], [0, 0]))],
      ["LCS d c IDX", places(1, match([3, 3], [1, 1]))],
    ],
  },
  {
    name: "LCS in RESP3 replies a map",
    steps: [
      ["MSET a abc b bc", "+OK\r\n"],
      ["HELLO 3", /^%/],
      [
        "LCS a b IDX",
        `%2\r\n$7\r\nmatches\r\n*1\r\n${match([1, 2], [0, 1])}$3\r\nlen\r\n:2\r\n`,
      ],
    ],
  },
  {
    name: "LCS reads its options before it looks at the values' lengths",
    steps: [
      ["MSET a abc b bcd", "+OK\r\n"],
      ["LCS a b foo", "-ERR syntax error\r\n"],
      ["LCS a b MINMATCHLEN", "-ERR syntax error\r\n"],
      ["LCS a b MINMATCHLEN x", "-ERR value is not an integer or out of range\r\n"],
      ["LCS a b MINMATCHLEN 1.0 foo", "-ERR value is not an integer or out of range\r\n"],
      ["LCS a b LEN IDX foo", "-ERR syntax error\r\n"],
      [
        "LCS a b LEN IDX",
        "-ERR If you want both the length and indexes, please just use IDX.\r\n",
      ],
      // A table of (11584 + 1) ** 2 numbers of 4 bytes is just below 512 MiB, one of 11585 not.
      ["SETRANGE a 11584 x", ":11585\r\n"],
      ["SETRANGE b 11584 x", ":11585\r\n"],
      ["LCS a b LEN", tooLong],
      ["LCS a b", tooLong],
      ["LCS a b IDX", tooLong],
      [
        "LCS a b LEN IDX",
        "-ERR If you want both the length and indexes, please just use IDX.\r\n",
      ],
      ["SET b x", "+OK\r\n"],
      ["LCS a b IDX", places(1, match([11584, 11584], [0, 0]))],
      ["LCS b a IDX", places(1, match([0, 0], [11584, 11584]))],
    ],
  },
];
