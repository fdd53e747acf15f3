/** Cases of BITFIELD and BITFIELD_RO. */
import { type ConformanceCase, integerBetween } from "../case.ts";

const badForm = "-ERR Invalid bitfield type. Use something like i16 u8. " +
  "Note that u64 is not supported but i64 is.\r\n";
const badOffset = "-ERR bit offset is not an integer or out of range\r\n";
const notAnInteger = "-ERR value is not an integer or out of range\r\n";
const syntaxError = "-ERR syntax error\r\n";

export const bitfieldCases: readonly ConformanceCase[] = [
  {
    name: "BITFIELD reads integers of any length at any place",
    steps: [
      [["SET", "foo", "\x01\x80\xff\x7f"], "+OK\r\n"],
      ["BITFIELD foo GET u8 0 GET i8 8 GET u4 6 get i2 7", "*4\r\n:1\r\n:-128\r\n:6\r\n:-1\r\n"],
      ["BITFIELD foo GET u32 0 GET i32 0", "*2\r\n:25231231\r\n:25231231\r\n"],
      ["BITFIELD foo GET u63 0 GET i64 0", "*2\r\n:54183655991410688\r\n:108367311982821376\r\n"],
      ["BITFIELD foo GET u8 #1 GET u16 #1 GET u1 #15", "*3\r\n:128\r\n:65407\r\n:0\r\n"],
      ["BITFIELD foo GET u8 28 GET i8 28 GET u8 4294967295", "*3\r\n:240\r\n:-16\r\n:0\r\n"],
      ["BITFIELD missing GET u8 0 GET i64 100", "*2\r\n:0\r\n:0\r\n"],
      ["BITFIELD foo", "*0\r\n"],
      ["EXISTS missing", ":0\r\n"],
    ],
  },
  {
    name: "BITFIELD SET replies what was there, INCRBY what is there now",
    steps: [
      ["BITFIELD foo SET u8 0 200 SET u8 0 100 GET u8 0", "*3\r\n:0\r\n:200\r\n:100\r\n"],
      ["BITFIELD foo INCRBY u8 0 10 INCRBY u8 0 -20", "*2\r\n:110\r\n:90\r\n"],
      [
        "BITFIELD foo SET i5 3 -9 GET i5 3 INCRBY i5 3 -10 GET u5 3",
        [
          "*4\r\n",
          ":-6\r\n",
          ":-9\r\n",
          ":13\r\n",
          ":13\r\n",
        ].join(""),
      ],
      ["BITFIELD foo SET u63 1 9223372036854775807", "*1\r\n:5548434740920451072\r\n"],
      ["GET foo", "$8\r\n\x7f\xff\xff\xff\xff\xff\xff\xff\r\n"],
      ["BITFIELD foo SET i64 #0 -2 GET i64 0", "*2\r\n:9223372036854775807\r\n:-2\r\n"],
      ["BITFIELD n SET i53 5 -4503599627370496 GET i53 5", "*2\r\n:0\r\n:-4503599627370496\r\n"],
      ["BITFIELD n INCRBY i53 5 1 GET u53 5", "*2\r\n:-4503599627370495\r\n:4503599627370497\r\n"],
    ],
  },
  {
    name: "BITFIELD wraps, saturates or fails, from OVERFLOW on",
    steps: [
      ["BITFIELD foo SET u8 0 255", "*1\r\n:0\r\n"],
      ["BITFIELD foo INCRBY u8 0 2", "*1\r\n:1\r\n"],
      ["BITFIELD foo INCRBY u8 0 -3", "*1\r\n:254\r\n"],
      [
        "BITFIELD foo INCRBY u8 0 1 OVERFLOW SAT INCRBY u8 0 9 OVERFLOW FAIL INCRBY u8 0 1 GET u8 0",
        "*4\r\n:255\r\n:255\r\n$-1\r\n:255\r\n",
      ],
      ["BITFIELD foo OVERFLOW sat INCRBY u8 0 -300 INCRBY i8 0 -129", "*2\r\n:0\r\n:-128\r\n"],
      ["BITFIELD foo OVERFLOW sat INCRBY i8 0 256", "*1\r\n:127\r\n"],
      ["BITFIELD foo OVERFLOW FAIL OVERFLOW WRAP INCRBY i8 0 1", "*1\r\n:-128\r\n"],
      [
        "BITFIELD foo OVERFLOW fail SET u8 0 256 SET i8 0 128 SET i8 0 -129",
        [
          "*3\r\n",
          "$-1\r\n",
          "$-1\r\n",
          "$-1\r\n",
        ].join(""),
      ],
      ["BITFIELD foo SET u8 0 300 SET i8 0 200 GET i8 0", "*3\r\n:128\r\n:44\r\n:-56\r\n"],
      [
        "BITFIELD foo OVERFLOW SAT SET i8 0 200 SET i8 0 -200 GET i8 0",
        [
          "*3\r\n",
          ":-56\r\n",
          ":127\r\n",
          ":-128\r\n",
        ].join(""),
      ],
      ["BITFIELD foo OVERFLOW FAIL GET u8 0 OVERFLOW SAT", "*1\r\n:128\r\n"],
    ],
  },
  {
    // A negative value is a large one there, as C converts it.
    name: "BITFIELD SET of a negative value into an unsigned field is too large",
    steps: [
      ["BITFIELD foo SET u8 0 -1 GET u8 0", "*2\r\n:0\r\n:255\r\n"],
      ["BITFIELD foo OVERFLOW SAT SET u8 0 -2 GET u8 0", "*2\r\n:255\r\n:255\r\n"],
      ["BITFIELD foo OVERFLOW FAIL SET u8 0 -2 GET u8 0", "*2\r\n$-1\r\n:255\r\n"],
      [
        "BITFIELD foo OVERFLOW SAT SET u63 0 -2 GET u63 0",
        [
          "*2\r\n",
          ":9187343239835811840\r\n",
          ":9223372036854775807\r\n",
        ].join(""),
      ],
    ],
  },
  {
    name: "BITFIELD has operands of 64 bits",
    steps: [
      [
        "BITFIELD a OVERFLOW SAT INCRBY i8 0 9223372036854775807 GET i8 0",
        "*2\r\n:127\r\n:127\r\n",
      ],
      [
        "BITFIELD a OVERFLOW SAT INCRBY i8 0 -9223372036854775808 GET i8 0",
        "*2\r\n:-128\r\n:-128\r\n",
      ],
      ["BITFIELD a OVERFLOW SAT SET i8 0 9223372036854775807 GET i8 0", "*2\r\n:-128\r\n:127\r\n"],
      // Redis looks at 127 - value in 64 bits: that is negative, so the value is too large.
      ["BITFIELD a OVERFLOW SAT SET i8 0 -9223372036854775808 GET i8 0", "*2\r\n:127\r\n:127\r\n"],
      ["BITFIELD a OVERFLOW SAT SET i8 0 -9223372036854775600 GET i8 0", "*2\r\n:127\r\n:-128\r\n"],
      [
        "BITFIELD a SET i8 0 9223372036854775807 INCRBY i8 0 9223372036854775807",
        [
          "*2\r\n",
          ":-128\r\n",
          ":-2\r\n",
        ].join(""),
      ],
      [
        "BITFIELD b SET i64 0 9223372036854775807 INCRBY i64 0 1",
        [
          "*2\r\n",
          ":0\r\n",
          ":-9223372036854775808\r\n",
        ].join(""),
      ],
      ["BITFIELD b OVERFLOW SAT INCRBY i64 0 -1", "*1\r\n:-9223372036854775808\r\n"],
      [
        "BITFIELD b OVERFLOW FAIL INCRBY i64 0 -1 GET i64 0",
        [
          "*2\r\n",
          "$-1\r\n",
          ":-9223372036854775808\r\n",
        ].join(""),
      ],
      [
        "BITFIELD b OVERFLOW SAT INCRBY u63 0 9223372036854775807 INCRBY u63 0 1",
        [
          "*2\r\n",
          ":9223372036854775807\r\n",
          ":9223372036854775807\r\n",
        ].join(""),
      ],
      [
        "BITFIELD b INCRBY u63 0 9223372036854775807 OVERFLOW SAT INCRBY u63 0 -9223372036854775808",
        "*2\r\n:9223372036854775806\r\n:0\r\n",
      ],
    ],
  },
  {
    name: "BITFIELD makes a value as long as its highest operation needs, also if that fails",
    steps: [
      ["BITFIELD foo OVERFLOW FAIL SET u8 20 300", "*1\r\n$-1\r\n"],
      ["GET foo", "$4\r\n\0\0\0\0\r\n"],
      ["EXPIRE foo 100", ":1\r\n"],
      ["BITFIELD foo SET u1 39 1 GET u8 100", "*2\r\n:0\r\n:0\r\n"],
      ["GET foo", "$5\r\n\0\0\0\0\x01\r\n"],
      ["TTL foo", integerBetween(99, 100)],
    ],
  },
  {
    name: "BITFIELD that leaves all as it is is no change for WATCH",
    steps: [
      ["SET foo abc", "+OK\r\n"],
      ["WATCH foo", "+OK\r\n"],
      [
        "BITFIELD foo SET u8 0 97 INCRBY u8 8 0 OVERFLOW FAIL SET u8 0 256",
        [
          "*3\r\n",
          ":97\r\n",
          ":98\r\n",
          "$-1\r\n",
        ].join(""),
        "second",
      ],
      ["MULTI", "+OK\r\n"],
      ["PING", "+QUEUED\r\n"],
      ["EXEC", "*1\r\n+PONG\r\n"],
      ["WATCH foo", "+OK\r\n"],
      ["BITFIELD foo GET u8 0 SET u8 0 98 GET u8 0", "*3\r\n:97\r\n:97\r\n:98\r\n", "second"],
      ["MULTI", "+OK\r\n"],
      ["EXEC", "*-1\r\n"],
      ["GET foo", "$3\r\nbbc\r\n"],
    ],
  },
  {
    name: "BITFIELD runs nothing when one of its operations makes no sense",
    steps: [
      ["SET foo abc", "+OK\r\n"],
      ["BITFIELD foo SET u8 0 1 GET", syntaxError],
      ["BITFIELD foo SET u8 0 1 GET u8", syntaxError],
      ["BITFIELD foo SET u8 0", syntaxError],
      ["BITFIELD foo INCRBY u8 0", syntaxError],
      ["BITFIELD foo SET u8 0 1 OVERFLOW", syntaxError],
      ["BITFIELD foo SET u8 0 1 foo", syntaxError],
      ["BITFIELD foo SET u8 0 1 OVERFLOW foo", "-ERR Invalid OVERFLOW type specified\r\n"],
      ["BITFIELD foo SET u8 0 1 GET u64 0", badForm],
      ["BITFIELD foo SET u8 0 1 GET i65 0", badForm],
      ["BITFIELD foo SET u8 0 1 GET u0 0", badForm],
      ["BITFIELD foo GET U8 0", badForm],
      ["BITFIELD foo GET u08 0", badForm],
      ["BITFIELD foo GET u 0", badForm],
      ["BITFIELD foo GET u-1 0", badForm],
      ["BITFIELD foo GET i9223372036854775808 0", badForm],
      [["BITFIELD", "foo", "GET", "", "0"], badForm],
      ["BITFIELD foo GET u8 a", badOffset],
      ["BITFIELD foo GET u8 -1", badOffset],
      ["BITFIELD foo GET u8 #", badOffset],
      ["BITFIELD foo GET u8 #-1", badOffset],
      ["BITFIELD foo GET u8 4294967296", badOffset],
      ["BITFIELD foo GET u8 #536870912", badOffset],
      ["BITFIELD foo SET u99 a b", badForm],
      ["BITFIELD foo SET u8 a b", badOffset],
      ["BITFIELD foo SET u8 0 b", notAnInteger],
      ["BITFIELD foo INCRBY u8 0 9223372036854775808", notAnInteger],
      ["GET foo", "$3\r\nabc\r\n"],
    ],
  },
  {
    // The product of number and length is one of 64 bits.
    name: "BITFIELD takes some very large numbers of fields for small ones",
    steps: [
      ["SET foo abc", "+OK\r\n"],
      [
        "BITFIELD foo GET u8 #4611686018427387904 GET u8 #2305843009213693953",
        [
          "*2\r\n",
          ":97\r\n",
          ":98\r\n",
        ].join(""),
      ],
      ["BITFIELD foo GET u63 #146402730743726602", badOffset],
    ],
  },
  {
    name: "BITFIELD in RESP3 fails with its null",
    steps: [
      ["HELLO 3", /^%/],
      ["BITFIELD foo OVERFLOW FAIL SET u8 0 256 GET u8 0", "*2\r\n_\r\n:0\r\n"],
    ],
  },
  {
    name: "BITFIELD_RO only reads",
    steps: [
      ["SET foo abc", "+OK\r\n"],
      ["BITFIELD_RO foo GET u8 0 GET i8 8", "*2\r\n:97\r\n:98\r\n"],
      ["BITFIELD_RO foo OVERFLOW SAT GET u8 0", "*1\r\n:97\r\n"],
      ["BITFIELD_RO missing GET u8 0", "*1\r\n:0\r\n"],
      ["BITFIELD_RO foo", "*0\r\n"],
      [
        "BITFIELD_RO foo GET u8 0 SET u8 0 1",
        "-ERR BITFIELD_RO only supports the GET subcommand\r\n",
      ],
      ["BITFIELD_RO foo INCRBY u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand\r\n"],
      ["BITFIELD_RO foo SET u8 0", syntaxError],
      ["BITFIELD_RO foo SET u8 0 a", notAnInteger],
      ["BITFIELD_RO foo SET u65 0 a", badForm],
    ],
  },
];
