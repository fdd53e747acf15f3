/** Randomness that can be had once more: the seed is printed, and KV_TEST_SEED gives it back. */

/** The seed of this run: from KV_TEST_SEED, or a new one. Printed, so that a failure shows it. */
export function chooseSeed(purpose: string): number {
  const text = Deno.env.get("KV_TEST_SEED");
  const seed = text === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(text) >>> 0;
  console.log(`${purpose}: KV_TEST_SEED=${seed}`);
  return seed;
}

/** The same numbers for the same seed: mulberry32, good enough to choose test cases with. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in 0 .. 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number in 0 .. limit - 1. */
  below(limit: number): number {
    return Math.floor(this.next() / 2 ** 32 * limit);
  }

  /** A whole number in min .. max. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }

  /** Any bytes, one character for each. */
  bytes(length: number): string {
    let text = "";
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.below(256));
    return text;
  }
}

/**
 * From now on this program's own randomness (store ids, hash keys) is the same for the same seed as well.
 * For a process or a test file of its own.
 */
export function seedGlobals(seed: number): void {
  const random = new SeededRandom(seed);
  Math.random = () => random.next() / 2 ** 32;
  crypto.getRandomValues = <T extends ArrayBufferView | null>(array: T): T => {
    if (array === null) return array;
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256);
    return array;
  };
}
