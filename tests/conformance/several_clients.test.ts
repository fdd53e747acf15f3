/**
 * Several clients meet on kv and on redis-server, make the same random requests in the same order, and
 * have to be sent the same: replies, messages, events, invalidations, the end of the connection.
 * KV_MEETING_REQUESTS says how many requests; KV_TEST_SEED replays a run.
 */
import { chooseSeed, SeededRandom } from "../support/seeded_random.ts";
import { TestServer } from "../support/test_server.ts";
import { type ClientRequest, ClientRequestSource } from "./differential/client_requests.ts";
import { describeMeeting, meet } from "./differential/meeting.ts";
import { shorten } from "./differential/round.ts";
import { targets } from "./runner.ts";

const requestsDefault = 60_000;
const requestsPerRound = 400;

Deno.test({
  name: "several clients are sent what redis-server sends them",
  ignore: !targets().includes("redis"),
  fn: compare,
});

async function compare(): Promise<void> {
  const seed = chooseSeed("test of several clients");
  const count = Number(Deno.env.get("KV_MEETING_REQUESTS") ?? requestsDefault);
  // No reply waits for the disk: that would only make the test wait.
  await using subject = await TestServer.start({ args: ["--sync", "no"] });
  await using reference = await TestServer.start({ kind: "redis" });
  const run = (requests: readonly ClientRequest[]) => meet(subject, reference, requests);
  for (let round = 0; round * requestsPerRound < count; round++) {
    // Each round has its own seed, so that it can be replayed as the first one.
    const roundSeed = (seed + round) >>> 0;
    const source = new ClientRequestSource(new SeededRandom(roundSeed));
    const requests = Array.from({ length: requestsPerRound }, () => source.next());
    const difference = await run(requests);
    if (difference === null) continue;
    const shortest = await shorten(requests.slice(0, difference.index + 1), run);
    // What does not happen again is shown as it was.
    const again = await run(shortest) ?? difference;
    throw new Error(
      `A client is sent something else (KV_TEST_SEED=${roundSeed}):\n` +
        describeMeeting(shortest, again),
    );
  }
}
