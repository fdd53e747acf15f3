/**
 * A process that reads beside the server, and does not believe it: every value has to be whole, none may
 * be older than one that was acknowledged before the read began, or than one that it has seen itself, unless
 * the index was deleted since.
 *
 *     deno run -A tests/torture/reader_process.ts STORE RECORD NUMBER SEED
 */
import { KeyValueReader } from "../../src/client/key_value_reader.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import {
  keysTotal,
  kindOf,
  mayBeMissing,
  nameOf,
  pairs,
  ReaderRecord,
  readValue,
  singleKeys,
  valueBytesMax,
} from "./reader_record.ts";

/** A scan comes after so many reads. */
const scanEvery = 1 << 18;
/** The server takes seconds to read a log without an index while four others use the processors. */
const waitMsMax = 60_000;

/** What a process of these tells at its end. */
export interface ReaderReport {
  reads: number;
  found: number;
  missing: number;
  scans: number;
  wholePairs: number;
  /** Reads that went by an index of the reader's own, about. */
  fromLog: number;
  readonly retries: number;
  readonly sleeps: number;
}

class ReaderProcess {
  readonly #reader: KeyValueReader;
  readonly #record: ReaderRecord;
  readonly #random: SeededRandom;
  readonly #number: number;
  readonly #names = Array.from({ length: keysTotal }, (_, key) => nameOf(key));
  readonly #encoded = this.#names.map((name) => new TextEncoder().encode(name));
  /** The newest version that was read since the index was lost the last time; see `ReaderRecord.losses`. */
  readonly #seen = new Int32Array(keysTotal);
  #losses = 0;
  readonly #buffer = new Uint8Array(valueBytesMax);
  readonly #counts = { fromLog: 0, reads: 0, found: 0, missing: 0, scans: 0, wholePairs: 0 };

  constructor([store, record, number, seed]: readonly string[]) {
    this.#reader = KeyValueReader.open(store, { waitMsMax });
    this.#record = new ReaderRecord(record);
    this.#number = Number(number);
    this.#random = new SeededRandom(Number(seed));
  }

  async run(): Promise<ReaderReport> {
    const counts = this.#counts;
    let nextScan = scanEvery;
    while (!this.#record.isStopped) {
      for (let i = 0; i < 1000; i++) this.#readSomething();
      if (counts.reads > nextScan) {
        this.#scan();
        nextScan += scanEvery;
      }
      if (this.#reader.stats().source === "log") counts.fromLog += 1000;
      this.#record.setProgress(this.#number, Math.floor(counts.reads / 1000));
    }
    const { retries, sleeps } = this.#reader.stats();
    this.#reader.close();
    await this.#record.close();
    return { ...counts, retries, sleeps };
  }

  #readSomething(): void {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 85) this.#getInto(random.below(keysTotal), kind % 2 === 0);
    else if (kind < 90) this.#get(random.below(keysTotal));
    else if (kind < 95) this.#has(random.below(keysTotal));
    else this.#getPair(random.below(pairs));
  }

  /** What a read of a key that begins now has to find at least: the version that was acknowledged. */
  #begin(key: number): number {
    const { losses } = this.#record;
    if (losses !== this.#losses) this.#seen.fill(0);
    this.#losses = losses;
    return this.#record.acknowledged(key);
  }

  /** What was seen counts: the index was not lost since this read began, and is not lost now. */
  get #isKept(): boolean {
    return this.#losses % 2 === 0 && this.#record.losses === this.#losses;
  }

  #getInto(key: number, isText: boolean): void {
    const first = this.#begin(key);
    const beganMs = Date.now();
    const name = isText ? this.#names[key] : this.#encoded[key];
    const length = this.#reader.getInto(name, this.#buffer);
    if (length < 0) this.#judgeMissing(key, first);
    else this.#judge(key, first, beganMs, this.#buffer.buffer, length);
  }

  #get(key: number): void {
    const first = this.#begin(key);
    const beganMs = Date.now();
    const value = this.#reader.get(this.#names[key]);
    if (value === null) this.#judgeMissing(key, first);
    else this.#judge(key, first, beganMs, ownBuffer(value), value.length);
  }

  #has(key: number): void {
    const first = this.#begin(key);
    this.#counts.reads++;
    if (this.#reader.has(this.#names[key])) this.#counts.found++;
    else this.#judgeMissing(key, first);
  }

  /** Keys that are always written together have the same version at any time. */
  #getPair(pair: number): void {
    const keys = [singleKeys + 2 * pair, singleKeys + 2 * pair + 1];
    const first = keys.map((key) => this.#begin(key));
    const beganMs = Date.now();
    const values = this.#reader.getMany(keys.map((key) => this.#names[key]));
    const versions = keys.map((key, i) => {
      const value = values[i];
      if (value === null) return this.#judgeMissing(key, first[i]);
      return this.#judge(key, first[i], beganMs, ownBuffer(value), value.length);
    });
    if (versions[0] !== versions[1]) {
      throw new Error(`Half a transaction: ${nameOf(keys[0])} and the next have ${versions}`);
    }
    this.#counts.wholePairs++;
  }

  /** All that was there all the time has to come. */
  #scan(): void {
    const first = this.#names.map((_, key) => this.#begin(key));
    const seen = new Set<string>();
    for (const key of this.#reader.scan({ match: "key:*" })) {
      seen.add(new TextDecoder().decode(key));
    }
    this.#names.forEach((name, key) => {
      if (!seen.has(name)) this.#judgeMissing(key, first[key]);
    });
    this.#counts.scans++;
  }

  /** A key that is not there: 0 as its version. */
  #judgeMissing(key: number, first: number): number {
    this.#counts.reads++;
    this.#counts.missing++;
    const from = this.#isKept ? Math.max(first, this.#seen[key]) : first;
    const last = this.#record.sent(key);
    if (mayBeMissing(from, last)) return 0;
    throw new Error(`Lost: ${nameOf(key)} is missing, and is at version ${from} to ${last}`);
  }

  #judge(key: number, first: number, beganMs: number, buffer: ArrayBuffer, length: number): number {
    this.#counts.reads++;
    this.#counts.found++;
    const { version, deadlineMs } = readValue(key, buffer, length);
    const last = this.#record.sent(key);
    const isKept = this.#isKept;
    const from = isKept ? Math.max(first, this.#seen[key]) : first;
    if (version < from || version > last || kindOf(version) === "removal") {
      throw new Error(
        `Stale: ${nameOf(key)} has version ${version}; ${first} was acknowledged, ` +
          `${this.#seen[key]} seen, ${last} sent`,
      );
    }
    if (deadlineMs !== 0 && deadlineMs < beganMs) {
      throw new Error(`Expired: ${nameOf(key)} ended at ${deadlineMs}, and was read at ${beganMs}`);
    }
    if (isKept) this.#seen[key] = version;
    return version;
  }
}

function ownBuffer(value: Uint8Array): ArrayBuffer {
  return value.slice().buffer as ArrayBuffer;
}

if (import.meta.main) {
  const report = await new ReaderProcess(Deno.args).run();
  console.log(JSON.stringify(report));
}
