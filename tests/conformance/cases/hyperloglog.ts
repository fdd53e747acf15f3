/** Cases of HyperLogLog: the stored bytes are redis-server's, too. */
import { bulk, type ConformanceCase, type Step } from "../case.ts";

const ok = "+OK\r\n";
const notOne = "-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n";
const corrupted = "-INVALIDOBJ Corrupted HLL object detected\r\n";
const empty = "HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff";
const abc = "\x60\xf3\x80\x50\xb1\x84\x4b\xfb\x80\x42\x5a";

/** `count` elements, which no other call with another name adds. */
function elements(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name}:${i}`);
}

function add(key: string, name: string, count: number, expected: number): Step {
  return [["PFADD", key, ...elements(name, count)], `:${expected}\r\n`];
}

export const hyperloglogCases: readonly ConformanceCase[] = [
  {
    name: "PFADD tells whether the estimate may have changed",
    steps: [
      ["PFADD h a b c", ":1\r\n"],
      ["PFADD h a b c", ":0\r\n"],
      ["GET h", bulk(`HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80${abc}`)],
      ["PFCOUNT h", ":3\r\n"],
      ["GET h", bulk(`HYLL\x01\0\0\0\x03\0\0\0\0\0\0\0${abc}`)],
      ["PFADD h", ":0\r\n"],
      ["PFADD new", ":1\r\n"],
      ["GET new", bulk(empty)],
      ["PFCOUNT new", ":0\r\n"],
      ["PFCOUNT missing", ":0\r\n"],
      [["PFADD", "h", ""], ":1\r\n"],
      ["PFCOUNT h", ":4\r\n"],
    ],
  },
  {
    name: "many elements are estimated, in the dense form, too",
    steps: [
      add("h", "x", 100, 1),
      ["PFCOUNT h", ":100\r\n"],
      ["STRLEN h", ":280\r\n"],
      add("h", "y", 5000, 1),
      ["STRLEN h", ":12304\r\n"],
      ["PFCOUNT h", /^:5\d{3}\r\n$/],
      add("h", "y", 5000, 0),
    ],
  },
  {
    name: "PFCOUNT of several keys counts their union, and keeps nothing",
    steps: [
      add("a", "x", 50, 1),
      add("b", "y", 50, 1),
      ["PFADD b x:1 x:2 x:3", ":1\r\n"],
      ["PFCOUNT a b missing", ":100\r\n"],
      ["PFCOUNT a a", ":50\r\n"],
      ["EXISTS missing", ":0\r\n"],
    ],
  },
  {
    name: "PFMERGE writes the union, dense if one of them is",
    steps: [
      add("a", "x", 50, 1),
      add("b", "y", 50, 1),
      ["PFMERGE c a b missing", ok],
      ["PFCOUNT c", ":100\r\n"],
      ["PFMERGE new", ok],
      ["GET new", bulk(empty)],
      add("d", "z", 5000, 1),
      ["PFMERGE a d", ok],
      ["STRLEN a", ":12304\r\n"],
      ["PFCOUNT a d", /^:50\d{2}\r\n$/],
    ],
  },
  {
    name: "a deadline stays",
    steps: [
      ["PFADD h a", ":1\r\n"],
      ["EXPIRE h 100", ":1\r\n"],
      ["PFADD h b", ":1\r\n"],
      ["TTL h", ":100\r\n"],
    ],
  },
  {
    name: "other values are refused",
    steps: [
      ["SET s text", ok],
      ["PFADD s a", notOne],
      ["PFCOUNT s", notOne],
      ["PFCOUNT s missing", notOne],
      ["PFMERGE s missing", notOne],
      ["PFMERGE a s", notOne],
      ["EXISTS a", ":0\r\n"],
      [["SET", "s", "HYLL\x02" + "\0".repeat(20)], ok],
      ["PFCOUNT s", notOne],
      [["SET", "s", "HYLL\0" + "\0".repeat(20)], ok],
      ["PFADD s a", notOne],
    ],
  },
  {
    name: "runs that stand for too few or too many registers are corrupted",
    steps: [
      [["SET", "s", "HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xfe"], ok],
      ["PFCOUNT s", corrupted],
      ["PFCOUNT s missing", corrupted],
      ["PFMERGE a s", corrupted],
      [["SET", "s", "HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80\x7f\xff\x01"], ok],
      ["PFCOUNT s", corrupted],
    ],
  },
  {
    name: "a count that was written by hand is taken as it is",
    steps: [
      ["PFADD p a", ":1\r\n"],
      [["SETRANGE", "p", "8", "\xff\xff\xff\xff\xff\xff\xff\x7f"], /^:\d+\r\n$/],
      ["PFCOUNT p", ":9223372036854775807\r\n"],
      [["SETRANGE", "p", "8", "\x01\x00\x00\x00\x00\x00\x20\x00"], /^:\d+\r\n$/],
      ["PFCOUNT p", ":9007199254740993\r\n"],
      ["PFADD p b", ":1\r\n"],
      ["PFCOUNT p", ":2\r\n"],
    ],
  },
];
