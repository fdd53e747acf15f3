/** Cases of DUMP and RESTORE. The serialised values are redis-server 7.0.15's. */
import { bulk, type ConformanceCase } from "../case.ts";

const ok = "+OK\r\n";
const dumps = {
  int8: "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb",
  int16: "\x00\xc1\x18\xfc\x0a\x00\x46\x02\x35\x5e\x70\x22\x5a\x90",
  int32: "\x00\xc2\x40\xe2\x01\x00\x0a\x00\x43\x26\x47\xf4\x43\x19\x72\x83",
  text: "\x00\x0bhello world\x0a\x00\x0b\xfc\x49\xb9\xa6\xc7\xa0\x34",
  digits: "\x00\x0b12345678901\x0a\x00\x30\x4e\x52\xd7\x27\x17\x65\x10",
  compressed:
    "\x00\xc3\x09\x40\x64\x01\x78\x78\xe0\x57\x00\x01\x78\x78\x0a\x00\x5d\xb7\xf6\x63\xbb\x08\x62\x5f",
  list:
    "\x12\x01\x02\x0a\x0a\x00\x00\x00\x01\x00\x81\x61\x02\xff\x0a\x00\x09\xb9\xed\xf5\x94\xde\xd9\x95",
} as const;

const values: readonly (readonly [value: string, dump: string])[] = [
  ["10", dumps.int8],
  ["-1000", dumps.int16],
  ["123456", dumps.int32],
  ["hello world", dumps.text],
  ["12345678901", dumps.digits],
  ["x".repeat(100), dumps.compressed],
];

const wrongPayload = "-ERR DUMP payload version or checksum are wrong\r\n";

export const serializedCases: readonly ConformanceCase[] = [
  {
    name: "DUMP gives a value in the form of RDB files, and RESTORE takes it",
    steps: [
      ["DUMP missing", "$-1\r\n"],
      ...values.flatMap(([value, dump]) =>
        [
          [["SET", "a", value], ok],
          ["DUMP a", bulk(dump)],
          [["RESTORE", "b", "0", dump, "REPLACE"], ok],
          ["GET b", bulk(value)],
        ] as const
      ),
    ],
  },
  {
    name: "a key that exists is kept without REPLACE",
    steps: [
      ["SET a old", ok],
      [["RESTORE", "a", "0", dumps.text], "-BUSYKEY Target key name already exists.\r\n"],
      ["GET a", bulk("old")],
      [["restore", "a", "0", dumps.text, "replace"], ok],
      ["GET a", bulk("hello world")],
    ],
  },
  {
    name: "RESTORE takes a time to live, or with ABSTTL the Unix time",
    steps: [
      [["RESTORE", "a", "100000", dumps.text], ok],
      ["PTTL a", /^:(100000|99\d{3})\r\n$/],
      [["RESTORE", "b", "4102444800000", dumps.text, "ABSTTL"], ok],
      ["PEXPIRETIME b", ":4102444800000\r\n"],
      [["RESTORE", "b", "1", dumps.text, "ABSTTL", "REPLACE"], ok],
      ["EXISTS b", ":0\r\n"],
      [["RESTORE", "a", "0", dumps.text, "REPLACE", "IDLETIME", "5"], ok],
      [["RESTORE", "a", "0", dumps.text, "REPLACE", "FREQ", "255"], ok],
      ["TTL a", ":-1\r\n"],
    ],
  },
  {
    name: "RESTORE refuses what makes no sense, in this order",
    steps: [
      ["SET a 1", ok],
      ["RESTORE a 0 x NONSENSE", "-ERR syntax error\r\n"],
      ["RESTORE a 0 x IDLETIME", "-ERR syntax error\r\n"],
      ["RESTORE a 0 x IDLETIME x", "-ERR value is not an integer or out of range\r\n"],
      ["RESTORE a 0 x IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0\r\n"],
      ["RESTORE a 0 x FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n"],
      ["RESTORE a 0 x FREQ 1 IDLETIME 1", "-ERR syntax error\r\n"],
      ["RESTORE a x x", "-BUSYKEY Target key name already exists.\r\n"],
      ["RESTORE b x x", "-ERR value is not an integer or out of range\r\n"],
      ["RESTORE b -1 x", "-ERR Invalid TTL value, must be >= 0\r\n"],
      ["RESTORE b 0 x", wrongPayload],
      [["RESTORE", "b", "0", ""], wrongPayload],
      [["RESTORE", "b", "0", dumps.text.replace("hello", "hallo")], wrongPayload],
      [["RESTORE", "b", "0", dumps.list.slice(0, -1)], wrongPayload],
      ["EXISTS b", ":0\r\n"],
    ],
  },
];
