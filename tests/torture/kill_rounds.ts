/**
 * `kill -9` at random moments under load: several clients change keys of their own and keep an outside
 * record; the server is killed, restarted, and everything compared.
 */
import { encodeRequest } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { TestServer } from "../support/test_server.ts";
import { type Change, Oracle } from "./oracle.ts";

const clients = 4;
const keysPerClient = 150;
/** Changes that a client sends without waiting. */
const windowMax = 24;
const loadMsMax = 60;
/** One round in this many finds its index deleted. */
const rebuildEvery = 8;

export interface KillRoundsOptions {
  readonly rounds: number;
  readonly seed: number;
  /** `--sync` of the server. */
  readonly sync?: string;
  readonly onRound?: (round: number) => void;
}

export interface KillRoundsResult {
  readonly acknowledged: number;
  readonly replayed: number;
  readonly rebuilt: number;
}

/** Runs the rounds; throws at the first loss, with the seed and the round in the message. */
export async function killRounds(options: KillRoundsOptions): Promise<KillRoundsResult> {
  const random = new SeededRandom(options.seed);
  const writers = Array.from({ length: clients }, (_, i) => new Writer(i, random));
  const outcomes = { replayed: 0, rebuilt: 0 };
  await using server = await TestServer.start({
    kind: "kv",
    args: ["--sync", options.sync ?? "everysec"],
  });
  for (let round = 1; round <= options.rounds; round++) {
    try {
      await loadAndKill(server, writers, random.below(loadMsMax));
      if (round % rebuildEvery === 0) await Deno.remove(`${server.storePath}-index`);
      await server.restart();
      const line = server.stdoutText;
      if (line.includes("rebuilt")) outcomes.rebuilt++;
      else if (line.includes("replayed")) outcomes.replayed++;
      if (server.stderrText !== "") throw new Error(`The server complained: ${server.stderrText}`);
      using connection = await RawConnection.open(server.socketPath);
      for (const writer of writers) writer.oracle.verify(await writer.read(connection));
    } catch (cause) {
      throw new Error(`Round ${round} of seed ${options.seed} failed`, { cause });
    }
    options.onRound?.(round);
  }
  const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  return { acknowledged, ...outcomes };
}

async function loadAndKill(
  server: TestServer,
  writers: readonly Writer[],
  loadMs: number,
): Promise<void> {
  const connections: RawConnection[] = [];
  try {
    for (const _ of writers) connections.push(await RawConnection.open(server.socketPath));
    const running = writers.map((writer, i) => writer.write(connections[i]));
    await new Promise((resolve) => setTimeout(resolve, loadMs));
    await server.kill();
    await Promise.all(running);
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** One client, with keys of its own. */
class Writer {
  readonly oracle = new Oracle();
  acknowledged = 0;
  readonly #name: string;
  readonly #random: SeededRandom;
  #version = 0;

  constructor(number: number, random: SeededRandom) {
    this.#name = `client${number}`;
    this.#random = random;
  }

  /** Sends changes and takes their replies until the connection breaks. */
  async write(connection: RawConnection): Promise<void> {
    try {
      while (true) {
        const changes: Change[] = [];
        const count = 1 + this.#random.below(windowMax);
        for (let i = 0; i < count; i++) changes.push(this.#change());
        for (const change of changes) this.oracle.sent(change);
        const requests = changes.flatMap((change) => change.requests);
        await connection.send(requests.map(encodeRequest).join(""));
        for (const change of changes) {
          for (const request of change.requests) {
            const reply = await connection.readReply();
            if (reply.startsWith("-")) throw new RefusedError(`${request[0]}: ${reply}`);
          }
          this.oracle.acknowledged();
          this.acknowledged++;
        }
      }
    } catch (error) {
      if (error instanceof RefusedError) throw error;
      // The server is gone, as it should be.
    }
  }

  /** Every key of the client that exists, and its value. */
  async read(connection: RawConnection): Promise<Map<string, string>> {
    const keys = Array.from({ length: keysPerClient }, (_, i) => this.#key(i));
    const replies = await connection.pipeline(keys.map((key) => ["GET", key]));
    const found = new Map<string, string>();
    replies.forEach((reply, i) => {
      const header = /^\$(-?\d+)\r\n/.exec(reply)!;
      if (header[1] !== "-1") found.set(keys[i], reply.slice(header[0].length, -2));
    });
    return found;
  }

  #key(i: number): string {
    return `${this.#name}:${i}`;
  }

  #change(): Change {
    const random = this.#random;
    const key = this.#key(random.below(keysPerClient));
    const kind = random.below(100);
    if (kind < 50) return this.#set(key, []);
    if (kind < 60) return this.#set(key, ["EX", "100000"]);
    if (kind < 80) return { requests: [["DEL", key]], effects: [[key, null]] };
    const other = this.#key(random.below(keysPerClient));
    const value = this.#value();
    const effects: Change["effects"] = [[key, value], [other, value]];
    if (kind < 88) return { requests: [["MSET", key, value, other, value]], effects };
    const requests = [["MULTI"], ["SET", key, value], ["SET", other, value], ["EXEC"]];
    if (kind < 96) return { requests, effects };
    return {
      requests: [["MULTI"], ["SET", key, value], ["DEL", other], ["EXEC"]],
      effects: [[key, value], [other, null]],
    };
  }

  #set(key: string, options: readonly string[]): Change {
    const value = this.#value();
    return { requests: [["SET", key, value, ...options]], effects: [[key, value]] };
  }

  /** No two values are the same, and their lengths reach from a few bytes to a run of segments. */
  #value(): string {
    const random = this.#random;
    const kind = random.below(1000);
    const length = kind < 900
      ? random.below(200)
      : kind < 990
      ? random.below(20_000)
      : kind < 999
      ? random.below(300_000)
      : 1_200_000 + random.below(1_500_000);
    return `${++this.#version}:`.padEnd(length, "x");
  }
}

/** The server answered with an error: that is a failure, not a broken connection. */
class RefusedError extends Error {}
