import { assert, assertEquals } from "@std/assert";
import { runWordList, wordListDefault } from "../../scripts/word_list.ts";

Deno.test("a word list of 100,000 lines outlives kill -9, every value of it", async () => {
  const { words, wrong, counted, readyLine } = await runWordList(wordListDefault);
  assert(words > 100_000);
  assertEquals(wrong, []);
  assertEquals(counted, words);
  assert(readyLine.includes("replayed"), readyLine);
});
