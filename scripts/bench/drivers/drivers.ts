/** Which driver measures which kind of run. */
import type { Driver, Measurement, RunContext } from "../context.ts";
import type { Side } from "../side.ts";
import type { Run } from "../workload.ts";
import { measureEmbedded } from "./embedded.ts";
import { measureExpiry } from "./expiry.ts";
import { measureFootprint } from "./footprint.ts";
import { measureGrowth } from "./growth.ts";
import { measureLarger } from "./larger.ts";
import { measureMix } from "./mix.ts";
import { measureOverwriting, measureShrinking } from "./overwriting.ts";
import { measureIdle, measureReady } from "./ready.ts";
import { measureRequests } from "./requests.ts";
import { measureRestart } from "./restart.ts";
import { measureStandstill } from "./standstill.ts";
import { measureStartUp } from "./start_up.ts";
import { measureUnderLoad } from "./under_load.ts";

const drivers: { readonly [K in Run["kind"]]: Driver<Run & { kind: K }> } = {
  "requests": measureRequests,
  "mix": measureMix,
  "embedded": measureEmbedded,
  "under-load": measureUnderLoad,
  "footprint": measureFootprint,
  "growth": measureGrowth,
  "overwriting": measureOverwriting,
  "shrinking": measureShrinking,
  "restart": measureRestart,
  "expiry": measureExpiry,
  "larger": measureLarger,
  "start-up": measureStartUp,
  "ready": measureReady,
  "idle": measureIdle,
  "standstill": measureStandstill,
};

/** Makes a side ready to be measured. */
export function prepare(run: Run, side: Side, context: RunContext): Promise<Measurement> {
  // The table's types see to it that the driver is one for this kind of run.
  const driver = drivers[run.kind] as Driver;
  return driver(run, side, context);
}
