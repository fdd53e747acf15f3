/**
 * kv and redis-server get the same random requests and have to give the same replies.
 * KV_DIFFERENTIAL_COMMANDS says how many requests; KV_TEST_SEED replays a run.
 */
import { assert } from "@std/assert";
import { commandTable } from "../../src/commands/command_table.ts";
import { show } from "../support/binary_text.ts";
import { RawConnection } from "../support/raw_connection.ts";
import { chooseSeed, SeededRandom } from "../support/seeded_random.ts";
import { TestServer } from "../support/test_server.ts";
import { type GeneratedRequest, RequestSource } from "./differential/request_generator.ts";
import { describe, type Difference, runRound, shorten } from "./differential/round.ts";
import { targets } from "./runner.ts";
import { hasNewerOptions } from "../support/newer_options.ts";

const requestsDefault = 200_000;
const requestsPerRound = 200;

const ignore = !targets().includes("redis");

Deno.test({ name: "random requests get the replies that redis-server gives", ignore, fn: compare });

async function compare(): Promise<void> {
  const seed = chooseSeed("differential test");
  const count = Number(Deno.env.get("KV_DIFFERENTIAL_COMMANDS") ?? requestsDefault);
  await using subject = await TestServer.start();
  await using reference = await TestServer.start({ kind: "redis" });
  const run = (requests: readonly GeneratedRequest[]) => runRound(subject, reference, requests);
  for (let round = 0; round * requestsPerRound < count; round++) {
    // Each round has its own seed, so that it can be replayed as the first one.
    const roundSeed = (seed + round) >>> 0;
    const requests = makeRequests(roundSeed, Math.min(requestsPerRound, count));
    const difference = await run(requests);
    if (difference === null) continue;
    const prefix = requests.slice(0, difference.index + 1);
    const shortest = await shorten(prefix, run);
    // What does not happen again is shown as it was.
    const again = await run(shortest) ?? difference;
    throw new Error(report(roundSeed, shortest, again));
  }
}

function makeRequests(seed: number, count: number): GeneratedRequest[] {
  const source = new RequestSource(new SeededRandom(seed));
  return Array.from({ length: count }, () => source.next());
}

function report(
  seed: number,
  requests: readonly GeneratedRequest[],
  { reply, reference }: Difference,
): string {
  return `The replies to the last of these requests differ (KV_TEST_SEED=${seed}):\n` +
    `${describe(requests)}\n    received ${show(reply)}\n    redis-server ${show(reference)}`;
}

/** The commands that both have, and of those with subcommands the subcommands. */
const compared = commandTable
  .flatMap((spec) => spec.subcommands ?? [spec])
  .filter(({ ownToKv, newerThanPeer }) => !ownToKv && !newerThanPeer);

Deno.test({
  name: "COMMAND INFO and DOCS say of each command what redis-server says of it, and so does HELP",
  ignore,
  async fn() {
    await using subject = await TestServer.start();
    await using reference = await TestServer.start({ kind: "redis" });
    using ours = await RawConnection.open(subject.socketPath);
    using theirs = await RawConnection.open(reference.socketPath);
    for (const spec of compared) {
      const { name } = spec;
      const [container, subcommand] = name.split("|");
      const requests = [["COMMAND", "INFO", name]];
      // What SET has learned since is compared in tests/unit/commands/introspection.test.ts.
      if (!hasNewerOptions(spec)) requests.push(["COMMAND", "DOCS", name]);
      if (subcommand === "help") requests.push([container, subcommand]);
      for (const request of requests) {
        const reply = await ours.exchange(...request);
        const expected = await theirs.exchange(...request);
        assert(reply === expected, `${name}:\n  received ${reply}\n  redis-server ${expected}`);
      }
    }
  },
});
