/** Which keys a load asks for: all alike, or a few of them most of the time. */
import { SeededRandom } from "../../../tests/support/seeded_random.ts";

/** Chooses a key's number below some count. */
export interface KeyChooser {
  next(): number;
}

export type Distribution = "uniform" | "zipfian";

export function keyChooser(distribution: Distribution, keys: number, seed: number): KeyChooser {
  const random = new SeededRandom(seed);
  return distribution === "zipfian" ? new ZipfianKeys(keys, random) : new UniformKeys(keys, random);
}

class UniformKeys implements KeyChooser {
  readonly #keys: number;
  readonly #random: SeededRandom;

  constructor(keys: number, random: SeededRandom) {
    this.#keys = keys;
    this.#random = random;
  }

  next(): number {
    return this.#random.below(this.#keys);
  }
}

/** YCSB's constant: of a million keys, the first is asked for in 6.5% of the requests. */
export const zipfianConstant = 0.99;

/**
 * Zipf's law: the key of rank r is asked for 1/r^0.99 as often as the first. The method is that of Gray
 * and others, "Quickly generating billion-record synthetic databases" (SIGMOD 1994), which YCSB uses, too;
 * and as there, ranks are scattered over the keys, so that those asked for most are not neighbours.
 */
export class ZipfianKeys implements KeyChooser {
  readonly #keys: number;
  readonly #random: SeededRandom;
  readonly #alpha = 1 / (1 - zipfianConstant);
  readonly #zeta: number;
  readonly #eta: number;

  constructor(keys: number, random: SeededRandom) {
    this.#keys = keys;
    this.#random = random;
    this.#zeta = zeta(keys);
    this.#eta = (1 - (2 / keys) ** (1 - zipfianConstant)) / (1 - zeta(2) / this.#zeta);
  }

  next(): number {
    return scattered(this.nextRank(), this.#keys);
  }

  /** 0 for the key that is asked for most. */
  nextRank(): number {
    const u = this.#random.next() / 2 ** 32;
    const uz = u * this.#zeta;
    if (uz < 1) return 0;
    if (uz < 1 + 0.5 ** zipfianConstant) return 1;
    return Math.floor(this.#keys * (this.#eta * u - this.#eta + 1) ** this.#alpha);
  }
}

/** The sum of 1/r^0.99 for the ranks from 1 to `keys`. */
function zeta(keys: number): number {
  let sum = 0;
  for (let rank = 1; rank <= keys; rank++) sum += 1 / rank ** zipfianConstant;
  return sum;
}

/** A key for each rank. Two ranks may share one, as in YCSB: a hash, not a permutation. */
function scattered(rank: number, keys: number): number {
  // The mixing steps of MurmurHash3.
  let mixed = Math.imul(rank ^ (rank >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return ((mixed ^ (mixed >>> 16)) >>> 0) % keys;
}
