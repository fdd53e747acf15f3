/**
 * A load generator for what redis-benchmark has not: mixes of reads and writes, skewed keys, memcached.
 * Each connection sends a batch, waits for all its replies, and sends the next. It runs in a process of its
 * own and prints one line of JSON:
 *
 *     deno run -A scripts/bench/load/generator.ts '{"socket":"kv.sock", ...}'
 */
import { LatencyHistogram } from "../../../src/commands/latency_histogram.ts";
import type { Protocol } from "../key_loader.ts";
import { processorSeconds } from "../process_facts.ts";
import type { LoadResult } from "../results.ts";
import { type Distribution, keyChooser } from "./key_chooser.ts";
import type { Mix } from "./mixes.ts";
import { ReplyCounter } from "./reply_counter.ts";
import { type Batches, makeBatches } from "./request_batches.ts";
import { Sockets } from "./sockets.ts";

export interface LoadOptions {
  readonly socket: string;
  readonly protocol: Protocol;
  readonly mix: Mix;
  readonly distribution: Distribution;
  readonly keys: number;
  readonly valueBytes: number;
  readonly connections: number;
  readonly pipeline: number;
  /** How long it sends. */
  readonly seconds: number;
  readonly seed: number;
}

export interface LoadReport extends LoadResult {
  readonly requests: number;
  /** GETs that found nothing. */
  readonly missing: number;
  /** Processor time of this process for each second that it sent. */
  readonly generatorShare: number;
}

/** Requests that are written out; then they begin anew. */
const requestsAhead = 400_000;
const bytesAhead = 96 * 2 ** 20;
const silenceLimitMs = 30_000;

/** The shares of requests that a curve tells of. */
const curveShares = [
  ...[0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999],
  ...[0.9995, 0.9998, 0.9999, 0.99999, 1],
];

/** Sends until the time is over and all replies are here. */
export function runLoad(options: LoadOptions): LoadReport {
  const { protocol, mix, valueBytes, pipeline, seed } = options;
  const keys = keyChooser(options.distribution, options.keys, seed);
  const batches = makeBatches({
    ...{ protocol, mix, keys, valueBytes, pipeline, seed },
    ...{ requests: requestsAhead, bytesMax: bytesAhead },
  });
  using sockets = new Sockets();
  const load = new Load(options, batches, sockets);
  return load.run();
}

class Load {
  readonly #options: LoadOptions;
  readonly #batches: Batches;
  readonly #sockets: Sockets;
  readonly #address: bigint;
  readonly #histogram = new LatencyHistogram();
  readonly #counters: ReplyCounter[] = [];
  /** Of each connection: the batch that is under way, its replies to come, when it was sent. */
  readonly #batch: Int32Array;
  readonly #left: Int32Array;
  readonly #sentMs: Float64Array;
  #maxMs = 0;
  #requests = 0;

  constructor(options: LoadOptions, batches: Batches, sockets: Sockets) {
    const { connections, socket, protocol } = options;
    this.#options = options;
    this.#batches = batches;
    this.#sockets = sockets;
    this.#address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(batches.bytes));
    this.#batch = new Int32Array(connections);
    this.#left = new Int32Array(connections);
    this.#sentMs = new Float64Array(connections);
    const pairs = batches.requests.length / batches.stride;
    for (let i = 0; i < connections; i++) {
      sockets.connect(socket);
      this.#counters.push(new ReplyCounter(protocol));
      // Each begins elsewhere, at the start of a pair.
      this.#batch[i] = Math.floor(i * pairs / connections) * batches.stride;
    }
  }

  run(): LoadReport {
    const { seconds, connections } = this.#options;
    const processorBefore = processorSeconds(Deno.pid);
    const started = performance.now();
    const end = started + seconds * 1000;
    let now = started;
    let open = connections;
    for (let i = 0; i < connections; i++) this.#send(i, performance.now());
    while (open > 0) {
      const ready = this.#sockets.wait(silenceLimitMs);
      if (ready <= 0) throw new Error(`The server was silent for ${silenceLimitMs} ms`);
      now = performance.now();
      for (let i = 0; i < ready; i++) {
        const number = this.#sockets.at(i);
        if (!this.#receive(number, now)) continue;
        if (now < end) this.#send(number, now);
        else open--;
      }
    }
    const elapsed = (now - started) / 1000;
    const generatorShare = (processorSeconds(Deno.pid) - processorBefore) / elapsed;
    return this.#report(elapsed, generatorShare);
  }

  #send(number: number, now: number): void {
    const { starts, requests } = this.#batches;
    const batch = this.#batch[number];
    const start = starts[batch];
    this.#left[number] = requests[batch];
    this.#sentMs[number] = now;
    this.#sockets.write(number, this.#address + BigInt(start), starts[batch + 1] - start);
  }

  /** True when the batch has all its replies. */
  #receive(number: number, now: number): boolean {
    const length = this.#sockets.read(number);
    if (length === 0) throw new Error("The server closed a connection");
    const counter = this.#counters[number];
    this.#left[number] -= counter.take(this.#sockets.buffer, length);
    if (counter.errors > 0) throw new Error(`The server said ${counter.firstError}`);
    if (this.#left[number] > 0) return false;
    const batch = this.#batch[number];
    const count = this.#batches.requests[batch];
    const ms = now - this.#sentMs[number];
    this.#histogram.record(ms * 1000, count);
    this.#maxMs = Math.max(this.#maxMs, ms);
    this.#requests += count;
    this.#batch[number] = (batch + 1) % this.#batches.requests.length;
    return true;
  }

  #report(seconds: number, generatorShare: number): LoadReport {
    // The histogram ends at a second; the longest is known by itself.
    const at = (share: number) =>
      share === 1 ? this.#maxMs : this.#histogram.percentile(share * 100) / 1000;
    return {
      requests: this.#requests,
      requestsPerSecond: this.#requests / seconds,
      ...{ p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: this.#maxMs },
      curve: curveShares.map((share) => [share, at(share)] as const),
      missing: this.#counters.reduce((sum, { missing }) => sum + missing, 0),
      generatorShare,
    };
  }
}

if (import.meta.main) console.log(JSON.stringify(runLoad(JSON.parse(Deno.args[0]))));
