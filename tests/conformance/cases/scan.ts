/** Cases of SCAN that end in one call; scan_iteration.test.ts has the longer ones. */
import { type ConformanceCase, endedScan } from "../case.ts";

export const scanCases: readonly ConformanceCase[] = [
  {
    name: "SCAN of an empty database ends at once",
    steps: [
      ["SCAN 0", "*2\r\n$1\r\n0\r\n*0\r\n"],
      ["SCAN 0 MATCH * COUNT 5 TYPE string", "*2\r\n$1\r\n0\r\n*0\r\n"],
    ],
  },
  {
    name: "SCAN with a large COUNT returns all keys at once",
    steps: [
      ["MSET a 1 b 2 c 3", "+OK\r\n"],
      ["SCAN 0 COUNT 1000", endedScan("a", "b", "c")],
      ["scan 0 count 1000", endedScan("a", "b", "c")],
      ["SCAN 0 COUNT 9223372036854775807", endedScan("a", "b", "c")],
    ],
  },
  {
    name: "SCAN with MATCH returns the keys that match",
    steps: [
      ["MSET one 1 two 2 three 3", "+OK\r\n"],
      ["SCAN 0 MATCH t* COUNT 1000", endedScan("two", "three")],
      ["SCAN 0 COUNT 1000 MATCH missing", endedScan()],
      ["SCAN 0 MATCH * COUNT 1000", endedScan("one", "two", "three")],
      ["SCAN 0 MATCH one COUNT 1000", endedScan("one")],
      ["SCAN 0 MATCH one MATCH two COUNT 1000", endedScan("two")],
    ],
  },
  {
    name: "SCAN with TYPE returns the keys of that type",
    steps: [
      ["MSET a 1 b 2", "+OK\r\n"],
      ["SCAN 0 TYPE string COUNT 1000", endedScan("a", "b")],
      ["SCAN 0 TYPE STRING MATCH a COUNT 1000", endedScan("a")],
      ["SCAN 0 TYPE list COUNT 1000", endedScan()],
      ["SCAN 0 TYPE nonsense COUNT 1000", endedScan()],
    ],
  },
  {
    name: "SCAN leaves out what has expired",
    steps: [
      ["SET a 1 PXAT 1", "+OK\r\n"],
      ["SET b 1", "+OK\r\n"],
      ["SCAN 0 COUNT 1000", endedScan("b")],
    ],
  },
  {
    name: "SCAN refuses options that make no sense",
    steps: [
      ["SCAN 0 COUNT 0", "-ERR syntax error\r\n"],
      ["SCAN 0 COUNT -1", "-ERR syntax error\r\n"],
      ["SCAN 0 COUNT abc", "-ERR value is not an integer or out of range\r\n"],
      ["SCAN 0 COUNT 1.5", "-ERR value is not an integer or out of range\r\n"],
      ["SCAN 0 COUNT", "-ERR syntax error\r\n"],
      ["SCAN 0 MATCH", "-ERR syntax error\r\n"],
      ["SCAN 0 TYPE", "-ERR syntax error\r\n"],
      ["SCAN 0 FOO", "-ERR syntax error\r\n"],
      ["SCAN 0 FOO bar", "-ERR syntax error\r\n"],
      ["SCAN 0 10", "-ERR syntax error\r\n"],
      ["SCAN 0 COUNT 9223372036854775808", "-ERR value is not an integer or out of range\r\n"],
    ],
  },
  {
    name: "SCAN refuses cursors that are none",
    steps: [
      ["SCAN abc", "-ERR invalid cursor\r\n"],
      ["SCAN 1x", "-ERR invalid cursor\r\n"],
      ["SCAN 1.5", "-ERR invalid cursor\r\n"],
      ["SCAN 99999999999999999999999", "-ERR invalid cursor\r\n"],
      ["SCAN abc COUNT", "-ERR invalid cursor\r\n"],
    ],
  },
  {
    name: "SCAN takes a cursor that it never gave out",
    steps: [
      ["SET a 1", "+OK\r\n"],
      [["SCAN", "", "COUNT", "1000"], endedScan("a")],
      ["SCAN +0 COUNT 1000", endedScan("a")],
      ["SCAN 00 COUNT 1000", endedScan("a")],
    ],
  },
];
