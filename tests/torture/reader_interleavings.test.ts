/**
 * A reader beside a store that changes at each point of a lookup: between what the reader looks at and what it believes,
 * random writes, removals, transactions, compaction and steps of the clock. What it finds has to be something that was there
 * since the lookup began. KV_READER_INTERLEAVINGS says how many lookups; KV_TEST_SEED replays a run.
 */
import { assert } from "@std/assert";
import { chooseSeed, SeededRandom } from "../support/seeded_random.ts";
import { Pair } from "../unit/store/reader_pair.ts";

const lookupsDefault = 10_000;
const lookupsPerRound = 500;
/** A reader gives up when there is never an end to changes. */
const changesPerLookupMax = 12;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const keys = Array.from({ length: 24 }, (_, i) => `k${i}`.padEnd(2 + i % 6 * 9, "y"));
/** They are written by transactions only, all of them the same. */
const twins = Array.from({ length: 5 }, (_, i) => `twin${i}`);
const all = [...keys, ...twins];

interface Entry {
  readonly value: string;
  /** 0: never. */
  readonly expireAt: number;
}

Deno.test("a reader finds what was there since it began to look, whatever happens meanwhile", async () => {
  const seed = chooseSeed("reader interleavings");
  const count = Number(Deno.env.get("KV_READER_INTERLEAVINGS") ?? lookupsDefault);
  for (let round = 0; round * lookupsPerRound < count; round++) {
    await using pair = await Pair.make();
    // Each round has its own seed, so that it can be replayed as the first one.
    await new Interleaving(pair, (seed + round) >>> 0).run(Math.min(count, lookupsPerRound));
  }
});

class Interleaving {
  readonly #pair: Pair;
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #entries = new Map<string, Entry>();
  /** What each key has had since the lookup began; null: it was missing. */
  readonly #seen = new Map<string, Set<string | null>>();
  #isInTurn = false;
  #changesLeft = 0;
  #written = 0;

  constructor(pair: Pair, seed: number) {
    this.#pair = pair;
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
  }

  async run(count: number): Promise<void> {
    const { inner } = this.#pair;
    const meanwhile = () => {
      while (this.#changesLeft > 0 && this.#random.chance(0.5)) {
        this.#changesLeft--;
        this.#change();
      }
    };
    inner.onBelieve = meanwhile;
    inner.onLook = meanwhile;
    this.#pair.onClock = meanwhile;
    for (let i = 0; i < count; i++) {
      for (let left = this.#random.below(6); left > 0; left--) this.#change();
      if (this.#random.chance(0.05)) await this.#pause();
      for (const key of all) this.#seen.set(key, new Set([this.#valueOf(key)]));
      this.#changesLeft = this.#random.below(changesPerLookupMax);
      this.#look(i);
      this.#changesLeft = 0;
    }
    this.#endTurn();
  }

  // --- the writer ----------------------------------------------------------------------------------

  #valueOf(key: string): string | null {
    const entry = this.#entries.get(key);
    const isThere = entry !== undefined &&
      (entry.expireAt === 0 || entry.expireAt >= this.#pair.now);
    return isThere ? entry.value : null;
  }

  #note(): void {
    for (const [key, seen] of this.#seen) seen.add(this.#valueOf(key));
  }

  #change(): void {
    const { store } = this.#pair;
    switch (this.#random.below(40)) {
      case 0:
      case 1:
        this.#pair.now += this.#random.below(100);
        break;
      case 2:
        if (this.#isInTurn) this.#endTurn();
        else {
          store.beginTurn();
          this.#isInTurn = true;
        }
        break;
      case 3:
        if (this.#random.chance(0.2)) this.#clear();
        break;
      case 4:
      case 5:
      case 6:
      case 7:
        this.#transaction();
        break;
      case 8:
      case 9:
        this.#renew();
        break;
      case 10:
        if (!this.#isInTurn) store.compact();
        break;
      default:
        if (this.#random.chance(0.25)) this.#remove(this.#random.pick(keys));
        else this.#set(this.#random.pick(keys), this.#newValue(), this.#someDeadline());
    }
    this.#note();
  }

  #endTurn(): void {
    if (!this.#isInTurn) return;
    this.#isInTurn = false;
    this.#pair.store.endTurn();
    this.#pair.store.tick();
  }

  #someDeadline(): number {
    return this.#random.chance(0.5) ? this.#pair.now + this.#random.below(200) : 0;
  }

  #newValue(): string {
    const length = this.#random.chance(0.01)
      ? 30_000
      : this.#random.pick([0, 10, 60, 60, 300, 1500]);
    return `${this.#written++}:`.padEnd(this.#random.below(length + 1), "v");
  }

  #set(key: string, value: string, expireAt = 0): void {
    const { store } = this.#pair;
    const bytes = encoder.encode(value);
    store.find(encoder.encode(key), 0, key.length);
    store.put(bytes, 0, bytes.length, expireAt);
    if (!this.#isInTurn) store.tick();
    this.#entries.set(key, { value, expireAt });
  }

  /** A key gets a new deadline, or none, before the old one has passed. */
  #renew(): void {
    const key = this.#random.pick(keys);
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expireAt < this.#pair.now) return;
    this.#set(key, entry.value, this.#random.chance(0.5) ? 0 : entry.expireAt + 100);
    this.#note();
    this.#pair.now = entry.expireAt + 1;
  }

  #remove(key: string): void {
    const { store } = this.#pair;
    if (store.find(encoder.encode(key), 0, key.length)) store.remove();
    if (!this.#isInTurn) store.tick();
    this.#entries.delete(key);
  }

  #clear(): void {
    this.#pair.store.clear();
    this.#entries.clear();
  }

  #transaction(): void {
    const { store } = this.#pair;
    const value = this.#newValue().slice(0, 100);
    const before = new Map(this.#entries);
    const isFailing = this.#random.chance(0.2);
    if (!this.#isInTurn) store.beginTurn();
    store.beginBatch();
    const wasInTurn = this.#isInTurn;
    this.#isInTurn = true;
    // Behind it, what was before is not brought back.
    if (!isFailing && this.#random.chance(0.03)) this.#clear();
    for (const twin of twins) {
      if (value.length % 7 === 0) this.#remove(twin);
      else this.#set(twin, value);
      if (this.#random.chance(0.3)) this.#set(this.#random.pick(keys), this.#newValue());
    }
    if (isFailing) store.failBatch();
    store.endBatch();
    this.#isInTurn = wasInTurn;
    if (!wasInTurn) store.endTurn();
    if (!isFailing) return;
    this.#entries.clear();
    for (const [key, entry] of before) this.#entries.set(key, entry);
  }

  /** What goes on between two turns of the event loop, and a new process now and then. */
  async #pause(): Promise<void> {
    this.#endTurn();
    if (this.#random.chance(0.1)) {
      await this.#pair.store.close();
      if (this.#random.chance(0.3)) await Deno.remove(`${this.#pair.path}-index`);
      this.#pair.store = this.#pair.openStore();
      return;
    }
    if (this.#random.chance(0.5)) await this.#pair.store.sync();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }

  // --- the reader ----------------------------------------------------------------------------------

  #look(step: number): void {
    const { reader } = this.#pair;
    const random = this.#random;
    const key = random.pick(all);
    switch (random.below(6)) {
      case 0:
      case 1:
        return this.#expect(step, key, reader.getText(key));
      case 2:
        return this.#expectPresence(step, key, reader.has(key));
      case 3:
        return this.#expectInto(step, key);
      case 4: {
        const asked = [...twins, ...keys.filter(() => random.chance(0.3))];
        const values = reader.getMany(asked).map((value) => value && decoder.decode(value));
        asked.forEach((name, i) => this.#expect(step, name, values[i]));
        const isWhole = twins.every((_, i) => values[i] === values[0]);
        return assert(isWhole, this.#tell(step, twins[0], `half of a transaction: ${values}`));
      }
      default: {
        const found = new Set([...reader.scan()].map((bytes) => decoder.decode(bytes)));
        for (const name of all) this.#expectPresence(step, name, found.has(name));
      }
    }
  }

  #expectPresence(step: number, key: string, isThere: boolean): void {
    const seen = this.#seen.get(key)!;
    const fits = isThere ? [...seen].some((value) => value !== null) : seen.has(null);
    assert(fits, this.#tell(step, key, `it is ${isThere ? "" : "not "}there`));
  }

  #expectInto(step: number, key: string): void {
    const buffer = new Uint8Array(this.#random.pick([0, 5, 100, 40_000]));
    const length = this.#pair.reader.getInto(key, buffer);
    if (length < 0) return this.#expect(step, key, null);
    const text = decoder.decode(buffer.subarray(0, length));
    const isCopied = length <= buffer.length; // Otherwise nothing is.
    const fits = [...this.#seen.get(key)!].some((value) =>
      value?.length === length && (!isCopied || value === text)
    );
    assert(fits, this.#tell(step, key, `getInto copied ${length} bytes: ${text.slice(0, 50)}`));
  }

  #expect(step: number, key: string, value: string | null): void {
    const fits = this.#seen.get(key)!.has(value);
    assert(fits, this.#tell(step, key, `found ${value?.slice(0, 50)}`));
  }

  #tell(step: number, key: string, what: string): string {
    const seen = [...this.#seen.get(key)!].map((value) => value?.slice(0, 50) ?? null);
    return `KV_TEST_SEED=${this.#seed}, step ${step}, ${key}: ${what}; there were ${
      JSON.stringify(seen)
    }`;
  }
}
