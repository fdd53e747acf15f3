import { assert } from "@std/assert";
import { chooseSeed } from "../support/seeded_random.ts";
import { killRounds } from "./kill_rounds.ts";

const rounds = Number(Deno.env.get("KV_KILL_ROUNDS") ?? 200);

Deno.test(`nothing acknowledged is lost in ${rounds} rounds of kill -9 under load`, async () => {
  const seed = chooseSeed("kill rounds");
  const { acknowledged, replayed, rebuilt } = await killRounds({ rounds, seed });
  console.log(`${acknowledged} changes acknowledged; ${replayed} replays, ${rebuilt} rebuilds`);
  assert(acknowledged > rounds, "there was load");
  assert(replayed > 0 && rebuilt > 0, "both ways of recovery were taken");
});

Deno.test("with --sync always, too", async () => {
  const seed = chooseSeed("kill rounds with --sync always");
  await killRounds({ rounds: Math.ceil(rounds / 10), seed, sync: "always" });
});
