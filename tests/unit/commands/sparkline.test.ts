import { assertEquals } from "@std/assert";
import { sparkline } from "../../../src/commands/sparkline.ts";

Deno.test("one value is a bar of the least height, with its label downwards", () => {
  assertEquals(sparkline([7], ["12s"]), " \n \n \n_\n \n1\n2\ns\n");
});

Deno.test("bars have twelve heights between the least and the largest value", () => {
  const values = Array.from({ length: 13 }, (_, i) => i);
  const lines = sparkline(values, values.map(() => "x")).split("\n");
  assertEquals(lines.slice(0, 4), [
    "         _o##",
    "      _o#||||",
    "   _o#|||||||",
    "_o#||||||||||",
  ]);
  assertEquals(lines.slice(4), [" ".repeat(13), "x".repeat(13), ""]);
});

Deno.test("labels of different lengths end where they end", () => {
  const lines = sparkline([1, 1], ["5s", "10m"]).split("\n");
  assertEquals(lines.slice(5), ["51", "s0", " m", ""]);
});

Deno.test("more than 80 values go on below", () => {
  const values = Array.from({ length: 100 }, () => 1);
  const lines = sparkline(values, values.map(() => "s")).split("\n");
  assertEquals(lines.filter((line) => line.includes("_")).map((line) => line.length), [80, 20]);
});
