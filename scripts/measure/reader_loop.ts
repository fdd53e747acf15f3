/**
 * One process that reads random keys for a while, out of a store or of LMDB, in the same loop; prints how
 * many values a second.
 *
 *     deno run -A scripts/measure/reader_loop.ts KIND PATH KEYS SECONDS SEED
 */
import { KeyValueReader } from "../../src/client/key_value_reader.ts";

const keyText = "key:000000000000";
const lastDigit = keyText.length - 1;
const checkEvery = 10_000;
/** Before it counts: the loop is compiled, the memory mapped. */
const warmUpShare = 0.5;
const manyKeys = 100;

type ReadKey = (key: Uint8Array) => number;

/** Numbers below `count`, and their keys in one buffer: other keys' memory would be waited for as well. */
class RandomKeys {
  readonly key = new TextEncoder().encode(keyText);
  readonly #count: number;
  #state: number;

  constructor(count: number, seed: number) {
    this.#count = count;
    this.#state = seed | 1;
  }

  next(): Uint8Array {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    let number = (x >>> 0) % this.#count;
    const { key } = this;
    for (let at = lastDigit; at > lastDigit - 8; at--) {
      const rest = number / 10 | 0;
      key[at] = 48 + number - 10 * rest;
      number = rest;
    }
    return key;
  }
}

async function readerOf(kind: string, path: string): Promise<ReadKey> {
  if (kind === "lmdb") {
    const { open } = await import("lmdb");
    const database = open({ path, readOnly: true, encoding: "binary", keyEncoding: "binary" });
    return (key) => database.getBinaryFast(key as never)?.length ?? -1;
  }
  const reader = KeyValueReader.open(path);
  const buffer = new Uint8Array(1024);
  return (key) => reader.getInto(key, buffer);
}

/** Values a second. */
function measure(read: () => number, seconds: number): number {
  const until = performance.now() + 1000 * seconds;
  let count = 0;
  const started = performance.now();
  while (performance.now() < until) count += read();
  return count / (performance.now() - started) * 1000;
}

const [kind, path, count, seconds, seed] = Deno.args;
const keys = new RandomKeys(Number(count), Number(seed));
let read: () => number;
if (kind === "getMany") {
  const reader = KeyValueReader.open(path);
  const chunk = Array.from({ length: manyKeys }, () => new Uint8Array(keyText.length));
  read = () => {
    for (const key of chunk) key.set(keys.next());
    for (const value of reader.getMany(chunk)) {
      if (value === null) throw new Error("a key is missing");
    }
    return manyKeys;
  };
} else {
  const readKey = await readerOf(kind, path);
  read = () => {
    let missing = 0;
    for (let i = 0; i < checkEvery; i++) if (readKey(keys.next()) < 0) missing++;
    if (missing > 0) throw new Error(`${missing} keys are missing`);
    return checkEvery;
  };
}
measure(read, warmUpShare * Number(seconds));
console.log(Math.round(measure(read, Number(seconds))));
Deno.exit(0);
