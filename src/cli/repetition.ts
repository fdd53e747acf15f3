/** `5 incr n` in `kv cli` runs five times, as in `redis-cli`. */

/** What is said of a number that is none to repeat by; redis-cli's words, but for its name. */
export const wrongRepetition = "Invalid repeat command option value.";

/** How often a command runs whose first word may be a number, 0 for a wrong one; and whether there is one. */
export function repetition(words: readonly string[]): { times: number; isGiven: boolean } {
  if (words.length < 2 || !/^[-+]?\d+$/.test(words[0])) return { times: 1, isGiven: false };
  const times = Number(words[0]);
  return { times: Number.isSafeInteger(times) && times > 0 ? times : 0, isGiven: true };
}
