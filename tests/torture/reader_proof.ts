/**
 * Several processes read beside a server that overwrites, removes, expires, compacts, grows and shrinks, and
 * that is killed and started again, now and then without its index. What they read is judged by an outside
 * record of what was sent and acknowledged.
 */
import { fromFileUrl } from "@std/path";
import { encodeRequest, toBytes, toText } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { TestServer } from "../support/test_server.ts";
import { withTimeLimit } from "../support/time_limit.ts";
import type { ReaderReport } from "./reader_process.ts";
import {
  keysTotal,
  kindOf,
  nameOf,
  nextRemoval,
  pairs,
  ReaderRecord,
  singleKeys,
  valueOf,
} from "./reader_record.ts";

const changesAtOnce = 40;
const lifeMsMax = 1500;
const pauseMsMax = 1000;
/** One end in so many is in order; one killed server in so many finds its index deleted. */
const stopEvery = 5;
const rebuildEvery = 6;
const fillerKeys = 3000;
const readerProcess = fromFileUrl(new URL("reader_process.ts", import.meta.url));
const configFile = fromFileUrl(new URL("../../deno.json", import.meta.url));

export interface ReaderProofOptions {
  readonly readers: number;
  /** It ends after so long, or so many reads. */
  readonly seconds: number;
  readonly reads: number;
  readonly seed: number;
  /** Another source tree's `reader_process.ts`: for mistakes that have to be noticed. */
  readonly readerProcess?: string;
}

export interface ReaderProofResult {
  readonly reads: number;
  readonly reports: readonly ReaderReport[];
  readonly changes: number;
  readonly kills: number;
  readonly stops: number;
}

/** Runs until the end; throws at the first wrong read, with the reader's words. */
export async function proveReaders(options: ReaderProofOptions): Promise<ReaderProofResult> {
  await using server = await TestServer.start({ kind: "kv" });
  const recordPath = server.folder.join("record");
  const record = new ReaderRecord(recordPath);
  const random = new SeededRandom(options.seed);
  const children = Array.from(
    { length: options.readers },
    (_, i) =>
      new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", "--no-check", "--config", configFile],
          options.readerProcess ?? readerProcess,
          ...[server.storePath, recordPath, `${i}`, `${options.seed + i}`],
        ],
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
  );
  let hasEnded = 0;
  for (const child of children) void child.status.then(() => hasEnded++);
  const outputs = children.map((child) => child.output());
  const writer = new Writer(record, random);
  const deadline = performance.now() + options.seconds * 1000;
  const isOver = () => {
    let reads = 0;
    for (let i = 0; i < children.length; i++) reads += 1000 * record.progress(i);
    return hasEnded > 0 || reads >= options.reads || performance.now() > deadline;
  };
  const ends = { kills: 0, stops: 0 };
  const pausing = pauseReaders(children, new SeededRandom(options.seed ^ 1), isOver);
  try {
    while (!isOver()) {
      await writer.write(server, performance.now() + random.below(lifeMsMax), isOver);
      if (isOver()) break;
      if (random.below(stopEvery) === 0) {
        ends.stops++;
        await server.stop();
      } else {
        ends.kills++;
        await writer.writeUntilKilled(server);
        if (random.below(rebuildEvery) === 0) {
          record.beginLoss();
          await Deno.remove(`${server.storePath}-index`);
        }
      }
      await server.restart();
      if (record.losses % 2 !== 0) record.endLoss();
      if (server.stderrText !== "") throw new Error(`The server complained: ${server.stderrText}`);
    }
  } finally {
    record.stop();
    await pausing;
    await withTimeLimit(Promise.all(outputs), 90_000, "the readers to end", () => {
      for (const child of children) child.kill("SIGKILL");
    });
    await record.close();
  }
  const reports = (await Promise.all(outputs)).map(({ code, signal, stdout, stderr }) => {
    if (code !== 0) {
      const words = new TextDecoder().decode(stderr);
      throw new Error(`A reader ended with ${signal ?? code} (seed ${options.seed}): ${words}`);
    }
    return JSON.parse(new TextDecoder().decode(stdout)) as ReaderReport;
  });
  const reads = reports.reduce((sum, report) => sum + report.reads, 0);
  return { reads, reports, changes: writer.changes, ...ends };
}

/**
 * Stops a reader where it happens to be, and lets it go on when what it was reading may be something else;
 * not for so long that the end of the file may be cut off under it.
 */
async function pauseReaders(
  readers: readonly Deno.ChildProcess[],
  random: SeededRandom,
  isOver: () => boolean,
): Promise<void> {
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  while (!isOver()) {
    const reader = readers[random.below(readers.length)];
    try {
      reader.kill("SIGSTOP");
      await sleep(random.below(pauseMsMax));
      reader.kill("SIGCONT");
    } catch {
      return; // It has ended, and will say why.
    }
    await sleep(random.below(100));
  }
}

/** A change under way: which keys get which version. */
interface Change {
  readonly requests: readonly (readonly string[])[];
  readonly keys: readonly number[];
  readonly version: number;
}

class Writer {
  changes = 0;
  readonly #record: ReaderRecord;
  readonly #random: SeededRandom;
  #rounds = 0;

  constructor(record: ReaderRecord, random: SeededRandom) {
    this.#record = record;
    this.#random = random;
  }

  /** Writes until a time. */
  async write(server: TestServer, untilMs: number, isOver: () => boolean): Promise<void> {
    using connection = await RawConnection.open(server.socketPath);
    while (performance.now() < untilMs && !isOver()) await this.#round(connection);
  }

  /** Writes while the server is killed. */
  async writeUntilKilled(server: TestServer): Promise<void> {
    using connection = await RawConnection.open(server.socketPath);
    const writing = (async () => {
      while (true) await this.#round(connection, true);
    })().catch((error) => {
      if (error instanceof RefusedError) throw error;
      // The server is gone, as it should be.
    });
    await new Promise((resolve) => setTimeout(resolve, this.#random.below(30)));
    await server.kill();
    await writing;
  }

  async #round(connection: RawConnection, isLast = false): Promise<void> {
    const random = this.#random;
    const round = this.#rounds++;
    const changes: Change[] = [];
    const taken = new Set<number>();
    if (isLast && this.#rounds % 2 === 0) changes.push(this.#longTransaction());
    else if (round % 150 === 149) changes.push(this.#removeAll());
    else {
      for (let i = 0; i < changesAtOnce; i++) {
        const change = random.below(4) === 0
          ? this.#changePair(random.below(pairs))
          : this.#changeOne(random.below(singleKeys));
        if (change.keys.some((key) => taken.has(key))) continue;
        for (const key of change.keys) taken.add(key);
        changes.push(change);
      }
      changes.push({ requests: this.#filler(round), keys: [], version: 0 });
    }
    for (const { keys, version } of changes) {
      for (const key of keys) this.#record.send(key, version);
    }
    const requests = changes.flatMap((change) => change.requests);
    const sent = connection.send(toBytes(requests.map(encodeRequest).join("")));
    sent.catch(() => {}); // Reading the replies tells of it, too.
    for (const change of changes) {
      for (const request of change.requests) {
        const reply = await connection.readReply();
        if (reply.startsWith("-")) throw new RefusedError(`${request[0]}: ${reply}`);
      }
      for (const key of change.keys) this.#record.acknowledge(key, change.version);
      this.changes++;
    }
    await sent;
  }

  #changeOne(key: number): Change {
    const version = this.#record.sent(key) + 1;
    return { requests: [this.#request(key, version)], keys: [key], version };
  }

  #request(key: number, version: number): readonly string[] {
    const kind = kindOf(version);
    const name = nameOf(key);
    if (kind === "removal") return ["DEL", name];
    const deadline = kind === "volatile" ? Date.now() + 1 + this.#random.below(40) : 0;
    const value = toText(valueOf(key, version, deadline));
    return kind === "volatile" ? ["SET", name, value, "PXAT", `${deadline}`] : ["SET", name, value];
  }

  /** Both or none, in one of the ways that there are. Deadlines would not end in one moment. */
  #changePair(pair: number, way = this.#random.below(2) === 0 ? "MSET" : "MULTI"): Change {
    const keys = [singleKeys + 2 * pair, singleKeys + 2 * pair + 1];
    let version = this.#record.sent(keys[0]) + 1;
    if (kindOf(version) === "volatile") version++;
    const requests = keys.map((key) => this.#request(key, version));
    const names = keys.map(nameOf);
    if (way === "MSET") {
      if (kindOf(version) === "removal") return { requests: [["DEL", ...names]], keys, version };
      const values = requests.flatMap(([, name, value]) => [name, value]);
      return { requests: [["MSET", ...values]], keys, version };
    }
    return { requests: [["MULTI"], ...requests, ["EXEC"]], keys, version };
  }

  /** What takes long enough for the server to be killed within. */
  #longTransaction(): Change {
    const { requests: [, ...pair], keys, version } = this.#changePair(0, "MULTI");
    const filler = Array.from({ length: 4000 }, (_, i) => ["SET", `filler:${i}`, "f".repeat(100)]);
    pair.splice(1, 0, ...filler);
    return { requests: [["MULTI"], ...pair], keys, version };
  }

  #removeAll(): Change {
    const keys = Array.from({ length: keysTotal }, (_, key) => key);
    let newest = 0;
    for (const key of keys) newest = Math.max(newest, this.#record.sent(key));
    return { requests: [["FLUSHALL"]], keys, version: nextRemoval(newest) };
  }

  /** Others, which come and go by the thousand: the file grows, is compacted and shrinks. */
  #filler(round: number): readonly (readonly string[])[] {
    const phase = round % 200;
    if (phase === 150) return [["DELPREFIX", "filler:"]];
    if (phase > 150) return [];
    return Array.from({ length: 30 }, () => [
      "SET",
      `filler:${this.#random.below(fillerKeys)}`,
      "f".repeat(this.#random.below(3000)),
    ]);
  }
}

/** The server answered with an error. */
class RefusedError extends Error {}
