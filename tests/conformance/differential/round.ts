/** A sequence of requests, sent to two servers; and how a failing one is made short. */
import { show } from "../../support/binary_text.ts";
import { RawConnection } from "../../support/raw_connection.ts";
import type { TestServer } from "../../support/test_server.ts";
import { ReplyComparison } from "./reply_comparison.ts";
import type { GeneratedRequest, Side } from "./request_generator.ts";

/** Of a failing sequence, at most so many shorter ones are tried. */
const attemptsMax = 2000;

export interface Difference {
  /** Which of the requests had different replies. */
  readonly index: number;
  readonly reply: string;
  readonly reference: string;
}

/**
 * Sends the requests to both servers, each over connections of its own and beginning with an empty
 * database. Neighbours of the same side go out in one write. Returns the first difference.
 */
export async function runRound(
  subject: TestServer,
  reference: TestServer,
  requests: readonly GeneratedRequest[],
): Promise<Difference | null> {
  using ours = await Pair.open(subject);
  using theirs = await Pair.open(reference);
  const comparisons = { a: new ReplyComparison(), b: new ReplyComparison() };
  for (let start = 0; start < requests.length;) {
    const { side } = requests[start];
    let end = start;
    while (end < requests.length && requests[end].side === side) end++;
    const batch = requests.slice(start, end).map(({ args }) => args);
    const [replies, references] = await Promise.all([
      ours[side].pipeline(batch),
      theirs[side].pipeline(batch),
    ]);
    for (const [i, args] of batch.entries()) {
      if (!comparisons[side].same(args, replies[i], references[i])) {
        return { index: start + i, reply: replies[i], reference: references[i] };
      }
      if (partsValues(references[i])) return null;
    }
    start = end;
  }
  return null;
}

/**
 * A known difference: of a request that meets a corrupted HyperLogLog, redis-server keeps what it has
 * changed until then, kv nothing. From there on the two have different values.
 */
function partsValues(reference: string): boolean {
  return reference.includes("-INVALIDOBJ ");
}

/** The fewest of the requests with which `run` still finds a difference, as far as leaving out finds them. */
export async function shorten<Request>(
  requests: readonly Request[],
  run: (requests: readonly Request[]) => Promise<{ readonly index: number } | null>,
): Promise<readonly Request[]> {
  let shortest = requests;
  let attempts = 0;
  for (let size = Math.ceil(requests.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = shortest.length - size; start > -size && attempts < attemptsMax;) {
      const from = Math.max(0, start);
      const shorter = [...shortest.slice(0, from), ...shortest.slice(start + size)];
      attempts++;
      const difference = await run(shorter);
      if (difference !== null) shortest = shorter.slice(0, difference.index + 1);
      start = Math.min(start - size, shortest.length - size);
    }
  }
  return shortest;
}

export function describe(requests: readonly GeneratedRequest[]): string {
  return requests.map(({ side, args }) => `  ${side}: ${args.map(show).join(" ")}`).join("\n");
}

/** The two connections to one server. */
class Pair implements Disposable, Record<Side, RawConnection> {
  readonly a: RawConnection;
  readonly b: RawConnection;

  private constructor(a: RawConnection, b: RawConnection) {
    this.a = a;
    this.b = b;
  }

  static async open(server: TestServer): Promise<Pair> {
    const a = await RawConnection.open(server.socketPath);
    const b = await RawConnection.open(server.socketPath);
    await a.exchange("FLUSHALL");
    await a.exchange("ACL", "DELUSER", "u");
    return new Pair(a, b);
  }

  [Symbol.dispose](): void {
    this.a.close();
    this.b.close();
  }
}
